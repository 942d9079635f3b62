"""A head that computes boxes only near confident places finds the same persons."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ultralytics.nn.modules.head import Segment

from actors.persons.confident_head import Rectangle, only_where_confident
from actors.persons.torch_runtime import embeddings_of
from tests.support.media.random_networks import NETWORKS, network_of

SHAPE = (2, 3, 96, 160)
PERSON = 0


@pytest.mark.parametrize("share", [0.5, 0.999, 1.0])
@pytest.mark.parametrize(("family", "model"), NETWORKS)
def test_every_confident_place_is_in_its_output_as_before(family: type, model: str, share: float) -> None:
    """With that share of all places below the confidence."""
    network, pictures = network_of(family, model), torch.rand(SHAPE)
    rewritten = copy.deepcopy(network)
    assert only_where_confident(rewritten.model[-1], PERSON)
    with torch.inference_mode():
        whole = network(pictures)
        floor = whole[:, 4 + PERSON].flatten().quantile(share)
        rewritten.model[-1].min_confidence = floor
        part = rewritten(pictures)
    for before, after in zip(whole, part, strict=True):
        confident, kept = before[:, before[4 + PERSON] > floor], after[:, after[4 + PERSON] > floor]
        assert torch.allclose(confident, kept, atol=1e-3, rtol=1e-5)
    assert part.shape[2] < whole.shape[2] or share < 0.9


def test_embeddings_are_of_the_places_of_the_output() -> None:
    network = copy.deepcopy(network_of(*NETWORKS[0]))
    head, maps, pictures = network.model[-1], [], torch.rand(SHAPE)
    head.register_forward_pre_hook(lambda _head, arguments: maps.extend(arguments[0]))
    only_where_confident(head, PERSON)
    with torch.inference_mode():
        head.min_confidence = torch.tensor(0.0)
        assert network(pictures).shape[2] == embeddings_of(maps).shape[1]
        assert torch.equal(embeddings_of(head.seen), embeddings_of(maps))
        head.min_confidence = torch.tensor(1.0)
        assert network(pictures).shape[2] == embeddings_of(head.seen).shape[1] == len(head.seen)


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=5))
def test_a_rectangle_has_all_confident_places_and_no_empty_side(places: list[list[bool]]) -> None:
    confident = torch.tensor(places)
    inside = Rectangle.around(confident).cut(confident)
    assert inside.sum() == confident.sum()
    if confident.any():
        assert all(side.any() for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))
    else:
        assert inside.shape == (1, 1)


def test_heads_of_other_kinds_stay_as_they_are() -> None:
    head = Segment(nc=1, ch=(16, 16, 16))
    forward = head.forward
    assert not only_where_confident(head, PERSON)
    assert head.forward == forward
