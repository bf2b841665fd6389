"""A plan drawn with matplotlib, from the same panels as every other chart of it."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import Any

from ._errors import UnsupportedError

HEIGHTS = {"power": 2.0}


def figure(chart: dict[str, Any], options: dict[str, Any]) -> Any:
    """One axis a panel: stacks of power, lines of energy and temperature, steps of prices."""
    try:
        import numpy
        from matplotlib import pyplot
        from matplotlib.dates import ConciseDateFormatter
    except ImportError as e:
        raise UnsupportedError(
            f"a plot needs matplotlib, and {e.name} is not installed: pip install matplotlib; or see plan.to_html()"
        ) from e
    panels = chart["panels"]
    heights = [HEIGHTS.get(panel["name"], 1.0) for panel in panels]
    ratios = {"height_ratios": heights}
    size: dict[str, Any] = {"figsize": (10, 1.6 * sum(heights) + 0.6), "layout": "constrained", **options}
    drawn = pyplot.figure(**size)
    axes = drawn.subplots(len(panels), 1, sharex=True, squeeze=False, gridspec_kw=ratios)
    borders = numpy.array([text.removesuffix("Z") for text in chart["borders"]], dtype="datetime64[us]")
    for axis, panel in zip(axes[:, 0], panels, strict=True):
        _panel(axis, panel, borders, numpy)
    axes[0][0].set_title(chart["title"])
    last: Any = axes[-1][0].xaxis
    formatter: Any = ConciseDateFormatter
    last.set_major_formatter(formatter(last.get_major_locator()))
    axes[-1][0].set_xlabel("UTC")
    return drawn


def _panel(axis: Any, panel: dict[str, Any], borders: Any, numpy: Any) -> None:
    above, below = numpy.zeros(len(borders) - 1), numpy.zeros(len(borders) - 1)
    for series in panel["series"]:
        values = numpy.array(series["values"], dtype="float64")
        match series["style"]:
            case "stacked":
                base = above if values.sum() >= 0 else below
                top = base + values
                filled = [numpy.append(edge, edge[-1]) for edge in (base, top)]
                axis.fill_between(borders, *filled, step="post", label=series["name"], alpha=0.8, linewidth=0)
                base[:] = top
            case "line":
                axis.plot(borders[1:], values, label=series["name"])
            case _:
                axis.step(borders, numpy.append(values, values[-1]), where="post", label=series["name"])
    axis.set_ylabel(panel["unit"])
    axis.axhline(0, color="gray", linewidth=0.5)
    axis.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
