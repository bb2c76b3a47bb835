"""Would a process's system call filters kill it for what an attach and the agent do?

The filters are classic BPF programs over the number, the architecture and the arguments of a
system call.  The kernel hands them out to a tracer that has CAP_SYS_ADMIN and no filter of its
own; here they are run for each call that we make, with arguments of zero.

Source: Linux, Documentation/userspace-api/seccomp_filter.rst and include/uapi/linux/bpf_common.h.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Sequence

from leakhunt.target.attach.libc import ptrace
from leakhunt.target.attach.procfs import ProcessStatus
from leakhunt.target.attach.ptrace import StoppedThread

_CAP_SYS_ADMIN = 1 << 21
_GET_FILTER = 0x420C
_AUDIT_ARCH_X86_64 = 0xC000003E
_INSTRUCTION = struct.Struct("<HBBI")
_INSTRUCTION_COUNT_MAX = 4096
_FILTER_COUNT_MAX = 64

# Highest bits of what a filter returns; the kernel takes the lowest of all filters, as signed.
_KILL_PROCESS, _KILL_THREAD, _TRAP, _TRACE = 0x80000000, 0x00000000, 0x00030000, 0x7FF00000
_ACTION_MASK = 0xFFFF0000
_DEADLY = frozenset({_KILL_PROCESS, _KILL_THREAD, _TRAP, _TRACE})

USED_BY_NAME = {
    "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "mmap": 9,
    "mprotect": 10, "munmap": 11, "rt_sigaction": 13, "rt_sigprocmask": 14, "pread64": 17,
    "mremap": 25, "madvise": 28, "dup": 32, "getpid": 39, "sendmsg": 46, "recvmsg": 47,
    "socketpair": 53, "clone": 56, "exit": 60, "wait4": 61, "kill": 62, "fcntl": 72,
    "ftruncate": 77, "readlink": 89, "getrlimit": 97, "getuid": 102, "prctl": 157,
    "gettid": 186, "futex": 202, "clock_gettime": 228, "exit_group": 231, "tgkill": 234,
    "openat": 257, "newfstatat": 262, "readlinkat": 267, "set_robust_list": 273, "ppoll": 271,
    "dup3": 292, "prlimit64": 302, "memfd_create": 319, "statx": 332, "rseq": 334,
    "clone3": 435, "close_range": 436,
}  # fmt: skip
"""System calls of an attach and of the agent, the C library's own for them included."""

Filter = Sequence[tuple[int, int, int, int]]
"""Instructions: code, jump if true, jump if false, constant."""


def can_read_filters(own: ProcessStatus) -> bool:
    """Does the kernel hand out filters to leakhunt?"""
    return bool(own.effective_capabilities & _CAP_SYS_ADMIN) and not own.seccomp


def read_filters(thread: StoppedThread) -> list[Filter]:
    """The filters of a stopped thread.  Raises OSError where the kernel does not hand them out."""
    filters: list[Filter] = []
    for index in range(_FILTER_COUNT_MAX):
        buffer = ctypes.create_string_buffer(_INSTRUCTION_COUNT_MAX * _INSTRUCTION.size)
        try:
            count = ptrace(_GET_FILTER, thread.tid, index, ctypes.addressof(buffer))
        except OSError as exc:
            if exc.errno == errno.ENOENT:
                return filters
            raise
        filters.append(list(_INSTRUCTION.iter_unpack(buffer.raw[: count * _INSTRUCTION.size])))
    raise OSError(errno.E2BIG, "too many filters")


def deadly_calls(filters: Sequence[Filter]) -> list[str]:
    """Those of our system calls that the filters answer with a signal, or hand to a tracer."""
    return [
        name
        for name, number in USED_BY_NAME.items()
        if any(run_filter(f, number) & _ACTION_MASK in _DEADLY for f in filters)
    ]


def run_filter(program: Filter, number: int) -> int:
    """What one filter returns for a system call with arguments of zero.

    An instruction that is not understood counts as deadly.
    """
    data = struct.pack("<iIQ6Q", number, _AUDIT_ARCH_X86_64, 0, *(0,) * 6)
    a = x = at = 0
    scratch = [0] * 16
    while at < len(program):
        code, if_true, if_false, k = program[at]
        at += 1
        kind = code & 0x07
        operand = x if code & 0x08 else k
        if code == 0x20:
            (a,) = struct.unpack_from("<I", data, k)
        elif code in {0x80, 0x81}:
            a, x = (len(data), x) if code == 0x80 else (a, len(data))
        elif code in {0x00, 0x01}:
            a, x = (k, x) if code == 0x00 else (a, k)
        elif code in {0x60, 0x61}:
            a, x = (scratch[k], x) if code == 0x60 else (a, scratch[k])
        elif code in {0x02, 0x03}:
            scratch[k] = a if code == 0x02 else x
        elif kind == 0x05:
            at += k if code == 0x05 else _jump(code, a, operand, if_true, if_false)
        elif kind == 0x06:
            return a if code & 0x18 else k
        elif code in {0x07, 0x87}:
            a, x = (a, a) if code == 0x07 else (x, x)
        elif kind == 0x04:
            a = _compute(code, a, operand)
        else:
            break
    return _KILL_PROCESS


def _jump(code: int, a: int, operand: int, if_true: int, if_false: int) -> int:
    """How many instructions a conditional jump passes over."""
    test = code & 0xF0
    is_true = (
        (test == 0x10 and a == operand)
        or (test == 0x20 and a > operand)
        or (test == 0x30 and a >= operand)
        or (test == 0x40 and bool(a & operand))
    )
    return if_true if is_true else if_false


def _compute(code: int, a: int, operand: int) -> int:
    """Arithmetic on 32 bits."""
    operation = code & 0xF0
    if operation in {0x30, 0x90} and operand == 0:
        return 0
    result = {
        0x00: lambda: a + operand,
        0x10: lambda: a - operand,
        0x20: lambda: a * operand,
        0x30: lambda: a // operand,
        0x40: lambda: a | operand,
        0x50: lambda: a & operand,
        0x60: lambda: a << (operand & 31),
        0x70: lambda: a >> (operand & 31),
        0x80: lambda: -a,
        0x90: lambda: a % operand,
        0xA0: lambda: a ^ operand,
    }[operation]()
    return result & 0xFFFFFFFF
