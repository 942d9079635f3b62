"""Looking into files ahead of the work: in parallel, in pages, and not at all where the store already
knows a file.
"""

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

from actors.child_process import ChildProcess, allow_cpu, attach
from schemas.errors import EndsItsReader, NameUnstorable, Unreadable, VideoError
from schemas.media.video import StreamFault, Video
from schemas.redaction import is_storable, storable
from schemas.work.messages import ChunkFailure
from schemas.work.retry import WORKER_LOST

PAGE_SECONDS = 2.0  # how long the first page may wait to fill
MOST_PROBERS = 8  # processes that look into files; they wait for the disk more than for a processor
CPU_SECONDS = 600.0  # that looking into one file may take; a whole index of hours takes a few
TRIES = 3  # with a file whose prober was killed from elsewhere


@dataclass(frozen=True, slots=True)
class ProbedVideo:
    """What probing made of one path: a video, or the error that it is not one, with the identity such a
    file gets.
    """

    path: str
    video_id: str
    fingerprint: str
    video: Video | None = None
    error: VideoError | None = None


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """What is to be known of a file: which of its streams, and its fingerprint where that is known
    already.
    """

    path: str
    pictures: bool = True
    sound: bool = True
    fingerprint: str | None = None
    video_track: int | None = None


def probe_path(
    path: str, *, video_track: int | None = None, sound: bool = True, fingerprint: str | None = None
) -> ProbedVideo:
    """A look into a file, in this process, at the video track with that number, None for the usual one;
    without `sound` at none of it.

    Never raises for a fault of the file; one under a path that is not UTF-8 gets one that is. A `fingerprint`
    is that of its content.
    """
    return probed(ProbeRequest(path, sound=sound, fingerprint=fingerprint, video_track=video_track))


def probed(wanted: ProbeRequest) -> ProbedVideo:
    """As `probe_path`, at those streams that are wanted."""
    from actors.probing.probe import StreamChoice, failed_identity, identity_of_path, probe

    path = wanted.path

    if not is_storable(path):
        shown = storable(path)
        return ProbedVideo(shown, *identity_of_path(path), error=NameUnstorable(shown))
    try:
        look = StreamChoice(wanted.pictures, wanted.sound)
        video = probe(path, fingerprint=wanted.fingerprint, video_track=wanted.video_track, look=look)
    except VideoError as error:
        return ProbedVideo(path, *failed_identity(path), error=error)
    except OSError as error:  # it went away between two looks
        return ProbedVideo(path, *failed_identity(path), error=Unreadable(path, error.strerror or str(error)))
    except Exception as error:  # noqa: BLE001 a container nobody has seen yet fails its own job, not the run
        return ProbedVideo(
            path,
            *failed_identity(path),
            error=VideoError(path, f"its header cannot be understood ({error!r})"),
        )
    return ProbedVideo(path, video.video_id, video.fingerprint, replace(video, path=path))


def is_unchanged(path: str, known: Video) -> bool:
    """Whether a file has the size and the time that it had when it was looked into."""
    try:
        stat = Path(path).stat()
    except OSError:
        return False
    return (stat.st_size, stat.st_mtime_ns) == (known.size_bytes, known.mtime_ns)


class Prober:
    """Looks into files in a process of its own, one after the other: one that ends it costs itself and
    nothing else.

    Where it ends while it looks at all streams of a file, each kind of stream is looked at alone, so that one
    costs itself and no other.
    """

    def __init__(self) -> None:
        self._child = ChildProcess("vaengine.planning.probing")

    def probe(
        self, path: str, *, sound: bool = True, fingerprint: str | None = None, video_track: int | None = None
    ) -> ProbedVideo:
        """As `probe_path`; without `sound` no stream of it is touched."""
        wanted = ProbeRequest(path, sound=sound, fingerprint=fingerprint, video_track=video_track)
        found = self._looked(wanted)
        if isinstance(found, ProbedVideo):
            return found
        if sound and found.kind != WORKER_LOST:
            apart = self._apart(wanted)
            if apart is not None:
                return apart
        from actors.probing.probe import failed_identity

        return ProbedVideo(path, *failed_identity(path), error=EndsItsReader(path, found.message))

    def _apart(self, wanted: ProbeRequest) -> ProbedVideo | None:
        """A file whose pictures and sound are looked at one after the other: with those that can be, None
        where neither can.

        What ends the process in one of them is the fault of that one.
        """
        pictures = self._looked(replace(wanted, sound=False))
        sound = self._looked(replace(wanted, pictures=False))
        if isinstance(pictures, ProbedVideo) and pictures.video:
            fault = _fault(sound)
            return replace(pictures, video=replace(pictures.video, is_sound_known=True, sound_fault=fault))
        if isinstance(sound, ProbedVideo) and sound.video:
            return replace(sound, video=replace(sound.video, picture_fault=_fault(pictures)))
        return None

    def _looked(self, wanted: ProbeRequest) -> ProbedVideo | ChunkFailure:
        """What a look came to, or how the process ended over it; it is tried again where somebody else
        ended it.
        """
        for _ in range(TRIES):
            try:
                line = self._child.connection()
                line.send(wanted)
                found: ProbedVideo = line.recv()
            except (EOFError, OSError):
                ended = self._child.end(None)
            else:
                return found
            if ended.kind != WORKER_LOST:
                break
        return ended

    def close(self) -> None:
        """End the process."""
        self._child.close()


def main(descriptor: int) -> None:
    """The process of a `Prober`."""
    line = attach(descriptor)
    while True:
        try:
            wanted: ProbeRequest = line.recv()
        except EOFError:
            return
        allow_cpu(CPU_SECONDS)
        line.send(probed(wanted))


def _fault(found: ProbedVideo | ChunkFailure) -> StreamFault | None:
    """What is wrong with a stream that was looked at alone; None where that went well, or there is no
    such stream.
    """
    return StreamFault(EndsItsReader.kind, found.message) if isinstance(found, ChunkFailure) else None


class Probing:
    """Probes `paths` in processes of their own from the moment it is made; what is ready is handed out in
    pages.

    Where nothing listens, streams of sound are not touched (`sound`).
    """

    def __init__(
        self,
        paths: Sequence[str],
        known: Mapping[str, Video],
        *,
        video_track: int | None = None,
        sound: bool = True,
    ) -> None:
        self._left, self._video_track, self._sound = len(paths), video_track, sound
        self._ready: queue.SimpleQueue[tuple[int, ProbedVideo | BaseException]] = queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(
            min(MOST_PROBERS, max(2, os.cpu_count() or 2)), thread_name_prefix="probe"
        )
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

    def _probed(self, path: str, known: Video | None) -> ProbedVideo:
        """`known` again if the file's size and time are unchanged and it tells what is asked for, else a
        fresh look.
        """
        unchanged = known if known is not None and is_unchanged(path, known) else None
        if unchanged and self._tells_enough(unchanged):
            return ProbedVideo(path, unchanged.video_id, unchanged.fingerprint, replace(unchanged, path=path))
        if not hasattr(self._own, "prober"):
            self._own.prober = Prober()
            self._probers.append(self._own.prober)
        prober: Prober = self._own.prober
        fingerprint = unchanged.fingerprint if unchanged else None
        return prober.probe(path, sound=self._sound, fingerprint=fingerprint, video_track=self._video_track)

    def _tells_enough(self, known: Video) -> bool:
        """Whether it is the track that is asked for, with its sound where something listens.

        Streams that could not be used are tried again each time they are wanted: another version may be able
        to.
        """
        if known.picture_fault or known.track != self._video_track:
            return False
        return not self._sound or (known.is_sound_known and not known.sound_fault)

    def page(self, most_chunks: int, chunk_s: float) -> list[ProbedVideo]:
        """Probed files for up to about `most_chunks` chunks: returns when that many are there, after 2 s with
        what there is, or at the end.

        Empty only when there are no more. In the order of `paths`, so that of two copies the first one named
        is the video.
        """
        return [probed for _, probed in sorted(self._collect(most_chunks, chunk_s), key=itemgetter(0))]

    def _collect(self, most_chunks: int, chunk_s: float) -> Iterator[tuple[int, ProbedVideo]]:
        deadline, chunks, found = time.monotonic() + PAGE_SECONDS, 0.0, 0
        while self._left and chunks < most_chunks:
            try:
                number, value = self._ready.get(
                    timeout=max(0.0, deadline - time.monotonic()) if found else None
                )
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
