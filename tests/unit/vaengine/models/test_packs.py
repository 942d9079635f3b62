"""Packs of face models: found where InsightFace keeps them, fetched as an archive, unpacked whole or not
at all.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from actors.faces.model_pack import pack_digest
from schemas.errors import DamagedWeights, FetchingForbidden, WrongDigest
from schemas.settings.models import ModelFile
from vaengine.models import http_downloader, packs
from vaengine.models.download import DownloadSource, obtain
from vaengine.models.weights import find, model_status

MEMBERS = {"det.onnx": b"detector" * 1000, "rec.onnx": b"recogniser" * 1000}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def archive(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return data.getvalue()


def model_of(data: bytes) -> ModelFile:
    members = {name: digest(content) for name, content in MEMBERS.items()}
    return ModelFile(
        "small.zip",
        "https://models.example/small.zip",
        digest(data),
        len(data),
        "research",
        "face",
        "",
        members,
    )


def put(folder: Path, files: dict[str, bytes] = MEMBERS) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What the network has, by address; no network is touched."""
    contents: dict[str, bytes] = {}

    def get(self: object, url: str, received: BinaryIO, _pooch: object) -> None:
        received.write(contents[url])

    monkeypatch.setattr(http_downloader.HTTPDownloader, "__call__", get)
    return contents


@pytest.mark.parametrize(
    "place", ["m/small", "m/models/small", "m/insightface/models/small", "home/.insightface/models/small"]
)
def test_a_pack_is_found_where_insightface_and_its_users_keep_it(tmp_path: Path, place: str) -> None:
    model = model_of(archive(MEMBERS))
    assert find(model, (tmp_path / "m",)) is None
    folder = put(tmp_path / place)
    assert find(model, (tmp_path / "m",)) == folder
    assert model_status(model, (tmp_path / "m",)).state == "ok"


def test_a_folder_without_models_is_no_pack(tmp_path: Path) -> None:
    put(tmp_path / "small", {"readme.txt": b"x"})
    assert packs.find("small", (tmp_path,)) is None


def test_the_digest_of_a_pack_is_known_before_it_is_here(tmp_path: Path) -> None:
    assert pack_digest(put(tmp_path / "small")) == model_of(archive(MEMBERS)).held_to


@pytest.mark.parametrize(
    ("files", "state"),
    [
        ({"det.onnx": MEMBERS["det.onnx"]}, "damaged"),
        ({**MEMBERS, "rec.onnx": b"another"}, "wrong digest"),
        ({**MEMBERS, "more.onnx": b"smuggled in"}, "wrong digest"),
        ({**MEMBERS, "notes.txt": b"of no account"}, "ok"),
    ],
)
def test_a_pack_has_the_models_it_should_have_and_no_others(
    tmp_path: Path, files: dict[str, bytes], state: str
) -> None:
    put(tmp_path / "small", files)
    assert model_status(model_of(archive(MEMBERS)), (tmp_path,)).state == state


@pytest.mark.parametrize("inside", ["", "small/", "a/b/", "../../"])
def test_an_archive_is_unpacked_into_the_first_folder_whatever_its_own_folders(
    tmp_path: Path, served: dict[str, bytes], inside: str
) -> None:
    data = archive(
        {f"{inside}{name}": content for name, content in MEMBERS.items()}
        | {f"{inside}evil.py": b"x", "/etc/passwd": b"x"}
    )
    model = model_of(data)
    served[model.url] = data
    folder = obtain(model, (tmp_path / "a", tmp_path / "b"), DownloadSource())
    assert folder == tmp_path / "a" / "small"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == MEMBERS
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and path.parent != folder] == [
        ".small.zip.lock"
    ]
    served.clear()
    assert obtain(model, (tmp_path / "a",), DownloadSource()) == folder, "fetched once"


def test_an_archive_put_there_by_hand_is_unpacked_without_asking_anybody(tmp_path: Path) -> None:
    data = archive(MEMBERS)
    (tmp_path / "small.zip").write_bytes(data)
    assert (
        obtain(model_of(data), (tmp_path,), DownloadSource(forbidden_by="VAENGINE_OFFLINE"))
        == tmp_path / "small"
    )
    assert not (tmp_path / "small.zip").exists()


def test_offline_a_pack_that_is_not_here_is_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(FetchingForbidden, match=r"small\.zip"):
        obtain(model_of(archive(MEMBERS)), (tmp_path / "a",), DownloadSource(forbidden_by="VAENGINE_OFFLINE"))
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"no archive at all", DamagedWeights),
        (archive({"det.onnx": MEMBERS["det.onnx"]}), DamagedWeights),
        (archive({**MEMBERS, "rec.onnx": b"another"}), WrongDigest),
    ],
)
def test_an_archive_with_other_content_leaves_no_pack_behind(
    tmp_path: Path, data: bytes, error: type[Exception]
) -> None:
    model = replace(model_of(data), sha256=None)
    (tmp_path / "small.zip").write_bytes(data)
    with pytest.raises(error):
        packs.unpacked(tmp_path / "small.zip", model, tmp_path / "small")
    assert [path.name for path in tmp_path.iterdir()] == ["small.zip"]
