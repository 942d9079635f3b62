"""The demo clip is what it says: four shots with three hard cuts, the same bytes each time."""

from pathlib import Path

import av
import numpy as np
import pytest

from schemas.errors import NotFound
from vaengine.demo import (
    CONVERSATION,
    FPS,
    HEIGHT,
    SHOTS,
    SOUND_RATE,
    WIDTH,
    Recording,
    Shot,
    View,
    heard,
    photograph,
    recording,
    render_demo_clip,
    show_results,
)

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
        small = np.stack(
            [frame.to_ndarray(width=80, height=60, format="gray") for frame in container.decode(video=0)]
        ).astype(float)
    jumps = np.flatnonzero(np.abs(np.diff(small, axis=0)).mean(axis=(1, 2)) > 25) + 1
    assert jumps.tolist() == np.cumsum([shot.frame_count for shot in SHOTS])[:-1].tolist()


@pytest.mark.parametrize("sound", [None, CONVERSATION])
def test_the_same_packages_give_the_same_bytes(tmp_path: Path, sound: Recording | None) -> None:
    one, other = (
        render_demo_clip(tmp_path / name / "demo.mp4", SMALL, sound).read_bytes() for name in ("one", "other")
    )
    assert one == other


def test_the_sound_is_the_recording_from_the_moment_named_for_as_long_as_the_clip() -> None:
    with av.open(str(recording(CONVERSATION))) as container:
        whole = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    first = round(CONVERSATION.start_s * SOUND_RATE)
    frames = list(heard(CONVERSATION, 2.0))
    assert (
        np.concatenate([frame.to_ndarray()[0] for frame in frames]).tolist()
        == whole[first : first + 2 * SOUND_RATE].tolist()
    )
    assert [frame.pts for frame in frames] == np.cumsum(
        [0, *(frame.samples for frame in frames[:-1])]
    ).tolist()


def test_a_clip_with_sound_lasts_no_longer_for_it(tmp_path: Path) -> None:
    with av.open(str(render_demo_clip(tmp_path / "demo.mp4", SMALL, CONVERSATION))) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples / SOUND_RATE == pytest.approx(
        0.2, abs=2 * 1024 / SOUND_RATE
    )  # AAC has whole frames, and one before


def test_a_recording_that_is_not_there_is_named() -> None:
    for missing in (
        Recording("pyannote-audio", "pyannote/none.wav", 0.0),
        Recording("no-such-package", "a.wav", 0.0),
    ):
        with pytest.raises(NotFound, match=missing.file):
            recording(missing)


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
