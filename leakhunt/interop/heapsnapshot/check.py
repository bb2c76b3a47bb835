"""The strict reader of ``.heapsnapshot`` files: says what is wrong, and where.

Chrome DevTools and memlab load files with wrong counts, doubled ids or edges of the wrong node
without a word: that a file loads there proves little.  This reader takes what V8 writes and
what we write, and nothing else.
"""

from __future__ import annotations

import mmap
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from leakhunt.errors import SnapshotError
from leakhunt.interop.heapsnapshot.header import Header
from leakhunt.interop.heapsnapshot.strings import checksum_of, quoted
from leakhunt.interop.heapsnapshot.text import SnapshotText
from leakhunt.interop.heapsnapshot.writer import OnRows
from leakhunt.store.columns import U32
from leakhunt.store.files import reason_of

_CHUNK_ROWS = 1 << 17
_NUMBERED = ("element", "hidden")
_OPTIONAL = (
    "trace_function_infos", "trace_tree", "samples", "locations",
    "scopes", "scope_context_vars", "scope_uses",
)  # fmt: skip
"""Sections between edges and strings, in their order."""
_BATCH = 1 << 16


@dataclass(frozen=True, slots=True)
class Checked:
    """A file in which nothing is wrong."""

    path: Path
    title: str
    node_count: int
    edge_count: int
    string_count: int
    self_bytes: int
    """Sum of all sizes."""
    is_ours: bool
    """Written by leakhunt, and not changed since: its checksums agree.  Without checksums an
    edge that was moved from one node to the next cannot be told."""


@dataclass(slots=True)
class _Names:
    """The largest string index in use, and where: known to be too large only at the end."""

    largest: int = -1
    where: str = ""

    def note(self, indexes: U32, first_row: int, rows: np.ndarray, what: str) -> None:
        if len(indexes) and int(indexes.max()) > self.largest:
            at = int(indexes.argmax())
            self.largest = int(indexes[at])
            self.where = f"{what} {first_row + int(rows[at]):,}"


def check_heapsnapshot(path: Path, on_rows: OnRows | None = None) -> Checked:
    """Read a file to its end and agree with all of it.

    Memory: about 20 bytes a node and the strings; the file is mapped.  O(file).

    Raises:
        SnapshotError: it cannot be read, or something in it is wrong; says what and where.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Check(path, SnapshotText(path, data), on_rows).run()
    except ValueError as error:  # mmap refuses an empty file
        raise SnapshotError(f"{path} is empty", hint="export it again") from error
    except OSError as error:
        raise SnapshotError(
            f"cannot read {path}: {reason_of(error)}", hint="check the path of the file"
        ) from error


class _Check:
    """One pass over one file."""

    def __init__(self, path: Path, text: SnapshotText, on_rows: OnRows | None) -> None:
        self._path = path
        self._text = text
        self._tell = on_rows or (lambda _section, _done, _total: None)
        self._names = _Names()
        self._self_bytes = 0
        self._sums: dict[str, str] = {}

    def run(self) -> Checked:
        header = self._text.header()
        self._nodes(header)
        self._edges(header)
        self._sections(header)
        strings = self._strings()
        if self._names.largest >= strings:
            self._fail(
                f"{self._names.where} has the name {self._names.largest:,}, but there are"
                f" {strings:,} strings"
            )
        self._compare_checksums(header)
        return Checked(
            self._path, header.title, header.node_count, header.edge_count, strings,
            self._self_bytes, header.checksums is not None,
        )  # fmt: skip

    # ---- nodes ----

    def _nodes(self, header: Header) -> None:
        fields = header.node_fields
        ids = np.empty(header.node_count, np.uint32)
        edges, checksum = 0, 0
        for first, rows in self._rows("node", fields, header.node_count):
            self._check_enumeration("node", rows[:, fields.index("type")], header.node_types, first)
            self._names.note(rows[:, fields.index("name")], first, np.arange(len(rows)), "node")
            ids[first : first + len(rows)] = rows[:, fields.index("id")]
            edges += int(rows[:, fields.index("edge_count")].sum(dtype=np.uint64))
            self._self_bytes += int(rows[:, fields.index("self_size")].sum(dtype=np.uint64))
            checksum = zlib.crc32(rows.data, checksum)
        self._sums["node_crc32"] = f"{checksum:08x}"
        self._check_ids(ids, is_ours=header.checksums is not None)
        if edges != header.edge_count:
            self._fail(f"the nodes own {edges:,} edges, the header counts {header.edge_count:,}")

    def _check_ids(self, ids: U32, *, is_ours: bool) -> None:
        order = np.argsort(ids, kind="stable")
        same = np.flatnonzero(ids[order[1:]] == ids[order[:-1]])
        if len(same):
            one, other = int(order[same[0]]), int(order[same[0] + 1])
            self._fail(f"nodes {one:,} and {other:,} have the same id {int(ids[one])}")
        even = np.flatnonzero(ids % 2 == 0)
        if is_ours and len(even):
            self._fail(f"node {int(even[0]):,} has the even id {int(ids[even[0]])}")

    # ---- edges ----

    def _edges(self, header: Header) -> None:
        fields, width = header.edge_fields, len(header.node_fields)
        numbered = [i for i, word in enumerate(header.edge_types) if word in _NUMBERED]
        checksum = 0
        for first, rows in self._rows("edge", fields, header.edge_count):
            types = rows[:, fields.index("type")]
            self._check_enumeration("edge", types, header.edge_types, first)
            named = np.flatnonzero(~np.isin(types, numbered))
            self._names.note(rows[named, fields.index("name_or_index")], first, named, "edge")
            targets = rows[:, fields.index("to_node")]
            bad = np.flatnonzero((targets % width != 0) | (targets // width >= header.node_count))
            if len(bad):
                self._fail(
                    f"edge {first + int(bad[0]):,} leads to {int(targets[bad[0]])}, where no node"
                    f" starts ({header.node_count:,} nodes of {width} numbers)"
                )
            checksum = zlib.crc32(rows.data, checksum)
        self._sums["edge_crc32"] = f"{checksum:08x}"

    # ---- rows of numbers ----

    def _rows(self, what: str, fields: tuple[str, ...], count: int) -> Iterator[tuple[int, U32]]:
        """Pieces of the section of nodes or edges, each with the number of its first row."""
        section = f"{what}s"
        self._text.key(section)
        width, first = len(fields), 0
        for numbers in self._text.numbers(section, fields, _CHUNK_ROWS * width):
            rows = numbers.reshape(-1, width)
            if first + len(rows) > count:
                self._fail_count(what, count, self._text.count_of_numbers(section) // width)
            yield first, rows
            first += len(rows)
            self._tell(section, first, count)
        if first != count:
            self._fail_count(what, count, first)

    def _fail_count(self, what: str, expected: int, found: int) -> NoReturn:
        self._fail(f"the header counts {expected:,} {what}s, the file holds {found:,}")

    def _check_enumeration(self, what: str, types: U32, words: tuple[str, ...], first: int) -> None:
        bad = np.flatnonzero(types >= len(words))
        if len(bad):
            self._fail(
                f"{what} {first + int(bad[0]):,} has type {int(types[bad[0]])} of {len(words)}"
            )

    # ---- the rest ----

    def _sections(self, header: Header) -> None:
        """The optional sections: in order, and there when they must be."""
        for name in _OPTIONAL:
            if not self._text.has_key(name):
                if name in header.mandatory:
                    self._fail(f"section {name!r} is missing, which the header announces")
                continue
            self._text.key(name)
            if name == "trace_tree":
                self._text.skip_tree()
                continue
            width = header.width_by_section.get(name)
            if width is None:
                self._fail(f"section {name!r} is there, but meta does not list its fields")
            count = sum(map(len, self._text.numbers(name, (), _CHUNK_ROWS)))
            if width and count % width:
                self._fail(f"section {name!r} has {count:,} numbers: no rows of {width}")

    def _strings(self) -> int:
        self._text.key("strings")
        texts = self._text.strings()
        checksum = 0
        for start in range(0, len(texts), _BATCH):
            batch = [quoted(text) for text in texts[start : start + _BATCH]]
            checksum = checksum_of(batch, checksum)
            self._tell("strings", start + len(batch), len(texts))
        self._sums["string_crc32"] = f"{checksum:08x}"
        return len(texts)

    def _compare_checksums(self, header: Header) -> None:
        if header.checksums is None:
            return
        for name, found in self._sums.items():
            if header.checksums.get(name) != found:
                section = name.removesuffix("_crc32")
                self._fail(
                    f"the {section}s are not those that leakhunt wrote: their checksum is {found},"
                    f" the header says {header.checksums.get(name)}"
                )

    def _fail(self, problem: str) -> NoReturn:
        self._text.fail(problem)
