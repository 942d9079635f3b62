"""Where the channels of a sound stream are, in a form that PyAV can hold.

PyAV 18 hands out a custom layout (`av_channel_layout_describe` gives `2 channels (FR+FL)`) without a copy of
its list of channels: the list is freed by whoever looked, and again by the stream. Whoever touches a stream
of sound looks through `channels_of` first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

# Bits of AV_CH_*: channels of a native layout come in this order.
NATIVE: Final = (
    *(
        "FL",
        "FR",
        "FC",
        "LFE",
        "BL",
        "BR",
        "FLC",
        "FRC",
        "BC",
        "SL",
        "SR",
        "TC",
        "TFL",
        "TFC",
        "TFR",
        "TBL",
        "TBC",
        "TBR",
    ),
    *("DL", "DR", "WL", "WR", "SDL", "SDR", "LFE2", "TSL", "TSR", "BFC", "BFL", "BFR"),
)
CUSTOM: Final = " channels ("  # in the description of a custom layout


@dataclass(frozen=True, slots=True)
class Channels:
    """How many channels a stream has, 0 where nobody knows; and which of them stands where in a native
    layout, empty: in its place.
    """

    count: int
    order: tuple[int, ...] = ()


def channels_of(stream: Any) -> Channels:
    """The channels of a stream of sound; a custom layout of the stream is replaced by a plain one on the way.

    The stream keeps a layout without a list, so the list belongs to the one object that is dropped here, and
    is freed once. Only PCM comes in the order that the container tells: other decoders have an order of their
    own.
    """
    context = stream.codec_context
    found = context.layout
    if CUSTOM not in found.name:
        return Channels(found.nb_channels)
    layout, order = plain_layout([channel.name for channel in found.channels])
    context.layout = layout
    return Channels(found.nb_channels, order if context.codec.canonical_name.startswith("pcm_") else ())


def plain_layout(names: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    """The native layout with channels of these names, and where each of its channels is among them.

    Where there is no such layout: one of which only the number of channels is known, and no order.
    """
    if len(set(names)) < len(names) or not set(names) <= set(NATIVE):
        return f"{len(names)} channels", ()
    native = sorted(names, key=NATIVE.index)
    return "+".join(native), tuple(names.index(name) for name in native)
