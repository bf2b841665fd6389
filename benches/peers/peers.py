"""The same points through memcore and its peers in one run: JSON lines, and a Markdown table with ``--write``."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from points import Points, load

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs/benchmarks.md"
BEGIN, END = "<!-- peers: written by benches/peers -->", "<!-- peers: end -->"
NAMES = ("memcore", "SQLite", "DuckDB", "Parquet", "VictoriaMetrics")
# Key, what the page calls it, unit, and which is better.
MEASURES = (
    ("ingest readings", "ingest, readings of 7 channels", "M points/s/core", "higher"),
    ("ingest batches", "ingest, 1,000-row batches", "M points/s/core", "higher"),
    ("ingest bulk", "ingest, in order and in bulk", "M points/s/core", "higher"),
    ("bytes batches", "on disk after the batches", "bytes/point", "lower"),
    ("bytes bulk", "on disk after the bulk", "bytes/point", "lower"),
    ("scan", "min, max, mean, count of all channels, buckets of 100 min", "M points/s/core", "higher"),
    ("buckets", "one channel to 1,000 exact buckets", "ms CPU", "lower"),
    ("buckets, wall", "the same by the clock", "ms", "lower"),
    ("months", "months of 7 channels, Europe/Paris", "ms CPU", "lower"),
    ("year", "a year of one channel as pandas", "ms CPU", "lower"),
    ("commit p50", "durable commit of 7 points, p50", "us", "lower"),
    ("commit p99", "durable commit of 7 points, p99", "us", "lower"),
    ("commit over raw", "its p50 over a raw fdatasync", "ratio", "lower"),
)


def measure(name: str, data: Path, points: int, folder: Path, seconds: float) -> dict[str, Any]:
    """One engine in a process of its own; what is wrong with it is told, not raised."""
    print(f"{name}: {points} points", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        command = [sys.executable, str(HERE / "measure.py"), name, str(data), work]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=seconds, check=False)
        except subprocess.TimeoutExpired:
            return {"missing": f"not done after {seconds:.0f} s"}
    if done.returncode != 0:
        return {"missing": f"failed with exit code {done.returncode}"}
    return json.loads(done.stdout.splitlines()[-1])


def lines(results: dict[str, dict[str, Any]]) -> list[str]:
    """What was measured, one JSON object a line."""
    figures = []
    for name, result in results.items():
        if "missing" in result:
            figures.append({"engine": name, "missing": result["missing"]})
        for key, title, unit, better in MEASURES:
            value = result.get("figures", {}).get(key)
            if value is not None:
                figures.append({"engine": name, "name": title, "value": value, "unit": unit, "better": better})
        figures += [{"engine": name, "note": note} for note in result.get("notes", ())]
    return [json.dumps(figure) for figure in figures]


def table(results: dict[str, dict[str, Any]], points: Points) -> str:
    """The Markdown table: a row a measure, the best in bold."""
    there = [name for name, result in results.items() if "figures" in result]
    text = [f"{len(points):,} points: {points.source}.", ""]
    text += [f"| | {' | '.join(there)} |", "|---|" + "---|" * len(there)]
    lost = []
    for key, title, unit, better in MEASURES:
        values = {name: results[name]["figures"].get(key) for name in there}
        known = [value for value in values.values() if value is not None]
        if not known:
            continue
        best = max(known) if better == "higher" else min(known)
        cells = ("-" if v is None else f"**{short(v)}**" if v == best else short(v) for v in values.values())
        text.append(f"| {title}, {unit} | {' | '.join(cells)} |")
        if values.get("memcore") not in (None, best):
            lost.append(title)
    text.append("")
    if "memcore" in there:
        text += [f"memcore is not the best in: {'; '.join(lost) or 'none of these'}.", ""]
    for name, result in results.items():
        notes = [f"left out: {result['missing']}"] if "missing" in result else [result["how"], *result["notes"]]
        text.append(f"- {name}: {'; '.join(notes)}.")
    return "\n".join(text)


def short(value: float) -> str:
    """Three digits say all that such a measurement can."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f}"


def write(text: str, page: Path = PAGE) -> None:
    """Put the table between its markers."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{page} has no place for the table: {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


def main(args: list[str] | None = None) -> int:
    """Measure, print, and say whether all answers were right."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--points", type=int, help="so many points instead of all")
    options.add_argument("--engines", nargs="+", choices=NAMES, default=NAMES)
    options.add_argument("--folder", type=Path, default=HERE.parents[1] / "target", help="on which file system")
    options.add_argument("--seconds", type=float, default=1800, help="the most that one engine may take")
    options.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    chosen = options.parse_args(args)
    points = load(chosen.points)
    print(points.source, file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        data = Path(folder) / "points.npz"
        points.save(data)
        results = {n: measure(n, data, len(points), Path(folder), chosen.seconds) for n in chosen.engines}
    print("\n".join(lines(results)))
    text = table(results, points)
    print(text, file=sys.stderr)
    if chosen.write:
        write(text)
    wrong = [note for result in results.values() for note in result.get("notes", ()) if note.startswith("differs")]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
