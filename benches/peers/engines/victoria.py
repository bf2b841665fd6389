"""VictoriaMetrics: a server of its own on loopback, found on the path or in VICTORIA_METRICS."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from points import CHANNELS, Points

from .base import Engine, MissingError, cuts


class VictoriaMetrics(Engine):
    """Its native import of JSON lines for batches, Prometheus text for single readings."""

    name = "VictoriaMetrics"
    readings = 20_000
    how = "loopback, 512 MB; milliseconds; acknowledges before it syncs; CPU of server and client"

    def __init__(self) -> None:
        program = os.environ.get("VICTORIA_METRICS") or shutil.which("victoria-metrics")
        if not program:
            raise MissingError("no victoria-metrics on the path")
        self.program = program
        self.server: subprocess.Popen[bytes] | None = None
        self.ended = 0.0

    def _start(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        flags = {
            "storageDataPath": folder,
            "httpListenAddr": f"127.0.0.1:{port}",
            "retentionPeriod": "100y",
            "memory.allowedBytes": "512MB",
            "search.maxPointsPerTimeseries": 1_000_000,
            "search.latencyOffset": "0s",
            "loggerLevel": "ERROR",
        }
        self.server = subprocess.Popen(
            [self.program, *(f"-{flag}={value}" for flag, value in flags.items())],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        for _ in range(200):
            if self._is_up():
                return
            time.sleep(0.05)
        raise MissingError("victoria-metrics does not answer")

    def _is_up(self) -> bool:
        try:
            metrics = self._ask("GET", "/metrics").decode()
        except OSError:
            self.http.close()
            return False
        version = re.search(r'vm_app_version\{.*?short_version="v?([^"]+)', metrics)
        self.how = f"{version.group(1) if version else 'unknown version'}, {VictoriaMetrics.how}"
        return True

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        self.http.request(method, path, body)
        answer = self.http.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status} {text[:200]!r}")
        return text

    def _get(self, path: str, **query: Any) -> Any:
        return json.loads(self._ask("GET", f"{path}?{urlencode(query)}"))["data"]["result"]

    def cpu(self) -> float:
        return super().cpu() + (self._server_cpu() if self.server else 0.0)

    def _server_cpu(self) -> float:
        assert self.server is not None
        fields = Path(f"/proc/{self.server.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def create(self, folder: Path) -> None:
        self._start(folder)

    def batches(self, points: Points, rows: int) -> Iterator[Any]:
        stamps = points.times // 1000
        for cut in cuts(len(stamps), rows):
            if rows == 1:
                pairs = zip(CHANNELS, points.values[cut][0].tolist(), strict=True)
                lines = [f"{name} {value!r} {stamps[cut][0]}" for name, value in pairs if value == value]
                yield "/api/v1/import/prometheus", "\n".join(lines).encode()
                continue
            lines = []
            for at, name in enumerate(CHANNELS):
                there = ~np.isnan(points.values[cut, at])
                columns = {"values": points.values[cut, at][there].tolist(), "timestamps": stamps[cut][there].tolist()}
                lines.append(json.dumps({"metric": {"__name__": name}, **columns}))
            yield "/api/v1/import", "\n".join(lines).encode()

    def insert(self, batch: Any) -> None:
        self._ask("POST", *batch)

    def ingest(self, folder: Path, points: Points, rows: int) -> tuple[float, float] | None:
        # One body of all points would only measure its JSON.
        return super().ingest(folder, points, min(rows, 10_000))

    def settle(self) -> None:
        self._ask("GET", "/internal/force_flush")
        self._ask("GET", "/internal/force_merge")
        # It answers at once and merges behind it: done when the parts are the same for a second.
        before, now = -1, self._parts()
        while before != now:
            time.sleep(1)
            before, now = now, self._parts()

    def _parts(self) -> int:
        return sum(1 for _ in Path(self._folder()).rglob("metadata.json"))

    def _folder(self) -> str:
        assert self.server is not None
        args = Path(f"/proc/{self.server.pid}/cmdline").read_text().split("\0")
        return next(arg.partition("=")[2] for arg in args if arg.startswith("-storageDataPath="))

    def open(self, folder: Path) -> None:
        self._start(folder)

    def _over(self, ask: str, start: int, end: int, step: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Windows are (t - step, t]: a millisecond before the next bucket they hold what is in the bucket."""
        first = start // step * step + step
        ends = {"start": first / 1e6 - 0.001, "end": (end // step * step + step) / 1e6 - 0.001, "step": step / 1e6}
        found = self._get("/api/v1/query_range", query=ask, nocache=1, **ends)
        tables = {}
        for series in found:
            table = np.array(series["values"], dtype=float)
            starts = np.rint((table[:, 0] + 0.001) * 1e6).astype("int64") - step
            tables[series["metric"]["name"]] = starts, table[:, 1]
        return tables

    def _range(self) -> tuple[int, int]:
        span = self._get("/api/v1/query", query="min(tfirst_over_time(p[100y]))", time="2100-01-01T00:00:00Z")
        last = self._get("/api/v1/query", query="max(tlast_over_time(p[100y]))", time="2100-01-01T00:00:00Z")
        return round(float(span[0]["value"][1]) * 1e6), round(float(last[0]["value"][1]) * 1e6)

    def buckets(self, channels: list[int], width: int) -> list[np.ndarray]:
        names = "|".join(CHANNELS[at] for at in channels)
        window = f'({{__name__=~"{names}"}}[{width // 1_000_000}s])'
        columns = []
        for of in ("min", "max", "avg", "count"):
            ask = f'label_copy({of}_over_time{window} keep_metric_names, "__name__", "name")'
            columns.append(self._over(ask, *self.span, width))
        of = (CHANNELS[at] for at in channels)
        return [np.column_stack([columns[0][name][0], *(column[name][1] for column in columns)]) for name in of]

    def months(self, starts: list[int]) -> list[np.ndarray]:
        tables: dict[str, list[tuple[float, float, float]]] = {name: [] for name in CHANNELS}
        for start, end in pairwise(starts):
            window = f'({{__name__=~"{"|".join(CHANNELS)}"}}[{(end - start) // 1_000_000}s])'
            values = []
            for of in ("sum", "count"):
                ask = f'label_copy({of}_over_time{window} keep_metric_names, "__name__", "name")'
                found = self._get("/api/v1/query", query=ask, time=end / 1e6 - 0.001, nocache=1)
                values.append({series["metric"]["name"]: float(series["value"][1]) for series in found})
            for name, value in values[0].items():
                tables[name].append((start, value, values[1][name]))
        return [np.array(tables[name]) for name in CHANNELS]

    def year(self, start: int, end: int) -> Any:
        import pandas as pd

        ends = {"start": start / 1e6, "end": end / 1e6 - 0.001}
        lines = self._ask("GET", "/api/v1/export?" + urlencode({"match[]": "p", **ends})).splitlines()
        parts = [json.loads(line) for line in lines]
        times = np.concatenate([part["timestamps"] for part in parts])
        values = np.concatenate([part["values"] for part in parts])
        order = np.argsort(times, kind="stable")
        return pd.Series(values[order], pd.to_datetime(times[order], unit="ms", utc=True))

    def close(self) -> None:
        if self.server:
            self.server.terminate()
            self.server.wait(timeout=60)
            self.server = None

    def committer(self, folder: Path) -> Callable[[int], None] | None:
        return None
