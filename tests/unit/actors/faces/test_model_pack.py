"""A pack's models are told by what they take and give, and are the very ones that were settled on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from actors.faces.detector import TRAITS, face_detector
from actors.faces.model_pack import FacePack, pack_digest
from actors.faces.onnx_session import FaceNetwork
from schemas.errors import DamagedWeights, InvalidSetting, UnsuitablePack, WrongDigest
from schemas.settings.settings import FaceSettings, Settings
from tests.support.media.face_packs import describer, detector, scene


@pytest.fixture
def pack(tmp_path):
    """Every kind of model, under names that say nothing."""
    detector(tmp_path / "e.onnx")
    describer(tmp_path / "d.onnx", 112, 24)
    describer(tmp_path / "c.onnx", 96, 3)
    describer(tmp_path / "b.onnx", 192, 3309)
    describer(tmp_path / "a.onnx", 192, 212)  # the flat 106 points
    return tmp_path


def settings(folder, **face) -> Settings:
    return Settings(face=FaceSettings(detector="scrfd", pack=str(folder), **face))


def named(model) -> str:
    return Path(model.path).name


def test_models_are_told_by_their_inputs_and_outputs_not_by_their_names(pack):
    found = FacePack.of(pack, pack_digest(pack))
    assert [
        named(found.detection),
        named(found.recognition),
        named(found.gender_age),
        named(found.landmarks),
    ] == [
        "e.onnx",
        "d.onnx",
        "c.onnx",
        "b.onnx",
    ]


def test_of_two_models_for_one_part_the_first_by_name_counts(pack):
    describer(pack / "0.onnx", 112, 8)
    assert named(FacePack.of(pack, None).recognition) == "0.onnx"


def test_a_detector_alone_is_a_pack_whose_faces_have_neither_looks_nor_traits(tmp_path):
    detector(tmp_path / "det.onnx")
    (found,) = face_detector(settings(tmp_path)).detect([scene(640, 640, (320, 320, 32))])
    assert len(found) == 1
    assert found.keypoints.shape == (1, 5, 3)
    assert found.embeddings.shape == found.traits.shape == (1, 0)


def test_what_a_pack_has_no_model_for_is_not_a_number(tmp_path):
    detector(tmp_path / "det.onnx")
    describer(tmp_path / "age.onnx", 96, 3)
    (found,) = face_detector(settings(tmp_path)).detect([scene(640, 640, (320, 320, 32))])
    assert np.isnan(found.traits[0]).tolist() == [name in ("pitch", "yaw", "roll") for name in TRAITS]


def test_a_whole_pack_tells_everything_with_as_many_numbers_of_looks_as_its_model_has(pack):
    (found,) = face_detector(settings(pack)).detect([scene(640, 640, (320, 320, 32), (64, 128, 32))])
    assert found.embeddings.shape == (2, 24)
    assert found.embeddings.dtype == np.float32
    assert np.linalg.norm(found.embeddings, axis=1) == pytest.approx(1, abs=1e-6)
    assert np.isfinite(found.traits).all()
    assert set(found.traits[:, TRAITS.index("male")]) <= {0.0, 1.0}


def test_a_pack_without_a_detector_is_refused(tmp_path):
    describer(tmp_path / "w.onnx", 112, 8)
    with pytest.raises(UnsuitablePack, match="none of its models detects faces"):
        FacePack.of(tmp_path, None)


def test_a_detector_without_key_points_is_refused(tmp_path):
    detector(tmp_path / "det.onnx", points=False)
    with pytest.raises(UnsuitablePack, match="without the five key points"):
        FacePack.of(tmp_path, None)


def test_settings_without_a_pack_are_refused():
    with pytest.raises(UnsuitablePack, match="no pack has been settled on"):
        face_detector(Settings(face=FaceSettings(detector="scrfd")))


def test_a_folder_without_models_is_no_pack(tmp_path):
    (tmp_path / "readme.txt").write_text("nothing")
    for read in (pack_digest, lambda folder: FacePack.of(folder, None)):
        with pytest.raises(DamagedWeights, match=r"\.onnx"):
            read(tmp_path)


def test_a_file_that_is_no_model_is_damaged(pack):
    (pack / "f.onnx").write_bytes(b"\xff" * 100)
    with pytest.raises(DamagedWeights, match=r"f\.onnx"):
        FacePack.of(pack, None)


def test_a_pack_is_held_to_its_digest(pack):
    digest = pack_digest(pack)
    describer(pack / "c.onnx", 96, 3, seed=1)
    with pytest.raises(WrongDigest, match=digest):
        FacePack.of(pack, digest)


def test_the_digest_follows_names_and_contents_of_the_models_and_nothing_else(pack):
    first = pack_digest(pack)
    (pack / "license.txt").write_text("free")
    assert pack_digest(pack) == first
    (pack / "e.onnx").rename(pack / "f.onnx")
    renamed = pack_digest(pack)
    describer(pack / "c.onnx", 96, 3, seed=1)
    assert len({first, renamed, pack_digest(pack)}) == 3


@pytest.mark.parametrize("normalises", [True, False])
def test_mean_and_deviation_are_found_out_as_insightface_does(tmp_path, normalises):
    from insightface.model_zoo.arcface_onnx import ArcFaceONNX
    from insightface.model_zoo.attribute import Attribute

    detector(tmp_path / "det.onnx")
    recognition = describer(tmp_path / "rec.onnx", 112, 8, normalises=normalises)
    attributes = describer(tmp_path / "age.onnx", 96, 3, normalises=normalises)
    pack = FacePack.of(tmp_path, None)
    for mine, theirs, path in (
        (pack.recognition, ArcFaceONNX, recognition),
        (pack.gender_age, Attribute, attributes),
    ):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        expected = theirs(model_file=str(path), session=session)
        assert (mine.mean, mine.std) == (expected.input_mean, expected.input_std)


def test_a_model_takes_a_batch_that_was_exported_for_one_picture_and_keeps_pictures_apart(pack):
    network = FaceNetwork(FacePack.of(pack, None).detection, "cpu")
    pictures = [scene(96, 64, (8 * i, 16, 8)) for i in range(5)]
    whole = network.outputs(network.tensor(pictures))
    alone = [network.outputs(network.tensor([picture])) for picture in pictures]
    for number, one in enumerate(alone):
        for mine, theirs in zip(whole, one, strict=True):
            assert np.array_equal(mine.reshape(5, *theirs.shape)[number], theirs)
    assert network._keeps_pictures_apart()


def test_a_gpu_that_is_not_there_is_told_and_not_replaced(pack, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(InvalidSetting, match=r"face\.device"):
        face_detector(settings(pack, device="cuda"))
