"""A model that was trained here works by its name; one that came from elsewhere has to be allowed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from schemas.errors import UnsafePickle, UsageError
from schemas.settings.layers import Given, layer
from vaengine.cli.app import outcome
from vaengine.model_selection.trained_preset import with_trained_preset
from vaengine.models.trained import (
    check_name,
    fault_of,
    find_trained,
    put_trained,
    trained_models,
    trusted_digests,
)
from vaengine.models.weights import refuse_unknown_pickle

WEIGHTS = b"weights, for all that is known here"
FACTS = {
    "name": "street",
    "sha256": hashlib.sha256(WEIGHTS).hexdigest(),
    "size_bytes": len(WEIGHTS),
    "made_at": "2026-11-29T21:00:00.000Z",
    "base": {"name": "yolo11n.pt", "sha256": "b" * 64},
    "dataset": {"digest": "d" * 64, "pictures": {"train": 47, "val": 15, "test": 0}},
    "settings": {"epochs": 3, "input_pixels": 320},
    "before": {"map50": 0.943, "map50_95": 0.392},
    "after": {"map50": 0.957, "map50_95": 0.414},
}


def own_cache(cache: Path) -> Path:
    return cache / "vaengine" / "models"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_model_is_found_by_its_name_with_its_provenance(cache: Path, tmp_path: Path) -> None:
    put = put_trained(tmp_path / "models", own_cache(cache), "street", WEIGHTS, FACTS)
    folders = (tmp_path / "models", own_cache(cache))
    assert [find_trained(name, folders) for name in ("street", "street.pt", "alley")] == [put, put, None]
    assert [one.facts for one in trained_models(folders)] == [FACTS]
    assert put.path.read_bytes() == WEIGHTS
    assert fault_of(put, own_cache(cache)) == ""


def test_weights_that_were_trained_on_this_machine_may_be_loaded_and_others_not(
    cache: Path, tmp_path: Path
) -> None:
    put = put_trained(tmp_path / "models", own_cache(cache), "street", WEIGHTS, FACTS)
    refuse_unknown_pickle(put.path)
    put.path.write_bytes(b"something else")
    with pytest.raises(UnsafePickle):
        refuse_unknown_pickle(put.path)
    assert "not the" in fault_of(put, own_cache(cache))


def test_a_folder_from_elsewhere_cannot_vouch_for_itself(cache: Path, tmp_path: Path) -> None:
    put = put_trained(tmp_path / "models", tmp_path / "their cache", "street", WEIGHTS, FACTS)
    assert trusted_digests(own_cache(cache)) == frozenset()
    with pytest.raises(UnsafePickle):
        refuse_unknown_pickle(put.path)
    assert "allow_pickle" in fault_of(put, own_cache(cache))


def test_a_name_is_plain_and_of_nothing_else() -> None:
    assert check_name("street-2.b") == "street-2.b"
    for wrong in ("", "a/b", "..", "küche", "street.pt", "fast", "auto", "yolo11n", "buffalo_l", "a" * 65):
        with pytest.raises(UsageError, match="--name"):
            check_name(wrong)


def test_a_preset_by_the_name_of_a_model_is_its_weights_and_auto_for_all_else(cache: Path) -> None:
    put_trained(own_cache(cache), own_cache(cache), "street", WEIGHTS, FACTS)
    environment = {"XDG_CACHE_HOME": str(cache)}
    given = {"preset": Given("street", "--preset"), **layer("--set", {"scene.threshold": 30})}
    found = with_trained_preset(given, environment)
    assert {key: value.value for key, value in found.items()} == {
        "preset": "auto",
        "person.weights": "street.pt",
        "person.input_pixels": 320,
        "scene.threshold": 30,
    }
    assert found["person.weights"].origin == "--preset street"
    stronger = with_trained_preset({**given, **layer("--set", {"person.input_pixels": 640})}, environment)
    assert stronger["person.input_pixels"].value == 640
    for other in ("fast", "nobody"):
        assert with_trained_preset(layer("--preset", {"preset": other}), environment) == layer(
            "--preset", {"preset": other}
        )


def test_models_lists_what_was_trained_and_from_what(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put = put_trained(own_cache(cache), own_cache(cache), "street", WEIGHTS, FACTS)
    assert outcome(["models", "list"]) == 0
    line = next(one for one in capsys.readouterr().out.splitlines() if "street.pt" in one)
    assert line.split() == [
        *("ok", "street.pt", "yolo11n.pt", "0.392", "->", "0.414", "d" * 12, "2026-11-29", str(put.path))
    ]
    assert outcome(["models", "list", "--json"]) == 0
    events = [json.loads(one) for one in capsys.readouterr().out.splitlines()]
    trained = next(one for one in events if one["event"] == "trained_model")
    assert (trained["file"], trained["dataset"]["digest"]) == ("street.pt", "d" * 64)
    put.path.write_bytes(b"something else")
    assert outcome(["models", "check"]) == 1
    assert "not the" in capsys.readouterr().err
