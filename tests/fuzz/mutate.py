"""Mutated snapshot files: whatever the bytes, only SnapshotError may come out.

``python -m tests.fuzz.mutate --count 1000000`` runs a million; each mutation depends on the
seed and its number only, so ``--start N --count 1`` repeats one (after a crash the last line
printed says near which number it was).
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import re
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import zstandard

from leakhunt.agent.format import (
    BLOCK_BYTES,
    END_MAGIC,
    MAGIC,
    VERSION_MAJOR,
    VERSION_MINOR,
    Tag,
)
from leakhunt.errors import SnapshotError
from leakhunt.store import _decode
from leakhunt.store.archive import decompress
from leakhunt.store.columns import SnapshotColumns
from leakhunt.store.columns_file import read_columns, write_columns
from leakhunt.store.layout import problem_of_values
from leakhunt.store.stream import decode_stream
from tests.fuzz import seeds
from tests.stream_writer import FOOTER, StreamWriter, varint

NUMBERS = [0, 1, 2, 3, 4, 7, 8, 11, 12, 15, 16, 17, 63, 64, 127, 128, 255, 256, 65535, 65536]
NUMBERS += [(1 << n) + d for n in (31, 32, 33, 59, 60, 61, 62, 63) for d in (-1, 0, 1)]
NUMBERS += [(1 << 64) - 1, (1 << 64) - 2]
PIECES = [varint(number) for number in NUMBERS]
PIECES += [b"\x80\x00", b"\xff" * 10, b"\xff" * 9 + b"\x01", b"\x80" * 12, bytes(4), b"\xff" * 4]


@dataclass(frozen=True)
class Parts:
    """A stream taken apart."""

    header: bytes
    payload: bytes
    footer: bytes


def parts_of(seed: Callable[[], StreamWriter]) -> Parts:
    writer = seed()
    writer.end()
    return Parts(
        json.dumps(writer.header).encode(),
        bytes(writer.payload),
        json.dumps(writer.footer()).encode(),
    )


SEEDS = (seeds.rich_stream, seeds.small_stream, seeds.empty_stream)
PARTS = [parts_of(seed) for seed in SEEDS]
BODIES = [bytes(seed().payload) for seed in SEEDS]
"""The records without END."""


def part(encoded: bytes) -> bytes:
    return struct.pack("<I", len(encoded)) + encoded + hash_of(encoded)


def hash_of(data: bytes) -> bytes:
    return struct.pack("<Q", _decode.block_hash(data))


def framed(parts: Parts, block_bytes: int = BLOCK_BYTES) -> bytes:
    """A whole file with right hashes, however wrong the rest is."""
    pieces = [MAGIC, struct.pack("<HH", VERSION_MAJOR, VERSION_MINOR), part(parts.header)]
    for start in range(0, len(parts.payload), block_bytes):
        block = parts.payload[start : start + block_bytes]
        pieces += (struct.pack("<I", len(block)), hash_of(block), block)
    return b"".join([*pieces, bytes(4), part(parts.footer), END_MAGIC])


def mutated(data: bytes, random: Random) -> bytes:
    """One to four changes: flips, numbers, cuts, copies, and pieces of other streams."""
    out = bytearray(data)
    for _ in range(1 + int(random.random() ** 3 * 4)):
        if not out:
            break
        at = int(random.random() * len(out))
        how = int(random.random() * 8)
        if how <= 1:
            out[at] ^= 1 << int(random.random() * 8)
        elif how == 2:
            out[at] = int(random.random() * 256)
        elif how == 3:
            piece = PIECES[int(random.random() * len(PIECES))]
            out[at : at + len(piece) * int(random.random() * 2)] = piece
        elif how == 4:
            del out[at : at + 1 + int(random.random() ** 4 * 40)]
        elif how == 5:
            length = 1 + int(random.random() ** 3 * 60)
            source = int(random.random() * len(out))
            out[at:at] = out[source : source + length]
        elif how == 6:
            other = PARTS[int(random.random() * len(PARTS))].payload
            source = int(random.random() * len(other))
            out[at : at + int(random.random() * 9)] = other[source : source + 1 + at % 30]
        elif random.random() < 0.3:
            del out[at:]
        else:
            out[at] = (out[at] + (1 if random.random() < 0.5 else 255)) & 255
    return bytes(out)


_COUNTED = re.compile(r"END counts .*; found (\d+), (\d+), (\d+)$")
_FOUND = re.compile(r"the footer counts \d+ types, the records (\d+)$")


def repaired(header: bytes, body: bytes) -> Parts:
    """Changed records with right counts: those that the first tries report as found.

    Without it hardly any mutation that adds or removes records would get past the parser.
    """
    counts, types = [0, 0, 0], 0
    for _ in range(2):
        try:
            decode_stream(framed(counted(header, body, counts, types)))
        except SnapshotError as error:
            problem = str(error)
        else:
            break
        if match := _COUNTED.search(problem):
            counts = [int(group) for group in match.groups()]
        elif match := _FOUND.search(problem):
            types = int(match[1])
    return counted(header, body, counts, types)


def counted(header: bytes, body: bytes, counts: list[int], types: int) -> Parts:
    """A stream with END and footer that say these counts."""
    nodes, roots, edges = counts
    end = varint(Tag.END) + b"".join(varint(count) for count in counts)
    footer = {**FOOTER, "nodes": nodes, "roots": roots, "edges": edges, "types": types}
    return Parts(header, body + end, json.dumps(footer).encode())


def mutated_stream(random: Random) -> bytes:
    """A damaged stream: most with right hashes, for otherwise nothing else would be tested."""
    parts = PARTS[0 if random.random() < 0.7 else int(random.random() * len(PARTS))]
    where = random.random()
    if where < 0.15:
        return mutated(framed(parts), random)
    if where < 0.20:
        return framed(Parts(mutated(parts.header, random), parts.payload, parts.footer))
    if where < 0.25:
        return framed(Parts(parts.header, parts.payload, mutated(parts.footer, random)))
    block_bytes = BLOCK_BYTES if random.random() < 0.9 else 1 + int(random.random() * 50)
    payload = mutated(parts.payload, random)
    return framed(Parts(parts.header, payload, parts.footer), block_bytes)


class Target:
    """Feeds mutated files of all three forms to the readers."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "mutated"
        write_columns(self.path, decode_stream(framed(PARTS[0])))
        self.columns_file = self.path.read_bytes()
        compressor = zstandard.ZstdCompressor(write_content_size=True)
        self.archive = compressor.compress(framed(PARTS[0]))

    def run(self, random: Random) -> bool:
        """One mutation; says whether it was accepted."""
        form = random.random()
        try:
            if form < 0.4:
                body = mutated(BODIES[random.random() < 0.2], random)
                check(decode_stream(framed(repaired(PARTS[0].header, body))))
            elif form < 0.94:
                check(decode_stream(mutated_stream(random)))
            elif form < 0.97:
                self.path.write_bytes(self.mutated_columns_file(random))
                check(read_columns(self.path))
            else:
                decompress(mutated(self.archive, random))
        except SnapshotError:
            return False
        return True

    def mutated_columns_file(self, random: Random) -> bytes:
        """With the right directory hash in most cases."""
        (length,) = struct.unpack_from("<I", self.columns_file, 12)
        directory, rest = self.columns_file[16 : 16 + length], self.columns_file[24 + length :]
        where = random.random()
        if where < 0.2:
            return mutated(self.columns_file, random)
        if where < 0.6:
            directory = mutated(directory, random)
        else:
            rest = mutated(rest, random)
        start = self.columns_file[:12] + struct.pack("<I", len(directory))
        return start + directory + hash_of(directory) + rest


def check(columns: SnapshotColumns) -> None:
    """What a reader accepts must be sound."""
    problem = problem_of_values(columns)
    assert problem is None, problem


def run(count: int, *, seed: int, start: int = 0, is_loud: bool = False) -> int:
    """Run mutations ``start .. start+count-1``; returns how many were accepted."""
    random = Random()
    accepted = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        target = Target(Path(folder))
        for number in range(start, start + count):
            random.seed(seed << 40 | number)
            try:
                accepted += target.run(random)
            except BaseException:
                sys.stderr.write(f"mutation {number} of seed {seed}:\n")
                raise
            if is_loud and (number + 1) % 100_000 == 0:
                seconds = time.monotonic() - began
                sys.stdout.write(
                    f"{number + 1 - start} done, {accepted} accepted, {seconds:.0f} s\n"
                )
                sys.stdout.flush()
    return accepted


def main() -> None:
    faulthandler.enable()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=int, default=0)
    options = parser.parse_args()
    accepted = run(options.count, seed=options.seed, start=options.start, is_loud=True)
    sys.stdout.write(
        f"{options.count} mutations: {accepted} accepted and sound, "
        f"{options.count - accepted} refused with SnapshotError, nothing else\n"
    )


if __name__ == "__main__":
    main()
