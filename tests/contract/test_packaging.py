"""pyproject.toml lists by hand what the folders hold: the lists agree."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTENSIONS: list[dict[str, Any]] = PROJECT["tool"]["setuptools"]["ext-modules"]


@pytest.mark.parametrize("extension", EXTENSIONS, ids=lambda e: str(e["name"]))
def test_every_c_file_is_compiled(extension: dict[str, Any]) -> None:
    folder = ROOT.joinpath(*extension["name"].split(".")[:-1], "native")
    there = [str(path.relative_to(ROOT)) for path in sorted(folder.glob("*.c"))]
    assert extension["sources"] == there


def test_every_folder_of_c_files_is_an_extension() -> None:
    folders = {path.parent for path in (ROOT / "leakhunt").rglob("native/*.c")}
    named = {ROOT.joinpath(*e["name"].split(".")[:-1], "native") for e in EXTENSIONS}
    assert folders == named


def test_what_is_imported_is_declared() -> None:
    names = [re.split(r"[<>=~ ]", d)[0] for d in PROJECT["project"]["dependencies"]]
    declared = {name.replace("-", "_") for name in names}
    found = set()
    for path in (ROOT / "leakhunt").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
    # pytest loads its plugin itself; where it is missing nobody does.
    loaded_by = {"pytest", "_pytest"}
    assert found - set(sys.stdlib_module_names) - {"leakhunt"} - loaded_by == declared


def test_every_dependency_is_pinned() -> None:
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "tests/constraints.txt").read_text("utf-8").splitlines()
        if "==" in line
    }
    groups = PROJECT["dependency-groups"].values()
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
    wanted += [entry for group in groups for entry in group if isinstance(entry, str)]
    names = {re.split(r"[<>=~ ]", entry)[0].lower().replace("_", "-") for entry in wanted}
    assert names - pinned == set()
