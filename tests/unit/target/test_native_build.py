from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from leakhunt.errors import NativeBuildError
from leakhunt.target import native_build
from leakhunt.target.interpreter import Interpreter

SOURCE = (Path(__file__).parent / "fake_agent" / "module.c").read_bytes()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(native_build, "_read_sources", lambda: {"module.c": SOURCE})
    return native_build.cache_root()


@pytest.fixture
def other(own: Interpreter) -> Interpreter:
    """Our interpreter under another prefix: nothing installed fits it."""
    return replace(own, base_prefix="/somewhere/else")


def test_it_is_built_once_and_kept(cache: Path, other: Interpreter) -> None:
    builds: list[int] = []
    first = native_build.native_agent_for(other, on_build=lambda: builds.append(1))
    second = native_build.native_agent_for(other, on_build=lambda: builds.append(2))
    assert first == second
    assert builds == [1]
    assert first.is_relative_to(cache)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert stat.S_IMODE(first.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in first.parent.iterdir()] == ["_heap.so"]


def test_what_was_built_can_be_loaded(cache: Path, other: Interpreter) -> None:
    library = native_build.native_agent_for(other)
    code = (
        "import sys\n"
        "from importlib.machinery import ExtensionFileLoader\n"
        "from importlib.util import module_from_spec, spec_from_file_location\n"
        "loader = ExtensionFileLoader('_heap', sys.argv[1])\n"
        "spec = spec_from_file_location('_heap', sys.argv[1], loader=loader)\n"
        "module = module_from_spec(spec); loader.exec_module(module); module.self_test()\n"
    )
    subprocess.run([sys.executable, "-c", code, str(library)], check=True)


def test_the_key_tells_apart_whatever_decides_whether_it_fits(
    cache: Path, other: Interpreter, tmp_path: Path
) -> None:
    config = tmp_path / "pyconfig.h"
    config.write_text("#define X 1\n")
    sources = {"module.c": SOURCE}
    keys = {
        native_build._key(other, sources),
        native_build._key(other, {"module.c": SOURCE + b"\n"}),
        native_build._key(replace(other, version=(3, 11, 99)), sources),
        native_build._key(replace(other, hexversion=other.hexversion + 1), sources),
        native_build._key(replace(other, soabi="other"), sources),
        native_build._key(replace(other, is_debug=True), sources),
        native_build._key(replace(other, libc="musl"), sources),
        native_build._key(replace(other, machine="aarch64"), sources),
        native_build._key(replace(other, config_h=str(config)), sources),
    }
    assert len(keys) == 9
    assert all("/" not in key and " " not in key for key in keys)


def test_two_at_once_both_get_a_whole_one(cache: Path, other: Interpreter) -> None:
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(native_build.native_agent_for(other)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert len(set(found)) == 1
    assert found[0].stat().st_size > 1000


def test_the_installed_agent_is_taken_when_it_was_made_for_this_interpreter(
    own: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / f"_heap{own.ext_suffix}"
    installed.write_bytes(b"x")
    monkeypatch.setattr("leakhunt.target.native_build._agent_folder", lambda: tmp_path)
    assert native_build._installed_agent(own) == installed
    for change in (
        {"hexversion": own.hexversion + 1}, {"soabi": "x"}, {"base_prefix": "/x"}, {"libc": "x"},
    ):  # fmt: skip
        assert native_build._installed_agent(replace(own, **change)) is None
    installed.unlink()
    assert native_build._installed_agent(own) is None


def test_no_compiler(cache: Path, other: Interpreter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NativeBuildError, match="no C compiler") as caught:
        native_build.native_agent_for(other)
    assert "gcc" in caught.value.hint


def test_a_compiler_named_by_cc_that_does_not_exist(
    cache: Path, other: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(NativeBuildError, match="no-such-compiler"):
        native_build.native_agent_for(other)


def test_no_headers(cache: Path, other: Interpreter, tmp_path: Path) -> None:
    config = tmp_path / "pyconfig.h"
    config.touch()
    for bare in (
        replace(other, include_dirs=(str(tmp_path),), config_h=str(config)),
        replace(other, config_h="/nowhere/pyconfig.h"),
    ):
        with pytest.raises(NativeBuildError, match="no C headers") as caught:
            native_build.native_agent_for(bare)
        assert "-dev" in caught.value.hint


def test_a_failed_compilation_shows_what_the_compiler_said(
    cache: Path, other: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_build, "_read_sources", lambda: {"module.c": b"#error so it is\n"})
    with pytest.raises(NativeBuildError, match="so it is"):
        native_build.native_agent_for(other)
    assert not list(cache.rglob("*.so"))
    assert not list(cache.rglob(".build-*"))


def test_a_cache_that_others_can_write_is_refused(cache: Path, other: Interpreter) -> None:
    cache.mkdir(parents=True, mode=0o700)
    cache.chmod(0o777)
    with pytest.raises(NativeBuildError, match="writable by others"):
        native_build.native_agent_for(other)


def test_a_cache_of_somebody_else_is_refused(
    cache: Path, other: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir(parents=True, mode=0o700)
    mine = os.geteuid()
    monkeypatch.setattr("leakhunt.target.native_build.os.geteuid", lambda: mine + 1)
    with pytest.raises(NativeBuildError, match="belongs to user"):
        native_build.native_agent_for(other)


def test_a_link_in_place_of_the_cache_is_refused(
    cache: Path, other: Interpreter, tmp_path: Path
) -> None:
    cache.parent.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    cache.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NativeBuildError, match="is not a directory"):
        native_build.native_agent_for(other)


def test_a_cached_agent_that_others_could_have_written_is_refused(
    cache: Path, other: Interpreter
) -> None:
    library = native_build.native_agent_for(other)
    library.chmod(0o766)
    with pytest.raises(NativeBuildError, match="is not a file of ours"):
        native_build.native_agent_for(other)


def test_a_cache_that_cannot_be_made(
    other: Interpreter, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/x")
    with pytest.raises(NativeBuildError, match="cannot be used") as caught:
        native_build.native_agent_for(other)
    assert "XDG_CACHE_HOME" in caught.value.hint


def test_the_shipped_sources_are_found() -> None:
    names = native_build._read_sources()
    assert "module.c" in names
    assert "stream_format.h" in names


def test_a_compiler_is_there_for_these_tests() -> None:
    assert shutil.which("gcc") or shutil.which("cc")
