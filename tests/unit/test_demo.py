"""The demo clip is what it says: four shots with three hard cuts, the same bytes each time."""

from pathlib import Path

import av
import numpy as np
import pytest

from schemas.errors import NotFound
from vaengine.demo import FPS, HEIGHT, SHOTS, WIDTH, Shot, View, photograph, render_demo_clip, show_results

SMALL = (Shot("ultralytics", "assets/bus.jpg", 0.2, View(0.5, 0.6, 1.1), View(0.5, 0.6, 1.0)),)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_demo_clip(tmp_path_factory.mktemp("demo") / "demo.mp4")


def test_the_clip_has_the_size_the_rate_and_the_length_it_promises(clip: Path) -> None:
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (WIDTH, HEIGHT, FPS)
        assert sum(1 for _ in container.decode(stream)) == sum(shot.frame_count for shot in SHOTS) == 12 * FPS


def test_the_picture_jumps_where_a_shot_ends_and_nowhere_else(clip: Path) -> None:
    with av.open(str(clip)) as container:
        small = np.stack([frame.to_ndarray(width=80, height=60, format="gray") for frame in container.decode(video=0)]).astype(float)
    jumps = np.flatnonzero(np.abs(np.diff(small, axis=0)).mean(axis=(1, 2)) > 25) + 1
    assert jumps.tolist() == np.cumsum([shot.frame_count for shot in SHOTS])[:-1].tolist()


def test_the_same_packages_give_the_same_bytes(tmp_path: Path) -> None:
    one, other = (render_demo_clip(tmp_path / name / "demo.mp4", SMALL).read_bytes() for name in ("one", "other"))
    assert one == other


@pytest.mark.parametrize(
    "missing",
    [
        Shot("ultralytics", "assets/none.jpg", 1, View(0, 0, 1), View(0, 0, 1)),
        Shot("no_such_package", "a", 1, View(0, 0, 1), View(0, 0, 1)),
    ],
)
def test_a_photograph_that_is_not_there_is_named(missing: Shot) -> None:
    with pytest.raises(NotFound, match=missing.photograph):
        photograph(missing)


def test_results_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"batch_processing\.db"):
        show_results(tmp_path)
