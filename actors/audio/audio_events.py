"""Finds audio events such as laughter, music and applause with a classifier trained on AudioSet.

Source: Gemmeke et al., Audio Set, ICASSP 2017, whose names of classes these are; Gong et al., AST,
Interspeech 2021, the intended model.
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
# AudioSet's classes that make up each label.
CLASSES_OF_LABEL: Final[Mapping[str, tuple[str, ...]]] = {
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
    """Classifies windows of `WINDOW_S` seconds that begin at every multiple of `HOP_S`.

    Batches have one shape. AudioSet's clips, which models learn from, last ten seconds. Raises
    `ModelError`s.
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
        """An event for each window and label that is confident enough, in seconds since the first sample.

        `samples` begin at `start_s`.
        """
        end_s = start_s + len(samples) / SAMPLE_RATE
        starts = starts_of(start_s, end_s, self.WINDOW_S, self.HOP_S)
        windows = [
            probabilities
            for first in range(0, len(starts), self._batch)
            for probabilities in self._probabilities(samples, start_s, starts[first : first + self._batch])
        ]
        return tuple(
            AudioEvent(label, at_s, min(at_s + self.WINDOW_S, end_s), float(probability))
            for at_s, probabilities in zip(starts, windows, strict=True)
            for label, probability in (
                (label, probabilities[classes].max()) for label, classes in self._columns.items()
            )
            if probability >= self._least
        )

    def _probabilities(self, samples: Floats32, start_s: float, starts: Sequence[float]) -> Floats32:
        """Probabilities 0..1, windows x classes."""
        import torch

        windows = [self._window(samples, round((at_s - start_s) * SAMPLE_RATE)) for at_s in starts]
        filled = windows + [windows[-1]] * (self._batch - len(windows))
        features = self._extractor(filled, sampling_rate=SAMPLE_RATE, return_tensors="pt").to(self._device)
        with torch.inference_mode():
            logits = self._network(**features).logits
        is_single_label = self._network.config.problem_type == "single_label_classification"
        probabilities = (logits.softmax(-1) if is_single_label else logits.sigmoid()).float().cpu().numpy()
        return np.asarray(probabilities[: len(windows)])

    def _window(self, samples: Floats32, first: int) -> Floats32:
        """The samples of a window, padded with silence at the end of the sound."""
        length = round(self.WINDOW_S * SAMPLE_RATE)
        window = samples[first : first + length]
        return np.pad(window, (0, length - len(window))).astype(np.float32)


def starts_of(start_s: float, end_s: float, window_s: float, hop_s: float) -> list[float]:
    """Starts of windows in `[start_s, end_s)`.

    A window starts at each multiple of `hop_s` that adds sound to the window before. So windows are the
    same however the sound is cut into blocks, as long as each block comes with `window_s` of the sound
    after it.
    """
    first = int(np.ceil(start_s / hop_s))
    numbers = range(first, first + int((end_s - start_s) / hop_s) + 1)
    return [number * hop_s for number in numbers if number == 0 or number * hop_s + window_s - hop_s < end_s]


def columns(name: str, classes: Mapping[int, str]) -> dict[str, list[int]]:
    """The classes of a model that make up each label.

    Raises `ModelError` where the model has none of AudioSet's classes.
    """
    numbers = {class_name: int(number) for number, class_name in classes.items()}
    columns_of_label = {
        label: [numbers[class_name] for class_name in names if class_name in numbers]
        for label, names in CLASSES_OF_LABEL.items()
    }
    known = {label: columns for label, columns in columns_of_label.items() if columns}
    if not known:
        raise ModelError(
            name, f"none of its {len(classes)} classes is called as AudioSet calls them, such as Laughter"
        )
    return known


def merged_events(events: Iterable[AudioEvent]) -> tuple[AudioEvent, ...]:
    """Merges windows of one label that overlap or touch; in order of time, then by label.

    A merged event has the highest confidence of its windows.
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
