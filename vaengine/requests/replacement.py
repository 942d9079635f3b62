"""What a run would replace: complete results of other configurations. Pure values.

Whether they may be replaced is a matter of the request.
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

MAX_PARTS_SHOWN: Final = 4  # of one message
MAX_DIFFERENCES_SHOWN: Final = 4  # of one part
DIGEST_DIGITS: Final = 12
UNKNOWN: Final = "unknown settings"
METHODS: Final = {"hog": "HOG", "cascade": "OpenCV's cascade"}  # by detector, of what needs no model file
WITHOUT_MODEL: Final = {SCENE: "PySceneDetect", AUDIO: "voice activity"}


def replace_mode(value: bool | str | None) -> Replace:
    """The mode that `replace=` of the Python interface means: True is "replace", False and None are "ask".

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
    """What made a result, or would make it: a name, a preset and a configuration.

    The name is that of a model, or of a method without one.
    """

    name: str
    preset: str | None = None
    configuration: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, job: BatchJob, pipeline: str) -> Maker:
        """The maker that a job records; a job that was saved by hand records none."""
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
    """Results of one pipeline and one configuration that would be replaced.

    `videos` is their number; `old` made them and `new` would replace them.
    """

    pipeline: str
    videos: int
    old: Maker
    new: Maker

    def __post_init__(self) -> None:
        if self.videos < 1:
            raise ValueError(f"results of {self.videos} videos cannot be replaced")

    def __str__(self) -> str:
        verb = "has" if self.videos == 1 else "have"
        new_maker = f" by {self.new}" if str(self.new) != str(self.old) else ""
        changes = differences(self.old, self.new) if self.old.name == self.new.name else ()
        more = (
            f" and {len(changes) - MAX_DIFFERENCES_SHOWN} more"
            if len(changes) > MAX_DIFFERENCES_SHOWN
            else ""
        )
        changes_text = f" ({', '.join(changes[:MAX_DIFFERENCES_SHOWN])}{more})" if changes else ""
        return (
            f"{counted(self.videos, 'video')} {verb} {self.pipeline} by {self.old}; this run would "
            f"replace it{new_maker}{changes_text}"
        )


@dataclass(frozen=True, slots=True)
class Replacement:
    """All complete results that a run would replace; False where there are none."""

    parts: tuple[Replaced, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.parts)

    @classmethod
    def joined(cls, several: Iterable[Replacement]) -> Replacement:
        """The replacements of several pages of videos, with equal groups added up."""
        counts: dict[tuple[str, str, str, tuple[str, ...]], Replaced] = {}
        for part in (part for replacement in several for part in replacement.parts):
            group_key = (part.pipeline, str(part.old), str(part.new), differences(part.old, part.new))
            counts[group_key] = (
                replace(part, videos=part.videos + counts[group_key].videos) if group_key in counts else part
            )
        return cls(tuple(counts.values()))

    def __str__(self) -> str:
        left = len(self.parts) - MAX_PARTS_SHOWN
        more = [f"and {left} more such groups"] if left > 0 else []
        return "; ".join([*map(str, self.parts[:MAX_PARTS_SHOWN]), *more])


def superseded(
    wanted: Iterable[WorkKey], complete: Collection[WorkKey]
) -> dict[WorkKey, tuple[WorkKey, ...]]:
    """The complete keys that each wanted key would replace, for wanted keys that are not complete.

    These are keys of the same video and pipeline with another configuration.
    """
    wanted_keys = list(wanted)
    others: dict[tuple[str, str], list[WorkKey]] = {}
    for key in sorted(set(complete).difference(wanted_keys)):
        others.setdefault((key.video_id, key.pipeline), []).append(key)
    return {
        key: tuple(other_keys)
        for key in wanted_keys
        if others and key not in complete and (other_keys := others.get((key.video_id, key.pipeline)))
    }


def differences(old: Maker, new: Maker) -> tuple[str, ...]:
    """Settings that differ, as `scene.threshold 27 -> 20`.

    A section that only one of the two has is left out.
    """
    before, after = dict(flat(old.configuration)), dict(flat(new.configuration))
    shared = {key.partition(".")[0] for key in before} & {key.partition(".")[0] for key in after}
    keys = [
        key
        for key in dict.fromkeys([*before, *after])
        if key.partition(".")[0] in shared and before.get(key) != after.get(key)
    ]
    return tuple(
        f"{_setting_name(key, old)} {_value_text(before, key)} -> {_value_text(after, key)}" for key in keys
    )


def _setting_name(key: str, maker: Maker) -> str:
    """The name of a key: a pipeline's version, which a newer vaengine raises, or a setting."""
    return f"version of {maker.configuration.get('pipeline')}" if key == "version" else key


def _value_text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    if key not in values:
        return "unknown"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)[:DIGEST_DIGITS] if key.endswith("_sha256") else str(value)
