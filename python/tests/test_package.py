"""The installed package: what its metadata promises is there."""

import subprocess
import sys
from importlib import metadata, resources

import memcore


def test_version_licence_and_types_are_what_the_metadata_says() -> None:
    about = metadata.metadata("memcore")
    assert about["Version"] == memcore.__version__
    assert about["License-Expression"] == "Apache-2.0 OR MIT"
    assert about["Requires-Python"] == ">=3.10"
    assert set(about.get_all("License-File", [])) == {"LICENSE-APACHE", "LICENSE-MIT"}
    assert resources.files("memcore").joinpath("py.typed").is_file()


def test_nothing_else_is_needed_to_import_it() -> None:
    required = metadata.requires("memcore") or []
    assert all("extra ==" in requirement for requirement in required), required


def test_the_command_and_the_module_are_one_command_line() -> None:
    (script,) = (
        entry for entry in metadata.entry_points(group="console_scripts") if entry.dist and entry.name == "memcore"
    )
    assert script.value == "memcore.__main__:main"
    shown = subprocess.run([sys.executable, "-m", "memcore", "--version"], capture_output=True, text=True, timeout=30)
    assert (shown.returncode, shown.stdout.split()) == (0, ["memcore", memcore.__version__]), shown.stderr
