"""The doctor's single checks, with facts given to them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vaengine import doctor
from vaengine.doctor import GIB, Check
from vaengine.models.catalogue import needed
from vaengine.models.weights import Standing

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
        (doctor.onnx_check({}), "ok"),
        (doctor.onnx_check({"onnxruntime": "1.2", "onnxruntime-gpu": "1.2"}), "warn"),
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
        (doctor.store_check(Path("/o"), None, "ext4"), "ok"),
        (doctor.store_check(Path("/o"), None, "nfs4"), "warn"),
        (doctor.store_check(Path("/o"), "Permission denied", "ext4"), "fail"),
        (doctor.weights_check(None, []), "ok"),
        (doctor.weights_check(None, [Standing(FAST, None, "not here")]), "ok"),
        (doctor.weights_check(Path("/"), [Standing(FAST, Path("/m/yolo11n.pt"), "ok")]), "ok"),
        (doctor.weights_check(None, [Standing(FAST, Path("/m/yolo11n.pt"), "wrong digest", "why")]), "fail"),
        (doctor.weights_check(Path("/nowhere"), []), "fail"),
        (doctor.hub_check("mirror.example", True), "ok"),
        (doctor.hub_check("mirror.example", False), "warn"),
        (doctor.hub_check("mirror.example", False, offline=True), "ok"),
    ],
)
def test_a_check_is_ok_or_says_what_cures_it(check: Check, state: str) -> None:
    assert check.state == state
    assert bool(check.cure) == (state != "ok")
    assert "\n" not in str(check)


def test_the_presets_whose_weights_are_here_are_named() -> None:
    here = [Standing(FAST, Path("/m/yolo11n.pt"), "ok"), Standing(needed("balanced"), None, "not here")]
    assert doctor.weights_check(None, here).found.startswith("here for preset fast;")


def test_the_verdict_is_one_only_if_something_fails() -> None:
    assert doctor.verdict([Check("a", "ok", ""), Check("b", "warn", "", "c")]) == 0
    assert doctor.verdict([Check("a", "fail", "", "c")]) == 1


def test_compiled_files_are_counted_without_importing_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert doctor.write_fault(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_says_why() -> None:
    assert doctor.write_fault(Path("/proc")) is not None


def test_the_folder_of_results_need_not_exist_yet(tmp_path: Path) -> None:
    assert doctor.existing(tmp_path / "a" / "b") == tmp_path


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_an_unreachable_hub_is_a_warning(no_network: list[str], tmp_path: Path) -> None:
    checks = {check.name: check for check in doctor.examine(tmp_path, environment={})}
    assert checks["hub"].state == "warn"
    assert "github.com does not answer" in checks["hub"].found
    assert [attempt for attempt in no_network if "github.com" in attempt]
    assert checks["store"].state == "ok"
    assert list(doctor.events(list(checks.values())))[-1]["warn"] >= 1


def test_an_offline_machine_asks_nobody(no_network: list[str], tmp_path: Path) -> None:
    checks = {check.name: check for check in doctor.examine(tmp_path, environment={"VAENGINE_OFFLINE": "1"})}
    assert (checks["hub"].state, no_network) == ("ok", [])


def test_the_mirror_is_asked_in_place_of_the_hub(no_network: list[str], tmp_path: Path) -> None:
    checks = {check.name: check for check in doctor.examine(tmp_path, environment={"VAENGINE_MODELS_URL": "http://127.0.0.1:9/m"})}
    assert "127.0.0.1:9" in checks["hub"].found
    assert no_network == []
