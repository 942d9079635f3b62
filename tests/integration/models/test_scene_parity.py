"""Cuts are PySceneDetect's own, on every real clip, frame for frame.

The judge is PySceneDetect's SceneManager with its PyAV backend and the detectors' default settings. Its
OpenCV backend finds the same cuts here but numbers frames of a variable rate by their time (frame 72 of
pyfeat_face_noface.mov is 63 there), and turns pictures by their rotation metadata. Both take a file's first
video stream, where the engine takes the one FFmpeg calls best: the judge is given the engine's. The golden
lists are PySceneDetect's own for default settings; "counter" is `video/psd_counter.mp4`, "testvideo" is
`video/psd_testvideo.mp4`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

from actors.probing.probe import probe
from actors.stages.chunk_reader import read_chunk
from actors.vision.scene_scores import ContentScorer, cuts
from schemas.pipelines import SCENE
from schemas.settings.settings import EngineSettings, SceneSettings, Settings
from schemas.work.messages import ChunkEnd
from tests.conftest import SHARED
from vaengine.planning.plan import chunks_of, work_keys

pytestmark = pytest.mark.shared

FOLDERS = ("video", "video/gif", "video/grid", "derived")
ENDINGS = (".mp4", ".mkv", ".mov", ".avi", ".mpg", ".ts", ".webm", ".gif")
SOUND_ONLY = {"audio_only.mp4", "audio_only.webm"}
DETECTORS = ("content", "adaptive")


# Two seconds of one core and more each; what is special about them, shorter clips have too.
LENGTHY = (
    "mgt_dancer.avi",
    "torchcodec_nasa_13013.mp4",
    "psd_testvideo.mp4",
    "cuts_every_3s.mp4",
    "intel_one-by-one-person-detection.mp4",
    "intel_car-detection.mp4",
    "grid_11_talkers_33s.mp4",
    "pets09-s2l1_vtest_480x360.mp4",
    "cosmos_test_video_30s.mp4",
    "two_faces_two_speakers_30s.mp4",
)


def clip_paths():
    found = (path for folder in FOLDERS for path in sorted((SHARED / "media" / folder).glob("*")))
    return [
        pytest.param(path, marks=[pytest.mark.long] * (path.name in LENGTHY))
        for path in found
        if path.suffix in ENDINGS and path.name not in SOUND_ONLY
    ]


@dataclass
class Judged:
    """What one pass over a file gave: PySceneDetect's cuts by detector, and our scores of the same
    pictures.
    """

    fps: Fraction
    time_base: Fraction
    cuts: dict[str, list[int]]
    scores: list[float] = field(default_factory=list)
    pts: list[int] = field(default_factory=list)


def judged(path, stream_index=None):
    """SceneManager over a stream (the first), both detectors; every picture that its backend reads is
    scored by us too.
    """
    from scenedetect import AdaptiveDetector, ContentDetector, SceneManager, VideoStreamAv

    scorer, scores, pts = ContentScorer(), [], []

    class Overheard(VideoStreamAv):
        @property
        def _video_stream(self):
            return (
                self._container.streams.video[0]
                if stream_index is None
                else self._container.streams[stream_index]
            )

        def read(self, decode=True):
            self._decoder = self._decoder or self._container.decode(self._video_stream)
            picture = super().read(decode)
            if picture is not False:
                scores.append(scorer.score(picture))
                pts.append(self.position.pts)
            return picture

    def noting(detector, found):
        original = detector.process_frame
        detector.process_frame = lambda timecode, frame_img: [
            found.append(cut.pts) or cut for cut in original(timecode, frame_img)
        ]
        return detector

    stream, manager = Overheard(str(path), suppress_output=True), SceneManager()
    found = {"content": [], "adaptive": []}
    manager.add_detector(noting(ContentDetector(), found["content"]))
    manager.add_detector(noting(AdaptiveDetector(), found["adaptive"]))
    manager.detect_scenes(stream)
    by_pts = {value: number for number, value in enumerate(pts)}
    return Judged(
        stream.frame_rate,
        stream.time_base,
        {name: sorted({by_pts[cut] for cut in mine}) for name, mine in found.items()},
        scores,
        pts,
    )


@pytest.fixture(scope="module")
def judgement():
    """`judged`, once per file and stream."""
    return cache(judged)


@pytest.mark.parametrize("path", clip_paths(), ids=lambda path: getattr(path, "name", None))
def test_stored_scores_give_the_cuts_of_pyscenedetect(judgement, path):
    verdict = judgement(path)
    numbers = np.arange(len(verdict.scores))
    for detector in DETECTORS:
        found = cuts(
            np.array(verdict.scores),
            numbers,
            np.array(verdict.pts),
            time_base=verdict.time_base,
            fps=verdict.fps,
            settings=SceneSettings(detector=detector),
        )
        assert found == verdict.cuts[detector]


class Unstoppable:
    def started(self):
        return True

    def stopping(self):
        return False


@cache
def decoded(path, chunk_seconds):
    """The probed video with number, pts and score of every frame, by way of chunks, the engine's reader."""
    settings = Settings(preset="embedded", engine=EngineSettings(chunk_seconds=chunk_seconds))
    video = probe(str(path))
    (key,) = work_keys(video.video_id, [SCENE], settings)
    shown = []
    for spec in chunks_of(video, {key: []}, settings):
        (end,) = read_chunk(spec, Unstoppable())
        assert isinstance(end, ChunkEnd)
        shown += zip(
            end.frame_numbers.tolist(), end.frame_pts.tolist(), end.scene_scores.tolist(), strict=True
        )
    return video, *(np.array(column) for column in zip(*shown, strict=True))


def cuts_by_the_engine(path, detector, chunk_seconds):
    video, numbers, pts, scores = decoded(path, chunk_seconds)
    return cuts(
        np.array([0.0, *scores[:-1]]),  # a chunk scores each frame against the next
        numbers,
        pts,
        time_base=video.time_base,
        fps=video.nominal_fps,
        settings=SceneSettings(detector=detector),
    )


SEVERAL_STREAMS = ("video/torchcodec_nasa_13013.mp4",)
DEMANDING = (
    pytest.param("video/psd_testvideo.mp4", marks=pytest.mark.long),  # 1280 x 720, long GOPs
    *SEVERAL_STREAMS,
    pytest.param("video/pyfeat_face_noface.mov", marks=pytest.mark.long),  # irregular times, rotated
    pytest.param("video/cosmos_test_video_30s.mp4", marks=pytest.mark.long),  # cuts close together
    pytest.param("derived/cuts_every_3s.mp4", marks=pytest.mark.long),
    "derived/vfr.mp4",
    "derived/h264_aac.ts",
)


@pytest.mark.parametrize("chunk_seconds", [2.0, pytest.param(3600.0, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", DEMANDING)
def test_the_engine_s_own_decoder_in_chunks_gives_the_cuts_of_pyscenedetect(judgement, name, chunk_seconds):
    path = SHARED / "media" / name
    stream_index = probe(str(path)).stream_index if name in SEVERAL_STREAMS else None
    for detector in DETECTORS:
        assert (
            cuts_by_the_engine(path, detector, chunk_seconds) == judgement(path, stream_index).cuts[detector]
        )


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("name", [pytest.param("testvideo", marks=pytest.mark.long), "counter"])
def test_cuts_are_those_of_pyscenedetect_s_golden_lists(judgement, name, detector):
    golden = (
        SHARED
        / "media/groundtruth/pyscenedetect_goldens"
        / f"{name}.mp4.{detector.capitalize()}Detector.default.json"
    )
    assert (
        judgement(SHARED / "media/video" / f"psd_{name}.mp4").cuts[detector]
        == json.loads(golden.read_text())["cuts"]
    )


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_clip_that_was_cut_every_three_seconds_is_cut_there(detector):
    assert cuts_by_the_engine(SHARED / "media/derived/cuts_every_3s.mp4", detector, 2.0) == list(
        range(75, 526, 75)
    )


@pytest.mark.long
def test_cuts_between_alike_backgrounds_are_found_as_far_as_pyscenedetect_finds_them(judgement):
    found = judgement(SHARED / "media/derived/grid_11_talkers_33s.mp4").cuts
    assert set(found["content"]) < set(found["adaptive"]) < set(range(75, 751, 75))
    assert (len(found["content"]), len(found["adaptive"])) == (6, 8)
