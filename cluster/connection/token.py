"""The token of a cluster: where Ray looks for one, and how this process comes to send it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MODE_VARIABLE: Final = "RAY_AUTH_MODE"
TOKEN_VARIABLE: Final = "RAY_AUTH_TOKEN"
PATH_VARIABLE: Final = "RAY_AUTH_TOKEN_PATH"


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and the variable or the file that it is from; `repr` does not show it."""

    value: str
    origin: str

    def __repr__(self) -> str:
        return f"Token(origin={self.origin!r})"


def find_token(environment: Mapping[str, str], home: Path) -> Token | None:
    """The token that Ray would send, in its order: variable, named file, ~/.ray/auth_token.

    Source: Ray's `authentication_token_loader.cc`.
    """
    if value := environment.get(TOKEN_VARIABLE, "").strip():
        return Token(value, TOKEN_VARIABLE)
    path = Path(environment.get(PATH_VARIABLE) or home / ".ray" / "auth_token")
    try:
        value = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return Token(value, str(path)) if value else None


def own_token() -> Token | None:
    """The token of this process."""
    return find_token(os.environ, Path.home())


def mode(environment: Mapping[str, str]) -> str:
    """What the user has said of tokens: "token", "disabled", or "" for nothing."""
    return environment.get(MODE_VARIABLE, "").lower()


def send_token() -> None:
    """Have Ray send its token from now on, in this process and those that it starts.

    Ray's C++ side reads the variable when it is imported; where that has happened, it is told again, as
    Ray itself does (`authentication_token_setup.py`).
    """
    os.environ[MODE_VARIABLE] = "token"
    if "ray" in sys.modules:
        import ray  # waits for a thread that is importing it

        ray._raylet.Config.initialize("")
