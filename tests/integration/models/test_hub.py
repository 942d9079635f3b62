"""Models of sound are fetched by the hub's own library from a hub on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.model_files import torchaudio
from actors.model_files.huggingface import PLDA_OWNER, cache, fetched, is_whole, local_model
from schemas.errors import DamagedWeights, DownloadFailed, FetchingForbidden, ModelError, NoRoomForModel
from schemas.settings.models import Hearing
from tests.support.servers.fake_huggingface import LocalHub, serving

WHISPER = ("config.json", "model.bin", "tokenizer.json", "vocabulary.json", "preprocessor_config.json")
ALIGN = ("config.json", "preprocessor_config.json", "vocab.json", "tokenizer_config.json")


def model(folder: Path, *files: str) -> Path:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(f"content of {file}")
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: list[str]) -> Iterator[LocalHub]:
    """A hub with nothing in it, and this process asking it and nobody else, as a user's would with
    HF_ENDPOINT.
    """
    monkeypatch.delenv("VAENGINE_OFFLINE")
    for name in ("HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with serving(LocalHub()) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        yield hub
    assert no_network == []


def test_a_whisper_model_is_fetched_once_by_its_short_name_and_only_what_is_loaded_of_it(
    hub: LocalHub, tmp_path: Path
) -> None:
    hub.folders["Systran/faster-whisper-small"] = model(
        tmp_path / "small", *WHISPER, "README.md", "onnx/model.onnx"
    )
    assert local_model("small", kind="whisper") is None
    folder = fetched("small", kind="whisper")
    assert sorted(path.name for path in folder.iterdir()) == sorted(WHISPER)
    assert (folder / "model.bin").read_text() == "content of model.bin"
    assert folder.is_relative_to(tmp_path / "home")
    hub.requests.clear()
    assert (
        fetched("small", kind="whisper", forbidden="VAENGINE_OFFLINE")
        == local_model("small", kind="whisper")
        == folder
    )
    assert hub.requests == []


def test_safe_weights_are_fetched_rather_than_pickles(hub: LocalHub, tmp_path: Path) -> None:
    hub.folders["a/both"] = model(
        tmp_path / "both", *ALIGN, "model.safetensors", "pytorch_model.bin", "language_model/5gram.bin"
    )
    hub.folders["a/pickle"] = model(tmp_path / "pickle", *ALIGN, "pytorch_model.bin", "flax_model.msgpack")
    both, pickle = (fetched(name, kind="align") for name in ("a/both", "a/pickle"))
    assert {path.name for path in both.iterdir()} == {*ALIGN, "model.safetensors"}
    assert {path.name for path in pickle.iterdir()} == {*ALIGN, "pytorch_model.bin"}


def test_a_pipeline_of_speakers_brings_its_parts_along_and_needs_a_token(
    hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = model(tmp_path / "pipeline", "config.yaml")
    (pipeline / "config.yaml").write_text(
        "pipeline: {name: x, params: {segmentation: p/segmentation, embedding: p/voice@v2}}"
    )
    hub.folders = {
        "p/speakers": pipeline,
        **{
            name: model(tmp_path / name, "pytorch_model.bin", "config.yaml", "notes.md")
            for name in ("p/segmentation", "p/voice")
        },
        PLDA_OWNER: model(
            tmp_path / "community", "config.yaml", "plda/plda.npz", "embedding/pytorch_model.bin"
        ),
    }
    hub.gated = {"p/speakers", "p/segmentation"}
    with pytest.raises(DownloadFailed, match="its terms have to be accepted there, and HF_TOKEN set"):
        fetched("p/speakers", kind="speakers")
    monkeypatch.setenv("HF_TOKEN", hub.token)
    folder = fetched("p/speakers", kind="speakers")
    assert local_model("p/speakers", kind="speakers") == folder
    fetched_files = {path.name for path in cache().rglob("snapshots/*/**/*") if path.is_file()}
    assert fetched_files == {"config.yaml", "pytorch_model.bin", "plda.npz"}
    assert (cache() / "models--p--voice").is_dir()


def test_a_pipeline_that_holds_its_own_parts_is_whole_with_them_alone(tmp_path: Path) -> None:
    folder = model(tmp_path, "config.yaml", "segmentation/pytorch_model.bin")
    (folder / "config.yaml").write_text(
        "pipeline: {params: {segmentation: $model/segmentation, embedding: $model/embedding, plda: "
        "$model/segmentation}}"
    )
    assert not is_whole(folder, "speakers")
    model(folder, "embedding/pytorch_model.bin")
    assert is_whole(folder, "speakers")
    (folder / "config.yaml").write_text("[")
    with pytest.raises(DamagedWeights, match="it names no pipeline"):
        is_whole(folder, "speakers")


def test_a_token_is_in_no_message(hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.folders["p/speakers"], hub.gated = model(tmp_path / "p", "config.yaml"), {"p/speakers"}
    monkeypatch.setenv("HF_TOKEN", "hf_a_wrong_one")
    with pytest.raises(DownloadFailed) as failed:
        fetched("p/speakers", kind="speakers")
    assert "hf_a_wrong_one" not in f"{failed.value} {failed.value.__cause__}"


def test_what_the_hub_is_told_of_us_is_not_for_counting(hub: LocalHub, tmp_path: Path) -> None:
    hub.folders["Systran/faster-whisper-tiny"] = model(tmp_path / "tiny", *WHISPER)
    fetched("tiny", kind="whisper")
    assert hub.agents
    assert not [agent for agent in hub.agents if "torch/" in agent]


@pytest.mark.parametrize(
    ("name", "kind", "cause"),
    [
        ("a/nothing", "align", "no such model, or none that is shown without a token"),
        ("not//a name", "align", "no such model"),
        ("nosuchsize", "whisper", "no such model"),
        ("a/other", "events", "what is there is no model for events"),
    ],
)
def test_what_cannot_be_had_is_told_in_one_line(
    hub: LocalHub, tmp_path: Path, name: str, kind: Hearing, cause: str
) -> None:
    hub.folders["a/other"] = model(tmp_path / "other", "README.md", "config.json")
    with pytest.raises(DownloadFailed, match=cause) as failed:
        fetched(name, kind=kind)
    assert "\n" not in str(failed.value)
    assert hub.address in str(failed.value)


def test_fetching_that_broke_off_is_told_and_goes_on_the_next_time(hub: LocalHub, tmp_path: Path) -> None:
    hub.folders["Systran/faster-whisper-base"] = model(tmp_path / "base", *WHISPER)
    hub.breaks_off.add("model.bin")
    with pytest.raises(DownloadFailed, match="base could not be fetched"):
        fetched("base", kind="whisper")
    assert local_model("base", kind="whisper") is None
    hub.breaks_off.clear()
    assert is_whole(fetched("base", kind="whisper"), "whisper")


def test_a_hub_that_does_not_answer_is_told(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(
        DownloadFailed, match=r"could not be fetched from http://127\.0\.0\.1:9/Systran/faster-whisper-small"
    ):
        fetched("small", kind="whisper")


def test_a_full_disk_is_told(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("actors.model_files.huggingface.local_model", lambda *_, **__: None)
    monkeypatch.setattr("actors.model_files.huggingface._snapshot", full)
    with pytest.raises(NoRoomForModel, match=r"No space left on device"):
        fetched("small", kind="whisper")


@pytest.mark.parametrize("variable", ["VAENGINE_OFFLINE", "HF_HUB_OFFLINE", None])
def test_without_leave_the_network_is_not_asked(
    hub: LocalHub, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    if variable:
        monkeypatch.setenv(variable, "1")
    asked: tuple[tuple[str, Hearing, Path], ...] = (
        ("small", "whisper", cache()),
        ("WAV2VEC2_ASR_BASE_960H", "align", torchaudio.cache()),
    )
    for name, kind, place in asked:
        with pytest.raises(
            FetchingForbidden,
            match=f"{name} is not in .*{place}, and {variable or 'the caller'} forbids fetching it",
        ):
            fetched(name, kind=kind, forbidden=None if variable else "the caller")
    assert hub.requests == []


@pytest.mark.parametrize("place", ["small", "faster-whisper-small", "Systran/faster-whisper-small"])
def test_folders_of_the_users_come_first(hub: LocalHub, tmp_path: Path, place: str) -> None:
    whole = model(tmp_path / "own" / place, *WHISPER)
    broken = tmp_path / "broken"
    model(broken / place, "config.json")
    assert fetched("small", kind="whisper", folders=(broken, tmp_path / "own")) == whole
    assert fetched(str(whole), kind="whisper") == whole
    assert hub.requests == []


def test_models_of_torchaudio_are_found_where_torch_keeps_them(hub: LocalHub, tmp_path: Path) -> None:
    assert local_model("WAV2VEC2_ASR_BASE_960H", kind="align") is None
    kept = tmp_path / "torch" / "hub" / "checkpoints" / "wav2vec2_fairseq_base_ls960_asr_ls960.pth"
    model(kept.parent, kept.name)
    assert fetched("WAV2VEC2_ASR_BASE_960H", kind="align") == kept
    own = tmp_path / "own" / kept.name
    model(own.parent, own.name)
    assert fetched("WAV2VEC2_ASR_BASE_960H", kind="align", folders=[own.parent]) == own, (
        "a folder of the user's comes first"
    )
    assert fetched(str(own), kind="align") == own
    with pytest.raises(ModelError, match="torchaudio has no alignment model of this name"):
        fetched("WAV2VEC2_OF_NOBODY", kind="align")
    with pytest.raises(ModelError, match="torchaudio has no alignment model of this name"):
        fetched("WAV2VEC2_BASE", kind="align")  # it tells no letters
    with pytest.raises(DamagedWeights, match="at the same place on every machine"):
        fetched(str(tmp_path / "gone.pth"), kind="align")
    with pytest.raises(ModelError, match="called OWNER/NAME"):
        fetched("nobody", kind="align")
