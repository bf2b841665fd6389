"""A plan as a chart for pages and notebooks: SVG that stands by itself, and a few lines of script that show values."""

from __future__ import annotations

import json
from datetime import datetime
from html import escape
from itertools import count
from typing import Any

WIDTH, LEFT, RIGHT, GAP = 860, 64, 8, 26
HEIGHTS = {"power": 190}
HEIGHT = 96
COLORS = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#edc948", "#b07aa1", "#9c755f", "#ff9da7", "#79706e")
_numbers = count(1)

SCRIPT = """<script>(() => {
const root = document.getElementById("%(id)s"), data = %(data)s;
const svg = root.querySelector("svg"), line = root.querySelector(".at"), told = root.querySelector(".told");
svg.addEventListener("pointermove", (event) => {
  const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) * %(width)d / box.width;
  let step = data.edges.findIndex((edge) => edge > x) - 1;
  if (step < 0) step = x < data.edges[0] ? 0 : data.edges.length - 2;
  line.setAttribute("d", `M${(data.edges[step] + data.edges[step + 1]) / 2} 0V${%(height)d}`);
  const known = data.series.filter(([, , values]) => values[step] !== null);
  const texts = known.map(([name, unit, values]) => `${name} ${values[step]} ${unit}`);
  told.textContent = [data.times[step], ...texts].join(", ");
});
})()</script>"""


def words(text: str) -> str:
    """Why there is no plan."""
    return f"<pre style='white-space:pre-wrap'>{escape(text)}</pre>"


def chart(told: dict[str, Any]) -> str:
    """Panels one below the other over the same time; under the pointer, the values of the step are listed."""
    name = f"memcore-plan-{next(_numbers)}"
    edges = _edges(told["borders"])
    panels: list[str] = []
    top = 18
    for panel in told["panels"]:
        height = HEIGHTS.get(panel["name"], HEIGHT)
        panels.append(_panel(panel, edges, top, height))
        top += height + GAP
    axis = "".join(
        f"<text x='{x:.1f}' y='{top - 8}' text-anchor='middle'>{text}</text>"
        for x, text in _dates(told["borders"], edges)
    )
    svg = (
        f"<svg viewBox='0 0 {WIDTH} {top}' width='100%' style='max-width:{WIDTH}px;font:11px sans-serif' role='img' "
        f"fill='currentColor'><title>{escape(told['title'])}</title>{''.join(panels)}{axis}"
        "<path class='at' d='' stroke='currentColor' stroke-dasharray='2 3' fill='none'/></svg>"
    )
    head = f"<div style='font:bold 13px sans-serif'>{escape(told['title'])}</div>"
    values = "<div class='told' style='font:12px sans-serif;min-height:2.6em'>&nbsp;</div>"
    data = json.dumps(_data(told, edges)).replace("</", "<\\/")
    script = SCRIPT % {"id": name, "data": data, "width": WIDTH, "height": top - GAP}
    return f"<div id='{name}'>{head}{svg}{values}</div>{script}"


def _edges(borders: list[str]) -> list[float]:
    """Where each border of a step lies."""
    times = [datetime.fromisoformat(border.replace("Z", "+00:00")).timestamp() for border in borders]
    scale = (WIDTH - LEFT - RIGHT) / (times[-1] - times[0])
    return [round(LEFT + (time - times[0]) * scale, 2) for time in times]


def _dates(borders: list[str], edges: list[float]) -> list[tuple[float, str]]:
    """At most eight borders with their times; a day's first has its date."""
    every = max(1, -(-(len(borders) - 1) // 8))
    shown = list(zip(edges[::every], borders[::every], strict=True))
    texts: list[tuple[float, str]] = []
    day = ""
    for x, border in shown:
        date, time = border[:10], border[11:16]
        texts.append((x, time if date == day else f"{date} {time}"))
        day = date
    return texts


def _data(told: dict[str, Any], edges: list[float]) -> dict[str, Any]:
    """What is shown under the pointer, rounded to what can be read."""
    series = [
        (one["name"], panel["unit"], [None if value is None else float(f"{value:.4g}") for value in one["values"]])
        for panel in told["panels"]
        for one in panel["series"]
    ]
    times = [border[:16].replace("T", " ") + "Z" for border in told["borders"]]
    return {"edges": edges, "times": times, "series": series}


def _panel(panel: dict[str, Any], edges: list[float], top: int, height: int) -> str:
    """The axis of a panel, its series and its legend."""
    shapes = _stacked(panel["series"]) + _lines(panel["series"])
    every = [value for _, _, low, high in shapes for value in (*low, *high)]
    least, most = min(0.0, *every), max(0.0, *every)
    span = (most - least) or 1.0

    def place(value: float) -> float:
        return round(top + (most - value) / span * height, 1)

    drawn = [_shape(style, COLORS[at % len(COLORS)], edges, low, high, place) for at, style, low, high in shapes]
    marks = "".join(
        f"<text x='{LEFT - 6}' y='{place(value) + 4}' text-anchor='end'>{value:.3g}</text>"
        f"<path d='M{LEFT} {place(value)}H{WIDTH - RIGHT}' stroke='currentColor' stroke-opacity='.25'/>"
        for value in sorted({least, 0.0, most})
    )
    return f"{''.join(drawn)}{marks}{_legend(panel, top)}"


def _legend(panel: dict[str, Any], top: int) -> str:
    x, texts = LEFT + 4.0, [f"<text x='4' y='{top - 6}' font-weight='bold'>{escape(panel['unit'])}</text>"]
    for at, series in enumerate(panel["series"]):
        texts.append(
            f"<rect x='{x:.0f}' y='{top - 14}' width='9' height='9' fill='{COLORS[at % len(COLORS)]}'/>"
            f"<text x='{x + 13:.0f}' y='{top - 6}'>{escape(series['name'])}</text>"
        )
        x += 26 + 6.2 * len(series["name"])
    return "".join(texts)


Shape = tuple[int, str, list[float], list[float]]
"""The place of a series, its style, and its lower and upper edge."""


def _numbers_of(series: dict[str, Any]) -> list[float]:
    return [0.0 if value is None else value for value in series["values"]]


def _stacked(series: list[dict[str, Any]]) -> list[Shape]:
    """Areas, those above zero upon each other and those below under each other."""
    shapes: list[Shape] = []
    edges: dict[bool, list[float]] = {}
    for at, one in enumerate(series):
        if one["style"] != "stacked":
            continue
        values = _numbers_of(one)
        up = sum(values) >= 0
        base = edges.get(up, [0.0] * len(values))
        edges[up] = [low + value for low, value in zip(base, values, strict=True)]
        shapes.append((at, "stacked", base, edges[up]))
    return shapes


def _lines(series: list[dict[str, Any]]) -> list[Shape]:
    return [(at, one["style"], [], _numbers_of(one)) for at, one in enumerate(series) if one["style"] != "stacked"]


def _shape(style: str, color: str, edges: list[float], low: list[float], high: list[float], place: Any) -> str:
    if style == "line":
        points = " ".join(f"{x},{place(value)}" for x, value in zip(edges[1:], high, strict=True))
        return f"<polyline points='{points}' fill='none' stroke='{color}' stroke-width='1.5'/>"
    outline = _steps(edges, high, place)
    if style == "steps":
        return f"<path d='M{outline}' fill='none' stroke='{color}' stroke-width='1.5'/>"
    back = _steps(edges[::-1], low[::-1], place)
    return f"<path d='M{outline}L{back}Z' fill='{color}' fill-opacity='.8'/>"


def _steps(edges: list[float], values: list[float], place: Any) -> str:
    """A line that holds over each step."""
    held = zip(edges, edges[1:], values, strict=False)
    return "L".join(f"{start} {place(value)}L{end} {place(value)}" for start, end, value in held)
