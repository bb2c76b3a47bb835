"""What runs in a process, seen from outside: nothing of it is executed for that."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from leakhunt.errors import TargetError
from leakhunt.target.attach import stub
from leakhunt.target.attach.elf import MACHINE_X86_64, LoadedElf, NotElfError
from leakhunt.target.attach.loaded import loaded_names
from leakhunt.target.attach.maps import MappedFile, mapped_files
from leakhunt.target.attach.memory import CachedReader, Memory
from leakhunt.target.attach.procfs import PROC, read_start_ticks
from leakhunt.target.attach.registers import SYSCALL_INSTRUCTION

SUPPORTED = "leakhunt attaches to CPython 3.11 to 3.14 on x86-64 Linux with glibc"

_DEBUG_NAMES = ("_Py_RefTotal", "_Py_GetGlobalRefTotal")
_DEBUG_OFFSETS_COOKIE = b"xdebugpy"
_LEA_RAX = b"\x48\x8d\x05"


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """The Python interpreter of a running process."""

    pid: int
    start_ticks: int
    """Clock ticks after boot at which the process started: with the PID, it names it."""
    executable: str
    """As the process itself sees it (within ``root``)."""
    root: str
    """Where the process's files can be reached from outside: ``/proc/PID/root``."""
    library: str
    """The mapped file that holds the interpreter: the executable or a libpython."""
    hexversion: int
    is_debug: bool
    is_free_threaded: bool
    is_x86_64: bool
    libc: str
    """For instance ``glibc 2.36``; ``musl``; empty when there is none to be seen."""

    @property
    def version(self) -> tuple[int, int, int]:
        """Major, minor and micro version."""
        return self.hexversion >> 24, self.hexversion >> 16 & 0xFF, self.hexversion >> 8 & 0xFF

    @property
    def version_text(self) -> str:
        """``3.12.1``."""
        return ".".join(str(part) for part in self.version)


@dataclass(frozen=True, slots=True)
class EntryPoints:
    """Addresses in one process that an injection uses."""

    address_by_name: dict[str, int]
    syscall_instruction: int


class ProcessImage:
    """The loaded files of a process in which the interpreter and the C library are found."""

    def __init__(self, pid: int, memory: Memory, proc: Path = PROC) -> None:
        """Cost: a millisecond or two.  Raises TargetError when no CPython is there."""
        self.pid = pid
        self._proc = proc
        self._reader = CachedReader(memory)
        try:
            link = os.readlink(f"{proc}/{pid}/exe")  # noqa: PTH115 - see small_file
            self._executable = link.removesuffix(" (deleted)")
            self.files = mapped_files(pid, proc)
        except OSError as exc:
            raise TargetError(f"process {pid} cannot be looked at: {exc.strerror}") from exc
        self._python_file, self._python = self._find_python()
        self._libc_file, self._libc = self._find_libc()

    def identity(self) -> ProcessIdentity:
        """Which interpreter it is."""
        return ProcessIdentity(
            pid=self.pid,
            start_ticks=read_start_ticks(self.pid, self._proc),
            executable=self._executable,
            root=f"{self._proc}/{self.pid}/root",
            library=self._python_file.path,
            hexversion=self._hexversion(),
            is_debug=any(self._python.symbol(name) for name in _DEBUG_NAMES),
            is_free_threaded=self._is_free_threaded(),
            is_x86_64=self._python.machine == MACHINE_X86_64,
            libc=self._libc_text(),
        )

    def entry_points(self) -> EntryPoints:
        """What an injection needs.  Raises TargetError when a function is missing."""
        address_by_name = self.addresses((*stub.PYTHON_FUNCTIONS, *stub.LIBC_FUNCTIONS))
        return EntryPoints(address_by_name, self._syscall_instruction())

    def addresses(self, names: Iterable[str]) -> dict[str, int]:
        """Of functions of the interpreter (``Py...``) and the C library.

        Raises TargetError when one is missing.
        """
        found: dict[str, int] = {}
        for name in names:
            symbol = next(
                (s for elf in self._files_for(name) if (s := elf.symbol(name)) is not None), None
            )
            if symbol is None:
                raise TargetError(
                    f"process {self.pid} hides {name}, which an attach needs", hint=SUPPORTED
                )
            found[name] = symbol.address
        return found

    def _files_for(self, name: str) -> Iterator[LoadedElf]:
        """Where a function may be, the likeliest first."""
        if name.startswith("Py"):
            yield self._python
            return
        if self._libc is not None:
            yield self._libc
        # Before glibc 2.34 the threads were a library of their own.
        for file in self.files:
            if file.name.startswith("libpthread"):
                elf = self._load(file)
                if elf is not None:
                    yield elf

    def loaded_names(self) -> dict[int, str]:
        """Name by start address of the libraries that were loaded through a descriptor."""
        return loaded_names(self._reader, self.files)

    # --- where things are -----------------------------------------------------------------------

    def _find_python(self) -> tuple[MappedFile, LoadedElf]:
        """The executable if it holds the interpreter, else a shared library of that name."""
        own = [file for file in self.files if file.path == self._executable]
        shared = [file for file in self.files if "python" in file.name and file not in own]
        for file in own + shared:
            elf = self._load(file)
            if elf is not None and elf.symbol("Py_AddPendingCall"):
                return file, elf
        what = PurePosixPath(self._executable).name or "this process"
        raise TargetError(
            f"process {self.pid} ({what}) runs no CPython that can be seen",
            hint="give the PID of the Python process itself, not of a shell or wrapper around it;"
            f" {SUPPORTED}",
        )

    def _find_libc(self) -> tuple[MappedFile | None, LoadedElf | None]:
        for file in self.files:
            if file.name.startswith(("libc.so", "libc-", "ld-musl", "libc.musl")):
                elf = self._load(file)
                if elf is not None and elf.symbol("syscall"):
                    return file, elf
        return None, None

    def _load(self, file: MappedFile) -> LoadedElf | None:
        try:
            return LoadedElf(self._reader, file.start)
        except (NotElfError, OSError):
            return None

    def _syscall_instruction(self) -> int:
        assert self._libc is not None
        function = self._libc.symbol("syscall")
        assert function is not None
        size = function.size_bytes or 64
        offset = self._reader.read(function.address, size).find(SYSCALL_INSTRUCTION)
        if offset < 0:
            raise TargetError(
                f"the C library of process {self.pid} is not understood", hint=SUPPORTED
            )
        return function.address + offset

    # --- what they say ----------------------------------------------------------------------------

    def _hexversion(self) -> int:
        """``Py_Version``; 0 for interpreters before 3.11, which do not have it."""
        symbol = self._python.symbol("Py_Version")
        if symbol is None:
            return 0
        return int.from_bytes(self._reader.read(symbol.address, 8)[:4], "little")

    def _is_free_threaded(self) -> bool:
        """Interpreters from 3.13 on say so at the start of their runtime state."""
        symbol = self._python.symbol("_PyRuntime")
        if symbol is None:
            return False
        head = self._reader.read(symbol.address, 24)
        return head[:8] == _DEBUG_OFFSETS_COOKIE and head[16:24] != bytes(8)

    def _libc_text(self) -> str:
        if self._libc is None or self._libc_file is None:
            return ""
        if "musl" in self._libc_file.name:
            return "musl"
        function = self._libc.symbol("gnu_get_libc_version")
        if function is None:
            return ""
        # The function is one instruction that loads the address of the text.
        code = self._reader.read(function.address, 16)
        at = code.find(_LEA_RAX)
        if at < 0:
            return "glibc"
        distance = int.from_bytes(code[at + 3 : at + 7], "little", signed=True)
        text = self._reader.read_text(function.address + at + 7 + distance, 16)
        return f"glibc {text.decode('ascii', 'replace')}"
