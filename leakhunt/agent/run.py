"""Run a Python program as ``python`` would, with an agent in it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pkgutil import get_importer
from runpy import _run_module_as_main  # type: ignore[attr-defined]  # what ``python -m`` calls
from types import TracebackType
from typing import Any

from leakhunt.agent.prepared import start_if_possible

USAGE = """\
usage: python -m leakhunt.agent [-m MODULE | FILE] [ARGUMENT ...]

Run a Python program as `python FILE` or `python -m MODULE` would, with an agent in it that
`leakhunt hunt PID` and `leakhunt snapshot PID` find.

example: python -m leakhunt.agent -m http.server 8000
"""


def main(arguments: list[str]) -> None:
    """Run the program; comes back when its main module is done."""
    if arguments[:1] in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        sys.exit(0)
    if not arguments or arguments == ["-m"]:
        sys.stderr.write(USAGE)
        sys.exit(2)
    start_if_possible()
    if arguments[0] == "-m":
        sys.argv[:] = ["-m", *arguments[2:]]
        run(lambda: run_module(arguments[1]))
    else:
        sys.argv[:] = arguments
        run(lambda: run_path(arguments[0]))


def run(program: Callable[[], None]) -> None:
    """Run it; a traceback shows the program's frames only."""
    try:
        program()
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as exc:
        exc.__traceback__ = frames_of_program(exc.__traceback__)
        sys.excepthook(type(exc), exc, exc.__traceback__)
        sys.exit(1)


def run_module(name: str) -> None:
    """As ``python -m`` does."""
    clear_main()
    _run_module_as_main(name)


def run_path(path: str) -> None:
    """A file, or a folder or archive with a ``__main__`` in it."""
    if get_importer(path) is not None:
        set_first_path(os.path.abspath(path))
        clear_main()
        _run_module_as_main("__main__", alter_argv=False)
        return
    set_first_path(os.path.dirname(os.path.realpath(path)))
    path = os.path.abspath(path)
    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as exc:
        sys.stderr.write(f"leakhunt: can't open file {path!r}: {exc.strerror}\n")
        sys.exit(2)
    namespace = clear_main()
    namespace["__file__"] = path
    namespace["__loader__"] = SourceFileLoader("__main__", path)
    exec(compile(source, path, "exec", dont_inherit=True), namespace)  # noqa: S102 - the program


def clear_main() -> dict[str, Any]:
    """The namespace of ``__main__`` as a program finds it."""
    namespace = sys.modules["__main__"].__dict__
    has_annotations = "__annotations__" in namespace  # not from 3.14 on
    namespace.clear()
    namespace.update(
        __name__="__main__",
        __doc__=None,
        __package__=None,
        __loader__=None,
        __spec__=None,
        __builtins__=sys.modules["builtins"],
        __cached__=None,
    )
    if has_annotations:
        namespace["__annotations__"] = {}
    return namespace


def set_first_path(folder: str) -> None:
    """What Python puts first on the path for a file, where it put the current folder for -m."""
    if not sys.flags.safe_path:
        sys.path[0] = folder


def frames_of_program(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames of this file at its start."""
    while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next
    return traceback
