"""Analyses blocks of sound: voice, loudness, text, speakers and audio events.

Each block is decoded once, and all models hear the same samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from actors.audio.loudness import levels
from actors.audio.speech_segments import around, speech_segments
from actors.audio.voice_activity import VoiceModel, frames_within, reach
from actors.decoding.audio_decoder import decoded
from schemas.inference.transcript import AudioAnalysis, AudioEvent, SpeakerTurn, SpeechSegment, Utterance
from schemas.media.audio import SAMPLE_RATE
from schemas.media.frames import Floats32
from schemas.settings.settings import AudioSettings, Settings
from schemas.work.audio_block import AudioBlock


class Recognizer(Protocol):
    """Recognises the text of speech segments.

    Gives one utterance for each segment, in order, whatever else is in its batch; the text is empty where
    nothing is recognised.
    """

    def transcribe(self, speeches: Sequence[SpeechSegment]) -> list[Utterance]: ...


class Aligner(Protocol):
    """Times words: gives the utterances again, one to one, with their words."""

    def align(
        self, utterances: Sequence[Utterance], speeches: Sequence[SpeechSegment]
    ) -> list[Utterance]: ...


class Diarizer(Protocol):
    """Finds the turns of speakers in `samples`, which begin at `start_s`.

    Also gives an embedding of each speaker, M x D.
    """

    def turns(self, samples: Floats32, start_s: float) -> tuple[tuple[SpeakerTurn, ...], Floats32]: ...


class Classifier(Protocol):
    """Finds audio events in `samples`, which begin at `start_s`.

    It looks at windows of `WINDOW_S` seconds, which are regular since the first sample of the sound.
    """

    WINDOW_S: float

    def events(self, samples: Floats32, start_s: float) -> tuple[AudioEvent, ...]: ...


class AudioAnalyzer:
    """Runs the audio models on blocks of sound; a model that is None is left out."""

    def __init__(
        self,
        voice: VoiceModel,
        recognizer: Recognizer | None = None,
        aligner: Aligner | None = None,
        diarizer: Diarizer | None = None,
        classifier: Classifier | None = None,
        *,
        settings: AudioSettings,
    ) -> None:
        self._voice, self._recognizer, self._aligner = voice, recognizer, aligner
        self._diarizer, self._classifier, self._settings = diarizer, classifier, settings

    def listen(self, blocks: Sequence[AudioBlock]) -> list[AudioAnalysis | Exception]:
        """The analysis of each block, or the error that prevented it.

        An error concerns its own block only.
        """
        results: list[AudioAnalysis | Exception] = []
        analysed = [self._guarded(block) for block in blocks]
        texts = iter(self._texts([speech for _, speeches in analysed for speech in speeches]))
        for analysis, speeches in analysed:
            own = [next(texts) for _ in speeches]
            error = next((text for text in own if isinstance(text, Exception)), None)
            utterances = tuple(text for text in own if isinstance(text, Utterance) and text.text.strip())
            results.append(
                analysis
                if isinstance(analysis, Exception)
                else error or replace(analysis, utterances=utterances)
            )
        return results

    def _guarded(self, block: AudioBlock) -> tuple[AudioAnalysis | Exception, tuple[SpeechSegment, ...]]:
        try:
            return self._analysis(block)
        except Exception as error:  # noqa: BLE001  # returned as this block's result
            return error, ()

    def _analysis(self, block: AudioBlock) -> tuple[AudioAnalysis, tuple[SpeechSegment, ...]]:
        """All but the texts of a block, and its speech segments where they are to be recognised.

        The block is decoded once.
        """
        low, high = around(block) if self._recognizer else (block.first, block.stop)
        begin, end = reach(low, high)
        samples, is_lost = decoded(block.path, block.sound, begin, max(end, self._events_end(block)))
        own, start_s = slice(block.first - begin, block.stop - begin), block.first / SAMPLE_RATE
        frames, scores = self._voice.scores(low, high, block.sound.samples, samples, begin)
        is_own = np.isin(frames, frames_within(block.first, block.stop))
        rms, peak = levels(samples[own])
        turns, speakers = (
            self._diarizer.turns(samples[own], start_s)
            if self._diarizer
            else ((), np.zeros((0, 0), np.float32))
        )
        analysis = AudioAnalysis(
            voice_frames=frames[is_own],
            voice=scores[is_own],
            seconds=np.arange(len(rms), dtype=np.int64) + block.first // SAMPLE_RATE,
            rms_dbfs=rms,
            peak_dbfs=peak,
            turns=turns,
            speakers=speakers,
            events=self._events(block, samples[own.start :]),
            lost=int(is_lost[own].sum()),
        )
        speeches = (
            speech_segments(block, frames, scores, samples, begin, self._settings) if self._recognizer else ()
        )
        return analysis, speeches

    def _events_end(self, block: AudioBlock) -> int:
        """The end of the last window of audio events that begins in the block, in samples."""
        window_s = self._classifier.WINDOW_S if self._classifier else 0.0
        return min(block.sound.samples, block.stop + math.ceil(window_s * SAMPLE_RATE))

    def _events(self, block: AudioBlock, samples: Floats32) -> tuple[AudioEvent, ...]:
        """Audio events in windows that begin in the block.

        `samples` begin with the block and hold all of its last window.
        """
        if self._classifier is None:
            return ()
        events = self._classifier.events(
            samples[: self._events_end(block) - block.first], block.first / SAMPLE_RATE
        )
        return tuple(event for event in events if event.start_s * SAMPLE_RATE < block.stop)

    def _texts(self, speeches: Sequence[SpeechSegment]) -> list[Utterance | Exception]:
        """Texts of all segments, batched across blocks.

        Where a batch fails each segment is tried alone, so that only the one at fault has an error.
        """
        if self._recognizer is None or not speeches:
            return []
        try:
            texts = self._recognizer.transcribe(speeches)
            return list(self._aligner.align(texts, speeches) if self._aligner else texts)
        except Exception as error:  # noqa: BLE001  # returned as the result of its block
            return (
                [error]
                if len(speeches) == 1
                else [text for speech in speeches for text in self._texts([speech])]
            )


def audio_analyzer(settings: Settings, *, threads: int = 1) -> AudioAnalyzer:
    """The analyzer of resolved settings, with all its models loaded; raises `ModelError`s."""
    audio = settings.audio
    recognizer: Recognizer | None = None
    aligner: Aligner | None = None
    diarizer: Diarizer | None = None
    classifier: Classifier | None = None
    if audio.model is not None:
        from actors.audio.speech_recognition import SpeechRecognizer

        recognizer = SpeechRecognizer(settings, threads=threads)
        if audio.words and audio.word_times != "attention":
            from actors.audio.word_alignment import WordAligner

            aligner = WordAligner(settings, threads=threads)
    if audio.speakers == "on":
        from actors.audio.diarization import SpeakerDiarizer

        diarizer = SpeakerDiarizer(settings, threads=threads)
    if audio.events_model is not None:
        from actors.audio.audio_events import EventClassifier

        classifier = EventClassifier(settings, threads=threads)
    return AudioAnalyzer(
        VoiceModel(threads=threads), recognizer, aligner, diarizer, classifier, settings=audio
    )
