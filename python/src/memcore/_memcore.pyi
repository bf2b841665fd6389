# The native module. `make test-python` compares this file with what was built (stubtest).
from collections.abc import Sequence

__version__: str

def cli_main(args: Sequence[str]) -> int: ...
