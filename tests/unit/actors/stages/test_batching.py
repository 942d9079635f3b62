"""What a detector says of a picture comes back to that picture, whatever else was looked at with it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.stages.batching import BatchedDetector, detector_named
from schemas.inference.detections import Detections
from schemas.media.frames import FrameBatch
from schemas.settings.settings import Settings
from tests.support.media import clips

SHAPES = [(4, 6), (6, 4), (4, 4)]


class Reader:
    """Reads the number painted into each picture: `number % 3` boxes of that confidence (in 1/1024);
    refuses any batch but a full one.
    """

    def __init__(self, batch_size=4, answers=None, bucket=lambda height, width: (height, width)):
        self.batch_size, self.seen, self.answers, self.bucket = batch_size, [], answers, bucket

    def detect(self, pictures):
        assert len(pictures) == self.batch_size
        assert len({self.bucket(*picture.shape[:2]) for picture in pictures}) == 1
        self.seen.append([picture.shape[:2] for picture in pictures])
        numbers = [int(picture[0, 0, 0]) + 256 * int(picture[0, 0, 1]) for picture in pictures]
        boxes = [
            Detections(
                np.array([[1.0, 1.0, 3.0, 2.0]] * (number % 3)).reshape(-1, 4),
                np.full(number % 3, number / 1024),
            )
            for number in numbers
        ]
        return boxes[: self.answers]


def batch_of(numbers, shape=(4, 6), scale=1.0):
    pixels = np.zeros((len(numbers), *shape, 3), np.uint8)
    pixels[:, 0, 0, 0], pixels[:, 0, 0, 1] = np.asarray(numbers, int) % 256, np.asarray(numbers, int) // 256
    return FrameBatch(np.arange(len(numbers)), np.arange(len(numbers)) / 5, pixels, scale, scale)


def read(detections):
    return [(boxes.confidence * 1024).tolist() for boxes in detections]


def expected(numbers):
    return [[float(number)] * (number % 3) for number in numbers]


@st.composite
def collections(draw):
    """Batches of several shapes with a picture number in each frame, no number twice."""
    sizes = draw(st.lists(st.tuples(st.integers(0, 7), st.sampled_from(SHAPES)), max_size=6))
    numbers = iter(draw(st.permutations(range(sum(count for count, _ in sizes)))))
    return [([next(numbers) for _ in range(count)], shape) for count, shape in sizes]


@settings(deadline=None)
@given(collections(), st.integers(1, 5), st.randoms(use_true_random=False))
def test_every_picture_gets_its_own_answer_whatever_its_batch_mates_and_their_order(
    contents, batch_size, random
):
    shuffled = random.sample(contents, len(contents))
    for order in (contents, shuffled):
        found = BatchedDetector(Reader(batch_size)).detect(
            [batch_of(numbers, shape) for numbers, shape in order]
        )
        assert [read(detections) for detections in found] == [expected(numbers) for numbers, _ in order]


@settings(deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=20), st.integers(1, 5), st.integers(0, 20))
def test_how_a_video_is_grouped_into_batches_changes_nothing(numbers, batch_size, border):
    whole = BatchedDetector(Reader(batch_size)).detect([batch_of(numbers)])
    parts = BatchedDetector(Reader(batch_size)).detect(
        [batch_of(numbers[:border]), batch_of(numbers[border:])]
    )
    assert read(whole[0]) == read(parts[0] + parts[1]) == expected(numbers)


def test_pictures_of_different_videos_and_one_size_share_batches_and_the_last_one_is_padded():
    reader = Reader(batch_size=4)
    BatchedDetector(reader).detect([batch_of([1, 2, 3]), batch_of([4, 5], (6, 4)), batch_of([6, 7])])
    assert reader.seen == [[(4, 6)] * 4, [(4, 6)] * 4, [(6, 4)] * 4]


def test_pictures_of_different_sizes_share_a_batch_where_the_detector_takes_them_together():
    reader = Reader(batch_size=4, bucket=lambda height, width: (8, 8))
    found = BatchedDetector(reader).detect([batch_of([1, 2]), batch_of([4, 5], (6, 4))])
    assert reader.seen == [[(4, 6), (4, 6), (6, 4), (6, 4)]]
    assert [read(detections) for detections in found] == [expected([1, 2]), expected([4, 5])]


def test_nothing_to_look_at_is_an_answer_without_calling_the_detector():
    reader = Reader()
    assert BatchedDetector(reader).detect([]) == []
    assert BatchedDetector(reader).detect([batch_of([]), batch_of([])]) == [[], []]
    assert reader.seen == []


def test_boxes_come_in_displayed_pixels_each_batch_by_its_own_scale():
    pictures = batch_of([2]).pixels
    batches = [FrameBatch(np.arange(1), np.zeros(1), pictures, *scale) for scale in ((1.5, 2.0), (1.0, 3.0))]
    found = BatchedDetector(Reader()).detect(batches)
    assert [boxes.xyxy.tolist() for (boxes,) in found] == [
        [[1.5, 2.0, 4.5, 4.0]] * 2,
        [[1.0, 3.0, 3.0, 6.0]] * 2,
    ]


def test_boxes_do_not_leave_the_picture():
    class Beyond:
        batch_size = 1

        def bucket(self, height, width):
            return height, width

        def detect(self, pictures):
            return [Detections(np.array([[-3.0, -1.0, 99.0, 99.0]]), np.array([0.5]))]

    boxes = BatchedDetector(Beyond()).detect([batch_of([1], (4, 6), scale=10.0)])[0][0]
    assert boxes.xyxy.tolist() == [[0.0, 0.0, 60.0, 40.0]]


def test_a_detector_that_answers_too_little_is_refused():
    with pytest.raises(ValueError, match="3 answers for 4 pictures"):
        BatchedDetector(Reader(answers=3)).detect([batch_of([1])])


def test_the_embedded_detector_sees_the_same_in_a_picture_alone_and_among_others():
    street = clips.photograph("ultralytics", "assets/bus.jpg")[200:840:2, 0:640:2]
    pictures = [np.ascontiguousarray(street[:, shift : shift + 240]) for shift in (0, 30, 60)]
    batches = [FrameBatch(np.arange(1), np.zeros(1), picture[None], 2.0, 2.0) for picture in pictures]
    vision = BatchedDetector(detector_named(Settings()))
    alone = [vision.detect([batch])[0][0] for batch in batches]
    together = vision.detect([batches[2], batches[0], batches[1]])
    assert sum(map(len, alone)) > 0
    for one, other in zip([alone[2], alone[0], alone[1]], together, strict=True):
        assert one.xyxy.tobytes() == other[0].xyxy.tobytes()
        assert one.confidence.tobytes() == other[0].confidence.tobytes()
