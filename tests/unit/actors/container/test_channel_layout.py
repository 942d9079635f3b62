"""A layout of channels that PyAV cannot hold is replaced by one that it can, and every channel keeps its
place.
"""

from __future__ import annotations

import av
import numpy as np
import pytest

from actors.container.channel_layout import Channels, plain_layout
from actors.decoding.audio_decoder import _Mono


@pytest.mark.parametrize(
    ("names", "layout", "order"),
    [
        (["FR", "FL"], "stereo", (1, 0)),
        (["FL", "FR", "FC", "LFE", "SL", "SR", "BL", "BR"], "7.1", (0, 1, 2, 3, 6, 7, 4, 5)),
        (["FC", "FL", "FR"], "3.0", (1, 2, 0)),
    ],
)
def test_channels_out_of_order_have_a_native_layout(
    names: list[str], layout: str, order: tuple[int, ...]
) -> None:
    plain, found = plain_layout(names)
    assert (av.AudioLayout(plain).name, found) == (layout, order)


@pytest.mark.parametrize("names", [["FL", "FL"], ["AMBI0", "AMBI1", "AMBI2"], ["NONE"] * 9])
def test_channels_that_no_native_layout_has_keep_only_their_number(names: list[str]) -> None:
    plain, order = plain_layout(names)
    assert (av.AudioLayout(plain).nb_channels, order) == (len(names), ())


def test_a_mix_takes_each_channel_for_what_it_is() -> None:
    """A bass channel has no part in it, wherever it stands."""
    native = np.zeros((1, 6 * 480), np.float32)
    native[0, 3::6] = 0.5
    assert np.abs(mixed(native, ())).max() == 0
    shuffled = np.zeros((1, 6 * 480), np.float32)
    shuffled[0, 5::6] = 0.5
    assert np.abs(mixed(shuffled, ())).max() > 0
    assert np.abs(mixed(shuffled, plain_layout(["FC", "FL", "FR", "BL", "BR", "LFE"])[1])).max() == 0


def mixed(samples: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    frame = av.AudioFrame.from_ndarray(samples, "flt", "5.1")
    frame.sample_rate = 48_000
    return np.concatenate(_Mono(48_000, Channels(6, order)).pieces(frame))
