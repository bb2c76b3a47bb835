"""Typed reading of one JSON object, with errors that say where and what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields as fields_of
from dataclasses import is_dataclass
from typing import Any, TypeVar

from leakhunt.errors import UsageError

T = TypeVar("T")

_SHOWN = 60


class Fields:
    """One JSON object and the place it stands at (``findings[0].holder``).

    Every getter raises :class:`UsageError` naming the place, what was expected and what is
    there. Members that nobody asks for are ignored: later versions may add some.
    """

    def __init__(self, value: object, place: str = "") -> None:
        if not isinstance(value, dict):
            raise wrong(place or "the report", "an object", value)
        self._value: dict[str, Any] = value
        self._place = place

    def place(self, name: str) -> str:
        """Where member ``name`` stands."""
        return f"{self._place}.{name}" if self._place else name

    def text(self, name: str) -> str:
        """A string."""
        return self._typed(name, str, "a string")

    def text_or_none(self, name: str) -> str | None:
        """A string or null."""
        return None if self._get(name) is None else self.text(name)

    def integer(self, name: str) -> int:
        """An integer, not a boolean."""
        return whole(self._get(name), self.place(name))

    def integer_or_none(self, name: str) -> int | None:
        """An integer or null."""
        return None if self._get(name) is None else self.integer(name)

    def number(self, name: str) -> float:
        """An integer or a float, kept as it is written."""
        value = self._get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong(self.place(name), "a number", value)
        return value

    def number_or_none(self, name: str) -> float | None:
        """A number or null."""
        return None if self._get(name) is None else self.number(name)

    def boolean(self, name: str) -> bool:
        """True or false."""
        return self._typed(name, bool, "true or false")

    def one_of(self, name: str, kind: Callable[[str], T]) -> T:
        """A string that ``kind`` (an enum) accepts."""
        value = self.text(name)
        try:
            return kind(value)
        except ValueError:
            raise wrong(self.place(name), "one of the documented words", value) from None

    def object(self, name: str) -> Fields:
        """An object."""
        return Fields(self._get(name), self.place(name))

    def mapping(self, name: str) -> dict[str, Any]:
        """An object as it is."""
        return dict(self._typed(name, dict, "an object"))

    def mapping_or_none(self, name: str) -> dict[str, Any] | None:
        """An object as it is, or null."""
        return None if self._get(name) is None else self.mapping(name)

    def each(self, name: str, read: Callable[[Any, str], T]) -> tuple[T, ...]:
        """``read(item, place)`` of every item of an array."""
        items = self._typed(name, list, "an array")
        return tuple(read(item, f"{self.place(name)}[{i}]") for i, item in enumerate(items))

    def later(self, name: str, default: Any) -> Fields:
        """This object, ``name`` filled in where it is missing: reports of earlier versions."""
        if name in self._value:
            return self
        return Fields({**self._value, name: default}, self._place)

    def read_or_none(self, name: str, read: Callable[[Any, str], T]) -> T | None:
        """``read(value, place)`` of a member that may be null."""
        value = self._get(name)
        return None if value is None else read(value, self.place(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """An array of strings."""
        return self.each(name, _text)

    def integers(self, name: str) -> tuple[int, ...]:
        """An array of integers."""
        return self.each(name, whole)

    def _get(self, name: str) -> Any:
        if name not in self._value:
            raise UsageError(f"not a whole leakhunt report: {self.place(name)} is missing")
        return self._value[name]

    def _typed(self, name: str, kind: type[T], expected: str) -> T:
        value = self._get(name)
        if not isinstance(value, kind):
            raise wrong(self.place(name), expected, value)
        return value


_GETTER_BY_TYPE: dict[object, Callable[[Fields, str], object]] = {
    "bool": Fields.boolean,
    "float": Fields.number,
    "float | None": Fields.number_or_none,
    "int": Fields.integer,
    "int | None": Fields.integer_or_none,
    "str": Fields.text,
    "str | None": Fields.text_or_none,
    "tuple[str, ...]": Fields.texts,
}
"""By the annotation of a field, as it is written."""


def listed(record: Any) -> dict[str, Any]:
    """A record of plain values as an object, its tuples as arrays."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name in _types_of(type(record))
        for value in (getattr(record, name),)
    }


def record_of(kind: type[T], fields: Fields, **special: object) -> T:
    """A dataclass or named tuple whose fields are the members of the object; ``special`` are
    those read already.

    Raises UsageError as the getters do, KeyError for an annotation that is not plain.
    """
    plain = {
        name: _GETTER_BY_TYPE[of](fields, name)
        for name, of in _types_of(kind).items()
        if name not in special
    }
    return kind(**plain, **special)


def _types_of(kind: Any) -> dict[str, object]:
    """Annotation, as it is written, by name of a field."""
    if is_dataclass(kind):
        return {one.name: one.type for one in fields_of(kind)}
    return {name: of.__forward_arg__ for name, of in kind.__annotations__.items()}


def whole(value: object, place: str) -> int:
    """``value`` as an integer; UsageError when it is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong(place, "an integer", value)
    return value


def wrong(place: str, expected: str, value: object) -> UsageError:
    """The error for a value of the wrong kind."""
    shown = ascii(value)
    if len(shown) > _SHOWN:
        shown = shown[:_SHOWN] + "..."
    return UsageError(f"not a leakhunt report: {place} should be {expected}, not {shown}")


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise wrong(place, "a string", value)
    return value
