"""Reads the channel layout of a sound stream without the double free of PyAV 18.

PyAV 18 hands out a custom layout (`av_channel_layout_describe` gives `2 channels (FR+FL)`) without a copy
of its list of channels. The list is freed by the object that was handed out, and again by the stream. Call
`channels_of` before any other access to a stream of sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

# Bits of AV_CH_*: channels of a native layout come in this order.
NATIVE_CHANNELS: Final = (
    *("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR", "TC", "TFL", "TFC", "TFR"),
    *("TBL", "TBC", "TBR", "DL", "DR", "WL", "WR", "SDL", "SDR", "LFE2", "TSL", "TSR", "BFC", "BFL", "BFR"),
)
CUSTOM_MARK: Final = " channels ("  # stands in the description of a custom layout


@dataclass(frozen=True, slots=True)
class Channels:
    """The number of channels of a stream, and their order.

    `count` is 0 where the number is unknown. `order` says for each channel of the native layout where it
    stands in the stream; it is empty where each is in its place.
    """

    count: int
    order: tuple[int, ...] = ()


def channels_of(stream: Any) -> Channels:
    """The channels of a stream of sound; replaces a custom layout of the stream by a plain one.

    The stream keeps a layout without a list. So the list belongs to the one object that is dropped here,
    and is freed once. Only PCM comes in the order that the container declares: other decoders have an order
    of their own.
    """
    context = stream.codec_context
    declared = context.layout
    if CUSTOM_MARK not in declared.name:
        return Channels(declared.nb_channels)
    layout, order = plain_layout([channel.name for channel in declared.channels])
    context.layout = layout
    return Channels(declared.nb_channels, order if context.codec.canonical_name.startswith("pcm_") else ())


def plain_layout(names: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    """The native layout with channels of these `names`, and where each of its channels is among them.

    Where there is no such layout: a layout that has only the number of channels, and no order.
    """
    if len(set(names)) < len(names) or not set(names) <= set(NATIVE_CHANNELS):
        return f"{len(names)} channels", ()
    native = sorted(names, key=NATIVE_CHANNELS.index)
    return "+".join(native), tuple(names.index(name) for name in native)
