"""Stop one thread of another process, let it do a few things for us, put it back as it was.

Only that thread is stopped; the others run on.  While it is stopped all its signals are
blocked but those that an instruction can cause: they stay with the kernel, unchanged, and
arrive when the thread goes on.  It gets back its general and vector registers, its signal
mask and the system call it was in, which the kernel then restarts with its old deadline.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import struct
import time
from types import TracebackType
from typing import Self

from leakhunt.errors import TargetError
from leakhunt.target.attach.bell import bell
from leakhunt.target.attach.libc import ptrace, sched_yield, wait_for
from leakhunt.target.attach.memory import Memory
from leakhunt.target.attach.procfs import read_status
from leakhunt.target.attach.registers import Registers, for_call, for_syscall, signed

_CONT, _SINGLESTEP, _GETREGS, _SETREGS, _DETACH = 7, 9, 12, 13, 17
_GETSIGINFO, _GETREGSET, _SETREGSET = 0x4202, 0x4204, 0x4205
_SEIZE, _INTERRUPT = 0x4206, 0x4207
_GETSIGMASK, _SETSIGMASK = 0x420A, 0x420B
_EVENT_STOP = 128
_WALL = 0x40000000
_NT_X86_XSTATE = 0x202
_XSTATE_BYTES_MAX = 32 << 10
_SIGINFO_BYTES = 128
_SI_CODE = 8

STOP_TIMEOUT_S = 2.0
"""A thread that does not stop in this time sleeps uninterruptibly in the kernel."""

CALL_TIMEOUT_S = 2.0
"""A call that does not return in this time is given up."""

# The 128 bytes below the stack pointer belong to the running function.  Below them lie 64
# bytes of ours, within one page: the return address of calls, then room for results.
_RED_ZONE_BYTES = 128
_BLOCK_BYTES = 64
_RETURN_ADDRESS = 8
_RESULTS = 16

_ENDS = (os.CLD_EXITED, os.CLD_KILLED, os.CLD_DUMPED)

# Looks at a thread that has a processor of its own: longer than a step takes, and quicker than
# to be woken up.
_LOOK_COUNT = 20

_CAUSED_BY_INSTRUCTIONS = (
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGILL,
    signal.SIGFPE,
    signal.SIGTRAP,
)
_BLOCKED = ((1 << 64) - 1) & ~sum(1 << (number - 1) for number in _CAUSED_BY_INSTRUCTIONS)
# The C library's own (cancel, set-user-id).  A thread that is started in a call inherits the
# mask, and would make another thread's setuid() wait for ever if it never took them.
_INTERNAL = (32, 33)
_BLOCKED_IN_CALLS = _BLOCKED & ~sum(1 << (number - 1) for number in _INTERNAL)


class StoppedThread:
    """A thread that stands still inside the ``with`` block.

    Make it beforehand: only the block is the stop.  All of the block must run in one thread
    of the tool, since ptrace belongs to threads; when that thread ends the kernel detaches.
    Every method raises TargetError when the target is gone or does not do as told.
    """

    def __init__(self, pid: int, tid: int, memory: Memory, gadget: int) -> None:
        """``gadget`` is the address of a ``syscall`` instruction in the target."""
        self.pid = pid
        self.tid = tid
        self._memory = memory
        self._gadget = gadget
        self._is_own_child = read_status(pid).parent_pid == os.getpid()
        self._xstate = ctypes.create_string_buffer(_XSTATE_BYTES_MAX)
        self._xstate_bytes = 0
        self._mask = ctypes.c_uint64()
        self._late_signals: list[int] = []
        self._is_stopped = False
        self._is_saved = False
        self._look_count = _LOOK_COUNT
        self._steps_back = contextlib.ExitStack()
        self._started = 0
        self._scratch = 0
        self.original = Registers()
        """Its registers when it was stopped."""
        self.stop_ns = 0
        """How long it was stopped; known after the block."""

    @property
    def results(self) -> int:
        """Address of 48 bytes in which system calls and functions may leave results."""
        return self._scratch + _RESULTS

    # --- stop and release ---------------------------------------------------------------------

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as steps_back:
            steps_back.enter_context(bell())
            self._request(_SEIZE)
            self._started = time.perf_counter_ns()
            steps_back.callback(self._release)
            self._request(_INTERRUPT)
            self._wait_for_interrupt()
            self._save()
            self._steps_back = steps_back.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._steps_back.close()

    def _save(self) -> None:
        """Keep what the thread must find again, and hold its signals back."""
        self._request(_GETREGS, 0, ctypes.addressof(self.original))
        vector = self._xstate_vector(_XSTATE_BYTES_MAX)
        self._request(_GETREGSET, _NT_X86_XSTATE, ctypes.addressof(vector))
        _, self._xstate_bytes = struct.unpack("<QQ", vector.raw[:16])
        self._request(_GETSIGMASK, 8, ctypes.addressof(self._mask))
        self._is_saved = True
        self._block(_BLOCKED)
        below = self.original.get("rsp") - _RED_ZONE_BYTES - _BLOCK_BYTES
        self._scratch = below & -_BLOCK_BYTES

    def _block(self, signals: int) -> None:
        mask = ctypes.c_uint64(signals)
        self._request(_SETSIGMASK, 8, ctypes.addressof(mask))

    def _release(self) -> None:
        """Put everything back and detach.  A thread that never stopped is left to the kernel,
        which detaches when the tool's thread ends."""
        try:
            if self._is_saved and not self._is_stopped:
                self._request(_INTERRUPT)
                self._wait_for_interrupt()
            if self._is_saved:
                vector = self._xstate_vector(self._xstate_bytes)
                self._request(_SETSIGMASK, 8, ctypes.addressof(self._mask))
                self._request(_SETREGSET, _NT_X86_XSTATE, ctypes.addressof(vector))
                self._request(_SETREGS, 0, ctypes.addressof(self.original))
            if self._is_stopped:
                self._request(_DETACH)
                self._is_stopped = False
        finally:
            self.stop_ns = time.perf_counter_ns() - self._started
        for number in self._late_signals:
            os.kill(self.pid, number)

    def _xstate_vector(self, size: int) -> ctypes.Array[ctypes.c_char]:
        return ctypes.create_string_buffer(struct.pack("<QQ", ctypes.addressof(self._xstate), size))

    # --- what it can be made to do --------------------------------------------------------------

    def syscall(self, number: int, *args: int) -> int:
        """The result of one system call.  Cost: about 20 us.  Raises OSError when it fails."""
        registers = for_syscall(self.original, self._gadget, number, *args)
        self._request(_SETREGS, 0, ctypes.addressof(registers))
        deadline = time.monotonic() + CALL_TIMEOUT_S
        while True:
            self._resume(_SINGLESTEP)
            signal_number = self._wait(deadline) & 0xFF
            self._request(_GETREGS, 0, ctypes.addressof(registers))
            if registers.get("rip") != self._gadget:
                break
            self._keep(signal_number)
        result = signed(registers.get("rax"))
        if -4096 < result < 0:
            raise OSError(-result, os.strerror(-result))
        return result

    def call(self, function: int, *args: int) -> int:
        """The result of a C function, unsigned.

        It returns to address 0: the fault is ours, and the target never sees it.
        """
        stack = self._scratch + _RETURN_ADDRESS
        self._memory.write(stack, bytes(8))
        registers = for_call(self.original, function, stack, *args)
        self._request(_SETREGS, 0, ctypes.addressof(registers))
        self._block(_BLOCKED_IN_CALLS)
        deadline = time.monotonic() + CALL_TIMEOUT_S
        deliver = 0
        while True:
            self._resume(_CONT, deliver)
            deliver = 0
            status = self._wait(deadline)
            if status >> 8 == _EVENT_STOP:
                continue
            number = status & 0xFF
            if number in _INTERNAL:
                deliver = number
                continue
            self._request(_GETREGS, 0, ctypes.addressof(registers))
            if number == signal.SIGSEGV and registers.get("rip") == 0:
                return registers.get("rax")
            if number in _CAUSED_BY_INSTRUCTIONS and self._is_own_fault():
                raise TargetError(
                    f"a call in process {self.pid} failed with signal {number}"
                    f" at {registers.get('rip'):#x}",
                    hint="the process goes on as before; please report this",
                )
            self._keep(number)

    def _is_own_fault(self) -> bool:
        """Did an instruction cause the signal (and not another process)?"""
        info = ctypes.create_string_buffer(_SIGINFO_BYTES)
        self._request(_GETSIGINFO, 0, ctypes.addressof(info))
        (code,) = struct.unpack_from("<i", info, _SI_CODE)
        return bool(code > 0)

    def _keep(self, number: int) -> None:
        """A signal that cannot be blocked came from elsewhere: it is sent again at the end."""
        if number not in (signal.SIGTRAP, *self._late_signals):
            self._late_signals.append(number)

    # --- requests and waiting -------------------------------------------------------------------

    def _resume(self, request: int, deliver: int = 0) -> None:
        self._request(request, 0, deliver)
        self._is_stopped = False

    def _request(self, request: int, address: int = 0, data: int = 0) -> None:
        try:
            ptrace(request, self.tid, address, data)
        except ProcessLookupError as exc:
            raise self._gone() from exc
        except PermissionError as exc:
            raise TargetError(
                f"process {self.pid} cannot be traced: {exc.strerror}",
                hint="is a debugger or another leakhunt attached to it?",
            ) from exc
        except OSError as exc:
            raise TargetError(
                f"process {self.pid} cannot be traced: {exc.strerror} (request {request:#x})"
            ) from exc

    def _wait_for_interrupt(self) -> None:
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while True:
            status = self._wait(deadline)
            number, event = status & 0xFF, status >> 8
            if event != _EVENT_STOP:
                if self._is_saved:
                    self._keep(number)
                    number = 0
                # A signal was on its way: it goes first, the interruption follows.
                ptrace(_CONT, self.tid, 0, number)
                self._is_stopped = False
            elif number == signal.SIGTRAP:
                return
            else:
                raise TargetError(
                    f"process {self.pid} is stopped by {signal.Signals(number).name}",
                    hint=f"let it go on first: kill -CONT {self.pid}",
                )

    def _wait(self, deadline: float) -> int:
        """``signal | event << 8`` of the next stop."""
        for _ in range(self._look_count):
            status = self._look(os.WNOHANG)
            if status is not None:
                return status
            sched_yield()
        # It waits for a processor.  Asleep we leave it ours, and the kernel wakes us up as it
        # stops; it will not be otherwise at the next step.
        self._look_count = 0
        while (status := self._look()) is None:
            if time.monotonic() > deadline:
                raise self._stuck()
            time.sleep(0)  # The other threads of the tool may want the GIL
        return status

    def _look(self, options: int = 0) -> int | None:
        """The stop that the thread is in, if it is in one; without WNOHANG, wait for it."""
        found = self._poll(os.WSTOPPED | os.WEXITED | os.WNOWAIT | _WALL | options)
        if found is None:
            return None
        if found[0] in _ENDS:
            self._note_end()
            raise self._gone()
        self._is_stopped = True
        return found[1]

    def _note_end(self) -> None:
        """The end of a child is left for whoever started it; that of another process has to
        be taken note of, or its own parent will not hear of it."""
        if not self._is_own_child:
            self._poll(os.WEXITED | os.WNOHANG | _WALL)

    def _poll(self, options: int) -> tuple[int, int] | None:
        try:
            return wait_for(self.tid, options)
        except ChildProcessError as exc:
            raise self._gone() from exc

    def _gone(self) -> TargetError:
        self._is_stopped = self._is_saved = False
        return TargetError(
            f"process {self.pid} ended, or became another program, while leakhunt attached to it",
            hint="start it again, or attach when it has finished starting",
        )

    def _stuck(self) -> TargetError:
        what = "did not return from a call" if self._is_saved else "cannot be stopped"
        return TargetError(
            f"thread {self.tid} of process {self.pid} {what} in {STOP_TIMEOUT_S:g} s",
            hint="it may wait for a disk or a network file system; try again later",
        )
