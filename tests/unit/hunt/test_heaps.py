"""Opening a snapshot: what is derived is kept beside it, and a bad cache is made again."""

from __future__ import annotations

import os
import resource
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leakhunt.errors import MemoryNeedError, SnapshotError, UsageError
from leakhunt.graph.derived import DERIVED, derive, with_derived
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.hunt.heaps import open_columns, open_heap
from leakhunt.store import memory, trust
from leakhunt.store.archive import pack_stream
from leakhunt.store.cache import cache_path
from leakhunt.store.columns_file import read_directory, write_columns
from leakhunt.store.outline import key_of_file, outline_of_stream
from leakhunt.store.stream import read_stream
from leakhunt.target.progress import Progress
from tests.fuzz.seeds import empty_stream, rich_stream
from tests.store_equality import assert_same_columns

needs_permissions = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")


@pytest.fixture(autouse=True)
def own_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "xdg"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    (tmp_path / "case").mkdir()
    return rich_stream().write(tmp_path / "case" / "rich.lkheap")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def same_graph(path: Path, graph: HeapGraph) -> None:
    """Is the graph what the stream says, with all that is derived from it?"""
    fresh = HeapGraph(read_stream(path))
    assert_same_columns(graph.columns, fresh.columns)
    found, expected = derive(graph), derive(fresh)
    for spec in DERIVED:
        assert np.array_equal(found[spec.name], expected[spec.name]), spec.name


def test_the_second_time_nothing_is_derived(stream: Path) -> None:
    phases: list[str] = []
    first = open_heap(stream, on_progress=lambda p: phases.append(p.phase))
    assert not first.is_cached
    assert first.notes == ()
    assert phases == ["decode", *["derive"] * 5, "keep"]
    second = open_heap(stream, on_progress=lambda p: phases.append(p.phase))
    assert second.is_cached
    assert second.notes == ()
    assert len(phases) == 7
    for opened in (first, second):
        same_graph(stream, opened.graph)
        assert not opened.graph.dominators.flags.writeable  # mapped


def test_the_cache_is_private_and_alone(stream: Path) -> None:
    open_heap(stream)
    path = cache_path(stream)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(stream.parent) == ["rich.lkheap", "rich.lkheap.lkcache"]
    with path.open("rb") as file:
        directory, _ = read_directory(file)
    for spec in DERIVED:
        assert directory.columns[spec.name]["doc"] == spec.doc


def test_an_empty_heap_and_an_archive(tmp_path: Path, stream: Path) -> None:
    empty = empty_stream().write(tmp_path / "empty.lkheap")
    pack_stream(stream, tmp_path / "rich.lkheap.zst")
    for path, original in ((empty, empty), (tmp_path / "rich.lkheap.zst", stream)):
        for is_cached in (False, True):
            opened = open_heap(path)
            assert opened.is_cached == is_cached
            same_graph(original, opened.graph)


def test_columns_are_opened_as_they_are(tmp_path: Path, stream: Path) -> None:
    path = tmp_path / "a.lkcols"
    write_columns(path, read_stream(stream))
    opened = open_heap(path)
    same_graph(stream, opened.graph)
    assert not cache_path(path).exists()


def test_without_derive_nothing_is_kept_but_a_cache_is_used(stream: Path) -> None:
    assert not open_heap(stream, derive=False).is_cached
    assert not cache_path(stream).exists()
    open_heap(stream)
    assert open_heap(stream, derive=False).is_cached
    assert not open_heap(stream, cache=False).is_cached


def test_changed_content_is_noticed(stream: Path) -> None:
    open_heap(stream)
    other = rich_stream()
    other.header["label"] = "another"
    other.write(stream)
    opened = open_heap(stream)
    assert not opened.is_cached
    assert "of other content" in opened.notes[0]
    same_graph(stream, opened.graph)
    assert open_heap(stream).is_cached


def damage_a_byte(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-5, 2)
        file.write(b"\xff")


def cut_short(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty_it(path: Path) -> None:
    path.write_bytes(b"")


def put_another_in_place(path: Path) -> None:
    copy = path.with_suffix(".copy")
    shutil.copy(path, copy)
    copy.replace(path)


def not_ours_to_trust(path: Path) -> None:
    path.chmod(0o666)


def write_nonsense(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"\x89LKCOLS\n" + bytes(range(256)))


@pytest.mark.parametrize(
    "spoil",
    [damage_a_byte, cut_short, empty_it, put_another_in_place, not_ours_to_trust, write_nonsense],
)
def test_a_spoilt_cache_is_made_again(stream: Path, spoil: Any) -> None:
    open_heap(stream)
    spoil(cache_path(stream))
    opened = open_heap(stream)
    assert not opened.is_cached
    assert f"the cache of {stream} was not used: " in opened.notes[0]
    same_graph(stream, opened.graph)
    assert open_heap(stream).is_cached


def test_even_a_trusted_cache_that_is_damaged_is_made_again(
    stream: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "is_known", lambda status: True)
    open_heap(stream)
    path = cache_path(stream)
    whole = path.read_bytes()
    directory_end = whole.index(b"\n", 20) if b"\n" in whole[20:400] else 400
    rng = np.random.default_rng(1)
    for at in [0, 8, 12, 16, *rng.integers(0, directory_end, 20).tolist(), len(whole) // 2]:
        damaged = bytearray(whole)
        damaged[at] ^= 0x5A
        path.write_bytes(bytes(damaged) if at < len(whole) // 2 else whole[:at])
        same_graph(stream, open_heap(stream).graph)


@pytest.mark.parametrize("kind", ["directory", "link", "pipe"])
def test_what_is_no_cache_is_left_alone(stream: Path, kind: str, tmp_path: Path) -> None:
    path = cache_path(stream)
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        (tmp_path / "precious").write_text("precious")
        path.symlink_to(tmp_path / "precious")
    opened = open_heap(stream)
    same_graph(stream, opened.graph)
    assert not opened.is_cached
    assert any(note.startswith("no cache was kept") for note in opened.notes)
    if kind == "link":
        assert (tmp_path / "precious").read_text() == "precious"


@needs_permissions
def test_a_folder_that_may_not_be_written(stream: Path) -> None:
    stream.parent.chmod(0o500)
    try:
        opened = open_heap(stream)
        assert "no cache was kept" in opened.notes[0]
        same_graph(stream, opened.graph)
    finally:
        stream.parent.chmod(0o700)


def test_a_full_disk_leaves_nothing(stream: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import leakhunt.store.cache as module

    def full(*args: object, **kwargs: object) -> None:
        raise SnapshotError("cannot write: No space left on device")

    monkeypatch.setattr(module, "write_columns", full)
    opened = open_heap(stream)
    assert "No space left" in opened.notes[0]
    same_graph(stream, opened.graph)
    assert names(stream.parent) == [stream.name]


def test_without_a_folder_of_our_own_nothing_is_trusted(
    stream: Path, own_cache_folder: Path
) -> None:
    own_cache_folder.write_text("in the way")
    opened = open_heap(stream)
    assert "XDG_CACHE_HOME" in opened.notes[0]
    assert names(stream.parent) == [stream.name]
    same_graph(stream, opened.graph)


def test_a_folder_of_stamps_that_others_may_write_is_not_believed(
    stream: Path, own_cache_folder: Path
) -> None:
    open_heap(stream)
    (own_cache_folder / "leakhunt" / "stamps").chmod(0o777)
    assert not open_heap(stream).is_cached


def test_old_stamps_are_forgotten(stream: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "_MOST_STAMPS", 4)
    paths = [stream.with_name(f"{i}") for i in range(6)]
    for path in paths:
        path.touch()
        assert trust.remember(path)
    known = [trust.is_known(path.stat()) for path in paths]
    assert known[-1]
    assert not known[0]


def test_cancelling_leaves_nothing(stream: Path) -> None:
    def cancel(progress: Progress) -> None:
        if progress.phase == "keep":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_heap(stream, on_progress=cancel)
    assert names(stream.parent) == [stream.name]


def test_too_little_memory_names_the_need(stream: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 100)
    with pytest.raises(MemoryNeedError, match=r"needs about \d+ MB of memory; 0 MB are free"):
        open_heap(stream)
    assert names(stream.parent) == [stream.name]


def test_the_limit_on_address_space_is_known(tmp_path: Path) -> None:
    code = (
        "import resource\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({1 << 31}, {1 << 31}))\n"
        "from leakhunt.store.memory import available_bytes\n"
        f"assert 0 < available_bytes() < {1 << 31}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != 1 << 31


def test_bad_snapshots_are_told_as_always(tmp_path: Path, stream: Path) -> None:
    with pytest.raises(SnapshotError, match="there is no snapshot file"):
        open_heap(tmp_path / "missing")
    whole = stream.read_bytes()
    for cut in (3, 12, 30, len(whole) // 2, len(whole) - 1):
        stream.write_bytes(whole[:cut])
        with pytest.raises(SnapshotError):
            open_heap(stream)
    assert names(stream.parent) == [stream.name]


def test_the_key_follows_the_content(tmp_path: Path, stream: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copy(stream, copy)
    first = outline_of_stream(stream)
    assert outline_of_stream(copy).key == first.key
    assert first.footer["nodes"] == read_stream(stream).heap_count
    copy.write_bytes(stream.read_bytes()[:-1] + b"x")
    assert outline_of_stream(copy).key != first.key
    assert len(first.key) == len(key_of_file(copy)) == 32


def test_derived_columns_of_wrong_length_are_refused(stream: Path) -> None:
    graph = HeapGraph(read_stream(stream))
    arrays = dict(derive(graph))
    short = DERIVED[0].name
    arrays[short] = arrays[short][:-1]
    with pytest.raises(ValueError, match=short):
        with_derived(graph.columns, arrays)


def test_columns_of_a_cache_bring_their_graph(stream: Path) -> None:
    open_heap(stream)
    columns = open_columns(stream)
    graph = HeapGraph(columns)
    assert "tree" in vars(graph)
    same_graph(stream, graph)
    cut = graph.without(np.zeros(1, np.int64))  # another graph: nothing kept is true of it
    assert "tree" not in vars(cut)


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="no regular file"):
        open_heap(tmp_path / "pipe")
