"""The text model: weights of a stock checkpoint, merged, and one function for a layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere

from transforms.captioner.engine.products import Product, product
from transforms.captioner.engine.rotary import rotate

_PIECE = 4096
"""Outputs of a linear that are widened to float32 at once."""
Attend = Callable[[int, torch.Tensor], torch.Tensor]
"""(layer, queries, keys and values [tokens, heads + 2 * key heads, width]) → [tokens, heads * width]."""


class Layer(NamedTuple):
    """Products of a layer; the weight of the norm before each is folded into it."""

    query_key_value: Product
    out: Product
    norms: torch.Tensor
    """Of queries and keys, [heads + key heads, width]."""
    gate_up: Product
    down: Product


class Decoder:
    """Knows no cache and no schedule: attention is given to it."""

    def __init__(self, language_model: Any, head: Any, config: Any) -> None:
        """Take a stock ``language_model`` and its output layer apart: it is not usable afterwards."""
        self.heads, self.key_heads = config.num_attention_heads, config.num_key_value_heads
        self.width = config.head_dim
        self.eps = torch.tensor(config.rms_norm_eps, device=head.weight.device)
        self.embedding: torch.Tensor = language_model.embed_tokens.weight
        self.head = product(_folded(language_model.norm, head))
        self.layers = []
        for number, stock in enumerate(language_model.layers):
            self.layers.append(self._merge(stock))
            language_model.layers[number] = torch.nn.Identity()  # frees what was copied, layer by layer

    def layer(
        self,
        number: int,
        x: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        attend: Attend,
        rows: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Hidden states [tokens, hidden] after one layer. ``cos`` and ``sin``: [tokens, 1, width].

        With ``rows`` of these tokens only: nobody looks at the others after the last layer.
        """
        weights = self.layers[number]
        states = weights.query_key_value(normalised(x, self.eps)).view(len(x), -1, self.width)
        turned = states[:, : -self.key_heads]
        rotate(normalised(turned, self.eps).mul_(weights.norms), cos, sin, out=turned)
        seen = attend(number, states)
        if rows is not None:
            x, seen = x[rows], seen[rows]
        x = weights.out.add_to(x, seen)
        gate, up = weights.gate_up(normalised(x, self.eps)).chunk(2, -1)
        return weights.down.add_to(x, F.silu(gate, inplace=True).mul_(up))

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of every token of the vocabulary, [tokens, vocabulary]."""
        return self.head(normalised(x, self.eps))

    def _merge(self, stock: Any) -> Layer:
        attention, perceptron = stock.self_attn, stock.mlp
        norms = (attention.q_norm.weight.expand(self.heads, -1), attention.k_norm.weight.expand(self.key_heads, -1))
        return Layer(
            product(_folded(stock.input_layernorm, attention.q_proj, attention.k_proj, attention.v_proj)),
            product(attention.o_proj.weight.T.contiguous()),
            torch.cat(norms),
            product(_folded(stock.post_attention_layernorm, perceptron.gate_proj, perceptron.up_proj)),
            product(perceptron.down_proj.weight.T.contiguous()),
        )


def normalised(x: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
    """Root-mean-square normalisation without a weight; in float32 whatever the dtype, as the stock module does."""
    wide = x if x.dtype is torch.float32 else x.float()
    length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)  # twice as fast on a CPU as F.rms_norm
    scaled = wide * torch.addcmul(eps, length, length, value=1 / x.shape[-1]).rsqrt_()
    return scaled if x.dtype is torch.float32 else scaled.to(x.dtype)


def _folded(norm: Any, *linears: Any) -> torch.Tensor:
    """The linears side by side, [in, out], each input scaled by the norm's weight; in pieces, for room is short."""
    weights: list[torch.Tensor] = [linear.weight for linear in linears]
    scale = norm.weight.float()
    merged = weights[0].new_empty(weights[0].shape[1], sum(len(weight) for weight in weights))
    column = 0
    for weight in weights:
        for piece in weight.split(_PIECE):
            merged[:, column : column + len(piece)] = (piece.float() * scale).T
            column += len(piece)
    return merged
