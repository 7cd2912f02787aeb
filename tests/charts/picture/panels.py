"""Draws a Grafana dashboard's panels as SVG: stat and time series, which is what ours has."""

import html
import math

COLUMN, ROW, GAP = 50, 26, 6  # pixels of Grafana's grid units
HEADER = 44
INK, FAINT, LINE, PAPER = "#1f2328", "#656d76", "#d8dee4", "#ffffff"
COLOURS = ["#2f6fde", "#e0752d", "#2e9e5b", "#c2407e", "#8250df", "#b08800", "#1b9aaa", "#c93c37"]

# Grafana's units: (divisor steps, names).
SCALES = {
    "bytes": (1024, ["B", "KiB", "MiB", "GiB"]),
    "Bps": (1000, ["B/s", "kB/s", "MB/s", "GB/s"]),
}
SUFFIXES = {"cps": "/s", "reqps": "/s", "mps": "/s", "s": " s"}


def shown(value, unit):
    """A value in Grafana's unit."""
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit in SCALES:
        step, names = SCALES[unit]
        power = 0 if value < 1 else min(int(math.log(value, step)), len(names) - 1)
        return f"{value / step ** power:.3g} {names[power]}"
    if unit == "s" and 0 < value < 1:
        return f"{value * 1000:.3g} ms"
    return f"{value:.3g}{SUFFIXES.get(unit, '')}"


def text(x, y, words, size=11, colour=INK, anchor="start", weight="normal"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{html.escape(words)}</text>')


def box(panel):
    """Left, top, width and height of a panel in pixels."""
    at = panel["gridPos"]
    return (at["x"] * COLUMN + GAP / 2, HEADER + at["y"] * ROW + GAP / 2,
            at["w"] * COLUMN - GAP, at["h"] * ROW - GAP)


def frame(panel):
    x, y, width, height = box(panel)
    return [f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="3" '
            f'fill="{PAPER}" stroke="{LINE}"/>', text(x + 10, y + 18, panel["title"], 12, weight="600")]


def stat(panel, series):
    """`series`: [(legend, [(time, value), ...]), ...], as everywhere here."""
    defaults = panel["fieldConfig"]["defaults"]
    values = [points[-1][1] for _, points in series if points]
    value = values[0] if values else 0.0
    steps = defaults["thresholds"]["steps"]
    colour = [s["color"] for s in steps if s["value"] is None or value >= s["value"]][-1]
    paint = {"blue": COLOURS[0], "green": COLOURS[2], "orange": COLOURS[1], "red": COLOURS[7]}[colour]
    x, y, width, height = box(panel)
    return frame(panel) + [text(x + width / 2, y + height / 2 + 24, shown(value, defaults["unit"]), 32,
                                paint, "middle", "600")]


def stacked(series):
    """Each line on top of those before it."""
    below, result = {}, []
    for legend, points in series:
        raised = [(at, value + below.get(at, 0.0)) for at, value in points]
        below |= dict(raised)
        result.append((legend, raised))
    return result


def ceiling(value):
    """A round number that is not below it."""
    if value <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * 0.999)


def axes(area, top, unit):
    left, upper, width, height = area
    drawn = []
    for part in range(5):
        y = upper + height * (1 - part / 4)
        drawn.append(f'<path d="M{left:.0f} {y:.1f}h{width:.0f}" stroke="{LINE}" stroke-width="0.6"/>')
        drawn.append(text(left - 5, y + 4, shown(top * part / 4, unit), 10, FAINT, "end"))
    return drawn


def lines(area, series, span, top):
    left, upper, width, height = area
    drawn = []
    for number, (_, points) in enumerate(series):
        path = " ".join(f"{left + width * (at - span[0]) / (span[1] - span[0]):.1f},"
                        f"{upper + height * (1 - value / top):.1f}" for at, value in points)
        drawn.append(f'<polyline points="{path}" fill="none" stroke-width="1.4" '
                     f'stroke="{COLOURS[number % len(COLOURS)]}"/>')
    return drawn


def legends(x, y, width, series):
    drawn, at = [], x
    for number, (legend, _) in enumerate(series):
        wide = 18 + 4.9 * len(legend)
        if at + wide > x + width and at > x:
            break  # Grafana scrolls; a picture cannot
        colour = COLOURS[number % len(COLOURS)]
        drawn += [f'<rect x="{at:.0f}" y="{y - 6:.0f}" width="10" height="3" fill="{colour}"/>',
                  text(at + 14, y, legend, 9, FAINT)]
        at += wide + 6
    return drawn


def time_series(panel, series, span):
    defaults = panel["fieldConfig"]["defaults"]
    if defaults["custom"]["stacking"]["mode"] == "normal":
        series = stacked(series)
    x, y, width, height = box(panel)
    area = (x + 62, y + 30, width - 76, height - 62)
    values = [value for _, points in series for _, value in points]
    if not values:
        return frame(panel) + [text(x + width / 2, y + height / 2 + 8, "No data", 13, FAINT, "middle")]
    top = ceiling(max(values))
    return (frame(panel) + axes(area, top, defaults["unit"]) + lines(area, series, span, top) +
            legends(x + 12, y + height - 10, width - 24, series))


def draw(dashboard, data, span, footer):
    """`data`: panel id -> series; `span`: first and last second."""
    panels = dashboard["panels"]
    width = 24 * COLUMN
    height = HEADER + max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels) * ROW + 24
    drawn = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
             'font-family="Helvetica, Arial, sans-serif">',
             f'<rect width="{width}" height="{height}" fill="#f4f5f7"/>',
             text(10, 28, dashboard["title"], 18, weight="600")]
    for panel in panels:
        series = data[panel["id"]]
        drawn += stat(panel, series) if panel["type"] == "stat" else time_series(panel, series, span)
    drawn += [text(10, height - 9, footer, 11, FAINT), "</svg>\n"]
    return "\n".join(drawn)
