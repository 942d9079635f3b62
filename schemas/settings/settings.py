"""All settings in sections, and the hash of those that can change a pipeline's result."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schemas.annotations.annotation import canonical_json
from schemas.pipelines import AUDIO, FACE, PERSON, SCENE, VERSIONS
from schemas.settings.models import model_name

PRESETS: Final = ("auto", "embedded", "fast", "balanced", "high-quality")
HASH_DIGITS: Final = 16

Fraction01 = Annotated[float, Field(ge=0.0, le=1.0)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EngineSettings(_Section):
    """How work is cut and spread; never part of a config_hash."""

    workers: Annotated[
        int, Field(ge=0, le=32, description="upper bound of chunks in work at once; 0: one per core")
    ] = 0
    chunk_seconds: Annotated[
        float, Field(gt=0, le=3600, description="target length of a chunk, seconds of video")
    ] = 15.0
    max_passes: Annotated[
        int,
        Field(ge=1, le=20, description="rounds over what is left that change nothing, until it is given up"),
    ] = 3
    page_chunks: Annotated[
        int, Field(ge=1, le=10_000, description="largest number of chunks handed to Ray Data at once")
    ] = 10_000
    watchdog_seconds: Annotated[
        float, Field(gt=0, description="a run in which nothing moves for so long says what it waits for")
    ] = 60.0
    worker_silent_seconds: Annotated[
        float,
        Field(
            ge=1,
            le=86_400,
            description="what a worker holds is taken from it after so long without a sign of life",
        ),
    ] = 30.0
    priority: Annotated[
        float,
        Field(gt=0, le=1000, description="weight of a batch against others that work on the same cluster"),
    ] = 1.0
    max_cpus: Annotated[
        float, Field(ge=0, description="CPUs of a cluster that a batch may use; 0: its share of all")
    ] = 0.0
    max_gpus: Annotated[
        float, Field(ge=0, description="GPUs of a cluster that a batch may use; 0: its share of all")
    ] = 0.0
    scheduler: Annotated[
        Literal["dataset", "pool"],
        Field(
            description="how workers of a cluster get chunks: dataset (Ray Data) or pool (pulled, by node)"
        ),
    ] = "dataset"
    min_cpus: Annotated[
        float, Field(ge=0, description="CPUs that an autoscaler is to keep while a batch has work")
    ] = 0.0


Strategy = Literal["fixed", "linear", "exponential"]


class KindRecovery(_Section):
    """Overrides for one kind of failure; none: the value of section `recovery`."""

    strategy: Annotated[
        Strategy | None,
        Field(description="of this kind: fixed, linear or exponential; none: as recovery.strategy"),
    ] = None
    delay_seconds: Annotated[
        float | None, Field(ge=0, le=3600, description="of this kind; none: as recovery.delay_seconds")
    ] = None
    max_delay_seconds: Annotated[
        float | None, Field(ge=0, le=86_400, description="of this kind; none: as recovery.max_delay_seconds")
    ] = None
    jitter: Annotated[
        float | None, Field(ge=0, le=1, description="of this kind; none: as recovery.jitter")
    ] = None
    attempts: Annotated[
        int | None, Field(ge=1, le=20, description="of this kind; none: as recovery.attempts")
    ] = None


class RecoverySettings(_Section):
    """What is tried again, when and how often; never part of a config_hash."""

    strategy: Annotated[
        Strategy, Field(description="how delays grow from try to try: fixed, linear or exponential")
    ] = "exponential"
    delay_seconds: Annotated[
        float, Field(ge=0, le=3600, description="delay before the second try of a chunk")
    ] = 1.0
    max_delay_seconds: Annotated[float, Field(ge=0, le=86_400, description="no delay is longer")] = 60.0
    jitter: Annotated[
        Fraction01, Field(description="share by which chance makes a delay shorter or longer")
    ] = 0.2
    attempts: Annotated[
        int, Field(ge=1, le=20, description="most tries of one chunk, the first included")
    ] = 3
    job_attempts: Annotated[
        int, Field(ge=1, le=100_000, description="failed tries of all chunks of a job until it is given up")
    ] = 20
    alone_seconds: Annotated[
        float, Field(gt=0, le=86_400, description="a process silent for so long in mid-work is ended")
    ] = 300.0
    alone_memory_mb: Annotated[
        int,
        Field(
            ge=0,
            le=1 << 24,
            description="a process that takes more memory is ended; 0: half of the machine's",
        ),
    ] = 0
    worker_lost: KindRecovery = KindRecovery()
    out_of_memory: KindRecovery = KindRecovery()
    timeout: KindRecovery = KindRecovery()
    store: KindRecovery = KindRecovery()


class DecodeSettings(_Section):
    """How pictures are read."""

    backend: Annotated[Literal["pyav", "decord"], Field(description="the decoder: pyav or decord")] = "pyav"
    max_lost: Annotated[
        Fraction01, Field(description="share of frames that may be missing; at least one always may")
    ] = 0.01
    video_track: Annotated[
        int | None,
        Field(ge=0, le=999, description="of several video tracks, counted from 0; none: the usual one"),
    ] = None


class SceneSettings(_Section):
    """PySceneDetect's ContentDetector and AdaptiveDetector, with its defaults."""

    detector: Annotated[
        Literal["content", "adaptive"],
        Field(description="which of PySceneDetect's detectors: content or adaptive"),
    ] = "content"
    threshold: Annotated[
        float, Field(gt=0, description="content: score at which a frame begins a new scene")
    ] = 27.0
    adaptive_threshold: Annotated[
        float, Field(gt=0, description="adaptive: ratio to the scores around it")
    ] = 3.0
    min_content: Annotated[float, Field(ge=0, description="adaptive: least score of a cut")] = 15.0
    window: Annotated[int, Field(ge=1, le=100, description="adaptive: frames looked at on each side")] = 2
    min_scene_frames: Annotated[
        int, Field(ge=0, description="shorter scenes are merged with their neighbour")
    ] = 15


class PersonSettings(_Section):
    """Person detection, its model, and the tracker."""

    detector: Annotated[
        Literal["hog", "yolo"], Field(description="set by the preset: hog (OpenCV's people detector) or yolo")
    ] = "hog"
    weights: Annotated[
        str | None, Field(description="model file of yolo: a name of `vaengine models list`, or a path")
    ] = None
    weights_sha256: Annotated[
        str | None, Field(description="digest of the weights; found out unless given, then held to")
    ] = None
    runtime: Annotated[
        Literal["auto", "torch", "onnx", "openvino"],
        Field(description="what carries the model out: torch, onnx or openvino"),
    ] = "auto"
    precision: Annotated[
        Literal["auto", "single", "half"], Field(description="of torch: half on a GPU unless told otherwise")
    ] = "auto"
    pose: Annotated[
        bool, Field(description="key points for each box: 17 of COCO from the preset's pose model")
    ] = False
    reid: Annotated[
        bool, Field(description="track by looks too: an embedding of each box, for tracker botsort")
    ] = False
    sample_fps: Annotated[float, Field(gt=0, le=240, description="frames a second that are looked at")] = 5.0
    input_pixels: Annotated[
        int, Field(ge=128, le=4096, description="longer side of the picture given to the detector")
    ] = 640
    min_confidence: Annotated[Fraction01, Field(description="weaker boxes are not kept at all")] = 0.1
    nms_iou: Annotated[
        Fraction01, Field(description="yolo: boxes that overlap a stronger one by more are dropped")
    ] = 0.7
    max_boxes: Annotated[int, Field(ge=1, le=3000, description="yolo: most boxes kept of one picture")] = 300
    reset_at_cuts: Annotated[
        bool, Field(description="no track crosses a cut; false: recordings without cuts, decoded sparsely")
    ] = True
    jump_ratio: Annotated[
        float,
        Field(gt=0, description="tracks end too at a change that stands out so much from those around it"),
    ] = 5.0
    jump_content: Annotated[
        float, Field(ge=0, description="and is at least so large, though it begins no scene")
    ] = 10.0
    tracker: Annotated[
        Literal["bytetrack", "botsort"], Field(description="how boxes become tracks: bytetrack or botsort")
    ] = "bytetrack"
    track_high: Annotated[Fraction01, Field(description="tracker: boxes of the first association")] = 0.25
    track_low: Annotated[Fraction01, Field(description="tracker: boxes of the second association")] = 0.1
    track_new: Annotated[Fraction01, Field(description="tracker: least confidence that begins a track")] = (
        0.25
    )
    track_match: Annotated[
        Fraction01, Field(description="tracker: largest matching cost (1 - IoU x confidence)")
    ] = 0.8
    track_buffer_seconds: Annotated[
        float, Field(ge=0, le=60, description="tracker: how long a lost track is remembered")
    ] = 1.0


class FaceSettings(_Section):
    """Face detection, descriptions of faces, and identities."""

    detector: Annotated[
        Literal["cascade", "centerface", "scrfd"],
        Field(description="set by the preset: cascade (of OpenCV), centerface, or scrfd (of InsightFace)"),
    ] = "cascade"
    pack: Annotated[
        str | None,
        Field(
            description="scrfd: a pack of InsightFace such as buffalo_l, or a folder; centerface: its file"
        ),
    ] = None
    pack_sha256: Annotated[
        str | None, Field(description="digest of the pack; found out unless given, then held to")
    ] = None
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        Field(description="what carries the pack out: cpu, or cuda where there is a GPU"),
    ] = "auto"
    sample_fps: Annotated[float, Field(gt=0, le=240, description="frames a second that are looked at")] = 2.0
    input_pixels: Annotated[
        int, Field(ge=128, le=4096, description="longer side of the picture that faces are cut from")
    ] = 1280
    detect_pixels: Annotated[
        int, Field(ge=128, le=4096, description="centerface, scrfd: longer side of what they look at")
    ] = 640
    min_confidence: Annotated[Fraction01, Field(description="weaker boxes are not kept at all")] = 0.5
    nms_iou: Annotated[
        Fraction01,
        Field(description="all but cascade: boxes that overlap a stronger one by more are dropped"),
    ] = 0.4
    same_person: Annotated[
        float, Field(ge=-1, le=1, description="cosine similarity from which faces are one person's")
    ] = 0.45
    link_persons: Annotated[
        bool,
        Field(description="say whose face it is, where person_tracking is asked for too or in the store"),
    ] = True


def _switch(value: object) -> object:
    """A YAML switch as a word: YAML reads on and off as true and false."""
    return ("on" if value else "off") if isinstance(value, bool) else value


class AudioSettings(_Section):
    """Voice activity, speech, speakers and sound events."""

    track: Annotated[
        int | None,
        Field(
            ge=0,
            le=1000,
            description="which sound track, 0 is the first; none: the file's default one, else the first",
        ),
    ] = None
    model: Annotated[
        str | None,
        Field(description="Whisper: a name such as small, or a folder in CTranslate2's form; none: no text"),
    ] = None
    model_sha256: Annotated[
        str | None, Field(description="digest of the Whisper model; found out unless given, then held to")
    ] = None
    language: Annotated[str | None, Field(description="language spoken, such as en; none: found out")] = None
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        Field(description="what carries models out: cpu, or cuda where there is a GPU"),
    ] = "auto"
    compute_type: Annotated[
        Literal["auto", "float32", "int8", "float16", "int8_float16"],
        Field(description="numbers of Whisper; auto: int8 on cpu, float16 on cuda"),
    ] = "auto"
    beam_size: Annotated[int, Field(ge=1, le=20, description="Whisper: texts followed at once")] = 5
    words: Annotated[bool, Field(description="times of words, as word_times says")] = True
    word_times: Annotated[
        Literal["auto", "alignment", "attention"],
        Field(
            description="alignment: by a model of the language's letters; attention: by Whisper's own; auto: "
            "set by the preset"
        ),
    ] = "auto"
    align_model: Annotated[
        str | None,
        Field(description="alignment model: a name or a folder; none: the usual one of the language"),
    ] = None
    speakers: Annotated[
        Literal["auto", "on", "off"],
        BeforeValidator(_switch),
        Field(description="who speaks when: needs HF_TOKEN; auto: if it is there"),
    ] = "auto"
    speaker_model: Annotated[str, Field(description="pyannote's pipeline: a name or a folder")] = (
        "pyannote/speaker-diarization-community-1"
    )
    same_speaker: Annotated[
        float, Field(ge=-1, le=1, description="cosine similarity from which voices are one speaker's")
    ] = 0.5
    events_model: Annotated[
        str | None, Field(description="classifier of sound events: a name or a folder; none: no events")
    ] = None
    min_event: Annotated[Fraction01, Field(description="least confidence of a sound event")] = 0.3
    voice_onset: Annotated[Fraction01, Field(description="voice activity begins at this score")] = 0.5
    voice_offset: Annotated[Fraction01, Field(description="and ends below this one")] = 0.363


class ModelSettings(_Section):
    """Where model files are and what may be loaded; never part of a config_hash, their digests are."""

    folder: Annotated[
        str | None, Field(description="folder of model files, before the user's own; --models")
    ] = None
    cache: Annotated[str | None, Field(description="folder where converted model files are kept")] = None
    network: Annotated[
        str | None,
        Field(description="found out: the file that workers load, the weights or what was made of them"),
    ] = None
    network_sha256: Annotated[
        str | None, Field(description="found out: its digest, which workers hold it to")
    ] = None
    aligner: Annotated[
        str | None, Field(description="found out: the alignment model of audio.language that workers load")
    ] = None
    scenes: Annotated[
        str | None,
        Field(
            description="folder of a model such as CLIP, in transformers' form, by which scenes are compared"
        ),
    ] = None
    allow_pickle: Annotated[
        bool, Field(description="load pickles of unknown origin too: they can run any code")
    ] = False


class Settings(_Section):
    """All settings of a run, resolved once."""

    preset: Annotated[
        Literal["auto", "embedded", "fast", "balanced", "high-quality"], Field(description="which models")
    ] = "auto"
    engine: EngineSettings = EngineSettings()
    recovery: RecoverySettings = RecoverySettings()
    decode: DecodeSettings = DecodeSettings()
    scene: SceneSettings = SceneSettings()
    person: PersonSettings = PersonSettings()
    face: FaceSettings = FaceSettings()
    audio: AudioSettings = AudioSettings()
    models: ModelSettings = ModelSettings()


def pipeline_config(settings: Settings, pipeline: str) -> Mapping[str, Any]:
    """The settings that can change the result of `pipeline`, and no others.

    Workers, chunk length and paths stay out.
    """
    if pipeline not in VERSIONS:
        raise ValueError(f"no configuration for {pipeline}")
    sections: dict[str, Any] = {}
    if pipeline == AUDIO:
        sections["audio"] = _audio_config(settings.audio)
    else:
        sections["decode"] = _decode_config(settings.decode)
    if pipeline == FACE:
        sections["face"] = settings.face.model_dump(exclude={"pack"})
    # Tracks are reset at cuts, and faces are linked to tracks.
    if pipeline in (SCENE, PERSON) or (pipeline == FACE and settings.face.link_persons):
        sections["scene"] = settings.scene.model_dump()
    if pipeline == PERSON or (pipeline == FACE and settings.face.link_persons):
        sections["person"] = settings.person.model_dump(exclude={"weights"})
    return {"pipeline": pipeline, "version": VERSIONS[pipeline], **sections}


def _decode_config(decode: DecodeSettings) -> dict[str, Any]:
    """Settings of decoding that count.

    The usual track is not named, so that results made before there was a choice keep their hash.
    """
    return {"backend": decode.backend} | (
        {} if decode.video_track is None else {"video_track": decode.video_track}
    )


def _audio_config(audio: AudioSettings) -> dict[str, Any]:
    """Settings of audio that count in the hash.

    Of the Whisper model it is the digest, wherever the model is; of other models the last parts of their
    names.
    """
    named = {key: getattr(audio, key) for key in ("align_model", "speaker_model", "events_model")}
    names = {key: model_name(name) if name else None for key, name in named.items()}
    usual = {"track": audio.track is None, "word_times": audio.word_times in ("auto", "alignment")}
    # Results of versions without these choices keep their hash.
    left_out = {key for key, is_usual in usual.items() if is_usual}
    return {**audio.model_dump(exclude={"model", *left_out}), **names}


def config_hash(settings: Settings, pipeline: str) -> str:
    """First 16 hex digits of the sha256 of `pipeline_config`."""
    return hashlib.sha256(canonical_json(pipeline_config(settings, pipeline)).encode()).hexdigest()[
        :HASH_DIGITS
    ]
