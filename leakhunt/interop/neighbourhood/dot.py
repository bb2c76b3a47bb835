"""A neighbourhood as a drawing in the DOT language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from leakhunt.report import units
from leakhunt.report.escape import Output, escape

if TYPE_CHECKING:
    from leakhunt.interop.neighbourhood.build import Neighbourhood

_FILL_BY_KIND: Final = {
    "root": "#d9d9d9",
    "module": "#cfe2f3",
    "class": "#d9d2e9",
    "callable": "#fff2cc",
    "container": "#d9ead3",
    "value": "#ffffff",
    "instance": "#fce5cd",
}
_CYCLE, _PATH, _WEAK, _PLAIN = "#cc0000", "#1c4587", "#999999", "#666666"
_FONT: Final = 'fontname="Helvetica"'
_HEAD: Final = f"""\
digraph neighbourhood {{
  graph [rankdir=LR, {_FONT}, fontsize=13, labelloc=t, labeljust=l,
         nodesep=0.2, ranksep=0.7, bgcolor="white"];
  node [shape=box, style="rounded,filled", {_FONT}, fontsize=11,
        color="#888888", margin="0.18,0.08"];
  edge [{_FONT}, fontsize=9, color="{_PLAIN}", fontcolor="#444444",
        arrowsize=0.7];
"""


def to_dot(drawing: Neighbourhood) -> str:
    """The drawing: colours by kind, sizes in the labels, the path from the root in blue,
    reference cycles in red, weak references dashed.  O(nodes + edges)."""
    return "".join(
        [_HEAD, f"  label={_title(drawing)};\n", *_nodes(drawing), *_edges(drawing), "}\n"]
    )


def _title(drawing: Neighbourhood) -> str:
    about = drawing.graph
    lines = [f"{about['around']} in {about['snapshot']}"]
    if about["path"] and about["path"] != about["around"]:
        lines.append(about["path"])
    steps = units.plural(about["depth"], "step")
    lines.append(f"{units.plural(len(drawing), 'object')} within {steps}")
    return _quoted(*lines, align="\\l")


def _nodes(drawing: Neighbourhood) -> Iterator[str]:
    for node, facts in drawing.nodes(data=True):
        yield f"  n{node} [{_attributes(_node_style(facts))}];\n"
        for word, is_above in (("more_referrers", True), ("more_referents", False)):
            if facts[word]:
                yield from _stub(node, facts[word], is_above=is_above)


def _node_style(facts: Mapping[str, Any]) -> dict[str, str]:
    lines = [facts["label"]]
    if facts["kind"] != "root":
        retained, shallow = facts["retained_bytes"], facts["shallow_bytes"]
        size = units.size(shallow)
        lines.append(size if retained <= shallow else f"{size}, retains {units.size(retained)}")
    if facts["is_garbage"]:
        lines.append("garbage")
    style = {
        "label": _quoted(*lines),
        "fillcolor": _quoted(_FILL_BY_KIND[facts["kind"]]),
        "tooltip": _quoted(f"{facts['type']} {facts['address']}".strip()),
    }
    if facts["in_cycle"]:
        style["color"] = _quoted(_CYCLE)
    if facts["is_centre"]:
        style |= {"penwidth": "3", "color": _quoted(_PATH)}
    return style


def _stub(node: int, count: int, *, is_above: bool) -> Iterator[str]:
    """A mark for the neighbours that were left out."""
    name = f"more_{'to' if is_above else 'of'}_{node}"
    text = _quoted(f"+{count:,} more")
    yield f'  {name} [label={text}, shape=plaintext, style="", fontcolor="#777777"];\n'
    ends = (name, f"n{node}") if is_above else (f"n{node}", name)
    yield f"  {ends[0]} -> {ends[1]} [style=dotted, arrowhead=none];\n"


def _edges(drawing: Neighbourhood) -> Iterator[str]:
    for source, target, facts in drawing.edges(data=True):
        yield f"  n{source} -> n{target} [{_attributes(_edge_style(facts))}];\n"


def _edge_style(facts: Mapping[str, Any]) -> dict[str, str]:
    style = {"label": _quoted(facts["name"])}
    if facts["is_weak"]:
        return style | {"style": "dashed", "color": _quoted(_WEAK)}
    if facts["is_path"]:
        style |= {"penwidth": "2.5", "color": _quoted(_PATH)}
    elif facts["in_cycle"]:
        style["color"] = _quoted(_CYCLE)
    return style


def _attributes(style: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in style.items())


def _quoted(*lines: str, align: str = "\\n") -> str:
    """Lines of text as one string of the language."""
    escaped = [escape(line, Output.DOT) for line in lines]
    end = align if align == "\\l" else ""
    return f'"{align.join(escaped)}{end}"'
