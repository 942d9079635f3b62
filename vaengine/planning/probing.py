"""Probes files ahead of the work: in parallel, in pages, and not at all if the store knows them unchanged."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from operator import itemgetter

from actors.child_process import ChildProcess, allow_cpu, attach
from schemas.errors import EndsItsReader, NameUnstorable, Unreadable, VideoError
from schemas.media.video import StreamFault, Video
from schemas.redaction import is_storable, storable
from schemas.work.messages import ChunkFailure
from schemas.work.retry import WORKER_LOST

FIRST_PAGE_TIMEOUT_S = 2.0  # a page that is not full is returned after so long
MAX_PROBERS = 8  # probing processes; they wait for the disk more than for a processor
MAX_CPU_SECONDS = 600.0  # processor time for probing one file; a complete index of hours takes a few seconds
MAX_READY = 2_000  # probed files that wait for their page; the frame times of three minutes take 43 kB
FIRST_PAGE_CHUNKS = 1_000  # so that work begins soon; each page may be twice as large as the one before
KNOWN_VIDEOS = 1_000  # that are read from the store at once, with their frame times
CANCEL_LOOK_S = 0.2  # from one look whether results are still wanted to the next
MAX_ATTEMPTS = 3  # for a file whose prober was killed by something else


@dataclass(frozen=True, slots=True)
class ProbedVideo:
    """The result of probing one path: a video, or an error with an identity for the unreadable file."""

    path: str
    video_id: str
    fingerprint: str
    video: Video | None = None
    error: VideoError | None = None


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """What to probe of a file: which streams, and its fingerprint if that is known already."""

    path: str
    pictures: bool = True
    sound: bool = True
    fingerprint: str | None = None
    video_track: int | None = None


def probe_path(
    path: str, *, video_track: int | None = None, sound: bool = True, fingerprint: str | None = None
) -> ProbedVideo:
    """Probe a file in this process.

    `video_track` is the number of the video track, None for the default one. Without `sound` no sound stream
    is read. `fingerprint` is that of the content, if it is known. Never raises for a fault of the file. A
    path that is not UTF-8 is replaced by one that is.
    """
    return probed(ProbeRequest(path, sound=sound, fingerprint=fingerprint, video_track=video_track))


def probed(request: ProbeRequest) -> ProbedVideo:
    """As `probe_path`, for the requested streams."""
    from actors.probing.probe import StreamChoice, failed_identity, identity_of_path, probe

    path = request.path

    if not is_storable(path):
        storable_path = storable(path)
        return ProbedVideo(storable_path, *identity_of_path(path), error=NameUnstorable(storable_path))
    try:
        streams = StreamChoice(request.pictures, request.sound)
        video = probe(path, fingerprint=request.fingerprint, video_track=request.video_track, look=streams)
    except VideoError as error:
        return ProbedVideo(path, *failed_identity(path), error=error)
    except OSError as error:  # it disappeared while it was probed
        return ProbedVideo(path, *failed_identity(path), error=Unreadable(path, error.strerror or str(error)))
    except Exception as error:  # noqa: BLE001 an unforeseen container fails its own job, not the run
        return ProbedVideo(
            path,
            *failed_identity(path),
            error=VideoError(path, f"its header cannot be understood ({error!r})"),
        )
    return ProbedVideo(path, video.video_id, video.fingerprint, replace(video, path=path))


def is_unchanged(path: str, known: Video) -> bool:
    """Whether a file still has the facts, such as size and time, that it had when it was probed."""
    from actors.sources.facts import facts_of, known_facts

    try:
        return facts_of(path) == known_facts(known)
    except (OSError, VideoError):
        return False


class Prober:
    """Probes files one after the other in a child process, so that a file that crashes it fails alone.

    If the process ends while it probes all streams of a file, each kind of stream is probed alone, so that
    only the faulty one is lost.
    """

    def __init__(self) -> None:
        self._child = ChildProcess("vaengine.planning.probing")

    def probe(
        self, path: str, *, sound: bool = True, fingerprint: str | None = None, video_track: int | None = None
    ) -> ProbedVideo:
        """As `probe_path`; without `sound` no sound stream is touched."""
        request = ProbeRequest(path, sound=sound, fingerprint=fingerprint, video_track=video_track)
        result = self._probe_in_child(request)
        if isinstance(result, ProbedVideo):
            return result
        if sound and result.kind != WORKER_LOST:
            apart = self._probe_streams_apart(request)
            if apart is not None:
                return apart
        from actors.probing.probe import failed_identity

        return ProbedVideo(path, *failed_identity(path), error=EndsItsReader(path, result.message))

    def _probe_streams_apart(self, request: ProbeRequest) -> ProbedVideo | None:
        """Probe frames and sound one after the other; None where neither can be probed.

        A stream that ends the process has a fault of its own.
        """
        pictures = self._probe_in_child(replace(request, sound=False))
        sound = self._probe_in_child(replace(request, pictures=False))
        if isinstance(pictures, ProbedVideo) and pictures.video:
            fault = _stream_fault(sound)
            return replace(pictures, video=replace(pictures.video, is_sound_known=True, sound_fault=fault))
        if isinstance(sound, ProbedVideo) and sound.video:
            return replace(sound, video=replace(sound.video, picture_fault=_stream_fault(pictures)))
        return None

    def _probe_in_child(self, request: ProbeRequest) -> ProbedVideo | ChunkFailure:
        """The result of a probe, or how the child process ended.

        The probe is repeated if something else ended the process.
        """
        for _ in range(MAX_ATTEMPTS):
            try:
                connection = self._child.connection()
                connection.send(request)
                result: ProbedVideo = connection.recv()
            except (EOFError, OSError):
                child_end = self._child.end(None)
            else:
                return result
            if child_end.kind != WORKER_LOST:
                break
        return child_end

    def close(self) -> None:
        """End the child process."""
        self._child.close()


def main(descriptor: int) -> None:
    """The child process of a `Prober`."""
    connection = attach(descriptor)
    while True:
        try:
            request: ProbeRequest = connection.recv()
        except EOFError:
            return
        allow_cpu(MAX_CPU_SECONDS)
        connection.send(probed(request))


def _stream_fault(result: ProbedVideo | ChunkFailure) -> StreamFault | None:
    """The fault of a stream that was probed alone; None where it has none or is not there."""
    return StreamFault(EndsItsReader.kind, result.message) if isinstance(result, ChunkFailure) else None


class Probing:
    """Probes `paths` in child processes from the moment it is made, and returns results in pages.

    `known` looks up what a store knows of some paths; it is called from time to time, on any thread. Without
    `sound`, sound streams are not touched.
    """

    def __init__(
        self,
        paths: Sequence[str],
        known: Callable[[Sequence[str]], Mapping[str, Video]],
        *,
        video_track: int | None = None,
        sound: bool = True,
    ) -> None:
        self._unserved, self._video_track, self._sound = len(paths), video_track, sound
        self._ready: queue.Queue[tuple[int, ProbedVideo | BaseException]] = queue.Queue(MAX_READY)
        self._waiting, self._taking = _with_known(paths, known), threading.Lock()
        self._page_chunks = FIRST_PAGE_CHUNKS
        probers = min(MAX_PROBERS, max(2, os.cpu_count() or 2))
        self._pool = ThreadPoolExecutor(probers, thread_name_prefix="probe")
        self._cancelled = threading.Event()
        self._thread_state = threading.local()
        self._probers: list[Prober] = []  # one for each thread that used one
        for _ in range(min(probers, len(paths))):
            self._pool.submit(self._probe_all)

    def _probe_all(self) -> None:
        """Takes one path after the other.

        So a run of a million videos has no million tasks, and few results that nobody has taken yet.
        """
        number = 0
        try:
            while (taken := self._next()) is not None:
                number, path, known = taken
                self._deliver((number, self._reuse_or_probe(path, known)))
        except BaseException as error:  # noqa: BLE001 raised in the thread that waits for the page
            self._deliver((number, error))

    def _next(self) -> tuple[int, str, Video | None] | None:
        with self._taking:
            return None if self._cancelled.is_set() else next(self._waiting, None)

    def _deliver(self, result: tuple[int, ProbedVideo | BaseException]) -> None:
        while not self._cancelled.is_set():
            try:
                self._ready.put(result, timeout=CANCEL_LOOK_S)
            except queue.Full:
                continue
            return

    def _reuse_or_probe(self, path: str, known: Video | None) -> ProbedVideo:
        """`known` again if the file is unchanged and `known` is sufficient, else a fresh probe."""
        unchanged = known if known is not None and is_unchanged(path, known) else None
        if unchanged and self._is_sufficient(unchanged):
            return ProbedVideo(path, unchanged.video_id, unchanged.fingerprint, replace(unchanged, path=path))
        if not hasattr(self._thread_state, "prober"):
            self._thread_state.prober = Prober()
            self._probers.append(self._thread_state.prober)
        prober: Prober = self._thread_state.prober
        fingerprint = unchanged.fingerprint if unchanged else None
        return prober.probe(path, sound=self._sound, fingerprint=fingerprint, video_track=self._video_track)

    def _is_sufficient(self, known: Video) -> bool:
        """Whether a stored video has the requested track, and its sound if sound is requested.

        Streams with a fault are probed again each time they are requested: another version may be able to
        read them.
        """
        if known.picture_fault or known.track != self._video_track:
            return False
        return not self._sound or (known.is_sound_known and not known.sound_fault)

    def page(self, max_chunks: int, chunk_s: float) -> list[ProbedVideo]:
        """Probed files for up to about so many chunks, and for fewer at first.

        Returns when that many are ready, after 2 s with those that are, or at the end. The page is empty only
        when there are no more files. It is in the order of `paths`, so that of two copies the first one named
        is the video.
        """
        most = min(max_chunks, self._page_chunks)
        self._page_chunks *= 2
        return [probed for _, probed in sorted(self._collect(most, chunk_s), key=itemgetter(0))]

    def _collect(self, max_chunks: int, chunk_s: float) -> Iterator[tuple[int, ProbedVideo]]:
        deadline, chunks, count = time.monotonic() + FIRST_PAGE_TIMEOUT_S, 0.0, 0
        while self._unserved and chunks < max_chunks:
            try:
                number, value = self._ready.get(
                    timeout=max(0.0, deadline - time.monotonic()) if count else None
                )
            except queue.Empty:
                return
            if isinstance(value, BaseException):
                raise value
            self._unserved -= 1
            count += 1
            chunks += max(1.0, value.video.duration_s / chunk_s) if value.video else 0.0
            yield number, value

    @property
    def exhausted(self) -> bool:
        """Whether every path has been returned."""
        return not self._unserved

    def close(self) -> None:
        """Cancel what has not been probed."""
        self._cancelled.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        for prober in self._probers:
            prober.close()


def _with_known(
    paths: Sequence[str], known: Callable[[Sequence[str]], Mapping[str, Video]]
) -> Iterator[tuple[int, str, Video | None]]:
    """Each path with its number, and with the video that it was known as."""
    for first in range(0, len(paths), KNOWN_VIDEOS):
        page = paths[first : first + KNOWN_VIDEOS]
        videos = known(page)
        for number, path in enumerate(page, first):
            yield number, path, videos.get(path)
