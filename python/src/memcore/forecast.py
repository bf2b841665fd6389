"""What is expected to come: forecasts from a site's own past, from the sun, or learned, and how good they were."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingImports=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from . import _columns, _memcore
from ._errors import InvalidError, UnsupportedError
from ._plan_site import Horizon

__all__ = ["Forecast", "Score", "clear_sky", "from_past", "learned", "score", "score_method"]

FEWEST_SAMPLES = 48
"""Fewer samples than these teach a model nothing."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is expected in each of some steps."""

    horizon: Horizon
    values: Any
    """One for each step."""
    made_of: str
    """What it was made of: ``weekday:4``."""
    quantiles: dict[float, Any] = field(default_factory=dict[float, Any])
    """What comes is below the values of a level with its probability."""


@dataclass(frozen=True)
class Score:
    """The errors of forecasts against what came."""

    mae: float
    """Mean of the absolute errors."""
    rmse: float
    """Root of the mean of the squared errors."""
    bias: float
    """Mean of ``forecast - came``: above zero where too much was expected."""
    pinball: float
    """Mean pinball loss of the quantile at ``level``."""
    level: float
    count: int
    """How many values were compared; NaN on either side is left out."""


def from_past(
    past: Horizon,
    came: Any,
    ahead: Horizon,
    *,
    method: str = "weekday:4",
    zone: str = "UTC",
    quantiles: Sequence[float] = (),
) -> Forecast:
    """Forecast the steps of ``ahead`` from what ``came`` in the steps of ``past``: the last value goes on
    (``persistence``), as the same time ``yesterday``, or as the mean or median of the same weekdays (``weekday:4``,
    ``weekday-median:4``) on the clocks of ``zone``. Quantiles are those of the same method's errors of the last weeks.
    """
    values, found, made_of = _memcore.forecast_from_past(
        past._native, _columns.values(came, "came"), ahead._native, method, zone, list(quantiles)
    )
    return Forecast(
        ahead, _columns.array_of(values), made_of, {level: _columns.array_of(column) for level, column in found}
    )


def clear_sky(
    horizon: Horizon,
    *,
    latitude: float,
    longitude: float,
    tilt: float,
    azimuth: float,
    peak_w: float,
    losses: float = 0.14,
) -> Any:
    """Return the mean output of an array of modules in each step under a clear sky, in W.

    ``latitude`` and ``longitude`` are degrees north and east, ``tilt`` degrees from lying flat, ``azimuth`` the
    direction that it faces in degrees from north over east: 180 is south.
    """
    return _columns.array_of(
        _memcore.clear_sky(horizon._native, (latitude, longitude), (tilt, azimuth), peak_w, losses)
    )


def score(forecast: Any, came: Any, *, level: float = 0.5) -> Score:
    """Return the errors of a forecast against what came, as the quantile at a level."""
    return Score(*_memcore.forecast_score(_columns.values(forecast, "forecast"), _columns.values(came, "came"), level))


def score_method(
    horizon: Horizon, came: Any, *, method: str = "weekday:4", zone: str = "UTC", ahead: int = 96, every: int = 1
) -> Score:
    """Return the errors of a method over a history: at every ``every``-th step it forecasts ``ahead`` steps, from what
    came before."""
    return Score(*_memcore.method_score(horizon._native, _columns.values(came, "came"), method, zone, ahead, every))


def learned(
    past: Horizon,
    came: Any,
    ahead: Horizon,
    *,
    zone: str = "UTC",
    features: Any = None,
    features_ahead: Any = None,
    quantiles: Sequence[float] = (),
) -> Forecast:
    """Forecast with gradient-boosted trees of scikit-learn (``pip install memcore[forecast]``): from the time of day,
    the day of the week and of the year, what came a day and a week before, and ``features``, which are columns of other
    things known in the past and, as ``features_ahead``, ahead: a temperature, a clear sky.
    """
    try:
        import numpy
        from sklearn.ensemble import (  # type: ignore[import-not-found, import-untyped, unused-ignore]
            HistGradientBoostingRegressor,
        )
        from threadpoolctl import threadpool_limits  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as e:
        raise UnsupportedError(
            f"a learned forecast needs scikit-learn, and {e.name} is not installed: pip install 'memcore[forecast]'"
        ) from e
    values = numpy.asarray(came, dtype="float64")
    if len(values) != len(past):
        raise InvalidError(f"came has {len(values)} values for {len(past)} steps of the past, expected as many")
    table = numpy.column_stack([_calendar(numpy, past, ahead, zone), _lags(numpy, past, values, ahead)])
    table = _with_features(numpy, table, len(past), features, features_ahead)
    known = numpy.isfinite(values)
    if int(known.sum()) < FEWEST_SAMPLES:
        raise InvalidError(f"came has {int(known.sum())} numbers, expected {FEWEST_SAMPLES} at least to learn from")

    def fitted(**loss: Any) -> Any:
        model: Any = HistGradientBoostingRegressor(random_state=0, **loss)
        model.fit(table[: len(past)][known], values[known])
        return _within(numpy, model.predict(table[len(past) :]), values)

    levels = sorted(quantiles)
    # On one thread: the data are small, and threads that wait for each other spin.
    with threadpool_limits(1):
        expected = fitted()
        learned = [fitted(loss="quantile", quantile=level) for level in levels]
    # Learned one by one, they may cross: sorted in each step, they are closer to the truth (Chernozhukov et al. 2010).
    ordered = numpy.sort(numpy.array(learned), axis=0)
    return Forecast(ahead, expected, "gradient boosting", dict(zip(levels, ordered, strict=True)))


def _calendar(numpy: Any, past: Horizon, ahead: Horizon, zone: str) -> Any:
    """The time of day, the day of the week and the season of every step, as clocks of the zone show them."""
    from datetime import timezone
    from zoneinfo import ZoneInfo

    starts = numpy.concatenate([past.times, ahead.times]).astype("datetime64[us]")
    local = [time.replace(tzinfo=timezone.utc).astimezone(ZoneInfo(zone)) for time in starts.tolist()]
    hour = numpy.array([time.hour + time.minute / 60 for time in local])
    day = numpy.array([time.weekday() for time in local])
    season = numpy.array([time.timetuple().tm_yday for time in local]) / 365.25 * 2 * numpy.pi
    return numpy.column_stack([hour, day, day >= 5, numpy.sin(season), numpy.cos(season)])


def _lags(numpy: Any, past: Horizon, values: Any, ahead: Horizon) -> Any:
    """What came a day and a week before every step; NaN where that is not known."""
    starts = numpy.concatenate([past.times, ahead.times])
    columns: list[Any] = []
    for days in (1, 7):
        before = starts - numpy.timedelta64(days, "D")
        at = numpy.searchsorted(past.times, before).clip(0, len(past) - 1)
        columns.append(numpy.where(past.times[at] == before, values[at], numpy.nan))
    return numpy.column_stack(columns)


def _with_features(numpy: Any, table: Any, past: int, features: Any, features_ahead: Any) -> Any:
    if (features is None) != (features_ahead is None):
        raise InvalidError("features and features_ahead: one is missing, expected both or none")
    if features is None:
        return table
    both = [numpy.asarray(part, dtype="float64").reshape(len(part), -1) for part in (features, features_ahead)]
    if len(both[0]) != past or len(both[1]) != len(table) - past or both[0].shape[1] != both[1].shape[1]:
        raise InvalidError(
            f"features have the shapes {both[0].shape} and {both[1].shape}, "
            f"expected {past} and {len(table) - past} rows with as many columns"
        )
    return numpy.column_stack([table, numpy.concatenate(both)])


def _within(numpy: Any, expected: Any, came: Any) -> Any:
    """Nothing comes below zero that never did."""
    return numpy.maximum(expected, 0.0) if numpy.nanmin(came) >= 0 else expected
