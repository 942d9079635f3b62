"""Errors of a run: lost processes and nodes, and writes that the store refuses."""

from __future__ import annotations

from schemas.errors.base import VaengineError


class WorkerLost(VaengineError):
    """The process that held the work died. Values: what it held."""

    template = (
        "a worker process died while it held {0}; the work is done again, or run the same command once more"
    )
    kind = "worker_lost"
    transient = True


class NotStarted(VaengineError):
    """A child process ended before its first request.

    Values: its module, how it ended, its last line of output.
    """

    template = "a process of {0} does not start: {1} ({2}); look at the installation with `vaengine doctor`"
    kind = "not_started"


class NodeLost(VaengineError):
    """The local Ray that the run had started has ended with all its workers.

    Values: what ended.
    """

    template = (
        "{0} ended unexpectedly, and so did every worker; what was committed is kept, run the same "
        "command again"
    )
    kind = "node_lost"
    transient = True


class StaleEpoch(VaengineError):
    """A write of a run that has ended, or that the store does not know.

    Values: epoch of the writer, epoch of the newest run.
    """

    template = "commit refused: run epoch {0} has ended or is unknown here, the store is at {1}"
    kind = "stale_epoch"


class LeaseLost(VaengineError):
    """A write for work that another run holds by now, or that nobody leased.

    Values: what it was for, epoch of the writer.
    """

    template = "commit refused: run {1} does not hold {0}; another run does that work, or has done it"
    kind = "lease_lost"


class StaleAttempt(VaengineError):
    """A late commit of an attempt, after which the chunk was tried again.

    Values: chunk, number of the attempt, number of the newest.
    """

    template = "commit refused: try {1} of {0} has been given up, try {2} took its place"
    kind = "stale_attempt"


class FollowingLost(VaengineError):
    """The log of a submitted batch cannot be followed any more. Values: submission, URL, cause."""

    template = (
        "{0} cannot be followed any more ({2}); it goes on if its head does: `vaengine status --cluster {1}` "
        "finds it again"
    )


class HeadLost(NodeLost):
    """The head of somebody else's cluster went away in mid-run and did not come back.

    Values: address, seconds for which it was waited for.
    """

    template = (
        "the head of the Ray cluster at {0} is gone, and did not come back within {1} s; what was committed "
        "is kept: run the same command again once the cluster is back"
    )
