"""The text of a first batch file: the keys of a run, and every setting commented out with its meaning."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from schemas.errors import UsageError
from schemas.pipelines import AVAILABLE, SHORT_NAMES
from schemas.settings.layers import SettingRow, configured, layer
from vaengine.model_selection.presets import AUTO, Machine, overlay, resolve

HEAD = """\
# A batch for `vaengine run --config {name}`; paths are relative to this file, the command line outranks it.
# `vaengine config check {name}` checks it,
# `vaengine config show --config {name} --origin` shows what it comes to.
inputs: [videos/]            # files, folders, globs, text lists of paths
out: results
pipelines: [{pipelines}]
preset: {preset}                 # auto, embedded, fast, balanced or high-quality

# Settings: take the # away from a section and from what you change in it."""
COLUMN = 40  # where comments begin, if a value leaves room


def starter(name: str, preset: str) -> str:
    """The text of a batch file called `name`; raises `InvalidSetting` for an unknown preset."""
    chosen = layer("--preset", {"preset": preset})
    resolve(preset, AVAILABLE, Machine())
    rows = configured({} if preset == AUTO else layer(preset, overlay(preset)), chosen).rows()
    sections = groupby((row for row in rows if "." in row.key), key=lambda row: row.key.partition(".")[0])
    blocks = ["\n".join([f"# {section}:", *map(_line, own)]) for section, own in sections]
    shorts = ", ".join(short for short, pipeline in SHORT_NAMES.items() if pipeline in AVAILABLE)
    return "\n\n".join([HEAD.format(name=name, preset=preset, pipelines=shorts), *blocks]) + "\n"


def _line(row: SettingRow) -> str:
    setting = f"#   {row.key.partition('.')[2]}: {_scalar(row.value)}"
    return f"{setting:<{COLUMN}}  # {row.description}"


def _scalar(value: Any) -> str:
    """A value as YAML writes it on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return text.removesuffix("...\n").strip()


def write_starter(path: Path, text: str) -> None:
    """Write the text to a new file; raises `UsageError`."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already: name another file, or edit that one") from error
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}): check the folder and its permissions"
        ) from error
