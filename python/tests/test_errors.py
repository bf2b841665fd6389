"""Errors: the classes are the core's kinds, they are the builtins people expect, and they read well."""

import builtins
import pickle
import re
from pathlib import Path
from typing import get_args

import pytest

import memcore
from memcore import _errors

ERROR_RS = Path(__file__).parents[2] / "memcore" / "src" / "error.rs"
BUILTIN_OF = {
    "INVALID": ValueError,
    "NOT_FOUND": KeyError,
    "CONFLICT": ValueError,
    "UNAUTHORIZED": PermissionError,
    "TIMEOUT": builtins.TimeoutError,
    "CONNECTION": builtins.ConnectionError,
    "CLOSED": ValueError,
    "LOCKED": BlockingIOError,
    "READ_ONLY": OSError,
    "DAMAGED": OSError,
    "UNSUPPORTED": NotImplementedError,
    "IO": OSError,
    "INTERNAL": RuntimeError,
}


def codes_of_the_core() -> list[str]:
    return re.findall(r'Self::\w+ => "([A-Z_]+)"', ERROR_RS.read_text(encoding="utf-8"))


def retries_of_the_core() -> set[str]:
    body = re.search(r"pub enum Retry \{(.*?)\n\}", ERROR_RS.read_text(encoding="utf-8"), re.DOTALL)
    assert body
    names = re.findall(r"^    (\w+),$", body.group(1), re.MULTILINE)
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in names}


def test_every_kind_of_the_core_has_its_class_and_no_class_has_no_kind() -> None:
    assert [kind.code for kind in _errors.KINDS] == codes_of_the_core()
    assert set(get_args(_errors.Retry)) == retries_of_the_core()


@pytest.mark.parametrize("kind", _errors.KINDS, ids=lambda kind: kind.code)
def test_a_class_is_public_and_caught_as_its_builtin(kind: type[memcore.MemcoreError]) -> None:
    assert getattr(memcore, kind.__name__) is kind
    assert kind.__name__ in memcore.__all__
    assert issubclass(kind, BUILTIN_OF.get(kind.code, memcore.MemcoreError))


@pytest.mark.parametrize("kind", _errors.KINDS, ids=lambda kind: kind.code)
def test_an_error_says_what_it_is_in_plain_text_and_survives_pickling(kind: type[memcore.MemcoreError]) -> None:
    message = "series is 'home1.pv', expected `site.device.channel`"
    error = _errors.error_from(kind.code, "check_first", message)
    for copy in (error, pickle.loads(pickle.dumps(error))):
        assert type(copy) is kind
        assert (str(copy), copy.code, copy.retry) == (message, kind.code, "check_first")


def test_a_code_of_a_newer_core_is_still_a_memcore_error() -> None:
    error = _errors.error_from("FROM_THE_FUTURE", "safe", "it did not work")
    assert isinstance(error, memcore.InternalError)
    assert str(error) == "it did not work (error code 'FROM_THE_FUTURE' is unknown to this package)"
    assert error.retry == "safe"
