"""Cuts the matches of a query out as video files, one for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from schemas.errors import UsageError, VideoError
from schemas.media.frames import Pixels
from schemas.media.video import Video
from schemas.paths import name_of
from schemas.storage.backend import ResultStore
from vaengine import __version__
from vaengine.queries.match import Match
from vaengine.rendering.output_file import check_target, whole_file
from vaengine.rendering.source_marks import TAG, SourceMark, digest_of
from vaengine.rendering.video_part import Extent, PartCoding, write_part
from vaengine.rendering.video_writer import FORMATS, check_encoder
from vaengine.results.lookup import check_unchanged

PAD_S: Final = 1.0  # before and after a match
CRF: Final = 20
SUFFIX: Final = ".mp4"
MAX_STEM: Final = 60  # characters of a video's name in that of a clip
_UNUSUAL: Final = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class WrittenClips:
    """The files of clips, in the order of their matches, and a line for each match that has none."""

    paths: tuple[Path, ...]
    left_out: tuple[str, ...] = ()


def write_clips(
    store: ResultStore,
    matches: Sequence[Match],
    folder: Path,
    *,
    pad_s: float = PAD_S,
    with_sound: bool = True,
    force: bool = False,
    listener: Callable[[int, int], None] = lambda done, total: None,
) -> WrittenClips:
    """Write each match as `001_NAME_FROM-TO.mp4` in a folder, `pad_s` seconds longer at both ends.

    Frames and sound are the video's own, uncut frames at their exact times. A clip that is there already is
    kept. A match whose video is missing, damaged or has no pictures is left out. Raises `UsageError` for a
    file there that is not ours, unless `force`, and `DiskFull`.
    """
    if pad_s < 0:
        raise UsageError(f"clips cannot be {-pad_s:g} s shorter than their matches: give 0 and more")
    check_encoder()
    videos = store.videos(list(dict.fromkeys(match.video_id for match in matches)))
    paths, left_out, checked = list[Path](), list[str](), set[str]()
    for number, match in enumerate(matches, start=1):
        try:
            video = clippable(videos.get(match.video_id), match, checked)
            paths.append(_write_clip(video, match, number, folder, pad_s, with_sound, force))
        except (Unclippable, VideoError) as error:
            left_out.append(f"{number}: {error}")
        listener(number, len(matches))
    return WrittenClips(tuple(paths), tuple(left_out))


class Unclippable(UsageError):
    """A match that has no pictures to show."""


def clippable(video: Video | None, match: Match, checked: set[str]) -> Video:
    """The video of a match, whose file is as it was; raises `Unclippable` and `Unreadable`.

    `checked` are ids of videos that were found to be so, and are not looked at again.
    """
    if video is None or not video.has_pictures:
        raise Unclippable(f"{match.video_id} has no pictures")
    if video.video_id not in checked:
        try:
            check_unchanged(video)
        except UsageError as error:
            raise Unclippable(str(error)) from error
        checked.add(video.video_id)
    return video


def clip_name(match: Match, number: int) -> str:
    """The file name of a clip: its number, its video's name, and the seconds of the match."""
    stem = _UNUSUAL.sub("_", PurePath(name_of(match.path)).stem)[:MAX_STEM].strip("._") or match.video_id
    return f"{number:03d}_{stem}_{match.start_s:.1f}-{match.end_s:.1f}{SUFFIX}"


def _write_clip(
    video: Video, match: Match, number: int, folder: Path, pad_s: float, with_sound: bool, force: bool
) -> Path:
    target = folder / clip_name(match, number)
    facts = (__version__, video.fingerprint, match.start_s, match.end_s, pad_s, with_sound)
    mark = SourceMark("clip", video.video_id, digest_of(facts))
    if not check_target(target, force=force, sources=(video.path,), mark=mark):
        return target
    extent = padded_extent(video, match, pad_s)
    width, height = video.width // 2 * 2, video.height // 2 * 2
    part = PartCoding(width, height, CRF, with_sound, {TAG: str(mark)})
    with whole_file(target) as file:
        write_part(extent, file, FORMATS[SUFFIX], _even, part)
    return target


def padded_extent(video: Video, match: Match, pad_s: float) -> Extent:
    """The frames of a match and `pad_s` seconds around it; at least the frame that is shown at its start."""
    times = (video.index.pts - video.start_pts) * float(video.time_base)
    shown = max(0, int((times <= match.start_s + 1e-9).sum()) - 1)
    start_s = min(float(times[shown]), max(0.0, match.start_s - pad_s))
    following = float(times[shown + 1]) if shown + 1 < len(times) else video.duration_s
    return Extent.of(video, start_s, max(following, match.end_s + pad_s))


def _even(picture: Pixels, _number: int, _time_s: float) -> Pixels:
    """The picture without its last row and column where these are odd: H.264 in usual colours needs pairs."""
    height, width = picture.shape[:2]
    return picture[: height // 2 * 2, : width // 2 * 2]
