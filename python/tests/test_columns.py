"""The functions of ``memcore.energy`` with columns as users have them; what is refused is named."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# pyarrow has no types, those of the others have holes.

from __future__ import annotations

import builtins
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import memcore as mc
from memcore import energy

TIMES = pd.date_range("2024-01-01", periods=4, freq="15min", tz="Europe/Berlin")
VALUES = [1000.0, 1000.0, None, 500.0]
NAN = [1000.0, 1000.0, float("nan"), 500.0]

FORMS: dict[str, tuple[Any, Any]] = {
    "lists": (list(TIMES), VALUES),
    "texts": ([str(time) for time in TIMES], NAN),
    "numpy": (TIMES.tz_convert("UTC").tz_localize(None).to_numpy(), np.array(NAN)),
    "numpy strided": (np.repeat(TIMES.tz_convert("UTC").tz_localize(None).to_numpy(), 2)[::2], np.repeat(NAN, 3)[::3]),
    "numpy masked": (TIMES.asi8 // 1000 if TIMES.unit == "ns" else TIMES.asi8, np.ma.masked_invalid(NAN)),
    "pandas": (TIMES, pd.Series(VALUES, dtype="Float64")),
    "pandas series": (pd.Series(NAN, index=TIMES), None),
    "polars": (pl.from_pandas(pd.Series(TIMES)), pl.Series(VALUES)),
    "arrow": (pa.array(TIMES), pa.array(VALUES)),
    "arrow chunks": (
        pa.chunked_array([pa.array(TIMES[:1]), pa.array(TIMES[1:])]),
        pa.chunked_array([VALUES[:3], VALUES[3:]]),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_column_in_any_form_is_the_same_column(form: str) -> None:
    found = energy.integrate(*FORMS[form], cadence="15m")
    assert (found.amount, found.covered, found.held) == (625.0, timedelta(minutes=45), timedelta(0))
    assert energy.integrate(*FORMS[form], cadence=timedelta(minutes=15), rule="trapezoid").gaps == ()
    assert energy.resample(*FORMS[form], every="30m", agg="count")["count"].tolist() == [2, 1]


def test_pandas_goes_in_and_comes_out() -> None:
    series = pd.Series([1.0, 1.001], index=TIMES[:2], name="p_kw")
    watts = energy.convert(series, "kW", "W")
    assert watts.tolist() == [1000.0, 1001.0]
    assert (watts.name, list(watts.index)) == ("p_kw", list(TIMES[:2]))
    assert energy.increases(pd.Series([5.0, 6.0], index=TIMES[:2])).amounts.iloc[1] == 1.0
    assert energy.at(series, grid=TIMES[:2], max_gap="1h").index.equals(TIMES[:2])
    clock = ["2024-10-27 01:45", "2024-10-27 02:45", "2024-10-27 02:15", "2024-10-27 03:00"]
    local = pd.Series(pd.to_datetime(clock), index=[6, 7, 8, 9])
    found = energy.localize(local, "Europe/Berlin")
    assert [str(time)[11:] for time in found.times] == [
        "01:45:00+02:00",
        "02:45:00+02:00",
        "02:15:00+01:00",
        "03:00:00+01:00",
    ]
    assert list(found.times.index) == [6, 7, 8, 9]
    assert found.repeated.tolist() == [1, 2]
    frame = energy.resample(series, every="1d", agg=["mean", "max"], tz="Europe/Berlin").to_pandas()
    assert str(frame.index[0]) == "2024-01-01 00:00:00+01:00"
    assert list(frame.columns) == ["mean", "max"]
    parts = pd.DataFrame({"roof": [-3.0, -1.0], "garage": [-1.0, np.nan]}, index=TIMES[:2])
    balance = energy.balance(grid=pd.Series([-4.0, 0.0], index=TIMES[:2]), production=parts).to_pandas()
    assert balance["production"].iloc[0] == 4.0
    assert balance["coverage"].tolist() == [1.0, 0.0]
    assert balance.index.equals(TIMES[:2])


def test_one_number_is_one_number_and_results_may_be_changed() -> None:
    assert energy.convert(2.5, "kW", "W") == 2500.0
    column = energy.convert(np.array([1.0]), "kW", "W")
    column[0] = 7
    assert column.tolist() == [7.0]


def test_memory_is_read_in_place_and_left_as_it_was() -> None:
    times, values = np.arange(1000, dtype="int64") * 1_000_000, np.ones(1000)
    values.flags.writeable = False
    assert energy.integrate(times, values, cadence="1s").amount == pytest.approx(1000 / 3600)
    table = pa.table({"time": pa.array(times, pa.timestamp("us", "UTC")), "value": pa.array(values)})
    assert energy.integrate(table["time"], table["value"], cadence="1s").amount == pytest.approx(1000 / 3600)


def test_without_numpy_columns_are_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name == "numpy":
            raise ModuleNotFoundError("No module named 'numpy'", name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    assert energy.convert([1.5, None], "kW", "W")[0] == 1500.0
    assert energy.increases([1, 2, 1]).events == ((2, "reset"),)
    assert energy.buckets(0, 1_800_000_000, "15m") == [0, 900_000_000, 1_800_000_000]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: energy.integrate([1], [1]), "neither max_gap nor cadence is given, expected max_gap such as 15m"),
        (lambda: energy.integrate([1, 2], [1], cadence="1s"), "2 times for 1 values"),
        (lambda: energy.integrate([2, 1], [1, 1], cadence="1s"), "expected rising times"),
        (lambda: energy.integrate(np.array([1.0])), "values are missing beside a ndarray"),
        (lambda: energy.integrate([1], [1], cadence="1s", rule="simpson"), "rule is .simpson., expected one of step"),  # type: ignore[arg-type]
        (lambda: energy.integrate([1], [1], cadence="fortnight"), "cadence is 'fortnight', expected a timedelta"),
        (
            lambda: energy.integrate([datetime(2024, 1, 1)], [1], cadence="1s"),
            r"times\[0\] is 2024-01-01T00:00:00 without",
        ),
        (lambda: energy.increase(["x"]), r"readings\[0\] is 'x', expected a number"),
        (lambda: energy.increase([1], width=-1), "width of the register is -1, expected more than zero"),
        (lambda: energy.convert([1], "kW", "kWh"), "unit is kW, expected one of the quantity that kWh"),
        (lambda: energy.convert([1], "kilowatt", "W"), "from_unit: unit is .kilowatt., expected one of"),
        (
            lambda: energy.localize([datetime.now(timezone.utc)], "Europe/Berlin"),
            r"local\[0\] is .*expected a local time",
        ),
        (
            lambda: energy.localize(["2024-03-31T02:30"], "Europe/Berlin", skipped="refuse"),
            "row 0: local time .* was skipped",
        ),
        (lambda: energy.localize(TIMES, "Europe/Berlin"), "with a zone, expected local times without one"),
        (lambda: energy.buckets(0, 1, "1d", tz="Mars/Base"), "zone is .Mars/Base., expected a name such as"),
        (lambda: energy.resample([1], [1], tz="Europe/Berlin"), "tz is 'Europe/Berlin' without every"),
        (lambda: energy.resample([1], [1], every="1h", agg="average"), "average"),
        (lambda: energy.balance(), "balance of no part"),
        (lambda: energy.balance(grid=[1, 2], load=[1]), "load has 1 intervals, expected 2"),
    ],
)
def test_what_is_refused_is_named(call: Callable[[], object], words: str) -> None:
    with pytest.raises(mc.InvalidError, match=words):
        call()


def test_qualities_are_written_asked_for_and_resampled(mem: mc.Memcore) -> None:
    series = "home1.meter.power"
    mem.register(series, unit="W", cadence="15m")
    mem.write(series, TIMES, [1, 2, 3, 4], quality=["measured", mc.Quality.ESTIMATED, None, "substituted"])
    raw = mem.query(series, quality=True)
    assert raw.columns == ["value", "quality"]
    assert raw.points(0, "quality")[1] == [0, 2, 0, 3]
    mem.write(series, TIMES[:1], [1], quality="held")
    with mem.bulk() as bulk:
        bulk.write(series, TIMES[1:2], [2], quality=mc.Quality.MEASURED)
    assert mem.query(series, quality=True).points(0, "quality")[1] == [1, 0, 0, 3]
    shares = mem.query(series, every="1h", agg=["measured", "substituted", "quality"])
    assert next(iter(shares))[2:] == (0.5, 0.25, 3.0)
    found = energy.resample(
        TIMES, [1, 2, 3, 4], every="1h", agg="estimated", cadence="15m", quality=np.array([2, 2, 0, 0])
    )
    assert found["estimated"].tolist() == [0.5]
    for quality, words in (
        ("guessed", "quality is .guessed., expected one of measured"),
        ([9], r"quality\[0\] is 9, expected 0 to 4"),
        (["so"], r"quality\[0\] is 'so', expected one of measured"),
    ):
        with pytest.raises(mc.InvalidError, match=words):
            mem.write(series, TIMES[:1], [1], quality=quality)
    with pytest.raises(mc.InvalidError, match="expected"):
        mem.write(series, TIMES[:2], [1, 2], quality=[0])


def test_invalid_numbers_and_rollovers_are_declared(mem: mc.Memcore) -> None:
    mem.register("home1.meter.power", unit="W", invalid=[65535, -1])
    assert mem.write("home1.meter.power", [1, 2, 3], [65535, 5, -1]) == 1
    mem.register("home1.meter.energy", unit="Wh", kind="counter", register="uint16")
    assert mem.write("home1.meter.energy", [1, 2, 3], [65530, 65535, 4]) == 2
    assert mem.query("home1.meter.energy", agg="increase").points(0)[1] == [10.0]
    described = {channel.name: channel for channel in mem.series("home1.meter.*")}
    assert described["home1.meter.power"].invalid == (65535.0, -1.0)
    assert described["home1.meter.energy"].register == "uint16"
    mem.register("home1.tariff.price", unit="EUR/MWh")
    mem.write("home1.tariff.price", [1], [85.5])
    assert mem.query("home1.tariff.price").units == {"home1.tariff.price": "EUR/kWh"}
    assert mem.latest("home1.tariff.price")["home1.tariff.price"][1] == pytest.approx(0.0855)
    with pytest.raises(mc.InvalidError, match="uint17"):
        mem.register("home1.meter.other", unit="W", register="uint17")


def test_files_are_understood_and_what_cannot_be_read_goes_aside(mem: mc.Memcore, tmp_path: Any) -> None:
    file = tmp_path / "export.csv"
    file.write_text(
        "Zeit;Leistung [kW];Spannung\n01.06.2024 00:00;1,5;230,1\n01.06.2024 00:15;kaputt;229\n13.06.2024 00:30;2;231\n"
    )
    columns = {"Leistung [kW]": {"series": "home1.pv.power", "sign": "generator", "cadence": timedelta(minutes=15)}}
    columns["Spannung"] = {"series": "home1.pv.voltage", "unit": "V"}
    options: dict[str, Any] = {"tz": "Europe/Berlin", "mapping": {"columns": columns}}
    dry = mem.import_file(file, dry_run=True, **options)
    assert dry["understood"]["text"] == {"delimiter": ";", "decimal": ",", "skip": 0, "header": True}
    assert dry["understood"]["time"]["form"] == "day-first"
    assert dry["understood"]["first"][0]["time"] == datetime(2024, 5, 31, 22, tzinfo=timezone.utc)
    report = mem.import_file(file, **options)
    assert report["refused"]["count"] == 1
    assert report["refused"]["first"][0]["line"] == 3
    assert "kaputt" in report["refused"]["first"][0]["reason"]
    assert report["refused"]["file"] == f"{file}.refused.csv"
    assert mem.query("home1.pv.power").points(0)[1][0] == -1500.0
    assert mem.import_file(file, refused=False, **options)["points"] == 0
    (tmp_path / "export.csv.refused.csv").unlink()
    mem.import_file(file, refused=tmp_path / "bad.csv", **options)
    assert {path.name for path in tmp_path.iterdir()} == {"export.csv", "bad.csv"}
    with pytest.raises(mc.InvalidError, match="line 3"):
        mem.import_file(file, strict=True, **options)
    for mapping, words in (
        ({"colums": {}}, "mapping: .*unknown field .colums."),
        ({"columns": {"Spannung": {"unit": "Volt-ish"}}}, r"columns.Spannung.unit: unit is .Volt-ish."),
    ):
        with pytest.raises(mc.InvalidError, match=words):
            mem.import_file(file, mapping=mapping)
    with pytest.raises(mc.InvalidError, match="delimiter is ';;', expected one character"):
        mem.import_file(file, delimiter=";;")
    toml = tmp_path / "house.toml"
    toml.write_text(
        'device = "home2.pv"\n[time]\nzone = "Europe/Berlin"\n'
        '[columns.Spannung]\nunit = "V"\n[columns."Leistung [kW]"]\nseries = "power"\n'
    )
    assert mem.import_file(file, mapping=toml, refused=False)["points"] > 0
    assert mem.latest("home2.pv.power")["home2.pv.power"][1] == 2000.0
