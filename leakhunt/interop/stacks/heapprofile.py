"""V8's sampling heap profile (``HeapProfiler.SamplingHeapProfile`` of the DevTools protocol):
Chrome DevTools opens it in its Memory panel under Load profile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from leakhunt.analysis.call_tree import Call, WeighedStack, call_tree, walk
from leakhunt.report.escape import escape

_NO_SCRIPT = "0"


def to_heapprofile(stacks: Sequence[WeighedStack]) -> bytes:
    """ASCII JSON.  Sizes are whole bytes: what each call allocates itself.  O(frames).

    Lines and columns count from 0, as the protocol has them; files are script ids and URLs.
    """
    root = call_tree(stacks)
    script_by_file: dict[str, str] = {}
    ids = {id(call): number for number, call in enumerate(walk(root), 1)}
    nodes = {id(call): _node(call, ids[id(call)], script_by_file) for call in walk(root)}
    for call in walk(root):
        nodes[id(call)]["children"] = [nodes[id(below)] for below in call.callees.values()]
    samples = [
        {"size": size, "nodeId": ids[id(call)], "ordinal": ordinal}
        for ordinal, call in enumerate(walk(root), 1)
        if (size := round(call.bytes))
    ]
    return _written(nodes[id(root)], samples)


def _node(call: Call, number: int, script_by_file: dict[str, str]) -> dict[str, Any]:
    frame = call.frame
    if frame is None:
        place: dict[str, Any] = {
            "functionName": "(root)", "scriptId": _NO_SCRIPT, "url": "", "lineNumber": -1,
            "columnNumber": -1,
        }  # fmt: skip
    else:
        script = script_by_file.setdefault(frame.file, str(len(script_by_file) + 1))
        place = {
            "functionName": escape(frame.function),
            "scriptId": script,
            "url": escape(frame.file, limit=None),
            "lineNumber": -1 if frame.line is None else frame.line - 1,
            "columnNumber": 0,
        }
    return {"callFrame": place, "selfSize": round(call.bytes), "id": number, "children": []}


def _written(head: dict[str, Any], samples: list[dict[str, int]]) -> bytes:
    """The JSON text, deep trees too: the encoder of json recurses, this does not."""
    tail = json.dumps(samples)
    return (f'{{"head": {"".join(_pieces(head))}, "samples": {tail}}}\n').encode("ascii")


def _pieces(head: dict[str, Any]) -> Iterator[str]:
    """One node, then its children, then its end."""
    queue: list[dict[str, Any] | str] = [head]
    while queue:
        item = queue.pop()
        if isinstance(item, str):
            yield item
            continue
        children = item["children"]
        own = json.dumps({name: value for name, value in item.items() if name != "children"})
        yield f'{own[:-1]}, "children": ['
        queue.append("]}")
        for number, child in enumerate(reversed(children)):
            queue += [", "] * (number > 0)
            queue.append(child)
