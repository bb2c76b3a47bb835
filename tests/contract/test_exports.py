"""The public names: each is there, once, lazily, and in the manual."""

from __future__ import annotations

import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import leakhunt

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", leakhunt.__all__)
def test_a_public_name_resolves_and_is_documented(name: str) -> None:
    value = getattr(leakhunt, name)
    if name != "__version__":
        assert inspect.getdoc(value), name
        assert value.__name__ == name
    page = (ROOT / "docs/reference/python-api.md").read_text("utf-8")
    assert f"`{name}" in page


def test_the_list_is_sorted_and_complete() -> None:
    assert leakhunt.__all__ == sorted(leakhunt.__all__)
    assert set(leakhunt._SOURCE_BY_NAME) == set(leakhunt.__all__) - {"__version__"}
    assert set(leakhunt.__all__) <= set(dir(leakhunt))


def test_every_error_is_public() -> None:
    from leakhunt import errors

    ours = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and value.__module__ == "leakhunt.errors"
    }
    assert ours <= set(leakhunt.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = leakhunt.nonsense


def test_a_use_case_is_a_function_whatever_was_imported_first() -> None:
    code = (
        "import leakhunt\n"
        "leakhunt.diff_files\n"
        "import leakhunt.hunt\n"
        "assert callable(leakhunt.hunt_scenario) and callable(leakhunt.diff_files)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_version_is_written_once_more_only_in_pyproject() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    assert leakhunt.__version__ == project["version"]


def test_the_package_is_typed() -> None:
    assert (ROOT / "leakhunt/py.typed").exists()
