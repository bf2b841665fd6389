"""How long a notebook waits: a year as a pandas frame, four years of monthly energy, opening beside a writer.

    make wheel && .venv/bin/python python/benches/frames.py [--folder DIR] [--runs 20]

Prints the median and the slowest of the runs in milliseconds, each beside what it should stay below.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import memcore as mc

MINUTE = np.timedelta64(1, "m")
START = np.datetime64("2020-01-01T00:00", "us")
YEAR = 365 * 24 * 60
UNITS = ["W", "var", "V", "A", "W", "W", "W"]
CHANNELS = dict(zip(["power", "reactive", "voltage", "current", "kitchen", "laundry", "heating"], UNITS, strict=True))


def fill(site: Path) -> None:
    """A household of seven channels, one value a minute for four years, of one decimal as meters have it."""
    minutes = np.arange(4 * YEAR + 24 * 60)
    dice = np.random.default_rng(1)
    table = pd.DataFrame({"time": pd.DatetimeIndex(START + minutes * MINUTE).tz_localize("UTC")})
    with mc.open(site) as mem:
        for at, (channel, unit) in enumerate(CHANNELS.items()):
            mem.register(f"home1.house.{channel}", unit=unit, cadence="1m", max_age="15m")
            day = 1000 + 800 * np.sin(minutes / 1440 * 2 * np.pi + at)
            table[channel] = np.round(day + dice.normal(0, 50, len(minutes)), 1)
        mem.write_frame(table, device="home1.house")


def measure(what: str, below: float, runs: int, call: Callable[[], object]) -> None:
    """Times the call, after one that warms the caches of the system up."""
    call()
    taken: list[float] = []
    for _ in range(runs):
        begun = time.perf_counter()
        call()
        taken.append((time.perf_counter() - begun) * 1000)
    print(f"{what:58} {statistics.median(taken):8.2f} {max(taken):8.2f} {below:8.0f}")


def main() -> None:
    """Fills a site and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the site is made; a temporary folder without it")
    parser.add_argument("--runs", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        site = Path(folder) / "site"
        fill(site)
        year = {"start": "2021-01-01T00:00:00Z", "end": "2022-01-01T00:00:00Z"}
        power = "home1.house.power"

        def opened_and_read() -> None:
            with mc.open(site, read_only=True) as mem:
                assert len(mem.query(power, **year).to_pandas()) == YEAR

        print(f"{'':58} {'median':>8} {'slowest':>8} {'below':>8}  (ms)")
        measure("open(read_only=True)", 50, asked.runs, lambda: mc.open(site, read_only=True).close())
        measure("the same, and a year of minutes of one channel, to pandas", 70, asked.runs, opened_and_read)
        with mc.open(site, read_only=True) as mem:
            energy = {"every": "1mo", "tz": "Europe/Paris", "agg": "integral"}
            assert len(mem.query("home1.house.*", **energy)) == 7 * 49
            measure(
                "a year of minutes of one channel, to pandas",
                20,
                asked.runs,
                lambda: mem.query(power, **year).to_pandas(),
            )
            measure("the same, wide", 20, asked.runs, lambda: mem.query(power, **year).wide().to_pandas())
            months = "four years of 7 channels, energy a month in Paris, to pandas"
            measure(months, 20, asked.runs, lambda: mem.query("home1.house.*", **energy).to_pandas())
            daily = {**energy, "every": "1d"}
            measure("the same a day", 20, asked.runs, lambda: mem.query("home1.house.*", **daily).to_pandas())


if __name__ == "__main__":
    main()
