"""Benchmark of tracking: the engine and ultralytics with the same weights, against a real annotation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import process_time
from typing import Any, Final

from bench.cases import tracking_scenes
from bench.harness.in_process import NEURAL, person_rows, settings_for
from bench.harness.report import table
from bench.rivals.ultralytics_loop import WEIGHTS, tracked
from bench.scoring.mot import PETS, PETS_FPS, AnnotatedPerson, accuracy, annotated, people_in
from schemas.annotations.annotation import PERSON_DETECTION
from schemas.settings.settings import Settings

TITLE = "Tracking"
SETTINGS = (*NEURAL, f"person.sample_fps={PETS_FPS}")
TRACKERS = ("bytetrack.yaml", "botsort.yaml")
# What a user may choose instead, on the same weights where that can be.
CHEAPER: Final = {
    "640 pixels": (),
    "480 pixels": ("person.input_pixels=480",),
    "320 pixels": ("person.input_pixels=320",),
    "INT8, 640 pixels": (f"person.weights={WEIGHTS.with_name('yolo11n_int8_openvino_model')}",),
}
COLUMNS = {
    "mota": "MOTA",
    "idf1": "IDF1",
    "precision": "precision",
    "recall": "recall",
    "switches": "switches",
    "fragmentations": "gaps",
}


def measure(_rounds: int, assignments: Sequence[str] = ()) -> dict[str, Any]:
    """The accuracy on every frame of the annotated sequence, which is the same in every round.

    Raises FileNotFoundError without the clips.
    """
    video, truth = PETS / "video.mp4", annotated(PETS / "gt" / "gt.txt")
    settings = settings_for([*SETTINGS, *assignments], video)
    weights = Path(settings.person.weights or WEIGHTS)
    found = {f"ultralytics, {tracker}": tracked(video, weights, tracker) for tracker in TRACKERS}
    found[f"engine, {name_of(settings)}"] = engine_tracks(video, settings)
    return {
        "people": len({person.who for person in truth}),
        "boxes": len(truth),
        "frames": 1 + max(person.frame for person in truth),
        "weights": weights.name,
        "settings": list(assignments),
        "scenes": tracking_scenes.measure(),
        "accuracy": {
            who: {**accuracy(truth, people).to_data(), "tracks": count(people)}
            for who, people in found.items()
        },
        "cheaper": {
            name: cheaper(video, truth, (*SETTINGS, *assignments, *chosen))
            for name, chosen in CHEAPER.items()
        },
    }


def cheaper(video: Path, truth: Sequence[AnnotatedPerson], assignments: Sequence[str]) -> dict[str, float]:
    """The accuracy with these settings, and the processor seconds of all steps."""
    settings = settings_for(assignments, video)
    engine_tracks(video, settings)  # so that imports and conversions are not counted
    began_s = process_time()
    people = engine_tracks(video, settings)
    return {**accuracy(truth, people).to_data(), "core_s": process_time() - began_s}


def engine_tracks(video: Path, settings: Settings) -> list[AnnotatedPerson]:
    """The boxes of the engine's tracks, as stored."""
    return people_in(
        row
        for row in person_rows(video, settings)
        if row.annotation_type == PERSON_DETECTION and row.person_id
    )


def name_of(settings: Settings) -> str:
    """The names of the detector and the tracker."""
    person = settings.person
    return f"{person.detector} and {person.tracker}{' by looks' if person.reid else ''}"


def count(people: Sequence[AnnotatedPerson]) -> int:
    """The number of different people or tracks."""
    return len({person.who for person in people})


def described(measured: Mapping[str, Any]) -> str:
    """The case's table."""
    rows = [
        [
            who,
            *(
                f"{score[name]:.3f}" if isinstance(score[name], float) else str(score[name])
                for name in COLUMNS
            ),
            str(score["tracks"]),
        ]
        for who, score in measured["accuracy"].items()
    ]
    about = (
        f"PETS09-S2L1, frames 734-795: {measured['people']} people, {measured['boxes']} boxes, "
        f"{measured['frames']} frames at 7 fps, all"
        f" looked at; weights {measured['weights']}; a hit is an IoU of 0.5; measures by py-motmetrics. "
        "Ultralytics tells where its"
        " tracker's filter puts a box, the engine where the detector saw it. One short scene: it shows what "
        "has got worse, not which is"
        " better."
    )
    return "\n\n".join(
        [
            about,
            table(["", *COLUMNS.values(), "tracks"], rows),
            *_cheaper_described(measured.get("cheaper", {})),
            *_scenes_described(measured.get("scenes", {})),
        ]
    )


def _cheaper_described(cheaper: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Yield a text and a table of accuracy and cost; nothing without figures."""
    if cheaper:
        whole, shown = next(iter(cheaper.values()))["core_s"], dict(list(COLUMNS.items())[:4])
        yield (
            "What costs less, on the same frames, with the processor time of all steps over that of the "
            "first, once. INT8 takes squares of 640 pixels, the others what a picture needs."
        )
        yield table(
            ["", *shown.values(), "processor time"],
            [
                [
                    name,
                    *(f"{score[column]:.3f}" for column in shown),
                    f"{score['core_s'] / whole:.2f}",
                ]
                for name, score in cheaper.items()
            ],
        )


def _scenes_described(scenes: Mapping[str, Any]) -> Iterator[str]:
    """Yield a text and a table of MOTA / IDF1 / gaps by scene and thresholds; nothing without scenes."""
    if scenes:
        names = list(next(iter(scenes.values())))
        rows = [
            [
                scene,
                *(
                    f"{scores[name]['mota']:.3f} / {scores[name]['idf1']:.3f} / "
                    f"{scores[name]['fragmentations']:.0f}"
                    for name in names
                ),
            ]
            for scene, scores in scenes.items()
        ]
        yield (
            "Thresholds of the tracker, the same boxes at 5 pictures a second: MOTA / IDF1 / gaps. Before: "
            "boxes from 0.5 on, matched up to"
            " a cost of 0.9. Ultralytics' own: 0.25 and 0.8. Presets: 0.25 and 0.9. Boxes of TUD are made of "
            "its"
            " annotation by chance: the means of three."
        )
        yield table(["scene", *names], rows)
