"""What the tests share: an empty site in memory, and a server on a free port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import memcore as mc


@pytest.fixture
def mem() -> Iterator[mc.Memcore]:
    with mc.memory() as site:
        yield site


@pytest.fixture
def server(tmp_path: Path) -> Iterator[mc.Server]:
    with mc.serve(tmp_path / "site", listen="127.0.0.1:0") as running:
        yield running
