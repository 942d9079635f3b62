"""The doctor's single checks, with facts given to them."""

from __future__ import annotations

import base64
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from vaengine.doctor import doctor, stores
from vaengine.doctor.doctor import GIB, Check
from vaengine.doctor.onnx_wheels import Wheel, onnx_check, wheels
from vaengine.models.catalogue import audio_models_of, needed
from vaengine.models.weights import ModelStatus
from vaengine.postgres.binaries import Binaries

PLAIN, GPU = Wheel("onnxruntime", "1.26.0"), Wheel("onnxruntime-gpu", "1.26.0")
FAST = needed("fast")


@pytest.mark.parametrize(
    ("check", "state"),
    [
        (doctor.python_check((3, 11, 7), "Linux-6"), "ok"),
        (doctor.python_check((3, 14, 0), "Linux-6"), "fail"),
        (doctor.python_check((3, 10, 9), "Linux-6"), "fail"),
        (doctor.python_check((3, 12, 1), "macOS-15"), "warn"),
        (doctor.package_check("ray", "2.60.0"), "ok"),
        (doctor.package_check("ray", None), "fail"),
        (doctor.opencv_check({"opencv-python": "4.12.0"}), "ok"),
        (doctor.opencv_check({"opencv-python": "4.12.0", "opencv-python-headless": "4.11.0"}), "warn"),
        (doctor.opencv_check({"opencv-python": "5.0.0"}), "fail"),
        (doctor.opencv_check({}), "fail"),
        (onnx_check([], gpu=False), "fail"),
        (onnx_check([PLAIN], gpu=False), "ok"),
        (onnx_check([PLAIN], gpu=True), "warn"),
        (onnx_check([replace(PLAIN, torn=("a.so",))], gpu=False), "fail"),
        (onnx_check([GPU], gpu=True), "ok"),
        (onnx_check([GPU], gpu=True, cuda_12=True), "ok"),
        (onnx_check([replace(GPU, version="1.27.0")], gpu=True, cuda_12=True), "warn"),
        (onnx_check([replace(GPU, version="1.27.0")], gpu=True, cuda_12=False), "ok"),
        (onnx_check([replace(PLAIN, torn=("a.so",)), GPU], gpu=True), "warn"),
        (onnx_check([replace(PLAIN, torn=("a.so",)), replace(GPU, torn=("b.so",))], gpu=True), "fail"),
        (doctor.bytecode_check(Path("/x/ray"), 60, 60), "ok"),
        (doctor.bytecode_check(Path("/x/ray"), 0, 60), "warn"),
        (doctor.bytecode_check(None, 0, 0), "warn"),
        (doctor.gpu_check([], "2.8.0"), "ok"),
        (doctor.gpu_check(["H200"], "2.8.0"), "ok"),
        (doctor.gpu_check(["H200"], "2.8.0+cpu"), "warn"),
        (doctor.shm_check(None), "ok"),
        (doctor.shm_check(64 * 1024**2), "warn"),
        (doctor.shm_check(8 * GIB), "ok"),
        (doctor.disk_check(Path("/o"), 100 * GIB), "ok"),
        (doctor.disk_check(Path("/o"), 2 * GIB), "warn"),
        (doctor.disk_check(Path("/o"), 1024), "fail"),
        (stores.folder_check(Path("/o"), "SQLite 3.40", "ext4"), "ok"),
        (stores.folder_check(Path("/o"), "files", "nfs4"), "warn"),
        (stores.access_check("a database", may_write=True), "ok"),
        (stores.access_check("a database", may_write=False), "warn"),
        (stores.programs_check(None), "ok"),
        (stores.programs_check(Binaries(Path("/usr/lib/postgresql/17/bin"), "17.2")), "ok"),
        (doctor.weights_check(None, []), "ok"),
        (doctor.weights_check(None, [ModelStatus(FAST, None, "not here")]), "ok"),
        (doctor.weights_check(Path("/"), [ModelStatus(FAST, Path("/m/yolo11n.pt"), "ok")]), "ok"),
        (
            doctor.weights_check(None, [ModelStatus(FAST, Path("/m/yolo11n.pt"), "wrong digest", "why")]),
            "fail",
        ),
        (doctor.weights_check(Path("/nowhere"), []), "fail"),
        (doctor.hub_check("mirror.example", True), "ok"),
        (doctor.hub_check("mirror.example", False), "warn"),
        (doctor.hub_check("mirror.example", False, forbidden_by="VAENGINE_OFFLINE"), "ok"),
        (doctor.sound_hub_check("hub.example", True), "ok"),
        (doctor.sound_hub_check("hub.example", False), "warn"),
        (doctor.sound_hub_check("hub.example", False, forbidden_by="VAENGINE_OFFLINE"), "ok"),
        (doctor.token_check(True), "ok"),
        (doctor.token_check(False), "ok"),
        (doctor.embedded_check("faces", "cv2", "no_such_file", Path("/")), "fail"),
        (doctor.embedded_check("faces", "cv2", "no_such_file", None), "fail"),
    ],
)
def test_a_check_is_ok_or_says_what_cures_it(check: Check, state: str) -> None:
    assert check.state == state
    assert bool(check.cure) == (state != "ok")
    assert "\n" not in str(check)


def test_the_presets_whose_weights_are_here_are_named() -> None:
    here = [ModelStatus(FAST, Path("/m/yolo11n.pt"), "ok"), ModelStatus(needed("balanced"), None, "not here")]
    assert doctor.weights_check(None, here).found.startswith(
        "here for presets of person: fast; face: none; audio: none;"
    )


def test_of_sound_a_preset_is_ready_only_with_all_its_models() -> None:
    whisper, events = audio_models_of("fast")
    here = [ModelStatus(whisper, Path("/h/small"), "first use"), ModelStatus(events, None, "not here")]
    assert "none are here" in doctor.weights_check(None, here).found
    both = [here[0], ModelStatus(events, Path("/h/ast"), "first use")]
    assert "audio: fast;" in doctor.weights_check(None, both).found


def test_the_cure_of_two_wheels_says_which_to_keep() -> None:
    torn = [replace(PLAIN, torn=("a.so",)), GPU]
    assert "the files are those of onnxruntime-gpu" in onnx_check(torn, gpu=True).found
    assert onnx_check(torn, gpu=True).cure.endswith('pip install "onnxruntime-gpu>=1.21,<1.27"')
    assert onnx_check(torn, gpu=False).cure.endswith("pip install onnxruntime")
    assert "faces run on the processor" in onnx_check([PLAIN], gpu=True).found


def fake_wheel(site: Path, name: str, version: str, listed: dict[str, bytes]) -> None:
    """A wheel's own list of what it brought, as pip leaves it."""
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [
        f"{file},sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()},{len(content)}"
        for file, content in listed.items()
    ]
    (info / "RECORD").write_text("\n".join(lines))


def test_files_that_another_wheel_wrote_over_are_found_without_importing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, about = "onnxruntime/capi/pybind11_state.so", "onnxruntime/capi/build_and_package_info.py"
    plain = {library: b"processor" * 9, about: b"name = 'onnxruntime'"}
    gpu = {library: b"processor and GPU" * 9, about: b"name = 'onnxruntime_gpu'[:-4]"}
    fake_wheel(tmp_path, "onnxruntime", "1.2.0", plain)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    for file, content in plain.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(content)
    assert wheels() == [Wheel("onnxruntime", "1.2.0")]
    fake_wheel(tmp_path, "onnxruntime-gpu", "1.2.0", gpu)
    (tmp_path / library).write_bytes(gpu[library])
    assert wheels() == [
        Wheel("onnxruntime", "1.2.0", ("pybind11_state.so",)),
        Wheel("onnxruntime-gpu", "1.2.0", (about[17:],)),
    ]
    (tmp_path / about).write_bytes(gpu[about])
    assert wheels()[1].torn == ()
    assert onnx_check(wheels(), gpu=True).state == "warn"


def test_the_wheel_that_is_installed_here_is_whole() -> None:
    assert [wheel.torn for wheel in wheels()] == [()]


@pytest.mark.parametrize("name", ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"])
def test_a_token_is_told_of_and_never_shown(no_network: list[str], tmp_path: Path, name: str) -> None:
    checks = list(doctor.examine(tmp_path, environment={"VAENGINE_OFFLINE": "1", name: "hf_verysecret"}))
    assert next(check for check in checks if check.name == "HF_TOKEN").found.startswith("set")
    assert "verysecret" not in "".join(map(str, checks))


def test_the_verdict_is_one_only_if_something_fails() -> None:
    assert doctor.verdict([Check("a", "ok", ""), Check("b", "warn", "", "c")]) == 0
    assert doctor.verdict([Check("a", "fail", "", "c")]) == 1


def test_compiled_files_are_counted_without_importing_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import compileall

    package = tmp_path / "looked_at"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "more.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert doctor.bytecode_of("looked_at") == (package, 0, 2)
    compileall.compile_dir(str(package), quiet=1)
    assert doctor.bytecode_of("looked_at") == (package, 2, 2)
    assert "looked_at" not in sys.modules


def test_trying_to_write_leaves_nothing_behind(tmp_path: Path) -> None:
    assert stores.write_fault(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_says_why() -> None:
    assert stores.write_fault(Path("/proc")) is not None


def test_the_folder_of_results_need_not_exist_yet(tmp_path: Path) -> None:
    assert stores.existing(tmp_path / "a" / "b") == tmp_path


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_an_unreachable_hub_is_a_warning(no_network: list[str], tmp_path: Path) -> None:
    checks = {check.name: check for check in doctor.examine(tmp_path, environment={})}
    assert checks["hub"].state == "warn"
    assert "github.com does not answer" in checks["hub"].found
    assert checks["sound hub"].state == "warn"
    assert all(
        [attempt for attempt in no_network if host in attempt] for host in ("github.com", "huggingface.co")
    )
    assert checks["store"].state == "ok"
    assert doctor.counts(list(checks.values()))["warn"] >= 1


def test_an_offline_machine_asks_nobody(no_network: list[str], tmp_path: Path) -> None:
    checks = {check.name: check for check in doctor.examine(tmp_path, environment={"VAENGINE_OFFLINE": "1"})}
    assert (checks["hub"].state, checks["sound hub"].state, no_network) == ("ok", "ok", [])
    assert (checks["faces"].state, checks["voice"].state) == ("ok", "ok")


def test_mirrors_are_asked_in_place_of_the_hubs(no_network: list[str], tmp_path: Path) -> None:
    mirrors = {"VAENGINE_MODELS_URL": "http://127.0.0.1:9/m", "HF_ENDPOINT": "http://127.0.0.1:9"}
    checks = {check.name: check for check in doctor.examine(tmp_path, environment=mirrors)}
    assert "127.0.0.1:9" in checks["hub"].found
    assert no_network == []
