"""The native agent for a target's interpreter: the installed one, or one compiled and kept.

What is compiled here runs inside other processes of the same user, so the cache must be
ours alone: owned by us, writable by nobody else.
"""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

import leakhunt.agent
from leakhunt.errors import NativeBuildError
from leakhunt.target.digest import digest
from leakhunt.target.interpreter import Interpreter, own_interpreter

COMPILE_TIMEOUT_S = 120.0
_FLAGS = ("-std=gnu11", "-O3", "-DNDEBUG", "-fwrapv", "-fPIC", "-shared", "-pthread")
_TAIL_LINES = 8
_LIBRARY = "_heap.so"


def native_agent_for(
    interpreter: Interpreter, *, on_build: Callable[[], None] | None = None
) -> Path:
    """File of the native agent for this interpreter, compiled first if need be.

    ``on_build`` is called before a compilation (some seconds).  Raises NativeBuildError when
    there is no compiler, there are no headers, the compilation fails or the cache is unsafe.
    """
    installed = _installed_agent(interpreter)
    if installed is not None:
        return installed
    library = _below(_private_folder(cache_root()), _folder_name(interpreter), _LIBRARY)
    if not _is_usable(library):
        if on_build is not None:
            on_build()
        _build(interpreter, _read_sources(), library)
    return library


def describe_agent(interpreter: Interpreter) -> str:
    """Where `native_agent_for` would take the agent from; builds nothing."""
    installed = _installed_agent(interpreter)
    if installed is not None:
        return f"{installed} (came with leakhunt)"
    library = _below(cache_root(), _folder_name(interpreter), _LIBRARY)
    if library.is_file():
        return f"{library} (built before)"
    return f"{library} (would be built first)"


def cache_root() -> Path:
    """Where compiled agents are kept (``XDG_CACHE_HOME`` is respected)."""
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("leakhunt")) / "agents"


def _installed_agent(interpreter: Interpreter) -> Path | None:
    """The agent that came with leakhunt, when it was compiled for exactly this interpreter."""
    own = own_interpreter()
    for name in ("hexversion", "soabi", "is_debug", "base_prefix", "libc", "machine"):
        if getattr(own, name) != getattr(interpreter, name):
            return None
    installed = _below(_agent_folder(), f"_heap{own.ext_suffix}")
    return installed if installed.is_file() else None


def _agent_folder() -> Path:
    return Path(leakhunt.agent.__file__).parent


@lru_cache(maxsize=8)
def _below(folder: Path, *names: str) -> Path:
    """A path that is asked for at each attach, made once (see small_file)."""
    return folder.joinpath(*names)


def _read_sources() -> dict[str, bytes]:
    """The shipped C files by name."""
    folder = _agent_folder() / "native"
    sources = {
        entry.name: entry.read_bytes()
        for entry in (sorted(folder.iterdir()) if folder.is_dir() else ())
        if entry.suffix in {".c", ".h"}
    }
    if not any(name.endswith(".c") for name in sources):
        raise NativeBuildError(
            "this installation of leakhunt carries no C sources of its agent",
            hint="install leakhunt again; its package leakhunt.agent.native is incomplete",
        )
    return sources


@lru_cache(maxsize=8)
def _folder_name(interpreter: Interpreter) -> str:
    """Where the agent of our own sources is kept; they stay what they are while we run."""
    return _key(interpreter, _read_sources())


def _key(interpreter: Interpreter, sources: dict[str, bytes]) -> str:
    """Folder name: everything that decides whether a compiled agent fits."""
    # Two builds of one version may differ in their configuration.
    try:
        config = Path(interpreter.config_h).read_bytes()
    except OSError as exc:
        raise _no_headers(interpreter) from exc
    named = (f"{name}\0{len(text)}\0".encode() + text for name, text in sources.items())
    parts = (
        f"{interpreter.implementation}-{interpreter.version_text}",
        f"{interpreter.hexversion:08x}",
        interpreter.soabi,
        "debug" if interpreter.is_debug else "release",
        interpreter.libc,
        interpreter.machine,
        digest([repr(_FLAGS).encode(), *named, config], 24),
    )
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in "_".join(parts))


def _private_folder(folder: Path) -> Path:
    """Make ``folder`` (0700) if missing and refuse it unless it is ours alone."""
    remedy = "remove it, or set XDG_CACHE_HOME to a directory of your own"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(exist_ok=True, mode=0o700)
        found = folder.lstat()
    except OSError as exc:
        raise NativeBuildError(
            f"the cache {folder} cannot be used: {exc.strerror or exc}", hint=remedy
        ) from exc
    if not stat.S_ISDIR(found.st_mode):
        raise NativeBuildError(f"the cache {folder} is not a directory", hint=remedy)
    for path in (folder.parent, folder):
        status = path.stat()
        if status.st_uid != os.geteuid():
            raise NativeBuildError(
                f"the cache {path} belongs to user {status.st_uid}, not to us ({os.geteuid()})",
                hint=remedy,
            )
        if status.st_mode & 0o022:
            raise NativeBuildError(
                f"the cache {path} is writable by others (mode {status.st_mode & 0o777:04o})",
                hint=f"chmod go-w {path}",
            )
    return folder


def _is_usable(library: Path) -> bool:
    """Whether a compiled agent is there; refuses one that others could have written."""
    try:
        found = library.lstat()
    except FileNotFoundError:
        return False
    is_ours = found.st_uid == os.geteuid() and not found.st_mode & 0o022
    if not stat.S_ISREG(found.st_mode) or not is_ours:
        raise NativeBuildError(
            f"the cached agent {library} is not a file of ours",
            hint=f"remove {library.parent}",
        )
    return found.st_size > 0


def _build(interpreter: Interpreter, sources: dict[str, bytes], library: Path) -> None:
    """Compile in a private folder beside the library, then rename: safe when two do it at once."""
    if not any((Path(folder) / "Python.h").is_file() for folder in interpreter.include_dirs):
        raise _no_headers(interpreter)
    compiler = _compiler(interpreter)
    import tempfile  # a compilation is rare

    try:
        library.parent.mkdir(exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(prefix=".build-", dir=library.parent) as work:
            for name, text in sources.items():
                (Path(work) / name).write_bytes(text)
            output = Path(work) / _LIBRARY
            _compile(interpreter, compiler, Path(work), output)
            output.chmod(0o700)
            output.replace(library)
    except OSError as exc:
        raise NativeBuildError(
            f"the native agent cannot be built in {library.parent}: {exc.strerror or exc}",
            hint="free some space there, or set XDG_CACHE_HOME to another directory",
        ) from exc


def _compiler(interpreter: Interpreter) -> list[str]:
    """The first C compiler that exists: CC, the one the interpreter was built with, the usual."""
    import shutil

    named = os.environ.get("CC", "")
    for candidate in (named, interpreter.cc, "gcc", "cc", "clang"):
        try:
            words = shlex.split(candidate)
        except ValueError:
            continue
        if words and shutil.which(words[0]):
            return words
        if candidate and candidate == named:
            raise NativeBuildError(f"the C compiler {named!r} (environment CC) does not exist")
    raise NativeBuildError(
        f"no C compiler found to build the native agent for CPython {interpreter.version_text}"
    )


def _compile(interpreter: Interpreter, compiler: list[str], work: Path, output: Path) -> None:
    """Run the compiler on every C file in ``work``."""
    include: Iterable[str] = (f"-I{folder}" for folder in (work, *interpreter.include_dirs))
    files = sorted(str(path) for path in work.glob("*.c"))
    command = [*compiler, *_FLAGS, *include, *files, "-o", str(output), "-lm"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMPILE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise NativeBuildError(
            f"{compiler[0]} did not finish in {COMPILE_TIMEOUT_S:g} s",
            hint="try again when the machine is less busy, or set CC to another compiler",
        ) from exc
    if done.returncode != 0:
        tail = done.stdout.decode("utf-8", "replace").strip().splitlines()[-_TAIL_LINES:]
        raise NativeBuildError(
            f"{compiler[0]} failed (status {done.returncode}) to build the native agent"
            f" for CPython {interpreter.version_text}: " + " | ".join(tail),
            hint="set CC to a C11 compiler (gcc or clang) that can build extensions for it",
        )


def _no_headers(interpreter: Interpreter) -> NativeBuildError:
    major, minor, _ = interpreter.version
    return NativeBuildError(
        f"CPython {interpreter.version_text} at {interpreter.path} has no C headers"
        f" (no Python.h in {', '.join(interpreter.include_dirs)})",
        hint=f"install them, for instance python{major}.{minor}-dev or python{major}.{minor}-devel",
    )
