"""What most tests end with: the one question whether all that came is the runner's, in C."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from types import BuiltinFunctionType, CodeType, GeneratorType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.agent._heap import all_known


class Known:
    """Of the runner."""


class Other:
    """Of a test."""


class Silent:
    """Says nothing."""


def hook(kept: object) -> Iterator[object]:
    yield kept


def other_code(kept: object) -> Iterator[object]:
    yield kept


KINDS: list[type] = [Known]
CODES: list[CodeType] = [hook.__code__]
SILENT = (Silent, weakref.ReferenceType)


def ask(objects: Sequence[Any], seeds: Sequence[Any]) -> bool:
    return all_known(list(objects), list(seeds), KINDS, CODES, SILENT)


def is_of_kind(one: Any) -> bool:
    return type(one) is Known or (type(one) is GeneratorType and one.gi_code is hook.__code__)


def is_mute(one: Any, first: Any) -> bool:
    if type(one) is list:
        return not one or one[0] is first or (len(one) == 1 and type(one[0]) is str)
    return type(one) in SILENT


def all_known_slowly(objects: Sequence[Any], seeds: Sequence[Any]) -> bool:
    numbers = {id(one) for one in objects}
    starts = [*seeds, *filter(is_of_kind, objects)]
    reached = {id(one) for one in starts}
    waiting = starts + [vars(one) for one in starts if type(one) is Known]
    while waiting:
        for part in gc.get_referents(waiting.pop()):
            if id(part) in numbers and id(part) not in reached:
                reached.add(id(part))
                waiting.append(part)
    return all(id(one) in reached or is_mute(one, seeds[0]) for one in objects)


def instance(kind: type, parts: Sequence[Any]) -> Any:
    made = kind()
    for i, part in enumerate(parts):
        setattr(made, f"part{i}", part)
    return made


MAKERS: Sequence[Any] = (
    list,
    tuple,
    lambda parts: dict(enumerate(parts)),
    lambda parts: instance(Known, parts),
    lambda parts: instance(Other, parts),
    lambda parts: instance(Silent, parts),
    lambda parts: hook(parts[:1]),
    lambda parts: other_code(parts[:1]),
    lambda parts: ["text"],
)
SPECS = st.lists(
    st.tuples(st.integers(0, len(MAKERS) - 1), st.lists(st.integers(0, 100), max_size=3)),
    min_size=1,
    max_size=100,
)


@given(SPECS, st.sets(st.integers(0, 99), max_size=60), st.integers(0, 99))
def test_agrees_with_a_slow_search(
    specs: list[tuple[int, list[int]]], absent: set[int], first: int
) -> None:
    made: list[Any] = []
    for maker, links in specs:
        made.append(MAKERS[maker]([made[link % len(made)] for link in links] if made else []))
    seeds = [made[first % len(made)]]
    objects = [one for i, one in enumerate(made) if i not in absent]
    assert ask(objects, seeds) is all_known_slowly(objects, seeds)


def test_the_dict_of_a_known_instance_is_known() -> None:
    known = Known()
    known.__dict__["part"] = part = Other()
    assert ask([known, known.__dict__, part], [object()])
    other = Other()
    other.__dict__["part"] = part
    assert not ask([other, other.__dict__, part], [object()])


def test_a_generator_that_ended_is_told_by_its_code() -> None:
    ended, foreign = hook(1), other_code(1)
    assert (list(ended), list(foreign)) == ([1], [1])
    assert ask([ended], [object()])
    assert not ask([foreign], [object()])


def test_what_the_class_cache_of_abc_keeps_is_silent_and_no_other_method() -> None:
    assert not issubclass(Other, Sequence)
    callbacks = [one.__callback__ for one in weakref.getweakrefs(Other)]
    kept = [one for one in callbacks if type(one) is BuiltinFunctionType]
    assert kept
    assert ask(kept, [object()])
    others: list[Any] = [{}.get, [].append]
    assert not any(ask([one], [object()]) for one in others)


def test_without_a_seed_there_is_nothing_to_ask() -> None:
    with pytest.raises(ValueError, match="there must be a seed"):
        ask([], [])
