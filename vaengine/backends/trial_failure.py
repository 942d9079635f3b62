"""Turns the error that ended an attempt into the failure that is stored."""

from __future__ import annotations

import traceback

from schemas.work.messages import ChunkFailure
from schemas.work.retry import TRANSIENT, WORKER_LOST, kind_of
from vaengine.planning.suspects import Work


def lost_failure(work: Work) -> ChunkFailure:
    """The failure of a chunk whose watching process is gone; the chunk is not to blame."""
    return ChunkFailure(WORKER_LOST, f"the process that watched {work.chunk_id} was lost", transient=True)


def raised_failure(work: Work, error: BaseException) -> ChunkFailure:
    """The failure for an error that a worker raised, of the error's kind.

    An error that comes from the loss of another actor gives the same failure as `lost_failure`.
    """
    kind, cause = kind_of(error), getattr(error, "cause", None) or error
    if kind == WORKER_LOST:
        return lost_failure(work)
    message = " ".join(str(cause).split()) or repr(cause)
    details = str(error) if cause is not error else "".join(traceback.format_exception(error))
    return ChunkFailure(kind, message, transient=kind in TRANSIENT, traceback=details)
