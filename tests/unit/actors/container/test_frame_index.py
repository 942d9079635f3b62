"""What packets tell of a video's frames, and which of them a model looks at."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.container.frame_index import (
    NO_PTS,
    PacketTable,
    frame_index,
    inexact_because,
    packet_table,
    subdivision,
    usual_distance,
    usual_step,
)
from actors.container.parameter_sets import header_parameters, sequence_parameters
from actors.decoding.sampling import Sampler, sampled
from schemas.media.video import FrameIndex

MP4 = frozenset({"mov", "mp4"})
TS = frozenset({"mpegts"})


def table(
    pts: list[int], *, keyframes: tuple[int, ...] = (0,), hidden: tuple[int, ...] = (), **facts: bool
) -> PacketTable:
    """Packets in decoding order; `keyframes` and `hidden` are positions in it."""
    positions = np.arange(len(pts))
    return PacketTable(
        np.array(pts, np.int64), np.isin(positions, keyframes), ~np.isin(positions, hidden), **facts
    )


class FakePacket:
    """As much of a packet as an index needs."""

    def __init__(
        self, data: bytes, pts: int | None, *, key: bool = False, discard: bool = False, corrupt: bool = False
    ) -> None:
        self._data, self.pts, self.dts, self.size, self.duration = data, pts, pts, len(data), 1
        self.is_keyframe, self.is_discard, self.is_corrupt = key, discard, corrupt

    def __bytes__(self) -> bytes:
        return self._data


def test_frames_are_sorted_by_when_they_are_shown() -> None:
    index = frame_index(table([0, 30, 10, 20, 40], keyframes=(0, 4)), MP4, step=10)
    assert index.exact
    assert index.pts.tolist() == [0, 10, 20, 30, 40]
    assert index.keyframes.tolist() == [0, 4]


def test_an_open_group_of_pictures_begins_at_its_keyframe_not_at_its_first_packet() -> None:
    index = frame_index(table([0, 10, 40, 20, 30, 50], keyframes=(0, 2)), MP4, step=10)
    assert index.keyframes.tolist() == [0, 4]


def test_packets_before_an_edit_list_are_no_frames_and_the_first_frame_still_counts_as_an_entry() -> None:
    index = frame_index(table([-20, -10, 0, 10], hidden=(0, 1)), MP4, step=10)
    assert (index.pts.tolist(), index.keyframes.tolist(), index.exact) == ([0, 10], [0], True)


@pytest.mark.parametrize(
    ("packets", "containers", "reason"),
    [
        (table([0, NO_PTS, 20]), MP4, "without a presentation time"),
        (table([0, 10, 10]), TS, "one presentation time"),
        (table([0, 10, 20], packed=True), frozenset({"avi"}), "packed"),
        (table([0, 10, 20], interlaced=True), TS, "interlaced"),
        (table([0, 10, 20], keyframes=(1,)), TS, "middle of a group"),
        (table([20, 0, 10], keyframes=(0,)), TS, "before the beginning"),
        (table([0, 10, 20], made_up=True), frozenset({"avi"}), "made up"),
        (replace(table([100, 110, 15]), dts=np.array([90, 100, 5])), TS, "starts anew"),
    ],
)
def test_where_packets_do_not_tell_the_frames_the_index_says_so(
    packets: PacketTable, containers: frozenset[str], reason: str
) -> None:
    assert reason in str(inexact_because(packets, containers))
    index = frame_index(packets, containers, step=10)
    assert not index.exact
    assert len(index) == 3
    assert index.keyframes.tolist() == [0]
    assert (np.diff(index.pts) > 0).all()


def test_made_up_times_at_about_a_constant_rate_are_at_that_rate() -> None:
    index = frame_index(table([2, 4, 6, 8, 9], made_up=True), frozenset({"avi"}), step=2)
    assert (index.pts.tolist(), index.made_up) == ([2, 4, 6, 8, 10], True)


def test_made_up_times_at_a_varying_rate_are_kept_in_order() -> None:
    index = frame_index(table([0, 10, 50, 60, 200], made_up=True), MP4, step=10)
    assert (index.pts.tolist(), index.made_up) == ([0, 10, 50, 60, 200], True)


def test_frames_that_a_coarse_clock_cannot_tell_apart_get_times_within_its_tick() -> None:
    packets = table([0, 0, 1, 1, 2, 2, 3, 3])
    scale = subdivision(packets)
    step = usual_distance(packets, Fraction(1000), Fraction(1, 1000), scale)
    index = frame_index(packets, frozenset({"matroska"}), step=step, scale=scale)
    assert Fraction(step, scale) == Fraction(1, 2)
    assert not index.exact
    assert [Fraction(pts, scale) for pts in index.pts.tolist()] == [Fraction(n, 2) for n in range(8)]


@given(st.lists(st.integers(1, 4), min_size=2, max_size=40), st.integers(-1000, 1000), st.data())
def test_no_frame_is_moved_out_of_its_tick(
    frames_of_a_tick: list[int], start: int, data: st.DataObject
) -> None:
    gaps = data.draw(
        st.lists(st.integers(1, 5), min_size=len(frames_of_a_tick), max_size=len(frames_of_a_tick))
    )
    pts = np.repeat(start + np.cumsum(gaps), frames_of_a_tick)
    packets = table(pts.tolist())
    scale = subdivision(packets)
    index = frame_index(
        packets,
        frozenset({"matroska"}),
        step=usual_distance(packets, None, Fraction(1, 1000), scale),
        scale=scale,
    )
    assert (np.diff(index.pts) > 0).all()
    assert (np.abs(index.pts / scale - pts) <= 1).all()


def test_where_nothing_tells_times_apart_frames_follow_at_the_usual_distance() -> None:
    index = frame_index(table([7] * 40), MP4, step=3)
    assert (index.made_up, index.pts.tolist()) == (True, (7 + 3 * np.arange(40)).tolist())


def test_times_go_on_where_the_clock_starts_anew() -> None:
    packets = replace(
        table([100, 130, 110, 120, 5, 25, 15], keyframes=(0, 4)), dts=np.array([80, 90, 100, 110, -5, 5, 15])
    )
    index = frame_index(packets, TS, step=10)
    assert (index.exact, index.pts.tolist()) == (False, [100, 110, 120, 130, 140, 150, 160])


def test_packets_without_a_picture_at_the_beginning_are_no_frames() -> None:
    packets = table([0, 20, 10, 50, 30, 40, 60], keyframes=(3,))
    begun = packets.without_undecodable_start([50, 60])
    assert frame_index(begun, TS, step=10) == FrameIndex(np.array([50, 60]), np.array([0]), exact=True)


def test_pictures_that_no_packet_speaks_of_leave_the_index_inexact() -> None:
    begun = table([0, 20, 10, 50, 30, 40, 60], keyframes=(3,)).without_undecodable_start([30, 50, 60])
    assert not frame_index(begun, TS, step=10).exact
    assert frame_index(begun, TS, step=10).pts[0] == 30


def test_interlaced_pictures_in_an_mp4_are_one_sample_each() -> None:
    assert inexact_because(table([0, 10, 20], interlaced=True), MP4) is None


@given(st.integers(1, 50), st.integers(0, 80))
def test_missing_frames_are_those_promised_beyond_the_packets(packets: int, promised: int) -> None:
    index = frame_index(table(list(range(packets))), MP4, step=1, promised=promised)
    assert len(index) + index.missing == max(packets, promised)


def test_reference_pictures_that_are_never_shown_are_no_frames() -> None:
    shown, hidden = b"\x10", b"\x00"  # VP8's show_frame bit
    packets = [FakePacket(shown, 0, key=True), FakePacket(hidden, 1), FakePacket(shown, 2)]
    assert packet_table(packets, codec="vp8").shown.tolist() == [True, False, True]
    assert packet_table(packets, codec="vp9").shown.tolist() == [True, True, True]


def test_a_packed_bitstream_is_known_by_its_user_data() -> None:
    packets = [FakePacket(b"\x00\x00\x01\xb2DivX503b1393p\x00", 0, key=True)]
    assert packet_table(packets, codec="mpeg4").packed
    assert not packet_table([FakePacket(b"\x00\x00\x01\xb2Lavc62.28", 0, key=True)], codec="mpeg4").packed


def test_a_damaged_keyframe_is_no_entry() -> None:
    packets = [FakePacket(b"x", 0, key=True), FakePacket(b"x", 1, key=True, corrupt=True), FakePacket(b"", 2)]
    assert packet_table(packets, codec="h264").keyframe.tolist() == [True, False]


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=60), st.integers(-(10**6), 10**6), st.data())
def test_any_index_is_the_sorted_times_of_its_packets(
    steps: list[int], start: int, data: st.DataObject
) -> None:
    times = (start + np.cumsum([0, *steps])).tolist()
    order = [times[0], *data.draw(st.permutations(times[1:]))]
    index = frame_index(table(order), MP4, step=1)
    assert index.exact
    assert index.pts.tolist() == times


def test_where_neither_packets_nor_a_rate_tell_how_far_frames_are_apart_their_times_do() -> None:
    assert usual_distance(table([0, 33, 67, 100]), None, Fraction(1, 1000)) == 33
    assert usual_distance(table([0, 33, 67, 100]), Fraction(30), Fraction(1, 1000)) == 33
    assert usual_distance(table([0]), None, Fraction(1, 1000)) == 40


def test_the_usual_step_is_never_zero() -> None:
    assert usual_step(Fraction(25), Fraction(1, 90000)) == 3600
    assert usual_step(Fraction(60), Fraction(1, 25)) == 1
    assert usual_step(None, Fraction(1, 1000)) == 40


@given(
    st.lists(st.integers(1, 20000), min_size=1, max_size=80),
    st.sampled_from([Fraction(1, 90000), Fraction(1001, 30000), Fraction(1, 1000), Fraction(1, 10**9)]),
    st.fractions(Fraction(1, 10), 240, max_denominator=1000),
    st.integers(-(2**40), 2**40),
    st.data(),
)
def test_a_chunks_sampled_frames_are_those_of_the_whole_video(
    steps: list[int], time_base: Fraction, fps: Fraction, origin: int, data: st.DataObject
) -> None:
    pts = origin + np.cumsum([0, *steps])
    mask = sampled(pts, origin=origin, time_base=time_base, fps=fps, before=None)
    cut = data.draw(st.integers(1, len(pts) - 1))
    rest = sampled(pts[cut:], origin=origin, time_base=time_base, fps=fps, before=int(pts[cut - 1]))
    sampler = Sampler(origin, time_base, fps)
    assert mask[0]
    assert mask[cut:].tolist() == rest.tolist()
    assert [sampler.takes(int(p)) for p in pts] == mask.tolist()


@pytest.mark.parametrize(
    ("fps", "taken"),
    [(Fraction(5), [0, 5, 10, 15, 20]), (Fraction(25), list(range(25))), (Fraction(100), list(range(25)))],
)
def test_sampling_takes_the_first_frame_of_each_interval(fps: Fraction, taken: list[int]) -> None:
    mask = sampled(np.arange(25, dtype=np.int64), origin=0, time_base=Fraction(1, 25), fps=fps, before=None)
    assert np.flatnonzero(mask).tolist() == taken


def test_sampling_is_exact_where_times_overflow_64_bits() -> None:
    pts = np.array([0, 2**61, 2**61 + 1], np.int64)
    mask = sampled(pts, origin=0, time_base=Fraction(7, 3), fps=Fraction(1, 7), before=None)
    assert mask.tolist() == [True, True, False] if 2**61 % 3 != 2 else [True, True, True]


def test_parameter_sets_are_found_in_both_layouts() -> None:
    sps, picture = b"\x67\x64\x00\x1e\xac", b"\x65\x88\x82"
    annex_b = b"\x00\x00\x00\x01" + sps + b"\x00\x00\x01" + picture
    prefixed = len(sps).to_bytes(4, "big") + sps + len(picture).to_bytes(4, "big") + picture
    header = b"\x01\x64\x00\x1e\xff\xe1" + len(sps).to_bytes(2, "big") + sps + b"\x01\x00\x01\x68"
    assert sequence_parameters(annex_b, 0) == sequence_parameters(prefixed, 4) == {sps}
    assert header_parameters(header) == ({sps}, 4)
    assert header_parameters(None) == (frozenset(), 0)
