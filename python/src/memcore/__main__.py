"""``python -m memcore`` and the ``memcore`` command: the same command line as the Rust binary."""

import sys

from . import _memcore


def main() -> int:
    """Run the command line with the arguments of this process and return its exit status."""
    return _memcore.cli_main(["memcore", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
