"""The embeddable energy manager: devices over TLS, history, plans and control in one core."""

from ._errors import (
    ClosedError,
    ConflictError,
    ConnectionError,
    DamagedError,
    InternalError,
    InvalidError,
    IoError,
    LimitReachedError,
    LockedError,
    MemcoreError,
    NotFoundError,
    ReadOnlyError,
    Retry,
    TimeoutError,
    UnauthorizedError,
    UnsupportedError,
)
from ._memcore import __version__

__all__ = [
    "ClosedError",
    "ConflictError",
    "ConnectionError",
    "DamagedError",
    "InternalError",
    "InvalidError",
    "IoError",
    "LimitReachedError",
    "LockedError",
    "MemcoreError",
    "NotFoundError",
    "ReadOnlyError",
    "Retry",
    "TimeoutError",
    "UnauthorizedError",
    "UnsupportedError",
    "__version__",
]
