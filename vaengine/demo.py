"""Renders the clip of `make demo` from photographs and a recording inside installed packages.

Slow pans and zooms over four shots with hard cuts between them: three scene changes to find, and people of a
size that OpenCV's detector can see. The photographs are those of ultralytics and insightface, the
conversation is pyannote.audio's sample. The same packages give the same bytes on every run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from schemas.errors import NotFound
from schemas.media.frames import Pixels

if TYPE_CHECKING:
    import av

WIDTH: Final = 640
HEIGHT: Final = 480
FPS: Final = 25
BACKGROUND: Final = (24, 24, 24)  # shown where a view reaches beyond its photograph


@dataclass(frozen=True, slots=True)
class Recording:
    """Sound inside an installed package: the file among those of `distribution`, from `start_s` on, as
    long as the clip lasts.
    """

    distribution: str
    file: str
    start_s: float


CONVERSATION: Final = Recording("pyannote-audio", "pyannote/audio/sample/sample.wav", 6.3)
SOUND_RATE: Final = 16_000


@dataclass(frozen=True, slots=True)
class View:
    """What the camera sees of a photograph: centre and width, all as shares of the photograph's width and
    height.
    """

    x: float
    y: float
    width: float

    def towards(self, other: View, share: float) -> View:
        """The view `share` (0..1) of the way to `other`."""
        return View(
            *(
                a + (b - a) * share
                for a, b in ((self.x, other.x), (self.y, other.y), (self.width, other.width))
            )
        )


@dataclass(frozen=True, slots=True)
class Shot:
    """One stretch without a cut: a photograph inside an installed package, and the camera's way over it."""

    package: str
    photograph: str
    seconds: float
    first: View
    last: View

    @property
    def frame_count(self) -> int:
        return round(self.seconds * FPS)


SHOTS: Final = (
    Shot("ultralytics", "assets/bus.jpg", 3.2, View(0.50, 0.60, 1.50), View(0.46, 0.59, 1.30)),
    Shot("insightface", "data/images/t1.jpg", 2.8, View(0.36, 0.45, 0.66), View(0.64, 0.45, 0.66)),
    Shot("ultralytics", "assets/bus.jpg", 3.2, View(0.36, 0.58, 1.50), View(0.44, 0.56, 1.75)),
    Shot("ultralytics", "assets/zidane.jpg", 2.8, View(0.50, 0.50, 0.75), View(0.56, 0.46, 0.60)),
)


def photograph(shot: Shot) -> Path:
    """Where a shot's photograph lies; finds the package without importing it; raises `NotFound`."""
    spec = find_spec(shot.package)
    folders = (spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        if (path := Path(folder) / shot.photograph).is_file():
            return path
    raise NotFound(f"photograph {shot.photograph}", f"the installed package {shot.package}")


def recording(sound: Recording) -> Path:
    """Where a recording lies; finds the package without importing it; raises `NotFound`."""
    try:
        path = Path(str(metadata.distribution(sound.distribution).locate_file(sound.file)))
    except metadata.PackageNotFoundError:
        path = Path()
    if not path.is_file():
        raise NotFound(f"recording {sound.file}", f"the installed package {sound.distribution}")
    return path


def heard(sound: Recording, seconds: float) -> Iterator[av.AudioFrame]:
    """So many seconds of a recording, mono at `SOUND_RATE`, with times from 0 on; less where it ends
    before.
    """
    import av

    first, count = round(sound.start_s * SOUND_RATE), round(seconds * SOUND_RATE)
    resampler, at = av.AudioResampler(format="s16", layout="mono", rate=SOUND_RATE), 0
    with av.open(str(recording(sound))) as container:
        for frame in (
            part for whole in [*container.decode(audio=0), None] for part in resampler.resample(whole)
        ):
            wanted = frame.to_ndarray()[:, max(0, first - at) : max(0, first + count - at)]
            at += frame.samples
            if wanted.shape[1]:
                yield _timed(wanted, at - frame.samples + max(0, first - at + frame.samples) - first)


def _timed(samples: Any, at: int) -> av.AudioFrame:
    import av

    frame = av.AudioFrame.from_ndarray(samples.copy(), format="s16", layout="mono")
    frame.sample_rate, frame.pts = SOUND_RATE, at
    return frame


def seen(picture: Pixels, view: View) -> Pixels:
    """What a view shows, HEIGHT x WIDTH x 3 uint8; `picture` H x W x 3 uint8."""
    import cv2
    import numpy as np

    height, width = picture.shape[:2]
    scale = WIDTH / (view.width * width)
    shift = (WIDTH / 2 - view.x * width * scale, HEIGHT / 2 - view.y * height * scale)
    affine = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    return np.asarray(
        cv2.warpAffine(picture, affine, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderValue=BACKGROUND),
        np.uint8,
    )


def pictures(shot: Shot) -> Iterator[Pixels]:
    """Frames of a shot, HEIGHT x WIDTH x 3 uint8 BGR."""
    import cv2

    path = photograph(shot)
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise NotFound("a picture", path)
    for frame in range(shot.frame_count):
        yield seen(picture, shot.first.towards(shot.last, frame / (shot.frame_count - 1)))


def render_demo_clip(path: Path, shots: Sequence[Shot] = SHOTS, sound: Recording | None = None) -> Path:
    """Write the clip as MP4 (H.264, 640 x 480, 25 frames a second, 12 s) and return its path; silent without
    `sound`, else with AAC.

    One encoder thread, so that the same packages give the same bytes. Raises `NotFound`.
    """
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=FPS, options={"crf": "20", "preset": "veryfast", "threads": "1", "g": "50"}
        )
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        track = container.add_stream("aac", rate=SOUND_RATE, layout="mono") if sound else None
        for shot in shots:
            for picture in pictures(shot):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
        if sound and track:
            for frame in heard(sound, sum(shot.frame_count for shot in shots) / FPS):
                container.mux(track.encode(frame))
            container.mux(track.encode())
    return path


QUESTION: Final = """\
SELECT scene.scene_id, scene.timestamp_seconds AS start_s, scene.end_seconds AS end_s,
       COUNT(DISTINCT track.person_id) AS persons
FROM annotations AS scene
LEFT JOIN annotations AS track
       ON track.video_id = scene.video_id AND track.annotation_type = 'person_track'
      AND track.timestamp_seconds < scene.end_seconds AND track.end_seconds > scene.timestamp_seconds
WHERE scene.annotation_type = 'scene'
GROUP BY scene.video_id, scene.scene_id
ORDER BY start_s
"""


def show_results(out: Path) -> str:
    """Where a run's results are, and the answer to one query over them; raises `NotFound`."""
    import sqlite3
    from contextlib import closing

    database = out / "batch_processing.db"
    if not database.is_file():
        raise NotFound(database.name, out)
    with closing(sqlite3.connect(database.absolute().as_uri() + "?mode=ro", uri=True)) as store:
        answer = store.execute(QUESTION)
        titles = [title for title, *_ in answer.description]
        rows = [
            [f"{value:.2f}" if isinstance(value, float) else str(value) for value in row] for row in answer
        ]
    lines = ["  ".join(f"{cell:>12}" for cell in row) for row in [titles, *rows]]
    kinds = ("*.json", "*.vtt", "annotated.mp4", "timeline.png")
    files = "\n".join(f"  {path}" for kind in kinds for path in sorted(out.glob(f"*-*/{kind}")))
    return (
        f"Database:\n  {database}\nFiles:\n{files}\n\nEach scene and how many persons are in "
        f"it:\n\n{QUESTION}\n" + "\n".join(lines)
    )


def main(folder: Path, *, show: bool) -> str:
    """What `python -m vaengine.demo FOLDER [--show]` prints."""
    return show_results(folder) if show else str(render_demo_clip(folder / "demo.mp4", sound=CONVERSATION))


if __name__ == "__main__":
    sys.stdout.write(main(Path(sys.argv[1]), show="--show" in sys.argv[2:]) + "\n")
