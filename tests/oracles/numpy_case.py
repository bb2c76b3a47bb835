"""Arrays, views and, where it is installed, pandas: snapshots before and after more of them.

Usage: numpy_case.py FOLDER
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from leakhunt.agent import snapshots

folder = Path(sys.argv[1])
kept: list[object] = []


def work(count: int) -> None:
    for i in range(count):
        array = np.arange(100.0 + i)
        kept.append({"array": array, "view": array[::2], "rows": array.reshape(1, -1)})
        kept.append(memoryview(array.data))
        kept.append(np.array([object(), kept[-1]], dtype=object))
    if importlib.util.find_spec("pandas"):
        pandas = importlib.import_module("pandas")
        kept.append(pandas.DataFrame({"a": range(count), "b": [str(i) for i in range(count)]}))


work(200)
snapshots.watch()
snapshots.capture(folder / "baseline.lkheap", label="baseline")
del kept[:90]
work(300)
snapshots.capture(folder / "loaded.lkheap", label="loaded")
del kept[-30:]
snapshots.capture(folder / "final.lkheap", label="final")
snapshots.unwatch()
