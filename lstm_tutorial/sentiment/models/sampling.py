"""Let a language model write: temperature, top-k, nucleus, one token at a time."""

import torch
from torch import Tensor

from lstm_tutorial.sentiment.models.language import LanguageModel


def restrict(
    logits: Tensor, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Tensor:
    """Turn logits into the probabilities to draw from.

    Args:
        logits: float (..., V); log-probabilities do as well.
        temperature: divides the logits: below 1 the likely tokens gain, above 1 the others.
        top_k: how many of the likeliest tokens may be drawn; None for all.
        top_p: the likeliest tokens that together reach this probability may be drawn ("nucleus");
            None for all.

    Returns:
        float (..., V), each row sums to 1.

    Raises:
        ValueError: if temperature, top_k or top_p is out of range.

    References:
        A. Holtzman et al., "The Curious Case of Neural Text Degeneration", ICLR 2020, for top_p.
    """
    if not temperature > 0:
        raise ValueError(f"expected a temperature above 0, got {temperature}: or take the argmax")
    if top_k is not None and top_k < 1:
        raise ValueError(f"expected top_k of at least 1, got {top_k}: None allows every token")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"expected top_p above 0 and at most 1, got {top_p}")
    logits = logits / temperature
    if top_k is not None:
        least = logits.topk(min(top_k, logits.size(-1)), dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if top_p is not None:
        ranked, places = logits.softmax(-1).sort(dim=-1, descending=True)
        reached = ranked.cumsum(-1) - ranked >= top_p  # without the token itself: one is kept
        dropped = torch.zeros_like(reached).scatter(-1, places, reached)
        logits = logits.masked_fill(dropped, -torch.inf)
    return logits.softmax(-1)


@torch.no_grad()
def write(
    model: LanguageModel,
    start: Tensor,
    steps: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    banned: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Continue texts forwards, one token at a time; the state carries what was read.

    Args:
        model: in evaluation mode.
        start: int64 (L, N), the beginnings.
        steps: tokens to write.
        temperature: as for ``restrict``; 0 takes the likeliest token ("greedy").
        top_k: as for ``restrict``.
        top_p: as for ``restrict``.
        banned: int64 (any,), tokens that are never written, such as the unknown word.
        generator: for the draws; None for torch's global one.

    Returns:
        int64 (steps, N), without the beginnings.

    Raises:
        ValueError: if the model is in training mode, or an option is out of range.
    """
    if model.training:
        raise ValueError("expected a model in evaluation mode, got one that trains: call eval()")
    features, states = model(start)
    written = []
    for _ in range(steps):
        logits = model.log_probabilities(features[-1:])[0]  # (N, V)
        if banned is not None:
            logits = logits.index_fill(1, banned, -torch.inf)
        if temperature == 0:
            token = logits.argmax(1)
        else:
            shares = restrict(logits, temperature, top_k, top_p)
            token = torch.multinomial(shares, 1, generator=generator).squeeze(1)
        written.append(token)
        features, states = model(token[None], states)
    return torch.stack(written)
