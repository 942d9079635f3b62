"""Opens a file or an address in the reader's browser, where there is one with windows."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping
from pathlib import Path


def open_in_browser(path: Path, environ: Mapping[str, str] = os.environ) -> bool:
    """Open a file in a browser; returns whether there is one."""
    return open_address(path.absolute().as_uri(), environ)


def open_address(address: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Open an address in a browser; returns whether there is one.

    One within the terminal would take the terminal away: it is used only if `BROWSER` names it.
    """
    has_windows = sys.platform in ("darwin", "win32") or any(
        environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    try:
        return has_windows and webbrowser.open(address)
    except webbrowser.Error:
        return False
