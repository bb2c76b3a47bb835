from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from leakhunt.errors import LeakhuntError, TargetError, UsageError
from leakhunt.target import interpreter as module
from leakhunt.target.interpreter import own_interpreter, probe

ANSWER: dict[str, Any] = {
    "version": [3, 12, 1], "hexversion": 0x030C01F0, "executable": "/x/python",
    "platform": "linux", "is_64_bit": True, "implementation": "cpython", "base_prefix": "/x",
    "soabi": "cpython-312-x86_64-linux-gnu", "ext_suffix": ".cpython-312-x86_64-linux-gnu.so",
    "abiflags": "", "is_debug": False, "is_free_threaded": False, "include_dirs": ["/x/i"] * 2,
    "config_h": "/x/i/pyconfig.h", "cc": "gcc", "machine": "x86_64", "libc": "glibc 2.36",
}  # fmt: skip


def answering(tmp_path: Path, text: str) -> Path:
    """A program that answers every call with ``text``."""
    path = tmp_path / "python"
    (tmp_path / "answer").write_text(text)
    path.write_text(f"#!/bin/sh\ncat '{tmp_path / 'answer'}'\n")
    path.chmod(0o755)
    return path


def test_a_probe_says_the_same_as_our_own_interpreter_does_of_itself() -> None:
    own, probed = own_interpreter(), probe(Path(sys.executable))
    for name in ("hexversion", "soabi", "ext_suffix", "base_prefix", "include_dirs", "libc"):
        assert getattr(own, name) == getattr(probed, name), name
    assert own.version == sys.version_info[:3]


def test_asking_ourselves_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    before = list(sys.path)
    own_interpreter.cache_clear()
    own_interpreter()
    assert sys.path == before


def test_a_link_is_not_resolved_because_a_virtual_environment_is_one(tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    assert probe(link).path == link


def test_a_bare_name_is_looked_for_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "somepython").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert probe("somepython").path == tmp_path / "somepython"


def test_modules_in_the_current_directory_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise RuntimeError('imported')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert probe(Path(sys.executable)).version == sys.version_info[:3]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "does not exist"),
        (lambda p: p.mkdir(), "is a directory"),
        (lambda p: p.write_text("x"), "is not executable"),
        (lambda p: p.symlink_to("nowhere"), "is a dangling link"),
    ],
)
def test_what_cannot_be_started_is_a_usage_error(tmp_path: Path, make: Any, message: str) -> None:
    path = tmp_path / "python"
    make(path)
    with pytest.raises(UsageError, match=message) as caught:
        probe(path)
    assert str(path) in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("name", ["", "no-such-interpreter-anywhere"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        probe(name)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no answer"),
        ("hello\nworld", "hello"),
        ("leakhunt-probe:{", "leakhunt-probe"),
        ("leakhunt-probe:{}", "no Python interpreter gives"),
        ("leakhunt-probe:[1]", "no Python interpreter gives"),
        ('leakhunt-probe:{"version": 3, "implementation": "cpython"}', "no Python"),
    ],
)
def test_what_is_no_python_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TargetError, match=message) as caught:
        probe(answering(tmp_path, text))
    assert "--python" in caught.value.hint


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "python"
    path.write_bytes(b"\x7fELF\0\0\0")
    path.chmod(0o755)
    with pytest.raises(TargetError, match="cannot be started"):
        probe(path)


def test_one_that_never_answers_is_refused_in_time(tmp_path: Path) -> None:
    path = tmp_path / "python"
    path.write_text("#!/bin/sh\nexec sleep 1000\n")
    path.chmod(0o755)
    started = time.monotonic()
    with pytest.raises(TargetError, match=r"no answer in 0\.3 s"):
        probe(path, timeout_s=0.3)
    assert time.monotonic() - started < 5


def test_one_that_answers_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "python"
    path.write_text("#!/bin/sh\nexec yes\n")
    path.chmod(0o755)
    with pytest.raises(TargetError, match="does not answer like a Python interpreter"):
        probe(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"implementation": "pypy"}, "is pypy, not CPython"),
        ({"version": [2, 7, 18]}, "too old"),
        ({"version": [3, 10, 13]}, "too old"),
        ({"version": [3, 15, 0]}, "not yet supported by this release"),
        ({"version": [4, 0, 0]}, "not yet supported by this release"),
        ({"is_free_threaded": True, "abiflags": "t"}, "free-threaded"),
        ({"is_debug": True, "abiflags": "d"}, "debug build"),
        ({"platform": "darwin"}, "runs on darwin"),
        ({"is_64_bit": False}, "32 bits"),
    ],
)
def test_each_unsupported_kind_has_its_refusal(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    text = "leakhunt-probe:" + json.dumps({**ANSWER, **change})
    with pytest.raises(TargetError, match=message) as caught:
        probe(answering(tmp_path, text))
    assert caught.value.hint


def test_a_supported_answer(tmp_path: Path) -> None:
    found = probe(answering(tmp_path, "leakhunt-probe:" + json.dumps(ANSWER)))
    assert found.version_text == "3.12.1"
    assert found.include_dirs == ("/x/i",)


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.8", "3.10"])
def test_real_old_interpreters_are_refused_by_version(version: str) -> None:
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [*root.glob(f"versions/{version}.*/bin/python")]
    if not found:
        pytest.skip(f"no CPython {version} here")
    with pytest.raises(LeakhuntError, match=rf"CPython {version}\.\d+, too old"):
        probe(found[0])


def test_oldest_and_newest_are_what_the_package_says() -> None:
    assert module.OLDEST == (3, 11)
    assert module.NEWEST >= (3, 13)
