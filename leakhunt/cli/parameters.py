"""Kinds of option values: each says what is wrong with a bad one.

Whether a file is there and fit is for the use cases to say: they know the remedy, and callers
of the Python API get the same message.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import click


class Amount(click.ParamType[float]):
    """A finite number, at least ``minimum``, with its unit named in errors."""

    name = "number"

    def __init__(self, unit: str, minimum: float = 0.0) -> None:
        self._unit = unit
        self._minimum = minimum

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; fails on text, nan, infinity and what is below the minimum."""
        try:
            number = float(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a number of {self._unit}", param, ctx)
        if not math.isfinite(number) or number < self._minimum:
            self.fail(f"{value!r} {self._unit}: at least {self._minimum:g} is needed", param, ctx)
        return number


class Whole(click.ParamType[int]):
    """A whole number, at least ``minimum``."""

    name = "number"

    def __init__(self, minimum: int) -> None:
        self._minimum = minimum

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """The number; fails on what is none and on what is below the minimum."""
        try:
            number = int(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)
        if number < self._minimum:
            self.fail(f"{value}: at least {self._minimum} is needed", param, ctx)
        return number


class FileName(click.ParamType[Path]):
    """The name of a file or folder, there or not."""

    name = "path"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        """The path as given; fails on what no path can be."""
        if isinstance(value, Path):
            return value
        return Path(self._checked(str(value), param, ctx))

    def _checked(self, text: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not text:
            self.fail("the path is empty", param, ctx)
        return text


class Interpreter(FileName):
    """A Python interpreter: a path, or a name on PATH.

    Links are kept: the interpreter of a virtual environment is a link, and resolving it would
    lose the environment.
    """

    name = "interpreter"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        """A bare name as it is, else the absolute path (``./python`` must not become a name)."""
        text = self._checked(str(value), param, ctx)
        if os.sep not in text:
            return Path(text)
        try:
            return Path.cwd() / text
        except OSError as error:
            self.fail(f"{text!r} is relative to a directory that is gone: {error}", param, ctx)
