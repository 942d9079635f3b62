"""A chunk tried alone: what it does to its process is told exactly, and the next chunk does not suffer
from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.finalize.commits import numbers_of
from actors.isolation.sandbox import Sandbox, TrialResult
from actors.probing.probe import probe
from actors.stages.chunk_reader import read_chunk
from actors.stages.inference import VisionModels
from actors.stages.threads import limit_threads
from schemas.pipelines import PERSON, SCENE
from schemas.settings.settings import Settings
from schemas.work.chunk import ChunkSpec
from schemas.work.messages import ChunkEnd, DetectionsMessage, FramesMessage
from tests.support.media import clips
from tests.support.runs import runs
from vaengine.planning.plan import chunks_of, work_keys

FAULTS = Path(__file__).parents[2] / "support" / "sitecustomize" / "faults"
SETTINGS = runs.settings(recovery__alone_memory_mb=900)
HURRIED = runs.settings(recovery__alone_seconds=3)


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Faults are let loose in processes started from here on; each is told in this file."""
    monkeypatch.setenv("FAULTS", str(tmp_path / "faults.txt"))
    monkeypatch.syspath_prepend(str(FAULTS))  # a sandbox process takes over this one's path
    return tmp_path / "faults.txt"


@pytest.fixture
def cell(told: Path, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    one = Sandbox(HURRIED if "hang" in request.node.name else SETTINGS)
    yield one
    one.close()


def chunk(folder: Path, name: str, settings: Settings = SETTINGS) -> ChunkSpec:
    """The one chunk of a clip of that name."""
    source = clips.with_persons(folder, frames=10)
    path = source.path.rename(folder / f"{name}.mp4")
    clip = probe(str(path))
    return chunks_of(
        clip, {key: [] for key in work_keys(clip.video_id, (SCENE, PERSON), settings)}, settings
    )[0]


def go_on() -> bool:
    return False


def innocent(cell: Sandbox, folder: Path) -> TrialResult:
    (folder / "next").mkdir()
    return cell.try_chunk(chunk(folder / "next", "innocent"), go_on)


@pytest.mark.parametrize(
    ("name", "kind", "says", "pipeline"),
    [
        ("segfault", "crash", "SIGSEGV", None),
        ("hang", "timeout", "no sign of progress", None),
        pytest.param("eat", "out_of_memory", "memory", None, marks=pytest.mark.long),
        ("model-kill", "crash", "SIGABRT", PERSON),
        pytest.param("model-hang", "timeout", "no sign of progress", PERSON, marks=pytest.mark.long),
    ],
)
def test_whoever_ends_its_process_is_told_with_the_reason_and_the_next_chunk_is_done(
    name: str, kind: str, says: str, pipeline: str | None, cell: Sandbox, told: Path, tmp_path: Path
) -> None:
    trial = cell.try_chunk(chunk(tmp_path, name), go_on)
    assert trial.failure is not None
    assert (trial.to_blame, trial.failure.kind, trial.failure.pipeline, trial.values) == (
        True,
        kind,
        pipeline,
        (),
    )
    assert says in trial.failure.message
    assert told.read_text().split() == [name]
    after = innocent(cell, tmp_path)
    assert after.failure is None
    assert {type(value) for value in after.values} == {DetectionsMessage, ChunkEnd}


def test_a_crash_leaves_its_traceback(cell: Sandbox, tmp_path: Path) -> None:
    failure = cell.try_chunk(chunk(tmp_path, "segfault"), go_on).failure
    assert failure is not None
    assert failure.traceback is not None
    assert "Fatal Python error: Segmentation fault" in failure.traceback


def test_an_error_that_is_told_is_no_crash_and_costs_no_process(cell: Sandbox, tmp_path: Path) -> None:
    trial = cell.try_chunk(chunk(tmp_path, "raise"), go_on)
    (end,) = trial.values
    assert isinstance(end, ChunkEnd)
    assert end.failure is not None
    assert (trial.to_blame, end.failure.kind) == (False, "internal")


def test_a_stop_ends_a_try_without_blame(cell: Sandbox, tmp_path: Path) -> None:
    asked = iter([False, True])
    trial = cell.try_chunk(chunk(tmp_path, "hang"), lambda: next(asked))
    assert (trial.cancelled, trial.failure) == (True, None)


def test_alone_a_chunk_gives_the_numbers_that_it_gives_here(cell: Sandbox, tmp_path: Path) -> None:
    spec = chunk(tmp_path, "innocent")
    *pieces, end = cell.try_chunk(spec, go_on).values
    here = VisionModels(SETTINGS, threads=limit_threads(1).model)
    expected = [
        boxes
        for value in read_chunk(spec, Unstopped())
        if isinstance(value, FramesMessage)
        for boxes in here.analyze([value])
    ]
    assert isinstance(end, ChunkEnd)
    assert numbers_of(end, pieces).checksum() == numbers_of(end, expected).checksum()  # type: ignore[arg-type]
    assert expected


class Unstopped:
    def started(self) -> bool:
        return True

    def stopping(self) -> bool:
        return False
