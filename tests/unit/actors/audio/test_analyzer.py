"""Blocks of any sounds are listened to at once, and a fault of one is none of the others'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from actors.audio.analyzer import AudioAnalyzer, audio_analyzer
from actors.audio.voice_activity import WINDOW_SAMPLES, frames_within, reach
from actors.probing.probe import probe
from schemas.errors import NotAVideo
from schemas.inference.transcript import (
    AudioAnalysis,
    AudioEvent,
    RecognizedWord,
    SpeakerTurn,
    SpeechSegment,
    Utterance,
)
from schemas.media.audio import SAMPLE_RATE
from schemas.media.frames import Floats32, Ints
from schemas.pipelines import AUDIO
from schemas.settings.settings import AudioSettings, Settings
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import WorkKey
from tests.support.media import clips

SECOND = SAMPLE_RATE


class Loudest:
    """Voice is where it clicks: the peak of each frame's samples, and a check that all that it may need
    is there.
    """

    def scores(
        self, first: int, stop: int, total: int, samples: Floats32, begin: int
    ) -> tuple[Ints, Floats32]:
        frames = frames_within(first, stop)
        assert begin <= max(first - WINDOW_SAMPLES, reach(first, stop)[0])
        assert begin + len(samples) >= stop + WINDOW_SAMPLES
        peaks = [
            np.abs(samples[frame * 270 - begin : frame * 270 + 270 - begin]).max()
            for frame in frames.tolist()
        ]
        return frames, np.array(peaks, np.float32)


@dataclass
class Reader:
    """Reads out the second at which speech begins; a second of `mute` has no text, one of `bad` fails its
    whole batch.
    """

    bad: tuple[int, ...] = ()
    mute: tuple[int, ...] = ()
    batch_size: int = 4
    batches: list[int] = field(default_factory=list)

    def transcribe(self, speeches: Sequence[SpeechSegment]) -> list[Utterance]:
        self.batches.append(len(speeches))
        if any(int(speech.start_s) in self.bad for speech in speeches):
            raise RuntimeError("cannot be read")
        return [self._read(speech) for speech in speeches]

    def _read(self, speech: SpeechSegment) -> Utterance:
        text = " " if int(speech.start_s) in self.mute else f"{speech.start_s:.1f}"
        return Utterance(speech.start_s, speech.start_s + len(speech.samples) / SAMPLE_RATE, text, "en")


class Spelling:
    def align(self, utterances: Sequence[Utterance], speeches: Sequence[SpeechSegment]) -> list[Utterance]:
        return [
            replace(one, words=(RecognizedWord(one.text, speech.start_s, one.end_s, 1.0),))
            for one, speech in zip(utterances, speeches, strict=True)
        ]


class OneSpeaker:
    def turns(self, samples: Floats32, start_s: float) -> tuple[tuple[SpeakerTurn, ...], Floats32]:
        return (SpeakerTurn(start_s, start_s + len(samples) / SAMPLE_RATE, 0),), np.ones((1, 3), np.float32)


class EveryWindow:
    """An event in each whole window."""

    WINDOW_S, HOP_S = 3.0, 1.0

    def events(self, samples: Floats32, start_s: float) -> tuple[AudioEvent, ...]:
        starts = range(int(len(samples) / SAMPLE_RATE - self.WINDOW_S) + 1)
        return tuple(AudioEvent("music", start_s + at, start_s + at + self.WINDOW_S, 0.5) for at in starts)


def listening(**collaborators: object) -> AudioAnalyzer:
    return AudioAnalyzer(
        Loudest(), settings=AudioSettings(voice_onset=0.3, voice_offset=0.01), **collaborators
    )  # type: ignore[arg-type]


def blocks_of(path: Path, name: str, *borders: int) -> list[AudioBlock]:
    sound = probe(str(path)).sound
    assert sound is not None
    edges = [0, *(border * SECOND for border in borders), sound.samples]
    key = WorkKey(f"{name}-12345678", AUDIO, "0" * 16)
    return [AudioBlock(str(path), sound, key, first, stop) for first, stop in pairwise(edges)]


@pytest.fixture(scope="module")
def one(clip_folder: Path) -> list[AudioBlock]:
    return blocks_of(clips.clicking(clip_folder).path, "one", 12)


@pytest.fixture(scope="module")
def other(clip_folder: Path) -> list[AudioBlock]:
    return blocks_of(clips.clicking(clip_folder, rate=44_100).path, "other")


def unread(block: AudioBlock, tmp_path: Path) -> AudioBlock:
    return replace(block, path=str(clips.not_a_video(tmp_path)))


def whole(answer: AudioAnalysis | Exception) -> AudioAnalysis:
    assert isinstance(answer, AudioAnalysis), answer
    return answer


def test_blocks_share_all_frames_seconds_and_speech_among_them(one: list[AudioBlock]) -> None:
    heard = AudioAnalysis.joined(whole(answer) for answer in listening(recognizer=Reader()).listen(one))
    assert np.array_equal(heard.voice_frames, frames_within(0, one[-1].stop))
    assert heard.seconds.tolist() == list(range(25))
    assert heard.peak_dbfs.max() == pytest.approx(-3.1, abs=0.2)
    starts = [utterance.start_s for utterance in heard.utterances]
    assert starts == sorted(starts)
    assert starts[0] == pytest.approx(1, abs=0.05)


def test_neither_company_nor_order_changes_what_is_heard(
    one: list[AudioBlock], other: list[AudioBlock]
) -> None:
    everything = listening(
        recognizer=Reader(), aligner=Spelling(), diarizer=OneSpeaker(), classifier=EveryWindow()
    )
    together = everything.listen([*one, *other])
    backwards = everything.listen([*other, *one][::-1])[::-1]
    alone = [whole(answer).to_bytes() for block in (*one, *other) for answer in everything.listen([block])]
    assert [whole(answer).to_bytes() for answer in together] == alone
    assert [whole(answer).to_bytes() for answer in (*backwards[1:], backwards[0])] == alone


def test_speech_of_all_blocks_is_recognized_together(one: list[AudioBlock], other: list[AudioBlock]) -> None:
    reader = Reader()
    answers = listening(recognizer=reader).listen([*one, *other])
    assert reader.batches == [sum(len(whole(answer).utterances) for answer in answers)]


def test_a_file_that_cannot_be_read_is_the_answer_of_its_own_block_alone(
    one: list[AudioBlock], tmp_path: Path
) -> None:
    good, bad = one
    answers = listening(recognizer=Reader()).listen([good, unread(bad, tmp_path), good])
    assert isinstance(answers[1], NotAVideo)
    assert whole(answers[0]).to_bytes() == whole(answers[2]).to_bytes()


def test_speech_that_a_model_fails_on_is_blamed_on_its_own_block(
    one: list[AudioBlock], other: list[AudioBlock]
) -> None:
    start_s = int(whole(listening(recognizer=Reader()).listen(one)[1]).utterances[-1].start_s)
    first, second = listening(recognizer=Reader(bad=(start_s,))).listen(one)
    assert whole(first).utterances
    assert isinstance(second, RuntimeError)


def test_a_failing_diarizer_is_an_answer_too(one: list[AudioBlock]) -> None:
    class Failing:
        def turns(self, samples: Floats32, start_s: float) -> tuple[tuple[SpeakerTurn, ...], Floats32]:
            if start_s:
                raise MemoryError
            return (), np.zeros((0, 0), np.float32)

    first, second = listening(diarizer=Failing()).listen(one)
    assert isinstance(first, AudioAnalysis)
    assert isinstance(second, MemoryError)


def test_speech_without_text_is_dropped(one: list[AudioBlock]) -> None:
    spoken = whole(listening(recognizer=Reader()).listen(one[:1])[0]).utterances
    fewer = whole(listening(recognizer=Reader(mute=(int(spoken[0].start_s),))).listen(one[:1])[0]).utterances
    assert [utterance.start_s for utterance in fewer] == [
        utterance.start_s for utterance in spoken if int(utterance.start_s) != int(spoken[0].start_s)
    ]


def test_words_are_those_of_their_utterance(one: list[AudioBlock]) -> None:
    (answer, *_) = listening(recognizer=Reader(), aligner=Spelling()).listen(one)
    utterances = whole(answer).utterances
    assert utterances
    assert all(utterance.words[0].start_s == utterance.start_s for utterance in utterances)


def test_each_window_of_events_belongs_to_the_block_it_begins_in_and_hears_beyond_its_end(
    one: list[AudioBlock],
) -> None:
    heard = [whole(answer) for answer in listening(classifier=EveryWindow()).listen(one)]
    assert [[event.start_s for event in part.events] for part in heard] == [[*range(12)], [*range(12, 23)]]


def test_settings_that_ask_for_nothing_load_the_voice_model_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.audio.analyzer.VoiceModel", lambda threads: Loudest())
    alone = audio_analyzer(Settings(audio=AudioSettings(speakers="off")))
    assert [getattr(alone, f"_{name}") for name in ("recognizer", "aligner", "diarizer", "classifier")] == [
        None
    ] * 4
