"""The models of sound are found or fetched before the first frame, so that no worker asks the network for any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from schemas.errors import DownloadFailed, InvalidSetting, ModelError, WeightsMissing, WrongDigest
from schemas.pipeline import AUDIO, SCENE
from schemas.settings import Settings, config_hash
from vaengine.configuration import layer
from vaengine.fit import sound
from vaengine.fitting import Workshop, check_models, fitted, models_of
from vaengine.models.catalogue import AUDIO_SET, SPEAKERS
from vaengine.presets import Resolution, Surroundings

TOKEN = "set HF_TOKEN"


@dataclass
class FakeHub:
    """A hub whose cache is a folder of folders; `has` is what it would send."""

    cache: Path
    has: tuple[str, ...] = ()
    has_token: bool = False
    asked: list[str] = field(default_factory=list)

    def find(self, name: str, task: str) -> Path | None:
        folder = self.cache / name
        return folder if folder.is_dir() else None

    def obtain(self, name: str, task: str) -> Path:
        self.asked.append(name)
        if name not in self.has:
            raise DownloadFailed(name, "https://hub.example", "no network in this test")
        return put(self.cache, name)


def put(cache: Path, name: str) -> Path:
    folder = cache / name
    folder.mkdir(parents=True)
    (folder / "model.bin").write_text(name)
    return folder


@pytest.fixture(autouse=True)
def _digests(monkeypatch: pytest.MonkeyPatch) -> None:
    """The digest of a stand-in is its content."""
    monkeypatch.setattr("vaengine.fit.sound.model_digest", lambda folder: (folder / "model.bin").read_text())


@pytest.fixture
def hub(tmp_path: Path) -> FakeHub:
    return FakeHub(tmp_path / "hub")


def fit(
    told: Mapping[str, object],
    hub: FakeHub,
    pipelines: tuple[str, ...] = (AUDIO,),
    *,
    gpu: bool = False,
    network: bool = False,
    **shop: object,
) -> tuple[Settings, Resolution]:
    around = Surroundings(gpu=gpu, can_fetch=lambda pipeline: network)
    fetch = None if shop.pop("dry", False) else lambda model, begin: hub.cache / model.name
    folder = hub.cache.parent
    workshop = Workshop(**{"folders": (folder,), "cache": folder, "around": around, "fetch": fetch, "hub": hub, **shop})
    found, resolution = fitted(layer("test", told), pipelines, workshop)
    return found.settings, resolution


def test_without_models_there_are_voice_activity_and_loudness_and_no_text(hub: FakeHub) -> None:
    settings, resolution = fit({}, hub)
    audio = settings.audio
    assert (audio.model, audio.events_model, audio.speakers, audio.device) == (None, None, "off", "cpu")
    assert "audio_processing = embedded (voice activity and loudness, no text; no neural weights" in resolution.line
    assert (resolution.record, models_of(settings, (AUDIO,)), hub.asked) == ({f"preset.{AUDIO}": "embedded"}, {}, [])


def test_a_preset_fetches_all_it_listens_with_and_says_what_it_does_without(hub: FakeHub) -> None:
    hub.has = ("small", AUDIO_SET)
    told: list[str] = []
    settings, resolution = fit({"preset": "fast"}, hub, announce=told.append)
    audio = settings.audio
    assert (audio.model, audio.model_sha256) == (str(hub.cache / "small"), "small")
    assert audio.events_model == str(hub.cache / AUDIO_SET)
    assert (audio.device, audio.compute_type, audio.speakers) == ("cpu", "int8", "off")
    assert f"audio_processing = fast (Whisper small in int8 on cpu, no speakers: {TOKEN}; as asked)" in resolution.line
    assert told[0] == resolution.line, "announced before anything was fetched"
    assert models_of(settings, (AUDIO,)) == {AUDIO: {"file": "small", "sha256": "small"}}


def test_a_preset_that_was_named_ends_where_its_models_cannot_be_had(hub: FakeHub) -> None:
    hub.has = (AUDIO_SET,)
    with pytest.raises(WeightsMissing, match="'balanced' cannot run audio_processing: large-v3-turbo could not be fetched"):
        fit({"preset": "balanced"}, hub)


def test_a_dry_run_fetches_nothing(hub: FakeHub) -> None:
    settings, _ = fit({"preset": "fast"}, hub, dry=True)
    assert (settings.audio.model, settings.audio.model_sha256, hub.asked) == ("small", None, [])


def test_where_models_are_does_not_change_what_is_heard_but_which_they_are_does(hub: FakeHub, tmp_path: Path) -> None:
    for cache in (hub.cache, tmp_path / "other"):
        put(cache, "small")
        put(cache, AUDIO_SET)
    put(hub.cache, "medium")
    hashes = [
        config_hash(fit({"preset": "fast", **told}, there)[0], AUDIO)
        for told, there in (
            ({}, hub),
            ({}, FakeHub(tmp_path / "other")),
            ({"audio.model": str(tmp_path / "other" / "small")}, hub),
            ({"audio.model": "medium"}, hub),
            ({"audio.events_model": None}, hub),
        )
    ]
    assert hashes[0] == hashes[1] == hashes[2]
    assert len(set(hashes)) == 3


def test_a_model_of_ones_own_makes_auto_neural_and_is_heard_without_events_that_cannot_be_had(hub: FakeHub, tmp_path: Path) -> None:
    mine = put(tmp_path, "mine")
    settings, resolution = fit({"audio.model": str(mine)}, hub)
    assert (settings.audio.model, settings.audio.events_model) == (str(mine), None)
    assert f"no sound events: {AUDIO_SET} is neither here nor can be fetched" in resolution.line
    assert "audio.model names a model" in resolution.line
    assert resolution.record == {}
    with pytest.raises(WeightsMissing):
        fit({"audio.model": str(mine), "preset": "fast"}, hub)


@pytest.mark.parametrize("key", ["audio.model", "audio.events_model", "audio.align_model", "audio.speaker_model"])
def test_a_folder_that_is_not_there_is_told(hub: FakeHub, key: str) -> None:
    for name in ("small", AUDIO_SET):
        put(hub.cache, name)
    hub.has_token = True
    told = {"preset": "fast", "audio.speakers": "on" if key == "audio.speaker_model" else "off", key: "./gone"}
    with pytest.raises(ModelError, match=r"\./gone.*no such folder"):
        fit(told, hub)


@pytest.mark.parametrize(
    ("has_token", "network", "here", "speakers", "says"),
    [
        (False, True, False, "off", TOKEN),
        (True, True, False, "on", ""),
        (True, False, False, "off", "cannot be fetched"),
        (False, False, True, "on", ""),
    ],
)
def test_speakers_are_told_apart_where_their_model_is_here_or_a_token_lets_it_come(
    hub: FakeHub, has_token: bool, network: bool, here: bool, speakers: str, says: str
) -> None:
    for name in ("small", AUDIO_SET, *([SPEAKERS] if here else [])):
        put(hub.cache, name)
    hub.has_token, hub.has = has_token, (SPEAKERS,)
    settings, resolution = fit({"preset": "fast"}, hub, network=network)
    assert settings.audio.speakers == speakers
    assert says in resolution.line
    assert ("no speakers" in resolution.line) is (speakers == "off")
    if speakers == "on":
        assert settings.audio.speaker_model == str(hub.cache / SPEAKERS)


@pytest.mark.parametrize("spelt", ["on", True])
def test_speakers_that_were_asked_for_and_cannot_be_told_apart_are_refused_with_the_cure(hub: FakeHub, spelt: object) -> None:
    put(hub.cache, "small")
    with pytest.raises(InvalidSetting, match=rf"{TOKEN}.*{SPEAKERS}"):
        fit({"preset": "fast", "audio.speakers": spelt}, hub)


def test_what_a_store_was_begun_with_goes_on_whatever_the_token(hub: FakeHub) -> None:
    for name in ("small", AUDIO_SET):
        put(hub.cache, name)
    hub.has_token, hub.has = True, (SPEAKERS,)
    begun = {sound.SPEAKERS_KEY: "off", f"runtime.{AUDIO}": "cpu"}.get
    around = Surroundings(gpu=True, can_fetch=lambda pipeline: True, recorded={AUDIO: "fast"})
    settings, resolution = fit({}, hub, around=around, recorded=begun)
    assert (settings.audio.speakers, settings.audio.device) == ("off", "cpu")
    assert resolution.record == {f"preset.{AUDIO}": "fast", f"runtime.{AUDIO}": "cpu", sound.SPEAKERS_KEY: "off"}
    hub.has_token = False
    with pytest.raises(InvalidSetting, match=TOKEN):
        fit({}, hub, around=around, recorded={sound.SPEAKERS_KEY: "on"}.get)


@pytest.mark.parametrize(
    ("gpu", "torch", "told", "found"),
    [
        (False, "2.8.0", {}, ("cpu", "int8")),
        (True, "2.8.0", {}, ("cuda", "float16")),
        (True, "2.8.0+cpu", {}, ("cpu", "int8")),
        (True, "2.8.0", {"audio.device": "cpu", "audio.compute_type": "float32"}, ("cpu", "float32")),
        (True, "2.8.0", {"audio.compute_type": "int8_float16"}, ("cuda", "int8_float16")),
    ],
)
def test_models_run_on_a_gpu_that_torch_can_use_in_numbers_that_suit_it(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, gpu: bool, torch: str, told: dict[str, str], found: tuple[str, str]
) -> None:
    monkeypatch.setattr(sound, "version", lambda name: torch)
    for name in ("small", AUDIO_SET):
        put(hub.cache, name)
    audio = fit({"preset": "fast", **told}, hub, gpu=gpu)[0].audio
    assert (audio.device, audio.compute_type) == found


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"preset": "fast", "audio.device": "cuda"}, "no GPU here"),
        ({"preset": "fast", "audio.compute_type": "float16"}, "only a GPU has it"),
        ({"preset": "embedded", "audio.device": "cuda"}, "runs on the processor"),
        ({"preset": "embedded", "audio.model": "small"}, "embedded takes none"),
    ],
)
def test_what_this_machine_or_preset_has_not_is_refused_not_left_out(hub: FakeHub, told: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidSetting, match=says):
        fit(told, hub)


def test_a_digest_that_was_given_is_held_to(hub: FakeHub) -> None:
    for name in ("small", AUDIO_SET):
        put(hub.cache, name)
    with pytest.raises(WrongDigest):
        fit({"preset": "fast", "audio.model_sha256": "0" * 64}, hub)


def test_models_that_changed_or_went_since_are_noticed_before_a_resumed_run(hub: FakeHub) -> None:
    hub.has = ("small", AUDIO_SET)
    settings, _ = fit({"preset": "fast"}, hub)
    check_models(settings, (AUDIO,))
    (hub.cache / "small" / "model.bin").write_text("another")
    with pytest.raises(WrongDigest):
        check_models(settings, (AUDIO,))
    (hub.cache / AUDIO_SET).rename(hub.cache / "away")
    with pytest.raises(ModelError, match=r"not there any more.*audio\.events_model=FOLDER"):
        check_models(settings, (AUDIO,))
    check_models(settings, (SCENE,))


def test_without_sound_no_model_of_it_is_looked_for(hub: FakeHub) -> None:
    settings, _ = fit({"preset": "fast"}, hub, (SCENE,))
    assert (settings.audio.model, hub.asked) == ("small", [])


@pytest.mark.parametrize(
    ("told", "fetched"), [({"audio.language": "xx"}, ["aligner"]), ({"audio.language": "xx", "audio.words": False}, []), ({}, [])]
)
def test_the_alignment_model_of_a_language_that_was_told_is_fetched_before_the_run(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, told: dict[str, object], fetched: list[str]
) -> None:
    monkeypatch.setattr("vaengine.fit.sound.usual_model", {"xx": "aligner"}.get)
    for name in ("small", AUDIO_SET):
        put(hub.cache, name)
    hub.has = ("aligner",)
    assert fit({"preset": "fast", **told}, hub)[0].audio.align_model is None
    assert hub.asked == fetched
