"""Voice activity by the real network: as good as whisperX's own, equal to it, and the same however the
sound is cut.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from actors.audio.analyzer import AudioAnalyzer
from actors.audio.speech_segments import stretches
from actors.audio.voice_activity import (
    FRAME_SAMPLES,
    FRAME_SPAN_SAMPLES,
    STEP_SAMPLES,
    WINDOW_SAMPLES,
    VoiceModel,
    reach,
    voiced,
)
from actors.decoding.audio_decoder import decoded
from actors.probing.probe import probe
from bench.cases.voice import REFERENCES, error_rate, whisperx_input, whisperx_model
from schemas.inference.transcript import AudioAnalysis
from schemas.media.audio import SAMPLE_RATE, AudioStream
from schemas.media.frames import Floats32, Ints
from schemas.pipelines import AUDIO
from schemas.settings.settings import AudioSettings
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import WorkKey
from tests.conftest import SHARED, Offline

pytestmark = pytest.mark.shared

MEDIA = SHARED / "media"
SETTINGS = AudioSettings()
BARS = {"pyannote_sample.wav": 0.01, "pyannote_dev00.wav": 0.03}  # measured: 0.000 and 0.019
EQUAL = 5e-4  # onnxruntime and torch have sigmoids and means of their own; measured: 3e-4
WHISPERX_STEP = WINDOW_SAMPLES // 10
MOST_DIFFERENT = 0.01  # of the frames, between that step and ours; measured: 0.001 and 0.006


@cache
def model(step: int = STEP_SAMPLES) -> VoiceModel:
    return VoiceModel(threads=1, step=step)


@cache
def sound_of(name: str) -> tuple[str, AudioStream]:
    video = probe(str(next(MEDIA.rglob(name))))
    assert video.sound is not None
    return video.path, video.sound


def scores(name: str, first: int, stop: int, step: int = STEP_SAMPLES) -> tuple[Ints, Floats32]:
    """Scores of the frames that begin in `[first, stop)`, from nothing but the samples within reach."""
    path, sound = sound_of(name)
    begin, end = reach(first, stop)
    return model(step).scores(first, stop, sound.samples, decoded(path, sound, begin, end)[0], begin)


@cache
def whole(name: str, step: int = STEP_SAMPLES) -> tuple[Ints, Floats32]:
    return scores(name, 0, sound_of(name)[1].samples, step)


@cache
def whisperx_scores(name: str) -> Any:
    """whisperX's own scores of the same samples."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = whisperx_model()
    path, sound = sound_of(name)
    return theirs(whisperx_input(decoded(path, sound, 0, sound.samples)[0]))


@pytest.mark.long
@pytest.mark.parametrize("name", REFERENCES)
def test_voice_is_found_where_people_say_that_it_is(name: str) -> None:
    found = voiced(*whole(name), SETTINGS.voice_onset, SETTINGS.voice_offset)
    assert error_rate(name, [(start, end) for start, end, _ in found]) < BARS[name]


@pytest.mark.parametrize(
    "name",
    [*(pytest.param(name, marks=pytest.mark.long) for name in REFERENCES), "libri_1088-134315-0000.wav"],
)
def test_with_its_step_scores_are_whisperxs_own(name: str) -> None:
    _, ours = whole(name, WHISPERX_STEP)
    theirs = whisperx_scores(name)
    assert len(theirs.data) - len(ours) in (0, 1), (
        "the library may have a frame that begins where the sound ends"
    )
    assert np.abs(theirs.data[: len(ours), 0] - ours).max() < EQUAL
    frames = theirs.sliding_window
    assert (frames.start, frames.step * SAMPLE_RATE, frames.duration * SAMPLE_RATE) == pytest.approx(
        (0, FRAME_SAMPLES, FRAME_SPAN_SAMPLES)
    )


@pytest.mark.parametrize(
    "name", [pytest.param("pyannote_dev00.wav", marks=pytest.mark.long), "pyannote_sample.wav"]
)
def test_with_its_step_stretches_for_a_recognizer_are_whisperxs_own(name: str) -> None:
    from whisperx.vads import Pyannote

    theirs = Pyannote.merge_chunks(
        whisperx_scores(name), 4.0, onset=SETTINGS.voice_onset, offset=SETTINGS.voice_offset
    )
    ours = stretches(*whole(name, WHISPERX_STEP), SETTINGS, longest_s=4.0)
    assert ours == [pytest.approx((one["start"], one["end"])) for one in theirs]
    assert len(ours) > 5


@pytest.mark.parametrize(
    "name", ["pyannote_sample.wav", pytest.param("pyannote_dev00.wav", marks=pytest.mark.long)]
)
def test_with_a_fifth_of_the_windows_the_same_is_voice(name: str) -> None:
    often, seldom = (whole(name, step)[1] >= SETTINGS.voice_onset for step in (WHISPERX_STEP, STEP_SAMPLES))
    assert np.mean(often != seldom) < MOST_DIFFERENT


@pytest.mark.long
def test_wherever_the_sound_is_cut_its_scores_are_the_same() -> None:
    name = "pyannote_sample.wav"
    frames, expected = whole(name)
    borders = [0, 1, 100_003, 287_501, sound_of(name)[1].samples]
    parts = [scores(name, first, stop) for first, stop in pairwise(borders)]
    assert np.array_equal(np.concatenate([part for part, _ in parts]), frames)
    assert np.array_equal(np.concatenate([part for _, part in parts]), expected)


def block(name: str, first_s: int, stop_s: int) -> AudioBlock:
    path, sound = sound_of(name)
    return AudioBlock(
        path, sound, WorkKey(f"{name}-12345678", AUDIO, "0" * 16), first_s * SAMPLE_RATE, stop_s * SAMPLE_RATE
    )


@pytest.mark.long
def test_neither_batch_mates_nor_order_change_a_bit_of_what_is_heard() -> None:
    blocks = [
        block("pyannote_sample.wav", 3, 9),
        block("grid_11_talkers_33s.mp4", 0, 5),
        block("fw_stereo_diarization.wav", 0, 5),
    ]
    listening = AudioAnalyzer(model(), settings=SETTINGS)

    def heard(some: list[AudioBlock]) -> list[bytes]:
        answers = listening.listen(some)
        assert all(isinstance(answer, AudioAnalysis) for answer in answers)
        return [answer.to_bytes() for answer in answers if isinstance(answer, AudioAnalysis)]

    alone = [heard([one])[0] for one in blocks]
    assert heard(blocks) == alone
    assert heard(blocks[::-1]) == alone[::-1]


def test_silence_has_no_voice() -> None:
    assert voiced(*whole("silence_5s.wav"), SETTINGS.voice_onset, SETTINGS.voice_offset) == []


def test_voice_is_found_without_torch_and_the_library_that_counts_its_uses(
    offline: Offline,
) -> None:
    path, _ = sound_of("fw_stereo_diarization.wav")
    program = (
        "import sys; from actors.audio.analyzer import audio_analyzer; from actors.probing.probe import "
        "probe; from schemas.work.chunk import "
        "WorkKey;"
        "from schemas.settings.settings import AudioSettings, Settings; from schemas.work.audio_block import "
        "AudioBlock;"
        f"sound = probe({path!r}).sound;"
        f"block = AudioBlock({path!r}, sound, WorkKey('a', 'audio_processing', '0'), 0, sound.samples);"
        "(answer,) = audio_analyzer(Settings(audio=AudioSettings(speakers='off'))).listen([block]);"
        "names = ('pyannote.audio', 'whisperx', 'torch');"
        "print(len(answer.voice), *(name in sys.modules for name in names))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], env=offline.environment, capture_output=True, text=True, check=False
    )
    assert ran.stdout.split() == ["297", "False", "False", "False"], ran.stderr
    assert offline.guarded() >= 1
    assert offline.attempts() == []
