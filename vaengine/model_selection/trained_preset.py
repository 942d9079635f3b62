"""A preset by the name of a model that was trained: its weights, and `auto` for all else."""

from __future__ import annotations

from collections.abc import Mapping

from actors.model_files.files import folders_of
from schemas.settings.layers import Given, Layer
from schemas.settings.settings import PRESETS
from vaengine.model_selection.presets import AUTO
from vaengine.models.trained import find_trained


def with_trained_preset(given: Layer, environment: Mapping[str, str]) -> Layer:
    """The user's settings, in which a preset by the name of a trained model is what it stands for.

    Persons are looked for with its weights, at the size of pictures that it was trained with, unless a
    setting says otherwise. Any other preset stays.
    """
    preset = given.get("preset")
    if preset is None or preset.value in PRESETS:
        return given
    folder = given.get("models.folder")
    model = find_trained(str(preset.value), folders_of(folder.value if folder else None, environment))
    if model is None:
        return given
    own = {"preset": AUTO, "person.weights": model.file}
    if pixels := (model.facts.get("settings") or {}).get("input_pixels"):
        own["person.input_pixels"] = pixels
    origin = f"{preset.origin} {model.name}"
    stands_for = {key: Given(value, origin) for key, value in own.items()}
    return {**stands_for, **{key: value for key, value in given.items() if key != "preset"}}
