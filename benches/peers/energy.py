"""What the energy kernel does, and pandas doing the same work: two processes of one run over the same data.

``energy.py`` prints JSON lines; ``--write`` puts a table into ``docs/benchmarks.md``. Times are CPU seconds of the
whole process, the fastest of three. Answers are compared before anything is told: where they differ, the run fails.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs/benchmarks.md"
BEGIN, END = "<!-- energy: written by benches/peers -->", "<!-- energy: end -->"
ZONE = "Europe/Berlin"
MINUTE = 60_000_000
START = 1_420_066_800_000_000  # the first minute of 2015 in Berlin
CHANNELS = ("p_kw", "q_kvar", "u_v", "i_a", "a_wh", "b_wh", "c_wh")
REPEATS = 3
# Key, and what the page calls it.
MEASURES = (
    ("integrate", "energy of power, silences left out"),
    ("increase", "what a counter counted, across resets"),
    ("daily", "daily means in Europe/Berlin"),
    ("csv", "CSV of 7 channels read"),
    ("check", "7 channels checked for gaps and doubled rows (the doctor reads the file, pandas has it in memory)"),
)


def make(rows: int, folder: Path) -> None:
    """A household by the minute, with silences, and a counter that is reset now and then."""
    random = np.random.default_rng(7)
    minutes = np.arange(rows, dtype=np.int64)
    times = START + MINUTE * (minutes + 180 * (minutes // 50_000))
    power = np.round(500 + 400 * np.sin(minutes / 229) + random.integers(0, 200, rows), 1)
    counter = np.round(np.cumsum(power / 60_000) % 5_000, 3)
    np.savez(folder / "samples.npz", times=times, power=power, counter=counter)
    local = np.datetime_as_string((times // 1_000_000).astype("datetime64[s]"), unit="m")
    columns = [np.round(power * scale / 1000, 3) for scale in (1.0, 0.1, 230.0, 4.2, 3.0, 2.0, 1.0)]
    with (folder / "house.csv").open("w") as out:
        out.write("ts," + ",".join(CHANNELS) + "\n")
        for row in range(rows):
            out.write(f"{local[row]}," + ",".join(f"{column[row]:g}" for column in columns) + "\n")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    best, answer = math.inf, None
    for _ in range(REPEATS):
        before = _cpu()
        answer = work()
        best = min(best, _cpu() - before)
    return best, answer


def _pandas(folder: Path) -> dict[str, tuple[float, Any]]:
    import pandas as pd

    samples = np.load(folder / "samples.npz")
    index = pd.DatetimeIndex(samples["times"].astype("datetime64[us]"), tz="UTC")
    power = pd.Series(samples["power"], index)
    counter = pd.Series(samples["counter"])
    longest = pd.Timedelta(minutes=3)

    def integrate() -> float:
        steps = index.to_series().diff().shift(-1).fillna(pd.Timedelta(minutes=1))
        held = steps.where(steps <= longest, pd.Timedelta(minutes=1))
        return float((power * (held.dt.total_seconds() / 3600)).sum())

    def increase() -> float:
        rises = counter.diff()
        return float(rises[rises > 0].sum())

    def daily() -> list[float]:
        means = power.tz_convert(ZONE).resample("D").mean()
        return [len(means), float(means.iloc[1]), float(means.iloc[-2])]

    def read() -> list[float]:
        frame = pd.read_csv(folder / "house.csv", index_col="ts", parse_dates=["ts"]).tz_localize("UTC")
        return [len(frame), float(frame["p_kw"].iloc[-1])]

    frame = pd.read_csv(folder / "house.csv", index_col="ts", parse_dates=["ts"]).tz_localize("UTC")

    def check() -> list[float]:
        gaps = doubled = 0
        for column in frame:
            known = frame[column].dropna()
            steps = known.index.to_series().diff()
            gaps += int((steps > 3 * steps.median()).sum())
            doubled += int(known.index.duplicated().sum())
        return [gaps, doubled]

    work = {"integrate": integrate, "increase": increase, "daily": daily, "csv": read, "check": check}
    return {name: _timed(work[name]) for name in work}


def _memcore(folder: Path) -> dict[str, tuple[float, Any]]:
    import memcore as mc
    from memcore import energy

    samples = np.load(folder / "samples.npz")
    times = samples["times"].astype("datetime64[us]")
    power, counter = samples["power"], samples["counter"]

    def daily() -> list[float]:
        means = energy.resample(times, power, every="1d", tz=ZONE).columns["mean"]
        return [len(means), float(means[1]), float(means[-2])]

    def read() -> list[float]:
        mem = mc.memory()
        report = mem.import_file(folder / "house.csv", device="home1.house")
        _, power = mem.latest("home1.house.power")["home1.house.power"]
        return [report["rows"], power / 1000]

    def check() -> int:
        # The doctor reads the file too, and tells what was found: pandas only counts, over a frame that is there.
        return len(mc.doctor(folder / "house.csv", device="home1.house", only=["gap", "duplicate"]))

    work: dict[str, Callable[[], Any]] = {
        "integrate": lambda: energy.integrate(times, power, cadence="1m").amount,
        "increase": lambda: energy.increase(counter).amount,
        "daily": daily,
        "csv": read,
        "check": check,
    }
    return {name: _timed(work[name]) for name in work}


ENGINES = {"pandas": _pandas, "memcore": _memcore}


def compare(results: dict[str, dict[str, Any]]) -> list[str]:
    """Where the engines' answers differ by more than rounding."""
    wrong = []
    # What the doctor finds is more than a count.
    for key in ("integrate", "increase", "daily", "csv"):
        answers = [np.ravel(result[key][1]) for result in results.values() if key in result]
        if any(len(answer) != len(answers[0]) or not np.allclose(answer, answers[0], rtol=1e-9) for answer in answers):
            wrong.append(f"{key}: {', '.join(str(answer.tolist()) for answer in answers)}")
    return wrong


def table(results: dict[str, dict[str, Any]], rows: int) -> str:
    """The Markdown table: CPU seconds of each, and how many times faster memcore is."""
    names = list(results)
    text = [
        f"{rows:,} rows; CPU seconds.",
        "",
        f"| | {' | '.join(names)} | pandas over memcore |",
        "|---|" + "---|" * (len(names) + 1),
    ]
    for key, title in MEASURES:
        took = [results[name][key][0] for name in names]
        ratio = (
            results["pandas"][key][0] / results["memcore"][key][0] if {"pandas", "memcore"} <= results.keys() else 0.0
        )
        text.append(f"| {title} | {' | '.join(f'{value:.4f}' for value in took)} | {ratio:.1f} |")
    return "\n".join(text)


def write(text: str, page: Path = PAGE) -> None:
    """Put the table between its marks, at the end of the page where there are none yet."""
    old = page.read_text()
    if BEGIN not in old:
        old = f"{old.rstrip()}\n\n## energy, beside pandas\n\n{BEGIN}\n{END}\n"
    before, rest = old.split(BEGIN, 1)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}")


def run(rows: int, names: list[str]) -> dict[str, dict[str, Any]]:
    """Every engine in a process of its own, over the same files."""
    results = {}
    with tempfile.TemporaryDirectory() as made:
        make(rows, Path(made))
        for name in names:
            command = [sys.executable, str(HERE / "energy.py"), "--engine", name, "--folder", made]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            results[name] = json.loads(done.stdout.splitlines()[-1])
    return results


def main() -> None:
    """Measure, compare, and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--only", choices=ENGINES, help="one engine, where the other is not installed")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.engine:
        print(json.dumps(ENGINES[asked.engine](asked.folder)))
        return
    results = run(asked.rows, [asked.only] if asked.only else list(ENGINES))
    if wrong := compare(results):
        sys.exit("answers differ: " + "; ".join(wrong))
    for name, result in results.items():
        for key, title in MEASURES:
            print(
                json.dumps({"engine": name, "name": title, "value": result[key][0], "unit": "s CPU", "better": "lower"})
            )
    if asked.write:
        write(table(results, asked.rows))


if __name__ == "__main__":
    main()
