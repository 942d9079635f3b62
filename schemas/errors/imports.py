"""Errors in files of other tools that are imported."""

from __future__ import annotations

from schemas.errors.base import UsageError


class UnreadableImport(UsageError):
    """A file that is not what it should be. Values: path, format or "a known format", cause and cure."""

    template = "{0} cannot be read as {1}: {2}; nothing was imported"


class WrongFrameRate(UsageError):
    """A file counts frames in another rate than its video has. Values: path, both rates, what follows."""

    template = (
        "{0} counts {1}: {2}; set the rate in the tool, or give --fps to say in which rate the file counts; "
        "nothing was imported"
    )


class WrongVideo(UsageError):
    """A file does not fit the video that it is imported for. Values: path, video, what does not fit."""

    template = "{0} is not of {1}: {2}; name the video with --video; nothing was imported"
