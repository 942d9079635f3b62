"""What a store has to do. One contract suite holds every implementation to it."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from schemas.annotations.annotation import FACE_DETECTION, Annotation
from schemas.annotations.coco import frame_order
from schemas.annotations.words import WordSearch
from schemas.media.frames import Floats32
from schemas.media.video import Video
from schemas.storage.imports import ImportStore
from schemas.storage.people import PeopleLog, PersonEdit, PersonReference
from schemas.storage.retention import RetentionStore
from schemas.work.attempt import Attempt, PipelineStart
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus
from schemas.work.job_event import Control, JobEvent, NumberedEvent
from schemas.work.manifest import ChunkCommit, FrameNumbers, ManifestLine
from schemas.work.run import RunInfo, StoredBatch

CONFIDENCE_STEPS: Final = 20  # in which confidences from 0 to 1 are counted


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """What makes rows comparable by looks or voice: `vectors` N x D float32 of length 1, one for each
    annotation id.

    `model` names what made them: vectors of two models are never compared.
    """

    annotation_ids: tuple[str, ...]
    vectors: Floats32
    model: str

    def __post_init__(self) -> None:
        if (
            self.vectors.ndim != 2
            or self.vectors.dtype != np.float32
            or len(self.vectors) != len(self.annotation_ids)
        ):
            raise ValueError(
                f"expected {len(self.annotation_ids)} x D float32, got {self.vectors.shape} "
                f"{self.vectors.dtype}"
            )
        if len(set(self.annotation_ids)) < len(self.annotation_ids):
            raise ValueError("an annotation has one vector")
        if not self.model or not np.isfinite(self.vectors).all():
            raise ValueError(f"vectors are finite, and of a model that is named: {self.model!r}")

    def rows(self) -> Iterator[tuple[str, bytes]]:
        """Each annotation id with its vector as little-endian bytes."""
        yield from (
            (one, vector.astype("<f4").tobytes())
            for one, vector in zip(self.annotation_ids, self.vectors, strict=True)
        )

    def canonical(self) -> Iterator[Mapping[str, Any]]:
        """What the digest of a store covers of them."""
        for one, vector in self.rows():
            yield {"embedding": one, "model": self.model, "sha256": hashlib.sha256(vector).hexdigest()}


@dataclass(frozen=True, slots=True)
class Identity:
    """One person of the collection in one video: `similarity` is the cosine to the identity's mean,
    `first_s` when first seen.
    """

    identity_id: str
    video_id: str
    face_id: str
    config_hash: str
    model: str
    similarity: float
    first_s: float


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a list of videos shows of one, without the times of its frames."""

    video_id: str
    path: str
    size_bytes: int
    duration_s: float
    width: int
    height: int
    codec: str


FaceLinks = Mapping[tuple[str, str], int]  # frames by (face_id, person_id)


@dataclass(frozen=True, slots=True)
class RowCount:
    """How many rows of one type a result has, and the sum of their lengths in seconds, 0 for rows without
    an end.
    """

    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one pipeline of one video ended.

    `annotations` replace every row the work key had; None keeps what the chunks stored.
    """

    key: WorkKey
    job_id: str
    status: JobStatus  # COMPLETED or FAILED
    annotations: tuple[Annotation, ...] | None = None
    error_message: str | None = None
    failure_kind: str | None = None
    warning: str | None = None
    keep_runs: bool = False  # keep rows of other configurations of this pipeline and video
    keep_complete: bool = False  # of those only what is complete: nobody has said that it may be replaced
    embeddings: Embeddings | None = None  # replaced together with the rows
    traceback: str | None = None  # for the job's log

    @property
    def replaces_embeddings(self) -> bool:
        """Whether those that are stored go: they stay only where the rows do and no new ones come."""
        return self.annotations is not None or self.embeddings is not None


class Store(ABC):
    """One store, whatever it is used for."""

    url: str  # as it may be shown: without a password

    @property
    def connection_url(self) -> str:
        """The address that opens the same store in another process, its password included: for runs,
        never to be shown or kept.
        """
        return self.url

    @abstractmethod
    def close(self) -> None:
        """Release connections and handles."""


class ResultStore(Store):
    """What was found, and the jobs and videos it was found for: what readers need."""

    # The seed's five: also usable by hand, outside any run.

    @abstractmethod
    def save_annotations(self, job_id: str, pipeline: str, annotations: list[dict[str, Any]]) -> str:
        """Replace a job's rows of one pipeline, mark it completed, and return the file or URL that holds
        them; empty is a result.
        """

    @abstractmethod
    def load_annotations(self, job_id: str, pipeline: str) -> list[dict[str, Any]]:
        """Rows of a job's pipeline as flat dicts (`Annotation.to_data`), ordered by type, frame, time and
        id; follows links.
        """

    @abstractmethod
    def annotation_exists(self, job_id: str, pipeline: str) -> bool:
        """Whether the pipeline is complete for the job, empty or not; answered from an index, never by
        counting rows.
        """

    @abstractmethod
    def save_job_metadata(self, job: BatchJob) -> None:
        """Insert or update a job and the state of its pipelines."""

    @abstractmethod
    def load_job_metadata(self, job_id: str) -> BatchJob:
        """The job with its pipelines; raises `NotFound`."""

    # Jobs and their results.

    @abstractmethod
    def jobs(
        self,
        *,
        status: JobStatus | None = None,
        batch_id: str | None = None,
        job_ids: Sequence[str] | None = None,
    ) -> Iterator[BatchJob]:
        """Jobs with their pipelines, ordered by creation, then id; of `job_ids` those that there are."""

    @abstractmethod
    def jobs_of(self, video_ids: Sequence[str]) -> list[BatchJob]:
        """Jobs of these videos, ordered by creation, then id."""

    @abstractmethod
    def annotations(self, key: WorkKey) -> list[Annotation]:
        """Rows of one work key, ordered by type, frame, time, id."""

    @abstractmethod
    def each_annotation(
        self, key: WorkKey, kinds: Sequence[str], frames: range | None = None
    ) -> Iterator[Annotation]:
        """Rows of these annotation types of one work key, ordered by frame, time, id, without one first.

        With `frames` only the rows of these frames. A database hands rows over one after the other, of one
        snapshot, never has them all in memory, and reads no others.
        """

    @abstractmethod
    def row_counts(self, keys: Sequence[WorkKey], kinds: Sequence[str]) -> dict[WorkKey, dict[str, RowCount]]:
        """Rows of these annotation types by work key and type; a type without rows is left out, and so is
        a key without any.
        """

    @abstractmethod
    def confidence_counts(self, keys: Sequence[WorkKey]) -> dict[WorkKey, dict[str, list[int]]]:
        """Rows with a confidence by work key and type, in each of `CONFIDENCE_STEPS` equal steps from 0 to 1;
        a type without such rows is left out, and so is a key without any.
        """

    @abstractmethod
    def face_links(self, keys: Sequence[WorkKey]) -> dict[WorkKey, FaceLinks]:
        """How often each face of these results was seen at each tracked person; keys without any are left
        out.
        """

    @abstractmethod
    def embeddings(self, key: WorkKey) -> Embeddings | None:
        """Embeddings of the rows of a work key, ordered by annotation id; None where it has none."""

    @abstractmethod
    def embedding_tokens(self) -> dict[WorkKey, str]:
        """A token for each complete work key that has embeddings, cheap to read: it is another one where the
        key's rows or embeddings were replaced or changed.
        """

    @abstractmethod
    def completed(self, keys: Sequence[WorkKey]) -> set[WorkKey]:
        """Which of these are complete, by whatever job."""

    @abstractmethod
    def completed_of(self, video_ids: Sequence[str]) -> set[WorkKey]:
        """Every work key of these videos that is complete, of whatever configuration."""

    @abstractmethod
    def current_keys(self, pipeline: str, video_ids: Sequence[str] | None = None) -> dict[WorkKey, str]:
        """The work keys of the current results of a pipeline that are complete, of these videos or of all,
        with the location of each video; as `schemas.work.current_result.complete_results`, but cheap.
        """

    @abstractmethod
    def manifest(self, keys: Sequence[WorkKey]) -> dict[WorkKey, list[ManifestLine]]:
        """Committed chunks of each key, ordered by start."""

    @abstractmethod
    def canonical_rows(self) -> Iterable[Mapping[str, Any]]:
        """Every annotation, embedding, job and pipeline state as plain objects: what a digest covers.

        Times of storing, run ids, attempts, epochs, leases, events and what is asked of a job are not among
        them.
        """

    # What is said.

    @abstractmethod
    def utterances(self, search: WordSearch, video_ids: Sequence[str] | None = None) -> list[Annotation]:
        """Rows of speech that contain every phrase of a search, in these videos or in all, by video, time and
        id; of whatever configuration, finished or not.
        """

    @abstractmethod
    def words_near(self, speech: Sequence[Annotation]) -> list[Annotation]:
        """Rows of single words that begin within these rows of speech, in the same order."""

    # Videos.

    @abstractmethod
    def videos(self, video_ids: Sequence[str]) -> dict[str, Video]:
        """Probed facts of videos by id; those never readable are left out."""

    @abstractmethod
    def video_facts(self, video_ids: Sequence[str] | None = None) -> dict[str, VideoFacts]:
        """Facts of these videos or of all, by id, cheap enough for every video of a collection."""

    @abstractmethod
    def known_videos(self, paths: Sequence[str]) -> dict[str, Video]:
        """What was probed before, by absolute path: the caller compares size and mtime before it trusts
        an entry.
        """

    @abstractmethod
    def fingerprints(self, video_ids: Sequence[str]) -> dict[str, str]:
        """Full fingerprint of each of these video ids that is taken."""

    @abstractmethod
    def ids_by_content(self, fingerprints: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Ids of the videos that have each of these fingerprints, sorted; contents that are unknown are
        left out.
        """

    @abstractmethod
    def known_paths(self) -> dict[str, str]:
        """Video id of every path that a video was found under."""


class RunStore(Store):
    """What a run writes, and what it holds meanwhile.

    Several runs may work on one store at once: each holds the leases of the work keys it works on, and of a
    key only its holder writes, so a writer orphaned by `kill -9` cannot touch what its successor has taken
    over. A lease is its run's as long as that lives: one that has ended, is gone from this machine, or gave
    no sign of life for a minute loses its leases to whoever asks.

    Every write of a run carries its epoch and raises `StaleEpoch` where that run has ended or is unknown. An
    epoch of None is a person's hand, which needs no lease.
    """

    # Runs and leases.

    @abstractmethod
    def open_run(self, run: RunInfo) -> int:
        """Begin a run: returns its epoch, one more than any before it.

        A process that begins its batch again, such as with new actors, ends what it had begun before and
        takes over its leases.
        """

    @abstractmethod
    def close_run(self, epoch: int, outcome: str) -> None:
        """Note how the run ended, and give back all its leases; changes nothing when it has ended already."""

    @abstractmethod
    def lease(self, epoch: int, keys: Sequence[WorkKey]) -> set[WorkKey]:
        """Take those of these keys that are free or a dead run's; returns all of them that this run holds
        now.

        Never leased: what is complete, what is cancelled or in quarantine (`KEPT_FAILED`), and what only
        paused jobs ask for.
        """

    @abstractmethod
    def release(self, epoch: int, keys: Sequence[WorkKey]) -> None:
        """Give leases back; those of other runs stay."""

    @abstractmethod
    def holders(self, keys: Sequence[WorkKey]) -> dict[WorkKey, int]:
        """Epoch of the run that each of these keys is leased to, whether it lives or not; those that are
        free are left out.
        """

    @abstractmethod
    def batches(self) -> list[StoredBatch]:
        """Every run, newest first."""

    @abstractmethod
    def record(
        self,
        epoch: int,
        attempts: Sequence[Attempt],
        progress: str | None = None,
        starts: Sequence[PipelineStart] = (),
    ) -> None:
        """A sign of life, with news of tries by (chunk_id, number), of the run's progress (JSON) and of
        pipelines started; one transaction.

        A try that has ended is never moved again: events may come late, repeated and out of order. A pipeline
        that was started is running, and so is its job, unless it has ended, is paused, or the run does not
        hold its key; `started_at` says since when.
        """

    @abstractmethod
    def attempts(self, video_ids: Sequence[str]) -> list[Attempt]:
        """Tries of these videos' chunks, by chunk and number."""

    @abstractmethod
    def progress(self, epoch: int) -> str | None:
        """What a run last said of itself, JSON; also one that has ended."""

    @abstractmethod
    def meta(self, name: str) -> str | None:
        """A setting the store remembers, such as what preset auto was resolved to."""

    @abstractmethod
    def set_meta(self, epoch: int, name: str, value: str) -> None:
        """Remember a setting."""

    # Work.

    @abstractmethod
    def register(self, epoch: int, videos: Sequence[Video], jobs: Sequence[BatchJob]) -> set[WorkKey]:
        """Insert or refresh videos and jobs, and lease what is to do of them, in one transaction; returns
        what another live run holds.

        A job that is there keeps its created_at, its retry_count, its control and the pipelines that are
        complete; `BatchJob.status` and its `pipeline_results` are taken over for the rest. A pipeline that
        another job of the same video completed with the same config_hash is linked: its status becomes
        completed and `load_annotations` finds those rows. One that is cancelled or in quarantine stays so,
        with its message; one that another live run holds keeps its state; those of a paused job are pending.
        """

    @abstractmethod
    def add_paths(self, epoch: int, copies: Sequence[Video]) -> None:
        """Remember the paths of these as further paths of videos that are registered; the path that is
        shown of each stays.
        """

    @abstractmethod
    def commit_chunks(self, epoch: int, commits: Sequence[ChunkCommit]) -> dict[WorkKey, int]:
        """One transaction: for each, delete the rows of its frames, insert its rows, upsert its manifest
        line.

        Committing the same chunk again changes nothing, nor does a late chunk of a key that is complete.
        Tries of these chunks that are still leased end with it. Returns the frames committed so far, lost
        ones included, of each key touched.

        Raises, with nothing written: `LeaseLost` where the run does not hold the key (of one that failed and
        that nobody holds since, chunks that were in work are still kept); `StaleAttempt` where a chunk has
        been tried again since.
        """

    @abstractmethod
    def payloads(self, key: WorkKey) -> list[bytes]:
        """Payloads of all committed chunks of a key, in order; none once it is complete."""

    def numbers(self, key: WorkKey) -> FrameNumbers:
        """Payloads of all committed chunks of a key of pictures, joined in presentation order."""
        return FrameNumbers.joined(map(FrameNumbers.from_bytes, self.payloads(key)))

    @abstractmethod
    def finish(self, epoch: int | None, outcome: Outcome) -> None:
        """One transaction: replace the key's rows, drop its payloads if completed, and other configurations'
        rows unless `keep_runs`.

        With `keep_complete` only what other configurations left unfinished goes. Sets the pipeline's and the
        job's status, count, digest and times; every other job linked to the same key follows. The key's lease
        is given back. Other configurations that a live run holds are left to it. Changes nothing where the
        key is complete; otherwise raises `LeaseLost` where the run does not hold it.
        """

    @abstractmethod
    def mark(self, epoch: int | None, job_id: str, pipelines: Sequence[str], status: JobStatus) -> None:
        """Move these pipelines, and with them the job, to `pending` or `running`.

        Complete ones and those that are cancelled or in quarantine stay; raises `LeaseLost` where the run
        lacks one of the others.
        """


class JobControls(Store):
    """What people ask of jobs while runs are at them, and the logs of jobs."""

    @abstractmethod
    def request(self, job_ids: Sequence[str], control: Control | None) -> None:
        """Ask the runs of these jobs to pause or to cancel; None: neither any longer. Raises `NotFound`."""

    @abstractmethod
    def controls(self) -> dict[str, Control]:
        """What is asked of which job, where something is; cheap enough to be read every second."""

    @abstractmethod
    def cancel(self, epoch: int | None, job_id: str) -> None:
        """Call a job off: pipelines that have not ended are failed as cancelled, what was committed stays,
        nothing is asked any longer.

        The leases of their keys and the leased tries of the video go, so that late commits are refused. Other
        jobs linked to these keys follow. Raises `NotFound`.
        """

    @abstractmethod
    def reopen(self, job_ids: Sequence[str], pipelines: Sequence[str] | None = None) -> int:
        """Have failed pipelines tried again, however they failed (of these names, None: of any); returns how
        many.

        They are pending without a reason, the tries of their videos are forgotten, each job counts a retry,
        and nothing is asked of it any longer. Other jobs linked to the same keys follow. Raises `NotFound`.
        """

    @abstractmethod
    def quarantine(self, job_ids: Sequence[str], pipelines: Sequence[str] | None = None) -> int:
        """Put failed pipelines into quarantine (of these names, None: of any); returns how many.

        They stay failed with their messages, and no run tries them until they are reopened. Those that are in
        quarantine already are left as they are. Other jobs linked to the same keys follow. Raises `NotFound`.
        """

    @abstractmethod
    def events(self, job_id: str) -> list[JobEvent]:
        """What happened to a job, by time: what the store noted, and how tries of its video's chunks ended.

        Raises `NotFound`.
        """

    @abstractmethod
    def events_after(self, number: int, limit: int) -> list[NumberedEvent]:
        """The first `limit` events of all jobs after this number, by number; those of removed jobs are gone.

        A number that is visible late, of a transaction that took long, may be lower than one seen before.
        """

    @abstractmethod
    def newest_event(self) -> int:
        """The highest number of an event, 0 before the first."""


class SubmissionStore(Store):
    """Batches that were submitted and wait for an engine, as JSON documents by their ids."""

    @abstractmethod
    def submissions(self) -> dict[str, str]:
        """Every submission, also those that were taken or have ended."""

    @abstractmethod
    def swap_submission(self, submission_id: str, old: str | None, new: str | None) -> bool:
        """Put a document in the place of another, if that is what is stored; returns whether it was.

        None stands for no document: `old` to add one, `new` to remove one. Of two who take a submission at
        once one does.
        """


class IdentityStore(Store):
    """Who is who across the videos of the collection."""

    @abstractmethod
    def put_identities(self, identities: Sequence[Identity]) -> None:
        """Replace the identities of the collection as a whole; they are derived from embeddings, so no
        digest covers them.
        """

    @abstractmethod
    def identities(self) -> list[Identity]:
        """What was stored last, by identity, video and face."""


class QueryStore(Store):
    """Queries that people keep by name."""

    @abstractmethod
    def saved_queries(self) -> dict[str, str]:
        """The document of each saved query, JSON, by its name."""

    @abstractmethod
    def save_query(self, name: str, document: str) -> None:
        """Keep a query under a name, in place of the one that has it."""

    @abstractmethod
    def drop_query(self, name: str) -> bool:
        """Forget a saved query; returns whether there was one."""


class PeopleStore(Store):
    """Who is who by hand: persons of the collection with names, by what was seen and heard of them."""

    @abstractmethod
    def people(self) -> PeopleLog:
        """All edits in order, with the references that they are about."""

    @abstractmethod
    def add_person_edit(
        self, edit: PersonEdit, references: Sequence[PersonReference] = (), *, after: str | None
    ) -> None:
        """Append an edit, with references that are new, in one transaction.

        `after` is the id of the newest edit that the decision knew, None for none. Raises `PeopleChanged`
        where another edit is the newest by now. No digest of a store covers edits.
        """


class StorageBackend(
    ResultStore,
    RunStore,
    JobControls,
    SubmissionStore,
    IdentityStore,
    PeopleStore,
    QueryStore,
    ImportStore,
    RetentionStore,
):
    """Keeps annotations, jobs and the manifest; what is committed survives a kill at any moment.

    Whoever needs only one of its parts takes that one. All text times are UTC `YYYY-MM-DD HH:MM:SS`. A full
    disk raises `DiskFull`.
    """


def row_counts(found: Iterable[Annotation], kinds: Sequence[str]) -> dict[str, RowCount]:
    """Rows of these types, by type; a type without rows is left out."""
    lengths: dict[str, list[float]] = {}
    for row in found:
        if row.annotation_type in kinds:
            lengths.setdefault(row.annotation_type, []).append(_length_s(row))
    return {kind: RowCount(len(each), sum(each)) for kind, each in lengths.items()}


def ordered_rows(
    found: Iterable[Annotation], kinds: Sequence[str], frames: range | None = None
) -> list[Annotation]:
    """Rows of these types, and of these frames, by frame, time and id; see `ResultStore.each_annotation`."""
    wanted = (row for row in found if row.annotation_type in kinds)
    return sorted((row for row in wanted if frames is None or row.frame_number in frames), key=frame_order)


def confidence_step(confidence: float) -> int:
    """The number of the step that a confidence in 0..1 is in; 1 is in the last one."""
    return min(int(confidence * CONFIDENCE_STEPS), CONFIDENCE_STEPS - 1)


def confidence_counts(found: Iterable[Annotation]) -> dict[str, list[int]]:
    """Rows with a confidence by type, in each step."""
    counts: dict[str, list[int]] = {}
    for row in found:
        if row.confidence is not None:
            own = counts.setdefault(row.annotation_type, [0] * CONFIDENCE_STEPS)
            own[confidence_step(row.confidence)] += 1
    return counts


def face_links(found: Iterable[Annotation]) -> FaceLinks:
    """How often each face was seen at each tracked person, by the rows of faces."""
    return Counter(
        (row.face_id, row.person_id)
        for row in found
        if row.annotation_type == FACE_DETECTION and row.face_id and row.person_id
    )


def _length_s(row: Annotation) -> float:
    return (
        0.0
        if row.end_seconds is None or row.timestamp_seconds is None
        else row.end_seconds - row.timestamp_seconds
    )
