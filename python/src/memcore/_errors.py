"""One exception class for each kind of error of the core. Each also is the builtin that a Python user expects.

The kinds are those of ``ErrorKind`` in ``memcore/src/error.rs``; a test holds the two lists together.
"""

import builtins
from typing import Any, ClassVar, Literal

Retry = Literal["never", "safe", "check_first"]
"""Whether the same call may be repeated: ``never`` helps, is ``safe``, or ``check_first`` whether it took effect."""


class MemcoreError(Exception):
    """Base of every error that memcore raises. Its text names the field, the value and what was expected."""

    code: ClassVar[str] = "INTERNAL"
    """The stable code of the kind, the same in Rust, Node and JSON."""
    retry: Retry
    """Whether the same call may be repeated."""

    def __init__(self, message: str = "", retry: Retry = "never") -> None:
        super().__init__(message)
        self.retry = retry

    # KeyError would show the text in quotes, OSError would take two arguments for an errno: all show plain text.
    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[type["MemcoreError"], tuple[str, Retry]]:
        return type(self), (str(self), self.retry)


class InvalidError(MemcoreError, ValueError):
    """An argument, a file or a message does not say what it must."""

    code = "INVALID"


class NotFoundError(MemcoreError, KeyError):
    """A channel, device, command or file that was asked for does not exist."""

    code = "NOT_FOUND"


class ConflictError(MemcoreError, ValueError):
    """Something of that name exists already with another meaning."""

    code = "CONFLICT"


class UnauthorizedError(MemcoreError, PermissionError):
    """A credential is missing, wrong or revoked."""

    code = "UNAUTHORIZED"


class LimitReachedError(MemcoreError):
    """A stated limit (size, rate, quota, queue) was reached."""

    code = "LIMIT_REACHED"


class TimeoutError(MemcoreError, builtins.TimeoutError):
    """The operation did not end in its time."""

    code = "TIMEOUT"


class ConnectionError(MemcoreError, builtins.ConnectionError):
    """The other side cannot be reached, or the connection was lost."""

    code = "CONNECTION"


class ClosedError(MemcoreError, ValueError):
    """The store, server or subscription was closed; as with a closed file, also a ``ValueError``."""

    code = "CLOSED"


class LockedError(MemcoreError, BlockingIOError):
    """Another process holds the store for writing."""

    code = "LOCKED"


class ReadOnlyError(MemcoreError, OSError):
    """The store takes no more writes, after a disk error or because the disk is full."""

    code = "READ_ONLY"


class DamagedError(MemcoreError, OSError):
    """Stored bytes fail their checksum or break an invariant."""

    code = "DAMAGED"


class UnsupportedError(MemcoreError, NotImplementedError):
    """Stored data or a peer is of a version that this one does not know."""

    code = "UNSUPPORTED"


class IoError(MemcoreError, OSError):
    """The operating system refused an operation."""

    code = "IO"


class InternalError(MemcoreError, RuntimeError):
    """A defect of memcore itself."""

    code = "INTERNAL"


KINDS: tuple[type[MemcoreError], ...] = (
    InvalidError,
    NotFoundError,
    ConflictError,
    UnauthorizedError,
    LimitReachedError,
    TimeoutError,
    ConnectionError,
    ClosedError,
    LockedError,
    ReadOnlyError,
    DamagedError,
    UnsupportedError,
    IoError,
    InternalError,
)


def shown(value: Any) -> str:
    """A value as it is quoted in a message: short."""
    if isinstance(value, (str, bytes)) and len(value) > 80:
        return f"{value[:80]!r}..."
    quoted = repr(value)
    return f"{quoted[:80]}..." if len(quoted) > 80 else quoted


_BY_CODE = {kind.code: kind for kind in KINDS}


def error_from(code: str, retry: Retry, message: str) -> MemcoreError:
    """Make the exception for an error of the core; the native module calls this and raises what it returns."""
    kind = _BY_CODE.get(code)
    if kind is None:
        return InternalError(f"{message} (error code {code!r} is unknown to this package)", retry)
    return kind(message, retry)
