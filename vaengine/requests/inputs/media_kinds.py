"""Tells videos and sound from other files: by name, and by their first bytes where the name says nothing."""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import Final

_VIDEO: Final = (
    ".360 .3g2 .3gp .asf .avi .dav .divx .dv .f4v .flv .gif .h264 .h265 .hevc .insv .ivf .lrv .m2p .m2t "
    ".m2ts .m2v .m4v .mjpeg .mjpg .mkv"
    " .mod .mov .mp4 .mpe .mpeg .mpg .mts .mxf .nut .ogm .ogv .qt .rm .rmvb .tod .ts .vob .webm .wmv .wtv "
    ".y4m"
)
_SOUND: Final = (
    ".aac .ac3 .aif .aiff .amr .au .caf .flac .m4a .m4b .mka .mp2 .mp3 .oga .ogg .opus .ra .w64 .wav .wma .wv"
)
VIDEO_SUFFIXES: Final = frozenset(_VIDEO.split())
SOUND_SUFFIXES: Final = frozenset(_SOUND.split())
# TypeScript, modules of Modula and Fortran, and nut files of 3-D tools have these extensions too.
SHARED_WITH_TEXT: Final = frozenset((".ts", ".mod", ".nut"))

# System folders: the trash of Windows and network drives, thumbnails of Synology, what fsck found.
SYSTEM_FOLDERS: Final = frozenset(
    ("$recycle.bin", "recycler", "#recycle", "@eadir", "@recycle", "lost+found", "system volume information")
)
OWN_FILES: Final = re.compile(
    r"batch_processing\.db.*|batch_report_\w+\.json|checkpoint_\w+\.json|job_metadata\.json|batch_summary\.json"
)

HEAD_BYTES: Final = 512
_TS_PACKET: Final = 188
_STILL_PICTURES: Final = (b"avif", b"heic", b"heix", b"mif1", b"msf1")  # brands of `ftyp` that are no films
# Source: Gary Kessler's file signatures, and FFmpeg's probes of the containers that are not in it.
_SIGNATURES: Final = re.compile(
    rb"....(moov|mdat|wide|free|skip|pnot)"  # QuickTime before there was ftyp
    rb"|(RIFF|RF64)....(AVI |WAVE)|FORM....(AIFF|AIFC)"
    rb"|\x1aE\xdf\xa3|OggS|FLV\x01|\.RMF|DKIF|YUV4MPEG2 |nut/multimedia|DHAV|fLaC|wvpk|caff|\.snd|ID3|#!AMR"
    rb"|\x30\x26\xb2\x75\x8e\x66\xcf\x11|\xb7\xd8\x00\x20\x37\x49\xda\x11"  # ASF, WTV
    # MPEG streams, H.264 and HEVC without a container
    rb"|\x00\x00\x01[\xb0\xb3\xba]|\x00\x00\x00\x01[\x06\x09\x27\x40\x42\x46\x67]"
    rb"|\x06\x0e\x2b\x34\x02\x05\x01\x01",  # MXF
    re.DOTALL,
)


def suffix_of(path: str | PurePath) -> str:
    """The extension in lower case with its dot, as `PurePath.suffix` has it; empty for none.

    Blanks that some recorders and copies leave at the end of a name are removed first.
    """
    text = str(path).rstrip()
    dot = text.rfind(".")
    suffix = text[dot:].lower() if dot > 0 and text[dot - 1] != "/" else ""
    return suffix if len(suffix) > 1 and "/" not in suffix else ""


def is_video_name(path: str | Path) -> bool:
    """Whether a file is a video by its name; a text file with a shared extension is not."""
    suffix = suffix_of(path)
    return suffix in VIDEO_SUFFIXES and not (suffix in SHARED_WITH_TEXT and is_text(path))


def is_media(path: str | Path) -> bool:
    """Whether a file is a video or sound, by its name or else by its first bytes; still pictures are not."""
    return is_video_name(path) or suffix_of(path) in SOUND_SUFFIXES or begins_like_media(head_of(path))


def begins_like_media(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a container or stream that holds video or sound."""
    if head[4:8] == b"ftyp":
        return head[8:12] not in _STILL_PICTURES
    # M2TS has 4 bytes before each packet of MPEG-TS.
    steps = [offset for offset in (0, 4) if head[offset : offset + 1] == b"G"]
    if any(head[offset + _TS_PACKET + offset : offset + _TS_PACKET + offset + 1] == b"G" for offset in steps):
        return True
    return _SIGNATURES.match(head) is not None


def is_text(path: str | Path) -> bool:
    """Whether the first bytes are printable ASCII or UTF-8."""
    head = head_of(path)
    return bool(head) and all(byte >= 0x20 or byte in b"\t\n\r\f" for byte in head)


def is_system_folder(name: str) -> bool:
    """Whether a folder is a system folder, such as a trash."""
    return name.lower() in SYSTEM_FOLDERS or name.lower().startswith(".trash")


def head_of(path: str | Path) -> bytes:
    """The first bytes of a file; empty for one that cannot be read, which whoever opens it will report."""
    try:
        with Path(path).open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""
