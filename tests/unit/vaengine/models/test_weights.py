"""Where weights are, whether they are sound, and that nothing in them runs."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import shutil
import zipfile
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.model_files.files import digest_of, folders_of
from schemas.errors import DamagedWeights, UnsafePickle, UnsuitableWeights, WrongDigest
from schemas.settings.models import ModelFile
from vaengine.models.task import global_names, task_of
from vaengine.models.weights import (
    check,
    find,
    is_pickle,
    model_status,
    record,
    recorded,
    refuse_unknown_pickle,
)

CONTENT = b"weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def model(sha256: str | None = DIGEST) -> ModelFile:
    return ModelFile("tiny.pt", "https://models.example/tiny.pt", sha256, len(CONTENT), "MIT", "detect", "")


def put(folder: Path, content: bytes = CONTENT, name: str = "tiny.pt") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return path


def archive(path: Path, pickled: bytes, member: str = "tiny/data.pkl") -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(member, pickled)
    return path


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.witness}",)


def naming(class_name: str, protocol: int, before: object = None) -> bytes:
    """A pickle that names a class of ultralytics as one made by it would."""
    module = "ultralytics.nn.tasks"
    if protocol < 4:
        return b"\x80\x02" + f"c{module}\n{class_name}\n".encode() + b")\x81."
    words = [b"\x8c" + bytes([len(word)]) + word.encode() + b"\x94" for word in (module, class_name)]
    return b"\x80\x04" + words[0] + words[1] + b"\x93)\x81."


def test_the_named_folder_comes_before_the_variable_and_both_before_the_cache(tmp_path: Path) -> None:
    told = {"VAENGINE_MODELS": str(tmp_path / "told"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    cache = tmp_path / "cache" / "vaengine" / "models"
    assert folders_of(tmp_path / "named", told) == (tmp_path / "named", cache)
    assert folders_of(None, told) == (tmp_path / "told", cache)
    assert folders_of(None, {"XDG_CACHE_HOME": str(tmp_path / "cache")}) == (cache,)


@pytest.mark.parametrize("told", [{}, {"XDG_CACHE_HOME": ""}, {"XDG_CACHE_HOME": "relative"}])
def test_without_a_usable_variable_the_cache_is_below_the_home(told: dict[str, str]) -> None:
    assert folders_of(None, told) == (Path.home() / ".cache" / "vaengine" / "models",)


def test_a_file_is_found_in_the_first_folder_that_has_it(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert find(model(), (first, second)) is None
    path = put(second)
    assert find(model(), (first, second)) == path
    assert find(model(), (second, first)) == path
    better = put(first)
    assert find(model(), (first, second)) == better


def test_a_sound_file_gives_its_digest(tmp_path: Path) -> None:
    assert check(put(tmp_path), model()) == DIGEST


def test_a_wrong_file_is_named_with_both_digests(tmp_path: Path) -> None:
    with pytest.raises(WrongDigest) as caught:
        check(put(tmp_path), model("0" * 64))
    assert DIGEST in str(caught.value)
    assert "0" * 64 in str(caught.value)
    assert str(tmp_path / "tiny.pt") in str(caught.value)


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = put(tmp_path)
    assert digest_of(path) == DIGEST
    put(tmp_path, b"heights")
    os.utime(path, ns=(1, 1))
    assert digest_of(path) == hashlib.sha256(b"heights").hexdigest()


@pytest.mark.parametrize(
    ("content", "digest", "state"),
    [
        (CONTENT, DIGEST, "ok"),
        (CONTENT, None, "first use"),
        (CONTENT, "0" * 64, "wrong digest"),
        (b"", DIGEST, "damaged"),
    ],
)
def test_it_is_told_how_a_file_stands(tmp_path: Path, content: bytes, digest: str | None, state: str) -> None:
    found = model_status(model(digest), (tmp_path, put(tmp_path, content).parent))
    assert found.state == state
    assert found.usable == (state in ("ok", "first use"))
    assert bool(found.detail) != found.usable
    assert model_status(model(digest), (tmp_path / "empty",)).state == "not here"


def test_what_was_recorded_on_first_use_is_what_a_file_is_held_to(tmp_path: Path) -> None:
    put(tmp_path)
    record(tmp_path, model(None), DIGEST, "https://models.example/tiny.pt")
    assert model_status(model(None), (tmp_path,)).state == "first use"
    put(tmp_path, b"something else")
    assert model_status(model(None), (tmp_path,)).state == "wrong digest"


def test_records_of_many_at_once_are_all_kept(tmp_path: Path) -> None:
    def keep(number: int) -> None:
        entry = ModelFile(f"m{number}.pt", "https://x.example/m", None, 1, "MIT", "pose", "")
        record(tmp_path, entry, f"{number:064x}", entry.url)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(keep, range(24)))
    assert recorded(tmp_path) == {f"m{number}.pt": f"{number:064x}" for number in range(24)}


@pytest.mark.parametrize("text", ["{", "[]", '{"tiny.pt": 5}', '{"tiny.pt": {}}'])
def test_records_that_cannot_be_read_are_not_taken_for_none(tmp_path: Path, text: str) -> None:
    put(tmp_path)
    (tmp_path / "models.json").write_text(text)
    with pytest.raises(DamagedWeights, match=r"models\.json"):
        check(tmp_path / "tiny.pt", model(None))


def test_an_unknown_pickle_is_refused_with_its_digest_and_the_cure(tmp_path: Path) -> None:
    path = put(tmp_path)
    with pytest.raises(UnsafePickle) as caught:
        refuse_unknown_pickle(path)
    assert str(path) in str(caught.value)
    assert DIGEST in str(caught.value)
    assert "--set models.allow_pickle=true" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_known_pickle_is_accepted_under_any_name(tmp_path: Path) -> None:
    refuse_unknown_pickle(put(tmp_path, name="renamed.pt"), catalogue=[model()])
    refuse_unknown_pickle(put(tmp_path, name="mine.pth"), allow_pickle=True)


def test_a_folder_cannot_vouch_for_what_is_in_it(tmp_path: Path) -> None:
    path = put(tmp_path)
    record(tmp_path, model(None), DIGEST, "https://evil.example")
    with pytest.raises(UnsafePickle):
        refuse_unknown_pickle(path, catalogue=[model("0" * 64)])
    with pytest.raises(UnsafePickle):
        refuse_unknown_pickle(path, catalogue=[])
    refuse_unknown_pickle(path, catalogue=[model(None)])


@pytest.mark.parametrize(
    ("name", "pickled"),
    [
        ("a.pt", True),
        ("a.pth", True),
        ("a.PKL", True),
        ("a.engine", True),
        ("a", True),
        ("a.onnx", False),
        ("a.safetensors", False),
    ],
)
def test_only_formats_of_bare_numbers_are_no_pickles(tmp_path: Path, name: str, pickled: bool) -> None:
    path = put(tmp_path, name=name)
    assert is_pickle(path) == pickled
    if not pickled:
        refuse_unknown_pickle(path)


def openvino(folder: Path, task: str = "detect") -> Path:
    folder.mkdir(parents=True)
    (folder / "m.xml").write_text("<net/>")
    (folder / "m.bin").write_bytes(b"numbers")
    (folder / "metadata.yaml").write_text(f"task: {task}\n")
    return folder


def test_the_digest_of_a_folder_covers_names_and_contents_and_nothing_else(tmp_path: Path) -> None:
    one, other = openvino(tmp_path / "a" / "m_openvino_model"), openvino(tmp_path / "b" / "m_openvino_model")
    (other / ".DS_Store").write_text("of no consequence")
    assert digest_of(one) == digest_of(other)
    (other / "m.bin").write_bytes(b"others!")
    assert digest_of(one) != digest_of(other)
    (other / "m.bin").write_bytes(b"numbers")
    os.utime(other / "m.bin", ns=(1, 1))
    assert digest_of(one) == digest_of(other)
    (other / "m.bin").rename(other / "n.bin")
    assert digest_of(one) != digest_of(other)


def test_a_folder_without_its_numbers_is_damaged(tmp_path: Path) -> None:
    folder = openvino(tmp_path / "m_openvino_model")
    (folder / "m.bin").unlink()
    for look in (digest_of, task_of):
        with pytest.raises(DamagedWeights, match=r"one \.xml and one \.bin"):
            look(folder)


@pytest.mark.parametrize("task", ["detect", "pose"])
def test_an_openvino_folder_says_its_task(tmp_path: Path, task: str) -> None:
    assert task_of(openvino(tmp_path / "m_openvino_model", task)) == task


@pytest.mark.parametrize("metadata", ["task: segment\n", "names: [a]\n", "just text"])
def test_an_openvino_folder_for_something_else_is_of_no_use(tmp_path: Path, metadata: str) -> None:
    folder = openvino(tmp_path / "m_openvino_model")
    (folder / "metadata.yaml").write_text(metadata)
    with pytest.raises(UnsuitableWeights):
        task_of(folder)


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(("class_name", "task"), [("DetectionModel", "detect"), ("PoseModel", "pose")])
def test_the_task_is_read_from_the_names_in_the_pickle(
    tmp_path: Path, protocol: int, class_name: str, task: str
) -> None:
    assert task_of(archive(tmp_path / "m.pt", naming(class_name, protocol))) == task


@pytest.mark.parametrize(
    "pickled", [naming("SegmentationModel", 2), pickle.dumps({"PoseModel": "ultralytics.nn.tasks"})]
)
def test_a_pickle_of_something_else_is_of_no_use(tmp_path: Path, pickled: bytes) -> None:
    with pytest.raises(UnsuitableWeights, match=r"SegmentationModel|no model of ultralytics"):
        task_of(archive(tmp_path / "m.pt", pickled))


@pytest.mark.parametrize("protocol", range(6))
def test_a_malicious_pickle_does_not_fire(tmp_path: Path, protocol: int) -> None:
    witness = tmp_path / "fired"
    trap = pickle.dumps(Trap(witness), protocol)
    assert ("posix", "system") in set(global_names(trap))
    with pytest.raises(UnsuitableWeights):
        task_of(archive(tmp_path / "m.pt", trap))
    with pytest.raises(DamagedWeights):
        task_of(put(tmp_path, trap, "bare.pt"))
    for path in (tmp_path / "m.pt", tmp_path / "bare.pt"):
        with pytest.raises(UnsafePickle):
            refuse_unknown_pickle(path)
    assert not witness.exists()
    pickle.loads(trap)
    assert witness.exists()  # else the trap would prove nothing


@given(st.sampled_from([OrderedDict, Path, ModelFile, zipfile.ZipFile, hashlib.sha256]), st.integers(2, 5))
def test_the_names_found_are_those_that_unpickling_looks_up(thing: Any, protocol: int) -> None:
    looked_up = set()

    class Recording(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            looked_up.add((module, name))
            return super().find_class(module, name)

    pickled = pickle.dumps([thing, "text", thing, {"a": thing}], protocol)
    Recording(io.BytesIO(pickled)).load()
    assert set(global_names(pickled)) == looked_up


@given(
    st.sampled_from([naming("PoseModel", protocol) for protocol in (2, 4)]),
    st.binary(max_size=9),
    st.integers(0, 60),
)
def test_noise_is_a_value_error_and_nothing_worse(pickled: bytes, noise: bytes, at: int) -> None:
    with contextlib.suppress(ValueError):
        list(global_names(pickled[:at] + noise + pickled[at + len(noise) :]))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"not weights at all", "no whole archive"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS"),
        (b'{"message": "Not Found"}', "text"),
        (b"PK\x03\x04" + bytes(100), "no whole archive"),
    ],
)
def test_what_is_no_model_is_one_clear_line(tmp_path: Path, content: bytes, says: str) -> None:
    for suffix in (".pt", *([".onnx"] if says != "no whole archive" else [])):
        with pytest.raises(DamagedWeights, match=says) as caught:
            task_of(put(tmp_path, content, f"m{suffix}"))
        assert "\n" not in str(caught.value)


def test_an_archive_without_a_pickle_or_with_a_damaged_one_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(DamagedWeights, match=r"no data\.pkl"):
        task_of(archive(tmp_path / "m.pt", b"", "tiny/readme"))
    with pytest.raises(DamagedWeights):
        task_of(archive(tmp_path / "n.pt", b"\x80\x02cultralytics.nn.tasks\nPoseMod"))


def test_other_files_are_of_no_use_and_missing_ones_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnsuitableWeights, match=r"only \.pt, \.onnx"):
        task_of(put(tmp_path, name="m.safetensors"))
    with pytest.raises(DamagedWeights, match="No such file"):
        task_of(tmp_path / "missing.pt")
    with pytest.raises(DamagedWeights, match="No such file"):
        digest_of(tmp_path / "missing.pt")


def onnx_file(path: Path, task: str | None) -> Path:
    import onnx

    ports = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["x"], ["y"])], "g", ports[:1], ports[1:]
    )
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.helper.set_model_props(made, {"task": task} if task else {"author": "nobody"})
    onnx.save(made, str(path))
    return path


def test_an_onnx_file_says_its_task_or_is_of_no_use(tmp_path: Path) -> None:
    assert task_of(onnx_file(tmp_path / "m.onnx", "pose")) == "pose"
    with pytest.raises(UnsuitableWeights, match="does not say"):
        task_of(onnx_file(tmp_path / "n.onnx", None))
    with pytest.raises(DamagedWeights, match="no ONNX model"):
        task_of(put(tmp_path, b"\x08\x08 nothing", "o.onnx"))


@pytest.mark.shared
def test_real_weights_say_their_task(shared: Path) -> None:
    folder = shared / "models" / "yolo"
    assert task_of(folder / "yolo11n_dequantised.pt") == "detect"
    assert task_of(folder / "yolov8n-pose_dequantised.pt") == "pose"
    assert task_of(folder / "yolo11n_int8_openvino_model") == "detect"
    assert task_of(folder / "yolov8n-pose_int8_openvino_model") == "pose"


@pytest.mark.shared
def test_real_weights_that_were_cut_short_are_damaged(shared: Path, tmp_path: Path) -> None:
    whole = (shared / "models" / "yolo" / "yolo11n_dequantised.pt").read_bytes()
    with pytest.raises(DamagedWeights, match="no whole archive"):
        task_of(put(tmp_path, whole[: len(whole) // 2]))


@pytest.mark.shared
def test_a_real_pickle_that_is_not_in_the_catalogue_is_refused(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsafePickle):
        refuse_unknown_pickle(shared / "models" / "yolo" / "yolo11n_dequantised.pt")
    copy = shutil.copytree(
        shared / "models" / "yolo" / "yolo11n_int8_openvino_model", tmp_path / "renamed_openvino_model"
    )
    refuse_unknown_pickle(copy)
    assert digest_of(copy) == digest_of(shared / "models" / "yolo" / "yolo11n_int8_openvino_model")
