"""Where a leaked population was made.

Its sampled allocations say so.  Where none of it was sampled, the heap alone says what comes
nearest: the function that a leaked callable runs, the code of a coroutine, the class of an
object.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.callables import function_of
from leakhunt.analysis.code_line import CodeLine
from leakhunt.analysis.comparison import Comparison
from leakhunt.analysis.coroutines import SUSPENDED_TYPES
from leakhunt.analysis.definitions import class_code, coroutine_code
from leakhunt.analysis.loose import Loose
from leakhunt.analysis.samples import leaked_sites, lost_sites, samples_of
from leakhunt.analysis.shares import is_own_type
from leakhunt.analysis.sites import Site, SiteBasis, is_own_code
from leakhunt.detectors import known
from leakhunt.detectors.suspect import Suspect

Ints = npt.NDArray[np.int64]

_SITES = 10
"""Allocation sites told of one population."""
_SHOWN = 3
"""Lines told of one kind."""
_CLASSES = 20
"""Leaked types, largest first, whose classes are looked at."""


def made_at(s: Suspect, population: Callable[[], Ints]) -> tuple[Site, ...]:
    """Where the objects were allocated, the most bytes first; else where they are written.

    ``population``: gives the nodes of the whole population; asked for when there are samples.
    """
    samples = s.scene.samples
    allocated = () if samples is None else leaked_sites(samples, population())
    return allocated[:_SITES] or written_sites(s)


def loose_made_at(loose: Loose, comparison: Comparison) -> tuple[Site, ...]:
    """Where what hangs from no holder was allocated, the most bytes first; nothing when it was
    not sampled."""
    stage = comparison.stage(loose.stage)
    samples = None if stage is None else samples_of(stage.graph.columns)
    if samples is None:
        return ()
    found = lost_sites(samples, loose.blocks) if len(loose.blocks) else ()
    return (found or leaked_sites(samples, loose.population))[:_SITES]


def written_sites(s: Suspect) -> tuple[Site, ...]:
    """Lines of the user's own code that the population is known by: functions, coroutines and
    classes, the commonest first.  O(sampled objects + names of their classes)."""
    functions = _commonest(s, SiteBasis.FUNCTION, lambda node: _function(s, node))
    coroutines = _commonest(s, SiteBasis.COROUTINE, lambda node: _coroutine(s, node))
    return (*functions, *coroutines, *_classes(s))


def _commonest(
    s: Suspect, basis: SiteBasis, look: Callable[[int], CodeLine | None]
) -> tuple[Site, ...]:
    places = (look(node) for node in s.objects)
    counts = Counter(place for place in places if place is not None and is_own_code(place.file))
    return tuple(Site(basis, place) for place, _ in counts.most_common(_SHOWN))


def _function(s: Suspect, node: int) -> CodeLine | None:
    if s.graph.type_name(node) in known.FUTURE_TYPES or not s.carries_callable(node):
        return None
    return function_of(s.graph, node)


def _coroutine(s: Suspect, node: int) -> CodeLine | None:
    graph = s.graph
    task_code = graph.attribute(node, "_coro", "task_coro")
    code = node if task_code is None else task_code
    return coroutine_code(graph, code) if graph.type_name(code) in SUSPENDED_TYPES else None


def _classes(s: Suspect) -> tuple[Site, ...]:
    """Classes of the user's own among what leaked, the one that names the leak first."""
    shares = [one.type for one in s.holder.shares[:_CLASSES] if is_own_type(one.type)]
    shares.sort(key=lambda name: name != s.holder.main_type)
    found = (_class(s, name) for name in shares)
    return tuple(site for site in found if site is not None)[:_SHOWN]


def _class(s: Suspect, name: str) -> Site | None:
    index = s.scene.index_by_type.get(name)
    place = None if index is None else class_code(s.graph, index)
    if place is None or not is_own_code(place.file):
        return None
    return Site(SiteBasis.CLASS, place, type=name)
