"""Portraits of people, and what is like a picture that is sent, over a store of described faces."""

from __future__ import annotations

import io
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

import vaengine
from actors.stores import open_store
from schemas.annotations.annotation import annotation_id
from schemas.inference.detections import Detections
from schemas.pipelines import FACE
from schemas.settings.settings import Settings
from schemas.storage.backend import Embeddings, Identity, Outcome
from schemas.work.job import JobStatus
from tests.support.stores.fake_rows import Rows
from tests.support.stores.fake_videos import RUN, Clip
from tests.support.stores.served import TOKEN, client_of, settings_of
from vaengine.api.questions import face_reference, similarity
from vaengine.server.media.sent_pictures import suffix_of_picture

CLIPS = (Clip("/clips/garden ü.mp4", "a"), Clip("/clips/talk.mp4", "b"))
MODEL = "buffalo@abababababab"
SCRFD = Settings.model_validate(
    {"face": {"detector": "scrfd", "pack": "/packs/buffalo", "pack_sha256": "ab" * 32}}
)
# Of the first and the second person of each clip; the first is the same in both.
VECTORS = (
    np.array([[1, 0, 0], [0, 1, 0]], np.float32),
    np.array([[0.8, 0, 0.6], [0, 0, 1]], np.float32),
)


def _faces(clip: Clip, vectors: np.ndarray) -> Outcome:
    """Two people with a face every two seconds."""
    rows, key = Rows(clip.video_id), clip.key(FACE)
    people = [rows.identity(f"face_{n}", 0, clip.frames) for n in ("0001", "0002")]
    seen = [rows.face(50 * at, f"face_{n}", x=200.0 * at) for n in ("0001", "0002") for at in range(2)]
    named = tuple(
        replace(row, annotation_id=annotation_id(clip.video_id, FACE, "c1", row.annotation_type, at, 0))
        for at, row in enumerate([*people, *seen])
    )
    found = Embeddings(tuple(row.annotation_id for row in named[:2]), vectors, MODEL)
    return Outcome(key, clip.job(key).job_id, JobStatus.COMPLETED, named, embeddings=found)


def _same_person(clip: Clip, number: int) -> Identity:
    return Identity(f"identity_000{number}", clip.video_id, f"face_000{number}", "c1", MODEL, 0.9, 0.0)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("likeness")
    url = f"sqlite:///{folder}/store.db"
    with closing(open_store(url)) as store:
        epoch = store.open_run(RUN)
        for clip, vectors in zip(CLIPS, VECTORS, strict=True):
            store.register(epoch, [clip.video], [clip.job(clip.key(FACE))])
            store.finish(epoch, _faces(clip, vectors))
        store.close_run(epoch, "done")
        first, second = CLIPS
        store.put_identities([_same_person(first, 1), _same_person(second, 1), _same_person(second, 2)])
    with pytest.MonkeyPatch.context() as patch, client_of(settings_of(url, folder)) as opened:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield opened


class _Detector:
    """Finds as many faces as the picture has hundreds of pixels; the first is like the first person's."""

    batch_size = 1

    def detect(self, pictures: list[np.ndarray]) -> list[Detections]:
        count = pictures[0].shape[1] // 100
        boxes = np.array([[100.0 * at, 10, 100 * at + 50, 70] for at in range(count)]).reshape(-1, 4)
        return [Detections(boxes, np.full(count, 0.9), embeddings=np.eye(count, 3, dtype=np.float32))]


@pytest.fixture
def _models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "face_settings", lambda *_: SCRFD)
    monkeypatch.setattr(face_reference, "face_detector", lambda _: _Detector())


def _picture(width: int, kind: str = "JPEG") -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (width, 100), "white").save(written, kind)
    return written.getvalue()


def _png_header(width: int, height: int) -> bytes:
    """The beginning of a PNG of 1 bit a pixel."""
    return b"\x89PNG\r\n\x1a\n" + _png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png_bomb(width: int, height: int) -> bytes:
    """A whole PNG of one colour, small in bytes."""
    packer, row = zlib.compressobj(), bytes(1 + -(-width // 8))
    packed = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    return _png_header(width, height) + _png_chunk(b"IDAT", packed) + _png_chunk(b"IEND", b"")


def _what(answer: object) -> str:
    return str(answer.json()["error"]["what"])  # type: ignore[attr-defined]


def test_portraits_of_a_label_are_places_in_its_video(client: TestClient) -> None:
    target = f"{CLIPS[0].video_id}:face_0001"
    sheet = client.get("/api/portraits", params={"target": target}).json()
    assert [(one["frame_number"], one["time_s"], one["label"]) for one in sheet["portraits"]] == [
        (0, 0.0, "face_0001"),
        (50, 2.0, "face_0001"),
    ]
    assert sheet["portraits"][1]["xyxy"] == [200.0, 20.0, 240.0, 70.0]
    assert len(client.get("/api/portraits", params={"target": target, "limit": 1}).json()["portraits"]) == 1


def test_identities_without_a_name_are_shown_until_they_have_one(client: TestClient) -> None:
    first, second = client.get("/api/portraits/unnamed").json()
    assert (first["target"], first["about"]) == ("identity_0001", "in 2 videos")
    assert {one["video_id"] for one in first["portraits"]} == {clip.video_id for clip in CLIPS}
    assert second["target"] == "identity_0002"
    assert len(client.get("/api/portraits/unnamed?most=1").json()) == 1

    edit = {"action": "name", "target": "identity_0002", "name": "Änne"}
    assert client.post("/api/people/edits", json=edit).status_code == 200
    assert [one["target"] for one in client.get("/api/portraits/unnamed").json()] == ["identity_0001"]
    assert client.get("/api/portraits", params={"target": "Änne"}).json()["target"] == "Änne"
    client.post("/api/people/edits", json={"action": "undo"})
    assert len(client.get("/api/portraits/unnamed").json()) == 2


@pytest.mark.parametrize("target", ["nobody", "identity_0099", "unknown-00000000:face_0001"])
def test_portraits_of_what_is_unknown_are_not_found(client: TestClient, target: str) -> None:
    assert client.get("/api/portraits", params={"target": target}).status_code == 404


@pytest.mark.usefixtures("_models")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_finds_the_people_who_are_most_like_its_face(client: TestClient, kind: str) -> None:
    answer = client.post("/api/similar/picture", content=_picture(100, kind), params={"count": 2})
    assert answer.status_code == 200, answer.text
    assert [(one["video_id"], round(one["score"], 3)) for one in answer.json()] == [
        (CLIPS[0].video_id, 1.0),
        (CLIPS[1].video_id, 0.8),
    ]


@pytest.mark.usefixtures("_models")
def test_the_python_client_sends_a_picture(client: TestClient, tmp_path: Path) -> None:
    path = tmp_path / "ällike.png"
    path.write_bytes(_picture(100, "PNG"))
    with vaengine.Client("http://127.0.0.1", token=TOKEN, transport=client._transport) as server:
        [best] = server.similar_to_picture(path, count=1)
    assert (best["video_id"], round(best["score"], 3)) == (CLIPS[0].video_id, 1.0)


@pytest.mark.usefixtures("_models")
def test_of_several_faces_one_is_chosen_by_its_number(client: TestClient) -> None:
    answer = client.post("/api/similar/picture", content=_picture(200))
    assert (answer.status_code, "2 faces" in _what(answer)) == (400, True)
    [best] = client.post("/api/similar/picture", content=_picture(200), params={"face": 2, "count": 1}).json()
    assert (best["video_id"], round(best["score"], 3)) == (CLIPS[0].video_id, 1.0)


@pytest.mark.parametrize(
    ("width", "height"), [(30_000, 30_000), (10_000, 5_001), (2**31 - 1, 2**31 - 1), (50_000_001, 1)]
)
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, width: int, height: int
) -> None:
    def decoded(_: object) -> None:
        raise AssertionError("nobody decodes it")

    monkeypatch.setattr(face_reference, "read_picture", decoded)
    bomb = (
        _png_bomb(width, height) if width == 30_000 else _png_header(width, height) + _png_chunk(b"IDAT", b"")
    )
    assert len(bomb) < 500_000
    answer = client.post("/api/similar/picture", content=bomb)
    assert answer.status_code == 413, answer.text
    error = answer.json()["error"]
    assert (error["what"], error["cure"]) == ("the picture has more than 50 megapixels", "send a smaller one")


@pytest.mark.usefixtures("_models")
def test_a_broken_picture_is_refused_where_pil_looks_for_a_library_that_is_missing(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened_by_ultralytics(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'pi_heif'")

    monkeypatch.setattr(Image, "open", opened_by_ultralytics)
    answer = client.post("/api/similar/picture", content=_picture(100, "PNG")[:40])
    assert (answer.status_code, "is broken" in _what(answer)) == (400, True)


def test_a_picture_of_as_many_pixels_as_are_taken_is_looked_at() -> None:
    allowed = _png_header(10_000, 5_000) + _png_chunk(b"IDAT", b"")
    assert suffix_of_picture(allowed) == ".png"


@pytest.mark.usefixtures("_models")
@pytest.mark.parametrize(
    "broken",
    [
        _picture(100, "PNG")[:40],
        _picture(100, "JPEG")[:40],
        _picture(100, "WEBP")[:20],
        b"RIFF\x24\0\0\0WAVEfmt ",
        _png_header(100, 100) + _png_chunk(b"IDAT", b"no deflate stream"),
        b"\xff\xd8\xff" + bytes(range(256)) * 4,
        b"GIF89a",
        b"",
    ],
)
def test_a_broken_picture_is_refused_in_one_line_that_names_no_file(
    client: TestClient, broken: bytes
) -> None:
    answer = client.post("/api/similar/picture", content=broken)
    assert answer.status_code in (400, 422), answer.text
    assert len(_what(answer).splitlines()) == 1
    assert tempfile.gettempdir() not in answer.text
