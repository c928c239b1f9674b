"""A small grammar of names in sentences, and its own answers, which no tagger can beat.

Words carry a doubtful hint: a word of a person's name is often one that names of organisations use.
The tags make a chain, each depends on the one before it, so the grammar is a hidden Markov model,
and that is a CRF whose weights are logarithms of probabilities.
"""

import torch
from torch import Tensor

from lstm_tutorial.tasks.crf import CRF, IGNORED

TAGS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG")  # outside; begin and inside of two kinds
WORDS_PER_KIND = 6
WORDS = 1 + 3 * WORDS_PER_KIND  # V, with 0 for padding

START = torch.tensor([0.6, 0.2, 0.0, 0.2, 0.0], dtype=torch.float64)
FOLLOWS = torch.tensor(  # [tag, next tag]
    [
        [0.60, 0.20, 0.00, 0.20, 0.00],
        [0.08, 0.01, 0.90, 0.01, 0.00],
        [0.48, 0.01, 0.50, 0.01, 0.00],
        [0.08, 0.01, 0.00, 0.01, 0.90],
        [0.48, 0.01, 0.00, 0.01, 0.50],
    ],
    dtype=torch.float64,
)
_OUTSIDE, _PERSON, _ORGANISATION = [0.96, 0.02, 0.02], [0.02, 0.70, 0.28], [0.02, 0.28, 0.70]
KINDS = torch.tensor(  # [tag, kind of word]
    [_OUTSIDE, _PERSON, _PERSON, _ORGANISATION, _ORGANISATION], dtype=torch.float64
)


def make_sentences(
    count: int, seed: int, shortest: int = 4, longest: int = 12
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw sentences from the grammar.

    Args:
        count: N.
        seed: of a generator of its own.
        shortest: steps of the shortest sentence.
        longest: L, the steps of the longest.

    Returns:
        Words int64 (N, L) with 0 on padding, tags int64 (N, L) with -100 on padding, and lengths
        int64 (N,).
    """
    own = torch.Generator().manual_seed(seed)
    lengths = torch.randint(shortest, longest + 1, (count,), generator=own)
    tags = [_draw(START.expand(count, -1), own)]
    for _ in range(longest - 1):
        tags.append(_draw(FOLLOWS[tags[-1]], own))
    drawn = torch.stack(tags, dim=1)  # (N, L)
    kinds = _draw(KINDS[drawn], own)
    places = torch.randint(WORDS_PER_KIND, drawn.shape, generator=own)
    padding = torch.arange(longest) >= lengths[:, None]
    words = (1 + kinds * WORDS_PER_KIND + places).masked_fill(padding, 0)
    return words, drawn.masked_fill(padding, IGNORED), lengths


def _draw(probabilities: Tensor, own: torch.Generator) -> Tensor:
    """Draw from the last axis, from uniform numbers alone: they are the same on every machine."""
    uniform = torch.rand(probabilities.shape[:-1], dtype=torch.float64, generator=own)
    return (probabilities.cumsum(-1)[..., :-1] <= uniform[..., None]).sum(-1)


def exact_crf() -> CRF:
    """Write the grammar's tags as a CRF: float64 logarithms, ``-inf`` for what never follows."""
    crf = CRF(len(TAGS)).double()
    with torch.no_grad():
        crf.start.copy_(START.log())
        crf.transitions.copy_(FOLLOWS.log())
    return crf.requires_grad_(False)


def exact_scores(words: Tensor) -> Tensor:
    """Compute log p(word | tag).

    Args:
        words: int64 (N, L).

    Returns:
        float64 (N, L, C), 0 on padding.
    """
    per_word = (KINDS / WORDS_PER_KIND).log().T.repeat_interleave(WORDS_PER_KIND, dim=0)
    return torch.cat([per_word.new_zeros(1, len(TAGS)), per_word])[words]


def broken(tags: Tensor) -> Tensor:
    """Find sentences in which a name goes on that has not begun, such as O, I-PER.

    Args:
        tags: int64 (N, L), -100 on padding.

    Returns:
        bool (N,).
    """
    before, after = tags[:, :-1].clamp(min=0), tags[:, 1:].clamp(min=0)  # O may end any sentence
    return (FOLLOWS[before, after] == 0).any(dim=1) | (START[tags[:, 0]] == 0)
