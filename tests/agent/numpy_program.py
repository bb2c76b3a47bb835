"""numpy arrays (and pandas frames, when installed): what must own what.

Usage: numpy_program.py AGENT FOLDER.  Runs inside the target interpreter.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from tests.agent import agent_loader

Expected = dict[str, tuple[Any, list[list[Any]]]]


class Thing:
    """Something with an address of its own."""


class Attributed(np.ndarray[Any, Any]):
    """A class built on arrays."""


def arrays() -> Expected:
    """Objects by name with ``[kind, name, target]`` edges that they own: all that are no
    dtype."""
    things = [Thing() for _ in range(12)]
    found: Expected = {}

    def items(wanted: list[Any]) -> list[list[Any]]:
        return [["INDEX", i, x] for i, x in enumerate(wanted) if x is not None]

    plain = np.arange(1000)
    found["numbers"] = plain, []
    view = plain[5:50]
    found["view"] = view, [["FIELD", "base", plain]]
    found["view of view"] = view[3:9], [["FIELD", "base", plain]]
    found["scalar"] = np.float64(2.5), []
    objects = np.array(things[:4], dtype=object)
    found["objects"] = objects, items(things[:4])
    found["objects view"] = objects[1:3], [["FIELD", "base", objects]]
    square = np.empty((3, 4), dtype=object)
    fortran = np.empty((3, 4), dtype=object, order="F")
    cube = np.empty((2, 3, 2), dtype=object)
    for i, thing in enumerate(things):
        square.flat[i], fortran.flat[i], cube.flat[i] = thing, thing, thing
    found["objects 2-d"] = square, items(things)
    found["objects fortran"] = fortran, items(things)
    found["objects 3-d"] = cube, items(things)
    found["objects transposed"] = square.T, [["FIELD", "base", square]]
    zero = np.empty((), dtype=object)
    zero[()] = things[0]
    found["objects 0-d"] = zero, items([things[0]])
    found["objects none"] = np.empty((0, 5), dtype=object), []
    found["objects unset"] = np.empty(3, dtype=object), []
    record = np.zeros(3, dtype=[("n", "i4"), ("o", "O"), ("p", "O")])
    for i in range(3):
        record[i] = (i, things[i], things[i + 3])
    found["structs"] = record, items(things[:3]) + items(things[3:6])
    packed = np.zeros(2, dtype=np.dtype([("c", "i1"), ("o", "O")], align=False))
    packed["o"] = things[:2]
    found["structs packed"] = packed, items(things[:2])
    inner = np.dtype([("x", "f8"), ("o", "O")])
    nested = np.zeros(2, dtype=[("a", inner), ("b", "i2")])
    nested["a"]["o"] = things[2:4]
    found["structs nested"] = nested, items(things[2:4])
    attributed: Any = np.empty(2, dtype=object).view(Attributed)
    owner = Attributed((2,), dtype=object)
    owner[0], owner[1] = things[0], things[1]
    owner.note = things[2]  # type: ignore[attr-defined]
    found["subclass"] = owner, items(things[:2])
    found["subclass view"] = attributed, [["FIELD", "base", attributed.base]]
    found["broadcast"] = np.broadcast_to(objects[0:1], (5, 1)), []
    found["texts"] = np.array(["one", "two"]), []
    return found


def frames() -> dict[str, Any]:
    """pandas objects; empty when it is not installed."""
    try:
        import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        return {}
    frame = pd.DataFrame({"number": range(5), "thing": [Thing() for _ in range(5)]})
    return {
        "frame": frame,
        "series": frame["thing"],
        "index": pd.Index([f"key {i}" for i in range(5)], dtype=object),
    }


def main() -> None:
    agent = agent_loader.load(sys.argv[1])
    folder = Path(sys.argv[2])
    expected, pandas = arrays(), frames()
    held = [pandas["frame"]["thing"].to_numpy()] if pandas else []
    sizes = {name: sys.getsizeof(obj) for name, (obj, _) in expected.items()}
    agent.capture(str(folder / "heap.lkheap"), agent_loader.header())
    answer = {
        "sizes": sizes,
        "arrays": {
            name: [id(obj), [[kind, key, id(target)] for kind, key, target in edges]]
            for name, (obj, edges) in expected.items()
        },
        "pandas": {name: id(obj) for name, obj in pandas.items()},
        "things": [id(x) for array in held for x in array],
    }
    (folder / "expected.json").write_text(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
