"""From a whole manifest to the result of a pipeline: final rows, what they lack, and the embeddings of
some; by stored numbers alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from actors.container.completeness import Completeness, audio_completeness, hole_note, picture_completeness
from actors.container.content import is_changed
from actors.finalize.audio_rows import sound_rows
from schemas.annotations.annotation import Annotation
from schemas.errors import FileChanged, NoFrames, NoSuchTrack, StreamEndsReader, UnknownCoding, VideoError
from schemas.inference.transcript import AudioAnalysis
from schemas.media.audio import AudioStream
from schemas.media.video import StreamFault, Video
from schemas.pipelines import AUDIO, FACE, PERSON
from schemas.settings.settings import Settings
from schemas.storage.backend import Embeddings, ResultStore, RunStore, StorageBackend
from schemas.work.chunk import WorkKey
from schemas.work.job import JobStatus, PipelineResult
from schemas.work.manifest import FrameNumbers


@dataclass(frozen=True, slots=True)
class PipelineRows:
    """What a whole manifest came to: whether enough of it is there, every row, and the embeddings of some.

    `video` holds the facts as decoding has corrected them, None where nothing was decoded.
    """

    verdict: Completeness
    rows: tuple[Annotation, ...] = ()
    embeddings: Embeddings | None = None
    video: Video | None = None


def pipeline_result(
    store: StorageBackend, video: Video, key: WorkKey, settings: Settings, persons: PipelineResult | None
) -> PipelineRows:
    """The result of a key whose manifest is whole; `persons` is the ended person_tracking that faces are
    linked to, if any.

    Where the file has changed since it was looked into, nobody knows what was read: that is a failure,
    whatever was found.
    """
    conclusion = _concluded(store, video, key, settings, persons)
    if is_changed(
        video.path, size_bytes=video.size_bytes, mtime_ns=video.mtime_ns, fingerprint=video.fingerprint
    ):
        return replace(conclusion, verdict=Completeness(error=FileChanged(video.path)))
    return conclusion


def _concluded(
    store: StorageBackend, video: Video, key: WorkKey, settings: Settings, persons: PipelineResult | None
) -> PipelineRows:
    """As long as the file stays what it is.

    A stream that the file does not have gives an empty result, with a warning: nothing is there to be found.
    One that cannot be used is a failure.
    """
    if key.pipeline == AUDIO:
        return _heard(store, video, key, settings)
    if video.picture_fault:
        return PipelineRows(Completeness(error=stream_error(video.path, "its pictures", video.picture_fault)))
    if not video.has_pictures:
        return PipelineRows(Completeness(warning="there is no picture in it"))
    lost = [frame for line in store.manifest([key])[key] for frame in line.lost]
    numbers = store.numbers(key)
    verdict = seen_verdict(video, lost, numbers, settings)
    from actors.finalize.index_correction import corrected  # brings OpenCV along

    seen = corrected(video, numbers)
    if key.pipeline == FACE:
        from actors.finalize.face_rows import faces_associated

        return PipelineRows(
            _told_of(persons, verdict),
            *faces_associated(video, numbers, _tracked(store, key, persons), settings, key),
            seen,
        )
    from actors.finalize.person_rows import associate

    return PipelineRows(verdict, associate(video, numbers, settings, key), video=seen)


def seen_verdict(video: Video, lost: list[int], numbers: FrameNumbers, settings: Settings) -> Completeness:
    """What is missing of a video's pictures, and what else there is to know of them; `numbers` are those
    of the whole video.
    """
    verdict = picture_completeness(
        video, lost, len(numbers.frame_numbers) + len(lost), settings.decode.max_lost
    )
    for note in (
        *video.file_notes,
        *video.notes,
        hole_note(video, video.index.pts if video.index.exact else numbers.frame_pts),
    ):
        verdict = verdict.noting(note) if note else verdict
    return verdict


def _heard(store: RunStore, stored: Video, key: WorkKey, settings: Settings) -> PipelineRows:
    video = stored.listening_to(settings.audio.track)
    if video.sound is None:
        return PipelineRows(_soundless(video, settings.audio.track))
    heard = AudioAnalysis.joined(map(AudioAnalysis.from_bytes, store.payloads(key)))
    verdict = audio_completeness(video, heard.lost, settings.decode.max_lost)
    for note in video.file_notes:
        verdict = verdict.noting(note)
    if settings.audio.track is None and len(video.sounds) > 1:
        verdict = verdict.noting(left_out(video.sound, video.sounds))
    return PipelineRows(verdict, sound_rows(video, heard, settings, key))


def _soundless(video: Video, track: int | None) -> Completeness:
    """Why there is nothing to listen to."""
    if video.sound_fault:
        return Completeness(error=stream_error(video.path, "its sound", video.sound_fault))
    if video.sounds and track is not None:
        return Completeness(error=NoSuchTrack(video.path, track, _named(video.sounds)))
    return Completeness(warning="there is no sound in it")


def left_out(sound: AudioStream, sounds: Sequence[AudioStream]) -> str:
    """A note that names the sound tracks that nobody listened to."""
    others = [one for one in sounds if one.track != sound.track]
    return (
        f"the sound is track {sound.name}; left out: {_named(others)}: choose another with --set "
        "audio.track=N"
    )


def _named(sounds: Sequence[AudioStream]) -> str:
    return ", ".join(f"track {one.name}" for one in sounds)


def stream_error(path: str, which: str, fault: StreamFault) -> VideoError:
    """The error that a stream of a file is left out for; `which` is "its sound" or "its pictures"."""
    if fault.kind == NoFrames.kind:
        return NoFrames(path, fault.message)
    if fault.kind == UnknownCoding.kind:
        return UnknownCoding(path, which, fault.message)
    return StreamEndsReader(path, which, fault.message)


def _tracked(store: ResultStore, key: WorkKey, persons: PipelineResult | None) -> Sequence[Annotation]:
    return store.annotations(WorkKey(key.video_id, PERSON, persons.config_hash)) if persons else ()


def _told_of(persons: PipelineResult | None, verdict: Completeness) -> Completeness:
    if persons is None or persons.status is JobStatus.COMPLETED:
        return verdict
    return verdict.noting("person_tracking failed: faces are linked to what it had at most")
