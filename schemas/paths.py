"""Locations of files as people write them: paths are made absolute, URLs are kept."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePath
from urllib.parse import unquote, urlsplit

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://")
# A path that was made from a URL has lost one of its slashes; a true path of ours begins with a slash.
_URL_AS_PATH = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):/(?=[^/])")
_WEB = frozenset({"http", "https"})


def absolute_path(text: str | os.PathLike[str], base: Path | None = None) -> Path:
    """The absolute path of `text`, relative to `base` or else to the working directory.

    A leading `~` or `~user` is a home directory. Where there is no such user it is part of the name, as in
    a shell.
    """
    return Path(absolute_text(os.fspath(text), str(base or Path.cwd())))


def absolute_text(text: str, base: str) -> str:
    """As `absolute_path`, without path objects: for a million paths."""
    if text.startswith("/"):
        return os.path.normpath(text)
    # pathlib's own raises for an unknown user, though `~clip.mp4` may be a file.
    return os.path.normpath(os.path.join(base, os.path.expanduser(text)))  # noqa: PTH111, PTH118


def scheme_of(location: str) -> str:
    """The scheme of a URL in lower case, such as `s3`; empty for a path."""
    found = _URL.match(location)
    return found["scheme"].lower() if found else ""


def is_url(location: str) -> bool:
    """Whether a location is a URL and not a path."""
    return "://" in location and _URL.match(location) is not None


def absolute_location(text: str, base: Path | None = None) -> str:
    """A URL as it is with its scheme in lower case, anything else as an absolute path.

    `file://` is a path.
    """
    scheme = scheme_of(text)
    if scheme == "file":
        return str(absolute_path(unquote(urlsplit(text).path), base))
    return f"{scheme}{text[len(scheme) :]}" if scheme else str(absolute_path(text, base))


def name_of(location: str) -> str:
    """The last part of a path or URL; of a web address without its query, and decoded."""
    scheme = scheme_of(location)
    if scheme in _WEB:
        return unquote(urlsplit(location).path).rstrip("/").rpartition("/")[2]
    return location.rstrip("/").rpartition("/")[2] if scheme else PurePath(location).name


def location_of(path: PurePath) -> str:
    """The location as text, also where a URL was put into a path object."""
    return _URL_AS_PATH.sub(r"\g<scheme>://", str(path), count=1)
