"""An answer that is read as it is asked for, so that memory stays flat however long it is."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false
# pyarrow has no types.

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import _memcore

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl
    import pyarrow as pa


class Batch:
    """Some rows in the long layout: ``series``, ``time``, the values or aggregates, and ``unit``. It speaks Arrow."""

    def __init__(self, native: _memcore.Batch) -> None:
        self._native = native

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return self._native.columns()

    def __len__(self) -> int:
        return len(self._native)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._native.stream()

    def to_numpy(self, column: str) -> np.ndarray[Any, Any]:
        """Return the times or the numbers of a column, sharing memory with the batch."""
        import numpy

        return numpy.asarray(self._native.column(column))

    def to_arrow(self) -> pa.Table:
        """Return a pyarrow table."""
        import pyarrow

        return pyarrow.table(self)

    def to_polars(self) -> pl.DataFrame:
        """Return a polars frame."""
        import polars

        return polars.DataFrame(self)

    def to_pandas(self) -> pd.DataFrame:
        """Return a pandas frame, by way of pyarrow."""
        frame: pd.DataFrame = self.to_arrow().to_pandas()
        return frame

    def __repr__(self) -> str:
        return f"<memcore.Batch {len(self)} rows: {', '.join(self.columns)}>"


class Stream:
    """The batches of an answer, each read when it is asked for; it is read once.

    ``for batch in stream`` gives them one after the other. It speaks Arrow's PyCapsule interface too, so that
    ``pyarrow.RecordBatchReader.from_stream(stream)``, ``polars.DataFrame(stream)`` and ``duckdb`` read it piece by
    piece.
    """

    def __init__(self, native: _memcore.Stream) -> None:
        self._native = native

    def __iter__(self) -> Iterator[Batch]:
        while (batch := self._native.next()) is not None:
            yield Batch(batch)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._native.stream()

    def __arrow_c_schema__(self) -> object:
        return self._native.schema()

    def __repr__(self) -> str:
        return "<memcore.Stream>"
