"""Sound events by a real classifier's code with made-up weights, and speakers by whisperX's pipeline with
made-up answers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from actors.audio.audio_events import EventClassifier, merged_events
from actors.audio.diarization import SpeakerDiarizer
from schemas.errors import ModelError
from schemas.inference.transcript import AudioEvent, SpeakerTurn
from schemas.media.audio import SAMPLE_RATE
from schemas.settings.settings import AudioSettings, Settings

LABELS = ("Speech", "Laughter", "Music", "Giggle", "Rumble")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny audio spectrogram transformer whose head says Giggle to everything and Music to nothing."""
    import torch
    from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

    made = tmp_path_factory.mktemp("ast")
    torch.manual_seed(7)
    config = ASTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_length=128,
        id2label=dict(enumerate(LABELS)),
        label2id={label: number for number, label in enumerate(LABELS)},
    )
    network = ASTForAudioClassification(config)
    with torch.no_grad():
        network.classifier.dense.bias[:] = torch.tensor([0.0, -20.0, -20.0, 20.0, 20.0])
    network.save_pretrained(made)
    ASTFeatureExtractor(max_length=128).save_pretrained(made)
    return made


def classifier(folder: Path, least: float = 0.3) -> EventClassifier:
    return EventClassifier(Settings(audio=AudioSettings(events_model=str(folder), min_event=least)))


def noise(seconds: float, seed: int = 0) -> Any:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE))).astype(
        np.float32
    )


def test_classes_become_what_people_look_for_in_windows_on_the_grid(folder: Path) -> None:
    found = classifier(folder, 0.9).events(noise(17.0), 120.0)
    assert {event.label for event in found} == {"laughter"}, (
        "a giggle is laughter, a rumble is nothing that is looked for"
    )
    assert [event.start_s for event in found][:2] == [120.0, 125.0]
    assert all(event.end_s == min(137.0, event.start_s + 10) for event in found)
    assert [(one.start_s, one.end_s) for one in merged_events(found)] == [(120.0, 137.0)]


def test_a_window_is_heard_alike_alone_and_among_others(folder: Path) -> None:
    hears, samples = classifier(folder, 0.0), noise(60.0)
    whole = {(event.label, event.start_s): event.confidence for event in hears.events(samples, 0.0)}
    later = hears.events(samples[30 * SAMPLE_RATE :], 30.0)
    assert len(later) > 10
    assert all(whole[event.label, event.start_s] == event.confidence for event in later)


def test_what_is_no_classifier_is_refused_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot load it"):
        classifier(tmp_path)


def test_windows_of_two_kinds_or_with_a_gap_between_are_events_of_their_own() -> None:
    windows = [
        AudioEvent("laughter", 0, 4, 0.5),
        AudioEvent("music", 0, 4, 0.9),
        AudioEvent("laughter", 4, 8, 0.7),
        AudioEvent("laughter", 10, 14, 0.4),
    ]
    assert merged_events(reversed(windows)) == (
        AudioEvent("laughter", 0, 8, 0.7),
        AudioEvent("music", 0, 4, 0.9),
        AudioEvent("laughter", 10, 14, 0.4),
    )


class Pipeline:
    """Two voices, as whisperX's pipeline tells of them."""

    def __init__(self, model_name: str, **_: Any) -> None:
        self.model_name = model_name

    def __call__(self, samples: Any, *, return_embeddings: bool) -> Any:
        turns = [(0.5, 1.5, "SPEAKER_01"), (1.25, 3.0, "SPEAKER_00")]
        table = pd.DataFrame(
            [{"segment": None, "label": "", "speaker": who, "start": a, "end": b} for a, b, who in turns]
        )
        return table, {"SPEAKER_00": [3.0, 4.0], "SPEAKER_01": [float("nan"), float("nan")]}


def test_turns_are_told_in_the_time_of_the_whole_sound_with_voices_as_unit_vectors(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("whisperx.diarize.DiarizationPipeline", Pipeline)
    turns, voices = SpeakerDiarizer(Settings(audio=AudioSettings(speaker_model=str(tmp_path)))).turns(
        noise(3.0), 120.0
    )
    assert turns == (SpeakerTurn(120.5, 121.5, 1), SpeakerTurn(121.25, 123.0, 0))
    assert voices.dtype == np.float32
    np.testing.assert_allclose(voices, [[0.6, 0.8], [0.0, 0.0]], rtol=1e-6)
