"""Complete results are never replaced without a word: who asks, what is said, and what each answer does.

Nothing here needs Ray.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

import vaengine
from actors.finalize.finalizer import Finalizer
from actors.model_files.files import digest_of
from actors.stores import migrations, open_store
from schemas.errors import StoreOutdated, StoreUnreachable, UsageError, WouldReplace
from schemas.pipelines import FACE, PERSON, SCENE
from schemas.work.job import JobStatus
from schemas.work.job_event import Control
from tests.support.media import clips
from tests.support.runs import runs
from tests.support.runs.heard import Heard
from tests.support.stores import filled
from tests.support.stores.fake_videos import RUN
from vaengine.api.job_control import unpaused
from vaengine.backends.actor_group import job_finder
from vaengine.cli import app
from vaengine.execution.engine import Engine
from vaengine.model_selection.discover import recorded
from vaengine.models.search import file_again
from vaengine.planning.backlog import Backlog
from vaengine.planning.plan import work_keys
from vaengine.planning.preflight import preflight, refuse_known
from vaengine.planning.prober import probe_path
from vaengine.requests.checkpoint import Checkpoint
from vaengine.requests.executor_choice import OWN_RAY
from vaengine.requests.request import RunRequest

STORES: dict[str, Callable[[Path], str]] = {"files": lambda out: f"files:{out}", "sqlite": runs.sqlite}
NOW = {"scene__threshold": 20.0}
DIFFERENCE = "scene.threshold 27 -> 20"


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VAENGINE_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def clip(clip_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(clips.with_cuts(clip_folder).path, tmp_path))


@pytest.fixture
def other(clip_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(clips.still(clip_folder).path, tmp_path))


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, out: Path) -> str:
    return STORES[request.param](out)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def resolve_request(paths: list[Path], out: Path, url: str | None = None, **told: Any) -> RunRequest:
    return runs.request(
        paths,
        out,
        url=url,
        **{"cluster": OWN_RAY, "pipelines": [SCENE], "presets": {SCENE: "embedded"}, **told},
    )


def completed(url: str, *videos: str) -> set[tuple[str, str]]:
    """Pipeline and configuration of each complete result."""
    with closing(open_store(url, read_only=True)) as store:
        return {(key.pipeline, key.config_hash) for key in store.completed_of(videos)}


def test_a_run_that_would_replace_results_is_refused_with_nothing_changed(
    clip: Path, other: Path, out: Path, url: str
) -> None:
    filled.complete(resolve_request([clip, other], out, url))
    before = filled.bytes_below(out)
    with pytest.raises(
        WouldReplace,
        match=rf"2 videos have scene_detection by PySceneDetect; .*\({DIFFERENCE}\); "
        r".*--replace.*--keep.*--as-",
    ):
        Engine(resolve_request([clip, other], out, url, **NOW)).run()
    assert filled.bytes_below(out) == before


def test_where_one_of_many_videos_would_lose_results_none_is_begun(
    clip: Path, other: Path, out: Path, url: str
) -> None:
    filled.complete(resolve_request([clip], out, url))
    before = filled.bytes_below(out)
    with pytest.raises(WouldReplace, match="1 video has scene_detection"):
        Engine(resolve_request([other, clip], out, url, **NOW)).run()
    assert filled.bytes_below(out) == before


def test_a_renamed_file_whose_results_would_be_replaced_is_found_out_before_anything_is_stored(
    clip: Path, out: Path, url: str
) -> None:
    filled.complete(resolve_request([clip], out, url))
    before = filled.bytes_below(out)
    with pytest.raises(WouldReplace, match=DIFFERENCE):
        Engine(resolve_request([clip.rename(clip.with_name("renamed.mp4"))], out, url, **NOW)).run()
    assert filled.bytes_below(out) == before


def test_without_a_store_there_is_nothing_to_replace_and_a_refused_run_makes_none(
    clip: Path, out: Path, tmp_path: Path
) -> None:
    assert Engine(resolve_request([clip], out, **NOW)).plan().replaced == ()
    filled.complete(resolve_request([clip], out))
    elsewhere = replace(resolve_request([clip], tmp_path / "elsewhere", runs.sqlite(out), **NOW))
    with pytest.raises(WouldReplace):
        Engine(elsewhere).run()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("status", [JobStatus.FAILED, None])
def test_what_failed_or_is_incomplete_is_replaced_without_asking(
    status: JobStatus | None, clip: Path, out: Path, url: str
) -> None:
    old, new = resolve_request([clip], out, url), resolve_request([clip], out, url, **NOW)
    filled.complete(old, status=status) if status else filled.decoded(old)
    filled.decoded(new)
    assert Engine(new).run().completed == 1
    with closing(open_store(url, read_only=True)) as store:
        assert [job.config["pipelines"][SCENE]["scene"]["threshold"] for job in store.jobs()] == [20.0]


@pytest.mark.parametrize(("answer", "kept"), [("replace", 1), ("keep_runs", 2)])
def test_results_are_replaced_or_kept_as_was_said(
    answer: str, kept: int, clip: Path, out: Path, url: str
) -> None:
    (video_id,) = filled.complete(resolve_request([clip], out, url)).values()
    request = resolve_request([clip], out, url, **NOW, **{answer: True})
    filled.decoded(request)
    assert Engine(request).run().completed == 1
    assert len(completed(url, video_id)) == kept
    again = Engine(resolve_request([clip], out, url, **NOW)).run()
    assert (again.skipped, len(completed(url, video_id))) == (1, kept), (
        "what is complete in this configuration replaces nothing"
    )


def test_a_result_that_another_run_completes_meanwhile_stays(clip: Path, out: Path, url: str) -> None:
    """Two runs with different settings begin together: neither was told that it may replace what the
    other makes.
    """
    (video_id,) = filled.complete(resolve_request([clip], out, url)).values()
    new = resolve_request([clip], out, url, **NOW, replace=True)
    filled.decoded(new)
    with closing(open_store(url)) as store:
        epoch, (key,) = store.open_run(RUN), work_keys(video_id, [SCENE], new.settings)
        store.lease(epoch, [key])
        job_of = job_finder(store, new.settings, new.pipelines)
        Finalizer(store, Heard(), epoch, new.settings, job_of, keep_complete=True).finish_now(key)
    assert len(completed(url, video_id)) == 2


def test_what_a_later_page_finds_is_left_alone_and_said_to_have_failed(
    clip: Path, other: Path, out: Path, url: str
) -> None:
    """A page holds one file; the second, renamed since, is known by its content alone, which is read when
    the first is at work already.
    """
    ids = filled.complete(resolve_request([clip, other], out, url, **NOW))
    renamed = clip.rename(clip.with_name("zz.mp4"))
    filled.complete(replace(resolve_request([other], out, url), replace=True))
    before = completed(url, *ids.values())
    with closing(open_store(url)) as store:
        request = resolve_request([other, renamed], out, url)
        epoch, _ = filled.registered(store, resolve_request([other], out, url))
        backlog = Backlog(request, "b")
        backlog.take([probe_path(str(other))], store, epoch)
        work = backlog.take([probe_path(str(renamed))], store, epoch)
        outcomes = backlog.outcomes(store)
    assert [(one.outcome, one.failure_kind) for one in outcomes] == [
        ("skipped", None),
        ("failed", "would_replace"),
    ]
    assert f"{renamed}: 1 video has scene_detection" in work.failures[0]
    assert "--replace" in (outcomes[1].error_message or "")
    assert completed(url, *ids.values()) == before


def test_a_dry_run_says_what_would_be_replaced_and_asks_the_same(
    clip: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled.complete(resolve_request([clip], out))
    before = filled.bytes_below(out)
    typed = [
        "run",
        str(clip),
        "--out",
        str(out),
        "--pipelines",
        "scene",
        "--set",
        "scene.threshold=20",
        "--dry-run",
    ]
    assert app.outcome(typed) == 2
    said = capsys.readouterr().out
    assert (
        f"replaces    1 video has scene_detection by PySceneDetect; this run would replace it ({DIFFERENCE})"
        in said
    )
    assert "feasible    no: 1 video has scene_detection" in said
    for answer in ("--replace", "--keep", "--keep-runs"):
        assert app.outcome([*typed, answer]) == 0
    assert filled.bytes_below(out) == before


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ((), DIFFERENCE),
        (("--replace", "--keep"), "--replace and --keep say different things"),
        (
            ("--as-before",),
            "--as-before takes scene.threshold=27.0 from the store, and --set says 20: give one of them",
        ),
        (
            ("--as-before", "--preset", "fast"),
            "--as-before takes the models from the store: leave the preset out",
        ),
    ],
)
def test_the_command_ends_with_2_and_one_line(
    typed: tuple[str, ...], says: str, clip: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled.complete(resolve_request([clip], out))
    before = filled.bytes_below(out)
    assert (
        app.outcome(
            [
                "run",
                str(clip),
                "--out",
                str(out),
                "--pipelines",
                "scene",
                "--set",
                "scene.threshold=20",
                *typed,
            ]
        )
        == 2
    )
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    assert says in last
    assert filled.bytes_below(out) == before


def test_as_before_takes_the_settings_and_the_pipelines_of_the_store(
    clip: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled.complete(
        resolve_request(
            [clip],
            out,
            pipelines=[SCENE, PERSON],
            presets={SCENE: "embedded", PERSON: "embedded"},
            person__sample_fps=3.0,
            **NOW,
        )
    )
    assert app.outcome(["run", str(clip), "--out", str(out), "--as-before", "--json"]) == 0
    told = capsys.readouterr()
    assert '"skipped": 1' in told.out.splitlines()[-1]
    assert "as before" in told.err
    assert app.outcome(["run", str(clip), "--out", str(out), "--as-before", "--pipelines", "person"]) == 0


def test_as_before_holds_for_videos_that_are_new_to_the_store(clip: Path, other: Path, out: Path) -> None:
    filled.complete(resolve_request([clip], out, **NOW))
    request = as_before([other], out)
    assert (request.pipelines, request.settings.scene.threshold, request.presets) == (
        (SCENE,),
        20.0,
        {SCENE: "embedded"},
    )


def as_before(paths: list[Path], out: Path, *settings: str, **told: Any) -> RunRequest:
    from vaengine.requests.run_options import RunOptions, resolve_request

    options = RunOptions(tuple(map(str, paths)), str(out), replace="as-before", settings=settings, **told)
    return resolve_request(options, fetch=False).request


def test_as_before_takes_what_is_current_where_there_are_several(clip: Path, out: Path) -> None:
    filled.complete(resolve_request([clip], out))
    filled.complete(resolve_request([clip], out, **NOW, keep_runs=True))
    with closing(sqlite3.connect(out / "batch_processing.db")) as db, db:
        db.execute("UPDATE job_pipeline_status SET completed_at = datetime('now', '-1 day') WHERE rowid = 1")
    assert as_before([clip], out).settings.scene.threshold == 20.0


def test_as_before_is_refused_where_there_are_several_ways_or_none(
    clip: Path, other: Path, out: Path
) -> None:
    with pytest.raises(UsageError, match="there is no store at"):
        as_before([clip], out)
    filled.complete(resolve_request([clip], out))
    filled.complete(resolve_request([other], out, **NOW))
    assert as_before([clip], out).settings.scene.threshold == 27.0
    with pytest.raises(
        UsageError,
        match=r"scene_detection was made in 2 ways: PySceneDetect .1 video., PySceneDetect .1 video.",
    ):
        as_before([clip, other], out)
    with pytest.raises(UsageError, match="has no complete results of person_tracking"):
        as_before([clip], out, pipelines="person")


def test_as_before_finds_a_model_again_wherever_it_is_and_says_which_is_missing(
    clip: Path, out: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "own.onnx"
    weights.write_bytes(b"weights")
    model = {"file": "own.onnx", "sha256": digest_of(weights)}
    ran = [{"person": {"weights": str(weights)}}]
    assert file_again("person.weights", model, ran, ()) == str(weights)
    folder = tmp_path / "models"
    folder.mkdir()
    moved = weights.rename(folder / "other-name.onnx")
    assert file_again("person.weights", model, ran, (folder,)) == str(moved)
    moved.write_bytes(b"other weights")
    with pytest.raises(
        UsageError,
        match=rf"person.weights=own.onnx: .*sha256 {model['sha256'][:12]}.* nor in {folder}.*--set "
        r"person.weights=PATH",
    ):
        file_again("person.weights", model, ran, (folder,))
    assert file_again("person.weights", {"file": "yolo11n.pt", "sha256": "a" * 64}, [], ()) == "yolo11n.pt", (
        "it can be fetched"
    )


def test_python_says_and_asks_the_same(clip: Path, out: Path) -> None:
    filled.complete(resolve_request([clip], out))
    told = {"pipelines": "scene", "preset": "embedded", "settings": {"scene.threshold": 20}, "out": out}
    with pytest.raises(WouldReplace, match=DIFFERENCE):
        vaengine.annotate_all([clip], **told)
    with pytest.raises(UsageError, match="'maybe'"):
        vaengine.annotate_all([clip], **told, replace="maybe")
    with closing(open_store(runs.sqlite(out))) as store:
        batch = vaengine.BatchOrchestrator(store)
        batch.add_job(str(clip), {"pipelines": ["scene"], "scene.threshold": 20.0})
        with pytest.raises(WouldReplace, match=DIFFERENCE):
            batch.run_batch()
        again = vaengine.BatchOrchestrator(store, replace="as-before")
        again.add_job(str(clip))
        assert again.run_batch().skipped == 1


def test_python_may_say_that_results_are_replaced(clip: Path, out: Path) -> None:
    filled.complete(resolve_request([clip], out))
    filled.decoded(resolve_request([clip], out, **NOW, replace=True))
    with closing(open_store(runs.sqlite(out))) as store:
        batch = vaengine.BatchOrchestrator(store, replace=True)
        batch.add_job(str(clip), {"pipelines": ["scene"], "scene.threshold": 20.0})
        assert batch.run_batch().completed == 1


def test_two_configurations_of_one_video_in_one_batch_are_kept_or_refused(clip: Path, out: Path) -> None:
    with closing(open_store(runs.sqlite(out))) as store:
        batch = vaengine.BatchOrchestrator(store)
        for threshold in (20.0, 30.0):
            batch.add_job(str(clip), {"pipelines": ["scene"], "scene.threshold": threshold})
        with pytest.raises(UsageError, match="keep both with replace='keep'"):
            batch.run_batch()


def test_a_batch_that_is_resumed_goes_on_with_what_it_was_allowed(clip: Path, out: Path) -> None:
    filled.complete(resolve_request([clip], out))
    for answer in ("replace", "keep_runs"):
        request = resolve_request([clip], out, **NOW, **{answer: True})
        assert getattr(Checkpoint.from_data(Checkpoint.of(request, "b").to_data()).request(), answer)
    older = {
        key: value
        for key, value in Checkpoint.of(resolve_request([clip], out), "b").to_data().items()
        if key != "replace"
    }
    assert Checkpoint.from_data(older).request().asks


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("", "asks"),
        ("replace: true", "replace"),
        ("replace: keep", "keep_runs"),
        ("keep: true", "keep_runs"),
        ("keep_runs: true", "keep_runs"),
    ],
)
def test_a_batch_file_may_answer(text: str, answer: str, clip: Path, tmp_path: Path) -> None:
    from vaengine.requests.run_options import RunOptions, resolve_request

    (tmp_path / "batch.yaml").write_text(f"inputs: [{clip}]\npreset: embedded\n{text}\n")
    request = resolve_request(RunOptions(config=tmp_path / "batch.yaml")).request
    assert [name for name in ("asks", "replace", "keep_runs") if getattr(request, name)] == [answer]
    told = resolve_request(RunOptions(config=tmp_path / "batch.yaml", replace="replace")).request
    assert told.replace, "the command line outranks the file"


def test_faces_alone_are_those_of_a_whole_run_where_the_store_has_the_persons(
    clip: Path, out: Path, url: str
) -> None:
    (video_id,) = filled.complete(
        resolve_request([clip], out, url, pipelines=[SCENE, PERSON, FACE], person__sample_fps=3.0)
    ).values()
    before = completed(url, video_id)
    report = Engine(resolve_request([clip], out, url, pipelines=[FACE])).run()
    assert (report.skipped, completed(url, video_id)) == (1, before), (
        "with settings of persons that are not even the run's own"
    )


def test_faces_alone_are_linked_to_the_persons_that_the_store_has(
    clip: Path, other: Path, out: Path, url: str
) -> None:
    filled.complete(resolve_request([clip], out, url, pipelines=[SCENE, PERSON], person__sample_fps=3.0))
    alone = resolve_request([clip, other], out, url, pipelines=[SCENE, FACE], scene__threshold=27.0)
    filled.decoded(alone)
    assert Engine(alone).run().completed == 2
    with closing(open_store(url, read_only=True)) as store:
        configs = {
            job.video_path: job.config["pipelines"][FACE]
            for job in store.jobs()
            if FACE in job.pipeline_results
        }
    assert configs[clip]["person"]["sample_fps"] == 3.0
    assert (configs[clip]["face"]["link_persons"], configs[other]["face"]["link_persons"]) == (True, False)
    assert "person" not in configs[other]
    assert Engine(alone).run().skipped == 2
    whole = resolve_request([clip], out, url, pipelines=[SCENE, PERSON, FACE], person__sample_fps=3.0)
    assert Engine(whole).run().skipped == 1, "a whole run would have made the same"


def test_faces_alone_that_are_not_to_be_linked_ask_before_they_replace_linked_ones(
    clip: Path, out: Path
) -> None:
    filled.complete(resolve_request([clip], out, pipelines=[SCENE, PERSON, FACE]))
    with pytest.raises(WouldReplace, match=r"face.link_persons True -> False"):
        Engine(resolve_request([clip], out, pipelines=[FACE], face__link_persons=False)).run()


def outdated(out: Path) -> Path:
    """The store under `out` as the version before this one left it; its file."""
    from alembic import command

    path = out / "batch_processing.db"
    with create_engine(f"sqlite:///{path}").connect() as connection, connection.begin():
        command.downgrade(migrations.configuration(connection), "0005")
    return path


def revision(path: Path) -> str:
    with closing(sqlite3.connect(path)) as db:
        return str(db.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def test_a_store_of_the_version_before_is_judged_by_the_run_and_by_nobody_before_it(
    clip: Path, out: Path
) -> None:
    filled.complete(resolve_request([clip], out))
    path, request = outdated(out), resolve_request([clip], out, **NOW)
    refuse_known(request)
    assert revision(path) == "0005"
    with pytest.raises(StoreOutdated, match="a run brings them up to date"):
        Engine(request).plan()
    assert revision(path) == "0005"
    with pytest.raises(WouldReplace, match=DIFFERENCE):
        Engine(request).run()
    assert revision(path) == migrations.HEAD
    assert (out / f"batch_processing.before-{migrations.HEAD}.db").exists()


def test_python_annotates_into_a_store_of_the_version_before(clip: Path, out: Path) -> None:
    filled.complete(resolve_request([clip], out))
    path = outdated(out)
    told = {"pipelines": "scene", "preset": "embedded", "out": out}
    with (
        pytest.raises(WouldReplace, match=DIFFERENCE),
        vaengine.annotate_all([clip], **told, settings={"scene.threshold": 20}) as batch,
    ):
        next(batch)
    assert revision(path) == migrations.HEAD


def test_as_before_brings_a_store_of_the_version_before_up_to_date_and_a_dry_run_does_not(
    clip: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled.complete(resolve_request([clip], out, **NOW))
    path = outdated(out)
    typed = ["run", str(clip), "--out", str(out), "--as-before"]
    assert app.outcome([*typed, "--dry-run"]) == 2
    assert "its tables are older than this version" in capsys.readouterr().err
    assert revision(path) == "0005"
    assert app.outcome([*typed, "--json"]) == 0
    assert '"skipped": 1' in capsys.readouterr().out.splitlines()[-1]
    assert revision(path) == migrations.HEAD


def test_paused_jobs_of_a_store_of_the_version_before_are_asked_for_again(clip: Path, out: Path) -> None:
    filled.decoded(resolve_request([clip], out))
    with closing(open_store(runs.sqlite(out))) as store:
        (job,) = store.jobs()
        store.request([job.job_id], Control.PAUSE)
    outdated(out)
    assert unpaused(runs.sqlite(out), "filled") == 1
    with closing(open_store(runs.sqlite(out))) as store:
        assert store.controls() == {}


def test_a_store_that_cannot_be_reached_is_asked_once(
    clip: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for: list[bool] = []

    def unreachable(url: str, *, read_only: bool = False) -> None:
        asked_for.append(read_only)
        raise StoreUnreachable(url, "is the server running")

    monkeypatch.setattr("actors.stores.open_store", unreachable)
    with (
        pytest.raises(StoreUnreachable, match="is the server running"),
        preflight(resolve_request([clip], out, "postgresql://db.example/results")),
    ):
        pass
    assert asked_for == [True]


def test_what_a_store_of_the_version_before_was_begun_with_holds_for_the_next_run(
    clip: Path, out: Path
) -> None:
    filled.complete(resolve_request([clip], out))
    with closing(open_store(runs.sqlite(out))) as store:
        store.set_meta(store.open_run(RUN), f"preset.{PERSON}", "embedded")
    path = outdated(out)
    assert recorded(runs.sqlite(out))(f"preset.{PERSON}") == "embedded"
    assert revision(path) == "0005"
