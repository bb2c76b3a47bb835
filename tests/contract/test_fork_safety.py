"""What runs in the child of a capture takes no lock that another thread may have held."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

NATIVE = Path(__file__).resolve().parents[2] / "leakhunt" / "agent" / "native"
OUTSIDE = {
    # The moments before and after a walk, and what never meets one.
    "accounts.c", "birth.c", "birth_alloc.c", "birth_dealloc.c", "childheap.c", "commands.c",
    "facts.c", "mark.c", "module.c", "module_reach.c", "module_sites.c", "predict.c",
    "probe_find.c", "probe_gc.c", "probe_ticks.c", "probe_uvloop.c", "probes.c", "process.c",
    "reach.c", "room.c", "selftest.c", "server.c", "session.c", "site_hooks.c", "sites.c",
    "stacks.c",
}  # fmt: skip
WALK = sorted(path for path in NATIVE.glob("*.c") if path.name not in OUTSIDE)
FORBIDDEN = re.compile(
    r"\b(?:malloc|calloc|realloc|free|strdup|asprintf|fopen|fprintf|printf|fwrite|fflush|getenv"
    r"|pthread_\w+|exit|PyMem_\w+|PyObject_(?:Malloc|Calloc|Realloc|Free|New\w*|GetAttr\w*|Hash"
    r"|Repr|Str)|Py_(?:X?INCREF|BuildValue)|PyUnicode_(?:As|From)\w+|PyGILState_\w+)\s*\("
)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


@pytest.mark.parametrize("path", WALK, ids=lambda path: path.name)
def test_the_walk_takes_memory_from_the_system_only(path: Path) -> None:
    """Neither malloc nor stdio nor Python's allocators: see docs/decisions/0008."""
    code = COMMENT.sub("", path.read_text("utf-8"))
    assert [match.group() for match in FORBIDDEN.finditer(code)] == []


def test_it_is_the_walk_that_is_read() -> None:
    assert {"capture.c", "fork.c", "walk.c", "names.c", "types.c"} <= {path.name for path in WALK}
