"""What can be said of listening without a model: settings, digests, windows, labels and the joining of
events.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.audio.audio_events import CLASSES_OF_LABEL, EventClassifier, columns, merged_events, starts_of
from actors.audio.speech_recognition import SpeechRecognizer, model_digest
from schemas.errors import DamagedWeights, ModelError, WrongDigest
from schemas.inference.transcript import AudioEvent
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
