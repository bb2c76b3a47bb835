"""Running programs to attach to, in each supported interpreter that this machine has."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leakhunt.errors import LeakhuntError
from leakhunt.target.interpreter import probe

HERE = Path(__file__).parent
VERSIONS = ("3.11", "3.12", "3.13", "3.14")

StartProgram = Callable[..., subprocess.Popen[str]]


@functools.cache
def _pythons() -> dict[str, Path]:
    """Interpreter by version."""
    named = os.environ.get("LEAKHUNT_TEST_PYTHONS", "").split()
    pyenv = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))) / "versions"
    there = sorted(str(p) for v in VERSIONS for p in pyenv.glob(f"{v}.*/bin/python3"))
    found: dict[str, Path] = {}
    for candidate in [*named, sys.executable, *there]:
        with contextlib.suppress(LeakhuntError):
            interpreter = probe(candidate)
            found.setdefault(".".join(map(str, interpreter.version[:2])), interpreter.path)
    return found


@pytest.fixture(params=VERSIONS)
def python(request: pytest.FixtureRequest) -> Path:
    """Each supported interpreter."""
    if request.param not in _pythons():
        pytest.skip(f"no CPython {request.param} here")
    return _pythons()[request.param]


@pytest.fixture
def start() -> Iterator[StartProgram]:
    """Starts a program and waits for its first line; kills it in the end.  Its standard input stays
    open until it is to go on: ``communicate`` closes it."""
    started: list[subprocess.Popen[str]] = []

    def run(*command: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.stderr
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def closing(fd: int, library: str) -> str:
    """A text that runs, and leaves nothing."""
    return f"import posix\nposix.close({fd})\n"


@pytest.fixture
def library() -> Path:
    """A file that stands in for the native agent where nothing loads it."""
    from leakhunt.agent import _heap

    return Path(_heap.__file__)
