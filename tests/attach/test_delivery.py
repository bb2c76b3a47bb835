"""The library reaches a target that cannot open its file, once."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from leakhunt.errors import UsageError
from leakhunt.target.attach import open_channel
from leakhunt.target.attach.library import loadable_part
from leakhunt.target.interpreter import probe
from leakhunt.target.native_build import native_agent_for
from tests.attach.conftest import StartProgram, closing
from tests.attach.test_preflight import as_root, become_nobody, child
from tests.attach.test_states import open_descriptors

LOADS = """
import sys
imp, spec = sys.modules["_imp"], sys.modules["_frozen_importlib"].ModuleSpec
module = imp.create_dynamic(spec("_heap", None, origin={path!r}))
imp.exec_dynamic(module)
module.__dict__.clear()
sys.modules["posix"].close({fd})
"""


def loading(paths: list[str]) -> Callable[[int, str], str]:
    """A text that loads the library; notes the path that it was given."""

    def source(fd: int, path: str) -> str:
        paths.append(path)
        return LOADS.format(path=path, fd=fd)

    return source


def files_in_memory(pid: int) -> set[str]:
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return {line.split()[5] for line in lines if "/memfd:leakhunt" in line}


def test_by_its_path_where_that_can_be_opened(python: Path, start: StartProgram) -> None:
    library = native_agent_for(probe(python))
    process = start(python, "-I", "-c", "print('ready', flush=True); import time; time.sleep(30)")
    paths: list[str] = []
    open_channel(process.pid, library, source=loading(paths)).sock.close()
    assert paths == [str(library.resolve())]
    assert files_in_memory(process.pid) == set()


def hidden(pid: int, library: Path, copy: Path) -> list[str]:
    """Attach three times, with two versions of the library; the paths in the target."""
    paths: list[str] = []
    before = open_descriptors(pid)
    open_channel(pid, library, source=loading(paths)).sock.close()
    assert len(files_in_memory(pid)) == 1
    open_channel(pid, library, source=loading(paths)).sock.close()
    assert len(files_in_memory(pid)) == 1
    other = copy / "_heap.so"
    other.write_bytes(library.read_bytes() + b"another build")
    open_channel(pid, other, source=loading(paths)).sock.close()
    assert len(files_in_memory(pid)) == 2
    deadline = time.monotonic() + 5
    while open_descriptors(pid) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert open_descriptors(pid) <= before
    return paths


@as_root
def test_in_memory_for_another_user(library: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    private = tmp_path / "_heap.so"
    private.write_bytes(library.read_bytes())
    with child(become_nobody) as pid:
        first, second, third = hidden(pid, private, tmp_path)
    assert first.startswith("/proc/self/fd/")
    assert second == first
    assert third.startswith("/proc/self/fd/./")


@as_root
def test_in_memory_for_another_root_folder(library: Path, tmp_path: Path) -> None:
    def enter() -> None:
        os.chroot(tmp_path)
        (Path("/proc")).mkdir()
        assert ctypes.CDLL(None).mount(b"proc", b"/proc", b"proc", 0, None) == 0

    try:
        with child(enter) as pid:
            first, second, _ = hidden(pid, library, tmp_path)
        assert second == first
    finally:
        subprocess.run(["umount", tmp_path / "proc"], check=True)


@as_root
def test_another_pid_namespace(start: StartProgram, python: Path, library: Path) -> None:
    code = "import os, sys; print('ready', flush=True); sys.stdin.read(); os._exit(os.getpid())"
    wrapper = start("unshare", "--pid", "--fork", python, "-I", "-c", code)
    children = Path(f"/proc/{wrapper.pid}/task/{wrapper.pid}/children").read_text()
    channel = open_channel(int(children), library, source=closing)
    channel.sock.close()
    wrapper.communicate(timeout=60)
    assert wrapper.returncode == 1


def test_no_such_library(start: StartProgram, python: Path, tmp_path: Path) -> None:
    process = start(python, "-I", "-c", "print('ready', flush=True); import time; time.sleep(30)")
    with pytest.raises(UsageError, match=r"_heap\.so cannot be read: No such file"):
        open_channel(process.pid, tmp_path / "_heap.so", source=closing)


def test_what_follows_the_last_segment_is_left_behind(library: Path) -> None:
    image = library.read_bytes()
    part = loadable_part(image)
    assert len(part) < len(image)
    assert loadable_part(part) == part
