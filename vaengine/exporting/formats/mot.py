"""MOTChallenge: tracks of persons in `gt/gt.txt`, every box in `det/det.txt`, and `seqinfo.ini`.

Source: motchallenge.net, "Submit": frames, tracks and pixels count from 1; boxes are left, top, width,
height. `gt/labels.txt` is for Datumaro.
"""

from __future__ import annotations

import configparser
import io
from collections.abc import Iterator

from schemas.annotations.annotation import PERSON_DETECTION, Annotation
from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile, text_file
from vaengine.exporting.pictures import picture_files
from vaengine.exporting.values.exported_video import ExportedVideo
from vaengine.exporting.values.frame_rows import box_of
from vaengine.exporting.values.source import Source
from vaengine.exporting.values.track_numbers import TrackNumbers


def files(source: Source) -> Iterator[OutputFile]:
    """A sequence `VIDEO_ID/` for each video, with `img1/` where the user wants pictures."""
    for video in source.pictured():
        folder = video.video_id
        yield text_file(f"{folder}/seqinfo.ini", [_seqinfo(video)])
        yield text_file(f"{folder}/gt/gt.txt", _tracked(source, video))
        yield text_file(f"{folder}/gt/labels.txt", ["person\n"])
        yield text_file(f"{folder}/det/det.txt", _detected(source, video))
        if source.options.pictures:
            yield from _pictures(source, video)


def _seqinfo(video: ExportedVideo) -> str:
    sequence = configparser.ConfigParser(interpolation=None)
    sequence.optionxform = str  # type: ignore[assignment,method-assign]  # capitals stay
    sequence["Sequence"] = {
        "name": video.video_id,
        "imDir": "img1",
        "frameRate": f"{video.fps:g}",
        "seqLength": str(video.video.frame_count),
        "imWidth": str(video.video.width),
        "imHeight": str(video.video.height),
        "imExt": ".jpg",
    }
    text = io.StringIO()
    sequence.write(text, space_around_delimiters=False)
    return text.getvalue()


def _tracked(source: Source, video: ExportedVideo) -> Iterator[str]:
    """Frame, track, box, 1 for counted, class 1, wholly visible."""
    numbers, folder = TrackNumbers(), video.video_id
    for own in source.frames(video, PERSON_DETECTION):
        for row in own.rows:
            if row.person_id is None:
                source.losses.add(row.annotation_type, "is in no track: det.txt alone has it", folder)
            else:
                yield f"{own.frame + 1},{numbers.of(folder, row.person_id)},{_box(row)},1,1,1\n"


def _detected(source: Source, video: ExportedVideo) -> Iterator[str]:
    """Frame, -1 for no track, box, confidence, and no place in the world."""
    for own in source.frames(video, PERSON_DETECTION):
        for row in own.rows:
            confidence = 1.0 if row.confidence is None else row.confidence
            yield f"{own.frame + 1},-1,{_box(row)},{confidence:.4f},-1,-1,-1\n"


def _box(row: Annotation) -> str:
    box = box_of(row)
    return f"{box.x + 1:.3f},{box.y + 1:.3f},{box.width:.3f},{box.height:.3f}"


def _pictures(source: Source, video: ExportedVideo) -> Iterator[OutputFile]:
    """Frames count from 1 in names as in rows."""
    frames = [own.frame for own in source.frames(video, PERSON_DETECTION)]
    pattern = f"{video.video_id}/img1/{{number:06d}}.jpg"
    return picture_files(source, video, PERSON_DETECTION, frames, pattern)


FORMAT = Format(
    "mot",
    "TrackEval, motmetrics, Datumaro",
    (PERSON_DETECTION,),
    files,
    ("key points, names of persons, times",),
    can_have_pictures=True,
)
