"""The sentence of a finding that several processes have, with the numbers of all of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from leakhunt.analysis.places import Series
from leakhunt.detectors.base import Finding, WorkerShare
from leakhunt.detectors.wording import (
    buffer_title,
    growth_words,
    holder_words,
    human_bytes,
    with_site,
)

_COUNTED = re.compile(
    r"(?P<noun>[^:]+): \+(?P<number>\S+) (?P<what>.+?)(?P<rate> per cycle)? \(\+[^)]*\),"
    r" (?P<held>.*)"
)
"""A title with what `growth_words` makes."""
_SIZED = re.compile(
    r"(?P<noun>[^:]+: )\+[\d.]+ (?:B|KiB|MiB|GiB)(?P<rate> per cycle)?(?P<where> .*)\."
)
"""A title of bytes that belong to no object."""


@dataclass(frozen=True, slots=True)
class Gained:
    """What all processes gained; None where one of them does not say it."""

    count: int | None
    """Things."""
    buffer_bytes: int | None
    """Growth of buffers."""
    cycles: int | None


def joined_title(joined: Finding, share: WorkerShare, gained: Gained) -> str:
    """As a title of one process, and ``; in 7 of 8 processes.`` at its end.

    ``joined`` has the sums already, but the title of the process where it is largest, which is
    kept and says so where the sum is not known.
    """
    where = f"in {share.count} of {share.of} processes"
    title = _told(joined, gained)
    if title is None:
        return f"{joined.title.rstrip('.')}, in the process where it is largest; {where}."
    return with_site(f"{title}; {where}.", joined.sites)


def total_of(title: str) -> int | None:
    """The things gained that a title without a rate tells."""
    found = _COUNTED.fullmatch(title)
    number = "" if found is None or found["rate"] else found["number"].replace(",", "")
    return int(number) if number.isdecimal() else None


def _told(joined: Finding, gained: Gained) -> str | None:
    """The sentence without its full stop and site; None when a sum is not known."""
    size = sum(leaked.shallow_bytes for leaked in joined.leaked)
    holder, cycles = joined.holder, gained.cycles
    counted, sized = _COUNTED.fullmatch(joined.title), _SIZED.fullmatch(joined.title)
    if counted is not None and gained.count is not None:
        what = _in_number(counted["what"], gained.count, cycles)
        held = _without_site(counted["held"])
        if held.startswith("held by `"):
            sizes = (holder.size_baseline, None, holder.size_loaded, holder.size_final)
            held = holder_words(holder.path, holder.type, Series("entries", *sizes))
        return f"{counted['noun']}: {growth_words(what, gained.count, size, cycles)}, {held}"
    if joined.title.startswith("Growing buffer: ") and gained.buffer_bytes is not None:
        return buffer_title(holder.path, holder.type, gained.buffer_bytes, cycles).rstrip(".")
    if sized is not None:
        rate = human_bytes(size / cycles if sized["rate"] and cycles else size)
        return f"{sized['noun']}+{rate}{sized['rate'] or ''}{_without_site(sized['where'])}"
    return None


def _without_site(text: str) -> str:
    """What `with_site` added is added again for the sum."""
    return re.sub(r", made at `.*", "", text).rstrip(".")


def _in_number(what: str, count: int, cycles: int | None) -> str:
    """The thing that is counted, in the singular where there is one a cycle."""
    is_one = count == (cycles or 1)
    if what in {"entry", "entries"}:
        return "entry" if is_one else "entries"
    found = re.fullmatch("references? to (.*)", what)
    if found is not None:
        return f"reference{'s' * (not is_one)} to {found[1]}"
    return what.strip("`")
