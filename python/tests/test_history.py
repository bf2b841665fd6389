"""A site's history with nothing but Python: what is written comes back, and what makes no sense is refused in words."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import memcore as mc

UTC = timezone.utc
BERLIN = ZoneInfo("Europe/Berlin")
PV = "home1.pv.power"
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)


def test_a_column_comes_back_in_base_unit_and_passive_sign(mem: mc.Memcore) -> None:
    mem.register(PV, unit="W", sign="generator", cadence="1m", range=(0, 10_000))
    times = [NOON + timedelta(minutes=minute) for minute in range(3)]
    assert mem.write(PV, times, [1.5, None, 2.5], unit="kW") == 2
    result = mem.query("home1.*.power")
    assert list(result) == [(PV, times[0], -1500.0), (PV, times[2], -2500.0)]
    assert (len(result), result.series, result.units, result.columns) == (2, [PV], {PV: "W"}, ["value"])


def test_single_readings_and_the_latest_of_each_series(mem: mc.Memcore) -> None:
    assert mem.write(PV, NOON, -12.5, unit="W") == 1
    assert mem.write("home1.meter.power", "2024-06-01T14:00:00+02:00", 80, unit="W") == 1
    assert mem.write("home1.meter.power", NOON - timedelta(days=1), 7, unit="W") == 1
    assert mem.latest("home1.*.power") == {PV: (NOON, -12.5), "home1.meter.power": (NOON, 80.0)}
    assert mem.latest("home2.>") == {}


def test_the_description_of_a_series_comes_back(mem: mc.Memcore) -> None:
    mem.register(
        "home1.boiler.relay",
        unit="on/off",
        cadence=timedelta(seconds=10),
        max_age="1m",
        range=(0, 1),
        rules=mc.Rules(fallback=0, hold="20m", min_on=timedelta(minutes=5)),
    )
    assert mem.series("home1.>") == [
        mc.Channel(
            name="home1.boiler.relay",
            unit="on/off",
            quantity="switch",
            kind="state",
            sign="passive",
            label="start",
            cadence=timedelta(seconds=10),
            max_age=timedelta(minutes=1),
            range=(0.0, 1.0),
            writable=True,
            rules=mc.Rules(fallback=0.0, hold=timedelta(minutes=20), min_on=timedelta(minutes=5)),
        )
    ]
    with pytest.raises(mc.ConflictError, match="quantity is registered as switch, not state"):
        mem.register("home1.boiler.relay", unit="code", quantity="state")


def test_a_site_on_disk_is_there_again(tmp_path: Path) -> None:
    with mc.open(tmp_path / "site") as mem:
        mem.write(PV, NOON, 1, unit="W")
        with pytest.raises(BlockingIOError):
            mc.open(tmp_path / "site")
        with mc.open(str(tmp_path / "site"), read_only=True) as reader:
            mem.write(PV, NOON + timedelta(seconds=1), 2)
            reader.refresh()
            assert len(reader.query(PV)) == 2
            with pytest.raises(mc.ReadOnlyError):
                reader.write(PV, NOON, 3)
        mem.close()
        mem.close()
        assert repr(mem) == "<memcore.Memcore closed>"
        with pytest.raises(mc.ClosedError, match="the site was closed"):
            mem.query(PV)
    with mc.open(tmp_path / "site") as mem:
        assert mem.latest() == {PV: (NOON + timedelta(seconds=1), 2.0)}
        assert mem.stats()["points"] == 2
    with pytest.raises(KeyError, match="holds no site"):
        mc.open(tmp_path / "nowhere", read_only=True)


@pytest.mark.parametrize(
    "time",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2024, 10, 27, 2, 30, fold=0, tzinfo=BERLIN),
        datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=BERLIN),
        datetime(2262, 4, 12, 0, 0, 0, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_every_instant_is_exact_to_the_microsecond(mem: mc.Memcore, time: datetime) -> None:
    mem.write(PV, time, 1, unit="W")
    ((_, back, _),) = mem.query(PV)
    assert back.astimezone(UTC) == time.astimezone(UTC)
    assert back.tzinfo is UTC
    assert len(mem.query(PV, time, time.astimezone(UTC) + timedelta(microseconds=1) if time.year < 9999 else None)) == 1


def test_instants_beyond_datetime_are_stored_and_named(mem: mc.Memcore) -> None:
    mem.write(PV, [2**62, -(2**62)], [1, 2], unit="W")
    assert mem.query(PV).points(0) == ([-(2**62), 2**62], [2.0, 1.0])
    with pytest.raises(mc.InvalidError, match=str(-(2**62))):
        list(mem.query(PV))
    with pytest.raises(mc.InvalidError, match=rf"times\[0\] is {2**63} microseconds, expected a number of 64 bits"):
        mem.write(PV, [2**63], [1])


def test_days_of_a_zone_have_23_24_and_25_hours(mem: mc.Memcore) -> None:
    start = datetime(2024, 1, 1, tzinfo=BERLIN).astimezone(UTC)
    hours = [start + timedelta(hours=hour) for hour in range(366 * 24)]
    mem.write(PV, hours, [1.0] * len(hours), unit="W")
    days = {
        time.astimezone(BERLIN): count for _, time, count in mem.query(PV, every="1d", agg="count", tz="Europe/Berlin")
    }
    assert all((day.hour, day.minute) == (0, 0) for day in days)
    short, long = datetime(2024, 3, 31, tzinfo=BERLIN), datetime(2024, 10, 27, tzinfo=BERLIN)
    assert {day: count for day, count in days.items() if count != 24} == {short: 23, long: 25}
    months = [count for *_, count in mem.query(PV, every="1mo", agg="count", tz="Europe/Berlin")]
    assert months[2:4] == [31 * 24 - 1, 30 * 24]
    assert [count for *_, count in mem.query(PV, every="1mo", agg="count")][:3] == [1, 31 * 24, 29 * 24]


def test_buckets_have_a_column_for_each_aggregate(mem: mc.Memcore) -> None:
    times = [NOON + timedelta(minutes=minute) for minute in range(60)]
    mem.write(PV, times, range(60), unit="W")
    result = mem.query(PV, every=timedelta(minutes=30), agg=["min", "mean", "max", "count"])
    assert result.columns == ["min", "mean", "max", "count"]
    assert list(result) == [
        (PV, NOON, 0.0, 14.5, 29.0, 30),
        (PV, NOON + timedelta(minutes=30), 30.0, 44.5, 59.0, 30),
    ]
    assert [row[2:] for row in mem.query(PV, agg=["sum", "first", "last"])] == [(1770.0, 0.0, 59.0)]
    assert [value for *_, value in mem.query(PV, limit=2)] == [0.0, 1.0]
    assert [value for *_, value in mem.query(PV, last=2)] == [58.0, 59.0]
    assert len(mem.query(PV, NOON, NOON + timedelta(minutes=10))) == 10


def test_nan_is_no_value_unless_it_is_to_be_kept(mem: mc.Memcore) -> None:
    nan = float("nan")
    assert mem.write(PV, [1, 2, 3], [1.0, nan, None], unit="W") == 1
    assert mem.write(PV, [4, 5, 6], [1.0, nan, None], nan="keep") == 2
    stored = [(time.microsecond, math.isnan(value)) for _, time, value in mem.query(PV)]
    assert stored == [(1, False), (4, False), (5, True)]
    with pytest.raises(mc.InvalidError, match="nan is 'drop', expected 'skip' or 'keep'"):
        mem.write(PV, [1], [1], nan="drop")  # type: ignore[arg-type]


def test_what_makes_no_sense_is_refused_in_words(mem: mc.Memcore) -> None:
    mem.register(PV, unit="W")
    naive = datetime(2024, 1, 1, 12)
    calls: dict[str, Callable[[], object]] = {
        r"times\[0\] is 2024-01-01T12:00:00 without a zone, expected an instant": lambda: mem.write(PV, naive, 1),
        r"times\[1\] is 2024-01-01T12:00:00 without a zone": lambda: mem.write(PV, [NOON, naive], [1, 2]),
        "start is '2024-01-01' without a zone": lambda: mem.query(PV, "2024-01-01"),
        r"start is 'soon', expected RFC 3339": lambda: mem.query(PV, "soon"),
        "start is 1.5 of type float": lambda: mem.query(PV, 1.5),  # type: ignore[arg-type]
        "3 times and 2 values": lambda: mem.write(PV, [1, 2, 3], [1, 2]),
        "one time and a column of values": lambda: mem.write(PV, NOON, [1, 2]),
        r"values\[1\] is 'x', expected a number": lambda: mem.write(PV, [1, 2], [1, "x"]),
        "unit V does not measure power": lambda: mem.write(PV, [1], [1], unit="V"),
        'unit is "kilowatts", expected one of mW W kW': lambda: mem.write(PV, [1], [1], unit="kilowatts"),
        "range is from 2024-06-01T12:00:00Z to 1970": lambda: mem.query(PV, NOON, 0),
        "every: duration is .fortnight., expected a whole number": lambda: mem.query(PV, every="fortnight"),
        'zone is "Berlin", expected a name such as Europe/Berlin': lambda: mem.query(PV, every="1d", tz="Berlin"),
        "tz is 'Europe/Berlin' without every": lambda: mem.query(PV, tz="Europe/Berlin"),
        'aggregate is "midian", expected one of mean': lambda: mem.query(PV, agg="midian"),
        'gaps is "none", expected one of absent': lambda: mem.query(PV, every="1h", gaps="none"),  # type: ignore[arg-type]
        "agg is 5, expected the name": lambda: mem.query(PV, agg=5),  # type: ignore[arg-type]
        "limit is -1, expected a whole number": lambda: mem.query(PV, limit=-1),
        "last is 1.5, expected a whole number": lambda: mem.query(PV, last=1.5),  # type: ignore[arg-type]
        "chart is 'wide', expected a whole number": lambda: mem.query(PV, chart="wide"),  # type: ignore[arg-type]
        r"values\[0\] is '1', expected a number": lambda: mem.write(PV, [1], ["1"]),
        "max_bytes is -1, expected a whole number": lambda: mc.open("nowhere", max_bytes=-1),
        "fewer than three parts": lambda: mem.query("home1.power"),
        "kind: unknown variant `pulse`, expected one of `gauge`": lambda: mem.register(
            PV,
            unit="W",
            kind="pulse",  # type: ignore[arg-type]
        ),
        "cadence is '1 fortnight', expected a timedelta": lambda: mem.register(PV, unit="W", cadence="1 fortnight"),
        r"range is \[5, 1\]": lambda: mem.register(PV, unit="W", range=(5, 1)),
    }
    for words, call in calls.items():
        with pytest.raises(mc.InvalidError, match=words):
            call()
    with pytest.raises(KeyError, match=r"home1\.pv\.voltage is not registered"):
        mem.query("home1.pv.voltage")
    with pytest.raises(KeyError, match=r"home1\.pv\.voltage is not registered: register it, or write it with a unit"):
        mem.write("home1.pv.voltage", [1], [1])
    assert len(mem.query(PV)) == 0
