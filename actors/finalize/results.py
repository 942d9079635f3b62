"""Builds a pipeline's final rows and embeddings once its manifest is complete.

It uses stored numbers only, never frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from actors.container.completeness import Completeness, audio_completeness, hole_note, picture_completeness
from actors.finalize.audio_rows import sound_rows
from actors.sources.content import is_changed
from actors.sources.facts import known_facts
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
    """The result of a complete manifest: its completeness, every row, and the embeddings of some.

    `video` holds the facts as decoding has corrected them, None where nothing was decoded.
    """

    verdict: Completeness
    rows: tuple[Annotation, ...] = ()
    embeddings: Embeddings | None = None
    video: Video | None = None


def pipeline_result(
    store: StorageBackend, video: Video, key: WorkKey, settings: Settings, persons: PipelineResult | None
) -> PipelineRows:
    """The result of a key whose manifest is complete.

    `persons` is the ended person_tracking that faces are linked to, if any. A file that has changed since
    it was probed is a failure, whatever was found: which content was read is unknown.
    """
    result = _result_of_unchanged(store, video, key, settings, persons)
    if is_changed(video.path, known_facts(video), video.fingerprint):
        return replace(result, verdict=Completeness(error=FileChanged(video.path)))
    return result


def _result_of_unchanged(
    store: StorageBackend, video: Video, key: WorkKey, settings: Settings, persons: PipelineResult | None
) -> PipelineRows:
    """The result if the file has not changed.

    A stream that the file does not have gives an empty result with a warning. A stream that cannot be used
    is a failure.
    """
    if key.pipeline == AUDIO:
        return _audio_result(store, video, key, settings)
    if video.picture_fault:
        return PipelineRows(Completeness(error=stream_error(video.path, "its pictures", video.picture_fault)))
    if not video.has_pictures:
        return PipelineRows(Completeness(warning="there is no picture in it"))
    lost = [frame for line in store.manifest([key])[key] for frame in line.lost]
    numbers = store.numbers(key)
    verdict = picture_verdict(video, lost, numbers, settings)
    from actors.finalize.index_correction import corrected  # imports OpenCV

    decoded_video = corrected(video, numbers)
    if key.pipeline == FACE:
        from actors.finalize.face_rows import faces_associated

        return PipelineRows(
            _with_note_on(persons, verdict),
            *faces_associated(video, numbers, _tracked(store, key, persons), settings, key),
            decoded_video,
        )
    from actors.finalize.person_rows import associate

    return PipelineRows(verdict, associate(video, numbers, settings, key), video=decoded_video)


def picture_verdict(video: Video, lost: list[int], numbers: FrameNumbers, settings: Settings) -> Completeness:
    """The completeness of a video's pictures, with all notes on them.

    `numbers` are those of the whole video.
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


def _audio_result(store: RunStore, stored: Video, key: WorkKey, settings: Settings) -> PipelineRows:
    video = stored.listening_to(settings.audio.track)
    if video.sound is None:
        return PipelineRows(_missing_sound(video, settings.audio.track))
    analysis = AudioAnalysis.joined(map(AudioAnalysis.from_bytes, store.payloads(key)))
    verdict = audio_completeness(video, analysis.lost, settings.decode.max_lost)
    for note in video.file_notes:
        verdict = verdict.noting(note)
    if settings.audio.track is None and len(video.sounds) > 1:
        verdict = verdict.noting(left_out_note(video.sound, video.sounds))
    return PipelineRows(verdict, sound_rows(video, analysis, settings, key))


def _missing_sound(video: Video, track: int | None) -> Completeness:
    """Why a video has no sound to analyse."""
    if video.sound_fault:
        return Completeness(error=stream_error(video.path, "its sound", video.sound_fault))
    if video.sounds and track is not None:
        return Completeness(error=NoSuchTrack(video.path, track, _track_names(video.sounds)))
    return Completeness(warning="there is no sound in it")


def left_out_note(sound: AudioStream, sounds: Sequence[AudioStream]) -> str:
    """A note that names the sound tracks that were not analysed."""
    others = [other for other in sounds if other.track != sound.track]
    return (
        f"the sound is track {sound.name}; left out: {_track_names(others)}: choose another with --set "
        "audio.track=N"
    )


def _track_names(sounds: Sequence[AudioStream]) -> str:
    return ", ".join(f"track {sound.name}" for sound in sounds)


def stream_error(path: str, which: str, fault: StreamFault) -> VideoError:
    """The error for which a stream of a file is left out; `which` is "its sound" or "its pictures"."""
    if fault.kind == NoFrames.kind:
        return NoFrames(path, fault.message)
    if fault.kind == UnknownCoding.kind:
        return UnknownCoding(path, which, fault.message)
    return StreamEndsReader(path, which, fault.message)


def _tracked(store: ResultStore, key: WorkKey, persons: PipelineResult | None) -> Sequence[Annotation]:
    return store.annotations(WorkKey(key.video_id, PERSON, persons.config_hash)) if persons else ()


def _with_note_on(persons: PipelineResult | None, verdict: Completeness) -> Completeness:
    if persons is None or persons.status is JobStatus.COMPLETED:
        return verdict
    return verdict.noting("person_tracking failed: faces are linked to what it had at most")
