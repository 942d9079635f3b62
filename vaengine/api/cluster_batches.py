"""Batches on a cluster: hands them over, once for each command, and follows them to their end."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cluster.submission.following import follow
from cluster.submission.job_server import Job, JobServer
from cluster.submission.submission import Submission, batch_of, newest, next_id
from schemas.errors import SubmissionFailed
from vaengine.process.packages import own_packages
from vaengine.process.supervisor import BATCH_VARIABLE

# The environment of Ray's node is that of the job; `exec` leaves no shell between the run and its signals.
PROGRAM: Final = "exec python -m vaengine"
NO_PYTHON: Final = 127  # how a shell ends that finds no program
EXIT_CODES: Final = {"SUCCEEDED": 0, "STOPPED": 143}


@dataclass(frozen=True, slots=True)
class RunCommand:
    """A run that a cluster is to make: its command line, where its results go, the password of its store."""

    arguments: tuple[str, ...]
    out: str
    db: str = ""
    password: str | None = None

    def __repr__(self) -> str:
        return f"RunCommand({shlex.join(self.arguments)})"


@dataclass(frozen=True, slots=True)
class Handover:
    """What came of a submit: the submission, and whether it is "begun", "continued" or "joined"."""

    submission_id: str
    batch_id: str
    how: str

    def __str__(self) -> str:
        ends = {
            "begun": f"handed over as {self.submission_id}",
            "continued": f"handed over again as {self.submission_id}; it goes on where it stopped",
            "joined": f"at work already as {self.submission_id}",
        }
        return f"batch {self.batch_id}: {ends[self.how]}"


def submit(server: JobServer, command: RunCommand) -> Handover:
    """Hand a batch to a cluster unless it is at work there; raises `SubmissionFailed`.

    The batch's id is made from its command. So the same command again, from wherever, finds it at work, or
    continues what had stopped.
    """
    from vaengine import __version__

    batch_id, there = batch_of(command.arguments), server.submissions()
    last = newest(batch_id, there)
    if last and not last.has_ended:
        return Handover(last.submission_id, batch_id, "joined")
    job = Job(
        next_id(batch_id, there),
        f"{PROGRAM} {shlex.join([*command.arguments, '--cluster', 'auto'])}",
        batch_id,
        __version__,
        command.out,
        command.db,
        own_packages(),
        {BATCH_VARIABLE: batch_id, **({"PGPASSWORD": command.password} if command.password else {})},
    )
    try:
        server.submit(job)
    except SubmissionFailed:
        other = newest(batch_id, server.submissions())
        if other is None or other.submission_id != job.submission_id:
            raise
        return Handover(
            job.submission_id, batch_id, "joined"
        )  # somebody has given the command a moment before
    return Handover(job.submission_id, batch_id, "continued" if last else "begun")


def followed(server: JobServer, submission_id: str, write: Callable[[str], None]) -> Submission:
    """Write a batch's log until it has ended; returns how. Raises `FollowingLost`."""
    return follow(server, submission_id, write)


def exit_code(ended: Submission) -> int:
    """The exit code of a batch that has ended: its command's, else by how the job server saw it end."""
    if ended.exit_code is not None and ended.exit_code >= 0:
        return ended.exit_code
    return EXIT_CODES.get(ended.state, 1)


def end_text(ended: Submission) -> str:
    """How a batch ended and what to do next, in one line."""
    again = "give the same command again to go on"
    if ended.exit_code == NO_PYTHON:
        return (
            "the head has no `python` on its PATH: start Ray there from the environment that vaengine is "
            "installed in"
        )
    if ended.state == "STOPPED":
        return f"batch {ended.batch_id} was stopped, what was done is kept; {again}"
    if ended.state == "SUCCEEDED":
        return (
            f"batch {ended.batch_id} is completed; its results are in {ended.db or ended.out} on the cluster"
        )
    if ended.exit_code is None:
        reason = " ".join(ended.message.split())[:300]
        return f"batch {ended.batch_id} could not be run: {reason}; `vaengine cluster status` may say why"
    return f"batch {ended.batch_id} ended with exit code {ended.exit_code}; {again}"
