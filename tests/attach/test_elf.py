"""Symbols read from memory, against the dynamic linker's own answers."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from leakhunt.target.attach import stub
from leakhunt.target.attach.elf import LoadedElf, NotElfError
from leakhunt.target.attach.library import loadable_part
from leakhunt.target.attach.maps import mapped_files
from leakhunt.target.attach.memory import CachedReader, Memory


@pytest.fixture
def reader() -> Iterator[CachedReader]:
    """Of this very process."""
    with Memory(os.getpid()) as memory:
        yield CachedReader(memory)


def loaded(reader: CachedReader, part_of_name: str, symbol: str) -> LoadedElf:
    """The mapped file of such a name that defines a symbol."""
    for file in mapped_files(os.getpid()):
        if part_of_name in file.name:
            elf = LoadedElf(reader, file.start)
            if elf.symbol(symbol) is not None:
                return elf
    raise AssertionError(f"no {part_of_name} with {symbol}")


def address_of(library: ctypes.CDLL, name: str) -> int | None:
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value


def test_functions_of_the_interpreter(reader: CachedReader) -> None:
    elf = loaded(reader, "python", "Py_AddPendingCall")
    for name in (*stub.PYTHON_FUNCTIONS, "Py_GetVersion", "PyList_New"):
        found = elf.symbol(name)
        assert found is not None
        assert found.address == address_of(ctypes.pythonapi, name)


def test_functions_of_the_c_library(reader: CachedReader) -> None:
    elf = loaded(reader, "libc", "syscall")
    for name in (*stub.LIBC_FUNCTIONS, "malloc", "qsort", "socketpair"):
        found = elf.symbol(name)
        assert found is not None
        assert found.address == address_of(ctypes.CDLL(None), name)


@pytest.mark.parametrize("style", ["sysv", "gnu", "both"])
def test_every_kind_of_hash_table(reader: CachedReader, tmp_path: Path, style: str) -> None:
    names = [f"function_{i}" for i in range(40)]
    source = tmp_path / "many.c"
    source.write_text("".join(f"int {name}(void) {{ return 1; }}\n" for name in names))
    library = tmp_path / f"libmany_{style}.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", f"-Wl,--hash-style={style}", "-o", library, source], check=True
    )
    by_linker = ctypes.CDLL(str(library))
    elf = loaded(reader, library.name, names[0])
    for name in names:
        found = elf.symbol(name)
        assert found is not None
        assert found.address == address_of(by_linker, name)
    assert elf.symbol("function_40") is None
    assert elf.symbol("malloc") is None  # Used, not defined


class _Bytes(CachedReader):
    """A small memory at address 0."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, address: int, size: int) -> bytes:
        part = self._data[address : address + size] if address < len(self._data) else b""
        if len(part) != size:
            raise OSError("not mapped")
        return part


def test_damaged_files_are_refused_and_never_trusted(library: Path) -> None:
    image = loadable_part(library.read_bytes())
    damage = random.Random(7)
    for _ in range(1000):
        data = bytearray(image)
        for _ in range(damage.randrange(1, 6)):
            at = damage.choice(
                (damage.randrange(64), damage.randrange(800), damage.randrange(9000))
            )
            data[at] = damage.randrange(256)
        with contextlib.suppress(NotElfError, OSError):
            LoadedElf(_Bytes(bytes(data)), 0).symbol("PyInit__heap")


def test_what_is_no_elf(reader: CachedReader) -> None:
    text = ctypes.create_string_buffer(b"no program" * 20)
    with pytest.raises(NotElfError):
        LoadedElf(reader, ctypes.addressof(text))
