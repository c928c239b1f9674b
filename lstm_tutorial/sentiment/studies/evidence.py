"""Which words a prediction rests on: two ways to ask, which need not agree."""

import torch
from torch import Tensor

from lstm_tutorial.sentiment.data.text import UNK, encode, tokenize
from lstm_tutorial.sentiment.models.bilstm import run_padded
from lstm_tutorial.sentiment.runs.run import Run
from lstm_tutorial.sentiment.studies.observing import bilstm_of
from lstm_tutorial.sentiment.training.evaluation import evaluating


def occlusion(run: Run, text: str) -> tuple[list[str], Tensor]:
    """Replace each word in turn by the unknown word, and see how far the logit falls.

    Args:
        run: from ``runs.load``.
        text: with at least one word.

    Returns:
        The tokens, and for each the logit of the text minus the logit without it, float (L,):
        above 0 where the word speaks for the film.

    Raises:
        ValueError: if the text has no words.
    """
    tokens, ids = _read(run, text)
    rows = ids.repeat(len(tokens) + 1, 1)  # the last one stays whole
    rows[:-1].fill_diagonal_(run.vocab.stoi[UNK])
    with evaluating(run.model):
        logits = run.model(rows, torch.full((len(rows),), len(tokens)))
    return tokens, logits[-1] - logits[:-1]


def gradient_times_input(run: Run, text: str) -> tuple[list[str], Tensor]:
    """Multiply each word's embedding by the gradient of the logit with respect to it.

    This is the first-order estimate of what would happen if the embedding became zero.

    Args:
        run: from ``runs.load``. Of a ``WideAndDeepClassifier`` only the BiLSTM's part of the logit
            is seen: n-grams have no embedding.
        text: with at least one word.

    Returns:
        The tokens, and a number for each, float (L,): above 0 where the word speaks for the film.

    Raises:
        ValueError: if the text has no words.

    References:
        A. Shrikumar et al., "Not Just a Black Box", 2016.
    """
    tokens, ids = _read(run, text)
    caught: list[Tensor] = []

    def catch(_module: object, _inputs: object, output: Tensor) -> Tensor:
        caught.append(output.detach().requires_grad_())
        return caught[0]

    handle = bilstm_of(run.model).embedding.register_forward_hook(catch)
    try:
        logit = run.model(ids[None], torch.tensor([len(tokens)])).sum()
    finally:
        handle.remove()
    (gradient,) = torch.autograd.grad(logit, caught)
    return tokens, (gradient * caught[0]).sum(dim=2).squeeze(0).detach()


@torch.no_grad()
def unit_over_text(run: Run, text: str, unit: int) -> tuple[list[str], Tensor]:
    """Follow one unit of the BiLSTM through a text.

    Args:
        run: from ``runs.load``; its BiLSTM is batch-first.
        text: with at least one word.
        unit: column of the LSTM's output; from H on, it reads from the end.

    Returns:
        The tokens, and the unit's hidden state at each, float (L,).

    Raises:
        ValueError: if the text has no words.
    """
    tokens, ids = _read(run, text)
    model = bilstm_of(run.model)
    output, _ = run_padded(model.lstm, model.embedding(ids[None]))  # (1, L, 2*H)
    return tokens, output[0, :, unit]


def _read(run: Run, text: str) -> tuple[list[str], Tensor]:
    tokens = tokenize(text)
    if not tokens:
        raise ValueError("expected some words, got an empty text")
    return tokens, torch.tensor(encode(tokens, run.vocab))
