"""The batch file `batch.yaml`: reads and checks everything that `vaengine run` can be told.

    inputs: [videos/, extra/clip.mov]     # relative to this file, as `out` and `db` are
    out: results
    pipelines: [scene, person]
    workers: 4
    scene:
      threshold: 30                       # or `scene.threshold: 30`

Keys of the run are `RUN_KEYS`; every other key is a setting. The command line overrides the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from schemas.errors import InvalidSetting, UsageError
from schemas.settings.layers import KNOWN, SECTIONS, Given, Layer, configured, unknown


def _is_text_or_list(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(item, str) for item in value)
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_replace_mode(value: Any) -> bool:
    return isinstance(value, bool) or value in ("ask", "replace", "keep", "as-before")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


RUN_KEYS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "inputs": (_is_text_or_list, "a path or a list of paths"),
    "out": (_is_text, "a folder"),
    "db": (_is_text, "sqlite:///FILE, files:DIR or postgresql://USER@HOST/DATABASE"),
    "pipelines": (_is_text_or_list, "names, such as [scene, person]"),
    "cluster": (_is_text, "none, local, auto, either or an address"),
    "limit": (_is_count, "a number of videos, 1 or more"),
    "files": (_is_flag, "true or false"),
    "publish": (_is_text, "an address such as s3://BUCKET/PREFIX"),
    "keep_runs": (_is_flag, "true or false"),
    "all_media": (_is_flag, "true or false"),
    "keep": (_is_flag, "true or false"),
    "replace": (_is_replace_mode, "true, false, ask, replace, keep or as-before"),
}
ALIASES: Final = {"workers": "engine.workers"}


@dataclass(frozen=True, slots=True)
class BatchFile:
    """The contents of a batch file: `run` by key of `RUN_KEYS`, `settings` by dotted key."""

    path: Path
    run: Layer
    settings: Layer

    def text(self, key: str) -> str | None:
        """The value of a run key that holds one text."""
        return self.run[key].value if key in self.run else None

    def texts(self, key: str) -> tuple[str, ...]:
        """The value of a run key that holds a list.

        A single text counts as a list of one; commas separate names of pipelines.
        """
        value = self.run[key].value if key in self.run else []
        return tuple([value] if isinstance(value, str) else value)


def read(path: Path) -> BatchFile:
    """Read a batch file and check every key and value.

    Raises `UsageError`, `UnknownSetting` or `InvalidSetting` with the line.
    """
    run: dict[str, Given] = {}
    settings: dict[str, Given] = {}
    for key, given in _entries(path):
        if key in RUN_KEYS:
            _check_run_key(key, given)
            run[key] = given
        elif ALIASES.get(key, key) in KNOWN or key in SECTIONS:
            settings[ALIASES.get(key, key)] = given
        else:
            raise unknown(key, given.origin, also=[*RUN_KEYS, *ALIASES])
    configured(settings)
    return BatchFile(path, run, settings)


def _check_run_key(key: str, given: Given) -> None:
    fits, takes = RUN_KEYS[key]
    if not fits(given.value):
        error = InvalidSetting(key, given.value, f"it takes {takes}")
        error.add_note(f"(from {given.origin})")
        raise error


def _entries(path: Path) -> Iterator[tuple[str, Given]]:
    """Dotted keys with their values and lines, in the order of the file."""
    loader = yaml.SafeLoader(_source(path))
    try:
        root = loader.get_single_node()
        if root is None:
            return
        if not isinstance(root, yaml.MappingNode):
            raise UsageError(
                f"{path}: a batch file holds `key: value` lines; see `vaengine config show` for the keys"
            )
        yield from _mapping(loader, root, path, "", set())
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UsageError(f"{path}:{line}: not valid YAML ({error.problem})") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from error


def _mapping(
    loader: yaml.SafeLoader, node: yaml.MappingNode, path: Path, prefix: str, known_keys: set[str]
) -> Iterator[tuple[str, Given]]:
    for key_node, value_node in node.value:
        key = f"{prefix}{key_node.value}"
        line = key_node.start_mark.line + 1
        if isinstance(value_node, yaml.MappingNode) and key in SECTIONS:
            yield from _mapping(loader, value_node, path, f"{key}.", known_keys)
            continue
        if key in known_keys:
            raise UsageError(f"{path}:{line}: {key} is there twice; keep one")
        known_keys.add(key)
        yield key, Given(loader.construct_object(value_node, deep=True), f"{path}:{line}")


def _source(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not a text file in UTF-8 ({error.reason})") from error
    except OSError as error:
        raise UsageError(f"batch file {path} cannot be read: {error.strerror}; check its path") from error
