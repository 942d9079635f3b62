"""The models of the extra `offline`, as packages bring them: real persons, faces and words, without a
network.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from actors.audio.speech_recognition import SpeechRecognizer
from actors.probing.probe import probe
from actors.stages.batching import detector_named
from schemas.annotations.annotation import FACE_DETECTION, PERSON_DETECTION, SPEECH, WORD, Annotation
from schemas.inference.detections import Detections
from schemas.inference.transcript import SpeechSegment, Utterance
from schemas.media.audio import SAMPLE_RATE
from schemas.pipelines import AUDIO, AVAILABLE, FACE, PERSON
from schemas.settings.layers import flat, layer
from schemas.settings.settings import Settings
from tests.conftest import SHARED
from tests.support.runs import runs
from vaengine.cli import app
from vaengine.demo import CONVERSATION, Shot, View, render_demo_clip
from vaengine.model_selection.discover import discover_environment
from vaengine.model_selection.select import models_of, select_models

pytestmark = [pytest.mark.timeout(600)]
MEDIA = SHARED / "media"
TRANSCRIPTS = ("audio/jfk.flac", "audio/libri_2412-153948-0000.flac")


@pytest.fixture(scope="module")
def embedded(empty_cache: Path) -> Settings:
    """Preset embedded, fitted as a run fits it; the detector of persons is converted once a session."""
    settings = fitted(empty_cache, AVAILABLE)
    named = {pipeline: model["file"] for pipeline, model in models_of(settings, AVAILABLE).items()}
    assert named == {PERSON: "yolo11n-pose.pt", FACE: "centerface.onnx", AUDIO: "tiny.en"}
    return settings


def fitted(cache: Path, pipelines: tuple[str, ...]) -> Settings:
    """Preset embedded as a run of these pipelines fits it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("VAENGINE_WHEELS")
        patch.setenv("XDG_CACHE_HOME", str(cache))
        patch.setenv("VAENGINE_OFFLINE", "1")
        told = layer("test", {"preset": "embedded"})
        found, resolution = select_models(told, pipelines, discover_environment(told, None, fetch=True))
    assert resolution.packaged == {PERSON, FACE, AUDIO} & set(pipelines)
    return found.settings


def told(settings: Settings) -> dict[str, Any]:
    """Those of models and of their pipelines, as a run is told them."""
    sections = ("person", "face", "audio", "models")
    return {
        key.replace(".", "__"): value
        for key, value in flat(settings.model_dump())
        if key.split(".")[0] in sections
    }


def photograph(package: str, file: str) -> np.ndarray[Any, Any]:
    spec = find_spec(package)
    assert spec is not None
    (folder,) = spec.submodule_search_locations or [""]
    picture = cv2.imread(str(Path(folder) / file))
    assert picture is not None
    return np.ascontiguousarray(picture[:, :, ::-1])


def seen(settings: Settings, pipeline: str, picture: np.ndarray[Any, Any]) -> Detections:
    detector = detector_named(settings, pipeline)
    assert detector.batch_size == 1
    return detector.detect([picture])[0]


@pytest.mark.long
def test_four_people_stand_at_the_bus_and_three_show_limbs_inside_their_box(embedded: Settings) -> None:
    found = seen(embedded, PERSON, photograph("ultralytics", "assets/bus.jpg"))
    sure = found.chosen(np.flatnonzero(found.confidence >= 0.4))
    assert sure.keypoints.shape == (4, 17, 3), "the fourth is cut off by the border"
    visible = [points[points[:, 2] >= 0.5, :2] for points in sure.keypoints]
    assert sum(len(points) >= 6 for points in visible) == 3
    for box, points in zip(sure.xyxy, visible, strict=True):
        assert ((points >= box[:2] - 8) & (points <= box[2:] + 8)).all()


@pytest.mark.long
def test_six_faces_are_in_the_group_each_with_its_eyes_above_its_nose_above_its_mouth(
    embedded: Settings,
) -> None:
    found = seen(embedded, FACE, photograph("insightface", "data/images/t1.jpg"))
    assert len(found) == 6
    assert found.embeddings.shape[1] == 0, "nobody can tell whose they are"
    for left_eye, right_eye, nose, left_mouth, right_mouth in found.keypoints[:, :, :2]:
        assert left_eye[0] < right_eye[0]
        assert left_mouth[0] < right_mouth[0]
        assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def samples(path: Path) -> np.ndarray[Any, Any]:
    """Mono at the rate that Whisper hears."""
    import av

    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        frames = [part for frame in [*container.decode(audio=0), None] for part in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32)


def heard(settings: Settings, *names: str) -> list[Utterance]:
    return SpeechRecognizer(settings).transcribe(
        [SpeechSegment(samples(MEDIA / name), 100.0) for name in names]
    )


@pytest.mark.long
@pytest.mark.shared
def test_real_speech_is_heard_with_at_most_one_word_in_ten_wrong(embedded: Settings) -> None:
    import jiwer

    told = json.loads((MEDIA / "groundtruth" / "transcripts.json").read_text())
    plain = jiwer.Compose(
        [jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.Strip(), jiwer.RemoveMultipleSpaces()]
    )
    for name, found in zip(TRANSCRIPTS, heard(embedded, *TRANSCRIPTS), strict=True):
        assert jiwer.wer(plain(told[name]["text"]), plain(found.text)) <= 0.1, name
        assert " ".join(word.text for word in found.words) == found.text


@pytest.mark.long
@pytest.mark.shared
def test_words_begin_and_end_near_where_people_marked_them(embedded: Settings) -> None:
    lines = [line.split() for line in (MEDIA / "groundtruth" / "grid_swwp2s.align").read_text().splitlines()]
    marked = {word: (int(first) / 25_000, int(last) / 25_000) for first, last, word in lines if word != "sil"}
    (found,) = heard(embedded, "video/grid/id2_swwp2s.mpg")
    words = {
        word.text.strip(".,").lower(): (word.start_s - 100.0, word.end_s - 100.0) for word in found.words
    }  # type: ignore[operator]
    marked["p2"] = (marked.pop("p")[0], marked.pop("two")[1])
    assert set(words) == set(marked) == {"set", "white", "with", "p2", "soon"}
    apart = np.abs([np.subtract(words[word], marked[word]) for word in marked])
    assert apart.max() <= 0.2
    assert np.median(apart) <= 0.1


@pytest.mark.long
@pytest.mark.shared
def test_neither_batch_mates_nor_their_order_change_a_text_or_a_time(embedded: Settings) -> None:
    recognizer = SpeechRecognizer(embedded)
    given = [
        SpeechSegment(samples(MEDIA / name), 0.0)
        for name in (TRANSCRIPTS[0], "video/grid/id2_swwp2s.mpg", TRANSCRIPTS[1])
    ]
    alone = [recognizer.transcribe([speech])[0] for speech in given]
    assert recognizer.transcribe(given[::-1])[::-1] == alone
    assert recognizer.batch_size == 8
    assert recognizer.transcribe(given * 4) == alone * 4, "in two batches, of 8 and of 4"


SHOTS = (
    Shot("ultralytics", "assets/bus.jpg", 1.6, View(0.50, 0.60, 1.30), View(0.46, 0.59, 1.20)),
    Shot("ultralytics", "assets/zidane.jpg", 2.4, View(0.50, 0.50, 0.75), View(0.56, 0.46, 0.60)),
)


@pytest.mark.long
def test_persons_faces_and_words_go_through_run_store_subtitles_render_and_plot(
    embedded: Settings, tmp_path: Path
) -> None:
    clip, out = render_demo_clip(tmp_path / "demo.mp4", SHOTS, CONVERSATION), tmp_path / "out"
    report = runs.run([clip], out, pipelines=AVAILABLE, **told(embedded))
    assert report.completed == 1
    assert report.frames_decoded == len(probe(str(clip)).index), "once for all pipelines"
    rows = {pipeline: runs.rows(runs.sqlite(out), pipeline)["demo.mp4"] for pipeline in AVAILABLE}
    assert (
        len(
            [
                row
                for row in rows[PERSON]
                if row.annotation_type == PERSON_DETECTION and row.attributes["keypoints"]
            ]
        )
        >= 10
    )
    assert len([row for row in rows[FACE] if row.annotation_type == FACE_DETECTION]) >= 4
    (folder,) = out.glob("demo-*")
    assert_heard(rows[AUDIO], folder)
    assert app.outcome(["render", "demo.mp4", "--out", str(out)]) == 0
    assert app.outcome(["plot", "demo.mp4", "--out", str(out)]) == 0
    assert (folder / "annotated.mp4").stat().st_size > clip.stat().st_size / 10
    assert (folder / "timeline.png").is_file()


def test_words_of_sound_alone_go_through_run_store_and_subtitles(empty_cache: Path, tmp_path: Path) -> None:
    clip, out = render_demo_clip(tmp_path / "demo.mp4", SHOTS, CONVERSATION), tmp_path / "out"
    assert runs.run([clip], out, pipelines=[AUDIO], **told(fitted(empty_cache, (AUDIO,)))).completed == 1
    (folder,) = out.glob("demo-*")
    assert_heard(runs.rows(runs.sqlite(out), AUDIO)["demo.mp4"], folder)


def assert_heard(rows: list[Annotation], folder: Path) -> None:
    """The conversation is in rows and in the files of a result."""
    (speech, *_) = [row for row in rows if row.annotation_type == SPEECH]
    words = [row for row in rows if row.annotation_type == WORD]
    assert "hello" in speech.attributes["text"].lower()
    assert all(0 <= row.timestamp_seconds < row.end_seconds <= 4.1 for row in words)
    for subtitles in ("audio_processing.vtt", "audio_processing.srt"):
        assert speech.attributes["text"].split()[0] in (folder / subtitles).read_text()
    result = json.loads((folder / "audio_processing.json").read_text())
    assert result["info"]["configuration"]["audio"]["word_times"] == "attention"
