"""Pictures of a result: a table with small plots for notebooks, drawn here, and figures of matplotlib."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from ._errors import InvalidError
from ._time import moment

if TYPE_CHECKING:
    from ._result import QueryResult

SERIES_SHOWN = 20
WIDTH, HEIGHT = 260, 36


def html(result: QueryResult) -> str:
    """One row a series: its name, rows, span, range, and a small plot of it."""
    units = result.units
    lengths = result.lengths
    rows = [_row(result, at, units[name], lengths[name]) for at, name in enumerate(result.series[:SERIES_SHOWN])]
    more = len(result.series) - SERIES_SHOWN
    if more > 0:
        rows.append(f"<tr><td colspan='6'>and {more} series more</td></tr>")
    head = "".join(f"<th>{title}</th>" for title in ("series", "rows", "from", "to", "range", result.columns[0]))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(result: QueryResult, at: int, unit: str, rows: int) -> str:
    span, pixels = result.outline(at, WIDTH)
    ends = ["", ""] if span is None else [_short(time) for time in span]
    low, high = min((pixel[2] for pixel in pixels), default=0.0), max((pixel[3] for pixel in pixels), default=0.0)
    reach = f"{low:.6g} to {high:.6g} {escape(unit)}" if pixels else ""
    cells = [escape(result.series[at]), f"{rows:,}", *ends, reach, sparkline(pixels, low, high)]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _short(micros: int) -> str:
    try:
        return moment(micros).strftime("%Y-%m-%d %H:%M:%SZ")
    except InvalidError:
        return f"{micros} us"


def sparkline(pixels: list[tuple[int, float, float, float, float]], low: float, high: float) -> str:
    """An SVG line through the first, lowest, highest and last value of each pixel, so that no peak is lost."""
    places = [
        f"{x},{HEIGHT - 2 - (value - low) / ((high - low) or 1) * (HEIGHT - 4):.1f}"
        for x, *values in pixels
        for value in dict.fromkeys(values)
    ]
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
