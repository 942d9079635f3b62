"""YUV4MPEG2: a header line, then frames of one size, so a whole file holds a whole number of them."""

from __future__ import annotations

from typing import BinaryIO, Final

from actors.probing.declared_length.promise import Promise

LINE_BYTES: Final = 1 << 12
FRAME: Final = b"FRAME"


def promise(file: BinaryIO, size: int) -> Promise:
    """Whether the last frame is whole, by the size of a frame.

    Frames whose line has more than FRAME have no known size.
    """
    head = file.readline(LINE_BYTES)
    first = file.readline(LINE_BYTES)
    frame_bytes = _frame_bytes(head)
    if not frame_bytes or first != FRAME + b"\n":
        return Promise()
    return Promise(lacks_end=bool((size - len(head)) % (len(first) + frame_bytes)))


def _frame_bytes(head: bytes) -> int:
    """Bytes of a frame's planes; 0 where the header is unknown."""
    words = head.split()
    if not words or words[0] != b"YUV4MPEG2":
        return 0
    parameters = {word[:1]: word[1:].decode("ascii", "replace") for word in words[1:]}
    width, height, space = int(parameters[b"W"]), int(parameters[b"H"]), parameters.get(b"C", "420")
    if width <= 0 or height <= 0:
        return 0
    depth = 2 if "p1" in space or space in ("mono9", "mono10", "mono12", "mono14", "mono16") else 1
    if space.startswith("mono"):
        return width * height * depth
    horizontal, vertical = {
        "420": (2, 2),
        "422": (2, 1),
        "444": (1, 1),
        "411": (4, 1),
        "410": (4, 4),
        "440": (1, 2),
    }.get(space[:3], (0, 0))
    if not horizontal:
        return 0
    planes = 4 if space.endswith("alpha") else 3
    chroma = -(-width // horizontal) * -(-height // vertical)
    return (width * height * (planes - 2) + 2 * chroma) * depth
