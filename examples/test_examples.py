"""Every example runs to its end: Rust, Python, Node and notebooks, each in a folder of its own."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

HERE = Path(__file__).parent
NODE_PACKAGE = HERE.parent / "node"
SECONDS = 120
# It needs a server to talk to, so the core's tests run it: memcore/tests/link_minimal_device.rs.
RUN_ELSEWHERE = {"minimal_device.py"}
# It goes on until it is ended, and has a test of its own below.
GOES_ON = {"dashboard.mjs"}


def examples() -> list[Path]:
    """Every file that is an example: not what belongs to the crate, to this test or to an installed package."""
    kinds = {".rs", ".py", ".mjs", ".cjs", ".mts", ".cts", ".ipynb"}
    files = (path for path in HERE.rglob("*") if path.suffix in kinds and path != Path(__file__))
    files = (path for path in files if path.name not in RUN_ELSEWHERE | GOES_ON)
    return sorted(path for path in files if not {"node_modules", ".ipynb_checkpoints", "src"} & set(path.parts))


@pytest.mark.timeout(0)  # Each kind has its own limit; the first Rust example builds them all.
@pytest.mark.parametrize("example", examples(), ids=lambda path: path.relative_to(HERE).as_posix())
def test_it_runs_to_its_end(example: Path, tmp_path: Path) -> None:
    match example.suffix:
        case ".rs":
            run([str(rust_examples() / example.stem)], tmp_path)
        case ".py":
            run([sys.executable, str(example)], tmp_path)
        case ".ipynb":
            run_notebook(example, tmp_path)
        case _:
            run_node(example, tmp_path)


def run(command: list[str], cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"


@cache
def rust_examples() -> Path:
    """Build the Rust examples as the Rust tests are built, so that little is left to do; return their folder."""
    everything = ["--workspace", "--features", "memcore/cli,memcore/nats,memcore/highs", "--examples"]
    subprocess.run(["cargo", "build", "--quiet", *everything], cwd=HERE.parent, check=True)
    built = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent / "target")) / os.environ.get("CARGO_BUILD_TARGET", "")
    return built / "debug" / "examples"


def run_node(example: Path, cwd: Path) -> None:
    run(["node", "--import", "tsx", str(installed(example, cwd))], cwd)


def installed(example: Path, cwd: Path) -> Path:
    """Return a copy beside a node_modules with the package, as a user would have it."""
    copy = shutil.copy(example, cwd)
    packages = cwd / "node_modules"
    packages.mkdir()
    (packages / "memcore").symlink_to(NODE_PACKAGE, target_is_directory=True)
    for name in ("tsx", "apache-arrow"):
        (packages / name).symlink_to(NODE_PACKAGE / "node_modules" / name, target_is_directory=True)
    return Path(copy)


def run_notebook(notebook: Path, cwd: Path) -> None:
    content = nbformat.read(notebook, as_version=4)
    where = {"metadata": {"path": str(cwd)}}
    NotebookClient(content, timeout=SECONDS, kernel_name="python3", resources=where).execute()


@pytest.mark.timeout(SECONDS)
def test_the_dashboard_shows_live_values_and_sends_a_command(tmp_path: Path) -> None:
    command = ["node", str(installed(HERE / "dashboard.mjs", tmp_path)), "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as dashboard:
        assert dashboard.stdout is not None
        url = dashboard.stdout.readline().strip()
        try:
            with urllib.request.urlopen(url) as page:
                assert "home1" in page.read().decode()
            api = f"{url}energy/api/v1/operators/local"
            with urllib.request.urlopen(f"{api}/live?topics=readings&series=home1.*.power") as live:
                event = b""
                for line in live:
                    event = line.strip() if line.startswith(b"event:") else event
                    if event == b"event: readings" and line.startswith(b"data:"):
                        break
                assert json.loads(line.removeprefix(b"data:"))["series"]
            body = {"channel": "battery.power", "value": -2000, "lease": "1m", "fallback": 0}
            asked = urllib.request.Request(
                f"{api}/sites/home1/commands", json.dumps(body).encode(), {"content-type": "application/json"}
            )
            with urllib.request.urlopen(asked) as answer:
                sent = json.load(answer)
            with urllib.request.urlopen(f"{api}/sites/home1/commands/{sent['id']}?wait=10s") as answer:
                assert json.load(answer)["state"] == "done"
        finally:
            dashboard.send_signal(2)
        assert dashboard.wait(20) == 0
