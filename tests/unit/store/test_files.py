"""The three forms on disk, and the catalog of a folder."""

from __future__ import annotations

import json
import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard

from leakhunt.agent.format import MAGIC
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.errors import SnapshotError
from leakhunt.store import _decode
from leakhunt.store.archive import decompress, pack_stream, unpack_stream
from leakhunt.store.catalog import file_name, list_snapshots
from leakhunt.store.columns import NO_NODE, SnapshotColumns
from leakhunt.store.columns_file import COLUMNS_MAGIC, read_columns, read_directory, write_columns
from leakhunt.store.layout import COLUMNS
from leakhunt.store.outline import key_of_file
from leakhunt.store.reader import SnapshotForm, form_of_file, open_snapshot
from leakhunt.store.stream import read_stream
from tests.fuzz.seeds import empty_stream, rich_stream
from tests.store_equality import assert_same_columns
from tests.stream_writer import StreamWriter, block_hash

needs_permissions = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    return rich_stream().write(tmp_path / "rich.lkheap")


@pytest.fixture
def columns_file(stream: Path) -> Path:
    path = stream.with_suffix(".lkcols")
    write_columns(path, read_stream(stream))
    return path


def test_block_hash_is_the_documented_one() -> None:
    for data in (b"", b"a", bytes(8), bytes(range(256)), b"x" * 1001):
        assert _decode.block_hash(data) == block_hash(data)


@pytest.mark.parametrize("make", [rich_stream, empty_stream])
def test_all_forms_give_the_same_columns(tmp_path: Path, make: Callable[[], StreamWriter]) -> None:
    stream = make().write(tmp_path / "a.lkheap")
    expected = read_stream(stream)
    write_columns(tmp_path / "misnamed.txt", expected, source_hash="abc")
    pack_stream(stream, tmp_path / "packed")
    forms = {
        "a.lkheap": SnapshotForm.STREAM,
        "misnamed.txt": SnapshotForm.COLUMNS,
        "packed": SnapshotForm.ARCHIVE,
    }
    for name, form in forms.items():
        assert form_of_file(tmp_path / name) is form
        assert_same_columns(open_snapshot(tmp_path / name), expected)
        assert_same_columns(open_snapshot(str(tmp_path / name)), expected)


def test_mapped_columns_are_read_only(columns_file: Path) -> None:
    for is_trusted in (True, False):
        columns = read_columns(columns_file, is_trusted=is_trusted)
        assert not any(getattr(columns, spec.name).flags.writeable for spec in COLUMNS)


def test_numpy_alone_opens_the_columns(stream: Path, columns_file: Path) -> None:
    with columns_file.open("rb") as file:
        directory, _ = read_directory(file)
    for name, entry in directory.columns.items():
        array = np.memmap(
            columns_file,
            dtype=entry["dtype"],
            mode="r",
            offset=entry["offset"],
            shape=tuple(entry["shape"]),
        )
        assert entry["offset"] % 64 == 0
        assert array.tolist() == getattr(read_stream(stream), name).tolist()
        assert entry["unit"]
        assert entry["doc"]


def test_layout_has_the_fields_of_the_dataclass_in_order() -> None:
    fields = [name for name in SnapshotColumns.__dataclass_fields__ if "_" in name]
    assert [spec.name for spec in COLUMNS] == fields


def test_source_hash_is_kept(tmp_path: Path, stream: Path) -> None:
    source_hash = key_of_file(stream)
    write_columns(tmp_path / "c", read_stream(stream), source_hash=source_hash)
    with (tmp_path / "c").open("rb") as file:
        assert read_directory(file)[0].source_hash == source_hash
    assert len(source_hash) == 32


def test_files_are_private_and_nothing_else_is_left(tmp_path: Path, stream: Path) -> None:
    columns = read_stream(stream)
    write_columns(tmp_path / "c", columns)
    write_columns(tmp_path / "c", columns)  # replaces
    pack_stream(stream, tmp_path / "z")
    unpack_stream(tmp_path / "z", tmp_path / "s")
    assert (tmp_path / "s").read_bytes() == stream.read_bytes()
    for name in ("c", "z", "s"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "rich.lkheap", "s", "z"]


def test_a_failed_write_keeps_the_old_file(
    tmp_path: Path, stream: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "c"
    target.write_text("old")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SnapshotError, match=r"cannot write .*c: No space left") as caught:
        write_columns(target, read_stream(stream))
    assert "room" in caught.value.hint
    assert target.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "rich.lkheap"]


def test_write_into_a_missing_folder(tmp_path: Path, stream: Path) -> None:
    with pytest.raises(SnapshotError, match=r"cannot write .*gone/c: No such file"):
        write_columns(tmp_path / "gone" / "c", read_stream(stream))


# ---- opening what is no snapshot ----


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n", "is not a snapshot: it begins with"),
        (b"MZ", "is not a snapshot"),
        (MAGIC[:3], "truncated after 3 bytes"),
        (MAGIC, "truncated after 8 bytes"),
        (COLUMNS_MAGIC, "truncated after 8 bytes"),
        (MAGIC.replace(b"\x89", b"\xc2\x89") + b"x", "text mode"),
        (b"\x28\xb5\x2f\xfd", "archive"),
    ],
)
def test_open_what_is_no_snapshot(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(content)
    with pytest.raises(SnapshotError, match=message) as caught:
        open_snapshot(path)
    assert str(path) in str(caught.value)
    assert caught.value.hint


def test_open_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="there is no snapshot file"):
        open_snapshot(tmp_path / "missing")
    with pytest.raises(SnapshotError, match="is a directory"):
        open_snapshot(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(SnapshotError, match=r"cannot read .*Not a directory"):
        open_snapshot(tmp_path / "file" / "below")
    for opener in (read_columns, read_stream):
        with pytest.raises(SnapshotError):
            opener(tmp_path / "missing")


@needs_permissions
def test_open_what_may_not_be_read(stream: Path) -> None:
    stream.chmod(0)
    with pytest.raises(SnapshotError, match="Permission denied"):
        open_snapshot(stream)


# ---- columns files ----


def rewritten(path: Path, name: str, index: int, value: int) -> None:
    """Put a value into a column of the file."""
    with path.open("rb") as file:
        entry = read_directory(file)[0].columns[name]
    dtype = np.dtype(entry["dtype"])
    data = bytearray(path.read_bytes())
    at = entry["offset"] + (index % entry["shape"][0]) * dtype.itemsize
    data[at : at + dtype.itemsize] = np.array([value], dtype=dtype).tobytes()
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "index", "value"),
    [
        ("node_type", 0, 1000),
        ("node_flags", 0, 4),
        ("node_flags", -1, 0),
        ("node_address", 1, 0),
        ("edge_offset", 0, 1),
        ("edge_offset", 1, 1000),
        ("edge_offset", -1, 1 << 40),
        ("edge_target", 3, 1000),
        ("edge_kind", 0, 0),
        ("edge_kind", 0, 13),
        ("type_name", 0, NO_NODE),
        ("type_node", 0, 1000),
        ("string_offset", 1, 1 << 63),
        ("string_offset", -1, 3),
        ("string_bytes", 0, 0xFF),
        ("string_node", 0, 1000),
        ("string_node", 1, 0),
        ("int_node", 0, NO_NODE),
        ("fact_node", 0, 1000),
        ("fact_node", 0, 12),
        ("root_label", 0, 1000),
        ("unreached_type", 0, -2),
        ("unreached_type", 0, 100),
        ("site_parent", 0, 0),
        ("site_parent", 1, -2),
        ("site_file", 0, 1000),
        ("site_function", 0, 1000),
        ("sample_node", 0, 1000),
        ("sample_site", 0, 2),
        ("sample_site", 0, -2),
    ],
)
def test_values_of_columns_are_checked(
    columns_file: Path, name: str, index: int, value: int
) -> None:
    rewritten(columns_file, name, index, value)
    with pytest.raises(SnapshotError, match=f"column {name} holds a value"):
        read_columns(columns_file)
    assert read_columns(columns_file, is_trusted=True).node_count


@pytest.mark.parametrize("kind", [EdgeKind.VALUE, EdgeKind.ATTR, EdgeKind.FIELD])
def test_edge_names_are_checked(columns_file: Path, kind: EdgeKind) -> None:
    edge = int(np.flatnonzero(read_columns(columns_file).edge_kind == kind)[0])
    rewritten(columns_file, "edge_name", edge, NO_NODE if kind == EdgeKind.VALUE else 500)
    with pytest.raises(SnapshotError, match=f"edge {edge} has a name that does not exist"):
        read_columns(columns_file)


def redirected(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the directory of the file; offsets stay right."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    members = json.loads(data[16 : 16 + length])
    change(members)
    text = json.dumps(members).encode().ljust(length)
    assert len(text) == length, "the test may not make the directory longer"
    path.write_bytes(data[:16] + text + struct.pack("<Q", block_hash(text)) + data[24 + length :])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.pop("columns"), "lacks the source hash or the columns"),
        (lambda m: m.pop("header"), "lacks the header"),
        (lambda m: m["footer"].pop("nodes"), "footer has no member 'nodes'"),
        (lambda m: m.update(format="x"), "says format 'x'"),
        (lambda m: m["columns"].pop(0), "lacks column 'node_address'"),
        (lambda m: m["columns"][1].update(name="node_size"), "'node_size' twice"),
        (lambda m: m["columns"].__setitem__(0, 1), "not a column"),
        (lambda m: m["columns"][0].update(dtype="<u4"), "node_address is not of type <u8"),
        (lambda m: m["columns"][0].update(shape=[1, 1], unit=""), "no shape"),
        (lambda m: m["columns"][0].update(shape=[3]), "length of column node_address"),
        (lambda m: m["columns"][0].update(shape=[-1]), "no valid place"),
        (lambda m: m["columns"][0].update(offset=0), "no valid place"),
        (lambda m: m["columns"][0].update(offset=4097), "no valid place"),
        (lambda m: m["columns"][0].update(offset=1 << 40, doc=""), "truncated"),
    ],
)
def test_directory_is_checked(
    columns_file: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    redirected(columns_file, change)
    with pytest.raises(SnapshotError, match=message):
        read_columns(columns_file)


def test_damaged_columns_file(columns_file: Path) -> None:
    data = columns_file.read_bytes()
    cases = [
        (data[:8] + b"\x02\0" + data[10:], "format version 2.0"),
        (data[:12] + b"\xff\xff\xff\xff" + data[16:], "a directory of 4294967295 bytes"),
        (data[:12], "truncated"),
        (data[:500], "inside its directory"),
        (data[:300] + b"~" + data[301:], "the hash of the directory"),
    ]
    for content, message in cases:
        columns_file.write_bytes(content)
        with pytest.raises(SnapshotError, match=message):
            open_snapshot(columns_file)


def test_every_truncation_of_a_columns_file_is_refused(columns_file: Path) -> None:
    data = columns_file.read_bytes()
    with columns_file.open("rb") as file:
        directory, _ = read_directory(file)
    end = max(
        entry["offset"] + np.dtype(entry["dtype"]).itemsize * entry["shape"][0]
        for entry in directory.columns.values()
        if entry["shape"][0]
    )
    assert end == len(data)
    for length in range(0, len(data), 61):
        columns_file.write_bytes(data[:length])
        with pytest.raises(SnapshotError):
            open_snapshot(columns_file)


# ---- archives ----


def test_archive_is_smaller(tmp_path: Path) -> None:
    w = StreamWriter()
    w.type("t")
    for i in range(1, 20_000):
        w.node(i * 64, 0)
    stream = w.write(tmp_path / "s")
    pack_stream(stream, tmp_path / "z")
    assert (tmp_path / "z").stat().st_size < stream.stat().st_size / 5
    assert_same_columns(open_snapshot(tmp_path / "z"), open_snapshot(stream))


def test_only_streams_are_packed(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no stream")
    with pytest.raises(SnapshotError, match="x: not a snapshot stream"):
        pack_stream(tmp_path / "x", tmp_path / "z")
    assert not (tmp_path / "z").exists()


def test_damaged_archives() -> None:
    data = rich_stream().to_bytes()
    packed = zstandard.ZstdCompressor(write_checksum=True).compress(data)
    assert decompress(packed) == data
    for length in range(len(packed)):
        with pytest.raises(SnapshotError):
            decompress(packed[:length])
    with pytest.raises(SnapshotError, match="5 bytes follow"):
        decompress(packed + b"12345")
    for at in range(0, len(packed), 7):
        damaged = bytearray(packed)
        damaged[at] ^= 0x10
        with pytest.raises(SnapshotError):
            decompress(bytes(damaged))


def test_decompression_is_bounded() -> None:
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(1 << 28))
    assert len(bomb) < 100_000
    with pytest.raises(SnapshotError, match="claims 268435456 bytes"):
        decompress(bomb)
    liar = bytearray(zstandard.ZstdCompressor().compress(bytes(1 << 20)))
    size_at = liar.index(struct.pack("<I", 1 << 20))
    liar[size_at : size_at + 4] = struct.pack("<I", 100)
    with pytest.raises(SnapshotError):
        decompress(bytes(liar))
    unknown = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    with pytest.raises(SnapshotError, match="does not say how large"):
        decompress(unknown.compress(b"x" * 99) + unknown.flush())


# ---- the catalog ----


def capture(folder: Path, name: str, label: str, sequence: int, pid: int, created: str) -> Path:
    process = {"pid": pid, "start_ticks": 1, "boot_id": "b", "uid": 0}
    header = {"label": label, "sequence": sequence, "process": process, "created": created}
    return StreamWriter(header).write(folder / name)


def test_catalog_lists_in_the_order_taken(tmp_path: Path) -> None:
    capture(tmp_path, "z.lkheap", "baseline", 0, 9, "2026-01-01T00:00:01")
    capture(tmp_path, "y.lkheap", "loaded", 2, 9, "2026-01-01T00:00:09")
    capture(tmp_path, "x.lkheap", "window", 1, 9, "2026-01-01T00:00:05")
    capture(tmp_path, "a.lkheap", "later", 0, 3, "2026-01-01T00:00:06")
    (tmp_path / "notes.txt").write_text("not listed")
    catalog = list_snapshots(tmp_path)
    assert [entry.label for entry in catalog.entries] == ["baseline", "window", "loaded", "later"]
    assert [entry.sequence for entry in catalog.entries] == [0, 1, 2, 0]
    assert catalog.problems == ()
    assert catalog.by_label("loaded").path == tmp_path / "y.lkheap"
    with pytest.raises(SnapshotError, match=r"'nope' .labels: baseline, later, loaded, window"):
        catalog.by_label("nope")


def test_catalog_takes_the_last_of_a_label(tmp_path: Path) -> None:
    for sequence in range(3):
        capture(tmp_path, f"{sequence}.lkheap", "same", sequence, 9, "t")
    assert list_snapshots(tmp_path).by_label("same").sequence == 2


def test_catalog_prefers_the_mapped_form(tmp_path: Path) -> None:
    path = capture(tmp_path, "a.lkheap", "one", 0, 9, "t")
    pack_stream(path, tmp_path / "a.lkheap.zst")
    assert [e.form for e in list_snapshots(tmp_path).entries] == [SnapshotForm.STREAM]
    write_columns(tmp_path / "a.lkcols", read_stream(path))
    assert [e.form for e in list_snapshots(tmp_path).entries] == [SnapshotForm.COLUMNS]
    path.unlink()
    (tmp_path / "a.lkcols").unlink()
    (entry,) = list_snapshots(tmp_path).entries
    assert (entry.form, entry.label) == (SnapshotForm.ARCHIVE, "one")


def test_catalog_names_what_it_cannot_read(tmp_path: Path) -> None:
    capture(tmp_path, "good.lkheap", "good", 0, 9, "t")
    (tmp_path / "empty.lkheap").touch()
    (tmp_path / "short.lkheap").write_bytes(rich_stream().to_bytes()[:100])
    (tmp_path / "bad.lkheap.zst").write_bytes(b"\x28\xb5\x2f\xfd\xff\xff\xff")
    catalog = list_snapshots(tmp_path)
    assert [entry.label for entry in catalog.entries] == ["good"]
    assert [str(e).split("/")[-1].split(" ")[0].rstrip(":") for e in catalog.problems] == [
        "bad.lkheap.zst",
        "empty.lkheap",
        "short.lkheap",
    ]


def test_catalog_of_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match=r"cannot list .*No such file"):
        list_snapshots(tmp_path / "gone")


@pytest.mark.parametrize(
    ("sequence", "label", "name"),
    [
        (0, "baseline", "000-baseline.lkheap"),
        (12, "after ../../etc/passwd", "012-after-..-..-etc-passwd.lkheap"),
        (3, "\n\x1b", "003-snapshot.lkheap"),
        (4, "x" * 300, f"004-{'x' * 40}.lkheap"),
    ],
)
def test_file_names(sequence: int, label: str, name: str) -> None:
    assert file_name(sequence, label) == name
