"""Files as other tools write them, by hand after their documentation, about `fake_videos.Clip`'s garden."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

Box = tuple[float, float, float, float]  # left, top, width, height


def cvat(
    *tracks: str,
    source: str = "garden.mp4",
    frames: int = 100,
    size: tuple[int, int] = (640, 360),
    labels: Iterable[str] = ("person",),
) -> str:
    """CVAT for video 1.1."""
    names = "".join(f"<label><name>{name}</name><color>#ff0000</color></label>" for name in labels)
    return f"""<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>7</id><name>a task</name><size>{frames}</size><mode>interpolation</mode><overlap>5</overlap>
      <start_frame>0</start_frame><stop_frame>{frames - 1}</stop_frame><frame_filter></frame_filter>
      <labels>{names}</labels>
      <original_size><width>{size[0]}</width><height>{size[1]}</height></original_size>
      <source>{source}</source>
    </task>
    <dumped>2026-11-20 12:00:00.000000+00:00</dumped>
  </meta>
  {"".join(tracks)}
</annotations>
"""


def cvat_track(
    number: int, boxes: Sequence[tuple[int, Box | None]], label: str = "person", **attributes: str
) -> str:
    """A track of CVAT: boxes by frame, None where it is outside; attributes stand at its first box."""
    last: Box = (0.0, 0.0, 1.0, 1.0)
    lines = []
    for frame, box in boxes:
        left, top, width, height = last = box or last
        told = "".join(f'<attribute name="{name}">{text}</attribute>' for name, text in attributes.items())
        lines.append(
            f'<box frame="{frame}" outside="{0 if box else 1}" occluded="0" keyframe="1" xtl="{left:.2f}" '
            f'ytl="{top:.2f}" xbr="{left + width:.2f}" ybr="{top + height:.2f}" z_order="0">{told}</box>'
        )
        attributes = {}
    return f'<track id="{number}" label="{label}" source="manual">{"".join(lines)}</track>'


def label_studio(
    *results: dict[str, Any], video: str = "/data/upload/3/1f2e3d4c-garden.mp4", number: int = 12
) -> str:
    """Label Studio's raw JSON of one task."""
    annotation = {"id": 5, "completed_by": 1, "was_cancelled": False, "result": list(results)}
    return json.dumps([{"id": number, "data": {"video": video}, "annotations": [annotation]}])


def video_rectangle(
    boxes: Sequence[tuple[int, Box, bool]], label: str = "Person", frames: int = 100, duration: float = 4.0
) -> dict[str, Any]:
    """A region of the tag VideoRectangle: frames from 1, boxes in per cent, and whether they go on."""
    sequence = [
        {
            "frame": frame,
            "enabled": enabled,
            "rotation": 0,
            "x": x,
            "y": y,
            "width": w,
            "height": h,
            "time": frame / 25,
        }
        for frame, (x, y, w, h), enabled in boxes
    ]
    value = {"framesCount": frames, "duration": duration, "sequence": sequence, "labels": [label]}
    return {"id": "r4nd0m", "type": "videorectangle", "value": value, "from_name": "box", "to_name": "video"}


def dive(*tracks: dict[str, Any], fps: float | None = 25, version: int = 2) -> str:
    """DIVE's JSON."""
    meta = {"fps": fps} if fps is not None else {}
    by_id = {str(track["id"]): track for track in tracks}
    return json.dumps({"tracks": by_id, "groups": {}, "version": version, **meta, "video": "garden.mp4"})


def dive_track(
    number: int, features: Sequence[tuple[int, Box, bool]], label: str = "person", **attributes: str
) -> dict[str, Any]:
    """A track of DIVE: boxes by frame, and whether they are interpolated."""
    return {
        "id": number,
        "begin": features[0][0],
        "end": features[-1][0],
        "confidencePairs": [[label, 0.9], ["other", 0.1]],
        "attributes": attributes,
        "features": [
            {"frame": frame, "bounds": [x, y, x + w, y + h], "interpolate": moves, "keyframe": True}
            for frame, (x, y, w, h), moves in features
        ],
    }


def viame(*rows: str, fps: float = 25) -> str:
    """VIAME's CSV as DIVE writes it."""
    titles = (
        "# 1: Detection or Track-id,2: Video or Image Identifier,3: Unique Frame Identifier,4-7: Img-bbox"
        "(TL_x,TL_y,BR_x,BR_y),8: Detection or Length Confidence,9: Target Length (0 or -1 if invalid)"
        ",10-11+: Repeated Species,Confidence Pairs or Attributes"
    )
    return "\n".join([titles, f'# metadata,fps: {fps},"exported_by: ""dive:python"""', *rows, ""])


def eaf(tiers: str, slots: Sequence[int], media: str = "garden.mp4", origin: int | None = None) -> str:
    """ELAN's EAF: `slots` are times in ms, called ts1 and so on."""
    times = "".join(
        f'<TIME_SLOT TIME_SLOT_ID="ts{number}" TIME_VALUE="{value}"/>'
        for number, value in enumerate(slots, 1)
    )
    offset = "" if origin is None else f' TIME_ORIGIN="{origin}"'
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2026-11-20T12:00:00+00:00" FORMAT="3.0" VERSION="3.0"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
 <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
  <MEDIA_DESCRIPTOR MEDIA_URL="file:///videos/{media}" MIME_TYPE="video/mp4"
   RELATIVE_MEDIA_URL="./{media}"{offset}/>
 </HEADER>
 <TIME_ORDER>{times}</TIME_ORDER>
 {tiers}
 <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>
</ANNOTATION_DOCUMENT>
"""


def eaf_tier(name: str, *annotations: tuple[int, int, str], participant: str = "", begin: int = 1) -> str:
    """A tier of annotations between two slots."""
    inner = "".join(
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a{number}" TIME_SLOT_REF1="ts{first}" '
        f'TIME_SLOT_REF2="ts{last}"><ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>'
        for number, (first, last, text) in enumerate(annotations, begin)
    )
    who = f' PARTICIPANT="{participant}"' if participant else ""
    return f'<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="{name}"{who}>{inner}</TIER>'


def boris(
    events: Sequence[Sequence[Any]],
    media: str = "videos/garden.mp4",
    fps: float = 25.0,
    length: float = 4.0,
    observation: str = "morning",
) -> str:
    """A BORIS project of one observation."""
    behaviors = (("State event", "grooming"), ("Point event", "bark"), ("State event", "laughter"))
    return json.dumps(
        {
            "time_format": "hh:mm:ss",
            "project_name": "a study",
            "project_format_version": "7.0",
            "subjects_conf": {"0": {"key": "a", "name": "Ána", "description": ""}},
            "behaviors_conf": {
                str(number): {"type": kind, "key": code[0], "code": code, "modifiers": {}}
                for number, (kind, code) in enumerate(behaviors)
            },
            "observations": {
                observation: {
                    "file": {"1": [media], "2": []},
                    "type": "MEDIA",
                    "date": "2026-11-20T12:00:00",
                    "time offset": 0.0,
                    "events": [list(event) for event in events],
                    "media_info": {"length": {media: length}, "fps": {media: fps}},
                }
            },
        }
    )


def coco(
    boxes: Sequence[tuple[int, Box, int | None]],
    name: str = "garden.mp4",
    fps: float = 25.0,
    **about: Any,
) -> str:
    """COCO with a video and track ids."""
    frames = sorted({frame for frame, _, _ in boxes})
    images = [
        {
            "id": frame + 1,
            "video_id": 1,
            "frame_index": frame,
            "file_name": f"{frame:06d}.jpg",
            "width": 640,
            "height": 360,
        }
        for frame in frames
    ]
    annotations = [
        {
            "id": number,
            "image_id": frame + 1,
            "category_id": 1,
            "bbox": list(box),
            "area": box[2] * box[3],
            "iscrowd": 0,
        }
        | ({} if track is None else {"track_id": track})
        | about
        for number, (frame, box, track) in enumerate(boxes, 1)
    ]
    video = {"id": 1, "file_name": name, "fps": fps, "width": 640, "height": 360}
    categories = [{"id": 1, "name": "person"}]
    return json.dumps(
        {"videos": [video], "images": images, "annotations": annotations, "categories": categories}
    )


def via_tracks(*boxes: tuple[int, Box, int]) -> str:
    """VIA 2's CSV of tracks: frame, box and track."""
    lines = [
        "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    ]
    for number, (frame, (x, y, w, h), track) in enumerate(boxes):
        about = _cell({"clip": 1})
        shape = _cell({"name": "rect", "x": x, "y": y, "width": w, "height": h})
        lines.append(
            f"garden_frame_{frame:06d}.png,26542080,{about},1,{number},{shape},{_cell({'track': str(track)})}"
        )
    return "\n".join(lines) + "\n"


def _cell(value: dict[str, Any]) -> str:
    """JSON as a cell of CSV."""
    return '"' + json.dumps(value).replace('"', '""') + '"'


def audacity(*labels: tuple[float, float, str]) -> str:
    """A label track of Audacity; the first label has frequencies too, as a spectral selection gives them."""
    lines = [f"{start_s:.6f}\t{end_s:.6f}\t{label}" for start_s, end_s, label in labels]
    return "\n".join([*lines[:1], "\\\t200.000000\t3000.000000", *lines[1:], ""])


def videoannotator(
    boxes: Sequence[tuple[int, Box, int]],
    name: str = "garden",
    fps: float = 25.0,
    **about: Any,
) -> str:
    """VideoAnnotator's file of persons: frame, box and track."""
    images = [
        {
            "id": f"{name}_frame_{frame}",
            "width": 640,
            "height": 360,
            "file_name": f"{name}_frame_{frame}.jpg",
            "video_id": name,
            "frame_number": frame,
            "timestamp": frame / fps,
        }
        for frame in sorted({frame for frame, _, _ in boxes})
    ]
    annotations = [
        {
            "id": number,
            "image_id": f"{name}_frame_{frame}",
            "category_id": 1,
            "keypoints": [0.0] * 51,
            "num_keypoints": 0,
            "bbox": list(box),
            "area": box[2] * box[3],
            "iscrowd": 0,
            "score": 0.9,
            "track_id": track,
            "timestamp": frame / fps,
            "frame_number": frame,
            "person_id": f"person_{name}_{track:03d}",
            "person_label": "parent",
            "label_confidence": 0.7,
            "labeling_method": "size_based",
        }
        | about
        for number, (frame, box, track) in enumerate(boxes, 1)
    ]
    categories = [{"id": 1, "name": "person", "supercategory": "person"}]
    return json.dumps(
        {"info": {}, "licenses": [], "images": images, "annotations": annotations, "categories": categories}
    )
