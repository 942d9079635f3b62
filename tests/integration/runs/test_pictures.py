"""Rendered videos, opened again: the same pictures at the same times, the same sound, and what was found
drawn in.
"""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from actors.decoding.decoder import ChunkDecoder
from actors.probing.probe import probe
from actors.stores import open_store
from schemas.annotations.annotation import PERSON_DETECTION, SCENE_TYPE, Annotation, BBox, job_id_for
from schemas.errors import DiskFull, UsageError
from schemas.media.frames import Pixels
from schemas.media.video import Video
from schemas.pipelines import PERSON, SCENE
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from tests.support.media import clips
from tests.support.stores.fake_videos import RUN
from vaengine.planning.plan import chunk_spec
from vaengine.rendering.render import RenderOptions, RenderProgress, render
from vaengine.results.lookup import VideoResults, results_of

SAMPLE_FPS = 5
FAITHFUL = RenderOptions(crf=1)
# Copied as it is unless the second entry says that it is encoded anew.
SOUNDS = {
    "derived/h264_aac.mp4": True,
    "derived/h264_aac.ts": True,
    "derived/video_starts_late.mp4": True,
    "derived/mpeg4_mp3.avi": True,
    "derived/vp9_opus.webm": True,
    "derived/vfr.mp4": True,
    "derived/rotated90_metadata.mp4": True,
    "video/grid/bbaf2n.mpg": False,
}


def results(path: Path, *, box: BBox | None = None, cuts: tuple[int, ...] = ()) -> VideoResults:
    """A video with one person in `box` at every sampled frame, and scenes."""
    video = probe(str(path))
    frames = sorted(
        {
            int(np.searchsorted(video.index.pts, pts))
            for pts in range(video.start_pts, video.end_pts, _interval(video))
        }
    )
    rows = [_box(video, frame, box) for frame in frames if box is not None and frame < len(video.index)]
    edges = [0, *cuts, len(video.index)]
    rows += [_scene(video, n, first, stop) for n, (first, stop) in enumerate(pairwise(edges), 1)]
    return VideoResults(video, tuple(rows), {}, {})


def _interval(video: Video) -> int:
    return int(1 / (SAMPLE_FPS * video.time_base))


def _time_s(video: Video, frame: int) -> float:
    return video.time_s(int(video.index.pts[frame])) if frame < len(video.index) else video.duration_s


def _box(video: Video, frame: int, box: BBox) -> Annotation:
    where = (_time_s(video, frame), None, frame, "person_0001")
    return Annotation(
        f"box{frame}", video.video_id, PERSON, "c", PERSON_DETECTION, *where, confidence=0.75, bbox=box
    )


def _scene(video: Video, number: int, first: int, stop: int) -> Annotation:
    times, name = (_time_s(video, first), _time_s(video, stop)), f"scene_{number:04d}"
    return Annotation(name, video.video_id, SCENE, "c", SCENE_TYPE, *times, first, scene_id=name)


def pictures(path: Path) -> tuple[Video, list[Pixels]]:
    """Every displayed picture of a file."""
    video = probe(str(path))
    frames = ChunkDecoder(chunk_spec(video, 0, len(video.index)))
    return video, [frame.bgr(is_upright=True) for frame in frames if not frame.is_trailing]


def sound(path: Path) -> list[tuple[Fraction, Fraction, bytes]]:
    """Start, end and content of every packet of the sound, in the file's own time."""
    with av.open(str(path)) as container:
        stream = container.streams.best("audio")
        packets = container.demux(stream) if stream is not None else ()
        return [
            (p.pts * p.time_base, (p.pts + (p.duration or 0)) * p.time_base, _payload(bytes(p)))
            for p in packets
            if p.size
        ]


def _payload(packet: bytes) -> bytes:
    """Without ADTS's header, which mp4 has no use for."""
    return packet[7:] if packet[:1] == b"\xff" and packet[1] & 0xF6 == 0xF0 else packet


def first_picture_s(video: Video) -> Fraction:
    return video.start_pts * video.time_base


def times(video: Video) -> list[Fraction]:
    return [(pts - video.start_pts) * video.time_base for pts in video.index.pts.tolist()]


def assert_same_times(source: Video, made: Video) -> None:
    unit = max(source.time_base, made.time_base)
    assert len(made.index) == len(source.index)
    assert max(abs(a - b) for a, b in zip(times(source), times(made), strict=True)) <= unit
    assert made.duration_s == pytest.approx(source.duration_s, abs=float(unit))
    assert made.width % 2 == made.height % 2 == 0


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    "variant",
    [
        "h264_vfr",
        "h264_odd_size_444",
        "h264_rotated_90",
        "h264_late_start",
        "mpeg4_avi",
        "raw_h264",
        "one_frame",
    ],
)
def test_every_picture_is_there_at_its_time(
    variant: str, ending: str, clip_folder: Path, tmp_path: Path
) -> None:
    clip = clips.VARIANTS[variant](clip_folder)
    target = tmp_path / f"made{ending}"
    done = render(results(clip.path), target, FAITHFUL)
    assert done.frames_done == done.frames_total == clip.frame_count
    source, made = probe(str(clip.path)), probe(str(target))
    assert (made.width, made.rotation) == (clip.width + clip.width % 2, 0)
    if clip.exact:
        assert_same_times(source, made)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_pixels_differ_from_the_source_only_at_the_box(clip_folder: Path, tmp_path: Path) -> None:
    clip = clips.with_cuts(clip_folder)
    box = BBox(120, 100, 60, 80)
    target = tmp_path / "made.mp4"
    render(results(clip.path, box=box, cuts=clip.cuts), target, RenderOptions(crf=1, with_labels=False))
    (_, before), (_, after) = pictures(clip.path), pictures(target)
    for source, made in zip(before, after, strict=True):
        difference = np.abs(source.astype(int) - made[: clip.height].astype(int)).max(axis=2)
        outline = np.zeros(difference.shape, bool)
        outline[94:187, 114:187] = True
        outline[108:172, 128:172] = False
        drawn = difference > 60
        assert drawn[outline].sum() > 200, "the box is there in every frame, also between samples"
        assert np.percentile(difference[~outline], 99.5) < 40, (
            "elsewhere there is what the codec lost, and nothing else"
        )


def test_no_box_is_drawn_beyond_a_cut(clip_folder: Path, tmp_path: Path) -> None:
    clip = clips.with_cuts(clip_folder, cuts=(22,), frames=40)
    found = results(clip.path, box=BBox(120, 100, 60, 80), cuts=(22,))
    until_cut = tuple(
        row for row in found.annotations if row.annotation_type == SCENE_TYPE or (row.frame_number or 0) < 22
    )
    target = tmp_path / "made.mp4"
    render(VideoResults(found.video, until_cut, {}, {}), target, RenderOptions(crf=1, with_labels=False))
    (_, before), (_, after) = pictures(clip.path), pictures(target)
    far = [
        np.abs(a.astype(int) - b[: clip.height].astype(int))[100:180, 119:123].mean()
        for a, b in zip(before, after, strict=True)
    ]
    assert min(far[:22]) > 30
    assert max(far[22:]) < 15


def test_a_stretch_has_its_frames_and_begins_at_zero(clip_folder: Path, tmp_path: Path) -> None:
    clip = clips.with_cuts(clip_folder)
    target = tmp_path / "made.mp4"
    render(results(clip.path), target, RenderOptions(start_s=0.8, end_s=2.0))
    made = probe(str(target))
    assert len(made.index) == 30
    assert first_picture_s(made) == 0
    (_, before), (_, after) = pictures(clip.path), pictures(target)
    assert np.abs(before[20].astype(int) - after[0][: clip.height].astype(int)).mean() < 8


@pytest.mark.shared
@pytest.mark.parametrize("name", SOUNDS)
def test_sound_is_kept_whole_and_in_time_with_the_pictures(name: str, shared: Path, tmp_path: Path) -> None:
    path, target = shared / "media" / name, tmp_path / "made.mp4"
    render(results(path), target)
    source, made = probe(str(path)), probe(str(target))
    assert_same_times(source, made)
    before, after = sound(path), sound(target)
    ahead, ahead_made = first_picture_s(source), first_picture_s(made)
    if SOUNDS[name]:
        assert [content for _, _, content in after] == [content for _, _, content in before]
        assert max(
            abs((a - ahead) - (b - ahead_made)) for (a, _, _), (b, _, _) in zip(before, after, strict=True)
        ) < Fraction(1, 1000)
    assert abs((before[-1][1] - ahead) - (after[-1][1] - ahead_made)) < Fraction(50, 1000)
    assert abs((before[0][0] - ahead) - (after[0][0] - ahead_made)) < Fraction(50, 1000)


@pytest.mark.shared
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_a_stretch_has_the_sound_of_that_stretch(ending: str, shared: Path, tmp_path: Path) -> None:
    target = tmp_path / f"made{ending}"
    render(results(shared / "media/derived/h264_aac.mp4"), target, RenderOptions(start_s=2.0, end_s=4.0))
    made, heard = probe(str(target)), sound(target)
    assert len(made.index) == 20
    start, end = heard[0][0] - first_picture_s(made), heard[-1][1] - first_picture_s(made)
    assert -Fraction(50, 1000) < start <= 0
    assert abs(end - 2) < Fraction(50, 1000)


@pytest.mark.shared
def test_sound_can_be_left_out(shared: Path, tmp_path: Path) -> None:
    render(
        results(shared / "media/derived/h264_aac.mp4"),
        tmp_path / "made.mp4",
        RenderOptions(with_sound=False, end_s=1.0),
    )
    assert not sound(tmp_path / "made.mp4")


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_a_film_is_kept_while_it_is_up_to_date_and_made_again_where_results_or_options_were_others(
    ending: str, clip_folder: Path, tmp_path: Path
) -> None:
    path, target = clips.still(clip_folder).path, tmp_path / f"made{ending}"
    found, others = results(path, box=BBox(40, 20, 40, 60)), results(path, box=BBox(60, 20, 40, 60))
    made = [
        render(one, target, options).is_current
        for one in (found, others)
        for options in (None, None, RenderOptions(end_s=0.4))
    ]
    assert made == [False, True, False] * 2
    assert 0 < len(probe(str(target)).index) < len(found.video.index), "the last one is of a stretch"
    target.write_bytes(path.read_bytes())
    with pytest.raises(UsageError, match="--force"):
        render(found, target)


def test_ctrl_c_leaves_no_half_file_and_the_old_one_as_it_was(clip_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "made.mp4"
    target.write_bytes(b"old")

    def stop(progress: RenderProgress) -> None:
        if progress.frames_done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(results(clips.still(clip_folder).path), target, force=True, listener=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["made.mp4"]
    assert target.read_bytes() == b"old"


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes: to it, the disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_clear_error_and_no_file(clip_folder: Path, tmp_path: Path) -> None:
    found = results(clips.with_cuts(clip_folder).path)
    with room_for(20_000), pytest.raises(DiskFull, match=r"made\.mp4") as raised:
        render(found, tmp_path / "made.mp4", FAITHFUL)
    assert isinstance(raised.value.__cause__, OSError)
    assert raised.value.__cause__.errno == errno.EFBIG
    assert not list(tmp_path.iterdir())


def test_a_missing_encoder_is_said_before_anything_is_decoded(
    clip_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    with pytest.raises(UsageError, match=r"no H\.264 encoder"):
        render(results(clips.still(clip_folder).path), tmp_path / "made.mp4")
    assert not list(tmp_path.iterdir())


def test_what_a_store_holds_is_rendered(clip_folder: Path, tmp_path: Path) -> None:
    found = results(clips.still(clip_folder).path, box=BBox(40, 20, 40, 60))
    video = found.video
    store = open_store(f"sqlite:///{tmp_path}/results.db")
    store.register(store.open_run(RUN), [video], [])
    hashes = {SCENE: "c", PERSON: "c"}
    states = {name: PipelineResult(name, "c", JobStatus.PENDING) for name in hashes}
    job = BatchJob(
        job_id_for(video.video_id, hashes),
        Path(video.path),
        tmp_path,
        {},
        video.video_id,
        pipeline_results=states,
    )
    store.save_job_metadata(job)
    for name in hashes:
        store.save_annotations(
            job.job_id, name, [row.to_data() for row in found.annotations if row.pipeline == name]
        )
    stored = results_of(store, Path(video.path).name)
    store.close()
    assert len(stored.annotations) == len(found.annotations)
    done = render(stored, tmp_path / "made.mp4")
    assert done.frames_done == 30
    assert 0 < done.draw_s < done.elapsed_s
