"""Sound through the whole engine, offline: what is heard, when, and that nothing about how it is run
changes a row.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.annotations.annotation import LOUDNESS, SCENE_TYPE, VOICE_ACTIVITY, Annotation
from schemas.pipelines import AUDIO, SCENE
from schemas.work.job import JobStatus
from tests.conftest import SHARED
from tests.support.media import clips
from tests.support.runs import runs

pytestmark = pytest.mark.shared

MEDIA = SHARED / "media"
SOUNDS = [
    MEDIA / "audio" / "pyannote_sample.wav",
    MEDIA / "derived" / "audio_8k_mono.wav",
    MEDIA / "derived" / "h264_aac.mp4",
    MEDIA / "derived" / "audio_only.webm",
]


def found(out: Path, name: str, kind: str) -> list[Annotation]:
    return [row for row in runs.rows(runs.sqlite(out), AUDIO)[name] if row.annotation_type == kind]


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("heard")
    assert runs.run(SOUNDS, out, pipelines=[AUDIO]).completed == len(SOUNDS)
    return out


def test_voice_and_loudness_of_sound_alone_and_of_videos_are_stored(heard: Path) -> None:
    voices = found(heard, "pyannote_sample.wav", VOICE_ACTIVITY)
    assert voices
    assert 6.0 < voices[0].timestamp_seconds < 7.2, "the reference begins at 6.69 s"
    assert len(found(heard, "pyannote_sample.wav", LOUDNESS)) == 30
    assert found(heard, "h264_aac.mp4", LOUDNESS)


@pytest.mark.long
def test_neither_workers_nor_who_is_listened_to_with_it_change_a_row(heard: Path, tmp_path: Path) -> None:
    runs.run(SOUNDS[::-1], tmp_path, pipelines=[AUDIO], engine__workers=1)
    assert runs.digest(runs.sqlite(tmp_path)) == runs.digest(runs.sqlite(heard))


@pytest.mark.long
def test_silence_is_heard_as_silence_and_stored_as_a_result(tmp_path: Path) -> None:
    assert runs.run([MEDIA / "derived" / "silence_5s.wav"], tmp_path, pipelines=[AUDIO]).completed == 1
    assert found(tmp_path, "silence_5s.wav", VOICE_ACTIVITY) == []
    assert {row.attributes["rms_dbfs"] for row in found(tmp_path, "silence_5s.wav", LOUDNESS)} == {-120.0}


@pytest.mark.long
def test_a_stream_that_is_not_there_is_an_empty_result_that_says_so(tmp_path: Path) -> None:
    silent, dark = MEDIA / "derived" / "no_audio.mp4", MEDIA / "derived" / "audio_only.mp4"
    report = runs.run([silent, dark], tmp_path, pipelines=[SCENE, AUDIO])
    assert report.completed == 2
    assert {Path(one.path).name: one.warning for one in report.outcomes} == {
        silent.name: "there is no sound in it",
        dark.name: "there is no picture in it",
    }
    assert found(tmp_path, dark.name, LOUDNESS)
    assert not found(tmp_path, silent.name, LOUDNESS)
    assert [row.annotation_type for row in runs.rows(runs.sqlite(tmp_path), SCENE)[silent.name]] == [
        SCENE_TYPE
    ]
    assert runs.run([silent, dark], tmp_path, pipelines=[SCENE, AUDIO]).skipped == 2


def test_sound_alone_is_no_video_where_nothing_listens(tmp_path: Path) -> None:
    report = runs.run([MEDIA / "derived" / "audio_only.mp4"], tmp_path, pipelines=[SCENE])
    assert [(one.outcome, one.failure_kind) for one in report.outcomes] == [("failed", "no_video_stream")]


def test_sound_that_is_cut_off_is_kept_and_told_and_no_bad_file_harms_a_good_one(tmp_path: Path) -> None:
    report = runs.run(
        [MEDIA / "broken" / "truncated.wav", MEDIA / "broken" / "pxt_bad_audio.mp3", SOUNDS[1]],
        tmp_path,
        pipelines=[AUDIO],
    )
    assert (report.completed, report.failed) == (1, 2)
    (outcome,) = [one for one in report.outcomes if one.path.endswith("truncated.wav")]
    assert (outcome.outcome, outcome.failure_kind) == ("failed", "sound_truncated")
    assert "of its sound are missing" in (outcome.error_message or "")
    assert len(found(tmp_path, "truncated.wav", LOUDNESS)) == 10


@pytest.mark.long
def test_pictures_and_sound_of_one_video_end_in_one_job(tmp_path: Path) -> None:
    clip = MEDIA / "derived" / "h264_aac.mp4"
    assert (
        runs.run([clip, clips.not_a_video(tmp_path)], tmp_path / "out", pipelines=[SCENE, AUDIO]).completed
        == 1
    )
    store = open_store(runs.sqlite(tmp_path / "out"), read_only=True)
    (job,) = [job for job in store.jobs() if job.video_path == clip]
    store.close()
    assert {name: result.status for name, result in job.pipeline_results.items()} == dict.fromkeys(
        (SCENE, AUDIO), JobStatus.COMPLETED
    )
