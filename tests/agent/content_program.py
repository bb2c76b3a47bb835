"""Values whose hashes are asked for: ``AGENT OUT_DIR``."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.agent.agent_loader import header, load


class Text(str):
    __slots__ = ()


def copies(value: Any) -> list[Any]:
    """Two objects of one value."""
    if type(value) is str:
        return [value.encode("utf-32", "surrogatepass").decode("utf-32", "surrogatepass")
                for _ in range(2)]  # fmt: skip
    if type(value) is bytes:
        return [bytes(bytearray(value)) for _ in range(2)]
    if type(value) is int:
        return [int(str(value)) for _ in range(2)]
    return [struct.unpack("d", struct.pack("d", value))[0] for _ in range(2)]


def main() -> None:
    heap, folder = load(sys.argv[1]), Path(sys.argv[2])
    texts = ["", "a", "tick", "x" * 7, "x" * 8, "x" * 9, "x" * 4095, "é", "é" * 8, "ж" * 13,
             "\U0001f40d" * 5, "a\ud800", "ab", "ba", "a\0b", "a\0"]  # fmt: skip
    values: list[Any] = [*texts, *(one.encode("utf-16", "surrogatepass") for one in texts)]
    values += [b"", b"tick", b"x" * 16, 0, 1, -1, 255, 256, 257, 1 << 30, -(1 << 30), 1 << 60,
               (1 << 200) + 1, -(1 << 200) - 1, 10**9, 97]  # fmt: skip
    values += [0.0, -0.0, 1.0, 97.0, float("inf"), float("nan"), 1e300, 0.1]
    samples = [copy for value in values for copy in copies(value)]
    others = [Text("tick"), True, None, b"x" * ((1 << 24) + 1), "x" * ((1 << 24) + 1), (1, 2)]
    for name, content in (("plain", False), ("first", True), ("second", True), ("fork", True)):
        mode = "fork" if name == "fork" else "in-process"
        path = str(folder / f"{name}.lkheap")
        heap.capture(path, header(), False, 1000, name == "second", mode, content)
    told = [[id(one), type(one).__name__, repr(one)] for one in samples]
    text = json.dumps({"samples": told, "others": [id(one) for one in others]})
    (folder / "told.json").write_text(text, "utf-8")


main()
