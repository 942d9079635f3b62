"""What a run would replace: complete results of other configurations.

Pure; who may replace them is a matter of the request.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Final, Literal, get_args

from schemas.errors import InvalidSetting
from schemas.pipelines import AUDIO, SCENE
from schemas.settings.layers import flat
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob
from schemas.work.provenance import info_of, own_settings
from vaengine.console.units import counted

Replace = Literal["ask", "replace", "keep", "as-before"]

PARTS_SHOWN: Final = 4  # of one message
DIFFERENCES_SHOWN: Final = 4  # of one part
DIGEST_DIGITS: Final = 12
UNKNOWN: Final = "unknown settings"
METHODS: Final = {"hog": "HOG", "cascade": "OpenCV's cascade"}  # by detector, of what needs no model file
WITHOUT_MODEL: Final = {SCENE: "PySceneDetect", AUDIO: "voice activity"}


def replace_mode(value: bool | str | None) -> Replace:
    """What `replace=` of the Python interface says: True is "replace", False and None are "ask".

    Raises `InvalidSetting`.
    """
    if value is None or isinstance(value, bool):
        return "replace" if value else "ask"
    for mode in get_args(Replace):
        if mode == value:
            return mode  # type: ignore[no-any-return]
    raise InvalidSetting("replace", value, f"it is True, or one of {', '.join(get_args(Replace))}")


@dataclass(frozen=True, slots=True)
class Maker:
    """What made a result, or would: its `name` (of a model, or of what does without one), its preset, and
    its configuration.
    """

    name: str
    preset: str | None = None
    configuration: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, job: BatchJob, pipeline: str) -> Maker:
        """As a job tells; one that was saved by hand tells nothing."""
        info = info_of(job, pipeline)
        if info["configuration"].get("pipeline") != pipeline:
            return cls(UNKNOWN)
        detector, model = (
            own_settings(pipeline, info["configuration"]).get("detector"),
            (info["model"] or {}).get("file"),
        )
        name = (
            PurePath(model).stem
            if model
            else WITHOUT_MODEL.get(pipeline) or METHODS.get(str(detector), UNKNOWN)
        )
        return cls(name, None if pipeline == SCENE else info["preset"], info["configuration"])

    def __str__(self) -> str:
        return f"{self.name} ({self.preset})" if self.preset else self.name


@dataclass(frozen=True, slots=True)
class Replaced:
    """Results of one pipeline and one configuration, of so many videos, and what would take their place."""

    pipeline: str
    videos: int
    old: Maker
    new: Maker

    def __post_init__(self) -> None:
        if self.videos < 1:
            raise ValueError(f"results of {self.videos} videos cannot be replaced")

    def __str__(self) -> str:
        have = "has" if self.videos == 1 else "have"
        by = f" by {self.new}" if str(self.new) != str(self.old) else ""
        changes = differences(self.old, self.new) if self.old.name == self.new.name else ()
        more = f" and {len(changes) - DIFFERENCES_SHOWN} more" if len(changes) > DIFFERENCES_SHOWN else ""
        told = f" ({', '.join(changes[:DIFFERENCES_SHOWN])}{more})" if changes else ""
        return (
            f"{counted(self.videos, 'video')} {have} {self.pipeline} by {self.old}; this run would "
            f"replace it{by}{told}"
        )


@dataclass(frozen=True, slots=True)
class Replacement:
    """The decision: all complete results that a run would replace. False where there are none."""

    parts: tuple[Replaced, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.parts)

    @classmethod
    def joined(cls, several: Iterable[Replacement]) -> Replacement:
        """What several pages of videos come to, those of one kind as one."""
        counts: dict[tuple[str, str, str, tuple[str, ...]], Replaced] = {}
        for part in (part for one in several for part in one.parts):
            same = (part.pipeline, str(part.old), str(part.new), differences(part.old, part.new))
            counts[same] = replace(part, videos=part.videos + counts[same].videos) if same in counts else part
        return cls(tuple(counts.values()))

    def __str__(self) -> str:
        left = len(self.parts) - PARTS_SHOWN
        more = [f"and {left} more such groups"] if left > 0 else []
        return "; ".join([*map(str, self.parts[:PARTS_SHOWN]), *more])


def superseded(
    wanted: Iterable[WorkKey], complete: Collection[WorkKey]
) -> dict[WorkKey, tuple[WorkKey, ...]]:
    """For each wanted key that is not complete the complete ones, of other configurations, that its
    completion would replace.
    """
    asked = list(wanted)
    others: dict[tuple[str, str], list[WorkKey]] = {}
    for key in sorted(set(complete).difference(asked)):
        others.setdefault((key.video_id, key.pipeline), []).append(key)
    return {
        key: tuple(found)
        for key in asked
        if others and key not in complete and (found := others.get((key.video_id, key.pipeline)))
    }


def differences(old: Maker, new: Maker) -> tuple[str, ...]:
    """Settings that differ, as `scene.threshold 27 -> 20`; of a section that only one of them has,
    nothing.
    """
    before, after = dict(flat(old.configuration)), dict(flat(new.configuration))
    shared = {key.partition(".")[0] for key in before} & {key.partition(".")[0] for key in after}
    keys = [
        key
        for key in dict.fromkeys([*before, *after])
        if key.partition(".")[0] in shared and before.get(key) != after.get(key)
    ]
    return tuple(f"{_named(key, old)} {_shown(before, key)} -> {_shown(after, key)}" for key in keys)


def _named(key: str, maker: Maker) -> str:
    """The version of a pipeline is raised by a newer vaengine, everything else is a setting."""
    return f"version of {maker.configuration.get('pipeline')}" if key == "version" else key


def _shown(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    if key not in values:
        return "unknown"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)[:DIGEST_DIGITS] if key.endswith("_sha256") else str(value)
