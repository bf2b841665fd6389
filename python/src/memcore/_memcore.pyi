# The native module. `make test-python` compares this file with what was built (stubtest).
from collections.abc import Sequence

__all__ = ["__version__", "cli_main"]

__version__: str

def cli_main(args: Sequence[str]) -> int: ...
