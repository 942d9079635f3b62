"""The palette of drawings: colours by id, which colour-blind people can distinguish, and short names."""

from __future__ import annotations

import re
import zlib
from typing import Final

# Okabe and Ito, Color Universal Design (2008), without black; ordered such that neighbours differ most.
COLOURS: Final = ("#E69F00", "#56B4E9", "#D55E00", "#009E73", "#F0E442", "#CC79A7", "#0072B2")
NO_TRACK: Final = "#A8A8A8"  # for boxes without an id
TONES: Final = ("#8FA3B8", "#C5D0DB", "#6E8299")  # slates, for scenes and sounds
MAX_NAME_LENGTH: Final = 12  # characters
_LETTERS: Final = {"person": "P", "face": "F", "speaker": "S", "scene": ""}
_NUMBER: Final = re.compile(r"(\d+)$")


def colour_of(identity: str | None) -> str:
    """The colour `#RRGGBB` of an id, the same in every drawing; grey for None.

    Numbered ids take the colours in turns.
    """
    if not identity:
        return NO_TRACK
    number = _NUMBER.search(identity)
    index = int(number[1]) - 1 if number else zlib.crc32(identity.encode(errors="surrogatepass"))
    return COLOURS[index % len(COLOURS)]


def tone_of(name: str) -> str:
    """The tone `#RRGGBB` of a sound's name, the same in every drawing."""
    return TONES[zlib.crc32(name.encode(errors="surrogatepass")) % len(TONES)]


def ink_on(colour: str) -> str:
    """Black or white, whichever has more contrast on a colour `#RRGGBB` (WCAG 2 relative luminance)."""
    red, green, blue = (_linear(part / 255) for part in rgb(colour))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#FFFFFF"


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of `#RRGGBB`, 0 to 255 each."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def bgr(colour: str) -> tuple[int, int, int]:
    """Blue, green and red of `#RRGGBB`, in OpenCV's order."""
    red, green, blue = rgb(colour)
    return blue, green, red


def short_name(identity: str) -> str:
    """A short name: `P12` for `person_0012`, `F3` for `face_0003`, `S1` for `speaker_0001`, `4` for a scene.

    Other names stay, cut to `MAX_NAME_LENGTH`.
    """
    kind, _, number = identity.rpartition("_")
    if number.isascii() and number.isdigit() and kind in _LETTERS:
        return f"{_LETTERS[kind]}{int(number)}"
    return identity if len(identity) <= MAX_NAME_LENGTH else f"{identity[: MAX_NAME_LENGTH - 1]}…"


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
