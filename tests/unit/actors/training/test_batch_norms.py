"""A batch norm without statistics of its own was folded into the layers before it."""

from __future__ import annotations

import torch

from actors.training.batch_norms import batch_norms, folded


def network() -> torch.nn.Sequential:
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 1), torch.nn.BatchNorm2d(4), torch.nn.Conv2d(4, 4, 1), torch.nn.BatchNorm2d(4)
    )


def test_layers_with_mean_0_and_variance_1_are_folded_and_others_are_not() -> None:
    module = network()
    module[3].running_var[2] = 1.5
    assert len(batch_norms(module)) == 2
    assert folded(module) == [module[1]]
    module[1].running_mean[0] = -0.1
    assert folded(module) == []


def test_layers_stay_folded_through_averages_of_weights_in_half_precision() -> None:
    module = network()
    for layer in batch_norms(module):
        layer.running_var *= 1 - 1e-5
    assert len(folded(module.half())) == 2


def test_a_folded_layer_in_training_mode_would_change_what_a_network_answers() -> None:
    """Why they are kept in evaluation mode."""
    module = network().train()
    pictures = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    for layer in folded(module):
        layer.eval()
    with torch.no_grad():
        kept = module(pictures)
        assert torch.allclose(kept, module.eval()(pictures))
        assert not torch.allclose(kept, module.train()(pictures), atol=0.1)
