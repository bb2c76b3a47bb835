"""Kinds of option values: each says what is wrong with a bad one."""

from __future__ import annotations

import math
import shutil
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


class Interpreter(click.ParamType[Path]):
    """A Python interpreter: a path, or a name on PATH.

    Links are kept: the interpreter of a virtual environment is a link, and resolving it would
    lose the environment.
    """

    name = "interpreter"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path:
        """The absolute path; fails when there is no such executable."""
        text = str(value)
        found = shutil.which(text)
        if found is None:
            why = "is not executable" if Path(text).exists() else "was not found"
            self.fail(f"the interpreter {text!r} {why}", param, ctx)
        return Path.cwd() / found
