"""Where a loaded library keeps its public functions, read from the process's own memory.

The program headers, the dynamic section, the hash table and the symbols of a loaded ELF file
are mapped.  Reading them there needs no file: it works for libraries that were replaced on
disk since, and across mount namespaces.

Source: System V ABI, chapter 5; the GNU hash table as the glibc loader reads it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from leakhunt.target.attach.memory import CachedReader

_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_HASH, _DT_STRTAB, _DT_SYMTAB, _DT_GNU_HASH = 4, 5, 6, 0x6FFFFEF5
_ET_EXEC = 2
_PROGRAM_HEADER_COUNT_MAX = 128
_DYNAMIC_COUNT_MAX = 256
_CHAIN_COUNT_MAX = 1 << 20
_SYMBOL_BYTES = 24

MACHINE_X86_64 = 62
"""``e_machine`` of x86-64."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A public function or variable of a loaded file."""

    address: int
    size_bytes: int


class NotElfError(ValueError):
    """What lies there is no loaded 64-bit ELF file with public symbols."""


class LoadedElf:
    """The public symbols of one ELF file in a process."""

    def __init__(self, reader: CachedReader, start: int) -> None:
        """``start`` is where its first byte is mapped.  Raises NotElfError or OSError."""
        self._reader = reader
        header = reader.read(start, 64)
        if header[:6] != b"\x7fELF\x02\x01":
            raise NotElfError(f"no 64-bit ELF header at {start:#x}")
        kind, self.machine = struct.unpack_from("<HH", header, 16)
        (offset,) = struct.unpack_from("<Q", header, 32)
        entry_bytes, count = struct.unpack_from("<HH", header, 54)
        if count > _PROGRAM_HEADER_COUNT_MAX or entry_bytes != 56:
            raise NotElfError(f"odd program headers at {start:#x}")
        table = reader.read(start + offset, count * entry_bytes)
        headers = list(struct.iter_unpack("<IIQQQQQQ", table))
        loads = [h[3] for h in headers if h[0] == _PT_LOAD]
        dynamic = [(h[3], h[6]) for h in headers if h[0] == _PT_DYNAMIC]
        if not loads or not dynamic:
            raise NotElfError(f"the ELF file at {start:#x} has no dynamic section")
        self.bias = 0 if kind == _ET_EXEC else start - (min(loads) & -4096)
        self._read_dynamic(self.bias + dynamic[0][0], dynamic[0][1])

    def _read_dynamic(self, address: int, size: int) -> None:
        value_by_tag: dict[int, int] = {}
        size = min(size, _DYNAMIC_COUNT_MAX * 16) & -16
        for tag, value in struct.iter_unpack("<qQ", self._reader.read(address, size)):
            if tag == 0:
                break
            # The loader replaces offsets by addresses, except where the section is read-only.
            is_offset = 0 < value < self.bias
            value_by_tag[tag] = value + self.bias if is_offset else value
        try:
            self._symbols = value_by_tag[_DT_SYMTAB]
            self._texts = value_by_tag[_DT_STRTAB]
        except KeyError as exc:
            raise NotElfError(f"no symbol table at {address:#x}") from exc
        self._gnu_hash = value_by_tag.get(_DT_GNU_HASH)
        self._hash = value_by_tag.get(_DT_HASH)

    def symbol(self, name: str) -> Symbol | None:
        """The defined public symbol of that name.  Cost: a few reads (linear in the number
        of symbols for files without a GNU hash table)."""
        wanted = name.encode()
        for index in self._candidates(wanted):
            fields = self._reader.read(self._symbols + index * _SYMBOL_BYTES, _SYMBOL_BYTES)
            text, _, _, section, value, size = struct.unpack("<IBBHQQ", fields)
            if section and self._reader.read_text(self._texts + text) == wanted:
                return Symbol(self.bias + value, size)
        return None

    def _candidates(self, name: bytes) -> Iterator[int]:
        """Indexes of symbols that may have this name."""
        if self._gnu_hash is not None:
            return self._gnu_candidates(name, self._gnu_hash)
        if self._hash is None:
            return iter(())
        _, count = struct.unpack("<II", self._reader.read(self._hash, 8))
        return iter(range(1, min(count, _CHAIN_COUNT_MAX)))

    def _gnu_candidates(self, name: bytes, table: int) -> Iterator[int]:
        bucket_count, first, bloom_count, _ = struct.unpack("<4I", self._reader.read(table, 16))
        if not bucket_count:
            return
        wanted = 5381
        for byte in name:
            wanted = (wanted * 33 + byte) & 0xFFFFFFFF
        buckets = table + 16 + bloom_count * 8
        index = self._u32(buckets + 4 * (wanted % bucket_count))
        chain = buckets + 4 * bucket_count
        for _ in range(_CHAIN_COUNT_MAX):
            if index < first:
                return
            found = self._u32(chain + 4 * (index - first))
            if found | 1 == wanted | 1:
                yield index
            if found & 1:
                return
            index += 1

    def _u32(self, address: int) -> int:
        (value,) = struct.unpack("<I", self._reader.read(address, 4))
        return int(value)
