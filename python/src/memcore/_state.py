"""What a site is in at an instant: what one plan hands to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from ._described import Described, Profile, Starts, plain
from ._time import MICROSECOND, Instant, Length


@dataclass(frozen=True, eq=False, repr=False)
class Running(Described):
    """Whether a genset or heat pump runs, for how long it has run or stood, and at what power."""

    on: bool
    _: KW_ONLY
    since: Length
    power_w: float = 0.0


@dataclass(frozen=True, eq=False, repr=False)
class Done(Described):
    """What a deferrable load has done of its run."""

    run: Length
    """How long it has run."""
    _: KW_ONLY
    running: bool
    """Whether it runs now."""


@dataclass(frozen=True, eq=False, repr=False)
class State(Described):
    """The state of a site at an instant, measured, or as a plan leaves it. What it does not name stays as it is."""

    at: Instant | None = None
    """When."""
    _: KW_ONLY
    energy_wh: Mapping[str, float] = field(default_factory=dict[str, float])
    """Energy in batteries, tanks and vehicles."""
    temperature_c: Mapping[str, float] = field(default_factory=dict[str, float])
    """Temperatures of buildings."""
    running: Mapping[str, Running] = field(default_factory=dict[str, Running])
    """Gensets and heat pumps."""
    peak_w: Mapping[str, Sequence[float]] = field(default_factory=dict[str, Sequence[float]])
    """The peaks so far of each grid's demand charges, in their order."""
    done: Mapping[str, Done] = field(default_factory=dict[str, Done])
    """Deferrable loads."""
    previous: Mapping[str, Profile] = field(default_factory=dict[str, Profile])
    """The net powers of the previous plan from ``at`` on, one a step: for ``Stay``. NaN where it says nothing."""

    def _described(self, starts: Starts | None = None, within: str = "") -> dict[str, object]:
        peaks = [[grid, at, peak] for grid, peaks in self.peak_w.items() for at, peak in enumerate(peaks)]
        told: dict[str, object] = {
            "energy_wh": [list(pair) for pair in self.energy_wh.items()],
            "temperature_c": [list(pair) for pair in self.temperature_c.items()],
            "running": [{"part": part, "power_w": 0.0, **runs._described()} for part, runs in self.running.items()],
            "peak_w": peaks,
            "done": [[part, done._described()] for part, done in self.done.items()],
            "previous": [
                {"asset": part, "power_w": plain(power, f"{within}previous[{part!r}]", starts)}
                for part, power in self.previous.items()
            ],
        }
        return told if self.at is None else {"at": plain(self.at, f"{within}at"), **told}


def state_of(told: Mapping[str, Any]) -> State:
    """The state that the core tells as JSON."""
    peaks: dict[str, list[float]] = {}
    for grid, _, peak in told["peak_w"]:
        peaks.setdefault(grid, []).append(peak)
    return State(
        told["at"],
        energy_wh=dict(told["energy_wh"]),
        temperature_c=dict(told["temperature_c"]),
        running={
            one["part"]: Running(one["on"], since=_length(one["since"]), power_w=one["power_w"])
            for one in told["running"]
        },
        peak_w=peaks,
        done={part: Done(_length(one["run"]), running=one["running"]) for part, one in told["done"]},
        previous={
            one["asset"]: [float("nan") if power is None else power for power in one["power_w"]]
            for one in told["previous"]
        },
    )


def _length(told: Any) -> Any:
    return told * MICROSECOND if isinstance(told, int) else told
