"""Pictures of a result: a table with small plots for notebooks, drawn here, and figures of matplotlib."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._result import QueryResult

SERIES_SHOWN = 20
WIDTH, HEIGHT = 260, 36


def html(result: QueryResult) -> str:
    """One row a series: its name, rows, span, range, and a small plot of it."""
    units = result.units
    rows = [_row(result, at, units[series]) for at, series in enumerate(result.series[:SERIES_SHOWN])]
    more = len(result.series) - SERIES_SHOWN
    if more > 0:
        rows.append(f"<tr><td colspan='6'>and {more} series more</td></tr>")
    head = "".join(f"<th>{title}</th>" for title in ("series", "rows", "from", "to", "range", result.columns[0]))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(result: QueryResult, at: int, unit: str) -> str:
    times, values = result.points(at)
    span = result.span(at)
    ends = ["", ""] if span is None else [time.strftime("%Y-%m-%d %H:%M:%SZ") for time in span]
    numbers = [value for value in values if math.isfinite(value)]
    reach = f"{min(numbers):.6g} to {max(numbers):.6g} {escape(unit)}" if numbers else ""
    cells = [escape(result.series[at]), f"{len(times):,}", *ends, reach, sparkline(times, values)]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def sparkline(times: list[int], values: list[float]) -> str:
    """An SVG line: the lowest and highest value of each column of pixels, so that no peak is lost."""
    points = [(time, value) for time, value in zip(times, values, strict=True) if math.isfinite(value)]
    if not points:
        return ""
    low, high = min(value for _, value in points), max(value for _, value in points)
    first, last = points[0][0], points[-1][0]
    columns: dict[int, list[float]] = {}
    for time, value in points:
        x = (time - first) * (WIDTH - 1) // max(last - first, 1)
        columns.setdefault(x, []).append(value)
    places: list[str] = []
    for x, inside in columns.items():
        for value in dict.fromkeys((inside[0], min(inside), max(inside), inside[-1])):
            y = HEIGHT - 2 - (value - low) / ((high - low) or 1) * (HEIGHT - 4)
            places.append(f"{x},{y:.1f}")
    line = f"<polyline points='{' '.join(places)}' fill='none' stroke='currentColor' stroke-width='1'/>"
    return f"<svg width='{WIDTH}' height='{HEIGHT}' viewBox='0 0 {WIDTH} {HEIGHT}' role='img'>{line}</svg>"


def figure(result: QueryResult, column: str | None, options: dict[str, Any]) -> Any:
    """One axis a unit, a step for each bucket, a line for samples."""
    from matplotlib import pyplot

    units = result.units
    kinds = list(dict.fromkeys(units.values())) or [""]
    drawn, axes = pyplot.subplots(len(kinds), 1, sharex=True, squeeze=False, **options)
    style = "default" if result.columns == ["value"] else "steps-post"
    for series, (times, values) in result.to_numpy(column).items():
        axes[kinds.index(units[series])][0].plot(times, values, drawstyle=style, label=series)
    for axis, unit in zip(axes[:, 0], kinds, strict=True):
        axis.set_ylabel(unit)
        if axis.lines:
            axis.legend(fontsize="small")
    axes[-1][0].set_xlabel("UTC")
    drawn.autofmt_xdate()
    return drawn
