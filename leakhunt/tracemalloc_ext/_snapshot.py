"""Snapshots of samples that tracemalloc's own code can work with."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from struct import Struct
from typing import Any, NamedTuple

from leakhunt.tracemalloc_ext._estimate import SiteEstimate, probability, sum_up

_SAMPLE = Struct("=QQIIII")
_PLACE = Struct("=IIiiII")
_FUNCTION = Struct("=QIIII")
_KIND = 7
_BLOCK, _REUSED = 1, 2

Frames = tuple[tuple[str, int], ...]
"""(file, line), the innermost frame first, as ``_tracemalloc`` has them."""

NOWHERE: Frames = (("<unknown>", 0),)
"""Frames of what was allocated outside Python code, or where no stack could be kept."""

REUSED: Frames = (("<from a free list>", 0),)
"""Frames of an object whose block was sampled for an earlier one."""


class Sample(NamedTuple):
    """One sampled block."""

    address: int
    size_bytes: int
    frames: Frames
    epoch: int


class Tables:
    """The sampler's tables, read from what ``sites_read`` gives."""

    def __init__(self, parts: tuple[bytes, bytes, bytes, bytes]) -> None:
        samples, places, functions, self._texts = parts
        self._samples = memoryview(samples)[: len(samples) // _SAMPLE.size * _SAMPLE.size]
        self._places, self._functions = places, functions
        self._frames_by_place: dict[int, Frames] = {0: NOWHERE}
        self._text_by_offset: dict[int, str] = {}
        self.function_by_frame: dict[tuple[str, int], str] = {}
        """Qualified name of the function at (file, line), as far as it was looked up."""

    def samples(self) -> Iterator[Sample]:
        """The live samples; O(samples)."""
        for address, size_bytes, place, _, epoch, kind in _SAMPLE.iter_unpack(self._samples):
            if kind & _KIND == _BLOCK:
                yield Sample(address, size_bytes, self.frames(place), epoch)
            elif kind & _KIND == _REUSED:
                yield Sample(address, size_bytes, REUSED, epoch)

    def frames(self, place: int) -> Frames:
        """The stack at a place."""
        found = self._frames_by_place.get(place)
        if found is None:
            found = self._frames_by_place[place] = tuple(self._walk(place)) or NOWHERE
        return found

    def _walk(self, place: int) -> Iterator[tuple[str, int]]:
        last = len(self._places) // _PLACE.size
        while 0 < place < last:
            caller, function, _, line, _, _ = _PLACE.unpack_from(self._places, place * _PLACE.size)
            _, file, name, _, _ = _FUNCTION.unpack_from(self._functions, function * _FUNCTION.size)
            frame = (self._text(file) or "<unknown>", line)
            self.function_by_frame.setdefault(frame, self._text(name))
            yield frame
            place = caller if caller < place else 0

    def _text(self, offset: int) -> str:
        found = self._text_by_offset.get(offset)
        if found is None:
            end = self._texts.find(b"\0", offset)
            found = self._texts[offset:end].decode("utf-8", "surrogatepass")
            self._text_by_offset[offset] = found
        return found


def _bytes_stood_for(size_bytes: int, sample_bytes: int) -> float:
    return size_bytes / probability(size_bytes, sample_bytes) if size_bytes else 0.0


class SampledSnapshot(tracemalloc.Snapshot):
    """A snapshot of samples.

    The size of a trace is what its block stands for, in bytes, so ``statistics``,
    ``compare_to`` and ``filter_traces`` give unbiased sums of bytes; their counts are numbers
    of samples.  ``estimates`` gives blocks, bytes and intervals by site.
    """

    sample_bytes: int
    """Mean distance of samples in bytes; 0 when the traces are exact."""
    source: str
    """``"sampled"``, or ``"tracemalloc"`` for that module's exact traces."""
    limits: tuple[str, ...]
    """What this snapshot cannot know, in sentences."""
    sizes_bytes: list[int]
    """Size of the block itself, of each trace."""
    epochs: list[int]
    """Of each trace: how often the time was marked before."""
    function_by_frame: dict[tuple[str, int], str]
    """Qualified function name by (file, line)."""

    def __init__(
        self,
        samples: Sequence[Sample],
        traceback_limit: int,
        *,
        sample_bytes: int,
        source: str,
        limits: tuple[str, ...] = (),
        function_by_frame: dict[tuple[str, int], str] | None = None,
    ) -> None:
        self._raw = [
            (0, round(_bytes_stood_for(s.size_bytes, sample_bytes)), s.frames, len(s.frames))
            for s in samples
        ]
        super().__init__(self._raw, traceback_limit)
        self.sample_bytes, self.source, self.limits = sample_bytes, source, limits
        self.sizes_bytes = [sample.size_bytes for sample in samples]
        self.epochs = [sample.epoch for sample in samples]
        self.function_by_frame = function_by_frame or {}

    def filter_traces(self, filters: Iterable[Any]) -> SampledSnapshot:
        """As tracemalloc's, with the estimates of what is left; O(traces)."""
        filtered = super().filter_traces(tuple(filters))
        kept = filtered.traces._traces  # type: ignore[attr-defined]  # noqa: SLF001
        # They are traces of ours, in our order.
        samples, at = [], 0
        for trace, size, epoch in zip(self._raw, self.sizes_bytes, self.epochs, strict=True):
            if at < len(kept) and kept[at] is trace:
                samples.append(Sample(0, size, trace[2], epoch))
                at += 1
        return SampledSnapshot(
            samples,
            self.traceback_limit,
            sample_bytes=self.sample_bytes,
            source=self.source,
            limits=self.limits,
            function_by_frame=self.function_by_frame,
        )

    def estimates(self, key_type: str = "lineno") -> list[SiteEstimate]:
        """Estimates by site, the largest first; O(traces).

        ``key_type``: "lineno" for the innermost line, "filename" for its file, "traceback" for
        whole stacks.  Raises ValueError for another.
        """
        key_by_type: dict[str, Callable[[Frames], Frames]] = {
            "lineno": lambda frames: frames[:1],
            "filename": lambda frames: ((frames[0][0], 0),),
            "traceback": lambda frames: frames,
        }
        key_of = key_by_type.get(key_type)
        if key_of is None:
            raise ValueError(
                f"key_type is {key_type!r}: 'lineno', 'filename' or 'traceback' is possible"
            )
        sizes_by_key: dict[Frames, list[int]] = {}
        for trace, size in zip(self._raw, self.sizes_bytes, strict=True):
            sizes_by_key.setdefault(key_of(trace[2]), []).append(size)
        found = [self._estimate(frames, sizes) for frames, sizes in sizes_by_key.items()]
        return sorted(found, key=lambda site: (-site.value_bytes, site.traceback))

    def _estimate(self, frames: Frames, sizes: list[int]) -> SiteEstimate:
        sizes = [size for size in sizes if size > 0]
        chances = [probability(size, self.sample_bytes) for size in sizes]
        ones = [1.0] * len(sizes)
        in_bytes = sum_up(sizes, chances, 0)
        in_blocks = sum_up(ones, chances, 0)
        return SiteEstimate(
            tracemalloc.Traceback(frames), self.function_by_frame.get(frames[0], ""), len(sizes),
            *in_bytes, *in_blocks,
        )  # fmt: skip
