"""Laughter, music, applause and the like, by a classifier trained on AudioSet.

Source: Gemmeke et al., Audio Set, ICASSP 2017, whose names of classes these are; Gong et al., AST,
Interspeech 2021, the model intended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np

from actors.audio.speech_recognition import device_of
from actors.model_files.huggingface import fetched, own_folders
from actors.model_files.telemetry import telemetry_off
from schemas.errors import DamagedWeights, ModelError
from schemas.inference.transcript import AudioEvent
from schemas.media.audio import SAMPLE_RATE
from schemas.media.frames import Floats32
from schemas.settings.settings import Settings

BATCH: Final = {"cpu": 1, "cuda": 8}
LABELS: Final[Mapping[str, tuple[str, ...]]] = {
    "speech": (
        "Speech",
        "Male speech, man speaking",
        "Female speech, woman speaking",
        "Child speech, kid speaking",
        "Conversation",
    ),
    "laughter": ("Laughter", "Baby laughter", "Giggle", "Snicker", "Belly laugh", "Chuckle, chortle"),
    "crying": ("Crying, sobbing", "Baby cry, infant cry", "Whimper", "Wail, moan"),
    "screaming": ("Screaming", "Yell", "Shout", "Bellow", "Children shouting"),
    "whispering": ("Whispering",),
    "singing": (
        "Singing",
        "Choir",
        "Child singing",
        "Male singing",
        "Female singing",
        "Rapping",
        "Humming",
        "Chant",
    ),
    "music": ("Music", "Musical instrument"),
    "applause": ("Applause", "Clapping"),
    "cheering": ("Cheering",),
    "crowd": ("Crowd", "Hubbub, speech noise, speech babble", "Chatter"),
    "coughing": ("Cough", "Throat clearing", "Sneeze"),
    "dog": ("Dog", "Bark", "Yip", "Howl"),
    "cat": ("Cat", "Meow", "Purr"),
    "bird": ("Bird", "Bird vocalization, bird call, bird song", "Chirp, tweet"),
    "knocking": ("Knock", "Door", "Slam"),
    "telephone": ("Telephone", "Telephone bell ringing", "Ringtone"),
    "alarm": ("Alarm", "Alarm clock", "Smoke detector, smoke alarm", "Fire alarm"),
    "siren": (
        "Siren",
        "Civil defense siren",
        "Police car (siren)",
        "Ambulance (siren)",
        "Fire engine, fire truck (siren)",
    ),
    "vehicle": ("Vehicle", "Car", "Truck", "Motorcycle", "Bus"),
    "aircraft": ("Aircraft", "Helicopter", "Fixed-wing aircraft, airplane"),
    "gunshot": ("Gunshot, gunfire", "Machine gun"),
    "explosion": ("Explosion", "Fireworks", "Boom"),
    "glass": ("Glass", "Shatter", "Breaking"),
    "water": ("Water", "Rain", "Stream", "Waves, surf"),
    "wind": ("Wind", "Wind noise (microphone)"),
    "silence": ("Silence",),
}


class EventClassifier:
    """Sound events in windows of `WINDOW_S` that begin at every multiple of `HOP_S`; batches have one shape.
    Raises `ModelError`s.

    AudioSet's clips, which models learn from, last ten seconds.
    """

    WINDOW_S = 10.0
    HOP_S = 5.0

    def __init__(self, settings: Settings, *, threads: int = 1) -> None:
        import torch

        torch.set_num_threads(threads)
        name = settings.audio.events_model
        if name is None:
            raise ModelError("audio.events_model", "no model has been settled on")
        self._device, self._least = device_of(settings.audio.device), settings.audio.min_event
        self._batch = BATCH[self._device]
        self._extractor, self._network = _loaded(
            fetched(name, kind="events", folders=own_folders(settings)), self._device
        )
        self._columns = columns(name, self._network.config.id2label)

    def events(self, samples: Floats32, start_s: float) -> tuple[AudioEvent, ...]:
        """An event for each window and label that is sure enough, in seconds since the first sample;
        `samples` begin at `start_s`.
        """
        end_s = start_s + len(samples) / SAMPLE_RATE
        starts = starts_of(start_s, end_s, self.WINDOW_S, self.HOP_S)
        found = [
            chances
            for first in range(0, len(starts), self._batch)
            for chances in self._chances(samples, start_s, starts[first : first + self._batch])
        ]
        return tuple(
            AudioEvent(label, at_s, min(at_s + self.WINDOW_S, end_s), float(chance))
            for at_s, chances in zip(starts, found, strict=True)
            for label, chance in ((label, chances[classes].max()) for label, classes in self._columns.items())
            if chance >= self._least
        )

    def _chances(self, samples: Floats32, start_s: float, starts: Sequence[float]) -> Floats32:
        """Windows x classes, each 0..1."""
        import torch

        windows = [self._window(samples, round((at_s - start_s) * SAMPLE_RATE)) for at_s in starts]
        filled = windows + [windows[-1]] * (self._batch - len(windows))
        taken = self._extractor(filled, sampling_rate=SAMPLE_RATE, return_tensors="pt").to(self._device)
        with torch.inference_mode():
            logits = self._network(**taken).logits
        is_one_of = self._network.config.problem_type == "single_label_classification"
        chances = (logits.softmax(-1) if is_one_of else logits.sigmoid()).float().cpu().numpy()
        return np.asarray(chances[: len(windows)])

    def _window(self, samples: Floats32, first: int) -> Floats32:
        """Silence where the sound is over."""
        length = round(self.WINDOW_S * SAMPLE_RATE)
        window = samples[first : first + length]
        return np.pad(window, (0, length - len(window))).astype(np.float32)


def starts_of(start_s: float, end_s: float, window_s: float, hop_s: float) -> list[float]:
    """When windows begin in `[start_s, end_s)`: at each multiple of `hop_s` that the window before leaves
    something to hear.

    So they are the same however the sound is cut into blocks, as long as each is told with `window_s` of what
    follows it.
    """
    first = int(np.ceil(start_s / hop_s))
    numbers = range(first, first + int((end_s - start_s) / hop_s) + 1)
    return [number * hop_s for number in numbers if number == 0 or number * hop_s + window_s - hop_s < end_s]


def columns(name: str, classes: Mapping[int, str]) -> dict[str, list[int]]:
    """Which of a model's classes make up each label; raises `ModelError` where it knows none of
    AudioSet's.
    """
    numbers = {called: int(number) for number, called in classes.items()}
    found = {
        label: [numbers[called] for called in names if called in numbers] for label, names in LABELS.items()
    }
    known = {label: numbers for label, numbers in found.items() if numbers}
    if not known:
        raise ModelError(
            name, f"none of its {len(classes)} classes is called as AudioSet calls them, such as Laughter"
        )
    return known


def merged_events(events: Iterable[AudioEvent]) -> tuple[AudioEvent, ...]:
    """Windows of one label that overlap or touch as one event, as sure as the surest of them; in order of
    time, then by label.
    """
    merged: list[AudioEvent] = []
    for _, group in groupby(
        sorted(events, key=lambda event: (event.label, event.start_s)), key=lambda event: event.label
    ):
        first, *others = group
        merged.append(first)
        for event in others:
            last = merged[-1]
            if event.start_s <= last.end_s:
                merged[-1] = replace(
                    last,
                    end_s=max(last.end_s, event.end_s),
                    confidence=max(last.confidence, event.confidence),
                )
            else:
                merged.append(event)
    return tuple(sorted(merged, key=lambda event: (event.start_s, event.label)))


def _loaded(folder: Path, device: str) -> tuple[Any, Any]:
    with telemetry_off(alone=True):
        from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

        try:
            extractor = AutoFeatureExtractor.from_pretrained(str(folder), local_files_only=True)
            network = AutoModelForAudioClassification.from_pretrained(str(folder), local_files_only=True)
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            raise DamagedWeights(
                str(folder),
                f"transformers cannot load it as a classifier of sound ({str(error).splitlines()[0]})",
            ) from error
    return extractor, network.to(device).eval()
