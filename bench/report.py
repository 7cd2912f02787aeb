"""The table: medians over the rounds, the ratio of the medians, culvert to peer, with the smallest
and largest ratio of a round, and what is to be reached."""

import re
import statistics

# measure pattern -> (what the ratio culvert/peer must be, by comparison) or an absolute limit.
GOALS = [
    (r"CPU per GB", "<=", 0.75), (r"(up|down), \d stream", ">=", 1.3),
    (r"CPU per 1,000 requests", "<=", 0.65), (r"highest rate", ">=", 1.35),
    (r"CPU per 1,000 new connections", "<=", 0.6), (r"added p50", "<=", 0.7), (r"added p99 ", "<=", 0.8),
    (r"idle RSS", "<=", 1.0),
    (r"queries a second", ">=", 2.0), (r"CPU per 1,000 queries", "<=", 0.5), (r"answer p99", "<=", 1.0),
]
LIMITS = [(r"per idle connection", 1000), (r"per tunnel", 12 * 1024)]


def show_sample(s):
    print(f"  round {s['round']:2} {s['variant']:8} {s['measure']:48} {s['value']:12,.3f} {s['unit']}",
          flush=True)


def medians(samples):
    """{(measure, variant): (median, unit)} in the order in which the measures came."""
    values = {}
    for s in samples:
        values.setdefault((s["measure"], s["variant"]), ([], s["unit"]))[0].append(s["value"])
    return {key: (statistics.median(v), unit) for key, (v, unit) in values.items()}


def spread(samples, base="peer"):
    """{measure: "smallest to largest"} ratio culvert/base within one round, where there are several."""
    rounds = {}
    for s in samples:
        rounds.setdefault((s["measure"], s["round"]), {})[s["variant"]] = s["value"]
    ratios = {}
    for (measure, _), value in rounds.items():
        if value.get(base) and "culvert" in value:
            ratios.setdefault(measure, []).append(value["culvert"] / value[base])
    return {m: f"{min(r):.2f} to {max(r):.2f}" for m, r in ratios.items() if len(r) > 1}


def with_added_latency(table):
    """Latency percentiles less those of the direct way, as measures of their own."""
    out = {}
    for (measure, variant), (value, unit) in table.items():
        out[measure, variant] = (value, unit)
        direct = table.get((measure, "direct"))
        if re.match(r"p\d", measure) and variant != "direct" and direct:
            out[f"added {measure}", variant] = (value - direct[0], unit)
    return out


def verdict(measure, own, peer):
    """Whether the goal of a measure is reached. A peer that adds nothing, within the noise, says
    nothing about us."""
    for pattern, limit in LIMITS:
        if re.match(pattern, measure) and own is not None:
            return f"{'ok' if own <= limit else 'MISS'} (<= {limit:,} B)"
    for pattern, sign, goal in GOALS:
        if re.match(pattern, measure) and own is not None and peer is not None:
            if peer <= 0:
                return f"undecided ({sign} {goal:g}x)"
            ratio = own / peer
            good = ratio <= goal if sign == "<=" else ratio >= goal
            return f"{'ok' if good else 'MISS'} ({sign} {goal:g}x)"
    return ""


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def render(about, names, samples):
    table = with_added_latency(medians(samples))
    lines = [f"{key}: {value}" for key, value in about.items()] + [""]
    head = ["measure", "unit", *names, "culvert/peer", "rounds", "goal"]
    rows, seen, spreads = [], [], spread(samples)
    for measure, _ in table:
        if measure in seen:
            continue
        seen.append(measure)
        have = {n: table.get((measure, n), (None, ""))[0] for n in names}
        unit = next(table[measure, n][1] for n in names if (measure, n) in table)
        own, peer = have.get("culvert"), have.get("peer")
        ratio = own / peer if own is not None and peer and peer > 0 else None
        rows.append([measure, unit, *(number(have[n]) for n in names),
                     f"{ratio:.2f}" if ratio is not None else "-", spreads.get(measure, "-"),
                     verdict(measure, own, peer)])
    # Added latencies belong together, after the percentiles.
    rows.sort(key=lambda r: r[0].startswith("added"))
    lines.append("| " + " | ".join(head) + " |")
    lines.append("|" + "|".join("---" if i in (0, 1, len(head) - 1) else "---:"
                                for i in range(len(head))) + "|")
    lines += ["| " + " | ".join(r) + " |" for r in rows]
    errors = sum(s.get("errors") or 0 for s in samples)
    lines += ["", f"failed requests in all runs: {errors}"]
    return "\n".join(lines)
