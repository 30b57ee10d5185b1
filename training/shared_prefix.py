"""Attention for many conversations behind one list of tools, evaluated as one row without padding.

A row is the prefix (system message and tools), then conversation after conversation. Each token sees the prefix and what
stands before it in its own conversation, and its position is counted as if nothing else were there: to the model each
conversation is the only one, while the prefix is paid for once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

NAME = "shared_prefix"
BUCKETS = 4
"""Conversations of similar length are padded together, where their own tokens see each other."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the prefix and the conversations of one row lie."""

    prefix: int
    buckets: tuple[tuple[Tensor, Tensor, Tensor], ...]
    """Indices behind the prefix (conversations x length), which of them are there, and the mask among them."""

    @staticmethod
    def of(prefix: int, lengths: Sequence[int]) -> Layout:
        """Lay out conversations of these lengths behind a prefix."""
        starts = [sum(lengths[:number]) for number in range(len(lengths))]
        order = sorted(range(len(lengths)), key=lengths.__getitem__)
        size = -(-len(order) // BUCKETS)
        buckets = []
        for first in range(0, len(order), size):
            group = order[first : first + size]
            longest = max(lengths[number] for number in group)
            steps = torch.arange(longest)
            there = torch.stack([steps < lengths[number] for number in group])
            places = torch.stack([starts[number] + steps.clamp(max=lengths[number] - 1) for number in group])
            seen = torch.ones(longest, longest, dtype=torch.bool).tril()
            buckets.append((places, there, seen))
        return Layout(prefix, tuple(buckets))

    def positions(self, lengths: Sequence[int]) -> Tensor:
        """Return the position of each token of the row."""
        return torch.cat([torch.arange(self.prefix), *(self.prefix + torch.arange(length) for length in lengths)])


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
    prefix, behind = layout.prefix, tokens - layout.prefix
    queries = (query[0] * scaling).view(groups, heads // groups, tokens, size)
    keys, values = key[0], value[0]

    first = queries[:, :, :prefix].reshape(groups, -1, size)
    scores = (first @ keys[:, :prefix].transpose(1, 2)).view(groups, -1, prefix, prefix)
    scores = scores.masked_fill(~torch.ones(prefix, prefix, dtype=torch.bool).tril(), float("-inf"))
    weights = scores.float().softmax(-1).to(values.dtype).view(groups, -1, prefix)
    of_prefix = (weights @ values[:, :prefix]).view(groups, -1, prefix, size)

    rest = queries[:, :, prefix:]
    to_prefix = (rest.reshape(groups, -1, size) @ keys[:, :prefix].transpose(1, 2)).view(groups, -1, behind, prefix)
    own_keys, own_values = keys[:, prefix:], values[:, prefix:]
    of_rest = torch.zeros_like(rest)
    for places, there, seen in layout.buckets:
        count, longest = places.shape
        flat = places.reshape(-1)
        asked = rest[:, :, flat].view(groups, -1, count, longest, size)
        known = own_keys[:, flat].view(groups, 1, count, longest, size)
        own = (asked @ known.transpose(-1, -2)).masked_fill(~seen, float("-inf"))
        both = torch.cat([to_prefix[:, :, flat].view(groups, -1, count, longest, prefix), own], dim=-1)
        weights = both.float().softmax(-1).to(values.dtype)
        told = (weights[..., :prefix].reshape(groups, -1, prefix) @ values[:, :prefix]).view_as(asked)
        told = told + weights[..., prefix:] @ own_values[:, flat].view(groups, 1, count, longest, size)
        kept = there.reshape(-1)
        of_rest = of_rest.index_copy(2, flat[kept], told.reshape(groups, -1, count * longest, size)[:, :, kept])
    out = torch.cat([of_prefix, of_rest], dim=2).reshape(heads, tokens, size)
    return out.transpose(0, 1)[None], None


AttentionInterface.register(NAME, shared_prefix_attention)
