"""Copies of a video that look the same and are not the same content: those would be one video to the engine."""

from __future__ import annotations

from pathlib import Path

PADDING_STREAM = b"\x00\x00\x01\xbe"  # of MPEG's program streams


def copied(source: Path, target: Path) -> Path:
    """Copy an MP4 or MPEG file with the target's name behind it, in a box or packet that every reader skips."""
    name = target.name.encode()
    if source.suffix == ".mp4":
        mark = (8 + len(name)).to_bytes(4, "big") + b"free" + name
    elif source.suffix == ".mpg":
        mark = PADDING_STREAM + len(name).to_bytes(2, "big") + name
    else:
        raise ValueError(f"{source}: only .mp4 and .mpg files can be told apart by a mark")
    target.write_bytes(source.read_bytes() + mark)
    return target
