"""`vaengine identities`: the same person in several videos is one, and what cannot be compared is not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actors.stores import open_store
from schemas.annotations.annotation import FACE_IDENTITY, Annotation
from schemas.media.frames import Floats32
from schemas.pipelines import FACE
from schemas.storage.backend import Embeddings, Outcome
from schemas.work.job import JobStatus
from tests.support.stores.fake_videos import RUN, Clip
from vaengine.cli.app import outcome

UNLIKE = np.eye(8, dtype=np.float32)


def kept(
    folder: Path,
    name: str,
    *people: int,
    model: str = "pack@1",
    config: str = "c1",
    vectors: Floats32 = UNLIKE,
) -> None:
    """A video in which these persons are seen, one after the other."""
    clip = Clip(name=f"/clips/{name}.mp4", content=name[0])
    key, store = clip.key(FACE, config), open_store(f"sqlite:///{folder / 'batch_processing.db'}")
    store.register(store.open_run(RUN), [clip.video], [clip.job(key)])
    rows = tuple(
        Annotation(
            f"{name}{n}{config}",
            clip.video_id,
            FACE,
            config,
            FACE_IDENTITY,
            float(n),
            n + 0.5,
            n,
            face_id=f"face_{n + 1:04d}",
        )
        for n in range(len(people))
    )
    embeddings = (
        Embeddings(tuple(row.annotation_id for row in rows), vectors[list(people)], model) if people else None
    )
    epoch = store.open_run(RUN)
    store.finish(
        epoch,
        Outcome(key, clip.job(key).job_id, JobStatus.COMPLETED, rows, keep_runs=True, embeddings=embeddings),
    )
    store.close()


def asked(folder: Path, capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, object]]:
    assert outcome(["identities", "--out", str(folder), "--json", *options]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def stored(folder: Path) -> list[tuple[str, str]]:
    store = open_store(f"sqlite:///{folder / 'batch_processing.db'}", read_only=True)
    found = [(one.identity_id, f"{one.video_id[0]} {one.face_id[-1]}") for one in store.identities()]
    store.close()
    return found


def test_a_person_seen_in_two_videos_is_one_and_numbers_follow_first_appearance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(tmp_path, "alpha", 3, 5)
    kept(tmp_path, "beta", 5, 1)
    *faces, report = asked(tmp_path, capsys)
    assert [(one["identity_id"], one["face_id"]) for one in faces] == [
        ("identity_0001", "face_0001"),
        ("identity_0002", "face_0002"),
        ("identity_0002", "face_0001"),
        ("identity_0003", "face_0002"),
    ]
    assert (report["identities"], report["faces"]) == (3, 4)
    assert stored(tmp_path) == [
        ("identity_0001", "a 1"),
        ("identity_0002", "a 2"),
        ("identity_0002", "b 1"),
        ("identity_0003", "b 2"),
    ]


def test_two_of_one_video_stay_two_however_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept(tmp_path, "alpha", 3, 3)
    assert asked(tmp_path, capsys)[-1]["identities"] == 2


def test_a_video_whose_older_results_were_kept_shows_its_people_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(tmp_path, "alpha", 3, 5)
    kept(tmp_path, "alpha", 5, 3, config="c2")
    kept(tmp_path, "beta", 3)
    *faces, report = asked(tmp_path, capsys)
    assert (report["identities"], report["faces"]) == (2, 3)
    assert [one["config_hash"] for one in faces] == ["c2", "c2", "c1"]
    assert stored(tmp_path) == [("identity_0001", "a 1"), ("identity_0002", "a 2"), ("identity_0002", "b 1")]


def test_faces_of_two_models_are_never_compared_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(tmp_path, "alpha", 3)
    kept(tmp_path, "beta", 3, model="pack@2")
    assert outcome(["identities", "--out", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert "identity_0002" in told.out
    assert "2 models" in told.err


def test_a_dry_run_stores_nothing_and_a_later_one_replaces_what_was_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(tmp_path, "alpha", 3)
    asked(tmp_path, capsys, "--dry-run")
    assert stored(tmp_path) == []
    asked(tmp_path, capsys)
    asked(tmp_path, capsys, "--least", "0.9")
    assert len(stored(tmp_path)) == 1


def alike(*, cosine: float) -> Floats32:
    """Two faces that look so much alike."""
    return np.array([[1.0, 0.0], [cosine, np.sqrt(1 - cosine**2)]], np.float32)


@pytest.mark.parametrize(
    ("told", "options", "persons"),
    [
        ([], [], 1),
        ([None], [], 1),
        ([0.7], [], 2),
        ([0.3, 0.7], [], 2),
        ([0.7, 0.3], [], 1),
        ([0.7, None], [], 2),
        ([0.7], ["--least", "0.5"], 1),
    ],
)
def test_faces_are_alike_from_where_the_newest_run_said_unless_told_otherwise(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    told: list[float | None],
    options: list[str],
    persons: int,
) -> None:
    for name, vector in zip(("alpha", "beta"), alike(cosine=0.5), strict=True):
        kept(tmp_path, name, 0, vectors=vector[None])
    store = open_store(f"sqlite:///{tmp_path / 'batch_processing.db'}")
    for least in told:
        store.open_run(replace(RUN, config={} if least is None else {"face": {"same_person": least}}))
    store.close()
    assert asked(tmp_path, capsys, *options)[-1]["identities"] == persons


def test_a_store_without_embeddings_has_nobody_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(tmp_path, "alpha")
    assert outcome(["identities", "--out", str(tmp_path)]) == 0
    assert "embedded has none" in capsys.readouterr().err


def test_no_store_at_all_is_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(["identities", "--out", str(tmp_path / "none")]) == 2
    assert "not found" in capsys.readouterr().err


def test_build_writes_and_list_shows_what_was_built_without_writing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(tmp_path, "alpha", 3)
    where = ["--out", str(tmp_path)]
    assert outcome(["identities", "list", *where]) == 0
    assert "no identities are stored: vaengine identities build" in capsys.readouterr().err
    assert outcome(["identities", "build", *where]) == 0
    built = capsys.readouterr()
    kept(tmp_path, "beta", 3)
    assert outcome(["identities", "list", *where]) == 0
    assert capsys.readouterr() == built, "beta came later"
    assert outcome(["identities", "list", "--out", str(tmp_path / "none")]) == 2
