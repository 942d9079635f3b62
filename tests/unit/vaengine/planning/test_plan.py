"""Plans: every missing frame is in exactly one chunk, and no chunk overlaps what is committed."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.pipelines import PERSON, SCENE
from schemas.settings.settings import EngineSettings, PersonSettings, Settings
from schemas.work.chunk import WorkKey
from schemas.work.manifest import ManifestLine
from tests.support.runs.planned import PERSON_KEY, SCENE_KEY, video
from vaengine.planning import plan


def line(key: WorkKey, first: int, stop: int) -> ManifestLine:
    return ManifestLine(key, first * 512, stop * 512, first, stop - first, (), "", 1)


frame_ranges = (
    st.lists(st.integers(0, 100), min_size=2, max_size=8, unique=True)
    .map(sorted)
    .map(lambda b: list(zip(b[::2], b[1::2], strict=False)))
)


@given(scene=frame_ranges, person=frame_ranges)
def test_every_frame_is_planned_for_exactly_the_keys_that_lack_it(scene, person):
    committed = {
        SCENE_KEY: [line(SCENE_KEY, *r) for r in scene],
        PERSON_KEY: [line(PERSON_KEY, *r) for r in person],
    }
    stretches = plan.missing(100, committed)
    for frame in range(100):
        planned = [key for s in stretches if s.first <= frame < s.stop for key in s.keys]
        lacking = [
            key
            for key, ranges in ((PERSON_KEY, person), (SCENE_KEY, scene))
            if not any(a <= frame < b for a, b in ranges)
        ]
        assert sorted(planned) == sorted(lacking)


@given(frames=st.integers(1, 500), gop=st.integers(1, 60), chunk_s=st.floats(0.05, 10))
def test_chunks_cover_a_video_without_gap_or_overlap_and_begin_at_keyframes(frames, gop, chunk_s):
    clip = video(frames, gop)
    chunks = plan.chunks_of(clip, {SCENE_KEY: []}, Settings(engine=EngineSettings(chunk_seconds=chunk_s)))
    covered = [frame for c in chunks for frame in range(c.first_frame, c.first_frame + c.frame_count)]
    assert covered == list(range(frames))
    assert all(c.first_frame % gop == 0 for c in chunks)
    assert all(a.end_pts == b.start_pts for a, b in itertools.pairwise(chunks))
    assert chunks[-1].end_pts == clip.end_pts


def test_a_video_without_an_exact_index_is_one_chunk():
    chunks = plan.chunks_of(
        video(500, 10, exact=False), {SCENE_KEY: []}, Settings(engine=EngineSettings(chunk_seconds=1))
    )
    assert [(c.first_frame, c.frame_count, c.seek_pts, len(c.pts)) for c in chunks] == [(0, 500, None, 0)]


def test_a_complete_video_has_nothing_left():
    assert plan.missing(100, {SCENE_KEY: [line(SCENE_KEY, 0, 60), line(SCENE_KEY, 60, 100)]}) == []


def test_pictures_are_only_asked_for_where_a_model_needs_them():
    chunks = plan.chunks_of(
        video(100, 10), {SCENE_KEY: [], PERSON_KEY: [line(PERSON_KEY, 0, 50)]}, Settings()
    )
    assert [(c.first_frame, [sampling.pipeline for sampling in c.samplings]) for c in chunks] == [
        (0, []),
        (50, [PERSON]),
    ]


def test_short_videos_share_an_item_and_long_ones_take_turns():
    short, long = video(25, 25), video(1000, 25)
    per_video = [
        plan.chunks_of(v, {SCENE_KEY: []}, Settings(engine=EngineSettings(chunk_seconds=10)))
        for v in (short, short, long)
    ]
    items = plan.work_items(per_video, 10)
    assert items[0].chunks[0].frame_count == 250, "the longest video is begun first"
    assert sum(len(item.chunks) for item in items) == 6
    assert max(item.duration_s for item in items) <= 10


def test_the_tensor_is_never_larger_than_the_picture():
    assert plan.sampling_for(video(10, 1), PERSON, Settings()).width == 640
    small = plan.sampling_for(video(10, 1), PERSON, Settings(person=PersonSettings(input_pixels=320)))
    assert (small.width, small.height) == (320, 180)


@pytest.mark.parametrize(
    ("pipelines", "person", "used"),
    [
        ((SCENE, PERSON), PersonSettings(detector="yolo", runtime="torch"), True),
        ((SCENE,), PersonSettings(detector="yolo", runtime="torch"), False),
        ((PERSON,), PersonSettings(detector="hog", runtime="torch"), False),
        ((PERSON,), PersonSettings(detector="yolo", runtime="onnx"), False),
        ((PERSON,), PersonSettings(detector="yolo", runtime="openvino"), False),
    ],
    ids=["yolo by torch", "no persons", "hog", "onnx", "openvino"],
)
def test_only_a_network_carried_out_by_torch_uses_gpus(
    pipelines: tuple[str, ...], person: PersonSettings, used: bool
) -> None:
    assert plan.demand_of(pipelines, Settings(person=person)).uses_gpu == used
