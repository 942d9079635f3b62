"""The token of a user's servers, kept in one file that only this user may read."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from schemas.errors import UsageError

TOKEN_VARIABLE: Final = "VAENGINE_TOKEN"
TOKEN_BYTES: Final = 24


def token_path(environment: Mapping[str, str]) -> Path:
    """The file that keeps the token: `~/.config/vaengine/token`."""
    folder = environment.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "vaengine" / "token"


def known_token(environment: Mapping[str, str] = os.environ) -> str | None:
    """The token of `VAENGINE_TOKEN`, else of the user's file; None where there is neither."""
    if given := environment.get(TOKEN_VARIABLE):
        return given
    try:
        return token_path(environment).read_text("ascii").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{token_path(environment)} cannot be read: {error}; remove it") from error


def own_token(environment: Mapping[str, str] = os.environ) -> str:
    """The known token; a new one is made and kept where there is none.

    It survives the server, so that pages and programs find a restarted one. Raises `UsageError`.
    """
    return known_token(environment) or _new_token(token_path(environment))


def _new_token(path: Path) -> str:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(token + "\n")
        try:
            os.link(unfinished, path)  # whole, and never in place of another server's
        except FileExistsError:
            return path.read_text("ascii").strip()
        finally:
            unfinished.unlink()
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}; set {TOKEN_VARIABLE}") from error
    return token
