"""No header, whatever lengths are in it, makes its reader fail or read more than headers need."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.probing import declared_length
from actors.probing.declared_length import Promise, asf, promise_of

MOST_READ = 1 << 20
FURTHEST = 1 << 43  # a file system that has files of 8 TiB at most refuses to go further
SECONDS_KEPT = 1 << 32  # a length in ticks of a nanosecond has to fit 64 bits

EBML, SEGMENT, INFO = (bytes.fromhex(one) for one in ("1a45dfa3", "18538067", "1549a966"))
SCALE, DURATION = bytes.fromhex("2ad7b1"), bytes.fromhex("4489")
MXF = bytes.fromhex("060e2b34020501010d0102010102") + bytes(2)
BEGINNINGS: dict[str, bytes] = {
    "matroska": EBML + b"\x80" + SEGMENT,
    "webm": EBML + b"\x80" + SEGMENT + b"\x01" + bytes(6) + b"\xff" + INFO,
    "avi": b"RIFF\xff\xff\x00\x00AVI ",
    "wav": b"RIFF\xff\xff\x00\x00WAVE",
    "w64": b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00",
    "aiff": b"FORM",
    "asf": asf.HEADER + struct.pack("<QIH", 1 << 20, 3, 0x0201),
    "flv": b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00onMetaData",
    "ogg": b"OggS",
    "ivf": b"DKIF\x00\x00\x20\x00VP80",
    "yuv4mpegpipe": b"YUV4MPEG2 ",
    "mxf": MXF,
}
WORDS = [
    *(
        SEGMENT,
        INFO,
        SCALE,
        DURATION,
        b"\xec\x80",
        b"\x84",
        b"\x88",
        b"RIFF",
        b"RF64",
        b"WAVE",
        b"ds64",
        b"fmt ",
        b"data",
        b"avih",
        b"strh",
    ),
    *(
        b"vids",
        b"dmlh",
        asf.FILE_PROPERTIES,
        b"\x00\x08duration\x00",
        b"\x00\x08filesize\x00",
        b"OggS",
        b"W",
        b"H",
        b"Cmono",
        b" ",
        b"-",
        b"6",
    ),
    *(b"1", b"\nFRAME\n", bytes(4), bytes(8), b"\xff" * 4, b"\xff" * 8, MXF),
]
CONTENTS = st.lists(
    st.sampled_from(WORDS)
    | st.binary(max_size=40)
    | st.integers(0, (1 << 64) - 1).map(lambda number: struct.pack("<Q", number))
    | st.integers(0, (1 << 56) - 1).map(lambda number: struct.pack(">Q", number | 1 << 56)),
    max_size=30,
).map(b"".join)


class Counted(io.BytesIO):
    """A file that counts the bytes that are asked of it, and cannot be gone through beyond what a disk
    can hold.
    """

    asked = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.asked += FURTHEST if size is None or size < 0 else size
        return super().read(min(size or 0, MOST_READ) if size is not None and size >= 0 else MOST_READ)

    def readline(self, size: int | None = -1, /) -> bytes:
        self.asked += FURTHEST if size is None or size < 0 else size
        return super().readline(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        if abs(offset) > FURTHEST:
            raise OSError(22, "Invalid argument")
        return super().seek(offset, whence)


def promised(name: str, data: bytes) -> Promise:
    file = Counted(data)
    promise = declared_length.promise_in(file, frozenset({name}))
    assert file.asked <= MOST_READ
    return promise


@pytest.mark.parametrize("name", BEGINNINGS)
@settings(max_examples=150, deadline=None, derandomize=True)
@given(content=CONTENTS, size=st.integers(0, 5000))
def test_whatever_follows_the_beginning_of_a_file_little_is_read_and_nothing_is_raised(
    name: str, content: bytes, size: int
) -> None:
    promise = promised(name, BEGINNINGS[name] + content)
    assert 0 <= promise.length_s <= SECONDS_KEPT
    assert abs(promise.missing_s(size, Fraction(0), Fraction(1)) or 0) <= 1 << 60


def test_each_reader_is_tried() -> None:
    assert BEGINNINGS.keys() == declared_length.READERS.keys()


def element(kind: bytes, length: int, content: bytes = b"") -> bytes:
    return kind + struct.pack(">Q", length | 1 << 56) + content


def of_info(content: bytes, length: int | None = None) -> bytes:
    info = element(INFO, len(content) if length is None else length, content)
    return EBML + b"\x80" + element(SEGMENT, len(info), info)


@pytest.mark.parametrize("kind", [SCALE, DURATION, b"\xec"], ids=["scale", "duration", "void"])
def test_a_number_of_a_matroska_file_that_says_it_is_huge_is_passed_over(kind: bytes) -> None:
    assert promised("matroska", of_info(element(kind, 1 << 50))).length_s == 0


def test_a_matroska_file_that_says_it_is_huge_is_looked_through_no_further_than_it_is_long() -> None:
    assert (
        promised("matroska", EBML + b"\x80" + element(SEGMENT, 1 << 54, element(b"\xec", 1 << 53)))
        == Promise()
    )


def test_a_matroska_file_that_would_play_longer_than_can_be_counted_promises_no_length() -> None:
    data = of_info(element(DURATION, 8, struct.pack(">d", 1e300)))
    assert promised("matroska", data) == Promise(size_bytes=len(data))


def test_a_format_of_a_wave_file_that_says_it_is_huge_is_not_read() -> None:
    assert promised("wav", b"RIFF\x40\x00\x00\x00WAVEfmt \xf0\xff\xff\xff" + bytes(60)).length_s == 0


def test_a_wave_file_of_empty_chunks_is_given_up() -> None:
    assert promised("wav", b"RIFF\x40\x00\x00\x00WAVE" + bytes(8 << 20)).length_s == 0


def test_pictures_of_a_size_below_zero_promise_nothing() -> None:
    assert promised("yuv4mpegpipe", b"YUV4MPEG2 W-6 H1 Cmono\nFRAME\n") == Promise()


def test_a_path_is_read_like_an_open_file(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(of_info(element(SCALE, 1 << 50)))
    assert promise_of(str(path), frozenset({"matroska"})).length_s == 0
