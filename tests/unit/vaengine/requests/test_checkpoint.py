"""A checkpoint points to a batch."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actors.stores.engines.address import without_password
from schemas.errors import NotFound, UsageError
from schemas.pipelines import SCENE
from schemas.settings.settings import SceneSettings, Settings
from vaengine.requests.checkpoint import Checkpoint, batch_ids, path_in
from vaengine.requests.request import RunRequest
from vaengine.requests.store_location import checkpoint_of, results_folder, stored_at


@pytest.fixture
def request_made(tmp_path: Path) -> RunRequest:
    return RunRequest(
        inputs=("/v/a.mp4", "/v/ü b.mp4"),
        pipelines=(SCENE,),
        settings=Settings(scene=SceneSettings(threshold=31.5)),
        out=tmp_path,
        store_url=f"sqlite:///{tmp_path}/batch_processing.db",
        cluster="auto",
        limit=3,
        files=False,
        keep_runs=True,
        batch_id="b1",
        presets={SCENE: "embedded"},
    )


def test_what_is_written_is_read_as_the_same_request(request_made: RunRequest, tmp_path: Path) -> None:
    path = Checkpoint.of(request_made, "b1").write(tmp_path)
    assert path == tmp_path / "checkpoints" / "checkpoint_b1.json"
    assert Checkpoint.read(path).request() == request_made
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("store", "meant"),
    [
        ("sqlite:///{old}/batch_processing.db", "sqlite:///{new}/batch_processing.db"),
        ("files:{old}", "files:{new}"),
        ("files:{old}/below", "files:{new}/below"),
        ("sqlite:///{old}.db", "sqlite:///{old}.db"),
        ("postgresql://ann@db/results", "postgresql://ann@db/results"),
    ],
)
def test_a_checkpoint_in_a_copied_folder_is_of_that_folder_and_of_the_store_in_it(
    request_made: RunRequest, tmp_path: Path, store: str, meant: str
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    asked = replace(request_made, out=old, store_url=store.format(old=old))
    path = Checkpoint.of(asked, "b1").write(old)
    shutil.copytree(old, new)
    moved = replace(asked, out=new, store_url=meant.format(old=old, new=new))
    assert Checkpoint.read(path_in(new, "b1")).request() == moved
    assert checkpoint_of("b1", str(new), None).request() == moved
    assert stored_at(None, str(new)) == moved.store_url
    assert Checkpoint.read(path).request() == asked
    assert checkpoint_of("b1", str(new), "postgresql://ann@db/other").request() == replace(
        moved, store_url="postgresql://ann@db/other"
    )


def test_a_checkpoint_that_lies_alone_is_of_the_folder_that_it_names(
    request_made: RunRequest, tmp_path: Path
) -> None:
    path = Checkpoint.of(request_made, "b1").write(tmp_path)
    assert Checkpoint.read(Path(shutil.copy(path, tmp_path / "alone.json"))).request() == request_made


@pytest.mark.parametrize(
    ("out", "db", "folder"),
    [
        (None, None, "vaengine_out"),
        ("o", "sqlite:///copy/batch_processing.db", "o"),
        (None, "sqlite:///copy/batch_processing.db", "copy"),
        (None, "files:copy", "copy"),
        (None, "sqlite:///vaengine_out/batch_processing.db", "vaengine_out"),
        (None, "sqlite:///copy/other.db", "vaengine_out"),
        (None, "postgresql://ann@db/results", "vaengine_out"),
    ],
)
def test_one_stores_files_do_not_go_among_those_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str | None, db: str | None, folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vaengine_out").mkdir()
    unused = results_folder(out, db)
    (tmp_path / "vaengine_out" / "batch_processing.db").touch()
    assert results_folder(out, db) == tmp_path / folder
    assert unused == tmp_path / (out or "vaengine_out")


def test_a_password_never_reaches_the_file(request_made: RunRequest) -> None:
    point = Checkpoint.of(replace(request_made, store_url="postgresql://me:secret@host/db"), "b1")
    assert "secret" not in json.dumps(point.to_data())


def test_a_missing_checkpoint_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"checkpoint_x\.json"):
        Checkpoint.read(path_in(tmp_path, "x"))


def damaged(data: dict[str, Any], **changes: Any) -> str:
    return json.dumps({key: value for key, value in (data | changes).items() if value is not ...})


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 99},
        {"inputs": "a.mp4"},
        {"inputs": [1]},
        {"inputs": []},
        {"batch_id": None},
        {"pipelines": ...},
        {"config": []},
        {"limit": "many"},
        {"unheard_of": 1},
    ],
)
def test_a_damaged_checkpoint_gives_one_clear_line(
    request_made: RunRequest, tmp_path: Path, changes: dict[str, Any]
) -> None:
    path = Checkpoint.of(request_made, "b1").write(tmp_path)
    path.write_text(damaged(json.loads(path.read_text()), **changes))
    with pytest.raises(UsageError, match="is damaged") as caught:
        Checkpoint.read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1', "\x00"])
def test_a_torn_checkpoint_gives_one_clear_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "checkpoint_b1.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="is damaged"):
        Checkpoint.read(path)


def test_settings_edited_by_hand_are_checked_like_any_other(request_made: RunRequest, tmp_path: Path) -> None:
    path = Checkpoint.of(request_made, "b1").write(tmp_path)
    data = json.loads(path.read_text())
    path.write_text(damaged(data, config=data["config"] | {"scene": {"treshold": 3}}))
    with pytest.raises(UsageError, match=r"did you mean 'scene\.threshold'"):
        Checkpoint.read(path).request()


def test_a_batch_is_found_by_path_by_id_and_by_the_beginning_of_its_id(
    request_made: RunRequest, tmp_path: Path
) -> None:
    first, second = Checkpoint.of(request_made, "abc1"), Checkpoint.of(request_made, "abd2")
    path = first.write(tmp_path)
    second.write(tmp_path)
    assert sorted(batch_ids(tmp_path)) == ["abc1", "abd2"]
    assert checkpoint_of(str(path), None, None) == first
    assert checkpoint_of("abc1", str(tmp_path), None) == first
    assert checkpoint_of("abd", str(tmp_path), None) == second
    assert checkpoint_of("abc1", None, f"sqlite:///{tmp_path}/batch_processing.db") == first
    with pytest.raises(UsageError, match="could be"):
        checkpoint_of("ab", str(tmp_path), None)
    with pytest.raises(NotFound, match="abc1"):
        checkpoint_of("zz", str(tmp_path), None)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:secret@db/results", "postgresql://ann@db/results"),
        ("postgresql://ann:s@e/cret@db:5432/results", "postgresql://ann@db:5432/results"),
        ("postgresql://db:5432/results?user=ann&password=s@cret", "postgresql://db:5432/results?user=ann"),
        ("sqlite:////data/a:b@c/x.db", "sqlite:////data/a:b@c/x.db"),
    ],
)
def test_an_address_is_shown_without_its_password_and_otherwise_as_it_is(url: str, shown: str) -> None:
    assert without_password(url) == shown
