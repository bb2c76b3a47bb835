"""Loads the native agent from a file, as the tool does.  Standard library only."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from typing import Any


def load(path: str) -> Any:
    """The agent's module, self-tested."""
    spec = importlib.util.spec_from_file_location("_heap", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.self_test()
    return module


def header() -> bytes:
    """A snapshot's header."""
    return json.dumps({
        "format": "leakhunt-stream", "tool": "test", "label": "test", "sequence": 0,
        "process": {"pid": os.getpid(), "start_ticks": 1, "boot_id": "test", "uid": os.getuid()},
        "python": {"version": sys.version.split()[0], "implementation": "cpython",
                   "hexversion": sys.hexversion, "abi": "", "executable": sys.executable},
        "created": "", "mode": "in-process", "redaction": "names",
        "identity": {"method": "none", "exact": False, "since": None, "inferred_types": []},
    }).encode()  # fmt: skip
