"""Attention for many conversations behind one list of tools, evaluated as one row without padding.

A row is the prefix (system message and tools), then conversation after conversation. Each token sees the prefix and
what stands before it in its own conversation, and its position is counted as if nothing else were there: to the model
each conversation is the only one, while the prefix is paid for once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

NAME = "shared_prefix"


@dataclass(frozen=True, slots=True)
class Layout:
    """How long the prefix and the conversations of one row are, in tokens."""

    prefix: int
    conversations: tuple[int, ...]

    def positions(self) -> Tensor:
        """Return the position of each token of the row."""
        behind = (self.prefix + torch.arange(length) for length in self.conversations)
        return torch.cat([torch.arange(self.prefix), *behind])


@dataclass(frozen=True, slots=True)
class _Part:
    """Attention to some of the keys: sums that are yet to be divided, so that two parts can become one softmax."""

    values: Tensor
    weight: Tensor
    largest: Tensor

    def joined(self, other: _Part) -> Tensor:
        largest = torch.maximum(self.largest, other.largest)
        mine, others = (self.largest - largest).exp(), (other.largest - largest).exp()
        return (self.values * mine + other.values * others) / (self.weight * mine + other.weight * others)


def _part(queries: Tensor, keys: Tensor, values: Tensor, *, causal: bool) -> _Part:
    """Attend to keys. Shapes: groups x heads of one group x tokens x size, groups x tokens x size twice."""
    groups, heads, tokens, size = queries.shape
    scores = (queries.reshape(groups, -1, size) @ keys.transpose(1, 2)).view(groups, heads, tokens, -1)
    if causal:
        scores = scores.masked_fill(torch.ones(tokens, tokens, dtype=torch.bool).triu(1), float("-inf"))
    largest = scores.detach().amax(-1, keepdim=True)
    weights = (scores - largest).exp()
    told = (weights.view(groups, heads * tokens, -1) @ values).view(groups, heads, tokens, size)
    return _Part(told, weights.sum(-1, keepdim=True), largest)


def shared_prefix_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    layout: Layout | None = None,
    **_rest: object,
) -> tuple[Tensor, None]:
    """Attend as the layout says. Shapes: 1 x heads x tokens x size in, 1 x tokens x heads x size out."""
    assert layout is not None and query.shape[0] == 1
    heads, tokens, size = query.shape[1:]
    groups = key.shape[1]
    sizes = [layout.prefix, tokens - layout.prefix]
    first, rest = (query[0] * scaling).view(groups, heads // groups, tokens, size).split(sizes, dim=2)
    prefix_keys, keys = key[0].split(sizes, dim=1)
    prefix_values, values = value[0].split(sizes, dim=1)

    alone = _part(first, prefix_keys, prefix_values, causal=True)
    to_prefix = _part(rest, prefix_keys, prefix_values, causal=False)
    lengths = list(layout.conversations)
    own = [
        _part(*parts, causal=True)
        for parts in zip(
            rest.split(lengths, dim=2), keys.split(lengths, dim=1), values.split(lengths, dim=1), strict=True
        )
    ]
    together = _Part(
        *(torch.cat(parts, dim=2) for parts in zip(*((p.values, p.weight, p.largest) for p in own), strict=True))
    )
    out = torch.cat([alone.values / alone.weight, to_prefix.joined(together)], dim=2)
    return out.reshape(heads, tokens, size).transpose(0, 1)[None].to(query.dtype), None


AttentionInterface.register(NAME, shared_prefix_attention)
