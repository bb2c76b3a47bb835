"""What widgets and screens tell the application: it alone moves between screens."""

from __future__ import annotations

from textual.message import Message


class OpenType(Message):
    """List the instances of a type."""

    def __init__(self, type_name: str) -> None:
        super().__init__()
        self.type_name = type_name


class OpenNode(Message):
    """Walk the chain of one object."""

    def __init__(self, node: int) -> None:
        super().__init__()
        self.node = node


class OpenFinding(Message):
    """Walk the chain of a finding, from its holder or from its whole population."""

    def __init__(self, fingerprint: str, *, is_whole: bool = False) -> None:
        super().__init__()
        self.fingerprint = fingerprint
        self.is_whole = is_whole


class Copy(Message):
    """Put text into the clipboard."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
