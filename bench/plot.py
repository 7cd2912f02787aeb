"""Draws the figures of `bench/mesh sidecars` as bars, in an SVG that reads on light and on dark."""

import html

import report
from against_sidecars import TITLES

WIDTH, PANEL, GAP, LEFT, TOP, BAR = 880, 270, 30, 8, 46, 15
COLOURS = {"direct": "#8a8f98", "sidecars": "#d9822b", "peer": "#4c8bd6", "culvert": "#2a9d6f"}
STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 13px } .small { font-size: 11px; fill: #57606a }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .small { fill: #9da7b1 } }
"""


def _text(x, y, text, css="", anchor="start"):
    css = f' class="{css}"' if css else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{css}>{html.escape(text)}</text>'


def _bars(x, y, groups, names, largest):
    """The groups of a panel, one under the other; returns the parts and where they end."""
    out = []
    for label, values in groups:
        out.append(_text(x, y + 11, label, "small"))
        y += 17
        for name in (n for n in names if n in values):
            length = max(1.0, values[name] / largest * (PANEL - 52))
            out.append(f'<rect x="{x}" y="{y}" width="{length:.1f}" height="{BAR - 3}" rx="2" '
                       f'fill="{COLOURS[name]}"><title>{TITLES[name]}</title></rect>')
            out.append(_text(x + length + 4, y + 10, report.number(values[name]), "small"))
            y += BAR
        y += 8
    return out, y


def _legend(names):
    out, x = [], LEFT
    for name in names:
        out.append(f'<rect x="{x}" y="4" width="12" height="12" rx="2" fill="{COLOURS[name]}"/>')
        out.append(_text(x + 17, 14, TITLES[name]))
        x += 34 + 7 * len(TITLES[name])
    return out


def panels(medians):
    """[(title, what it is in, [(label, {variant: value})])] of what there is to show."""
    def rows(pattern, label):
        found = {}
        for (measure, variant), (value, _) in medians.items():
            if (shown := label(measure)) and pattern in measure:
                found.setdefault(shown, {})[variant] = value
        return list(found.items())

    def connections(measure):
        return f"{measure.rsplit('c=', 1)[-1]} connections" if "c=" in measure else None

    def node(measure):
        return measure.removeprefix("memory of a node, ")

    def latency(measure):
        wanted = measure.startswith(("p50 ", "p90 ", "p99 ")) and measure.endswith("c=16")
        return measure.split(" ")[0] if wanted else None

    rates = [m.split(" at ")[1].rsplit(", c=")[0] for m, _ in medians if latency(m)]
    return [("Latency", f"µs at {rates[0]}, 16 connections" if rates else "", rows(" at ", latency)),
            ("CPU of all proxies", "ms per 1,000 requests", rows("CPU per", connections)),
            ("Memory of a node's proxies", "MB", rows("memory of a node", node))]


def draw(names, samples):
    """The SVG as text."""
    body, height = _legend(names), 0
    for number, (title, unit, groups) in enumerate(panels(report.medians(samples))):
        x = LEFT + number * (PANEL + GAP)
        largest = max((v for _, values in groups for v in values.values()), default=1)
        parts, y = _bars(x, TOP + 24, groups, names, largest)
        body += [_text(x, TOP, title, "title"), _text(x, TOP + 15, unit, "small"), *parts]
        height = max(height, y)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        "<title>No mesh, sidecars and node proxies: latency, CPU and memory</title>",
        f"<style>{STYLE}</style>", *body, "</svg>", ""])
