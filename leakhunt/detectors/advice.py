"""What to do about growth without a holder, and about shapes that are cut in their own way."""

from __future__ import annotations

from leakhunt.detectors.base import Category

BUFFER = "Empty `{path}` once its contents are used (write them out in parts), or bound its length."
CHAIN = (
    "Cut the chain at `{path}`: each `{type}` in it keeps the next; keep only as many as needed."
)

_LOOSE = {
    Category.CLOSURE: (
        "C code keeps a callable (a signal handler, a hook) that keeps those it replaced: put the "
        "old one back instead of wrapping it."
    ),
    Category.CYCLE: (
        "Break the reference cycle through `{type}` with a weak reference, or let the collector "
        "run (`gc.enable()`)."
    ),
    Category.NATIVE: (
        "Look at the extension that handles `{type}`: it takes references or memory and does "
        "not give them back; try a newer version."
    ),
}


def advise_loose(category: Category, type_name: str) -> str:
    """The advice for a finding without a holder: closure, cycle or native."""
    return _LOOSE[category].format(type=type_name)
