"""A batch of several configurations is one batch: one id, one checkpoint, one report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.errors import InvalidSetting, UnknownSetting, UsageError
from schemas.work.job import BatchReport, VideoOutcome
from vaengine import BatchOrchestrator, FileStorageBackend, SQLiteStorageBackend
from vaengine.maintenance.erasure_files import checkpoint_without
from vaengine.requests.checkpoint import Checkpoint, path_in
from vaengine.requests.request import RunRequest

SCENES = {"pipelines": ["scene"]}


class Engines:
    """Stands for `Engine`: notes what it was to run, and completes all of it, or stops."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.requests: list[RunRequest] = []
        self._stop_after = stop_after

    def __call__(self, request: RunRequest, **_: object) -> Engines:
        self.requests.append(request)
        return self

    def run(self) -> BatchReport:
        request = self.requests[-1]
        Checkpoint.of(request, str(request.batch_id)).write(request.out)  # as the engine does
        stopped = "SIGTERM" if len(self.requests) == self._stop_after else None
        outcomes = tuple(VideoOutcome(path, path, "completed") for path in request.inputs)
        return BatchReport(str(request.batch_id), outcomes, 1.0, stopped_by=stopped)


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Engines:
    made = Engines()
    monkeypatch.setattr("vaengine.api.orchestrator.Engine", made)
    return made


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """No videos at all, which a job is added for like any other file."""
    made = [tmp_path / f"{number}.mp4" for number in range(3)]
    for path in made:
        path.write_bytes(path.name.encode())
    return made


def batch_of(files: list[Path], out: Path) -> BatchOrchestrator:
    """Three jobs of two configurations."""
    batch = BatchOrchestrator(SQLiteStorageBackend(out / "batch_processing.db"))
    batch.add_job(files[0], SCENES)
    batch.add_job(files[1], {**SCENES, "scene.threshold": 20.0})
    batch.add_job(files[2], SCENES)
    return batch


def asked(requests: list[RunRequest]) -> list[tuple[float, tuple[str, ...]]]:
    return [(request.settings.scene.threshold, request.inputs) for request in requests]


def test_jobs_of_all_configurations_are_one_batch(
    engines: Engines, files: list[Path], tmp_path: Path
) -> None:
    report = batch_of(files, tmp_path).run_batch()
    assert asked(engines.requests) == [(27.0, (str(files[0]), str(files[2]))), (20.0, (str(files[1]),))]
    assert {request.batch_id for request in engines.requests} == {report.batch_id}
    assert [request.part for request in engines.requests] == [(1, 2), (2, 2)]
    assert len(report.outcomes) == 3
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == [
        path_in(tmp_path, report.batch_id).name
    ]


@pytest.mark.parametrize("stop_after", [1, 2])
def test_a_batch_is_resumed_as_a_whole_wherever_it_was_stopped(
    monkeypatch: pytest.MonkeyPatch, files: list[Path], tmp_path: Path, stop_after: int
) -> None:
    first, then = Engines(stop_after), Engines()
    monkeypatch.setattr("vaengine.api.orchestrator.Engine", first)
    stopped = batch_of(files, tmp_path).run_batch()
    assert (len(first.requests), stopped.stopped_by, stopped.pending) == (
        stop_after,
        "SIGTERM",
        {1: 1, 2: 0}[stop_after],
    )
    monkeypatch.setattr("vaengine.api.orchestrator.Engine", then)
    later = BatchOrchestrator(SQLiteStorageBackend(tmp_path / "batch_processing.db"))
    resumed = later.resume_batch(path_in(tmp_path, stopped.batch_id))
    assert sorted(asked(then.requests)) == [(20.0, (str(files[1]),)), (27.0, (str(files[0]), str(files[2])))]
    assert (resumed.batch_id, resumed.completed) == (stopped.batch_id, 3)


def test_a_batch_that_never_began_has_one_checkpoint_for_all_of_it(
    engines: Engines, files: list[Path], tmp_path: Path
) -> None:
    batch = batch_of(files, tmp_path)
    (path,) = batch.checkpoints()
    assert batch.resume_batch(str(path)).completed == 3


def test_a_checkpoint_of_several_configurations_is_read_back_as_the_same_request(
    files: list[Path], tmp_path: Path
) -> None:
    batch = batch_of(files, tmp_path)
    request = Checkpoint.read(batch.checkpoints()[0]).request()
    assert request.batch_inputs == (str(files[0]), str(files[2]), str(files[1]))
    assert Checkpoint.of(request, str(request.batch_id)).request() == request


def test_a_checkpoint_of_one_configuration_can_be_read_by_older_versions(
    files: list[Path], tmp_path: Path
) -> None:
    batch = BatchOrchestrator(FileStorageBackend(tmp_path))
    batch.add_job(files[0], SCENES)
    assert "others" not in json.loads(batch.checkpoints()[0].read_text())


def test_the_checkpoint_of_another_store_is_gone_on_with_in_this_one(
    engines: Engines, files: list[Path], tmp_path: Path
) -> None:
    (path,) = batch_of(files, tmp_path).checkpoints()
    moved = FileStorageBackend(tmp_path / "moved")
    BatchOrchestrator(moved).resume_batch(path)
    assert {request.store_url for request in engines.requests} == {moved.url}


@pytest.mark.parametrize(
    ("began", "told", "replaces", "keeps"),
    [
        ("ask", True, True, False),
        ("ask", "keep", False, True),
        ("keep", "replace", True, False),
        ("keep", "ask", False, True),
        ("replace", "ask", True, False),
    ],
)
def test_a_batch_is_resumed_with_what_the_orchestrator_was_told_of_earlier_results(
    engines: Engines,
    files: list[Path],
    tmp_path: Path,
    began: str,
    told: bool | str,
    replaces: bool,
    keeps: bool,
) -> None:
    store = SQLiteStorageBackend(tmp_path / "batch_processing.db")
    batch = BatchOrchestrator(store, replace=began)
    for path, configuration in zip(files, (SCENES, {**SCENES, "scene.threshold": 20.0}), strict=False):
        batch.add_job(path, configuration)
    (path,) = batch.checkpoints()
    BatchOrchestrator(store, replace=told).resume_batch(path)
    assert [(request.replace, request.keep_runs) for request in engines.requests] == [(replaces, keeps)] * 2


def test_a_batch_cannot_be_resumed_with_the_settings_of_other_results(
    engines: Engines, files: list[Path], tmp_path: Path
) -> None:
    (path,) = batch_of(files, tmp_path).checkpoints()
    with pytest.raises(UsageError, match="'as-before' cannot be had for a batch that is resumed"):
        BatchOrchestrator(FileStorageBackend(tmp_path), replace="as-before").resume_batch(path)
    assert not engines.requests


def test_a_forgotten_file_leaves_every_configuration_of_a_checkpoint(
    files: list[Path], tmp_path: Path
) -> None:
    data = json.loads(batch_of(files, tmp_path).checkpoints()[0].read_text())
    without_other = checkpoint_without(data, {str(files[1])})
    assert without_other is not None
    assert str(files[1]) not in json.dumps(without_other)
    without_first = checkpoint_without(data, {str(files[0]), str(files[2])})
    assert without_first is not None
    assert Checkpoint.from_data(without_first).inputs == (str(files[1]),)
    assert checkpoint_without(data, {str(path) for path in files}) is None
    assert checkpoint_without(data, {"elsewhere.mp4"}) == data


def test_a_missing_file_is_refused_in_the_words_of_the_command(tmp_path: Path) -> None:
    batch = BatchOrchestrator(FileStorageBackend(tmp_path))
    with pytest.raises(UsageError, match=r"missing\.mp4 does not exist; check the spelling"):
        batch.add_job("missing.mp4", {})
    assert batch.get_status().total == 0


def test_a_folder_of_several_videos_is_refused_as_one_job(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leads to 3 videos"):
        BatchOrchestrator(FileStorageBackend(tmp_path / "out")).add_job(tmp_path)


@pytest.mark.parametrize("workers", [0, -1, 33, 1000, True, 2.5, "many", None])
def test_workers_beyond_1_to_32_are_refused(
    engines: Engines, files: list[Path], tmp_path: Path, workers: object
) -> None:
    batch = batch_of(files, tmp_path)
    with pytest.raises(InvalidSetting, match=r"engine\.workers"):
        batch.run_batch(max_workers=workers)  # type: ignore[arg-type]
    with pytest.raises(InvalidSetting):
        batch.checkpoints(max_workers=workers)  # type: ignore[arg-type]
    assert not engines.requests


def test_every_configuration_has_the_workers_of_the_batch(
    engines: Engines, files: list[Path], tmp_path: Path
) -> None:
    batch_of(files, tmp_path).run_batch(max_workers=32)
    assert {request.settings.engine.workers for request in engines.requests} == {32}


@pytest.mark.parametrize(
    ("key", "nearest"),
    [("scene.treshold", "scene.threshold"), ("workers", "engine.workers"), ("presett", "preset")],
)
def test_an_unknown_key_is_refused_with_the_nearest(
    files: list[Path], tmp_path: Path, key: str, nearest: str
) -> None:
    with pytest.raises(UnknownSetting, match=nearest):
        BatchOrchestrator(FileStorageBackend(tmp_path)).add_job(files[0], {key: 1})


def test_pipelines_may_be_named_as_the_command_takes_them(
    engines: Engines, files: list[Path], tmp_path: Path
) -> None:
    batch = BatchOrchestrator(FileStorageBackend(tmp_path))
    batch.add_job(files[0], {"pipelines": "person,scene", "preset": "embedded"})
    batch.run_batch()
    assert engines.requests[0].pipelines == ("scene_detection", "person_tracking")


class Elsewhere(FileStorageBackend):
    """A store whose URL is that of a server, as far as an orchestrator looks at it."""

    connection_url = "postgresql://ann:s3cret@db.example:5432/results"

    def __init__(self, base_dir: Path) -> None:
        super().__init__(base_dir)
        self.url = "postgresql://ann@db.example:5432/results"


def test_a_run_gets_the_password_of_its_store_and_the_usual_folder(
    engines: Engines, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Elsewhere(tmp_path / "store")
    batch = BatchOrchestrator(store)
    batch.add_job(files[0], {**SCENES, "preset": "embedded"})
    report = batch.run_batch()
    batch.resume_batch(path_in(tmp_path / "vaengine_out", report.batch_id))
    assert {(request.store_url, request.out) for request in engines.requests} == {
        (store.connection_url, tmp_path / "vaengine_out")
    }
    assert "s3cret" not in path_in(tmp_path / "vaengine_out", report.batch_id).read_text()
