"""The engines that are compared, each in the best reasonable configuration that its author's documents suggest."""

from __future__ import annotations

from .base import Engine, MissingError
from .duck import DuckDb
from .memcore_site import MemcoreSite
from .parquet import Parquet
from .sqlite import Sqlite
from .victoria import VictoriaMetrics

ENGINES: dict[str, type[Engine]] = {
    engine.name: engine for engine in (MemcoreSite, Sqlite, DuckDb, Parquet, VictoriaMetrics)
}

__all__ = ["ENGINES", "Engine", "MissingError"]
