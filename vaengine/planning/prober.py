"""Probes files one by one, in a child process where a file may end it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actors.child_process import ChildProcess, allow_cpu, attach
from schemas.errors import EndsItsReader, NameUnstorable, Unreadable, VideoError
from schemas.media.video import StreamFault, Video
from schemas.redaction import is_storable, storable
from schemas.work.messages import ChunkFailure
from schemas.work.retry import WORKER_LOST

if TYPE_CHECKING:
    from actors.sources.facts import SourceFacts

MAX_CPU_SECONDS = 600.0  # processor time for probing one file; a complete index of hours takes a few seconds
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
    from actors.sources.facts import known_facts

    return has_facts(path, known_facts(known))


def has_facts(path: str, facts: SourceFacts) -> bool:
    """Whether a file has these facts; False where it cannot be looked at."""
    from actors.sources.facts import facts_of

    try:
        return facts_of(path) == facts
    except (OSError, VideoError):
        return False


class Prober:
    """Probes files one after the other in a child process, so that a file that crashes it fails alone.

    If the process ends while it probes all streams of a file, each kind of stream is probed alone, so that
    only the faulty one is lost.
    """

    def __init__(self) -> None:
        self._child = ChildProcess("vaengine.planning.prober")

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


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a file: what it is, or whether it still is what a store knows.

    `facts` and `fingerprint` are those that are known, None where nothing is. `is_sufficient` says that
    nothing has to be probed while the facts stay the same.
    """

    path: str
    sound: bool = True
    video_track: int | None = None
    facts: SourceFacts | None = None
    fingerprint: str | None = None
    is_sufficient: bool = False

    def answer(self, prober: Callable[[], Prober]) -> ProbedVideo | None:
        """A fresh probe; None where what is known is sufficient."""
        is_same = self.facts is not None and has_facts(self.path, self.facts)
        if is_same and self.is_sufficient:
            return None
        fingerprint = self.fingerprint if is_same else None
        return prober().probe(
            self.path, sound=self.sound, fingerprint=fingerprint, video_track=self.video_track
        )


def _stream_fault(result: ProbedVideo | ChunkFailure) -> StreamFault | None:
    """The fault of a stream that was probed alone; None where it has none or is not there."""
    return StreamFault(EndsItsReader.kind, result.message) if isinstance(result, ChunkFailure) else None
