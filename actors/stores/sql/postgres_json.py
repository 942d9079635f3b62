"""JSON text as `jsonb` has to be given it, so that numbers come back as what they were."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_STRING_OR_LARGE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?e\+\d+')


def spelled(text: str) -> str:
    """The same JSON with floats beyond 1e16 written out and with a decimal point.

    `jsonb` keeps numbers as decimals: of 1e+22 there would be an integer left, while
    10000000000000000000000.0 stays what it is.
    """
    return (
        _STRING_OR_LARGE.sub(_written_out, text) if "+" in text else text
    )  # that one character is looked for in a tenth of the time


def _written_out(found: re.Match[str]) -> str:
    token = found.group()
    return token if token.startswith('"') else f"{Decimal(token):f}.0"
