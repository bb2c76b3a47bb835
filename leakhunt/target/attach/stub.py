"""The few machine instructions that have one Python text run in the target.

``enter`` is called while the thread stands still.  The text itself always runs in a thread of
its own, ``run``: there, no signal handler of the program can be called in the middle of it, and
the main thread does not wait for it.  In C::

    int enter(char *page) {
        close(OURS);                           // the tool has its duplicate
        if (!Py_IsInitialized())
            return NOT_INITIALIZED;
        return Py_AddPendingCall(later, page);                // pending call, or
        return pthread_create(RESULT, NULL, run, page);       // helper thread
    }   // jumps, both: the thread may have unmapped the page before they return

    int later(void *page) {                    // at a safe point, with the interpreter's lock
        pthread_t thread;
        if (pthread_create(&thread, NULL, run, page) == 0)
            return 0;                          // `run` cannot get that lock before
        return munmap(page, size);             // a jump
    }

    void *run(void *page) {
        pthread_detach(pthread_self());
        PyGILState_STATE gil = PyGILState_Ensure();
        PyThreadState *thread = PyThreadState_Get();
        PyThreadState_EnterTracing(thread);    // no trace function of the program is called
        PyObject *names = PyDict_New();        // nothing is left in __main__
        if (names != NULL) {
            Py_DecRef(PyRun_String(page + TEXT, Py_file_input, names, names));
            PyErr_Clear();
            PyDict_Clear(names);               // functions of the text refer to it
            Py_DecRef(names);
        }
        PyThreadState_LeaveTracing(thread);
        PyGILState_Release(gil);
        return munmap(page, size);             // a jump: 0, and the page is gone
    }
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

PYTHON_FUNCTIONS = (
    "Py_AddPendingCall",
    "Py_DecRef",
    "Py_IsInitialized",
    "PyDict_Clear",
    "PyDict_New",
    "PyErr_Clear",
    "PyGILState_Ensure",
    "PyGILState_Release",
    "PyRun_String",
    "PyThreadState_EnterTracing",
    "PyThreadState_Get",
    "PyThreadState_LeaveTracing",
)
LIBC_FUNCTIONS = ("close", "munmap", "pthread_create", "pthread_detach", "pthread_self")

NOT_INITIALIZED = -2
"""What ``enter`` returns when the interpreter is starting or ending."""

_PAGE_BYTES = 4096
_LATER, _RUN, _TEXT = 128, 256, 640
_FILE_INPUT = 257

_CALL_RAX = bytes.fromhex("ffd0")
_JUMP_RAX = bytes.fromhex("ffe0")
_RETURN = bytes.fromhex("c3")
_TEST_EAX = bytes.fromhex("85c0")
_TEST_RAX = bytes.fromhex("4885c0")
_ZERO_ESI = bytes.fromhex("31f6")
_RDI_FROM_RBX = bytes.fromhex("4889df")
_RSI_FROM_RBX = bytes.fromhex("4889de")
_RCX_FROM_RBX = bytes.fromhex("4889d9")
_RDI_FROM_RSP = bytes.fromhex("4889e7")
_RDI_FROM_RAX = bytes.fromhex("4889c7")
_RDI_FROM_RBP = bytes.fromhex("4889ef")
_RDI_FROM_R13 = bytes.fromhex("4c89ef")
_EDI_FROM_R12 = bytes.fromhex("4489e7")
_RBP_FROM_RAX = bytes.fromhex("4889c5")
_R12_FROM_EAX = bytes.fromhex("4189c4")
_R13_FROM_RAX = bytes.fromhex("4989c5")
_RDX_RCX_FROM_RBP = bytes.fromhex("4889ea 4889e9")
# rbx holds the page; in run, rbp holds the dict, r12 the GIL state, r13 the thread state.
_BEGIN = bytes.fromhex("53 4889fb")  # push rbx; rbx = rdi
_POP_RBX = bytes.fromhex("5b")
_RESERVE_16 = bytes.fromhex("4883ec10")
_FREE_16 = bytes.fromhex("4883c410")
_BEGIN_RUN = bytes.fromhex("53 55 4154 4155 4156 4889fb")  # push rbx rbp r12 r13 r14; rbx = rdi
_POP_RUN = bytes.fromhex("415e 415d 415c 5d 5b")


def page_bytes(code: bytes) -> int:
    """Size of the mapping that instructions and text need, whole pages."""
    return -(-len(code) // _PAGE_BYTES) * _PAGE_BYTES


def assemble(
    text: bytes, address_by_name: Mapping[str, int], *, ours: int, result: int, is_pending: bool
) -> bytes:
    """What to write at the start of a page; calling that start with the page is ``enter``.

    ``address_by_name`` holds PYTHON_FUNCTIONS and LIBC_FUNCTIONS, ``ours`` is the descriptor to
    close, ``result`` the address of eight bytes that can be written.
    """
    if is_pending:
        arrange = _lea_rdi(_LATER) + _RSI_FROM_RBX
        arrange += _POP_RBX + _jump(address_by_name["Py_AddPendingCall"])
    else:
        arrange = b"\x48\xbf" + struct.pack("<Q", result)  # rdi
        arrange += _arguments_of_create() + _POP_RBX + _jump(address_by_name["pthread_create"])
    size = -(-(_TEXT + len(text) + 1) // _PAGE_BYTES) * _PAGE_BYTES
    parts = (
        (_enter(address_by_name, ours, arrange), _LATER),
        (_later(address_by_name, size), _RUN),
        (_run(address_by_name, size), _TEXT),
    )
    page = b""
    for code, end in parts:
        assert len(page) + len(code) <= end
        page = (page + code).ljust(end, b"\xcc")
    return page + text + b"\0"


def _enter(address_by_name: Mapping[str, int], ours: int, arrange: bytes) -> bytes:
    return b"".join((
        _BEGIN,
        b"\xbf" + struct.pack("<i", ours),  # edi
        _call(address_by_name["close"]),
        _call(address_by_name["Py_IsInitialized"]),
        _TEST_EAX,
        b"\x74" + struct.pack("<B", len(arrange)),  # jz behind it
        arrange,
        b"\xb8" + struct.pack("<i", NOT_INITIALIZED),  # eax
        _POP_RBX + _RETURN,
    ))  # fmt: skip


def _later(address_by_name: Mapping[str, int], size: int) -> bytes:
    succeed = _POP_RBX + _RETURN
    return b"".join((
        _BEGIN,
        _RESERVE_16,
        _RDI_FROM_RSP + _arguments_of_create() + _call(address_by_name["pthread_create"]),
        _FREE_16,
        _TEST_EAX,
        b"\x75" + struct.pack("<B", len(succeed)),  # jnz behind it
        succeed,
        _RDI_FROM_RBX + _POP_RBX + _jump_to_unmap(address_by_name, size),
    ))  # fmt: skip


def _run(address_by_name: Mapping[str, int], size: int) -> bytes:
    def call(name: str) -> bytes:
        return _call(address_by_name[name])

    body = b"".join((
        _lea_rdi(_TEXT),
        b"\xbe" + struct.pack("<i", _FILE_INPUT),  # esi
        _RDX_RCX_FROM_RBP + call("PyRun_String"),
        _RDI_FROM_RAX + call("Py_DecRef"),
        call("PyErr_Clear"),
        _RDI_FROM_RBP + call("PyDict_Clear"),
        _RDI_FROM_RBP + call("Py_DecRef"),
    ))  # fmt: skip
    return b"".join((
        _BEGIN_RUN,
        call("pthread_self") + _RDI_FROM_RAX + call("pthread_detach"),
        call("PyGILState_Ensure") + _R12_FROM_EAX,
        call("PyThreadState_Get") + _R13_FROM_RAX,
        _RDI_FROM_RAX + call("PyThreadState_EnterTracing"),
        call("PyDict_New") + _RBP_FROM_RAX + _TEST_RAX,
        b"\x0f\x84" + struct.pack("<i", len(body)),  # jz behind it
        body,
        _RDI_FROM_R13 + call("PyThreadState_LeaveTracing"),
        _EDI_FROM_R12 + call("PyGILState_Release"),
        _RDI_FROM_RBX + _POP_RUN + _jump_to_unmap(address_by_name, size),
    ))  # fmt: skip


def _arguments_of_create() -> bytes:
    """The second to fourth argument of pthread_create: no attributes, run, the page."""
    return _ZERO_ESI + b"\x48\x8d\x93" + struct.pack("<i", _RUN) + _RCX_FROM_RBX


def _jump_to_unmap(address_by_name: Mapping[str, int], size: int) -> bytes:
    return b"\xbe" + struct.pack("<i", size) + _jump(address_by_name["munmap"])  # esi


def _lea_rdi(offset: int) -> bytes:
    """rdi = rbx + offset."""
    return b"\x48\x8d\xbb" + struct.pack("<i", offset)


def _rax(value: int) -> bytes:
    return b"\x48\xb8" + struct.pack("<Q", value)


def _call(address: int) -> bytes:
    return _rax(address) + _CALL_RAX


def _jump(address: int) -> bytes:
    return _rax(address) + _JUMP_RAX
