"""Rewrites a YOLO network so that onnxruntime carries it out faster on a processor; its function stays.

onnxruntime keeps pictures in blocks of channels between convolutions. To cut channels apart, or to take a
softmax across them, it brings them into another order and back.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from ultralytics.nn.modules.block import C2PSA, DFL, C2f


class Halves(torch.nn.Module):
    """A fused convolution whose output channels come as two halves, each by a convolution of its own."""

    def __init__(self, whole: Any) -> None:
        super().__init__()
        self.act, conv = whole.act, whole.conv
        middle = conv.out_channels // 2
        self.parts = torch.nn.ModuleList(
            _part(conv, channels) for channels in (slice(0, middle), slice(middle, None))
        )

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.act(part(features)) for part in self.parts)


def for_processor(network: Any) -> None:
    """Rewrite a network that is fused, in place."""
    for layer in network.modules():
        own = type(layer).forward  # which a subclass may have made its own
        if own is C2f.forward and _is_plain(layer.cv1):
            layer.cv1, layer.forward = Halves(layer.cv1), MethodType(_bottlenecks, layer)
        elif own is C2PSA.forward and _is_plain(layer.cv1):
            layer.cv1, layer.forward = Halves(layer.cv1), MethodType(_attention, layer)
        elif own is DFL.forward:
            layer.forward = MethodType(_expected_distances, layer)


def _is_plain(layer: Any) -> bool:
    """Whether it is a convolution of one group with its normalisation fused into it."""
    return isinstance(getattr(layer, "conv", None), torch.nn.Conv2d) and (
        layer.conv.groups == 1 and layer.conv.bias is not None
    )


def _part(conv: torch.nn.Conv2d, channels: slice) -> torch.nn.Conv2d:
    weight, bias = conv.weight.detach()[channels], conv.bias
    part = torch.nn.Conv2d(
        conv.in_channels,
        len(weight),
        conv.kernel_size,  # type: ignore[arg-type]  # of a plain convolution it is a pair
        conv.stride,  # type: ignore[arg-type]
        conv.padding,  # type: ignore[arg-type]
    )
    part.weight = torch.nn.Parameter(weight.clone(), requires_grad=False)
    if bias is not None:
        part.bias = torch.nn.Parameter(bias.detach()[channels].clone(), requires_grad=False)
    return part


def _bottlenecks(self: Any, features: torch.Tensor) -> Any:
    """`C2f.forward`."""
    parts = list(self.cv1(features))
    for bottleneck in self.m:
        parts.append(bottleneck(parts[-1]))
    return self.cv2(torch.cat(parts, 1))


def _attention(self: Any, features: torch.Tensor) -> Any:
    """`C2PSA.forward`."""
    first, second = self.cv1(features)
    return self.cv2(torch.cat((first, self.m(second)), 1))


def _expected_distances(self: Any, bins: torch.Tensor) -> Any:
    """`DFL.forward`, with the bins of a distance side by side."""
    pictures, _, places = bins.shape
    shares = bins.view(pictures, 4, self.c1, places).transpose(2, 3).softmax(-1)
    return shares.matmul(self.conv.weight.view(self.c1))
