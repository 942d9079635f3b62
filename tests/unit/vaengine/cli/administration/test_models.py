"""`vaengine models`: what it prints and how it exits, with two small files in the catalogue's place and a
server on loopback.
"""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import FetchingForbidden
from schemas.settings.models import HubModel, ModelFile
from vaengine.cli import app
from vaengine.model_selection.select import select_models  # noqa: F401  (it reads the catalogue when imported: before a test replaces that)
from vaengine.models import catalogue
from vaengine.models.huggingface import Hub

CONTENTS = {
    "small.pt": b"small" * 100,
    "small-pose.pt": b"poses" * 100,
    "large.pt": b"large" * 1000,
    "large-pose.pt": b"more" * 1000,
}
PRESETS = {
    "fast": {"detect": "small.pt", "pose": "small-pose.pt"},
    "balanced": {"detect": "large.pt", "pose": "large-pose.pt"},
    "high-quality": {"detect": "large.pt", "pose": "large-pose.pt"},
}


SOUND = {preset: {"whisper": "tiny"} if preset == "fast" else {} for preset in PRESETS}
FETCHED: dict[str, Path] = {}


def obtain(hub: Hub, name: str, task: str) -> Path:
    """A stand-in for the hub of models of sound."""
    if hub.forbidden_by:
        raise FetchingForbidden(name, "the hub's cache", hub.forbidden_by)
    return FETCHED.setdefault(name, Path("/hub") / name)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing on standard error."""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that the stand-in server serves; the mirror is set to it, the user's cache is a folder
    of the test.
    """
    served = tmp_path / "served"
    served.mkdir()
    for name, content in CONTENTS.items():
        (served / name).write_bytes(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(served)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("VAENGINE_MODELS_URL", f"http://127.0.0.1:{server.server_port}")
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _small_catalogue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(
        catalogue, "MODELS", {name: model(name, content) for name, content in CONTENTS.items()}
    )
    monkeypatch.setattr(catalogue, "ALIGNERS", {})
    monkeypatch.setattr(catalogue, "PRESET_FILES", PRESETS)
    monkeypatch.setattr(catalogue, "PRESET_SOUND", SOUND)
    monkeypatch.setattr(
        catalogue, "HUB_MODELS", {"tiny": HubModel("tiny", "whisper", 75_000_000, "MIT", "Whisper tiny")}
    )
    monkeypatch.setattr(Hub, "find", lambda hub, name, task: FETCHED.get(name))
    monkeypatch.setattr(Hub, "obtain", obtain)
    FETCHED.clear()
    monkeypatch.delenv("VAENGINE_OFFLINE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def model(name: str, content: bytes) -> ModelFile:
    task = "pose" if "pose" in name else "detect"
    digest = hashlib.sha256(content).hexdigest()
    return ModelFile(name, f"https://models.example/{name}", digest, len(content), "AGPL-3.0", task, name)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "vaengine" / "models"


@pytest.fixture
def events(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_list_says_what_each_preset_needs_and_that_it_is_not_here(
    capsys: pytest.CaptureFixture[str], cache: Path
) -> None:
    assert app.outcome(["models", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in lines if "AGPL" in line]
    assert [row[:5] for row in rows[:2]] == [
        ["not", "here", "small.pt", "fast", "500"],
        ["not", "here", "small-pose.pt", "fast", "with"],
    ]
    assert "balanced, high-quality" in next(line for line in lines if "large.pt" in line)
    assert f"looked for in {cache}" in lines[-1]


def test_pull_fetches_what_preset_fast_needs(
    hub: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.outcome(["models", "pull"]) == 0
    assert [path.name for path in cache.glob("[!.]*")] == ["small.pt"]
    out, err = capsys.readouterr()
    assert out == f"fetched  small.pt  {cache / 'small.pt'}\nfetched  tiny  /hub/tiny\n"
    assert err == "fetching small.pt, 500 B\nfetching tiny, about 71.5 MiB\n"


@pytest.mark.parametrize(
    ("pipelines", "fetched"), [("person", ["small.pt"]), ("audio", ["tiny"]), ("scene,face", [])]
)
def test_only_what_some_pipelines_need_can_be_fetched(
    hub: Path, events: Callable[[], list[dict[str, Any]]], pipelines: str, fetched: list[str]
) -> None:
    assert app.outcome(["models", "pull", "--pipelines", pipelines, "--json"]) == 0
    assert [event["file"] for event in events()[:-1]] == fetched


def test_on_a_terminal_a_bar_is_drawn_on_standard_error_and_taken_away(
    hub: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert app.outcome(["models", "pull", "--pipelines", "person"]) == 0
    out, err = capsys.readouterr()
    assert out == f"fetched  small.pt  {cache / 'small.pt'}\n"
    assert "500/500 bytes" in err
    assert err.endswith("\x1b[2K")


def test_what_is_here_is_not_fetched_again(
    hub: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app.outcome(["models", "pull"])
    (hub / "small.pt").unlink()
    assert app.outcome(["models", "pull", "fast", "small.pt"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        f"here     small.pt  {cache / 'small.pt'}",
        "here     tiny  /hub/tiny",
    ]


def test_everything_goes_to_the_folder_that_is_named(
    hub: Path, tmp_path: Path, events: Callable[[], list[dict[str, Any]]]
) -> None:
    assert app.outcome(["models", "pull", "--all", "--models", str(tmp_path / "m"), "--json"]) == 0
    told = events()
    assert [event["outcome"] for event in told[:-1]] == ["fetched"] * 5
    assert {path.name: path.read_bytes() for path in (tmp_path / "m").glob("[!.]*")} == CONTENTS
    assert told[-1] | {"time": ""} == {
        "event": "report",
        "time": "",
        "completed": 5,
        "skipped": 0,
        "failed": 0,
    }


def test_one_that_fails_does_not_keep_the_others_back(
    hub: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (hub / "small.pt").unlink()
    assert app.outcome(["models", "pull", "fast", "balanced"]) == 1
    out, err = capsys.readouterr()
    assert "fetched  large.pt" in out
    assert "error: small.pt could not be fetched from http://127.0.0.1" in err
    assert "HTTP 404" in err
    assert [path.name for path in cache.glob("*.pt")] == ["large.pt"]


def test_an_unknown_name_is_wrong_use_and_fetches_nothing(
    hub: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.outcome(["models", "pull", "fast", "smal.pt"]) == 2
    assert "did you mean 'small.pt'" in capsys.readouterr().err
    assert not cache.exists()


def test_offline_nothing_is_fetched(
    hub: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAENGINE_OFFLINE", "1")
    assert app.outcome(["models", "pull"]) == 1
    assert "VAENGINE_OFFLINE forbids" in capsys.readouterr().err
    assert not cache.exists()


def test_the_variable_names_a_folder_like_the_option(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAENGINE_MODELS", str(tmp_path / "told"))
    assert app.outcome(["models", "pull"]) == 0
    assert (tmp_path / "told" / "small.pt").exists()


def test_check_finds_what_is_wrong_in_any_folder(
    hub: Path,
    tmp_path: Path,
    cache: Path,
    capsys: pytest.CaptureFixture[str],
    events: Callable[[], list[dict[str, Any]]],
) -> None:
    folder = tmp_path / "m"
    app.outcome(["models", "pull", "--models", str(folder)])
    app.outcome(["models", "pull", "fast", "balanced"])
    assert app.outcome(["models", "check", "--models", str(folder)]) == 0
    (cache / "small.pt").write_bytes(b"tampered")
    (cache / "large.pt").write_bytes(b"")
    capsys.readouterr()
    assert app.outcome(["models", "check", "--models", str(folder), "--json"]) == 1
    told = events()
    assert [(event["file"], event["state"]) for event in told[:-1]] == [
        ("small.pt", "ok"),
        ("small.pt", "wrong digest"),
        ("large.pt", "damaged"),
    ]
    assert (told[-1]["ok"], told[-1]["wrong_digest"], told[-1]["damaged"]) == (1, 1, 1)


def test_check_says_what_is_wrong_on_standard_error(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache.mkdir(parents=True)
    (cache / "small.pt").write_bytes(b"tampered")
    assert app.outcome(["models", "check"]) == 1
    assert (
        f"error: {cache / 'small.pt'} has sha256 {hashlib.sha256(b'tampered').hexdigest()}"
        in capsys.readouterr().err
    )


def test_with_nothing_here_there_is_nothing_wrong(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.outcome(["models", "check"]) == 0
    assert capsys.readouterr().out == f"no file of the catalogue is in {cache}\n"


def test_a_file_without_a_published_digest_is_listed_as_trusted_on_first_use(
    cache: Path, monkeypatch: pytest.MonkeyPatch, events: Callable[[], list[dict[str, Any]]]
) -> None:
    cache.mkdir(parents=True)
    (cache / "new.pt").write_bytes(b"new")
    entry = ModelFile("new.pt", "https://models.example/new.pt", None, 3, "MIT", "detect", "")
    monkeypatch.setattr(catalogue, "MODELS", {"new.pt": entry})
    assert app.outcome(["models", "list", "--json"]) == 0
    assert [event.get("state") for event in events()] == ["first use", "not here", None]


def test_listing_loads_neither_ray_nor_a_model_library(tmp_path: Path) -> None:
    import subprocess
    import sys

    program = (
        "import sys; from vaengine.cli.administration.models import models_app\n"
        "models_app(['list'], standalone_mode=False)\n"
        "print([name for name in ('ray', 'torch', 'cv2', 'av', 'ultralytics', 'onnxruntime', 'pandas') if "
        "name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[5],
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "yolo11x-pose.pt" in done.stdout
    assert "non-commercial research" in done.stdout
    assert "CC-BY-4.0, HF_TOKEN" in done.stdout


def test_a_run_says_what_the_preset_came_to_before_it_tells_of_fetching(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"not looked at")
    assert app.outcome(["run", str(clip), "--preset", "fast", "--out", str(tmp_path / "o")]) == 2, (
        "small.pt is no model"
    )
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "preset fast"
    assert "  persons  small (fast)" in lines
    assert lines.index("fetching small.pt, 500 B") == 5, "below a line for each pipeline"
    assert lines[-1].startswith("error: ")
