"""The measures of bench/dns: each takes a variant and yields samples."""

import contextlib
import re
import subprocess

import measures
from dns_variant import PORT
from harness.process import Process
from measures import percentile, sample

SOCKETS = 16  # of dnsperf: both workers of a daemon get some


def command(variant, kind, seconds, *words):
    return ["dnsperf", "-s", "127.0.0.1", "-p", PORT, "-d", variant.queries[kind], "-c", SOCKETS,
            "-T", 1, "-l", seconds, "-t", 5, *words]


def dnsperf(variant, kind, seconds, *words):
    """What dnsperf counted, and the responder's CPU meanwhile. A lost answer is an error."""
    before = variant.responder.cpu_seconds()
    run = subprocess.run(variant.asker.command(*command(variant, kind, seconds, *words)),
                         capture_output=True, text=True, check=False, timeout=seconds + 60)
    cpu = variant.responder.cpu_seconds() - before
    if run.returncode != 0:
        raise RuntimeError(f"{variant.name}: dnsperf: {run.stderr[-800:]}")

    def number(label):
        return float(re.search(rf"{label}:\s+([\d.]+)", run.stdout).group(1))
    codes = re.search(r"Response codes:\s+(.*)", run.stdout).group(1)
    good = sum(int(n) for n in re.findall(r"NOERROR (\d+)", codes))
    sent = int(number("Queries sent"))
    if good == 0:
        raise RuntimeError(f"{variant.name}: nothing was answered: {codes}")
    return {"sent": sent, "answered": good, "errors": sent - good, "cpu": cpu, "text": run.stdout,
            "rate": number("Queries per second")}


def of_kind(kind, words):
    def measure(variant, options):
        if kind == "short" and not variant.mesh:
            return  # it knows no namespaces
        got = dnsperf(variant, kind, options.seconds)
        yield sample(variant, f"queries a second, {words}", got["rate"], "1/s", errors=got["errors"])
        yield sample(variant, f"CPU per 1,000 queries, {words}", got["cpu"] / got["answered"] * 1e6,
                     "ms")
        calm = dnsperf(variant, kind, options.seconds, "-Q", options.rate, "-v")
        micros = sorted(float(x) * 1e6 for x in
                        re.findall(r"^> NOERROR \S+ \S+ ([\d.]+)$", calm["text"], re.M))
        if len(micros) != calm["answered"]:
            raise RuntimeError(f"{variant.name}: {len(micros)} of {calm['answered']} latencies read")
        for rank in (50, 99):
            yield sample(variant, f"answer p{rank} at {options.rate:,}/s, {words}",
                         percentile(micros, rank), "us", errors=calm["errors"])
        yield sample(variant, f"CPU per 1,000 queries at {options.rate:,}/s, {words}",
                     calm["cpu"] / calm["answered"] * 1e6, "ms")
    return measure


@contextlib.contextmanager
def flooded(variant, seconds):
    """One pod of the node asks as fast as it can."""
    flood = Process("flood", command(variant, "local", seconds + 2), variant.log + "-flood.log",
                    netns=variant.asker)
    try:
        yield
    finally:
        flood.stop()


class Bystander:
    """The other pod of the node, as measures.fortio_latencies() wants a variant."""

    def __init__(self, variant):
        self.name, self.client, self.target = variant.name, variant.bystander.ns, variant.server.v4
        self.daemons = [n.daemon for n in variant.mesh.nodes]

    def cpu(self):
        return sum(d.cpu_seconds() for d in self.daemons)


def neighbours(variant, options):
    if not variant.mesh:
        return
    bystander = Bystander(variant)
    for words, around in (("quiet", contextlib.nullcontext()),
                          ("beside a flood of queries", flooded(variant, options.seconds))):
        with around:
            got = measures.fortio_latencies(bystander, options.seconds, 1000, 16)
        for rank in ("50", "99"):
            yield sample(variant, f"relay p{rank} at 1,000/s, {words}", got["percentiles"][rank], "us",
                         errors=got["errors"], rate=got["rate"])


GROUPS = {
    "local": of_kind("local", "names of the mesh"),
    "short": of_kind("short", "short names"),
    "forwarded": of_kind("forwarded", "forwarded and not cached"),
    "flood": neighbours,
}
