"""Batch norms that were folded into the layers before them, and must stay as they are."""

from __future__ import annotations

from typing import Any, Final

TOLERANCE: Final = 1e-3  # averages of weights over steps, kept in half precision, are off by less


def batch_norms(module: Any) -> list[Any]:
    """All layers of batch normalisation of a network."""
    import torch

    return [layer for layer in module.modules() if isinstance(layer, torch.nn.BatchNorm2d)]


def folded(module: Any) -> list[Any]:
    """Those whose statistics are none: mean 0 and variance 1 of every channel.

    Networks that come from a deployed form have them: their true statistics are in the weights before them.
    In training mode such a layer would divide by the statistics of each batch, and all that the network has
    learnt would be gone after one epoch. Ordinary networks have none.
    """
    return [layer for layer in batch_norms(module) if _is_folded(layer)]


def _is_folded(layer: Any) -> bool:
    if layer.running_mean is None or layer.running_var is None:
        return False
    mean, variance = layer.running_mean.float(), layer.running_var.float()
    return bool((mean.abs() <= TOLERANCE).all()) and bool(((variance - 1).abs() <= TOLERANCE).all())
