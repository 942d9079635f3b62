"""Opens a media file and reads its packets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from actors.sources.facts import facts_of
from actors.sources.ranged_file import RangedFile
from schemas.errors import EmptyFile, NoFrames, NotAVideo, Unreadable
from schemas.paths import is_url

if TYPE_CHECKING:
    import av.container

# Formats that lead to other files and have no content of their own.
PLAYLISTS: Final = frozenset({"hls", "concat", "dash", "sdp", "rtsp", "imf"})
MAX_BROKEN_READS: Final = 64  # Errors in a row before the rest of a file is given up.
LOCAL_FILES: Final = "file"  # The only protocol that FFmpeg may use.
NO_FILES: Final = "none"  # A remote file is read for it, and may name no others: no protocol is called so.


@contextmanager
def opened(path: str) -> Iterator[av.container.InputContainer]:
    """Opens a media file for demuxing, by its path or URL; no other file and no network is in FFmpeg's reach.

    Raises `EmptyFile`, `Unreadable`, `NotAVideo`, `NoFrames`; for a URL also `SourceUnavailable` and
    `FileChanged`, on entry and whenever it is read. FFmpeg's own log stays off, as PyAV leaves it. No stream
    may be touched after the container is closed: PyAV 18 reads freed memory then.
    """
    with opened_with_source(path) as (container, _):
        yield container


@contextmanager
def opened_with_source(path: str) -> Iterator[tuple[av.container.InputContainer, RangedFile | None]]:
    """As `opened`, with the remote file that the container is read from; None for a local one."""
    with RangedFile(path) if is_url(path) else nullcontext() as remote, _container(path, remote) as container:
        if formats_of(container) & PLAYLISTS:
            raise NotAVideo(path, f"a {container.format.long_name} list of other files")
        yield container, remote
        if remote is not None and remote.error is not None:
            raise remote.error  # a demuxer that took it for the end of the file


def _container(path: str, remote: RangedFile | None) -> av.container.InputContainer:
    import av

    options = {"protocol_whitelist": LOCAL_FILES if remote is None else NO_FILES}
    try:
        return av.open(path if remote is None else remote, options=options, metadata_errors="replace")
    except OSError as error:
        raise Unreadable(path, error.strerror or str(error)) from error
    except av.error.EOFError as error:
        raise NoFrames(path, "the file ends with its header") from error
    except av.error.FFmpegError as error:
        if facts_of(path).size_bytes == 0:
            raise EmptyFile(path) from error
        raise NotAVideo(path, error.strerror or str(error)) from error


def formats_of(container: Any) -> frozenset[str]:
    """Names of a container's format, such as mov and mp4."""
    return frozenset(container.format.name.split(","))


def demuxed(container: Any, streams: Any, note: Callable[[str], None] = lambda _: None) -> Iterator[Any]:
    """Yields the packets of one stream or several, from the present position of the container on.

    The empty packets that flush a decoder are left out. Damage is skipped and passed to `note` as a line.
    Raises `Unreadable` when the operating system refuses to read.
    """
    from av.error import EOFError as EndOfFile
    from av.error import FFmpegError

    broken = 0
    while broken < MAX_BROKEN_READS:
        try:
            for packet in container.demux(streams):
                if packet.size:
                    broken = 0
                    yield packet
            return
        except EndOfFile:
            return
        except IndexError:
            # At the end PyAV 18 looks for a stream that began in mid-file, and does not know it.
            return
        except OSError as error:
            raise Unreadable(container.name, error.strerror or str(error)) from error
        except FFmpegError as error:  # the demuxer can go on behind the damage
            broken += 1
            note(f"container: {error.strerror}")
