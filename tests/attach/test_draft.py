"""What is put together before the stop is what would be put together in it."""

from __future__ import annotations

import pytest

from leakhunt.agent import bootstrap
from leakhunt.target.attach import stub
from leakhunt.target.attach.door import Descriptor, Door, framed
from leakhunt.target.attach.draft import Draft

ADDRESSES = {
    name: 0x7F00_0000_0000 + 16 * index
    for index, name in enumerate((*stub.PYTHON_FUNCTIONS, *stub.LIBC_FUNCTIONS))
}
LARGEST = Descriptor(2**31 - 1, 2**64 - 1, 2**64 - 1)


@pytest.mark.parametrize("is_pending", [True, False])
@pytest.mark.parametrize("there", [Descriptor(3, 8, 41), LARGEST], ids=["small", "largest"])
def test_a_draft_becomes_the_page(there: Descriptor, *, is_pending: bool) -> None:
    library = '/opt/it\'s "here"/_heap.so'
    draft = Draft.of(4242, library, bootstrap.source, ADDRESSES)
    numbers = {"ours": 5, "result": 0x7FFF_0000_1000}
    page = draft.page(there, **numbers, is_pending=is_pending)
    text = framed(Door(4242, there, library, None), bootstrap.source)
    whole = stub.assemble(
        text.encode().ljust(len(draft.text)), ADDRESSES, **numbers, is_pending=is_pending
    )
    start = len(whole) - len(draft.text) - 1
    assert len(page) == len(whole)
    assert page[:start] == whole[:start]
    assert page[-1] == 0
    assert without_padding(page[start:-1].decode()) == without_padding(text)


def without_padding(text: str) -> list[str]:
    """The words of a text, whatever stands between them."""
    return text.replace(",", " , ").replace(")", " ) ").split()
