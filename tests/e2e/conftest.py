"""Targets of several versions: LEAKHUNT_TEST_PYTHONS (paths), or what this machine has."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

VERSIONS = ("3.11", "3.12", "3.13", "3.14")


@functools.cache
def pythons() -> dict[str, str]:
    """Path by version (``3.12``), our own interpreter first."""
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    named = os.environ.get("LEAKHUNT_TEST_PYTHONS", "").split()
    found = {own: sys.executable} if not named else {}
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = named or [
        *(str(path) for v in VERSIONS for path in sorted(root.glob(f"versions/{v}.*/bin/python3"))),
        *(path for v in VERSIONS if (path := shutil.which(f"python{v}"))),
    ]
    for candidate in candidates:
        version = _version_of(candidate)
        if version in VERSIONS:
            found.setdefault(version, candidate)
    return found


def _version_of(path: str) -> str:
    code = (
        "import sys, sysconfig, os\n"
        "headers = os.path.exists(os.path.join(sysconfig.get_paths()['include'], 'Python.h'))\n"
        "plain = sys.implementation.name == 'cpython' and not sys.abiflags and headers\n"
        "print('%d.%d' % sys.version_info[:2] if plain else '')"
    )
    try:
        done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests that take ``target_version`` run once for each version."""
    if "target_version" in metafunc.fixturenames:
        metafunc.parametrize("target_version", VERSIONS)


@pytest.fixture
def python(target_version: str) -> Path:
    """The interpreter of the version under test."""
    if target_version not in pythons():
        pytest.skip(f"no CPython {target_version} with headers here")
    return Path(pythons()[target_version])
