"""`bench/mesh sidecars`: no mesh, a sidecar in every pod, and node proxies, in one alternating run.

Every variant with proxies is proven to work before it is measured: the request is answered, a pod
without identity is not, and what crosses between the pods cannot be read; in the direct one it can.
"""

import measures
import report
from harness.capture import Capture
from node_memory import ask, node_of
from variant import Variant

MARK = "a-sentence-that-must-not-cross-in-the-clear"
# (pods on the node, services in the mesh): what a node grows by, and what a mesh grows by.
NODES = [(10, 100), (50, 100), (100, 100), (50, 500)]
SHORT_NODES = [(3, 20)]
SERVICES, SHORT_SERVICES = 100, 20
RATE, SHORT_RATE = 1000, 100
MEMORY_ROUNDS = 2  # memory moves little, and a hundred sidecars start slowly


def readable_on_the_wire(variant):
    """Whether a header of a request can be read where it enters the server's pod."""
    with Capture(variant.server, "eth0") as wire:
        status = ask(variant.client, variant.target, mark=MARK)
    if status != 200:
        raise RuntimeError(f"{variant.name}: the request was answered {status}")
    if not wire.packets:
        raise RuntimeError(f"{variant.name}: nothing was seen at the server's interface")
    return wire.contains(MARK.encode())


def a_stranger_is_served(variant):
    try:
        return ask(variant.plain, variant.address, timeout=3) == 200
    except OSError:
        return False


def prove(variant):
    """Raises unless the variant is what its name says."""
    readable = readable_on_the_wire(variant)
    if readable != (variant.name == "direct"):
        raise RuntimeError(f"{variant.name}: the request can{'' if readable else 'not'} be read between the pods")
    if variant.daemons and a_stranger_is_served(variant):
        raise RuntimeError(f"{variant.name}: a pod without identity is served")


def names_of(options):
    if options.variants:
        return options.variants.split(",")
    return ["direct", "sidecars"] + (["peer"] if options.peer else []) + ["culvert"]


def _steady(names, options, rotated):
    variants = []
    try:
        for name in names:
            variants.append(Variant(name, options, services=SHORT_SERVICES if options.quick else SERVICES))
            prove(variants[-1])
        for number in range(options.rounds):
            for variant in rotated(variants, number):
                for sample in measures.fixed_rate(variant, options, SHORT_RATE if options.quick else RATE):
                    yield {**sample, "round": number}
        for variant in variants:  # still so after everything
            prove(variant)
    finally:
        for variant in variants:
            variant.close()


def _nodes(names, options, rotated):
    for number in range(min(options.rounds, MEMORY_ROUNDS)):
        for pods, services in SHORT_NODES if options.quick else NODES:
            for name in rotated([n for n in names if n != "direct"], number):
                yield {**node_of(name, options, pods, services), "round": number}


def run(options, rotated):
    """The names of the variants, and the samples."""
    names, samples = names_of(options), []
    for part in (_steady, _nodes):
        for sample in part(names, options, rotated):
            samples.append(sample)
            report.show_sample(sample)
    if lost := sum(s.get("errors") or 0 for s in samples):
        raise RuntimeError(f"{lost} requests failed: the figures say nothing")
    return names, samples


TITLES = {"direct": "no mesh", "sidecars": "sidecars", "peer": "reference", "culvert": "Culvert"}


def _ratio(row, base):
    """An added latency that is lost in the noise has none."""
    own, other = row.get("culvert"), row.get(base)
    if not own or not other or min(own, other) <= 0:
        return "-"
    return f"{own / other:.2f}" if own > other / 10 else f"{own / other:.2g}"


def render(about, names, samples):
    """The table: medians over the rounds, Culvert's part of the others' figures, and of the sidecars'
    the smallest and largest part of a round."""
    medians, spread = report.with_added_latency(report.medians(samples)), report.spread(samples, "sidecars")
    rows = {}
    for (measure, variant), (value, unit) in medians.items():
        if "p99.9" not in measure:
            rows.setdefault((measure, unit), {})[variant] = value
    bases = [n for n in ("sidecars", "peer") if n in names and "culvert" in names]
    head = ["measure", "unit", *(TITLES[n] for n in names), *(f"Culvert / {TITLES[b]}" for b in bases), "rounds"]
    lines = [f"{key}: {value}" for key, value in about.items()] + ["", "| " + " | ".join(head) + " |"]
    lines.append("|---|---|" + "---:|" * (len(head) - 2))
    for (measure, unit), row in sorted(rows.items(), key=lambda r: r[0][0].startswith("added")):
        cells = [measure, unit, *(report.number(row.get(n)) for n in names), *(_ratio(row, b) for b in bases),
                 spread.get(measure, "-")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", "failed requests in all runs: 0"])
