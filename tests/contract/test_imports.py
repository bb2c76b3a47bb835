"""Imports point down: what import-linter reads, seen at run time, and what it cannot read."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "leakhunt"

# Of each layer, the parts of leakhunt that may be loaded with it.
BELOW = {
    "agent": {"agent"},
    "tracemalloc_ext": {"tracemalloc_ext", "agent"},
    "errors": {"errors"},
    "store": {"store", "agent", "errors"},
    "graph": {"graph", "store", "agent", "errors"},
    "analysis": {"analysis", "graph", "store", "tracemalloc_ext", "agent", "errors"},
    "detectors": {
        "detectors",
        "analysis",
        "graph",
        "store",
        "tracemalloc_ext",
        "agent",
        "errors",
    },
}
PURE = ("graph", "analysis", "detectors")
DATA_LAYERS = ("store", *PURE, "report")


def modules_of(part: str) -> list[str]:
    """Dotted names of all modules of one part of the package, programs excepted."""
    if (PACKAGE / f"{part}.py").exists():
        return [f"leakhunt.{part}"]
    paths = sorted((PACKAGE / part).rglob("*.py"))
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    return [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]


def loaded_after(modules: list[str], *flags: str) -> set[str]:
    """Names in ``sys.modules`` that importing ``modules`` adds to a fresh interpreter."""
    code = (
        "import json, sys, importlib\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "before = set(sys.modules)\n"
        f"[importlib.import_module(name) for name in {modules!r}]\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))\n"
    )
    done = subprocess.run(
        [sys.executable, *flags, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def parts_of(names: set[str]) -> set[str]:
    """The parts of leakhunt among loaded modules."""
    return {name.split(".")[1] for name in names if name.startswith("leakhunt.")}


def foreign(names: set[str]) -> set[str]:
    """Top-level modules that are neither ours nor of the standard library."""
    tops = {name.split(".")[0] for name in names}
    return tops - set(sys.stdlib_module_names) - {"leakhunt"}


def test_the_root_package_loads_nothing() -> None:
    assert foreign(loaded_after(["leakhunt"], "-I", "-S")) == set()
    assert parts_of(loaded_after(["leakhunt"])) == set()


def test_the_agent_needs_the_standard_library_only() -> None:
    # -S leaves site-packages off the path: an import of anything installed fails outright.
    names = loaded_after(modules_of("agent"), "-I", "-S")
    assert foreign(names) == set()
    assert parts_of(names) == {"agent"}


@pytest.mark.parametrize("part", BELOW)
def test_a_layer_loads_only_what_is_below_it(part: str) -> None:
    assert parts_of(loaded_after(modules_of(part))) <= BELOW[part]


@pytest.mark.parametrize("part", ["store", *PURE])
def test_terminal_libraries_stay_at_the_rim(part: str) -> None:
    names = loaded_after(modules_of(part))
    assert not {name.split(".")[0] for name in names} & {"click", "rich", "textual", "pytest"}


def trees(part: str) -> list[tuple[Path, ast.Module]]:
    paths = sorted((PACKAGE / part).rglob("*.py"))
    return [(path, ast.parse(path.read_text("utf-8"))) for path in paths]


@pytest.mark.parametrize("part", PURE)
def test_pure_layers_call_nothing_that_does_io(part: str) -> None:
    io_names = {"open", "print", "input", "exec", "eval", "__import__"}
    io_attributes = {"memmap", "fromfile", "tofile", "savez", "loadtxt", "savetxt", "open_memmap"}
    found = []
    for path, tree in trees(part):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            called = node.func
            if (isinstance(called, ast.Name) and called.id in io_names) or (
                isinstance(called, ast.Attribute) and called.attr in io_attributes
            ):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(called)}")
    assert found == []


def imported_names(node: ast.AST) -> list[str]:
    """Dotted names that one statement imports."""
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module or ''}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return []


@pytest.mark.parametrize("part", DATA_LAYERS)
def test_layers_of_data_take_only_the_format_from_the_agent(part: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {name}"
        for path, tree in trees(part)
        for node in ast.walk(tree)
        for name in imported_names(node)
        if isinstance(node, ast.stmt)
        and name.startswith("leakhunt.agent")
        and not f"{name}.".startswith(("leakhunt.agent.format.", "leakhunt.agent.graph_kinds."))
    ]
    assert found == []
