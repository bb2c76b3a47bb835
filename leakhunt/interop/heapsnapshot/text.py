"""The bytes of a ``.heapsnapshot`` file, read from front to back."""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np

from leakhunt.errors import SnapshotError
from leakhunt.interop import _decimal
from leakhunt.interop.heapsnapshot.header import Header, read_header
from leakhunt.store.columns import U32

_BLANKS = b" \t\r\n"
_MOST_STRINGS = 1 << 30
_TREE = re.compile(rb"[\[\]0-9,\s]*")
_HEADER_BYTES = 1 << 22


class SnapshotText:
    """A place in the file; every method starts where the one before it ended."""

    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self._path = path
        self._data = data
        self._at = 0
        self._section_start = 0
        self._is_first_key = True

    def header(self) -> Header:
        """The ``snapshot`` object."""
        self._expect(b"{", "the file is no JSON object")
        self.key("snapshot")
        self._skip_blanks()
        try:
            header, size = read_header(self._data[self._at : self._at + _HEADER_BYTES])
        except SnapshotError as error:
            self.fail(str(error))
        self._at += size
        for what, count, fields in (
            ("nodes", header.node_count, header.node_fields),
            ("edges", header.edge_count, header.edge_fields),
        ):
            if count * 2 * len(fields) > len(self._data):  # a digit and a comma each
                self.fail(f"the header counts {count:,} {what}, more than the file has room for")
        return header

    def key(self, name: str) -> None:
        """The key of a section with its colon, and the comma before it."""
        if not self.has_key(name):
            found = bytes(self._data[self._at : self._at + 30])
            self.fail(f"section {name!r} is expected at byte {self._at:,}, found {found!r}")
        self._skip_separator()
        self._at += len(name) + 2
        # memlab looks for the key with the colon right behind it.
        self._expect(b":", f"no colon follows the key {name!r} at once", blanks=False)
        self._is_first_key = False

    def has_key(self, name: str) -> bool:
        """Is this the key that comes next?"""
        before = self._at
        try:
            is_separated = self._skip_separator()
            word = b'"%s"' % name.encode("ascii")
            return is_separated and self._data[self._at : self._at + len(word)] == word
        finally:
            self._at = before

    def numbers(self, name: str, fields: tuple[str, ...], most: int) -> Iterator[U32]:
        """The numbers of a section, at most ``most`` at a time."""
        self._expect(b"[", f"section {name!r} is no list")
        self._section_start = self._at
        end = self._data.find(b"]", self._at)
        if end < 0:
            self.fail(f"section {name!r} is cut off at the end of the file")
        width = len(fields)
        while self._at < end:
            out = np.empty(most, np.uint32)
            try:
                with memoryview(self._data) as view:
                    count, self._at = _decimal.parse_numbers(view, self._at, end, out)
            except ValueError as error:
                self._fail_number(error, name, fields)
            if width and count % width:
                self.fail(f"section {name!r} ends in the middle of a row of {width} numbers")
            if count:
                yield out[:count]
        self._at = end + 1

    def count_of_numbers(self, name: str) -> int:
        """Numbers in the section that is being read.  O(section)."""
        end = self._data.find(b"]", self._section_start)
        if end < 0:
            self.fail(f"section {name!r} is cut off at the end of the file")
        return self._data[self._section_start : end].count(b",") + 1

    def skip_tree(self) -> None:
        """The allocation tree: nested lists of numbers, and nothing but."""
        self._skip_blanks()
        match = _TREE.match(self._data, self._at)
        tree = match.group().rstrip(b", \t\r\n") if match else b""
        opened = tree.count(b"[")
        if not tree.startswith(b"[") or opened != tree.count(b"]"):
            self.fail("section 'trace_tree' is no nested list of numbers")
        self._at += len(tree)

    def strings(self) -> list[str]:
        """The last section, and the end of the file behind it."""
        self._skip_blanks()
        end = self._data.rfind(b"]", self._at) + 1
        rest = bytes(self._data[max(end, self._at) :])
        if rest.strip(_BLANKS) != b"}":
            self.fail("the file does not end with the strings and a closing brace")
        try:
            texts = json.loads(self._data[self._at : end].decode("utf-8"))
        except (ValueError, RecursionError) as error:
            self.fail(f"section 'strings' is not JSON: {error}")
        if not isinstance(texts, list):
            self.fail("section 'strings' is no list")
        for i, text in enumerate(texts):
            if not isinstance(text, str):
                self.fail(f"string {i:,} is no string but {type(text).__name__}")
        if len(texts) >= _MOST_STRINGS:
            self.fail(f"there are {len(texts):,} strings, more than readers can number")
        return texts

    def fail(self, problem: str) -> NoReturn:
        """Raise SnapshotError for this file."""
        raise SnapshotError(
            f"{self._path}: {problem}", hint="write the file again: no tool can be trusted with it"
        )

    def _fail_number(self, error: ValueError, name: str, fields: tuple[str, ...]) -> NoReturn:
        problem, offset = error.args
        index = self._data[self._section_start : offset].count(b",")
        where = f"number {index:,} of section {name!r}"
        if fields:
            row, field = divmod(index, len(fields))
            where = f"{name.removesuffix('s')} {row:,}, {fields[field]}"
        self.fail(f"{where} (byte {offset:,}): {problem}")

    def _skip_separator(self) -> bool:
        """Blanks, and the comma that each key but the first needs."""
        self._skip_blanks()
        if self._is_first_key:
            return True
        if self._data[self._at : self._at + 1] != b",":
            return False
        self._at += 1
        self._skip_blanks()
        return True

    def _skip_blanks(self) -> None:
        data, at, size = self._data, self._at, len(self._data)
        while at < size and data[at] in _BLANKS:
            at += 1
        self._at = at

    def _expect(self, word: bytes, problem: str, *, blanks: bool = True) -> None:
        if blanks:
            self._skip_blanks()
        if self._data[self._at : self._at + 1] != word:
            self.fail(f"{problem} (byte {self._at:,})")
        self._at += 1
