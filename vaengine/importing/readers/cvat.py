"""CVAT XML 1.1, for videos and for images; frames count from 0.

A track has a box in each frame or only in key frames, and one that is `outside` where it ends. Source: CVAT,
"XML annotation format".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from xml.etree.ElementTree import Element

from schemas.annotations.annotation import BBox
from vaengine.importing.document import FrameBox, FrameCount, ImportedFile, ImportedTrack, ImportedVideo
from vaengine.importing.readers.parsing import number, own_id, person_name, whole

NAME: Final = "cvat"
_OTHER_SHAPES: Final = ("polygon", "polyline", "points", "cuboid", "ellipse", "mask", "skeleton", "tag")


def matches(root: Element) -> bool:
    """Whether this is the root of CVAT's XML."""
    return root.tag == "annotations" and (root.find("version") is not None or root.find("meta") is not None)


def read(root: Element) -> ImportedFile:
    """The one video of a file; raises ValueError and KeyError."""
    if (version := (root.findtext("version") or "").strip()) != "1.1":
        raise ValueError(f"it is of version {version or '(none)'}, and only 1.1 is read")
    return ImportedFile(NAME, (_video(root),))


def _video(root: Element) -> ImportedVideo:
    meta = root.find("meta")
    about = next((one for one in meta if one.find("size") is not None), meta) if meta is not None else root
    size, last = about.findtext("size"), about.findtext("stop_frame")
    frames = max(whole(size) if size else 0, whole(last) + 1 if last else 0)
    width, height = (_of_size(root, about, name) for name in ("width", "height"))
    return ImportedVideo(
        name=(root.findtext("meta/source") or about.findtext("source") or _name(about)).strip(),
        tracks=(*map(_track, root.iterfind("track")), *_boxes_of_images(root)),
        counting=FrameCount("index", frames=frames or None),
        picture=(width, height) if width and height else None,
        labels=frozenset((text.text or "").strip() for text in about.iterfind("labels/label/name")),
        notes=tuple(_left_out(root)),
    )


def _name(about: Element) -> str:
    return about.findtext("name") or ""


def _of_size(root: Element, about: Element, name: str) -> int:
    for text in (
        about.findtext(f"original_size/{name}"),
        root.findtext(f"meta/original_size/{name}"),
        *(image.get(name) for image in root.iterfind("image")),
    ):
        if text:
            return whole(text)
    return 0


def _track(track: Element) -> ImportedTrack:
    boxes = sorted(track.iterfind("box"), key=lambda box: whole(box.attrib["frame"]))
    attributes = _attributes([track, *boxes])
    number_in_file = own_id(attributes) or track.get("id")
    return ImportedTrack(
        number_in_file, track.attrib["label"], tuple(_segments(boxes)), person_name(attributes)
    )


def _attributes(elements: Iterable[Element]) -> Mapping[str, Any]:
    """The last value of each attribute: one that may change is what it was at the end."""
    return {
        each.attrib["name"].casefold(): (each.text or "").strip()
        for element in elements
        for each in element.iterfind("attribute")
    }


def _segments(boxes: Iterable[Element]) -> Iterator[tuple[FrameBox, ...]]:
    """The boxes between those that are outside; the last one stays where it is until then."""
    segment: list[FrameBox] = []
    for box in boxes:
        if box.get("outside") != "1":
            segment.append(_box(box, whole(box.attrib["frame"])))
            continue
        until = whole(box.attrib["frame"]) - 1
        if segment and until > segment[-1].frame:
            segment.append(replace(segment[-1], frame=until, is_keyframe=False))
        if segment:
            yield tuple(segment)
        segment = []
    if segment:
        yield tuple(segment)


def _box(box: Element, frame: int) -> FrameBox:
    left, top, right, bottom = (number(box.attrib[side]) for side in ("xtl", "ytl", "xbr", "ybr"))
    return FrameBox(
        frame, BBox(left, top, right - left, bottom - top), is_keyframe=box.get("keyframe") != "0"
    )


def _boxes_of_images(root: Element) -> Iterator[ImportedTrack]:
    for image in root.iterfind("image"):
        for box in image.iterfind("box"):
            found = _box(box, whole(image.attrib["id"]))
            yield ImportedTrack(None, box.attrib["label"], ((found,),), person_name(_attributes([box])))


def _left_out(root: Element) -> Iterator[str]:
    shapes = [shape for shape in root.iter() if shape.tag in _OTHER_SHAPES]
    if shapes:
        kinds = ", ".join(sorted({shape.tag for shape in shapes}))
        yield f"{len(shapes)} shapes that are no boxes are left out ({kinds})"
