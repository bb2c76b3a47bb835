"""Decimal text of number arrays; the GIL is released during the work."""

from leakhunt.store.columns import U32

def format_rows(values: U32, columns: int, is_first: bool, /) -> bytes: ...
def parse_numbers(
    text: bytes | memoryview, start: int, end: int, out: U32, /
) -> tuple[int, int]: ...
