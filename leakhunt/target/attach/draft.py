"""What is written into the target, made before the stop but for the numbers that only it tells.

Each of these numbers has a stand-in of full width, which the stop replaces: a few microseconds
instead of the tens that it takes to put the text and the instructions together.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from leakhunt.target.attach import stub
from leakhunt.target.attach.door import Descriptor, Door, TextSource, framed

_NUMBER = 1_735_928_559
_DEVICE, _INODE = 15_241_578_750_190_521_001, 15_241_578_750_190_521_003
_OURS, _RESULT = 0x5EAC_0DE5, 0x1234_5678_1EA4_5EED


@dataclass(frozen=True, slots=True)
class Draft:
    """A text and the instructions that have it run, in the two ways."""

    text: bytes
    _head_by_pending: Mapping[bool, bytes]

    @classmethod
    def of(
        cls, pid: int, library: str, source: TextSource, address_by_name: Mapping[str, int]
    ) -> Self:
        """``library``: the path that the target opens; the rest as `Door` and `assemble` say."""
        door = Door(pid, Descriptor(_NUMBER, _DEVICE, _INODE), library, None)
        text = framed(door, source).encode()
        heads = {
            is_pending: stub.assemble(
                text, address_by_name, ours=_OURS, result=_RESULT, is_pending=is_pending
            )[: -len(text) - 1]
            for is_pending in (False, True)
        }
        return cls(text, heads)

    def page(self, descriptor: Descriptor, *, ours: int, result: int, is_pending: bool) -> bytes:
        """As `assemble` of the text for this descriptor, which is a few blanks longer."""
        head = self._head_by_pending[is_pending]
        head = head.replace(struct.pack("<i", _OURS), struct.pack("<i", ours))
        head = head.replace(struct.pack("<Q", _RESULT), struct.pack("<Q", result))
        text = self.text
        for stand_in, number in (
            (_NUMBER, descriptor.number),
            (_DEVICE, descriptor.device),
            (_INODE, descriptor.inode),
        ):
            written = b"%d" % stand_in
            text = text.replace(written, (b"%d" % number).ljust(len(written)))
        return head + text + b"\0"
