"""Every example runs to its end: Rust, Python, Node and notebooks, each in a folder of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

HERE = Path(__file__).parent
# It needs a server and an enrolment: `memcore/tests/link_minimal_device.rs` runs it.
RUN_ELSEWHERE = {"minimal_device.py"}
NODE_PACKAGE = HERE.parent / "node"
SECONDS = 120


def found(*endings: str) -> list[pytest.param]:
    files = (path for path in HERE.rglob("*") if path.suffix in endings and not path.name.startswith("test_"))
    files = (path for path in files if path.name not in RUN_ELSEWHERE)
    kept = (path for path in files if not {"node_modules", ".ipynb_checkpoints", "src"} & set(path.parts))
    return [pytest.param(path, id=path.relative_to(HERE).as_posix()) for path in sorted(kept)]


def run(command: list[str], cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"


@pytest.fixture(scope="session")
def rust_examples() -> Path:
    """Build the Rust examples as the Rust tests are built, so that little is left to do; return their folder."""
    everything = ["--workspace", "--features", "memcore/cli,memcore/nats", "--examples"]
    subprocess.run(["cargo", "build", "--quiet", *everything], cwd=HERE.parent, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent / "target"))
    return target / "debug" / "examples"


@pytest.mark.timeout(0)  # The first one builds them all.
@pytest.mark.parametrize("example", found(".rs"))
def test_rust(example: Path, rust_examples: Path, tmp_path: Path) -> None:
    run([str(rust_examples / example.stem)], tmp_path)


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("example", found(".py"))
def test_python(example: Path, tmp_path: Path) -> None:
    run([sys.executable, str(example)], tmp_path)


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("example", found(".mjs", ".cjs", ".mts", ".cts"))
def test_node(example: Path, tmp_path: Path) -> None:
    copy = shutil.copy(example, tmp_path)
    packages = tmp_path / "node_modules"
    packages.mkdir()
    (packages / "memcore").symlink_to(NODE_PACKAGE, target_is_directory=True)
    for name in ("tsx", "apache-arrow"):
        (packages / name).symlink_to(NODE_PACKAGE / "node_modules" / name, target_is_directory=True)
    run(["node", "--import", "tsx", copy], tmp_path)


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("notebook", found(".ipynb"))
def test_notebook(notebook: Path, tmp_path: Path) -> None:
    content = nbformat.read(notebook, as_version=4)
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(content, timeout=SECONDS, kernel_name="python3", resources=where).execute()
