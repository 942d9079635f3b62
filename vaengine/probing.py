"""Looking into files ahead of the work: in parallel, in pages, and not at all where the store already knows a file."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path

from schemas.errors import Unreadable, VideoError
from schemas.video import Video

PAGE_SECONDS = 2.0  # how long the first page may wait to fill
PROBE_THREADS = 8  # reading and demuxing wait for the disk and release the interpreter


@dataclass(frozen=True, slots=True)
class Probed:
    """What probing made of one path: a video, or the error that it is not one, with the identity such a file gets."""

    path: str
    video_id: str
    fingerprint: str
    video: Video | None = None
    error: VideoError | None = None


def probe_path(path: str, known: Video | None) -> Probed:
    """`known` again if the file's size and time are unchanged, else a fresh look. Never raises for a fault of the file."""
    from actors.probe import failed_identity, probe

    try:
        video = known if known is not None and _unchanged(path, known) else probe(path)
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


class Probing:
    """Probes `paths` on helper threads from the moment it is made; what is ready is handed out in pages."""

    def __init__(self, paths: Sequence[str], known: Mapping[str, Video]) -> None:
        self._left = len(paths)
        self._ready: queue.SimpleQueue[tuple[int, Probed | BaseException]] = queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(PROBE_THREADS, thread_name_prefix="probe")
        self._cancelled = threading.Event()
        for number, path in enumerate(paths):
            self._pool.submit(self._probe, number, path, known.get(path))

    def _probe(self, number: int, path: str, known: Video | None) -> None:
        if self._cancelled.is_set():
            return
        try:
            self._ready.put((number, probe_path(path, known)))
        except BaseException as error:  # noqa: BLE001 handed to the thread that waits for the page, which raises it
            self._ready.put((number, error))

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
