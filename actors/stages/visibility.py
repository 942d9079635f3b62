"""Whose fault it is that a path is missing: the video's, or the node's that was to read it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from schemas.errors import NodeCannotSee, Unreadable, VideoError
from schemas.paths import is_url


def attributed(
    error: VideoError,
    *,
    is_here: Callable[[str], bool] = os.path.exists,
    host: Callable[[], str] = socket.gethostname,
) -> VideoError:
    """The error of a video as the error of this node, where its path is missing here.

    The path was there when the run looked at it, so another node may read it. A URL is the same everywhere.
    """
    path = str(error.args[0]) if error.args else ""
    if not isinstance(error, Unreadable) or not path or is_url(path) or is_here(path):
        return error
    return NodeCannotSee(path, host(), str(error.args[-1]))
