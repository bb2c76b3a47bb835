"""Another process's memory, read and written through ``/proc/PID/mem``."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

from leakhunt.target.attach.libc import read_at, write_at

_BLOCK_BYTES = 4096
_BLOCK_COUNT_MAX = 4096


class Memory:
    """An open view of one process's memory; a context manager.

    Opening it needs the right to trace the process: it is the honest test of that right.
    Writes reach read-only and executable mappings too, as for every debugger.
    """

    def __init__(self, pid: int, proc: Path = Path("/proc")) -> None:
        """Raises OSError: PermissionError without the right to trace."""
        self._fd = os.open(f"{proc}/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)

    def read(self, address: int, size: int) -> bytes:
        """Exactly ``size`` bytes.  Raises OSError when they are not all mapped."""
        data = read_at(self._fd, address, size)
        if len(data) != size:
            raise OSError(f"only {len(data)} of {size} bytes at {address:#x} can be read")
        return data

    def read_u32(self, address: int) -> int:
        """One unsigned 32-bit number."""
        (value,) = struct.unpack("<I", self.read(address, 4))
        return int(value)

    def read_u64(self, address: int) -> int:
        """One unsigned 64-bit number."""
        (value,) = struct.unpack("<Q", self.read(address, 8))
        return int(value)

    def write(self, address: int, data: bytes) -> None:
        """All of ``data``.  Raises OSError."""
        write_at(self._fd, address, data)

    def close(self) -> None:
        """Safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class CachedReader:
    """Many small reads of memory that does not change, in blocks of a page."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._block_by_address: dict[int, bytes] = {}

    def read(self, address: int, size: int) -> bytes:
        """As ``Memory.read``."""
        first = address & -_BLOCK_BYTES
        data = b"".join(self._block(block) for block in range(first, address + size, _BLOCK_BYTES))
        return data[address - first : address - first + size]

    def read_text(self, address: int, size_max: int = 256) -> bytes:
        """Bytes up to a zero, or the first ``size_max``."""
        found = b""
        while len(found) < size_max:
            rest = _BLOCK_BYTES - (address + len(found)) % _BLOCK_BYTES
            part = self.read(address + len(found), rest)
            found += part
            if b"\0" in part:
                break
        return found.split(b"\0", 1)[0][:size_max]

    def _block(self, address: int) -> bytes:
        block = self._block_by_address.get(address)
        if block is None:
            block = self._memory.read(address, _BLOCK_BYTES)
            if len(self._block_by_address) >= _BLOCK_COUNT_MAX:
                self._block_by_address.clear()
            self._block_by_address[address] = block
        return block
