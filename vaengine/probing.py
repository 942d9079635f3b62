"""Looking into files ahead of the work: in parallel, in pages, and not at all where the store already knows a file."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path

from actors.child import Child, allow_cpu, settle_in
from schemas.errors import EndsItsReader, NameUnstorable, Unreadable, VideoError
from schemas.redaction import is_storable, storable
from schemas.video import Video

PAGE_SECONDS = 2.0  # how long the first page may wait to fill
MOST_PROBERS = 8  # processes that look into files; they wait for the disk more than for a processor
CPU_SECONDS = 600.0  # that looking into one file may take; a whole index of hours takes a few
TRIES = 3  # with a file whose prober was killed from elsewhere


@dataclass(frozen=True, slots=True)
class Probed:
    """What probing made of one path: a video, or the error that it is not one, with the identity such a file gets."""

    path: str
    video_id: str
    fingerprint: str
    video: Video | None = None
    error: VideoError | None = None


def probe_path(path: str, *, video_track: int | None = None) -> Probed:
    """A look into a file, in this process, at the video track with that number, None for the usual one.

    Never raises for a fault of the file; one under a path that is not UTF-8 gets one that is.
    """
    from actors.probe import failed_identity, identity_of_path, probe

    if not is_storable(path):
        shown = storable(path)
        return Probed(shown, *identity_of_path(path), error=NameUnstorable(shown))
    try:
        video = probe(path, video_track=video_track)
    except VideoError as error:
        return Probed(path, *failed_identity(path), error=error)
    except OSError as error:  # it went away between two looks
        return Probed(path, *failed_identity(path), error=Unreadable(path, error.strerror or str(error)))
    except Exception as error:  # noqa: BLE001 a container nobody has seen yet fails its own job, not the run
        return Probed(path, *failed_identity(path), error=VideoError(path, f"its header cannot be understood ({error!r})"))
    return Probed(path, video.video_id, video.fingerprint, replace(video, path=path))


def _unchanged(path: str, known: Video) -> bool:
    try:
        stat = Path(path).stat()
    except OSError:
        return False
    return (stat.st_size, stat.st_mtime_ns) == (known.size_bytes, known.mtime_ns)


class Prober:
    """Looks into files in a process of its own, one after the other: one that ends it costs itself and nothing else."""

    def __init__(self) -> None:
        self._child = Child("vaengine.probing")

    def probe(self, path: str, *, video_track: int | None = None) -> Probed:
        """As `probe_path`."""
        for _ in range(TRIES):
            try:
                line = self._child.line()
                line.send((path, video_track))
                probed: Probed = line.recv()
            except (EOFError, OSError):
                ended = self._child.end(None)
            else:
                return probed
            if ended.kind != "worker_lost":
                break
        from actors.probe import failed_identity

        return Probed(path, *failed_identity(path), error=EndsItsReader(path, ended.message))

    def close(self) -> None:
        """End the process."""
        self._child.close()


def main(descriptor: int) -> None:
    """The process of a `Prober`."""
    line = settle_in(descriptor)
    while True:
        try:
            path, video_track = line.recv()
        except EOFError:
            return
        allow_cpu(CPU_SECONDS)
        line.send(probe_path(path, video_track=video_track))


class Probing:
    """Probes `paths` in processes of their own from the moment it is made; what is ready is handed out in pages."""

    def __init__(self, paths: Sequence[str], known: Mapping[str, Video], *, video_track: int | None = None) -> None:
        self._left, self._video_track = len(paths), video_track
        self._ready: queue.SimpleQueue[tuple[int, Probed | BaseException]] = queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(min(MOST_PROBERS, max(2, os.cpu_count() or 2)), thread_name_prefix="probe")
        self._cancelled = threading.Event()
        self._own = threading.local()
        self._probers: list[Prober] = []  # one for each thread that needed one
        for number, path in enumerate(paths):
            self._pool.submit(self._probe, number, path, known.get(path))

    def _probe(self, number: int, path: str, known: Video | None) -> None:
        if self._cancelled.is_set():
            return
        try:
            self._ready.put((number, self._probed(path, known)))
        except BaseException as error:  # noqa: BLE001 handed to the thread that waits for the page, which raises it
            self._ready.put((number, error))

    def _probed(self, path: str, known: Video | None) -> Probed:
        """`known` again if it is the track that is asked for, and the file's size and time are unchanged; else a fresh look."""
        if known is not None and known.track == self._video_track and _unchanged(path, known):
            return Probed(path, known.video_id, known.fingerprint, replace(known, path=path))
        if not hasattr(self._own, "prober"):
            self._own.prober = Prober()
            self._probers.append(self._own.prober)
        prober: Prober = self._own.prober
        return prober.probe(path, video_track=self._video_track)

    def page(self, most_chunks: int, chunk_s: float) -> list[Probed]:
        """Probed files for up to about `most_chunks` chunks: returns when that many are there, after 2 s with what there is, or at the end.

        Empty only when there are no more. In the order of `paths`, so that of two copies the first one named is the video.
        """
        return [probed for _, probed in sorted(self._collect(most_chunks, chunk_s), key=itemgetter(0))]

    def _collect(self, most_chunks: int, chunk_s: float) -> Iterator[tuple[int, Probed]]:
        deadline, chunks, found = time.monotonic() + PAGE_SECONDS, 0.0, 0
        while self._left and chunks < most_chunks:
            try:
                number, value = self._ready.get(timeout=max(0.0, deadline - time.monotonic()) if found else None)
            except queue.Empty:
                return
            if isinstance(value, BaseException):
                raise value
            self._left -= 1
            found += 1
            chunks += max(1.0, value.video.duration_s / chunk_s) if value.video else 0.0
            yield number, value

    @property
    def exhausted(self) -> bool:
        """Whether every path has been handed out."""
        return not self._left

    def close(self) -> None:
        """Give up what has not been probed."""
        self._cancelled.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        for prober in self._probers:
            prober.close()
