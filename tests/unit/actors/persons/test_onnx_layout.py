"""A network that is rewritten for a processor computes what it did."""

from __future__ import annotations

import copy

import pytest
import torch

from actors.persons.onnx_layout import Halves, for_processor
from tests.support.media.random_networks import NETWORKS, network_of

SHAPE = (2, 3, 96, 160)


@pytest.mark.parametrize(("family", "model"), NETWORKS)
def test_the_output_is_the_same_within_rounding(family: type, model: str) -> None:
    network, pictures = network_of(family, model), torch.rand(SHAPE)
    rewritten = copy.deepcopy(network)
    for_processor(rewritten)
    assert any(isinstance(layer, Halves) for layer in rewritten.modules())
    with torch.inference_mode():
        before, after = network(pictures), rewritten(pictures)
    assert torch.allclose(before, after, atol=1e-3, rtol=1e-5)
