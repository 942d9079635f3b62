"""Made-up rows of faces and sound, and a file of sound alone, for whatever keeps or shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from schemas.annotations.annotation import (
    AUDIO_EVENT,
    FACE_DETECTION,
    FACE_IDENTITY,
    LOUDNESS,
    SPEAKER,
    SPEECH,
    VOICE_ACTIVITY,
    WORD,
    Annotation,
    BBox,
)
from schemas.media.audio import SAMPLE_RATE, AudioStream
from schemas.media.video import FrameIndex, Video
from schemas.pipelines import AUDIO, FACE

FPS = 25
LANDMARKS = [[20.0, 30.0], [40.0, 30.0], [30.0, 40.0], [22.0, 50.0], [38.0, 50.0]]


def sound_alone(seconds: int = 10) -> Video:
    """`talk.wav`, which has no pictures."""
    stop = seconds * SAMPLE_RATE
    sound = AudioStream(0, "pcm_s16le", SAMPLE_RATE, 1, Fraction(1, SAMPLE_RATE), 0, stop)
    nothing = FrameIndex(np.zeros(0, np.int64), np.zeros(0, np.int64), True)
    facts = ("wav", "", -1, Fraction(1, SAMPLE_RATE), 0, stop, 0, 0, 0, Fraction(0))
    return Video("talk-bbbbbbbb", "b" * 64, "/clips/talk.wav", 1000, 123456789, *facts, nothing, sound)


@dataclass(frozen=True)
class Rows:
    """Rows of one video, with ids that count."""

    video_id: str = "clip-aaaaaaaa"
    config_hash: str = "c1"

    def _row(self, pipeline: str, kind: str, name: object, *times: object, **facts: object) -> Annotation:
        return Annotation(f"{kind} {name}", self.video_id, pipeline, self.config_hash, kind, *times, **facts)

    def face(
        self,
        frame: int,
        face: str | None = "face_0001",
        person: str | None = None,
        x: float = 10.0,
        **known: object,
    ) -> Annotation:
        """A face of 40 x 50 pixels in one frame."""
        attributes = {"landmarks": [[px + x - 10.0, py] for px, py in LANDMARKS], **known}
        facts = {
            "person_id": person,
            "face_id": face,
            "confidence": 0.75,
            "bbox": BBox(x, 20.0, 40.0, 50.0),
            "attributes": attributes,
        }
        return self._row(FACE, FACE_DETECTION, f"{face} {frame} {x}", frame / FPS, None, frame, **facts)

    def identity(
        self, face: str, first: int, stop: int, persons: Sequence[str] = (), **known: object
    ) -> Annotation:
        """What `face` is from one frame to another."""
        attributes = {"faces": 3, "persons": list(persons), "frame_start": first, "frame_end": stop, **known}
        facts = {
            "person_id": persons[0] if persons else None,
            "face_id": face,
            "confidence": 0.7,
            "attributes": attributes,
        }
        return self._row(FACE, FACE_IDENTITY, face, first / FPS, stop / FPS, first, **facts)

    def heard(
        self, kind: str, start_s: float, end_s: float, speaker: str | None = None, **attributes: object
    ) -> Annotation:
        """A row of sound."""
        confidence = None if kind in (SPEAKER, LOUDNESS) else 0.5
        facts = {"speaker_id": speaker, "confidence": confidence, "attributes": attributes}
        return self._row(AUDIO, kind, f"{start_s} {end_s} {speaker}", start_s, end_s, **facts)

    def speech(self, text: str, start_s: float, end_s: float, speaker: str | None = None) -> Annotation:
        return self.heard(SPEECH, start_s, end_s, speaker, text=text, language="en")

    def word(self, word: str, start_s: float, end_s: float) -> Annotation:
        return self.heard(WORD, start_s, end_s, word=word)

    def event(self, label: str, start_s: float, end_s: float) -> Annotation:
        return self.heard(AUDIO_EVENT, start_s, end_s, label=label)

    def turn(self, speaker: str, start_s: float, end_s: float) -> Annotation:
        return self.heard(SPEAKER, start_s, end_s, speaker)

    def voice(self, start_s: float, end_s: float) -> Annotation:
        return self.heard(VOICE_ACTIVITY, start_s, end_s)

    def loudness(self, second: int, rms: float = -20.0, peak: float = -6.0) -> Annotation:
        return self.heard(LOUDNESS, second, second + 1.0, rms_dbfs=rms, peak_dbfs=peak)

    def conversation(self) -> list[Annotation]:
        """Ten seconds of two people, somebody laughing; the first begins before the first picture."""
        return [
            self.speech("Good morning.", -0.1, 2.0, "speaker_0001"),
            *(self.word("Good", -0.1, 0.9), self.word("morning.", 0.9, 2.0)),
            self.speech("Grüß Gott & <welcome>", 3.0, 5.0, "speaker_0002"),
            *(self.turn("speaker_0001", -0.1, 2.0), self.turn("speaker_0002", 3.0, 5.0)),
            *(self.voice(-0.1, 2.1), self.voice(2.9, 5.1)),
            *(self.event("Laughter", 4.0, 6.0), self.event("Music", 5.0, 10.0)),
            *(self.loudness(second) for second in range(10)),
        ]
