"""The dry run: probes, plans and counts without Ray and without changing the store."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from actors.stores import open_store
from cluster.connection.connect import reachable
from cluster.inventory import local_inventory
from cluster.placement import place
from cluster.temp_folder import require_short_temp_folder
from schemas.errors import (
    ClusterUnreachable,
    NoRoom,
    NotFound,
    OutputUnusable,
    PlanInfeasible,
    TempFolderTooLong,
    WouldReplace,
)
from schemas.media.video import Video
from schemas.pipelines import FACE
from schemas.settings.settings import PersonSettings, Settings
from schemas.storage.backend import StorageBackend
from schemas.work.audio_block import AudioBlock
from schemas.work.chunk import ChunkSpec, Sampling, WorkKey
from schemas.work.manifest import ManifestLine
from vaengine.console.units import size
from vaengine.models.catalogue import MODELS
from vaengine.planning.local_plan import parts_of_each
from vaengine.planning.page import Page
from vaengine.planning.plan import blocks_of, chunks_of, demand_of
from vaengine.planning.preflight import Preflight, preflight
from vaengine.requests.executor_choice import OF_ITS_OWN, OWN_RAY
from vaengine.requests.output_folder import require_output_folder
from vaengine.requests.replacement import Replacement
from vaengine.requests.request import PlanSummary, RunRequest
from vaengine.requests.running_cluster import found_cluster, require_shared_store

# Core seconds on a 2-core virtual machine: 9.1 s of decoders over 0.8 gigapixels of three clips, their
# imports included, and 76 ms of the people detector for 640 x 480. An order of magnitude, no promise.
DECODE_S_PER_MEGAPIXEL = 0.011  # decode, conversion and scene score of one native frame
HOG_S_PER_MEGAPIXEL = 0.25  # of the sampled, resized frame
YOLO_S_PER_MEGAPIXEL = 0.04  # for each megabyte of the model file: 53 ms of YOLO11n (5.6 MB) for 640 x 384
CASCADE_S_PER_MEGAPIXEL = 0.15  # a guess
CENTERFACE_S_PER_MEGAPIXEL = 0.6
SCRFD_S_PER_MEGAPIXEL = 0.06  # SCRFD-500M; larger packs take more
VOICE_S_PER_S = 0.1  # voice activity
WHISPER_S_PER_S = 0.5  # a small Whisper with integer weights, a guess
AMPLE_DISK_BYTES = 5 * 1024**3  # on a disk with more room than this, a run does not estimate its results
BYTES_PER_FRAME = 16  # manifest payload
BYTES_PER_BOX = 1500  # row, indexes and JSON of one box; the guess is two boxes per sampled frame


def dry_run(request: RunRequest) -> PlanSummary:
    """The plan of a run as figures; an infeasible plan has a reason."""
    with preflight(request, dry=True) as preflight_run:
        videos, keys, unreadable, replacement = _probed_inputs(request, preflight_run)
    chunks, blocks, skipped = _pending(request, videos, keys)
    decode_s, model_s = core_seconds(chunks, blocks, request.settings)
    sampled = sum(frames for _, frames, _ in _model_inputs(chunks))
    frames = sum(chunk.frame_count for chunk in chunks)
    disk = _disk_bytes(request, chunks)
    resources, workers, reason = _resources(request, disk)
    if replacement and request.asks:
        reason = str(WouldReplace(str(replacement)))
    return PlanSummary(
        videos=len(videos) + len(unreadable),
        skipped=skipped,
        unreadable=tuple(unreadable),
        chunks=len(chunks),
        frames=frames,
        video_s=sum(chunk.duration_s for chunk in chunks),
        sampled_frames=sampled,
        decode_s=decode_s,
        sound_s=sum(block.duration_s for block in blocks),
        model_s=model_s,
        disk_bytes=disk,
        workers=workers,
        resources=resources,
        feasible=reason is None,
        reason=reason,
        replaced=tuple(map(str, replacement.parts)),
    )


def core_seconds(
    chunks: Sequence[ChunkSpec], blocks: Sequence[AudioBlock], settings: Settings
) -> tuple[float, float]:
    """Estimated seconds of one core for decoding, and for models."""
    megapixels = sum(chunk.frame_count * chunk.width * chunk.height for chunk in chunks) / 1e6
    vision_s = sum(
        frames * _seconds_per_frame(sampling, settings) for _, frames, sampling in _model_inputs(chunks)
    )
    audio_s = sum(block.duration_s for block in blocks)
    return megapixels * DECODE_S_PER_MEGAPIXEL, vision_s + audio_s * _audio_seconds_per_second(settings)


def _model_inputs(chunks: Sequence[ChunkSpec]) -> list[tuple[str, int, Sampling]]:
    """For each chunk and model: the pipeline, the number of frames that it sees, and the sampling."""
    return [
        (sampling.pipeline, _sampled_frames(chunk, sampling), sampling)
        for chunk in chunks
        for sampling in chunk.samplings
    ]


def _disk_bytes(request: RunRequest, chunks: Sequence[ChunkSpec]) -> int:
    sampled = sum(frames for _, frames, _ in _model_inputs(chunks))
    boxes = sampled * 2 * BYTES_PER_BOX * (2 if request.files else 1)
    return sum(chunk.frame_count for chunk in chunks) * BYTES_PER_FRAME + boxes


def _probed_inputs(
    request: RunRequest, preflight_run: Preflight
) -> tuple[dict[str, Video], dict[str, Sequence[WorkKey]], list[str], Replacement]:
    """Every video by id, its work keys, the unreadable files, and the results that would be replaced."""
    videos: dict[str, Video] = {}
    keys: dict[str, Sequence[WorkKey]] = {}
    unreadable: list[str] = []
    replacements: list[Replacement] = []
    fingerprints: dict[str, str] = {}
    for page in preflight_run.pages():
        identified_page = Page.of(request, page, preflight_run.store, fingerprints)
        fingerprints |= {one.video_id: one.fingerprint for one in identified_page.fresh}
        videos |= {one.video_id: one.video for one in identified_page.fresh if one.video}
        unreadable += [str(one.error) for one in identified_page.fresh if one.error]
        keys |= {
            video_id: identified_page.keys[video_id]
            for video_id in identified_page.keys
            if video_id in videos
        }
        replacements.append(preflight_run.replacement(identified_page))
    return videos, keys, unreadable, Replacement.joined(replacements)


def _pending(
    request: RunRequest, videos: Mapping[str, Video], keys: Mapping[str, Sequence[WorkKey]]
) -> tuple[list[ChunkSpec], list[AudioBlock], int]:
    """Chunks and blocks that are still to do, and the number of complete videos."""
    all_keys = [key for video_keys in keys.values() for key in video_keys]
    complete, manifest = _stored_work(request.store_url, all_keys)
    chunks: list[ChunkSpec] = []
    blocks: list[AudioBlock] = []
    skipped, parts = 0, parts_of_each(request)
    for video_id, video in videos.items():
        wanted = {key: manifest.get(key, []) for key in keys[video_id] if key not in complete}
        skipped += not wanted
        chunks += chunks_of(video, wanted, request.settings, parts=parts) if wanted else []
        blocks += blocks_of(video, wanted, request.settings)
    return chunks, blocks, skipped


def _stored_work(url: str, keys: list[WorkKey]) -> tuple[set[WorkKey], dict[WorkKey, list[ManifestLine]]]:
    try:
        store: StorageBackend = open_store(url, read_only=True)
    except NotFound:
        return set(), {}
    try:
        return store.completed(keys), store.manifest(keys)
    finally:
        store.close()


def _seconds_per_frame(sampling: Sampling, settings: Settings) -> float:
    """Core seconds for one frame at the size that the detector sees.

    YOLO models and SCRFD have small frames enlarged.
    """
    face, person, longer_side = settings.face, settings.person, max(sampling.width, sampling.height)
    megapixels = sampling.width * sampling.height / 1e6
    if sampling.pipeline == FACE:
        if face.detector == "cascade":
            return megapixels * CASCADE_S_PER_MEGAPIXEL
        cost = CENTERFACE_S_PER_MEGAPIXEL if face.detector == "centerface" else SCRFD_S_PER_MEGAPIXEL
        return megapixels * (face.detect_pixels / longer_side) ** 2 * cost
    return (
        megapixels
        * (1.0 if person.detector == "hog" else person.input_pixels / longer_side) ** 2
        * _person_seconds_per_megapixel(person)
    )


def _audio_seconds_per_second(settings: Settings) -> float:
    """Core seconds for one second of sound; Whisper's share depends mostly on the model."""
    return VOICE_S_PER_S + (WHISPER_S_PER_S if settings.audio.model else 0.0)


def _person_seconds_per_megapixel(person: PersonSettings) -> float:
    """Core seconds of the person detector for each megapixel."""
    if person.detector == "hog" or person.weights is None:
        return HOG_S_PER_MEGAPIXEL
    known, path = MODELS.get(person.weights), Path(person.weights)
    size_bytes = (
        known.size_bytes
        if known
        else sum(file.stat().st_size for file in (path.iterdir() if path.is_dir() else [path]))
    )
    return size_bytes / 1e6 * YOLO_S_PER_MEGAPIXEL


def _sampled_frames(chunk: ChunkSpec, sampling: Sampling) -> int:
    return min(chunk.frame_count, math.ceil(chunk.duration_s * float(sampling.fps)))


def _resources(request: RunRequest, disk_bytes: int) -> tuple[str, int, str | None]:
    try:
        require_output_folder(request.out)
    except OutputUnusable as error:
        return "not asked", 0, str(error)
    request = found_cluster(request)
    if request.cluster not in OF_ITS_OWN:
        return _cluster_resources(request)
    here = local_inventory()
    try:
        if request.cluster == OWN_RAY:
            require_short_temp_folder()
        placement = place(here, demand_of(request.pipelines, request.settings))
    except (PlanInfeasible, TempFolderTooLong) as error:
        return str(here), 0, str(error)
    return f"{here}: {placement}", placement.decode_slots, _room_fault(request.out, disk_bytes)


def _cluster_resources(request: RunRequest) -> tuple[str, int, str | None]:
    workers = request.settings.engine.workers
    try:
        require_shared_store(request)
        reachable(request.cluster)
    except ClusterUnreachable as error:
        return f"cluster at {request.cluster}", workers, str(error)
    return f"cluster at {request.cluster}, asked when the run starts", workers, None


def _room_fault(out: Path, disk_bytes: int) -> str | None:
    free = free_bytes(out)
    if not disk_bytes or disk_bytes < free:
        return None
    return f"{out} has {size(free)} free and the results need about {size(disk_bytes)}"


def require_room(request: RunRequest) -> None:
    """Raises `NoRoom` where the disk has too little room for the estimated results.

    Only a disk with little room costs that estimate, which probes the files.
    """
    if free_bytes(request.out) >= AMPLE_DISK_BYTES:
        return
    with preflight(request, dry=True) as preflight_run:
        videos, keys, _, _ = _probed_inputs(request, preflight_run)
    chunks, _, _ = _pending(request, videos, keys)
    if reason := _room_fault(request.out, _disk_bytes(request, chunks)):
        raise NoRoom(reason)


def free_bytes(out: Path) -> int:
    """Free bytes on the disk of a folder that is there or would be made."""
    return shutil.disk_usage(_nearest_folder(out)).free


def _nearest_folder(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
