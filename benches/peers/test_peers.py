"""The comparison itself, on few points: every answer is checked against numpy, so a wrong one fails here."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import energy
import link
import optimize
import peers
import points

# What a developer has without another download.
ENGINES = ("memcore", "SQLite")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("peers")
    some = points.stand_in(20_000 // 7)
    some.save(folder / "points.npz")
    return {name: peers.measure(name, folder / "points.npz", len(some), folder, 60) for name in ENGINES}


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_answers_right_and_gives_every_figure(results: dict[str, dict], name: str) -> None:
    assert results[name]["notes"] == []
    figures = results[name]["figures"]
    assert {"ingest batches", "bytes bulk", "scan", "buckets", "months", "year", "commit p50"} <= figures.keys()
    assert all(value > 0 for value in figures.values())


def test_the_table_names_what_is_best_and_what_is_missing(results: dict[str, dict], tmp_path: Path) -> None:
    results = {**results, "VictoriaMetrics": {"missing": "not on the path"}}
    text = peers.table(results, points.stand_in(1000))
    assert "| | memcore | SQLite |" in text
    assert "- VictoriaMetrics: left out: not on the path." in text
    assert "memcore is not the best in:" in text
    page = tmp_path / "page.md"
    page.write_text(f"before\n{peers.BEGIN}\nold\n{peers.END}\nafter\n")
    peers.write(text, page)
    assert page.read_text() == f"before\n{peers.BEGIN}\n\n{text}\n\n{peers.END}\nafter\n"
    assert json.loads(peers.lines(results)[-1]) == {"engine": "VictoriaMetrics", "missing": "not on the path"}


def test_a_wrong_answer_is_told() -> None:
    import measure

    some = points.stand_in(1000)
    right, notes = measure._mean(points.fixed(some, 0, 6_000_000_000)), []
    measure._compare(right, right, "buckets", notes)
    assert notes == []
    wrong = right.copy()
    wrong[3, 2] += 0.001
    measure._compare(wrong, right, "buckets", notes)
    measure._compare(right[1:], right, "rows", notes)
    assert notes == ["differs: buckets", f"differs: rows has {len(right) - 1} rows, expected {len(right)}"]


def test_months_follow_the_clocks_of_the_zone() -> None:
    from datetime import datetime, timezone

    some = points.stand_in(200_000)
    starts = [datetime.fromtimestamp(start / 1e6, timezone.utc) for start in some.months()[:5]]
    assert [(start.month, start.hour) for start in starts] == [(11, 23), (12, 23), (1, 23), (2, 23), (3, 22)]


def test_pandas_and_memcore_answer_the_same_of_energy(tmp_path: Path) -> None:
    results = energy.run(20_000, list(energy.ENGINES))
    assert energy.compare(results) == []
    assert all(result[key][0] > 0 for result in results.values() for key, _ in energy.MEASURES)
    page = tmp_path / "page.md"
    page.write_text("before\n")
    energy.write(energy.table(results, 20_000), page)
    assert "| | pandas | memcore | pandas over memcore |" in page.read_text()


def test_a_plan_of_memcore_is_as_cheap_as_those_of_others_that_are_here(tmp_path: Path) -> None:
    data = optimize.DATA if optimize.DATA.exists() else None
    # The year is for the benchmark.
    results = optimize.run(list(optimize.NAMES), data, 20, ["P1"])
    assert optimize.compare(results, data is not None) == []
    assert results["memcore"]["answers"]["P1"][0] > 0
    page = tmp_path / "page.md"
    page.write_text("before\n")
    optimize.write(optimize.table(results), page)
    assert page.read_text().startswith("before\n\n## optimize")
    assert "| P4: island with two gensets, 48 hours | 294.50469694 | -" in page.read_text()


def test_another_optimum_is_told_and_a_missing_planner_named() -> None:
    results = {
        "memcore": {"version": "1", "answers": {"P1": [0.01, -0.05362864], "P2": [1.0, 3.7]}},
        "cvxpy": {"version": "1", "answers": {"P1": [20.0, -0.05362864]}},
        "PyPSA": {"missing": "No module named 'pypsa'"},
    }
    assert optimize.compare(results, real=True) == ["P2 by memcore: 3.7, expected 3.61725412"]
    results["cvxpy"]["answers"]["P1"][1] = -0.06
    assert optimize.compare(results, real=False) == ["P1 by cvxpy: -0.06, expected -0.05362864"]
    assert "PyPSA: left out: No module named 'pypsa'." in optimize.table(results)


def test_the_table_of_the_link_names_who_is_missing_and_compares(tmp_path: Path) -> None:
    results = {
        "memcore": {"points": 8_000_000, "cpu": 2.0, "seconds": 3.0},
        "Node + SQLite": {"points": 8_000_000, "cpu": 10.0, "seconds": 11.0},
        "Mosquitto + subscriber + SQLite": {"missing": "mosquitto is not on the path"},
    }
    text = link.table(results)
    assert "| memcore | 4.00 | 0.250 | 3.0 | 1.0 |" in text
    assert "| Node + SQLite | 0.80 | 1.250 | 11.0 | 5.0 |" in text
    assert text.endswith("left out: mosquitto is not on the path.")
    page = tmp_path / "page.md"
    page.write_text(f"before\n{link.BEGIN}\nold\n{link.END}\nafter\n")
    link.write(text, page)
    assert page.read_text() == f"before\n{link.BEGIN}\n{text}\n{link.END}\nafter\n"
    assert json.loads(link.lines(results)[-1])["missing"] == "mosquitto is not on the path"


def test_messages_of_the_link_are_the_same_each_time_and_no_two_alike() -> None:
    rows = link.messages(3, 100)
    assert rows == link.messages(3, 100)
    assert len(set(rows)) == 100
    first = json.loads(rows[0])
    assert (first["seq"], len(first["values"])) == (1, link.CHANNELS)


def test_an_mqtt_packet_says_its_length_in_as_many_bytes_as_it_takes() -> None:
    assert link._packet(0x30, b"x" * 127)[:2] == bytes([0x30, 127])
    assert link._packet(0x30, b"x" * 128)[:3] == bytes([0x30, 0x80, 1])
    assert link._packet(0x30, b"x" * 321)[:3] == bytes([0x30, 0xC1, 2])
