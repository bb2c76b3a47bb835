"""The strict reader refuses every damage, with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leakhunt.errors import SnapshotError
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.interop.heapsnapshot.check import check_heapsnapshot
from leakhunt.interop.heapsnapshot.ids import ObjectIds
from leakhunt.interop.heapsnapshot.rows import Rows
from leakhunt.interop.heapsnapshot.writer import write_heapsnapshot
from tests.unit.interop.test_heapsnapshot import shop

W = 5
"""Numbers a node."""
Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("ours") / "a.heapsnapshot"
    write_heapsnapshot(path, Rows(HeapGraph(shop().snap("baseline")), ObjectIds()))
    return path.read_bytes()


def add(section: str, index: int, amount: int) -> Change:
    def change(x: dict[str, Any]) -> None:
        x[section][index] += amount

    return change


def put(section: str, index: int, value: Any) -> Change:
    return lambda x: x[section].__setitem__(index, value)


def count(name: str, amount: int) -> Change:
    return lambda x: x["snapshot"].__setitem__(name, x["snapshot"][name] + amount)


def shift_edge(x: dict[str, Any]) -> None:
    """Move the first edge of a node to the node before it, as no reader can tell by itself."""
    counts = x["nodes"][4::W]
    first = next(i for i in range(9, len(counts)) if counts[i + 1])
    x["nodes"][W * first + 4] += 1
    x["nodes"][W * (first + 1) + 4] -= 1


CORRUPTIONS: dict[str, tuple[Change, str]] = {
    "edge_count+1": (count("edge_count", 1), "nodes own .* edges, the header counts"),
    "edge_count-1": (count("edge_count", -1), "nodes own .* edges, the header counts"),
    "node_count-1": (count("node_count", -1), "header counts .* nodes, the file holds"),
    "node_count+1": (count("node_count", 1), "header counts .* nodes, the file holds"),
    "to_node unaligned": (add("edges", 5, 1), "edge 1 leads to .* where no node starts"),
    "to_node out of range": (put("edges", 5, 10**6), "edge 1 leads to 1000000"),
    "duplicate id": (put("nodes", W * 5 + 2, 9), "nodes 4 and 5 have the same id 9"),
    "even id": (put("nodes", W * 5 + 2, 4), "node 5 has the even id 4"),
    "string index out of range": (put("nodes", W * 5 + 1, 9999), "node 5 has the name 9,999"),
    "edge name out of range": (put("edges", 3 * 10 + 1, 9999), "edge 10 has the name 9,999"),
    "id > 2^32": (put("nodes", W * 5 + 2, 2**33 + 1), r"node 5, id \(byte .*fit 32 bits"),
    "per-node edge_count shifted": (shift_edge, "the nodes are not those that leakhunt wrote"),
    "self_size 5 GB": (put("nodes", W * 5 + 3, 5 * 2**30), "node 5, self_size .*fit 32 bits"),
    "self_size changed": (put("nodes", W * 12 + 3, 17), "nodes are not those that leakhunt wrote"),
    "edge changed": (put("edges", 5, W), "edges are not those that leakhunt wrote"),
    "string changed": (put("strings", 1, "x"), "strings are not those that leakhunt wrote"),
    "string added": (lambda x: x["strings"].append(""), "strings are not those"),
    "negative": (put("nodes", W * 5 + 3, -1), "node 5, self_size .*unsigned decimal"),
    "decimal": (put("nodes", W * 5 + 3, 1.5), "node 5, self_size .*a comma is expected"),
    "null": (put("nodes", W * 5 + 3, None), "node 5, self_size .*unsigned decimal"),
    "node type": (put("nodes", W * 5, 15), "node 5 has type 15 of 15"),
    "edge type": (put("edges", 3 * 10, 7), "edge 10 has type 7 of 7"),
    "nodes cut in a row": (lambda x: x["nodes"].pop(), "ends in the middle of a row"),
    "edges missing": (lambda x: x.pop("edges"), "section 'edges' is expected"),
    "strings missing": (lambda x: x.pop("strings"), "section 'strings' is expected"),
    "key after strings": (lambda x: x.update(extra=[]), "section 'strings' is not JSON"),
    "strings hold a number": (put("strings", 3, 7), "string 3 is no string but int"),
    "order": (lambda x: x.update(nodes=x.pop("nodes")), "section 'nodes' is expected"),
    "no meta": (lambda x: x["snapshot"].pop("meta"), "no meta object"),
    "no id field": (
        lambda x: x["snapshot"]["meta"]["node_fields"].__setitem__(2, "ident"),
        "meta.node_fields lacks 'id'",
    ),
    "types do not match": (
        lambda x: x["snapshot"]["meta"]["node_types"].pop(),
        "does not have one entry for each field",
    ),
    "no words": (
        lambda x: x["snapshot"]["meta"]["edge_types"].__setitem__(0, "number"),
        "does not list the words",
    ),
    "counts beyond the file": (
        lambda x: x["snapshot"].update(node_count=10**30),
        "more than the file has room for",
    ),
    "a field twice": (
        lambda x: (
            x["snapshot"]["meta"]["node_fields"].append("id"),
            x["snapshot"]["meta"]["node_types"].append("number"),
        ),
        "names a field twice",
    ),
    "too many fields": (
        lambda x: (
            x["snapshot"]["meta"]["edge_fields"].extend(map(str, range(100))),
            x["snapshot"]["meta"]["edge_types"].extend(["number"] * 100),
        ),
        "names a field twice, or more than 64",
    ),
    "counts are text": (lambda x: x["snapshot"].update(node_count="9"), "node_count .* is '9'"),
    "samples announced": (
        lambda x: x["snapshot"]["meta"].update(sample_fields=[]),
        "section 'samples' is missing",
    ),
    "traces announced": (
        lambda x: x["snapshot"].update(trace_function_count=1),
        "section 'trace_function_infos' is missing",
    ),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corruption_is_caught(name: str, ours: bytes, tmp_path: Path) -> None:
    change, problem = CORRUPTIONS[name]
    value = json.loads(ours)
    change(value)
    path = tmp_path / "c.heapsnapshot"
    path.write_text(json.dumps(value).replace('": ', '":'))
    with pytest.raises(SnapshotError, match=problem) as caught:
        check_heapsnapshot(path)
    assert str(path) in str(caught.value)
    assert caught.value.hint


def test_white_space_and_escapes_are_free(ours: bytes, tmp_path: Path) -> None:
    path = tmp_path / "c.heapsnapshot"
    value = json.loads(ours)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False).replace('": ', '":'))
    assert check_heapsnapshot(path).is_ours


def test_memlab_does_not_find_a_key_with_a_blank_before_its_colon(
    ours: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "c.heapsnapshot"
    path.write_bytes(ours.replace(b'"edges":', b'"edges" :'))
    with pytest.raises(SnapshotError, match="no colon follows the key 'edges' at once"):
        check_heapsnapshot(path)


def v8_file() -> dict[str, Any]:
    """As V8 writes it with allocation tracking on."""
    kinds = ["hidden", "array", "string", "object", "code", "closure", "regexp", "number",
             "native", "synthetic"]  # fmt: skip
    return {
        "snapshot": {
            "meta": {
                "node_fields": [
                    "type", "name", "id", "self_size", "edge_count", "trace_node_id",
                    "detachedness",
                ],
                "node_types": [kinds, "string", "number", "number", "number", "number", "number"],
                "edge_fields": ["type", "name_or_index", "to_node"],
                "edge_types": [["context", "element", "property"], "string_or_number", "node"],
                "trace_function_info_fields": [
                    "function_id", "name", "script_name", "script_id", "line", "column",
                ],
                "trace_node_fields": ["id", "function_info_index", "count", "size", "children"],
                "sample_fields": ["timestamp_us", "last_assigned_id"],
                "location_fields": ["object_index", "script_id", "line", "column"],
            },
            "node_count": 2,
            "edge_count": 1,
            "trace_function_count": 1,
        },
        "nodes": [9, 0, 1, 0, 1, 0, 0, 3, 1, 2, 16, 0, 1, 0],
        "edges": [1, 7, 7],
        "trace_function_infos": [0, 0, 0, 0, 0, 0],
        "trace_tree": [1, 0, 0, 0, [2, 0, 1, 16, []]],
        "samples": [0, 1, 5, 3],
        "locations": [7, 1, 0, 0],
        "strings": ["<dummy>", "Sessiön"],
    }  # fmt: skip


def write_json(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")), "utf-8")
    return path


def test_a_file_of_v8_is_accepted_without_the_promise_of_a_checksum(tmp_path: Path) -> None:
    checked = check_heapsnapshot(write_json(tmp_path / "v8", v8_file()))
    assert (checked.node_count, checked.edge_count, checked.string_count) == (2, 1, 2)
    assert checked.self_bytes == 16
    assert not checked.is_ours


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (put("samples", 1, "x"), "number 1 of section 'samples'"),
        (lambda x: x["samples"].pop(), "section 'samples' has 3 numbers: no rows of 2"),
        (put("trace_tree", 4, ["x"]), "section"),
        (lambda x: x.update(locations=x.pop("locations")), "'locations' is missing"),
        (lambda x: x["snapshot"]["meta"].pop("trace_function_info_fields"), "does not list"),
    ],
)
def test_damage_in_the_optional_sections(change: Change, problem: str, tmp_path: Path) -> None:
    value = v8_file()
    change(value)
    with pytest.raises(SnapshotError, match=problem):
        check_heapsnapshot(write_json(tmp_path / "v8", value))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\x00" * 100, b'{"snapshot":7}'])
def test_what_is_no_snapshot_at_all(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(SnapshotError):
        check_heapsnapshot(path)


def test_a_file_that_is_missing_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match=r"cannot read .*No such file"):
        check_heapsnapshot(tmp_path / "missing")
    with pytest.raises(SnapshotError, match="cannot read"):
        check_heapsnapshot(tmp_path)


def test_every_truncation_is_caught(ours: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x"
    whole = len(ours.rstrip())
    for end in [*range(1, whole, 37), whole - 1]:
        path.write_bytes(ours[:end])
        with pytest.raises(SnapshotError):
            check_heapsnapshot(path)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_changed_byte_is_refused_or_changes_nothing(
    data: st.DataObject, ours: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What is accepted means what was written; the header's words are no part of the promise."""
    at = data.draw(st.integers(0, len(ours) - 1))
    changed = ours[:at] + bytes([data.draw(st.integers(0, 255))]) + ours[at + 1 :]
    path = tmp_path_factory.getbasetemp() / "changed.heapsnapshot"
    path.write_bytes(changed)
    try:
        is_ours = check_heapsnapshot(path).is_ours
    except SnapshotError:
        return
    before, after = json.loads(ours), json.loads(changed)
    assert list(before) == list(after)
    for section in ("nodes", "edges", "strings"):
        assert before[section] == after[section] or not is_ours
