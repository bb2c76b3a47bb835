"""What was made since a moment and is still there, at the price of a short list.

``gc.freeze()`` puts everything tracked aside in a microsecond; what the collector knows
afterwards was made since.  Objects that it does not track are seen by the number of allocated
blocks: the collection empties the interpreter's free lists, so a new float is a new block.

While the heap is frozen a call of ``gc.collect`` and the like would see the newborn only.  The
functions of :mod:`gc` are therefore exchanged for ones that thaw the heap first
(:func:`guard`), which who watches is told (:attr:`Watch.is_whole`).
"""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import AsyncGeneratorType, CoroutineType, FrameType, GeneratorType
from typing import Any, Final, NamedTuple

_OWN_FREEZE_MAX = 2_000
"""The interpreter may have frozen some objects at its start (375 on 3.12); a program freezes all
it has, which is more."""
_TOOLS: Final = 6
"""Of ``sys.monitoring``."""
_GUARDED = (
    "collect",
    "freeze",
    "get_freeze_count",
    "get_objects",
    "get_referrers",
    "unfreeze",
)

# Bound here: a program, or a test, may replace these in their modules.
_collect, _freeze, _unfreeze = gc.collect, gc.freeze, gc.unfreeze
_get_objects, _get_freeze_count = gc.get_objects, gc.get_freeze_count
_get_referrers = gc.get_referrers
_count_blocks = sys.getallocatedblocks
_clear_lookups: Callable[[], object] = (
    getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache  # noqa: SLF001
)
"""The interpreter's table of attribute lookups keeps the names it was asked for: a block a name
that is made up each time, until another takes its place.  Emptying it takes some microseconds."""


_HAS_THREE_GENERATIONS: Final = sys.version_info < (3, 14)
"""Later versions go through the older objects in steps."""

_FRAME_OF: Final = (
    {
        id(GeneratorType): "gi_frame",
        id(CoroutineType): "cr_frame",
        id(AsyncGeneratorType): "ag_frame",
    }
    if sys.version_info < (3, 14)
    else {}
)
"""Before 3.14 a generator hides its locals from the collector while it calls C code, but not while
it calls a function like ours.  By the id of the class: that of an object may forbid to hash it."""


class _Heap:
    """The one heap that there is."""

    def __init__(self) -> None:
        self.thaws = 0
        """How often it was thawed by somebody else than the innermost watch."""
        self.is_frozen = False
        self.guards = 0
        self.is_foreign: bool | None = None
        """Whether the program froze objects itself; None before we looked."""


_heap = _Heap()


def can_freeze() -> bool:
    """Whether the program leaves freezing to us.  Looks once: counting frozen objects takes
    10 ms a million."""
    if _heap.is_foreign is None:
        _heap.is_foreign = _get_freeze_count() > _OWN_FREEZE_MAX
    return not _heap.is_foreign


def thaw() -> None:
    """Give the collector back what was put aside; nothing when nothing is."""
    if _heap.is_frozen:
        _unfreeze()
        _heap.is_frozen = False
        _heap.thaws += 1


def collect_all(most: int = 5) -> None:
    """Thaw, and collect until a collection frees nothing, ``most`` times at most."""
    thaw()
    for _ in range(most):
        if not _collect():
            return


class Growth(NamedTuple):
    """What came since the watch began."""

    objects: int
    """Newborn that the collector tracks; 0 when the heap could not be frozen."""
    blocks: int
    """Allocated blocks of any size, tracked or not; what was freed counts against it."""


class Watch:
    """One stretch of watching.  Watches may be nested: the outer one sees less then, and knows."""

    __slots__ = ("_blocks", "_seen", "_thaws", "is_frozen")

    def __init__(self) -> None:
        self.is_frozen = can_freeze()
        """False: the program froze objects itself; whole collections are made instead."""
        self._blocks = self._seen = self._thaws = 0

    def begin(self) -> None:
        """From now on."""
        self._set_aside()
        _collect()
        _clear_lookups()
        self._blocks = self._seen = _count_blocks()  # who goes on may not have counted

    def go_on(self) -> None:
        """From the last look on: what came since then counts as well.  A microsecond."""
        self._set_aside()
        self._blocks = self._seen

    def _set_aside(self) -> None:
        if self.is_frozen:
            _freeze()
            _heap.is_frozen = True
        self._thaws = _heap.thaws

    @property
    def is_whole(self) -> bool:
        """Whether nobody thawed the heap in between: only then newborn objects are known."""
        return self.is_frozen and self._thaws == _heap.thaws

    def growth(self) -> Growth:
        """A look: collects what was made since and is garbage, then counts."""
        blocks = self.blocks()
        return Growth(len(self.newborn()), blocks)

    def blocks(self) -> int:
        """The same, blocks alone.  Some microseconds for a few newborn, and 20 us a million
        objects of the heap.  When somebody thawed the heap, the whole of it is collected."""
        if not self.is_whole:
            thaw()
        _collect()
        _clear_lookups()
        return self.blocks_now()

    def collect(self) -> None:
        """Have what was made since and is garbage collected.  Some microseconds for a few.  When
        somebody thawed the heap, what grew old in the meantime is left as it is."""
        if self.is_frozen and not self.is_whole:
            _collect(1)
            _freeze()
            _heap.is_frozen = True
        _collect()  # of the oldest generation: no other empties the free lists

    def collect_briefly(self) -> None:
        """The same, but the interpreter's free lists stay as they are where that is possible: for
        who does not count blocks, cheaper now and in what runs next."""
        if _HAS_THREE_GENERATIONS and self.is_whole and not _get_objects(generation=2):
            _collect(1)
        else:
            self.collect()

    def blocks_now(self) -> int:
        """Blocks that came since, as they are: names that the interpreter was asked for and keeps
        for a while are among them, and after :meth:`collect` alone no garbage.  20 us a million
        objects of the heap."""
        self._seen = _count_blocks()
        return self._seen - self._blocks

    @property
    def total_blocks(self) -> int:
        """Of the whole process, at the last look."""
        return self._seen

    def newborn(self) -> list[Any]:
        """The tracked objects made since, except the list itself; empty when not whole."""
        return _get_objects() if self.is_whole else []


def is_traced() -> bool:
    """Whether coverage, a debugger or a profiler hears of each function: the interpreter then
    keeps some blocks for each that runs first."""
    monitoring: Any = getattr(sys, "monitoring", None)
    if monitoring is not None and any(
        monitoring.get_tool(tool) and monitoring.get_events(tool) for tool in range(_TOOLS)
    ):
        return True
    return sys.gettrace() is not None or sys.getprofile() is not None


@contextmanager
def guard() -> Iterator[None]:
    """While inside, ``gc``'s functions thaw the heap before they do their work."""
    _heap.guards += 1
    if _heap.guards == 1:
        _exchange(_thawing)
    try:
        yield
    finally:
        _heap.guards -= 1
        if not _heap.guards:
            _exchange(_restored)
            thaw()


def _exchange(change: Callable[[Any], Any]) -> None:
    for name in _GUARDED:
        setattr(gc, name, change(getattr(gc, name)))


def _thawing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of :mod:`gc`, or what a test put in its place, on a thawed heap."""

    @functools.wraps(function)
    def thawed(*args: Any, **kwargs: Any) -> Any:
        thaw()
        found = function(*args, **kwargs)
        if function is _get_referrers:
            found = [one for one in found if one is not args]
            if any(id(type(one)) in _FRAME_OF for one in found):
                caller = sys._getframe(1)  # noqa: SLF001 - there is no other way to it
                found = [one for one in found if not _runs(one, caller)]
        return found

    thawed.__leakhunt__ = function  # type: ignore[attr-defined]
    return thawed


def _runs(one: Any, frame: FrameType) -> bool:
    """Whether a generator is the one that runs in the frame."""
    attribute = _FRAME_OF.get(id(type(one)))
    return attribute is not None and getattr(one, attribute) is frame


def _restored(function: Callable[..., Any]) -> Callable[..., Any]:
    """What we exchanged, back; what somebody else put there since stays."""
    original: Callable[..., Any] = getattr(function, "__leakhunt__", function)
    return original
