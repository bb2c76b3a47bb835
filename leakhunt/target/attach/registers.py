"""Registers and system calls of x86-64 Linux, and what they tell about a stopped thread."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

_FIELDS = (
    "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax "
    "rip cs eflags rsp ss fs_base gs_base ds es fs gs"
)
_WORD = 0xFFFFFFFFFFFFFFFF
_TRAP_DIRECTION_ALIGNMENT = 0x100 | 0x400 | 0x40000

SYS_CLOSE = 3
SYS_MMAP = 9
SYS_MUNMAP = 11
SYS_RT_SIGACTION = 13
SYS_SOCKETPAIR = 53
SYS_FCNTL = 72
SYS_FUTEX = 202
SYS_MEMFD_CREATE = 319

SYSCALL_INSTRUCTION = b"\x0f\x05"

# A thread that sleeps in one of these holds no lock of the C library or its allocator, so
# it may be made to start a thread.
_SAFE_NAME_BY_NUMBER = {
    0: "read",
    7: "poll",
    23: "select",
    34: "pause",
    35: "nanosleep",
    42: "connect",
    43: "accept",
    45: "recvfrom",
    47: "recvmsg",
    61: "wait4",
    128: "rt_sigtimedwait",
    202: "futex",
    219: "restart_syscall",
    230: "clock_nanosleep",
    232: "epoll_wait",
    247: "waitid",
    270: "pselect6",
    271: "ppoll",
    281: "epoll_pwait",
    288: "accept4",
    441: "epoll_pwait2",
}
# Semaphores and condition variables wait with a bit set; plain FUTEX_WAIT is what the C
# library's own locks use, and their waiter may hold another one.
_FUTEX_COMMAND_MASK = 0x7F
_FUTEX_WAIT_BITSET = 9


class Registers(ctypes.Structure):
    """``struct user_regs_struct``."""

    _fields_ = [(name, ctypes.c_uint64) for name in _FIELDS.split()]

    def copy(self) -> Registers:
        """An independent copy."""
        return Registers.from_buffer_copy(self)

    def get(self, name: str) -> int:
        """One register as an unsigned number."""
        return int(getattr(self, name))


@dataclass(frozen=True, slots=True)
class ThreadState:
    """Where a thread was when it was stopped."""

    text: str
    """``user code``, ``system call NAME`` or ``lock of the C library``."""
    can_start_thread: bool
    """It sleeps in a system call in which it holds no lock that pthread_create needs."""


def thread_state(registers: Registers) -> ThreadState:
    """What the registers of a stopped thread say."""
    number = registers.get("orig_rax")
    if number >> 63:
        return ThreadState("user code", can_start_thread=False)
    return syscall_state(number, registers.get("rsi"))


def syscall_state(number: int, second_argument: int) -> ThreadState:
    """The state of a thread that sleeps in a system call."""
    if number == SYS_FUTEX and second_argument & _FUTEX_COMMAND_MASK != _FUTEX_WAIT_BITSET:
        return ThreadState("lock of the C library", can_start_thread=False)
    name = _SAFE_NAME_BY_NUMBER.get(number)
    text = f"system call {name or number}"
    return ThreadState(text, can_start_thread=name is not None)


def for_syscall(original: Registers, gadget: int, number: int, *args: int) -> Registers:
    """Registers that make a thread execute one system call at ``gadget``."""
    registers = original.copy()
    registers.rip = gadget
    registers.rax = number
    registers.orig_rax = _WORD  # Not in a system call any more: nothing to restart
    for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), args, strict=False):
        setattr(registers, name, value & _WORD)
    return registers


def for_call(original: Registers, function: int, stack: int, *args: int) -> Registers:
    """Registers that make a thread call a C function; ``stack`` holds its return address."""
    registers = original.copy()
    registers.rip = function
    registers.rsp = stack
    registers.rax = 0
    registers.orig_rax = _WORD
    registers.eflags = registers.get("eflags") & ~_TRAP_DIRECTION_ALIGNMENT
    for name, value in zip(("rdi", "rsi", "rdx", "rcx", "r8", "r9"), args, strict=False):
        setattr(registers, name, value & _WORD)
    return registers


def signed(value: int) -> int:
    """A register's value as a signed number."""
    return value - (1 << 64) if value >> 63 else value
