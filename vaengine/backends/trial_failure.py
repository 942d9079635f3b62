"""An error that ended an attempt, as the failure that is stored."""

from __future__ import annotations

import traceback

from schemas.work.messages import ChunkFailure
from schemas.work.retry import TRANSIENT, WORKER_LOST, kind_of
from vaengine.planning.suspects import Work


def lost(work: Work) -> ChunkFailure:
    """The process that watched the attempt is gone, which says nothing about the chunk."""
    return ChunkFailure(WORKER_LOST, f"the process that watched {work.chunk_id} was lost", transient=True)


def raised(work: Work, error: BaseException) -> ChunkFailure:
    """What a worker raised: a failure of the error's own kind, unless another actor's loss was behind it."""
    kind, cause = kind_of(error), getattr(error, "cause", None) or error
    if kind == WORKER_LOST:
        return lost(work)
    message = " ".join(str(cause).split()) or repr(cause)
    told = str(error) if cause is not error else "".join(traceback.format_exception(error))
    return ChunkFailure(kind, message, transient=kind in TRANSIENT, traceback=told)
