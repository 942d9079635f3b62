"""Everything that was found in one video, for Python: values, tables, and a card for a notebook."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from schemas.annotations.annotation import (
    FACE_DETECTION,
    FACE_IDENTITY,
    PERSON_DETECTION,
    PERSON_TRACK,
    SCENE_TYPE,
    Annotation,
)
from schemas.annotations.coco import annotations_of
from schemas.errors import NotFound, UsageError
from schemas.pipelines import FACE, PERSON, SHORT_NAMES
from schemas.work.chunk import WorkKey
from schemas.work.provenance import Provenance, info_of, provenance_of, sample_fps
from vaengine.api.notebook_card import card
from vaengine.console.units import clock, counted
from vaengine.results import audio
from vaengine.results.annotation_kinds import type_named
from vaengine.results.annotation_table import annotation_table
from vaengine.results.faces import FaceBoxes, FaceIdentity, identities_of
from vaengine.results.moment import Moment
from vaengine.results.nearest_boxes import nearest_boxes
from vaengine.results.vision import Boxes, Person, Scene, VideoFacts, persons_of, scenes_of
from vaengine.timeline.video_timeline import VideoTimeline

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from schemas.storage.backend import ResultStore
    from schemas.work.job import BatchJob

WITHIN_SECONDS: Final = 0.2  # from one frame looked at to the next, at the default `person.sample_fps`
FACES_WITHIN_SECONDS: Final = 0.5  # the same at the default `face.sample_fps`


@dataclass(frozen=True, repr=False)  # no slots: cached properties need a place
class VideoAnnotations:
    """The results of one video: `annotations` are its rows as stored.

    `warnings` report frames lost within what is allowed. `provenance` says for each pipeline what made its
    result, as far as it is known: see `schemas.work.provenance`. `sample_rates` has how many frames a second
    a pipeline looked at, where its configuration says so.
    """

    video: VideoFacts
    annotations: tuple[Annotation, ...]
    warnings: tuple[str, ...] = ()
    provenance: Mapping[str, Provenance] = field(default_factory=dict, hash=False)
    sample_rates: Mapping[str, float] = field(default_factory=dict, hash=False)

    @classmethod
    def from_store(cls, store: ResultStore, video_id: str, jobs: Mapping[str, BatchJob]) -> Self:
        """The rows a store holds of a video; `jobs` has for each pipeline the job that it was done for.

        Raises `NotFound` for a video that could never be read.
        """
        video = store.videos([video_id]).get(video_id)
        if video is None:
            raise NotFound(f"video {video_id}", store.url)
        found = [jobs[pipeline].pipeline_results[pipeline] for pipeline in sorted(jobs)]
        keys = [WorkKey(video_id, result.pipeline, result.config_hash) for result in found]
        rows = [row for key in keys for row in store.annotations(key)]
        infos = {pipeline: info_of(jobs[pipeline], pipeline) for pipeline in sorted(jobs)}
        made = {pipeline: provenance_of(pipeline, info) for pipeline, info in infos.items()}
        facts, warnings = VideoFacts.of(video), _distinct(result.warning for result in found)
        return cls(facts, tuple(rows), warnings, made, _rates(infos, facts.fps))

    @classmethod
    def from_coco(cls, *documents: Mapping[str, Any]) -> VideoAnnotations:
        """From the COCO-shaped documents of one video.

        Raises `UsageError` for those of several videos, or of none.
        """
        videos = {record["video_id"]: record for document in documents for record in document["videos"]}
        if len(videos) != 1:
            names = ", ".join(videos) or "none"
            raise UsageError(f"COCO documents of one video are needed; these are of {names}")
        rows = [row for document in documents for row in annotations_of(document)]
        facts = VideoFacts.of_record(next(iter(videos.values())))
        infos = {document["info"]["pipeline"]: document["info"] for document in documents}
        made = {pipeline: provenance_of(pipeline, info) for pipeline, info in infos.items()}
        warnings = _distinct(document["info"].get("warning") for document in documents)
        return cls(facts, tuple(rows), warnings, made, _rates(infos, facts.fps))

    @classmethod
    def from_folder(cls, folder: Path) -> VideoAnnotations:
        """From the files in a video's folder under `--out`.

        Raises `NotFound` where there are none, `UsageError` for a damaged one.
        """
        paths = [path for name in sorted(SHORT_NAMES.values()) if (path := folder / f"{name}.json").is_file()]
        if not paths:
            raise NotFound("a result such as scene_detection.json", folder)
        return cls.from_coco(*map(_document, paths))

    @cached_property
    def scenes(self) -> tuple[Scene, ...]:
        """Scenes in order of time; none where scenes were not asked for."""
        return tuple(scenes_of(self._of(SCENE_TYPE)))

    @cached_property
    def persons(self) -> tuple[Person, ...]:
        """Tracked persons in the order of first sight; boxes in no track are in `boxes` only."""
        return tuple(persons_of(self._of(PERSON_DETECTION, PERSON_TRACK)))

    @cached_property
    def boxes(self) -> Boxes:
        """Every box of a person, tracked or not."""
        return Boxes.of(self._of(PERSON_DETECTION))

    @cached_property
    def faces(self) -> tuple[FaceIdentity, ...]:
        """Whose faces there are, in the order of first sight.

        There are none where no model tells faces apart, though `face_boxes` has them.
        """
        return tuple(identities_of(self._of(FACE_DETECTION, FACE_IDENTITY)))

    @cached_property
    def face_boxes(self) -> FaceBoxes:
        """Every face, of an identity or not."""
        return FaceBoxes.of(self._of(FACE_DETECTION))

    @cached_property
    def speech(self) -> tuple[audio.Speech, ...]:
        """What is said, in order of time, with its words."""
        return tuple(audio.speech_of(self.annotations))

    @cached_property
    def speakers(self) -> tuple[audio.Turn, ...]:
        """Who speaks when: turns in order of time."""
        return tuple(audio.turns_of(self.annotations))

    @cached_property
    def events(self) -> tuple[audio.SoundEvent, ...]:
        """Sounds that were recognised, in order of time."""
        return tuple(audio.events_of(self.annotations))

    @cached_property
    def voice(self) -> tuple[audio.Voice, ...]:
        """When anybody speaks, in order of time."""
        return tuple(audio.voice_of(self.annotations))

    @cached_property
    def loudness(self) -> audio.Loudness:
        """How loud it is, second by second."""
        return audio.Loudness.of(self.annotations)

    def at(self, time_s: float, *, within_s: float | None = None) -> Moment:
        """What is there at `time_s`: the scene, what is heard, and the boxes and faces of the nearest frames.

        These frames lie in the same scene and have any. They are at most `within_s` away, by default 0.2 s
        for boxes and 0.5 s for faces: only sampled frames have them (`person.sample_fps`, `face.sample_fps`).
        Of two frames that are as near the earlier one counts.
        """
        scene = next(iter(audio.at(self.scenes, time_s)), None)
        boxes_s = WITHIN_SECONDS if within_s is None else within_s
        faces_s = FACES_WITHIN_SECONDS if within_s is None else within_s
        return Moment(
            time_s,
            scene,
            nearest_boxes(self.boxes, time_s, boxes_s, scene),
            nearest_boxes(self.face_boxes, time_s, faces_s, scene),
            audio.at(self.speech, time_s),
            tuple(dict.fromkeys(turn.speaker_id for turn in audio.at(self.speakers, time_s))),
            audio.at(self.events, time_s),
        )

    def to_arrow(self, kind: str | None = None) -> pa.Table:
        """One row per annotation, or per annotation of type `kind`; the columns and their types never vary.

        `kind` is an annotation type, or the property that has them, such as "persons". Raises `UsageError`
        for any other name.
        """
        if kind is None:
            return annotation_table(self.annotations)
        return annotation_table(self._of(type_named(kind, {row.annotation_type for row in self.annotations})))

    def to_pandas(self, kind: str | None = None) -> pd.DataFrame:
        """`to_arrow` as a DataFrame.

        Frame numbers are nullable integers, so that a row without one leaves them integers.
        """
        import pandas as pd
        import pyarrow as pa

        return self.to_arrow(kind).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)

    def _of(self, *kinds: str) -> tuple[Annotation, ...]:
        return tuple(row for row in self.annotations if row.annotation_type in kinds)

    @property
    def counts(self) -> str:
        """How much was found, in words; of faces and sound only what there is."""
        seen = ((len(self.scenes), "scene"), (len(self.persons), "person"), (len(self.boxes), "detection"))
        more = (
            (len(self.faces), "known face"),
            (len(self.face_boxes), "face detection"),
            (len(self.speech), "utterance"),
            (0 if self.speech else len(self.voice), "voiced part"),
            (len({turn.speaker_id for turn in self.speakers}), "speaker"),
            (len(self.events), "sound event"),
        )
        numbers = [*(seen if self.video.has_pictures else ()), *((n, noun) for n, noun in more if n)]
        return ", ".join(counted(number, noun) for number, noun in numbers) or "nothing recognised"

    def __repr__(self) -> str:
        return f"VideoAnnotations({self.video.video_id!r}, {clock(self.video.duration_s)}, {self.counts})"

    def _repr_html_(self) -> str:
        rates = self.sample_rates
        timeline = VideoTimeline.of_rows(self.annotations, rates.get(PERSON), rates.get(FACE))
        return card(
            self.video,
            timeline,
            [(person.person_id, person) for person in self.persons],
            [(face.face_id, face) for face in self.faces],
            counts=self.counts,
            warnings=self.warnings,
            provenance=self.provenance,
        )


def _rates(infos: Mapping[str, Mapping[str, Any]], video_fps: float) -> dict[str, float]:
    rates = {pipeline: sample_fps(pipeline, info, video_fps) for pipeline, info in infos.items()}
    return {pipeline: rate for pipeline, rate in rates.items() if rate is not None}


def _distinct(warnings: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(warning for warning in warnings if warning))


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document: Mapping[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        cure = "the next run of `vaengine` makes it again"
        raise UsageError(f"{path} cannot be read ({error}); {cure}") from error
    return document
