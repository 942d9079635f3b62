"""`vaengine similar`: what it prints, and what it refuses in one line."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actors.stores import open_store
from schemas.annotations.annotation import annotation_id
from schemas.pipelines import FACE
from schemas.storage.backend import Embeddings, Outcome
from schemas.work.job import JobStatus
from tests.support.stores.fake_rows import Rows
from tests.support.stores.fake_videos import RUN, Clip
from vaengine.cli.app import outcome

CLIP = Clip("/clips/talk.mp4", "a")
VECTORS = np.array([[1, 0, 0, 0], [0.8, 0.6, 0, 0], [0, 0, 1, 0]], np.float32)


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store with three identities, whose matrix lies in a cache of this test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made, key = Rows(CLIP.video_id), CLIP.key(FACE)
    rows = tuple(
        replace(
            made.identity(f"face_{at + 1:04d}", 25 * at, 25 * at + 25),
            annotation_id=annotation_id(CLIP.video_id, FACE, "c1", "face_identity", at, 0),
        )
        for at in range(3)
    )
    url = f"sqlite:///{tmp_path}/store.db"
    with closing(open_store(url)) as store:
        epoch = store.open_run(RUN)
        store.register(epoch, [CLIP.video], [CLIP.job(key)])
        found = Embeddings(tuple(row.annotation_id for row in rows), VECTORS, "pack@1")
        store.finish(epoch, Outcome(key, CLIP.job(key).job_id, JobStatus.COMPLETED, rows, embeddings=found))
    return url


def test_answers_are_a_line_each_best_first(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(["similar", f"{CLIP.video_id}:face_0001", "--db", db]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["cosine", "video", "from", "to", "why"]
    assert [line.split()[:3] for line in lines[2:]] == [
        ["1", "0.800", "talk.mp4"],
        ["2", "0.000", "talk.mp4"],
    ]
    assert lines[2].endswith(f"face_0002: cosine 0.800 to {CLIP.video_id}:face_0001")


def test_programs_get_an_object_for_each_match(db: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["similar", f"{CLIP.video_id}:face_0001", "--db", db, "--json", "-k", "1"]
    assert outcome(words) == 0
    match, report = map(json.loads, capsys.readouterr().out.splitlines())
    assert (match["event"], match["start_s"], match["end_s"], report["matches"]) == ("match", 1.0, 2.0, 1)
    assert match["score"] == pytest.approx(0.8)


def test_where_nothing_is_like_it_there_is_a_line_that_says_so(
    db: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(["similar", f"{CLIP.video_id}:face_0003", "--db", db, "--min-similarity", "0.5"]) == 0
    printed = capsys.readouterr()
    assert (printed.out, "nothing is like it" in printed.err) == ("", True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["face.jpg"], "there is no picture file face.jpg"),
        (["nobody-at-all"], "give a picture"),
        (["identity_0001"], "vaengine identities list"),
        (["VIDEO:face_0099"], "an embedding of"),
        (["VIDEO:scene_0001"], "scene_0001"),
        (["VIDEO:face_0001", "--kind", "voice"], "--kind takes identity or face"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    words: list[str], message: str, db: str, capsys: pytest.CaptureFixture[str]
) -> None:
    named = [word.replace("VIDEO", CLIP.video_id) for word in words]
    assert outcome(["similar", *named, "--db", db]) in (1, 2)
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
