"""Threads: threads and executors that never end, and what dead ones left behind."""

from __future__ import annotations

from leakhunt.analysis.paths import UNWRITTEN
from leakhunt.detectors import known
from leakhunt.detectors.base import Category
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.suspect import Suspect
from leakhunt.store.columns import NO_NODE

_LOCAL = "_thread._local"
_OF_A_LOCAL = frozenset({"_thread._localdummy"})
"""What a thread keeps of each ``threading.local`` it used."""
_PLACES = ("threading._active", "thread '*'")
_TOP_SHARES = 3


def examine(s: Suspect) -> Claim | None:
    """Threads are what leaks most, or what leaks hangs from threads."""
    if ".context" in s.path and s.holder.type in UNWRITTEN:
        return Claim(Category.THREAD, _CONTEXT_ADVICE, noun="Context that grows")
    if s.mostly(_OF_A_LOCAL):
        return Claim(Category.THREAD, _LOCALS_ADVICE, noun="Thread-local made per piece of work")
    if _is_local(s):
        return Claim(Category.THREAD, _LOCAL_ADVICE.format(path=s.path))
    if (
        s.mostly(known.THREAD_TYPES)
        or any(share.type in known.THREAD_TYPES for share in s.holder.shares[:_TOP_SHARES])
        or s.path.startswith(_PLACES)
    ):
        return Claim(Category.THREAD, _THREAD_ADVICE.format(path=s.path))
    return None


def _is_local(s: Suspect) -> bool:
    parent = int(s.graph.tree.parent[s.holder.node])
    above = s.holder.node if parent == NO_NODE else parent
    return _LOCAL in {s.holder.type, s.graph.type_name(above)}


_THREAD_ADVICE = (
    "End each thread kept by `{path}` (signal it, then `.join()`), or use one pool and end it "
    "with `shutdown()`."
)
_CONTEXT_ADVICE = (
    "Make each context variable once, at module level, and `variable.reset(token)` where it was "
    "set: a context keeps every variable ever set in it, with its value."
)
_LOCALS_ADVICE = (
    "Make each `threading.local()` once, or drop what owns it when its work is done: a thread "
    "keeps an entry for each one that lives."
)
_LOCAL_ADVICE = (
    "Delete what was stored for the thread in `{path}` when its work is done: a thread of a pool "
    "does not end, and its values stay."
)
