"""Submits batches to a store, from where an engine takes them, and lists and cancels them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from schemas.errors import NotFound, StoreFailed, UsageError
from schemas.storage.backend import SubmissionStore
from schemas.work.run import new_batch_id
from schemas.work.submission import Submission, SubmissionState

OPTIONS: Final = ("paths", "pipelines", "preset", "settings", "replace", "workers")
MAX_WAITING: Final = 1000


def submit(
    store: SubmissionStore, options: Mapping[str, Any], *, uploads: tuple[str, ...] = ()
) -> Submission:
    """Add a batch for an engine to take; `options` are of `OPTIONS`, as `vaengine.annotate_all` takes them.

    What can be known without a model is checked: names of pipelines and settings, and that the paths lead to
    videos. Raises `UsageError` and its kin.
    """
    _check(options)
    if sum(one.is_open for one in submissions(store).values()) >= MAX_WAITING:
        raise UsageError(f"{MAX_WAITING:,} batches wait already: start an engine with `vaengine work`")
    submission = Submission(new_batch_id(), now_text(), dict(options), uploads=uploads)
    if not store.swap_submission(submission.batch_id, None, submission.to_json()):
        raise StoreFailed(store.url, f"a batch {submission.batch_id} is there already")
    return submission


def submissions(store: SubmissionStore) -> dict[str, Submission]:
    """Every submission by its batch id, the oldest first; what is no submission is left out."""
    found = {}
    for batch_id, text in store.submissions().items():
        with suppress(ValueError):  # of a newer version, whose engine takes it
            found[batch_id] = Submission.from_json(text)
    return dict(sorted(found.items(), key=lambda item: (item[1].at, item[0])))


def cancel_submission(store: SubmissionStore, batch_id: str) -> Submission | None:
    """Cancel a submission that has not ended; None where there is no such one.

    One that an engine is at work on ends as its jobs are cancelled.
    """
    text = store.submissions().get(batch_id)
    if text is None:
        return None
    submission = Submission.from_json(text)
    if not submission.is_open:
        return None
    return swapped(store, submission, submission.moved(SubmissionState.CANCELLED))


def swapped(store: SubmissionStore, old: Submission, new: Submission) -> Submission | None:
    """The new submission where it has taken the place of the old one; None where somebody was faster."""
    return new if store.swap_submission(old.batch_id, old.to_json(), new.to_json()) else None


def submission_of(store: SubmissionStore, batch_id: str) -> Submission:
    """A submission by its batch id; raises `NotFound`."""
    found = submissions(store).get(batch_id)
    if found is None:
        raise NotFound(f"submission {batch_id}", store.url)
    return found


def now_text() -> str:
    """The time, UTC, ISO 8601, to the microsecond, so that submissions have an order."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _check(options: Mapping[str, Any]) -> None:
    from schemas.pipelines import AUDIO
    from schemas.settings import layers
    from vaengine.requests.inputs.found_files import Selection, find_files
    from vaengine.requests.replacement import replace_mode
    from vaengine.requests.run_options import pipelines_named

    if unknown := sorted(options.keys() - set(OPTIONS)):
        raise UsageError(f"unknown option {unknown[0]!r}: there are {', '.join(OPTIONS)}")
    paths = options.get("paths") or ()
    if not paths:
        raise UsageError("no input: give paths of this machine, or upload a video first")
    pipelines = pipelines_named(",".join(options.get("pipelines") or ()))
    settings = options.get("settings") or {}
    layers.configured(layers.layer("settings", dict(layers.flat(settings))))
    replace_mode(options.get("replace") or "ask")
    find_files(tuple(paths), Selection(sound=pipelines == (AUDIO,), everything=False))
