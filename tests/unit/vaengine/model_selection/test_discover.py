"""This machine as it is read once: what is here, what could be fetched, what a store was begun with."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.pipelines import AUDIO, FACE, PERSON
from schemas.settings.layers import layer
from schemas.work.run import RunInfo
from vaengine.model_selection import discover
from vaengine.model_selection.discover import discover_environment
from vaengine.models.download import DownloadSource
from vaengine.models.huggingface import Hub

CHECKOUT = Path(__file__).parents[4]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Addresses that were asked, none of which answers."""
    found: list[str] = []

    def reachable(url: str, seconds: float) -> bool:
        found.append(url)
        return False

    monkeypatch.setattr(discover, "reachable", reachable)
    monkeypatch.delenv("VAENGINE_OFFLINE")
    discover._reachable_urls.cache_clear()
    yield found
    discover._reachable_urls.cache_clear()


def test_all_places_that_matter_are_asked_at_once_and_once(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    both, answer = threading.Barrier(2, timeout=20), discover.reachable
    monkeypatch.setattr(discover, "reachable", lambda url, seconds: both.wait() < 0 or answer(url, seconds))
    machine = discover_environment(layer("test", {}), None, fetch=False).machine
    assert [machine.can_fetch(pipeline) for pipeline in (PERSON, FACE, AUDIO)] == [False, False, False]
    assert sorted(asked) == [
        "https://github.com/ultralytics/assets/releases/download/v8.3.0/yolo11n.pt",
        "https://huggingface.co",
    ]


@pytest.mark.parametrize(
    ("pipeline", "host"), [(PERSON, "github.com"), (FACE, "github.com"), (AUDIO, "huggingface.co")]
)
def test_only_the_places_of_the_pipelines_asked_for_are_asked(
    asked: list[str], pipeline: str, host: str
) -> None:
    machine = discover_environment(layer("test", {}), None, fetch=False, pipelines=(pipeline,)).machine
    machine.can_fetch(pipeline)
    assert [host in url for url in asked] == [True]


def test_mirrors_are_asked_in_their_places_stead(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAENGINE_MODELS_URL", "http://127.0.0.1:9/m")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:8")
    discover_environment(layer("test", {}), None, fetch=False).machine.can_fetch(AUDIO)
    assert sorted(asked) == ["http://127.0.0.1:8", "http://127.0.0.1:9/m/yolo11n.pt"]


@pytest.mark.parametrize(("variable", "urls"), [("VAENGINE_OFFLINE", 0), ("HF_HUB_OFFLINE", 1)])
def test_offline_nobody_is_asked(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, variable: str, urls: int
) -> None:
    monkeypatch.setenv(variable, "1")
    machine = discover_environment(layer("test", {}), None, fetch=False).machine
    assert [machine.can_fetch(pipeline) for pipeline in (PERSON, FACE, AUDIO)] == [False, False, False]
    assert len(asked) == urls


@given(
    value=st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=6)
    | st.sampled_from(["0", "no", "OFF", "2", "Yes"])
)
@pytest.mark.parametrize("variable", ["VAENGINE_OFFLINE", "HF_HUB_OFFLINE"])
def test_every_value_of_either_variable_is_read_alike_by_all_who_fetch(variable: str, value: str) -> None:
    told = {variable: value}
    says_no = value.strip().lower() not in ("", "0", "false", "no", "off")
    assert Hub.of((), told).forbidden_by == (variable if says_no else None)
    assert DownloadSource.of(told).forbidden_by == (
        variable if says_no and variable == "VAENGINE_OFFLINE" else None
    )


@pytest.mark.parametrize("name", ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"])
def test_of_a_token_only_its_presence_is_kept(name: str) -> None:
    hub = Hub.of((), {name: "hf_secret"})
    assert hub.has_token
    assert "secret" not in repr(hub)
    assert not Hub.of((), {name: ""}).has_token


def test_what_a_store_was_begun_with_is_read_back_pipeline_by_pipeline(tmp_path: Path) -> None:
    from actors.stores import open_store

    url = f"files:{tmp_path}"
    kept = {
        f"preset.{FACE}": "fast",
        f"runtime.{FACE}": "cpu",
        f"preset.{AUDIO}": "embedded",
        f"speakers.{AUDIO}": "off",
        f"embedded.{AUDIO}": "voice",
    }
    store = open_store(url)
    epoch = store.open_run(RunInfo("batch", "here", 1, {}, ()))
    for key, value in kept.items():
        store.set_meta(epoch, key, value)
    store.close()
    shop = discover_environment(layer("test", {}), url, fetch=False)
    assert shop.machine.recorded == {FACE: "fast", AUDIO: "embedded"}
    assert shop.machine.begun == {AUDIO: "voice"}
    assert discover_environment(layer("test", {"preset": "embedded"}), url, fetch=False).machine.begun == {
        AUDIO: "voice"
    }
    assert [shop.recorded(key) for key in kept] == list(kept.values())
    assert discover_environment(layer("test", {"preset": "fast"}), url, fetch=False).machine.recorded == {}, (
        "a named preset asks no store"
    )


@pytest.mark.parametrize(
    "command", [["config", "show"], ["config", "init", "{}/batch.yaml"], ["doctor", "--out", "{}"]]
)
def test_settings_and_doctor_load_no_model_library(tmp_path: Path, command: list[str]) -> None:
    typed = [part.format(tmp_path) for part in command]
    program = (
        f"import sys; from vaengine.cli import app; code = app.outcome({typed})\n"
        "print(code, [name for name in ('ray', 'torch', 'cv2', 'onnxruntime', 'whisperx', 'transformers') if "
        "name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    assert done.stdout.splitlines()[-1].endswith("[]")
