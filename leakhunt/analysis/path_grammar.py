"""Reads the steps of a written path (docs/paths.md): text to steps, no graph."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from enum import Enum

from leakhunt.analysis.paths import KEY_CHARACTERS

ELLIPSIS = "…"


class StepKind(Enum):
    """What a written step stands for."""

    NAME = "name"
    """``.name``: attribute, field of a C structure, or name in a ``__dict__``."""
    KEY = "key"
    """``['tick']``, ``[7]``: entry of a mapping, or item of a sequence."""
    ODD_KEY = "odd key"
    """``[(…)]``: entry under a key that is neither text nor an integer."""
    ANY = "any"
    """``[*]``: any entry."""
    ANY_NAME = "any name"
    """``.*``: any attribute."""
    MEMBER = "member"
    """``{*}``: member of a set."""
    KEYS = "keys"
    """``.keys()[*]``: key of a mapping."""
    CLOSURE = "closure"
    """``.<closure>['x']``."""
    LOCAL = "local"
    """``.<local>['x']`` and ``, local 'x'``."""
    UNNAMED = "unnamed"
    """``.<stack>``, ``.<hidden>``, ``.<unknown>``."""
    REPEAT = "repeat"
    """``(.left|.right)*``."""


@dataclass(frozen=True, slots=True)
class WrittenStep:
    """One step as written."""

    kind: StepKind
    text: str
    """What stands in the path."""
    name: str | int | None = None
    """Name, key or index."""
    is_prefix: bool = False
    """The name was cut: a key that begins so is meant."""
    ways: tuple[tuple[WrittenStep, ...], ...] = ()
    """Alternatives of a repeated step."""


_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_TOKENS = re.compile(
    rf"""(?P<keys>\.keys\(\)\[\*\])
    | (?P<closure>\.<closure>\[(?:{_QUOTED}|\d+)\])
    | (?P<local>\.<local>\[(?:{_QUOTED})\] | ,\ local\ (?:{_QUOTED}))
    | (?P<unnamed>\.<(?:stack|hidden|unknown)>)
    | (?P<member>\{{\*\}})
    | (?P<any>\[\*\])
    | (?P<names>\.\*)
    | (?P<odd>\[\((?:{ELLIPSIS}|\.\.\.)\)\])
    | (?P<key>\[(?:{_QUOTED}|-?\d+)\])
    | (?P<repeat>\((?P<ways>[^()]+)\)\*)
    | (?P<name>\.[^\W\d]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)
_INSIDE = re.compile(rf"{_QUOTED}|-?\d+", re.DOTALL)


def read_steps(text: str) -> tuple[tuple[WrittenStep, ...], str]:
    """The steps at the beginning of ``text``, and the rest that is no step.  O(length)."""
    steps: list[WrittenStep] = []
    at = 0
    while at < len(text):
        match = _TOKENS.match(text, at)
        step = None if match is None else _step(match)
        if match is None or step is None:
            break
        steps.append(step)
        at = match.end()
    return tuple(steps), text[at:]


def _step(match: re.Match[str]) -> WrittenStep | None:
    text, group = match.group(), match.lastgroup
    if match.group("repeat"):
        ways = tuple(read_steps(way) for way in match.group("ways").split("|"))
        if any(rest or not steps for steps, rest in ways):
            return None
        return WrittenStep(StepKind.REPEAT, text, ways=tuple(steps for steps, _ in ways))
    if group == "name":
        return WrittenStep(StepKind.NAME, text, text[1:])
    plain = {
        "keys": StepKind.KEYS,
        "any": StepKind.ANY,
        "names": StepKind.ANY_NAME,
        "member": StepKind.MEMBER,
    }
    plain |= {"odd": StepKind.ODD_KEY}
    if group in plain:
        return WrittenStep(plain[group], text)
    if group == "unnamed":
        return WrittenStep(StepKind.UNNAMED, text, text[2:-1])
    kinds = {"key": StepKind.KEY, "closure": StepKind.CLOSURE, "local": StepKind.LOCAL}
    inside = _INSIDE.search(text)
    if group is None or inside is None:
        return None
    return _with_key(kinds[group], text, inside.group())


def _with_key(kind: StepKind, text: str, literal: str) -> WrittenStep | None:
    try:
        name = ast.literal_eval(literal)
    except (SyntaxError, ValueError):
        name = literal[1:-1]  # a key that was cut inside an escape
    if not isinstance(name, str | int):
        return None
    is_cut = isinstance(name, str) and name.endswith(ELLIPSIS) and len(literal) >= KEY_CHARACTERS
    if is_cut and isinstance(name, str):
        name = name[:-1]
    return WrittenStep(kind, text, name, is_prefix=is_cut)
