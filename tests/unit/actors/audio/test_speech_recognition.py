"""What can be said of listening without a model: settings, digests, windows, labels and the joining of
events.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.audio import speech_recognition
from actors.audio.audio_events import CLASSES_OF_LABEL, EventClassifier, columns, merged_events, starts_of
from actors.audio.speech_recognition import SpeechRecognizer, batch_size, model_digest
from schemas.errors import DamagedWeights, ModelError, WrongDigest
from schemas.inference.transcript import AudioEvent, SpeechSegment
from schemas.settings.settings import AudioSettings, Settings

FILES = {"config.json": "{}", "model.bin": "weights", "tokenizer.json": "{}", "vocabulary.json": "[]"}

events = st.builds(
    lambda label, start, length, confidence: AudioEvent(
        label, start * 0.5, (start + length) * 0.5, confidence
    ),
    st.sampled_from(["laughter", "music"]),
    st.integers(0, 40),
    st.integers(1, 8),
    st.floats(0.1, 1),
)


def folder_with(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


def listening_to(model: Path | None, sha256: str | None = None) -> Settings:
    return Settings(
        audio=AudioSettings(model=str(model) if model else None, model_sha256=sha256, device="cpu")
    )


def test_a_digest_covers_names_and_contents_of_what_is_loaded_and_nothing_else(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "model", FILES)
    digest = model_digest(folder)
    assert model_digest(folder_with(tmp_path / "copy", {**FILES, "README.md": "not loaded"})) == digest
    others = [{**FILES, "model.bin": "other"}, {**FILES, "preprocessor_config.json": "{}"}]
    moved = {
        ("vocabulary.txt" if name == "vocabulary.json" else name): content for name, content in FILES.items()
    }
    digests = [
        model_digest(folder_with(tmp_path / str(number), files))
        for number, files in enumerate([*others, moved])
    ]
    assert len({digest, *digests}) == 4


@pytest.mark.parametrize("missing", ["config.json", "model.bin", "tokenizer.json"])
def test_a_model_without_one_of_its_files_is_damaged_rather_than_completed_from_the_network(
    tmp_path: Path, missing: str
) -> None:
    folder = folder_with(
        tmp_path / "model", {name: content for name, content in FILES.items() if name != missing}
    )
    with pytest.raises(DamagedWeights, match=f"there is no {missing}"):
        SpeechRecognizer(listening_to(folder))


def test_a_model_that_is_not_the_one_settled_on_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "model", FILES)
    with pytest.raises(WrongDigest, match=model_digest(folder)):
        SpeechRecognizer(listening_to(folder, "0" * 64))


@pytest.mark.parametrize("model", [None, Path("small")])
def test_a_worker_wants_a_folder(model: Path | None) -> None:
    with pytest.raises(ModelError, match="no folder has been settled on"):
        SpeechRecognizer(listening_to(model))


@pytest.mark.parametrize(
    ("device", "compute_type", "megabytes", "expected"),
    [
        ("cpu", "int8", 40, 8),
        ("cpu", "int8_float32", 150, 8),
        ("cpu", "int8", 480, 1),
        ("cpu", "float32", 40, 1),
        ("cuda", "float16", 3000, 16),
    ],
)
def test_on_a_processor_only_small_models_of_integers_decode_in_batches(
    device: str, compute_type: str, megabytes: int, expected: int
) -> None:
    assert batch_size(device, compute_type, megabytes * 1_000_000) == expected


class NumbersWhisper:
    """Stands in for faster-whisper's model: a segment's text is its first sample; odd ones are English."""

    supported_languages = ("en", "fr")
    compute_type = "int8"
    max_length = 448

    def __init__(self) -> None:
        self.model = self
        self.decoded: list[list[int]] = []

    def feature_extractor(self, samples: Any, padding: int) -> Any:
        return np.full((80, 3000), samples[0], np.float32)

    def encode(self, features: Any) -> Any:
        from ctranslate2 import StorageView

        return StorageView.from_array(np.ascontiguousarray(features[:, :1, :1]))

    def detect_language(self, encoded: Any) -> list[list[tuple[str, float]]]:
        return [[("<|en|>" if number % 2 else "<|fr|>", 1.0)] for number in self._numbers(encoded)]

    def get_prompt(self, *_: Any, **__: Any) -> list[int]:
        return [0]

    def generate(self, encoded: Any, prompts: list[list[int]], **_: Any) -> list[Any]:
        self.decoded.append(self._numbers(encoded))
        assert len(prompts) == len(self.decoded[-1])
        return [SimpleNamespace(sequences_ids=[[number]], scores=[0.0]) for number in self.decoded[-1]]

    @staticmethod
    def _numbers(encoded: Any) -> list[int]:
        return [round(value) for value in np.asarray(encoded).ravel().tolist()]


def test_segments_of_two_languages_are_decoded_once_each_and_come_back_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = NumbersWhisper()
    monkeypatch.setattr(speech_recognition, "whisper", lambda *_: model)
    recognizer = SpeechRecognizer(listening_to(folder_with(tmp_path / "model", FILES)))
    decoding = SimpleNamespace(decode=lambda tokens: str(tokens[0]))
    monkeypatch.setattr(recognizer, "_tokenizer", lambda language: decoding)
    numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    speeches = [SpeechSegment(np.full(160, number, np.float32), float(number)) for number in numbers]
    found = recognizer.transcribe(speeches)
    assert [(one.text, one.language, one.start_s) for one in found] == [
        (str(number), "en" if number % 2 else "fr", float(number)) for number in numbers
    ]
    assert model.decoded == [[1, 3, 5, 7], [2, 4, 6, 8], [9], [10]]


@given(st.lists(events))
def test_merged_events_cover_the_same_time_and_never_touch(windows: list[AudioEvent]) -> None:
    merged = merged_events(windows)
    for label in ("laughter", "music"):
        mine = [event for event in merged if event.label == label]
        assert covered(mine) == covered([event for event in windows if event.label == label])
        assert all(before.end_s < after.start_s for before, after in itertools.pairwise(mine))


@given(st.lists(events))
def test_a_merged_event_is_as_sure_as_the_surest_of_its_windows(windows: list[AudioEvent]) -> None:
    for event in merged_events(windows):
        mine = [
            one.confidence
            for one in windows
            if one.label == event.label and event.start_s <= one.start_s and one.end_s <= event.end_s
        ]
        assert event.confidence == max(mine)


@given(st.lists(events), st.randoms())
def test_merging_knows_no_order_and_again_changes_nothing(windows: list[AudioEvent], random: Random) -> None:
    merged = merged_events(windows)
    shuffled = sorted(windows, key=lambda _: random.random())
    assert merged_events(shuffled) == merged == merged_events(merged)
    assert list(merged) == sorted(merged, key=lambda event: (event.start_s, event.label))


def covered(found: list[AudioEvent]) -> set[int]:
    """Half seconds."""
    return {half for event in found for half in range(round(event.start_s * 2), round(event.end_s * 2))}


@given(st.integers(0, 400), st.integers(1, 20))
def test_windows_are_the_same_however_the_sound_is_cut(length_s: int, blocks_of: int) -> None:
    window_s, hop_s = EventClassifier.WINDOW_S, EventClassifier.HOP_S
    block_s = blocks_of * hop_s
    cut: list[float] = []
    start_s = 0.0
    while start_s < length_s:
        stop_s = min(start_s + block_s, length_s)
        told_s = min(stop_s + window_s, length_s)
        cut += [at_s for at_s in starts_of(start_s, told_s, window_s, hop_s) if at_s < stop_s]
        start_s = stop_s
    assert cut == (starts_of(0.0, length_s, window_s, hop_s) if length_s else [])


@given(st.floats(0.1, 400))
def test_windows_cover_all_of_the_sound(length_s: float) -> None:
    window_s, hop_s = EventClassifier.WINDOW_S, EventClassifier.HOP_S
    starts = starts_of(0.0, length_s, window_s, hop_s)
    assert starts[0] == 0
    assert starts[-1] < length_s <= starts[-1] + window_s
    assert all(after - before == hop_s for before, after in itertools.pairwise(starts))


def test_several_classes_of_audioset_make_one_label() -> None:
    found = columns("model", {0: "Speech", 1: "Giggle", 2: "Squeak", 3: "Laughter"})
    assert found == {"speech": [0], "laughter": [3, 1]}
    with pytest.raises(ModelError, match="none of its 1 classes is called as AudioSet calls them"):
        columns("model", {0: "LABEL_0"})


def test_labels_are_plain_words_and_no_class_has_two() -> None:
    assert all(label.isalpha() and label.islower() for label in CLASSES_OF_LABEL)
    classes = [name for names in CLASSES_OF_LABEL.values() for name in names]
    assert len(classes) == len(set(classes))
