"""Much at once: loads, tables, files. What is refused is named, and leaves nothing behind."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# pyarrow has no types, those of the others have holes.

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

import memcore as mc

UTC = timezone.utc
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)
TIMES = pd.date_range("2024-06-01", periods=4, freq="15min", tz="Europe/Berlin")


def test_a_load_is_durable_at_its_end_and_tells_how_far_it_is(tmp_path: Path) -> None:
    told: list[mc.Progress] = []
    with mc.open(tmp_path / "site") as mem:
        with mem.bulk(progress=told.append) as bulk:
            for channel, unit in (("power", "kW"), ("voltage", "V")):
                assert bulk.write(f"home1.meter.{channel}", np.arange(1000), np.ones(1000), unit=unit) == 1000
            assert len(mem.query("home1.meter.*")) == 0
            bulk.commit()
            assert len(mem.query("home1.meter.*")) == 2000
            with pytest.raises(mc.InvalidError, match="2 times and 1 values"):
                bulk.write("home1.meter.power", [1, 2], [1])
            frame = pd.DataFrame({"power": [1.0, 2.0]}, index=TIMES[:2])
            assert bulk.write_frame(frame, device="home1.meter") == 2
        assert [progress.points for progress in told] == [1000, 2000, 2002, 2002]
        assert bulk.close() == told[-1]
        with pytest.raises(mc.ClosedError):
            bulk.write("home1.meter.power", [1], [1])
    with mc.open(tmp_path / "site") as mem:
        assert len(mem.query("home1.meter.*")) == 2002


def test_what_was_written_before_an_exception_is_there(mem: mc.Memcore) -> None:
    with pytest.raises(RuntimeError, match="the caller's own"), mem.bulk() as bulk:  # noqa: PT012
        bulk.write("home1.meter.power", [1, 2], [1, 2], unit="W")
        raise RuntimeError("the caller's own")
    assert len(mem.query("home1.meter.power")) == 2


def wide() -> dict[str, Any]:
    power, voltage = [1.0, None, 3.0, -0.5], [230.0, 231.0, math.inf, 229.0]
    frame = pd.DataFrame({"time": TIMES, "power": power, "voltage": voltage})
    instants = [time.to_pydatetime() for time in TIMES]
    table = pa.table({"time": pa.array(instants, pa.timestamp("us", "UTC")), "power": power, "voltage": voltage})
    return {
        "pandas": frame,
        "pandas index": frame.set_index("time"),
        "pandas nanoseconds": frame.assign(time=TIMES.as_unit("ns")),
        "pandas nullable": frame.assign(power=pd.array(power, dtype="Float64")),
        "polars": pl.DataFrame({"time": instants, "power": power, "voltage": voltage}).with_columns(
            pl.col("time").dt.convert_time_zone("Europe/Berlin")
        ),
        "arrow": table,
        "arrow chunks": pa.concat_tables([table.slice(0, 1), table.slice(1)]),
        "arrow batch": table.to_batches()[0],
        "arrow reader": pa.RecordBatchReader.from_batches(table.schema, table.to_batches()),
        "mapping": {"time": instants, "power": power, "voltage": voltage},
    }


@pytest.mark.parametrize("form", wide())
def test_a_wide_table_in_any_form(mem: mc.Memcore, form: str) -> None:
    units = {"power": "kW", "voltage": "V"}
    assert mem.write_frame(wide()[form], device="home1.meter", units=units) == 7
    back = mem.query("home1.meter.*").wide().to_pandas()
    assert list(back.index) == list(TIMES)
    assert back["home1.meter.power"].tolist()[::3] == [1000.0, -500.0]
    assert math.isnan(back["home1.meter.power"].iloc[1])
    assert back["home1.meter.voltage"].tolist() == [230.0, 231.0, math.inf, 229.0]


def test_a_long_table_in_any_form(mem: mc.Memcore) -> None:
    columns: dict[str, Any] = {
        "series": ["home1.pv.power", "home1.meter.power", "home1.pv.power"],
        "time": [NOON, NOON, NOON + timedelta(minutes=1)],
        "value": [-1.5, 2.0, -1.25],
        "unit": ["kW", "kW", "kW"],
    }
    expected = [("home1.meter.power", NOON, 2000.0), ("home1.pv.power", NOON, -1500.0)]
    arrow = pa.table(columns).set_column(1, "time", pa.array(columns["time"], pa.timestamp("us", "UTC")))
    categories = pd.DataFrame(columns).assign(series=pd.Categorical(columns["series"]))
    for table in (columns, pd.DataFrame(columns), categories, pl.DataFrame(columns), arrow):
        with mc.memory() as other:
            assert other.write_frame(table) == 3
            assert list(other.query("home1.*.power", end=NOON + timedelta(seconds=1))) == expected
    assert mem.write_frame(pl.DataFrame(columns).with_columns(pl.col("series").cast(pl.Categorical))) == 3


def test_the_unit_of_an_arrow_field(mem: mc.Memcore) -> None:
    schema = pa.schema([("time", pa.timestamp("us", "UTC")), pa.field("power", pa.float64(), metadata={"unit": "kW"})])
    assert mem.write_frame(pa.table([[NOON], [2.0]], schema=schema), device="home1.meter") == 1
    assert mem.latest()["home1.meter.power"] == (NOON, 2000.0)


@pytest.mark.parametrize(
    ("table", "options", "words"),
    [
        (pd.DataFrame({"time": TIMES.tz_localize(None), "power": 1.0}), {}, "time are datetime64.* without a zone"),
        (pl.DataFrame({"time": [datetime(2024, 1, 1)], "power": [1.0]}), {}, "time: without a zone"),
        ({"time": [NOON, datetime(2024, 1, 1)], "power": [1, 2]}, {}, r"time\[1\] is 2024-01-01.* without a zone"),
        ({"time": [NOON, None], "power": [1, 2]}, {}, r"time\[1\] is None"),
        ({"time": [NOON], "power": [1, 2]}, {}, "no table: .*same length"),
        ({"time": [NOON, NOON], "power": [1, "x"]}, {}, r"power\[1\] is 'x', expected a number"),
        (
            pd.DataFrame({"time": TIMES, "power": ["1", "2", "x", "4"]}),
            {},
            r"power\[0\] is '1', expected a number|power are",
        ),
        (pa.table({"time": pa.array([2**62], pa.timestamp("s", "UTC")), "power": [1.0]}), {}, r"time\[0\] is \d+"),
        (
            {"time": [2**63], "power": [1]},
            {},
            r"time\[0\] is 9223372036854775808 microseconds, expected a number of 64",
        ),
        (
            {"time": [NOON], "power": np.array([2**53 + 1])},
            {},
            r"power\[0\] is 9007199254740993, expected what a float",
        ),
        ({"time": [NOON], "power": [1]}, {"units": "parsec"}, 'unit is "parsec"'),
        ({"time": [NOON], "power": [1]}, {"units": {"power": "parsec"}}, r'units\["power"\]: unit is "parsec"'),
        ({"time": [NOON], "power": [1]}, {"units": {"pwoer": "W"}}, 'units name "pwoer", expected one of power'),
        ({"time": [NOON], "power": [1]}, {"units": "V"}, "unit V does not measure power"),
        ({"time": [NOON], "power": [1]}, {"device": None}, '"power" without a device'),
        ({"time": [NOON], "other": [1]}, {}, "home1.meter.other is not registered"),
        ({"when": [NOON], "power": [1]}, {}, "expected one of times named 'time'"),
        (pd.DataFrame({"power": [1.0]}), {}, "expected one named 'time', or times as its index"),
        (pd.DataFrame([[NOON, 1, 2]], columns=["time", "power", "power"]), {}, "two columns 'power'"),
        (7, {}, "frame is a int, expected a table of pandas"),
        ({"time": [NOON], "power": [1]}, {"nan": "drop"}, "nan is 'drop'"),
    ],
)
def test_a_table_that_is_refused_writes_nothing(
    mem: mc.Memcore, table: Any, options: dict[str, Any], words: str
) -> None:
    mem.register("home1.meter.power", unit="W")
    arguments: dict[str, Any] = {"device": "home1.meter", **options}
    with pytest.raises(mc.MemcoreError, match=words):
        mem.write_frame(table, **arguments)
    assert [channel.name for channel in mem.series()] == ["home1.meter.power"]
    assert len(mem.query("home1.>")) == 0


def test_nan_none_and_infinity_in_tables(mem: mc.Memcore) -> None:
    nan = math.nan
    table = {"time": [1, 2, 3, 4], "power": [nan, None, -math.inf, -0.0]}
    assert mem.write_frame(table, device="home1.a", units="W") == 2
    assert mem.write_frame(table, device="home1.b", units="W", nan="keep") == 3
    assert mem.query("home1.a.power").points(0)[1] == [-math.inf, 0.0]
    assert mem.query("home1.b.power").points(0)[0] == [1, 3, 4]


def test_one_reading_is_one_row(mem: mc.Memcore) -> None:
    mem.register("home1.meter.power", unit="kW", sign="generator")
    mem.register("home1.meter.voltage", unit="V")
    mem.write_reading("home1.meter", NOON, {"power": 1.5, "voltage": 230})
    assert mem.latest() == {"home1.meter.power": (NOON, -1500.0), "home1.meter.voltage": (NOON, 230.0)}
    with pytest.raises(mc.NotFoundError, match=r"home1\.meter\.current is not registered"):
        mem.write_reading("home1.meter", NOON, {"power": 9, "current": 1})


def test_files_go_out_and_come_in_and_are_the_same(tmp_path: Path) -> None:
    with mc.memory() as mem, mc.memory() as other:
        mem.register("home1.pv.power", unit="kW", sign="generator", labels={"roof": "east"})
        mem.write("home1.pv.power", np.arange(1000) * 1_000_000, np.sin(np.arange(1000)))
        mem.write("home1.meter.power", [1, 2], [math.inf, -0.0], unit="W")
        for ending, wide in (("csv", False), ("csv", True), ("parquet", False), ("arrow", True)):
            file = tmp_path / f"out.{ending}"
            told: list[mc.Progress] = []
            report = mem.export(file, wide=wide, progress=told.append)
            assert report["points"] == 1002
            assert told[-1].part == 1.0
            other.delete("*/>", None, None)
            assert other.import_file(file)["points"] == 1002
            assert list(other.query("home1.>")) == list(mem.query("home1.>"))
            again = mem.import_file(file, progress=told.append)
            assert (again["points"], again["repeated"]) == (0, 1002)
        # What other programs read is what was asked for.
        mem.export(tmp_path / "days.parquet", "home1.pv.power", every="1h", agg=["mean", "count"])
        assert pyarrow.parquet.read_table(tmp_path / "days.parquet").column("count").to_pylist() == [1000]
        assert pl.read_ipc(tmp_path / "out.arrow").shape == (1002, 3)


def test_files_of_other_programs_come_in(mem: mc.Memcore, tmp_path: Path) -> None:
    frame = wide()["pandas"]
    frame.to_parquet(tmp_path / "pandas.parquet")
    pl.DataFrame({"series": ["home1.a.power"], "time": [NOON], "value": [1.0]}).write_ipc(tmp_path / "polars.arrow")
    pyarrow.feather.write_feather(wide()["arrow"], tmp_path / "arrow.feather")
    frame.to_csv(tmp_path / "pandas.csv", index=False)
    units = {"power": "kW", "voltage": "V"}
    for at, name in enumerate(("pandas.parquet", "arrow.feather", "pandas.csv")):
        if name.endswith("csv"):
            with pytest.raises(mc.InvalidError, match=r"line 4.*voltage is .inf., expected a finite number"):
                mem.import_file(tmp_path / name, device=f"home1.m{at}", units=units, strict=True)
            continue
        dry = mem.import_file(tmp_path / name, device=f"home1.m{at}", units=units, dry_run=True)
        assert [series["new"] for series in dry["series"]] == [True, True]
        report = mem.import_file(tmp_path / name, device=f"home1.m{at}", units=units)
        assert (report["rows"], report["points"]) == (4, 7)
    assert mem.import_file(tmp_path / "polars.arrow", units="kW")["points"] == 1
    assert mem.latest()["home1.a.power"] == (NOON, 1000.0)


def test_a_callable_that_raises_ends_an_export(mem: mc.Memcore, tmp_path: Path) -> None:
    mem.write("home1.pv.power", [1], [1], unit="W")

    def enough(progress: mc.Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mem.export(tmp_path / "out.csv", progress=enough)
    assert list(tmp_path.iterdir()) == []


def test_a_callable_that_raises_ends_upkeep_and_nothing_half_made_is_left(tmp_path: Path) -> None:
    def enough(progress: mc.Progress) -> None:
        raise KeyboardInterrupt

    with mc.open(tmp_path / "site") as mem:
        mem.write("home1.pv.power", np.arange(1000), np.arange(1000.0), unit="W")
        mem.delete("home1.pv.power", 0, 10)
        mem.backup(tmp_path / "back")
        with pytest.raises(KeyboardInterrupt):
            mem.compact(progress=enough)
        mem.compact()
        with pytest.raises(KeyboardInterrupt):
            mem.backup(tmp_path / "back", progress=enough)
    with pytest.raises(KeyboardInterrupt):
        mc.restore(tmp_path / "back", tmp_path / "other", progress=enough)
    assert not (tmp_path / "other" / "store").exists()
    told: list[mc.Progress] = []
    mc.restore(tmp_path / "back", tmp_path / "other", progress=told.append)
    assert told[-1].part == 1
    with mc.open(tmp_path / "other", read_only=True) as other:
        assert len(other.query("home1.pv.power")) == 990


def test_what_is_labelled_by_its_end_is_stored_under_its_start(mem: mc.Memcore) -> None:
    # A14: 400 W labelled 10:15 by its end are 100 Wh of the quarter from 10:00.
    mem.register("home1.meter.power", unit="W", cadence="15m", label="end")
    mem.write("home1.meter.power", "2024-01-01T10:15:00Z", 400)
    mem.write_frame(
        pl.DataFrame({"time": [datetime(2024, 1, 1, 10, 30, tzinfo=UTC)], "power": [800.0]}), device="home1.meter"
    )
    [(_, first, energy), (_, second, more)] = mem.query("home1.meter.power", every="15m", agg="integral")
    assert (first, energy) == (datetime(2024, 1, 1, 10, tzinfo=UTC), 100)
    assert (second, more) == (datetime(2024, 1, 1, 10, 15, tzinfo=UTC), 200)


def test_a_bar_is_drawn_where_a_person_looks(
    mem: mc.Memcore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    with mem.bulk(progress=True) as bulk:
        bulk.write("home1.pv.power", [1], [1], unit="W")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with mem.bulk(progress=True) as bulk:
        bulk.write("home1.pv.power", [2, 3], [1, 2])
    assert "2 points" in capsys.readouterr().err


def test_labels_select(mem: mc.Memcore) -> None:
    for phase in ("L1", "L2"):
        mem.register(f"home1.meter.{phase}", unit="W", labels={"phase": phase, "room": "kitchen, left"})
        mem.write(f"home1.meter.{phase}", NOON, 1.0)
    assert mem.series("home1.>{phase=L1}")[0].labels == {"phase": "L1", "room": "kitchen, left"}
    assert mem.query('home1.>{phase!=L1,room=~"kit*",quantity=power}').series == ["home1.meter.L2"]
    assert list(mem.latest("{phase=L2}")) == ["home1.meter.L2"]
    mem.register("home1.meter.L2", unit="W", labels={"phase": "L3"})
    assert mem.series("home1.>{phase=L2}") == []
    for selection, words in (("home1.>{phase}", "compares nothing"), ("home1.>{Phase=L1}", 'label is "Phase"')):
        with pytest.raises(mc.InvalidError, match=words):
            mem.query(selection)
    with pytest.raises(mc.InvalidError, match='label is "device", which every channel has'):
        mem.register("home1.meter.L1", unit="W", labels={"device": "meter"})


def test_questions_about_time(mem: mc.Memcore) -> None:
    mem.register("home1.pv.power", unit="kW", cadence="15m")
    mem.write("home1.pv.power", TIMES, [4.0, 4.0, 2.0, 2.0])
    hours = mem.query("home1.pv.power", TIMES[0], TIMES[3], every="1h", agg=["integral", "coverage", "p50"])
    assert hours.columns == ["integral", "coverage", "p50"]
    assert hours.unit("home1.pv.power", "integral") == "Wh"
    assert [row[2] for row in hours] == [2500.0]
    filled = mem.query("home1.pv.power", TIMES[0], TIMES[3] + timedelta(hours=1), every="15m", gaps="null")
    assert [row[2] for row in filled][-1] is None
    assert math.isnan(filled.to_numpy()["home1.pv.power"][1][-1])
    assert mem.query("home1.pv.power", every="1d", tz="Europe/Berlin").zone == "Europe/Berlin"
    assert mem.at(TIMES[1] + timedelta(minutes=1), "home1.>") == {"home1.pv.power": (TIMES[1], 4000.0)}
    mem.write("home1.a.power", np.arange(100_000) * 1000, np.sin(np.arange(100_000)), unit="W")
    assert 4 < len(mem.query("home1.a.power", chart=100)) <= 400
    assert len(mem.query("home1.a.power", chart=(100, "minmaxlttb"))) <= 100


def test_what_is_deleted_is_gone_and_what_is_kept_is_counted(tmp_path: Path) -> None:
    with mc.open(tmp_path / "site", keep="36500d", retention={"home1.pv": "10d"}, max_bytes=1 << 30) as mem:
        mem.write("home1.pv.power", np.arange(1000), np.arange(1000.0), unit="W")
        assert mem.delete("home1.pv.power", 100, 900) == 1
        assert len(mem.query("home1.pv.power")) == 200
        with pytest.raises(mc.InvalidError, match="range"):
            mem.delete("home1.pv.power", 900, 100)
        told: list[mc.Progress] = []
        report = mem.compact(progress=told.append)
        assert report["erased"] == 800
        assert mem.series_stats("home1.>")["home1.pv.power"].points == 200
        assert mem.verify().sound
        assert mem.stats()["read_only"] is None
    with pytest.raises(mc.InvalidError, match="devices is"):
        mc.open(tmp_path / "other", retention={"home1": "10d"})


def test_a_long_answer_comes_in_pieces_and_is_read_lazily(mem: mc.Memcore) -> None:
    for series in ("home1.a.power", "home1.b.power"):
        mem.write(series, np.arange(300_000) * 1_000_000, np.arange(300_000.0), unit="W")
    batches = list(mem.stream("home1.*.power"))
    assert len(batches) >= 4
    assert sum(map(len, batches)) == 600_000
    assert batches[0].columns == ["series", "time", "value", "unit"]
    assert batches[0].to_numpy("value")[:3].tolist() == [0.0, 1.0, 2.0]
    reader = pa.RecordBatchReader.from_stream(mem.stream("home1.*.power"))
    assert reader.read_next_batch().num_rows < 300_000
    assert sum(batch.num_rows for batch in reader) > 300_000
    assert pl.DataFrame(mem.stream("home1.*.power"))["value"].sum() == 2 * sum(range(300_000))
    assert batches[0].to_polars().columns == batches[0].columns
    hours = pa.table(mem.stream("home1.*.power", every="1h", agg=["mean", "count"]))
    assert hours.column("count")[0].as_py() == 3600
    stream = mem.stream("home1.a.power")
    assert pa.table(stream).num_rows == 300_000
    with pytest.raises(mc.InvalidError, match="read before"):
        pa.table(stream)
    assert "pages decoded" in mem.query("home1.a.power", last=1).explain()


def test_a_backup_is_a_site_and_is_restored(tmp_path: Path) -> None:
    with mc.open(tmp_path / "site") as mem:
        mem.write("home1.a.power", [1, 2], [1, 2], unit="W")
        assert mem.backup(tmp_path / "back")["points"] == 2
    with mc.open(tmp_path / "back", read_only=True) as back:
        assert len(back.query("home1.a.power")) == 2
    assert mc.restore(tmp_path / "back", tmp_path / "other") == 2
    with mc.open(tmp_path / "other") as other:
        assert len(other.query("home1.a.power", as_of=datetime(2000, 1, 1, tzinfo=UTC))) == 0
        assert len(other.query("home1.a.power")) == 2
    with pytest.raises(mc.InvalidError, match="it holds something"):
        mc.restore(tmp_path / "back", tmp_path / "other")
