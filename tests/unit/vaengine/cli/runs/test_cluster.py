"""`vaengine cluster`, and `--cluster` of other commands, with job server and launcher faked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.submission import launcher
from cluster.submission.job_server import Job
from cluster.submission.submission import Submission
from schemas.errors import SubmissionFailed
from vaengine.cli import app

URL = "http://head:8265"


class FakeServer:
    """Runs each job at once; its log has two lines."""

    url = URL

    def __init__(self) -> None:
        self.there: list[Submission] = []
        self.jobs: list[Job] = []
        self.stopped: list[str] = []
        self.interrupts = False

    def submissions(self) -> list[Submission]:
        return list(self.there)

    def submission(self, submission_id: str) -> Submission:
        return next(one for one in self.there if one.submission_id == submission_id)

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        self.there.append(
            Submission(job.submission_id, job.batch_id, "FAILED", job.command, job.out, exit_code=1)
        )

    def stop(self, submission_id: str) -> bool:
        self.stopped.append(submission_id)
        return True

    def log(self, submission_id: str) -> str:
        return "one\ntwo\n"

    async def tail(self, submission_id: str) -> AsyncIterator[str]:
        yield "one\n"
        if self.interrupts:
            raise KeyboardInterrupt
        yield "two\n"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServer:
    fake = FakeServer()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cluster.submission.job_server.JobServer", lambda address: fake)
    return fake


def running(server: FakeServer, *batches: str) -> None:
    server.there += [Submission(f"vaengine-{batch}", batch, "RUNNING", "run", "/out") for batch in batches]


def test_a_submit_follows_the_log_and_ends_as_the_run_does(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = ["cluster", "submit", "--cluster", URL, "a.mp4", "--preset", "fast", "--out", "/out"]
    assert app.outcome(typed) == 1
    (job,) = server.jobs
    out, err = capsys.readouterr()
    assert out == "one\ntwo\n"
    assert f"batch {job.batch_id}: handed over as vaengine-{job.batch_id}; its results go to /out" in err
    assert f"vaengine logs {job.batch_id} --cluster {URL}" in err
    assert "ended with exit code 1; give the same command again to go on" in err


def test_a_submit_that_is_not_to_follow_ends_at_once(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.outcome(["cluster", "submit", "a.mp4", "--detach", "--cluster", URL]) == 0
    assert len(server.jobs) == 1
    assert capsys.readouterr().out == ""


def test_what_run_does_not_take_is_refused_before_the_cluster_is_asked(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.outcome(["cluster", "submit", "a.mp4", "--presett", "fast"]) == 2
    assert server.jobs == []
    assert "--preset" in capsys.readouterr().err


def test_ctrl_c_ends_the_following_alone_and_says_how_to_follow_again(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    running(server, "b1")
    server.interrupts = True
    assert app.outcome(["logs", "b1", "--follow", "--cluster", URL]) == 130
    assert server.stopped == []
    assert (
        f"the batch goes on; `vaengine logs vaengine-b1 --follow --cluster {URL}`" in capsys.readouterr().err
    )


def test_status_finds_batches_with_the_last_line_of_those_at_work(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.outcome(["status", "--cluster", URL]) == 0
    assert capsys.readouterr().out == f"no batch was handed to the cluster at {URL}\n"
    running(server, "b1")
    assert app.outcome(["status", "--cluster", URL]) == 0
    assert "running  b1" in (shown := capsys.readouterr().out)
    assert shown.splitlines()[-1].endswith("/out     two")
    assert app.outcome(["status", "--cluster", URL, "--json"]) == 0
    one, report = map(json.loads, capsys.readouterr().out.splitlines())
    assert (one["event"], one["batch_id"], one["word"], one["last_line"]) == (
        "submission",
        "b1",
        "running",
        "two",
    )
    assert (report["batches"], report["running"]) == (1, 1)


def test_logs_shows_the_log_of_a_batch(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    running(server, "b1", "b2")
    assert app.outcome(["logs", "b1", "--cluster", URL]) == 0
    assert capsys.readouterr().out == "one\ntwo\n"
    assert app.outcome(["logs", "b1", "b2", "--cluster", URL]) == 2
    assert app.outcome(["logs", "b1", "--follow"]) == 2
    assert "--follow goes with --cluster" in capsys.readouterr().err


def test_cancel_stops_what_is_named_and_tells_what_has_ended(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    running(server, "b1", "b2")
    server.there.append(Submission("vaengine-b3", "b3", "SUCCEEDED", "run"))
    assert app.outcome(["cancel", "b1", "b3", "--cluster", URL]) == 0
    assert server.stopped == ["vaengine-b1"]
    assert capsys.readouterr().out == "cancelled: batch b1 (vaengine-b1)\nhas ended: batch b3 (vaengine-b3)\n"
    assert app.outcome(["cancel", "--cluster", URL]) == 2
    assert app.outcome(["cancel", "--all", "--cluster", URL, "--json"]) == 0
    assert server.stopped[1:] == ["vaengine-b1", "vaengine-b2"]


def test_a_job_server_that_refuses_is_one_line(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused() -> list[Submission]:
        raise SubmissionFailed(URL, "no room")

    monkeypatch.setattr(server, "submissions", refused)
    assert app.outcome(["status", "--cluster", URL]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: the job server at {URL} refused this: no room; `vaengine cluster status`")


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("cluster up c.yaml --min-workers 2", "up ['--min-workers', '2']"),
        ("cluster down c.yaml", "down []"),
        ("cluster status c.yaml --json", "head vaengine cluster status auto --json"),
        ("status --cluster c.yaml --json --limit 3", "head vaengine status --limit 3 --json --cluster auto"),
        ("logs b1 -f --cluster c.yaml", "head vaengine logs b1 --follow --cluster auto"),
        ("cancel b1 b2 --cluster c.yaml", "head vaengine cancel b1 b2 --cluster auto"),
        (
            "cluster submit /v/a.mp4 --out /out --cluster c.yaml --detach",
            "head vaengine cluster submit /v/a.mp4 --out /out --detach --cluster auto",
        ),
    ],
)
def test_a_launch_file_names_its_cluster_whose_head_is_given_the_command(
    typed: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(launcher, "up", lambda file, options: told.append(f"up {list(options)}"))
    monkeypatch.setattr(launcher, "down", lambda file, options: told.append(f"down {list(options)}"))
    codes = iter([0, 1])

    def on_head(file: Path, command: list[str]) -> int:
        told.append(f"head {' '.join(command)}")
        return next(codes)

    monkeypatch.setattr(launcher, "on_head", on_head)
    assert app.outcome(typed.split()) == 0
    assert told == [asked]
    if asked.startswith("head"):
        assert app.outcome(typed.split()) == 1
