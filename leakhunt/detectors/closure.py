"""Closures: functions that keep what they captured."""

from __future__ import annotations

from leakhunt.detectors import known
from leakhunt.detectors.base import Category
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.dead import dead_of_most, dead_on_path
from leakhunt.detectors.suspect import Suspect

_DEFAULTS = (".__defaults__", ".__kwdefaults__")


def examine(s: Suspect) -> Claim | None:
    """The path passes through a cell or a default argument, or cells are what gathers."""
    dead = dead_on_path(s) or dead_of_most(s)
    if dead is not None:
        return Claim(
            Category.CLOSURE, _DEAD_ADVICE.format(what=dead, path=s.path), noun="Dead capture"
        )
    kinds = {step.kind for step in s.holder.path.steps}
    texts = {step.text for step in s.holder.path.steps}
    if not texts.isdisjoint(_DEFAULTS):
        return Claim(Category.CLOSURE, _DEFAULT_ADVICE.format(path=s.path))
    link = s.holder.chain_step
    is_chain = link is not None and link.type in known.CALLABLES
    if is_chain or "cell" in kinds or s.mostly(known.CLOSURE_TYPES):
        return Claim(Category.CLOSURE, _capture_advice(s))
    return None


_DEAD_ADVICE = (
    "Nothing reads {what}: take the argument out, or delete the variable (`del`) when it was read "
    "for the last time, so that what it keeps below `{path}` goes then."
)
_DEFAULT_ADVICE = (
    "A default value is made once, with the function: use `None` there and make a new one in "
    "each call, so that `{path}` holds nothing."
)


def _capture_advice(s: Suspect) -> str:
    subject = s.subject or "value"
    return (
        f"Drop the callable that captures `{s.path}`, or pass the {subject} as an argument "
        "instead of capturing it."
    )
