"""Recorded telemetry through the whole loop: a device replays it over TLS, and every point is read back bit for bit."""

from __future__ import annotations

import csv
import gzip
import math
import os
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

import memcore as mc

REAL = "uci_household_1min_2007Q2.csv.gz"
DATA = Path(os.environ.get("MEMCORE_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
DEVICE = "home1.meter"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
SCALE = {"kw": 1000, "kvar": 1000, "v": 1, "a": 1, "wh": 1}

WORDS = {"p": "power", "q": "reactive_power", "u": "voltage", "i": "current", "e": "energy"}

Column = list[tuple[int, float]]


def columns_of(path: Path) -> dict[str, Column]:
    """What the file says, in base units, with microseconds: by channel, without its gaps.

    A kilowatt is a thousand watts as decimals have it: 1.001 kW is 1001 W.
    """
    with gzip.open(path, "rt") as file:
        rows = csv.DictReader(file)
        time_name, *names = rows.fieldnames or []
        split = {name: name.rpartition("_") for name in names}
        channels = {name: WORDS.get(word, word) for name, (word, _, _) in split.items()}
        columns: dict[str, Column] = {channel: [] for channel in channels.values()}
        for row in rows:
            time = datetime.fromisoformat(row[time_name].replace("Z", "+00:00"))
            utc = time if time.tzinfo else time.replace(tzinfo=timezone.utc)
            micros = (utc - EPOCH) // timedelta(microseconds=1)
            for name in names:
                if row[name] != "":
                    columns[channels[name]].append((micros, float(Decimal(row[name]) * SCALE[split[name][2]])))
    return columns


def stand_in(path: Path) -> Path:
    """Two days a minute, with gaps in single cells, lost rows, and numbers that use every bit."""
    numbers = np.random.default_rng(7)
    with gzip.open(path, "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "p_kw", "u_v", "i_a", "e_wh"])
        energy = 0.0
        for minute in range(2 * 24 * 60):
            if 700 <= minute < 760:
                continue
            time = EPOCH + timedelta(days=13_700, minutes=minute)
            energy += float(numbers.uniform(0, 50))
            watts = int(numbers.integers(-3000, 3000))
            cells = [watts / 1000, float(numbers.normal(240, 3)), float(numbers.exponential(5)), energy]
            gaps = numbers.uniform(size=4) < 0.03
            row = [repr(cell) if not gap else "" for cell, gap in zip(cells, gaps, strict=True)]
            writer.writerow([time.strftime("%Y-%m-%dT%H:%M:%SZ"), *row])
    return path


def check(file: Path, site: Path) -> None:
    expected = columns_of(file)
    total = sum(len(column) for column in expected.values())
    with mc.serve(site, listen="127.0.0.1:0", config={"store.sync": "interval"}) as server:
        # The second time nothing doubles.
        for _ in range(2):
            with mc.simulate(server, replay=file, device=DEVICE) as simulation:
                report = simulation.finish()
            assert (report["points_sent"], report["rows_not_durable"], report["rejected"]) == (total, 0, 0)
            compare(server.mem, expected)
    with mc.open(site, read_only=True) as mem:
        compare(mem, expected)


def compare(mem: mc.Memcore, expected: dict[str, Column]) -> None:
    result = mem.query(f"{DEVICE}.>")
    stored = {series.removeprefix(f"{DEVICE}."): columns for series, columns in result.to_numpy().items()}
    assert stored.keys() == expected.keys()
    for channel, (times, values) in stored.items():
        wanted_times, wanted = (np.array(part) for part in zip(*expected[channel], strict=True))
        assert times.astype("int64").tobytes() == wanted_times.tobytes(), f"times and gaps of {channel}"
        assert values.tobytes() == wanted.tobytes(), f"values of {channel}"
        whole = mem.query(f"{DEVICE}.{channel}", agg=["count", "sum", "first", "last"])
        ((_, _, count, total, first, last),) = whole
        assert (count, first, last) == (len(wanted), wanted[0], wanted[-1])
        assert math.isclose(total, math.fsum(wanted), rel_tol=1e-12)


def test_a_generated_file_is_read_back_bit_for_bit(tmp_path: Path) -> None:
    check(stand_in(tmp_path / "telemetry.csv.gz"), tmp_path / "site")


@pytest.mark.timeout(300)
def test_a_quarter_of_a_real_household_is_read_back_bit_for_bit(tmp_path: Path) -> None:
    file = next(DATA.rglob(REAL), None) if DATA.is_dir() else None
    if file is None:
        pytest.skip(f"{REAL} is not below {DATA}: MEMCORE_TEST_DATA says where the recorded telemetry lies")
    check(file, tmp_path / "site")
