"""The models of sound are found or fetched before the first frame, so that no worker asks the network for
any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from schemas.errors import (
    DownloadFailed,
    FetchingForbidden,
    InvalidSetting,
    ModelError,
    WeightsMissing,
    WrongDigest,
)
from schemas.pipelines import AUDIO, SCENE
from schemas.settings.layers import layer
from schemas.settings.models import ModelFile
from schemas.settings.settings import Settings, config_hash
from vaengine.model_selection import audio as sound
from vaengine.model_selection.presets import Machine, PresetResolution
from vaengine.model_selection.select import ModelEnvironment, check_models, models_of, select_models
from vaengine.models.catalogue import ALIGNERS, AUDIO_SET, SPEAKERS

TOKEN = "set HF_TOKEN"
ENGLISH = "WAV2VEC2_ASR_BASE_960H"
FILES = {name: model.name for name, model in ALIGNERS.items()}


@dataclass
class FakeHub:
    """A hub whose cache is a folder of folders; `has` is what it would send."""

    cache: Path
    has: tuple[str, ...] = ()
    has_token: bool = False
    asked: list[str] = field(default_factory=list)
    forbidden_by: str | None = None

    def find(self, name: str, task: str) -> Path | None:
        folder = self.cache / FILES.get(name, name)
        return folder if folder.exists() else None

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
    monkeypatch.setattr(
        "vaengine.model_selection.audio.model_digest", lambda folder: (folder / "model.bin").read_text()
    )


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
) -> tuple[Settings, PresetResolution]:
    machine = Machine(gpu=gpu, can_fetch=lambda pipeline: network)
    fetch = None if shop.pop("dry", False) else shop.pop("fetch", lambda model, begin: hub.cache / model.name)
    folder = hub.cache.parent
    workshop = ModelEnvironment(
        **{"folders": (folder,), "cache": folder, "machine": machine, "fetch": fetch, "hub": hub, **shop}
    )
    found, resolution = select_models(layer("test", told), pipelines, workshop)
    return found.settings, resolution


def test_without_models_there_are_voice_activity_and_loudness_and_no_text(hub: FakeHub) -> None:
    settings, resolution = fit({}, hub)
    audio = settings.audio
    assert (audio.model, audio.events_model, audio.speakers, audio.device) == (None, None, "off", "cpu")
    assert (
        "audio_processing = embedded (voice activity and loudness, no text; no neural weights"
        in resolution.line
    )
    assert (resolution.record, models_of(settings, (AUDIO,)), hub.asked) == (
        {f"preset.{AUDIO}": "embedded", f"embedded.{AUDIO}": "voice"},
        {},
        [],
    )


def test_a_preset_fetches_all_it_listens_with_and_says_what_it_does_without(hub: FakeHub) -> None:
    hub.has = ("small", AUDIO_SET)
    told: list[PresetResolution] = []
    settings, resolution = fit({"preset": "fast"}, hub, announce=told.append)
    audio = settings.audio
    assert (audio.model, audio.model_sha256) == (str(hub.cache / "small"), "small")
    assert audio.events_model == str(hub.cache / AUDIO_SET)
    assert (audio.device, audio.compute_type, audio.speakers) == ("cpu", "int8", "off")
    assert (
        f"audio_processing = fast (Whisper small in int8 on cpu, no speakers: {TOKEN}; as asked)"
        in resolution.line
    )
    assert told[0].line == resolution.line, "announced before anything was fetched"
    assert models_of(settings, (AUDIO,)) == {AUDIO: {"file": "small", "sha256": "small"}}


def test_a_preset_that_was_named_ends_where_its_models_cannot_be_had(hub: FakeHub) -> None:
    hub.has = (AUDIO_SET,)
    with pytest.raises(
        WeightsMissing, match="'balanced' cannot run audio_processing: large-v3-turbo could not be fetched"
    ):
        fit({"preset": "balanced"}, hub)


def test_a_dry_run_fetches_nothing(hub: FakeHub) -> None:
    settings, _ = fit({"preset": "fast"}, hub, dry=True)
    assert (settings.audio.model, settings.audio.model_sha256, hub.asked) == ("small", None, [])


def test_where_models_are_does_not_change_what_is_heard_but_which_they_are_does(
    hub: FakeHub, tmp_path: Path
) -> None:
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


def test_a_model_of_ones_own_makes_auto_neural_and_is_heard_without_events_that_cannot_be_had(
    hub: FakeHub, tmp_path: Path
) -> None:
    mine = put(tmp_path, "mine")
    settings, resolution = fit({"audio.model": str(mine)}, hub)
    assert (settings.audio.model, settings.audio.events_model) == (str(mine), None)
    assert f"no sound events: {AUDIO_SET} is neither here nor can be fetched" in resolution.line
    assert "audio.model names a model" in resolution.line
    assert resolution.record == {}
    with pytest.raises(WeightsMissing):
        fit({"audio.model": str(mine), "preset": "fast"}, hub)


@pytest.mark.parametrize(
    "key", ["audio.model", "audio.events_model", "audio.align_model", "audio.speaker_model"]
)
def test_a_folder_that_is_not_there_is_told(hub: FakeHub, key: str) -> None:
    for name in ("small", AUDIO_SET):
        put(hub.cache, name)
    hub.has_token = True
    told = {
        "preset": "fast",
        "audio.speakers": "on" if key == "audio.speaker_model" else "off",
        key: "./gone",
    }
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
def test_speakers_that_were_asked_for_and_cannot_be_told_apart_are_refused_with_the_cure(
    hub: FakeHub, spelt: object
) -> None:
    put(hub.cache, "small")
    with pytest.raises(InvalidSetting, match=rf"{TOKEN}.*{SPEAKERS}"):
        fit({"preset": "fast", "audio.speakers": spelt}, hub)


def test_what_a_store_was_begun_with_goes_on_whatever_the_token(hub: FakeHub) -> None:
    for name in ("small", AUDIO_SET):
        put(hub.cache, name)
    hub.has_token, hub.has = True, (SPEAKERS,)
    begun = {sound.SPEAKERS_KEY: "off", f"runtime.{AUDIO}": "cpu"}.get
    machine = Machine(gpu=True, can_fetch=lambda pipeline: True, recorded={AUDIO: "fast"})
    settings, resolution = fit({}, hub, machine=machine, recorded=begun)
    assert (settings.audio.speakers, settings.audio.device) == ("off", "cpu")
    assert resolution.record == {
        f"preset.{AUDIO}": "fast",
        f"runtime.{AUDIO}": "cpu",
        sound.SPEAKERS_KEY: "off",
    }
    hub.has_token = False
    with pytest.raises(InvalidSetting, match=TOKEN):
        fit({}, hub, machine=machine, recorded={sound.SPEAKERS_KEY: "on"}.get)


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
    hub: FakeHub,
    monkeypatch: pytest.MonkeyPatch,
    gpu: bool,
    torch: str,
    told: dict[str, str],
    found: tuple[str, str],
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
def test_what_this_machine_or_preset_has_not_is_refused_not_left_out(
    hub: FakeHub, told: dict[str, str], says: str
) -> None:
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
    ("told", "fetched"),
    [({"audio.language": "xx"}, ["aligner"]), ({"audio.language": "xx", "audio.words": False}, []), ({}, [])],
)
def test_the_alignment_model_of_a_language_that_was_told_is_fetched_before_the_run(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, told: dict[str, object], fetched: list[str]
) -> None:
    monkeypatch.setattr("vaengine.model_selection.audio.usual_model", {"xx": "aligner"}.get)
    for name in ("small", AUDIO_SET):
        put(hub.cache, name)
    hub.has = ("aligner",)
    settings, _ = fit({"preset": "fast", **told}, hub)
    assert hub.asked == fetched
    assert settings.models.aligner == (str(hub.cache / "aligner") if fetched else None), (
        "workers load what the run has found"
    )
    assert settings.audio.align_model is None, "where a model is says nothing about what is heard"


@pytest.fixture
def spoken(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """All but an aligner is here; files of torchaudio's are held to no digest."""
    for name in ("small", AUDIO_SET):
        put(hub.cache, name)
    monkeypatch.setattr(
        sound.catalogue, "ALIGNERS", {name: replace(model, sha256=None) for name, model in ALIGNERS.items()}
    )
    return hub


def laid(folder: Path, name: str) -> Path:
    path = folder / FILES[name]
    path.write_text("weights")
    return path


@pytest.mark.parametrize(("language", "name"), [("en", ENGLISH), ("de", "VOXPOPULI_ASR_BASE_10K_DE")])
def test_an_aligner_of_torchaudios_that_is_here_is_bound_by_its_path_and_held_to_be_there(
    spoken: FakeHub, language: str, name: str
) -> None:
    path = laid(spoken.cache, name)
    settings, _ = fit({"preset": "fast", "audio.language": language}, spoken)
    assert (settings.models.aligner, spoken.asked) == (str(path), [])
    check_models(settings, (AUDIO,))
    path.unlink()
    with pytest.raises(
        ModelError, match=r"not there any more; put it back, or run the original command again: "
    ):
        check_models(settings, (AUDIO,))


@pytest.mark.parametrize("variable", ["VAENGINE_OFFLINE", "HF_HUB_OFFLINE"])
@pytest.mark.parametrize("told", [{"audio.language": "en"}, {"audio.align_model": ENGLISH}])
def test_without_its_aligner_a_run_that_may_not_fetch_is_refused_before_its_first_frame(
    spoken: FakeHub, told: dict[str, str], variable: str
) -> None:
    spoken.forbidden_by = variable
    machine = Machine(recorded={AUDIO: "fast"})
    with pytest.raises(FetchingForbidden, match=f"{ENGLISH} is not in .* and {variable} forbids fetching it"):
        fit(told, spoken, machine=machine)
    with pytest.raises(WeightsMissing, match=f"'fast' cannot run audio_processing: {ENGLISH} is not in"):
        fit({**told, "preset": "fast"}, spoken)


@pytest.mark.parametrize(
    ("told", "key"),
    [({"audio.language": "en"}, "models.aligner"), ({"audio.align_model": ENGLISH}, "audio.align_model")],
)
def test_an_aligner_of_torchaudios_is_fetched_by_our_own_hands_before_the_run(
    spoken: FakeHub, tmp_path: Path, told: dict[str, str], key: str
) -> None:
    fetched: list[str] = []

    def fetch(model: ModelFile, begun: object) -> Path:
        fetched.append(model.url)
        return laid(tmp_path, ENGLISH)

    settings, _ = fit({"preset": "fast", **told}, spoken, fetch=fetch)
    section, name = key.split(".")
    assert getattr(getattr(settings, section), name) == str(tmp_path / FILES[ENGLISH])
    assert fetched == [f"https://download.pytorch.org/torchaudio/models/{FILES[ENGLISH]}"]
    check_models(settings, (AUDIO,))


def test_an_english_aligner_with_other_content_is_refused(hub: FakeHub) -> None:
    for name in ("small", AUDIO_SET):
        put(hub.cache, name)
    laid(hub.cache, ENGLISH)
    with pytest.raises(WrongDigest):
        fit({"preset": "fast", "audio.language": "en"}, hub)


def test_an_aligner_may_be_named_by_its_file_which_has_to_be_one_of_torchaudios(
    spoken: FakeHub, tmp_path: Path
) -> None:
    path = laid(tmp_path, ENGLISH)
    assert fit({"preset": "fast", "audio.align_model": str(path)}, spoken)[0].audio.align_model == str(path)
    other = path.rename(tmp_path / "other.pth")
    with pytest.raises(ModelError, match="no alignment model of torchaudio's is in a file of this name"):
        fit({"preset": "fast", "audio.align_model": str(other)}, spoken)
