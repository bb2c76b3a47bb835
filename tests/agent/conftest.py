from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from leakhunt.errors import LeakhuntError
from leakhunt.target.interpreter import Interpreter, probe
from leakhunt.target.native_build import native_agent_for

HERE = Path(__file__).parent
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
PROGRAM_TIMEOUT_S = 120.0

RunProgram = Callable[..., str]


def _candidates(version: str) -> list[str]:
    """Interpreters that may be of a version, the likeliest first."""
    named = os.environ.get("LEAKHUNT_TEST_PYTHONS", "").split()
    pyenv = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))) / "versions"
    found = sorted(str(path) for path in pyenv.glob(f"{version}.*/bin/python3"))
    on_path = shutil.which(f"python{version}")
    return [*named, sys.executable, *found, *([on_path] if on_path else [])]


def _find(version: str) -> Interpreter | None:
    """A supported interpreter of a version.  Under the sanitizers only our own is
    instrumented."""
    candidates = _candidates(version)
    if "LEAKHUNT_SANITIZED" in os.environ:
        candidates = [sys.executable]
    for candidate in candidates:
        try:
            interpreter = probe(candidate)
        except LeakhuntError:
            continue
        if ".".join(map(str, interpreter.version[:2])) == version:
            return interpreter
    return None


@pytest.fixture(scope="session", params=VERSIONS)
def python(request: pytest.FixtureRequest) -> Interpreter:
    """Each supported interpreter that this machine has."""
    found = _find(request.param)
    if found is None:
        pytest.skip(f"no CPython {request.param} here")
    return found


@pytest.fixture(scope="session")
def agent(python: Interpreter) -> Path:
    """The native agent for the interpreter."""
    return native_agent_for(python)


@pytest.fixture(scope="session")
def run_program(python: Interpreter, agent: Path) -> RunProgram:
    """Runs a program of this folder in the interpreter: its output."""

    def run(name: str, *args: str | Path, interpreter: Path | None = None) -> str:
        command = [interpreter or python.path, "-I", HERE / name, agent, *args]
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PROGRAM_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{name}: status {done.returncode}\n{done.stderr[-4000:]}"
        return done.stdout

    return run
