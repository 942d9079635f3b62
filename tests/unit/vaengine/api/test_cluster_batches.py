"""A batch is handed over once for each command, and goes on where it stopped."""

from __future__ import annotations

import shlex

import pytest

from cluster.submission.job_server import Job
from cluster.submission.submission import Submission, batch_of
from schemas.errors import SubmissionFailed
from vaengine import __version__
from vaengine.api.cluster_batches import RunCommand, end_text, exit_code, submit

COMMAND = RunCommand(("run", "/v/a b.mp4", "--out", "/out"), "/out")
BATCH = batch_of(COMMAND.arguments)


class FakeServer:
    """Keeps the jobs that it is handed, as Ray does: each id once."""

    def __init__(self, *there: Submission, late: tuple[Submission, ...] = ()) -> None:
        self._there, self._late, self.jobs = list(there), late, list[Job]()

    def submissions(self) -> list[Submission]:
        return list(self._there)

    def submit(self, job: Job) -> None:
        self._there += self._late
        if any(one.submission_id == job.submission_id for one in self._there) or self._late:
            raise SubmissionFailed(
                "http://head:8265", f"Job with submission_id {job.submission_id} already exists"
            )
        self.jobs.append(job)


def submission(state: str, number: int = 1, batch: str = BATCH) -> Submission:
    name = f"vaengine-{batch}" if number == 1 else f"vaengine-{batch}-{number}"
    return Submission(name, batch, state, "run")


def test_a_run_is_handed_over_as_a_command_that_a_shell_reads_back() -> None:
    server = FakeServer(submission("RUNNING", batch="other"))
    handover = submit(server, COMMAND)  # type: ignore[arg-type]
    (job,) = server.jobs
    assert (handover.submission_id, handover.how) == (f"vaengine-{BATCH}", "begun")
    assert shlex.split(job.command) == [
        *("exec", "python", "-m", "vaengine", "run", "/v/a b.mp4", "--out", "/out", "--cluster", "auto")
    ]
    assert (job.version, job.out, job.variables) == (__version__, "/out", {"VAENGINE_BATCH": BATCH})
    assert [folder.name for folder in job.packages] == ["vaengine", "actors", "cluster", "schemas"]


def test_the_password_of_a_store_goes_beside_the_command() -> None:
    server = FakeServer()
    submit(server, RunCommand(COMMAND.arguments, "/out", "postgresql://ann@db/x", "secret"))  # type: ignore[arg-type]
    (job,) = server.jobs
    assert job.variables == {"VAENGINE_BATCH": BATCH, "PGPASSWORD": "secret"}
    assert "secret" not in job.command


@pytest.mark.parametrize(
    ("states", "how", "number"),
    [
        (["PENDING"], "joined", 1),
        (["FAILED", "RUNNING"], "joined", 2),
        (["FAILED"], "continued", 2),
        (["FAILED", "STOPPED"], "continued", 3),
        (["SUCCEEDED"], "continued", 2),
    ],
    ids=str,
)
def test_the_same_command_again_joins_what_is_at_work_and_goes_on_with_what_has_ended(
    states: list[str], how: str, number: int
) -> None:
    server = FakeServer(*(submission(state, at) for at, state in enumerate(states, start=1)))
    handover = submit(server, COMMAND)  # type: ignore[arg-type]
    assert (handover.how, handover.submission_id) == (how, submission("", number).submission_id)
    assert len(server.jobs) == (how == "continued")


def test_of_two_who_give_a_command_at_once_one_joins_the_other() -> None:
    server = FakeServer(late=(submission("PENDING"),))
    assert submit(server, COMMAND).how == "joined"  # type: ignore[arg-type]


def test_another_refusal_is_told() -> None:
    with pytest.raises(SubmissionFailed, match="refused this: Job with"):
        submit(FakeServer(late=(submission("RUNNING", batch="other"),)), COMMAND)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "code", "exits", "says"),
    [
        ("SUCCEEDED", 0, 0, "is completed; its results are in /out on the cluster"),
        ("FAILED", 1, 1, "ended with exit code 1; give the same command again"),
        ("FAILED", 2, 2, "ended with exit code 2"),
        ("FAILED", 127, 127, "the head has no `python` on its PATH"),
        ("FAILED", -9, 1, "ended with exit code -9"),
        ("FAILED", None, 1, "could not be run: no node"),
        ("STOPPED", None, 143, "was stopped, what was done is kept; give the same command again"),
    ],
)
def test_how_a_batch_ended_is_its_exit_code_and_one_line(
    state: str, code: int | None, exits: int, says: str
) -> None:
    ended = Submission("vaengine-b", "b", state, "run", out="/out", exit_code=code, message="no\nnode")
    assert exit_code(ended) == exits
    assert says in end_text(ended)
    assert "\n" not in end_text(ended)
