"""The same plans by EMHASS, PyPSA, oemof.solph, cvxpy and memcore in one run: CPU time, and the optimum.

``optimize.py`` prints JSON lines; ``--write`` puts a table into ``docs/benchmarks.md``. Each planner runs in a process
of its own; times are CPU milliseconds to build and solve, imports excluded, the fastest of three rounds (one where a
round takes seconds). A planner that finds another optimum than the known one, or than the others where the data is a
stand-in, fails the run. What cannot be imported here is told as missing, with the reason.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import math
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from planners import MODULES, NAMES, PACKAGES  # noqa: E402
from planners.problem import QUESTIONS, problems  # noqa: E402

PAGE = HERE.parents[1] / "docs/benchmarks.md"
DATA = HERE.parents[2] / "shared/data/optimize"
BEGIN, END = "<!-- optimize: written by benches/peers -->", "<!-- optimize: end -->"
ROUNDS, ROUND_SECONDS, LONG_SECONDS = 3, 0.2, 2.0
RIGHT = 1e-6


def _cpu() -> float:
    # Solvers may be programs of their own.
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def timed(work: Callable[[], float]) -> tuple[float, float]:
    """CPU milliseconds of one call, and what it returned. Short calls are repeated, so that the clock can tell; what a
    planner does ``before`` a call, to have other data behind it, is not counted."""
    first, answer = _round(work, 1)
    if first > LONG_SECONDS:
        return 1000 * first, answer
    calls = max(1, min(10_000, int(ROUND_SECONDS / max(first, 1e-6))))
    return 1000 * min(first, *(_round(work, calls)[0] for _ in range(ROUNDS))), answer


def _round(work: Callable[[], float], calls: int) -> tuple[float, float]:
    before: Callable[[], None] | None = getattr(work, "before", None)
    answer, beside = math.nan, 0.0
    started = _cpu()
    for _ in range(calls):
        if before:
            paused = _cpu()
            before()
            beside += _cpu() - paused
        answer = work()
    return (_cpu() - started - beside) / calls, answer


def measure(name: str, data: Path | None, days: int, only: list[str]) -> dict[str, Any]:
    """Every question that a planner can answer, in this process."""
    try:
        planner = importlib.import_module(f"planners.{MODULES[name]}")
        version = importlib.metadata.version(PACKAGES[name])
    except ImportError as e:
        return {"missing": str(e)}
    answers: dict[str, Any] = {}
    asked = problems(data, days)
    for question in QUESTIONS:
        if question.key in only and (work := planner.prepare(asked[question.key])):
            answers[question.key] = timed(work)
    return {"version": version, "answers": answers}


def run(names: list[str], data: Path | None, days: int, only: list[str]) -> dict[str, dict[str, Any]]:
    """Every planner in a process of its own."""
    results = {}
    for name in names:
        command = [sys.executable, "-W", "ignore", str(HERE / "optimize.py"), "--planner", name, "--days", str(days)]
        command += ["--questions", *only, *(["--data", str(data)] if data else [])]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{name} failed: {done.stderr.strip().splitlines()[-1]}")
        # Some print on importing: the answer is the last line.
        results[name] = json.loads(done.stdout.splitlines()[-1])
    return results


def compare(results: dict[str, dict[str, Any]], real: bool) -> list[str]:
    """Where a planner's optimum is another one than is known, or than the first planner's."""
    wrong = []
    for question in QUESTIONS:
        found = {
            name: result["answers"][question.key][1]
            for name, result in results.items()
            if question.key in result.get("answers", {})
        }
        right = question.golden if real else next(iter(found.values()), math.nan)
        wrong += [
            f"{question.key} by {name}: {value}, expected {right}"
            for name, value in found.items()
            if abs(value - right) > RIGHT * max(1.0, abs(right))
        ]
    return wrong


def table(results: dict[str, dict[str, Any]]) -> str:
    """The Markdown table: CPU milliseconds of each planner with its optimum below, and who is missing."""
    here = {name: result for name, result in results.items() if "missing" not in result}
    names = [f"{name} {result['version']}" for name, result in here.items()]
    lines = [
        "CPU ms to build and solve, and the optimum found (EUR). EMHASS solves a problem again that it built before,",
        "on new data, as its model-predictive control does; all others start from nothing.",
        "",
        f"| | known optimum | {' | '.join(names)} |",
        "|---|---|" + "---|" * len(here),
    ]
    for question in QUESTIONS:
        cells = [_cell(result["answers"].get(question.key)) for result in here.values()]
        lines.append(f"| {question.key}: {question.title} | {question.golden:.8f} | {' | '.join(cells)} |")
    for name, result in results.items():
        if "missing" in result:
            lines.append(f"\n{name}: left out: {result['missing']}.")
    return "\n".join(lines)


def _cell(answer: list[float] | None) -> str:
    if answer is None:
        return "-"
    ms, optimum = answer
    # Never more than three digits of a time that is noisy.
    return f"{ms:.3g} ms<br>{optimum:.8f}" if ms < 1000 else f"{ms:,.0f} ms<br>{optimum:.8f}"


def write(text: str, page: Path = PAGE) -> None:
    """Put the table between its marks, at the end of the page where there are none yet."""
    old = page.read_text()
    if BEGIN not in old:
        old = f"{old.rstrip()}\n\n## optimize, beside other planners\n\n{BEGIN}\n{END}\n"
    before, rest = old.split(BEGIN, 1)
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}")


def main() -> None:
    """Measure, compare, and tell."""
    keys = [question.key for question in QUESTIONS]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=NAMES, help="some planners, where others are not installed")
    parser.add_argument("--questions", nargs="+", choices=keys, default=keys)
    parser.add_argument("--data", type=Path, help="the folder with the year's data; a stand-in is made without it")
    parser.add_argument("--days", type=int, default=365, help="days of the stand-in")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    parser.add_argument("--planner", choices=NAMES, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.planner:
        print(json.dumps(measure(asked.planner, asked.data, asked.days, asked.questions)))
        return
    data = asked.data or (DATA if DATA.exists() else None)
    results = run(asked.only or list(NAMES), data, asked.days, asked.questions)
    for name, result in results.items():
        for key, (ms, optimum) in result.get("answers", {}).items():
            line = {"engine": name, "name": key, "value": ms, "unit": "ms CPU", "better": "lower", "optimum": optimum}
            print(json.dumps(line))
        if "missing" in result:
            print(json.dumps({"engine": name, "missing": result["missing"]}))
    if wrong := compare(results, data is not None):
        sys.exit("optima differ: " + "; ".join(wrong))
    if asked.write:
        write(table(results))


if __name__ == "__main__":
    main()
