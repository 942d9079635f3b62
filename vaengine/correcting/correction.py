"""Carries corrections of boxes out: a result of people beside the machine's, which nothing removes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain

from actors.stores.rules.states import now
from schemas.annotations.annotation import Annotation, job_id_for
from schemas.errors import UsageError
from schemas.media.video import Video
from schemas.storage.backend import StorageBackend
from schemas.storage.imports import HumanResults
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from vaengine.correcting.box_rows import corrected_rows
from vaengine.correcting.edits import BoxEdit, BoxKind
from vaengine.correcting.history import CORRECTION, CorrectionFacts, next_number, undo_plan
from vaengine.correcting.stored_boxes import HUMAN_OF, StoredBoxes
from vaengine.importing.rows import config_hash_of, identified_rows
from vaengine.results.longest_span import LONGEST_SPAN_S, longest_span_of


def correct_boxes(
    store: StorageBackend, video: Video, edits: Sequence[BoxEdit], revision: str, annotator: str = ""
) -> BatchJob:
    """Correct boxes of the results that answer for a video, people's before the machine's; returns the job.

    The edits are carried out in order, all or none. Raises `ResultsChanged` where the results are not those
    of the revision, `NotFound` for a result, label or box that is not there, and `UsageError` for results
    that are not complete.
    """
    if not edits:
        raise UsageError("a correction has one edit or more, this one has none")
    stored = StoredBoxes(store, video)
    stored.require(revision)
    by_kind: defaultdict[BoxKind, list[BoxEdit]] = defaultdict(list)
    for edit in edits:
        by_kind[edit.kind].append(edit)
    before = {kind: stored.answering(kind) for kind in by_kind}
    rows = {
        HUMAN_OF[kind]: corrected_rows(stored.boxes(kind, before[kind]), own) for kind, own in by_kind.items()
    }
    by_pipeline = {HUMAN_OF[kind]: name for kind, name in before.items()}
    told = tuple(edit.to_data() for edit in edits)
    facts = CorrectionFacts(next_number(stored.jobs), annotator, told, by_pipeline)
    return _store(store, video, rows, facts, {name: one.config_hash for name, one in by_pipeline.items()})


def undo_correction(store: StorageBackend, video: Video, revision: str) -> BatchJob:
    """Take back the newest correction of a video's boxes that is not taken back yet; returns the job.

    Raises `UsageError` where there is none, `ResultsChanged` where the results are not those of the revision,
    and `NotFound` where what was there before is not stored any more.
    """
    stored = StoredBoxes(store, video)
    stored.require(revision)
    plan = undo_plan(stored.jobs)
    rows = {
        HUMAN_OF[kind]: corrected_rows(stored.boxes(kind, plan.back_to[HUMAN_OF[kind]]), ())
        for kind in HUMAN_OF
        if HUMAN_OF[kind] in plan.back_to
    }
    made_of = {
        HUMAN_OF[kind]: stored.answering(kind).config_hash for kind in HUMAN_OF if HUMAN_OF[kind] in rows
    }
    return _store(store, video, rows, plan.facts, made_of)


def _store(
    store: StorageBackend,
    video: Video,
    drafts: Mapping[str, Sequence[Annotation]],
    facts: CorrectionFacts,
    made_of: Mapping[str, str],
) -> BatchJob:
    """Store rows without ids as the current result of people.

    Its configuration is what it was made of and how: that says which rows these are.
    """
    correction = facts.to_data()
    config_hash = config_hash_of({"made_of": dict(made_of), CORRECTION: correction})
    rows = identified_rows(drafts, config_hash)
    known = store.jobs_of([video.video_id])[0]  # any: where the files are
    job = BatchJob(
        job_id=job_id_for(video.video_id, dict.fromkeys(rows, config_hash)),
        video_path=known.video_path,
        output_dir=known.output_dir,
        config={
            "source": "human",
            CORRECTION: correction,
            LONGEST_SPAN_S: longest_span_of(chain.from_iterable(rows.values())),
        },
        video_id=video.video_id,
        pipeline_results={name: PipelineResult(name, config_hash, JobStatus.PENDING) for name in rows},
        created_at=now(),
    )
    store.add_human_results([HumanResults(job, rows, made_of)])
    return job
