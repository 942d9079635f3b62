"""Chooses the decoder of a chunk; all decoders have one interface."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from actors.container.frame import DecodedFrame
from actors.decoding.decoder import ChunkDecoder
from schemas.work.chunk import ChunkSpec


class Decoder(Protocol):
    """Iterates over the wanted frames of a chunk in presentation order.

    Where every frame is wanted, the next frame comes last, as trailing. `lost` are the numbers of wanted
    frames that gave no picture, `notes` a line for each kind of damage; both are complete after the
    iteration. Iterating raises `VideoError`.
    """

    spec: ChunkSpec
    notes: tuple[str, ...]

    @property
    def lost(self) -> tuple[int, ...]: ...
    def __iter__(self) -> Iterator[DecodedFrame]: ...


def decoder_for(spec: ChunkSpec, *, threads: int = 1) -> Decoder:
    """The decoder that the chunk's `backend` names, with `threads` threads."""
    if spec.backend == "decord":
        from actors.decoding.decord_decoder import DecordDecoder  # only installed on x86-64 Linux

        return DecordDecoder(spec, threads=threads)
    return ChunkDecoder(spec, threads=threads)
