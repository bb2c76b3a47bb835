"""The targets of the identity tests: interpreters, the agent and a C helper for each."""

from __future__ import annotations

import functools
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from leakhunt.target.interpreter import Interpreter, probe
from leakhunt.target.native_build import native_agent_for

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
TIMEOUT_S = 200

each_account = pytest.mark.parametrize("account", ["lost", "identity"])
"""Lost objects are looked for as well, or not: ``birth_start(lost=...)``."""
each_version = pytest.mark.parametrize("version", VERSIONS)


@functools.cache
def _interpreters() -> dict[str, Interpreter]:
    """By version: those of LEAKHUNT_TEST_PYTHONS, or what this machine has."""
    named = os.environ.get("LEAKHUNT_TEST_PYTHONS", "").split()
    if not named:
        finder = ["sh", str(ROOT / "tests" / "find_pythons.sh"), *VERSIONS]
        done = subprocess.run(finder, capture_output=True, text=True, check=True)
        named = [sys.executable, *done.stdout.split()]
    found: dict[str, Interpreter] = {}
    for path in named:
        interpreter = probe(path)
        found.setdefault("{}.{}".format(*interpreter.version), interpreter)
    return found


def target(version: str) -> Interpreter:
    """The interpreter of a version; skips the test when there is none."""
    if version not in _interpreters():
        pytest.skip(f"no CPython {version} here")
    return _interpreters()[version]


@functools.cache
def agent(version: str) -> Path:
    return native_agent_for(target(version))


@functools.cache
def _helper_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="leakhunt-helper-")


@functools.cache
def helper(version: str) -> Path:
    """``identity_helper.c``, compiled."""
    interpreter = target(version)
    library = Path(_helper_folder().name) / f"helper{version}.so"
    include = [flag for folder in interpreter.include_dirs for flag in ("-isystem", folder)]
    subprocess.run(
        [*shlex.split(os.environ.get("CC") or interpreter.cc or "cc"), "-std=gnu11", "-O1",
         "-Wall", "-Werror", "-fPIC", "-shared", *include,
         str(ROOT / "tests" / "agent" / "identity_helper.c"), "-o", str(library)],
        check=True,
    )  # fmt: skip
    return library


def run(
    version: str, program: str, *arguments: object, allocator: str = "pymalloc"
) -> subprocess.CompletedProcess[str]:
    """Run a module of this folder in a target.

    The target inherits nothing that would change what it does at its end.
    """
    keep = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(
        [target(version).path, "-X", "faulthandler", "-m", f"tests.agent.{program}",
         *map(str, arguments)],
        cwd=ROOT, env={**keep, "PYTHONMALLOC": allocator, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
