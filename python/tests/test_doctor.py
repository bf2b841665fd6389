"""The doctor over tables, files and history, and the energy balance of a site: as a user meets them."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# pyarrow has no types, those of the others have holes.

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import memcore as mc

SENTINEL, GAP = 300, slice(700, 760)


@pytest.fixture
def house() -> pd.DataFrame:
    """Twenty days of a sunny roof and a house, with one number that is none and fifteen hours missing."""
    times = pd.date_range("2024-06-01", periods=96 * 20, freq="15min", tz="Europe/Berlin", name="time")
    hours, noise = np.asarray(times.hour + times.minute / 60), np.random.default_rng(1)
    sun = np.maximum(0, np.sin((hours - 6) / 12 * np.pi)) * 4000 * (1 + 0.1 * noise.random(len(times)))
    sun[SENTINEL], sun[GAP] = 65535, np.nan
    frame: pd.DataFrame = pd.DataFrame({"pv_power": sun, "house": 300 + 50 * noise.random(len(times))}, index=times)
    return frame


def tables(house: pd.DataFrame) -> dict[str, Any]:
    plain = house.reset_index()
    return {
        "pandas": house,
        "pandas on a local clock": house.tz_localize(None),
        "polars": pl.from_pandas(plain),
        "arrow": pa.table({name: pa.array(plain[name]) for name in plain.columns}),
        "mapping": {"time": house.index, "pv_power": house["pv_power"].to_numpy(), "house": list(house["house"])},
        "long": plain.melt("time", var_name="series"),
    }


@pytest.mark.parametrize(
    "form", ["pandas", "pandas on a local clock", "polars", "arrow", "mapping", "long"], ids=lambda form: str(form)
)
def test_a_table_in_any_form_has_the_same_findings(house: pd.DataFrame, form: str) -> None:
    report = mc.doctor(tables(house)[form], units="W", tz="Europe/Berlin")
    (sentinel,) = (finding for finding in report if finding.kind == "sentinel")
    assert report.faults == [sentinel]
    assert "65535" in sentinel.message
    assert sentinel.series == ("pv_power",)
    assert sentinel.rows[0] == (SENTINEL, SENTINEL)
    assert any(one.field == "invalid" and one.value == [65535] for one in sentinel.declare)
    assert [finding.kind for finding in report if finding.kind == "gap"] == ["gap"]
    checkup = {one.series: one for one in report.series}["pv_power"]
    assert (checkup.points, checkup.cadence) == (1920 - 60 - 1, timedelta(minutes=15))
    # What it says to declare is what a mapping takes.
    assert report.to_mapping()["columns"]["pv_power"]["invalid"] == [65535]


def test_a_report_is_shown_and_drawn(house: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    report = mc.doctor(house, units="W", tz="Europe/Berlin")
    assert repr(report).startswith("<memcore.Report 1 fault")
    assert str(report).count("\n") == len(report)
    assert report[0] is report.findings[0]
    assert report.to_html().startswith("<!")
    assert "<svg" in report._repr_html_()
    assert report[0].picture._repr_svg_().startswith("<svg")
    assert "65535" in report[0]._repr_html_()
    assert report.to_dict()["findings"][0]["kind"] == report[0].kind
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    axes = report[0].plot()
    assert axes.get_title() == report[0].picture.title
    assert len(axes.lines) == len(report[0].picture.lines)
    matplotlib.pyplot.close("all")

    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(mc.UnsupportedError, match="pip install matplotlib"):
        report[0].plot()


def test_a_file_is_examined_and_read_right_then(house: pd.DataFrame, tmp_path: Path, mem: mc.Memcore) -> None:
    file = tmp_path / "house.csv"
    house.tz_localize(None).to_csv(file)
    told: list[mc.Progress] = []
    report = mc.doctor(file, tz="Europe/Berlin", units="W", progress=told.append)
    assert told[-1].part == 1.0
    assert report.understood is not None
    assert report.understood["time"]["form"] == "local"
    assert report.refused is not None
    assert report.refused["count"] == 0
    mapping = report.to_mapping()
    mem.import_file(file, device="home1.site", mapping=mapping, units="W")
    assert mem.query("home1.site.pv_power", agg="max").points(0)[1] == [0.0]  # As generator, and without 65535.
    with pytest.raises(mc.IoError):
        mc.doctor(tmp_path / "none.csv")
    assert list(tmp_path.iterdir()) == [file]


def test_history_is_examined(house: pd.DataFrame, mem: mc.Memcore) -> None:
    mem.write("home1.pv.power", house.index, -house["pv_power"], unit="W")
    report = mem.doctor("home1.>", tz="Europe/Berlin")
    assert {"sentinel", "gap"} <= {finding.kind for finding in report}
    assert "sign" not in {finding.kind for finding in report}
    assert [finding.kind for finding in mem.doctor("home1.>", only="gap")] == ["gap"]
    early = mem.doctor("home1.>", end="2024-06-03T00:00:00+02:00", only=["sentinel", "gap"])
    assert len(early) == 0
    assert repr(early) == "<memcore.Report nothing found in 1 series>"
    with pytest.raises(mc.NotFoundError):
        mem.doctor("home2.pv.power")


def test_what_the_doctor_is_asked_is_checked(house: pd.DataFrame) -> None:
    asked: list[tuple[dict[str, Any], str]] = [
        ({"only": "gaps"}, "kind of finding is .gaps., expected one of sampling gap"),
        ({"roles": {"pv_power": "sun"}}, "expected one of"),
        ({"roles": {"roof": "pv"}}, "role is for series .roof., expected one of"),
        ({"position": (52.5,)}, r"position is \(52.5,\), expected degrees north and east"),
        ({"position": (520, 13)}, "position is 520,13, expected degrees"),
        ({"units": {"roof": "W"}}, "'roof' is no column of numbers, expected one of pv_power, house"),
        ({"units": {"house": "Watt-ish"}}, "unit is .Watt-ish., expected one of"),
        ({"mapping": {"columns": {"house": {"sings": "passive"}}}}, r"columns\[.house.\].*unknown field .sings."),
        ({"mapping": "mapping.toml"}, "for a table, expected a dict"),
        ({"time": "when"}, "expected one of times named 'when'"),
    ]
    for options, words in asked:
        with pytest.raises(mc.InvalidError, match=words):
            mc.doctor(house.reset_index(), **options)
    with pytest.raises(mc.InvalidError, match="source is a int, expected the path of a file, a table"):
        mc.doctor(7)


def test_the_doctor_lets_other_threads_work_and_a_callable_ends_it(house: pd.DataFrame, tmp_path: Path) -> None:
    reports: list[mc.Report] = []
    threads = [threading.Thread(target=lambda: reports.append(mc.doctor(house, units="W"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(report) for report in reports] == [str(reports[0])] * 4

    def enough(progress: mc.Progress) -> None:
        raise KeyboardInterrupt

    house.to_csv(tmp_path / "house.csv")
    with pytest.raises(KeyboardInterrupt):
        mc.doctor(tmp_path / "house.csv", progress=enough)
    with pytest.raises(KeyboardInterrupt):
        mc.doctor(house, units="W", progress=enough)


def test_the_doctor_says_how_far_it_is_whatever_it_examines(house: pd.DataFrame, mem: mc.Memcore) -> None:
    mem.write("home1.pv.power", house.index, -house["pv_power"], unit="W")
    examinations: list[Callable[[Callable[[mc.Progress], object]], mc.Report]] = [
        lambda tell: mc.doctor(house, units="W", progress=tell),
        lambda tell: mem.doctor("home1.>", progress=tell),
    ]
    for examined in examinations:
        parts: list[float | None] = []
        examined(lambda progress, parts=parts: parts.append(progress.part))  # type: ignore[misc]
        known = [part for part in parts if part is not None]
        assert known == sorted(known)
        assert len(known) > 10
        assert known[-1] == 1.0


def test_the_balance_of_a_site(mem: mc.Memcore) -> None:
    times = pd.date_range("2024-06-01", periods=96, freq="15min", tz="Europe/Berlin")
    for device, power in (("grid", -1131), ("pv", -1466), ("battery", 100)):
        mem.register(f"home1.{device}.power", unit="W", cadence="15m")
        mem.write(f"home1.{device}.power", times, np.full(96, float(power)))
    day = mem.balance("home1", times[0], times[0] + pd.Timedelta("1D"), every="12h", tz="Europe/Berlin")
    assert day["export"].tolist() == [1131 * 12.0] * 2
    assert day["consumption"].tolist() == pytest.approx([235 * 12.0] * 2)
    assert day["coverage"].tolist() == [1.0, 1.0]
    assert day.series["home1.battery.power"] == "storage"
    assert str(day.end) == "2024-06-01T22:00:00.000000"
    assert str(day.to_pandas().index[1]) == "2024-06-01 12:00:00+02:00"
    assert day.to_polars()["time"].dtype == pl.Datetime("us", "Europe/Berlin")
    whole = day.gather([2])
    assert (whole["production"].tolist(), str(whole.times[0])) == ([1466 * 24.0], "2024-05-31T22:00:00.000000")
    named = mem.balance(grid="home1.grid.power", production=["home1.pv.power"], storage="home1.battery.power")
    assert len(named["export"]) == 1
    with pytest.raises(mc.NotFoundError, match=r"no series is home1\.house\.power"):
        mem.balance(load="home1.house.power")
    with pytest.raises(KeyError, match="column is 'exports', expected one of import, export"):
        day["exports"]
