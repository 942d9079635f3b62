"""Rows of sound: in seconds of the video, speakers the same over all blocks, each id once."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.audio.loudness import levels
from actors.audio.voice_activity import frames_within
from actors.finalize.audio_rows import sound_rows, speaker_turns, who_speaks
from schemas.annotations.annotation import (
    AUDIO_EVENT,
    LOUDNESS,
    SPEAKER,
    SPEECH,
    VOICE_ACTIVITY,
    WORD,
    Annotation,
)
from schemas.inference.transcript import AudioAnalysis, AudioEvent, RecognizedWord, SpeakerTurn, Utterance
from schemas.media.audio import SAMPLE_RATE, AudioStream
from schemas.media.video import FrameIndex, Video
from schemas.pipelines import AUDIO
from schemas.settings.settings import Settings
from schemas.work.chunk import WorkKey

KEY = WorkKey("v", AUDIO, "c")
SOUND = AudioStream(1, "aac", 48000, 2, Fraction(1, 1000), start_pts=1500, end_pts=61500)
VIDEO = Video(
    *("v", "f" * 64, "/v.mp4", 1, 1, "mp4", "h264", 0, Fraction(1, 25), 25, 1525, 640, 360, 0, Fraction(25)),
    index=FrameIndex(np.arange(25, 1525), np.array([0]), exact=True),
    sound=SOUND,
)


def heard(**told: Any) -> AudioAnalysis:
    ints, floats = np.zeros(0, np.int64), np.zeros(0, np.float32)
    return AudioAnalysis(
        **{
            "voice_frames": ints,
            "voice": floats,
            "seconds": ints,
            "rms_dbfs": floats,
            "peak_dbfs": floats,
            **told,
        }
    )


def voices(*people: int) -> Any:
    return np.eye(4, dtype=np.float32)[list(people)]


def of(rows: tuple[Annotation, ...], kind: str) -> list[Annotation]:
    return [row for row in rows if row.annotation_type == kind]


def test_times_are_counted_from_the_first_frame_though_the_sound_begins_later() -> None:
    said = Utterance(
        1.0,
        2.0,
        "set white",
        "en",
        0.8,
        (
            RecognizedWord("set", 1.0, 1.4, 0.9),
            RecognizedWord("white", 1.5, 2.0),
            RecognizedWord("(?)", None, None),
        ),
    )
    rows = sound_rows(
        VIDEO, heard(utterances=(said,), events=(AudioEvent("laughter", 0.0, 4.0, 0.7),)), Settings(), KEY
    )
    (speech,) = of(rows, SPEECH)
    assert (speech.timestamp_seconds, speech.end_seconds, speech.attributes["text"], speech.frame_number) == (
        1.5,
        2.5,
        "set white",
        None,
    )
    assert [(row.attributes["word"], row.timestamp_seconds) for row in of(rows, WORD)] == [
        ("set", 1.5),
        ("white", 2.0),
    ]
    assert [(row.attributes["label"], row.end_seconds) for row in of(rows, AUDIO_EVENT)] == [
        ("laughter", 4.5)
    ]


def test_a_speaker_is_one_in_all_blocks_and_two_of_a_block_are_two() -> None:
    first = heard(turns=(SpeakerTurn(0.0, 1.0, 1), SpeakerTurn(1.0, 3.0, 0)), speakers=voices(0, 1))
    second = heard(turns=(SpeakerTurn(120.0, 121.0, 0), SpeakerTurn(122.0, 123.0, 1)), speakers=voices(0, 0))
    turns = speaker_turns(AudioAnalysis.joined([first, second]), 0.5)
    assert [who for _, _, who in turns] == ["speaker_0001", "speaker_0002", "speaker_0002", "speaker_0003"]


def test_what_is_said_belongs_to_who_speaks_most_of_it() -> None:
    turns = [(0.0, 1.0, "a"), (0.9, 3.0, "b")]
    assert (who_speaks(0.0, 1.5, turns), who_speaks(0.8, 3.0, turns), who_speaks(5.0, 6.0, turns)) == (
        "a",
        "b",
        None,
    )
    said = Utterance(0.5, 2.0, "hello", "en")
    rows = sound_rows(
        VIDEO,
        heard(utterances=(said,), turns=(SpeakerTurn(0.0, 3.0, 0),), speakers=voices(2)),
        Settings(),
        KEY,
    )
    assert [row.speaker_id for row in (*of(rows, SPEECH), *of(rows, SPEAKER))] == [
        "speaker_0001",
        "speaker_0001",
    ]


def test_rows_that_begin_together_have_ids_of_their_own_the_same_each_time() -> None:
    twice = (AudioEvent("music", 0.0, 2.0, 0.5), AudioEvent("laughter", 0.0, 2.0, 0.6))
    rows = sound_rows(VIDEO, heard(events=twice), Settings(), KEY)
    assert len({row.annotation_id for row in rows}) == 2
    assert rows == sound_rows(VIDEO, heard(events=twice), Settings(), KEY)


def test_voice_and_loudness_have_rows_and_silence_has_no_voice() -> None:
    frames = np.arange(200)
    told = heard(
        voice_frames=frames,
        voice=((frames > 50) & (frames < 100)).astype(np.float32),
        seconds=np.arange(3),
        rms_dbfs=np.float32([-20.0, -120.0, -30.5]),
        peak_dbfs=np.float32([-3.0, -120.0, -10.0]),
    )
    rows = sound_rows(VIDEO, told, Settings(), KEY)
    assert len(of(rows, VOICE_ACTIVITY)) == 1
    assert [(row.timestamp_seconds, row.attributes["rms_dbfs"]) for row in of(rows, LOUDNESS)] == [
        (0.5, -20.0),
        (1.5, -120.0),
        (2.5, -30.5),
    ]
    assert not of(
        sound_rows(VIDEO, heard(voice_frames=frames, voice=np.zeros(200, np.float32)), Settings(), KEY),
        VOICE_ACTIVITY,
    )


def everything(samples: int, start_s: float, length_s: float) -> AudioAnalysis:
    """All that models may hear of a sound that is loud and full of voices to its last sample, and a
    stretch of each kind.
    """
    frames = frames_within(0, samples)
    rms, peak = levels(np.ones(samples, np.float32))
    end_s = start_s + length_s
    return heard(
        voice_frames=frames,
        voice=np.ones(len(frames), np.float32),
        seconds=np.arange(len(rms)),
        rms_dbfs=rms,
        peak_dbfs=peak,
        utterances=(
            Utterance(start_s, end_s, "white", "en", words=(RecognizedWord("white", start_s, end_s),)),
        ),
        turns=(SpeakerTurn(start_s, end_s, 0),),
        speakers=voices(0),
        events=(AudioEvent("music", start_s, end_s, 0.9),),
    )


lengths_s = st.one_of(
    st.floats(0, 4), st.integers(0, 4 * SAMPLE_RATE).map(lambda samples: samples / SAMPLE_RATE)
)
rates = st.sampled_from([1000, 16_000, 44_100, 90_000])


@settings(deadline=None)
@given(
    lengths_s,
    rates,
    st.integers(-5000, 5000),
    st.floats(-0.5, 400),
    st.one_of(st.just(0.0), st.floats(0, 400)),
)
def test_no_row_begins_before_the_sound_or_ends_after_it_or_takes_no_time(
    lasts_s: float, rate: int, begins: int, start_s: float, length_s: float
) -> None:
    sound = AudioStream(
        1, "aac", 44_100, 2, Fraction(1, rate), begins, begins + max(1, round(lasts_s * rate))
    )
    video = replace(VIDEO, sound=sound)
    begin = float(sound.start - video.start_pts * video.time_base)
    end = float(sound.end_pts * sound.time_base - video.start_pts * video.time_base)
    rows = sound_rows(video, everything(sound.samples, start_s, length_s), Settings(), KEY)
    for row in rows:
        assert row.timestamp_seconds is not None
        assert row.end_seconds is not None
        assert begin <= row.timestamp_seconds < row.end_seconds <= end, row.annotation_type
    assert len(of(rows, LOUDNESS)) == -(-sound.samples // SAMPLE_RATE)
    assert of(rows, LOUDNESS)[-1].end_seconds == end
    assert [row.attributes["word"] for row in of(rows, WORD)] == ["white"], "what is said is never left out"


def test_a_voice_that_speaks_to_the_end_ends_with_the_sound() -> None:
    sound = replace(SOUND, start_pts=0, end_pts=1000)
    rows = sound_rows(replace(VIDEO, sound=sound), everything(sound.samples, 0.0, 1.0), Settings(), KEY)
    assert [row.end_seconds for row in of(rows, VOICE_ACTIVITY)] == [0.0]
