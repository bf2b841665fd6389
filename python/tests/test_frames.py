"""numpy, pandas, polars and pyarrow, in and out: bit for bit, with gaps kept apart from NaN."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# pyarrow has no types, those of the others have holes.

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import memcore as mc

PV, METER = "home1.pv.power", "home1.meter.power"
MICROS = np.array([-1, 0, 1_700_000_000_123_456], dtype="int64")
VALUES = np.array([0.1, -0.0, 5e-324])


def stored(mem: mc.Memcore) -> tuple[list[int], list[float]]:
    return mem.query(PV).points(0)


def in_every_form() -> dict[str, tuple[Any, Any]]:
    utc = pd.DatetimeIndex(MICROS.astype("datetime64[us]"), tz="UTC")
    arrow_times = pa.array(MICROS, pa.timestamp("us", "UTC"))
    return {
        "lists": (MICROS.tolist(), VALUES.tolist()),
        "numpy us": (MICROS.astype("datetime64[us]"), VALUES),
        "numpy ns": (MICROS.astype("datetime64[us]").astype("datetime64[ns]"), VALUES),
        "numpy integers": (MICROS, VALUES),
        "numpy objects": (MICROS.astype("O"), VALUES.astype("O")),
        "numpy strided": (np.repeat(MICROS, 2)[::2], np.repeat(VALUES, 2)[::2]),
        "pandas index": (utc, pd.Series(VALUES)),
        "pandas series": (pd.Series(utc), pd.Series(VALUES, dtype="Float64")),
        "pandas of another zone": (utc.tz_convert("Asia/Kathmandu"), pd.Series(VALUES)),
        "pandas timestamps": (list(utc), list(VALUES)),
        "polars": (pl.Series(MICROS).cast(pl.Datetime("us", "UTC")), pl.Series(VALUES)),
        "polars ns": (pl.Series(MICROS * 1000).cast(pl.Datetime("ns", "Europe/Berlin")), pl.Series(VALUES)),
        "arrow": (arrow_times, pa.array(VALUES)),
        "arrow chunks": (
            pa.chunked_array([arrow_times[:1], arrow_times[1:]]),
            pa.chunked_array([VALUES[:2], VALUES[2:]]),
        ),
    }


@pytest.mark.parametrize("form", in_every_form())
def test_a_column_in_any_form_comes_back_bit_for_bit(mem: mc.Memcore, form: str) -> None:
    times, values = in_every_form()[form]
    assert mem.write(PV, times, values, unit="W") == 3
    back, numbers = stored(mem)
    assert back == MICROS.tolist()
    assert np.array(numbers).tobytes() == VALUES.tobytes()


@pytest.mark.parametrize(
    ("unit", "number"), [("s", -1), ("ms", 12_345), ("m", 7), ("h", 7), ("D", -400), ("ns", 1_999), ("ns", -1)]
)
def test_datetime64_of_every_unit(mem: mc.Memcore, unit: str, number: int) -> None:
    time = np.array([number], dtype=f"datetime64[{unit}]")
    mem.write(PV, time, [1], unit="W")
    expected = math.floor(number / 1000) if unit == "ns" else int(time.astype("datetime64[us]").astype("int64")[0])
    assert stored(mem)[0] == [expected]
    assert len(mem.query(PV, time[0], expected + 1)) == 1


def test_gaps_are_not_nan(mem: mc.Memcore) -> None:
    nan = float("nan")
    times = np.arange(3)
    assert mem.write(PV, times, pl.Series([1.0, None, nan]), unit="W", nan="keep") == 2
    assert stored(mem)[0] == [0, 2]
    assert math.isnan(stored(mem)[1][1])
    assert mem.write(METER, times, pa.array([1.0, None, nan]), unit="W") == 1
    assert mem.write("home1.a.power", times, pd.Series([1.0, None, nan]), unit="W") == 1
    assert mem.write("home1.b.power", times, pd.array([1, None, 3], dtype="Int64"), unit="W") == 2
    assert mem.write("home1.c.power", times, np.array([1.0, nan, nan]), unit="W") == 1
    assert mem.write("home1.d.power", times, pl.Series([None, None, None]), unit="W") == 0


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (pd.Series(pd.to_datetime(["2024-01-01"])), "without a zone, expected such as times.dt.tz_localize"),
        (pl.Series([MICROS[0]]).cast(pl.Datetime("us")), "times: without a zone"),
        (pa.array([0], pa.timestamp("ms")), "times: without a zone"),
        (pa.array([None], pa.timestamp("ms", "UTC")), r"times\[0\] is null"),
        (np.array(["NaT"], "datetime64[us]"), r"times\[0\] is NaT"),
        (pd.DatetimeIndex(["NaT"], tz="UTC"), r"times\[0\] is NaT"),
        ([pd.NaT], r"times\[0\] is NaT"),
        (np.array([300_000], "datetime64[Y]"), r"times\[0\] is \d+ microseconds, expected a number of 64 bits"),
        (np.array([1.5]), "times are float64, expected datetime64"),
        (np.array([[1]]), r"times have the shape \(1, 1\)"),
        (pa.array(["x"]), "times: of type Utf8"),
        (pa.array([2**62], pa.timestamp("s", "UTC")), r"times\[0\] is \d+"),
    ],
)
def test_times_that_are_none_are_refused(mem: mc.Memcore, times: Any, words: str) -> None:
    with pytest.raises(mc.InvalidError, match=words):
        mem.write(PV, times, [1.0], unit="W")


@pytest.mark.parametrize("kind", ["int8", "uint16", "int32", "uint64", "float32", "bool"])
def test_numbers_of_every_type_and_switches(mem: mc.Memcore, kind: str) -> None:
    numbers = np.array([0, 1, 1], dtype=kind)
    for form in (numbers, pd.Series(numbers), pl.Series(numbers), pa.array(numbers)):
        assert mem.write(PV, MICROS, form, unit="W") == 3
        assert stored(mem)[1] == [0.0, 1.0, 1.0]


def test_values_that_are_none_are_refused(mem: mc.Memcore) -> None:
    for values, words in (
        (np.array(["x"]), "values are <U1, expected numbers"),
        (pa.array(["x"]), "values: of type Utf8"),
        (pl.Series(["x"]), "values: of type Utf8View"),
        (7, "values is a int, expected"),
    ):
        with pytest.raises(mc.InvalidError, match=words):
            mem.write(PV, [1], values, unit="W")


@pytest.fixture
def two(mem: mc.Memcore) -> mc.QueryResult:
    mem.write(PV, MICROS, VALUES, unit="W")
    mem.write(METER, MICROS[:1], [230.0], unit="W")
    return mem.query("home1.*.power")


def test_a_result_in_every_form(two: mc.QueryResult) -> None:
    frame = two.to_pandas()
    assert list(frame.columns) == ["series", "time", "value"]
    assert str(frame["time"].dtype) == "datetime64[us, UTC]"
    table = two.to_arrow()
    assert table.column("time").type == pa.timestamp("us", "UTC")
    assert table.schema.metadata == {b"unit": b"W", b"quantity": b"power"}
    polars = two.to_polars()
    assert polars["time"].dtype == pl.Datetime("us", "UTC")
    for series, value in (
        (frame["series"].tolist(), frame["value"].tolist()),
        (table.column("series").to_pylist(), table.column("value").to_pylist()),
        (polars["series"].to_list(), polars["value"].to_list()),
    ):
        assert series == [METER, PV, PV, PV]
        assert value == [230.0, *VALUES.tolist()]
    assert pa.schema(two).names == ["series", "time", "value"]


def test_numpy_shares_the_memory_of_the_result(two: mc.QueryResult) -> None:
    times, values = two.to_numpy()[PV]
    again, _ = two.to_numpy()[PV]
    del two
    assert times.dtype == np.dtype("datetime64[us]")
    assert times.astype("int64").tolist() == MICROS.tolist()
    assert values.tobytes() == VALUES.tobytes()
    assert np.shares_memory(times, again)
    assert not values.flags.writeable


def test_the_wide_layout_keeps_gaps(two: mc.QueryResult) -> None:
    wide = two.wide()
    assert wide.to_arrow().column(METER).null_count == 2
    assert wide.to_polars()[METER].to_list() == [230.0, None, None]
    frame = wide.to_pandas()
    assert frame[METER].isna().tolist() == [False, True, True]
    assert frame[PV].tolist() == VALUES.tolist()
    assert isinstance(frame.index, pd.DatetimeIndex)


def test_frames_go_in_as_they_come_out(mem: mc.Memcore, two: mc.QueryResult) -> None:
    for frame in (two.wide().to_pandas(), two.wide().to_polars(), two.wide().to_arrow()):
        with mc.memory() as other:
            assert other.write_frame(frame, units="W") == 4
            assert list(other.query("home1.*.power")) == list(two)
    with pytest.raises(mc.InvalidError, match='expected one of times named "time"'):
        mem.write_frame(pl.DataFrame({PV: [1.0]}))
    frame = pl.DataFrame({"time": MICROS, "home1.x.power": VALUES, "home1.x.voltage": VALUES})
    assert mem.write_frame(frame, units={"home1.x.power": "kW", "home1.x.voltage": "V"}) == 6
    assert mem.latest("home1.x.*")["home1.x.power"][1] == 5e-324 * 1000


def test_an_empty_result_has_its_columns(mem: mc.Memcore) -> None:
    mem.register(PV, unit="W")
    for pattern in (PV, "home2.>"):
        result = mem.query(pattern, every="1h", agg=["mean", "count"])
        assert not result
        for frame in (result.to_pandas(), result.to_polars(), result.to_arrow().to_pandas()):
            assert list(frame.columns) == ["series", "time", "mean", "count"]
        assert result.wide().to_pandas().empty
        assert "<table>" in result._repr_html_()


def test_a_notebook_shows_a_table_with_small_plots(two: mc.QueryResult) -> None:
    html = two._repr_html_()
    assert html.count("<svg") == 2
    assert PV in html
    assert "-0 to 0.1 W" in html or "0 to 0.1 W" in html
    assert repr(two) == f"<memcore.QueryResult 4 rows of 2 series: {METER}, {PV}>"
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    figure = two.plot(figsize=(4, 2))
    assert [axis.get_ylabel() for axis in figure.axes] == ["W"]
    with pytest.raises(KeyError, match="column is 'mean', expected one of value"):
        two.plot("mean")
    matplotlib.pyplot.close("all")


def test_capsules_outlive_what_made_them(mem: mc.Memcore) -> None:
    mem.write(PV, np.arange(100_000), np.arange(100_000.0), unit="W")
    for _ in range(3):
        mem.query(PV).__arrow_c_stream__()  # Dropped unread.
    table = mem.query(PV).to_arrow()
    assert table.column("value").to_numpy().sum() == np.arange(100_000.0).sum()
    stream = mem.query(PV).wide()
    reader = pa.RecordBatchReader.from_stream(stream)
    del stream
    assert reader.read_all().num_rows == 100_000
