"""Which words a prediction is based on: two methods, which need not agree."""

import torch
from torch import Tensor

from lstm_tutorial.sentiment.data.text import UNK, encode, tokenize
from lstm_tutorial.sentiment.models.bilstm import run_padded
from lstm_tutorial.sentiment.runs.run import Run
from lstm_tutorial.sentiment.studies.observing import bilstm_of
from lstm_tutorial.sentiment.training.evaluation import evaluating


def occlusion(run: Run, text: str) -> tuple[list[str], Tensor]:
    """Replace each word in turn by the unknown word, and measure how far the logit falls.

    Returns:
        The tokens, and the fall for each, float (L,): above 0 if the word is evidence for praise.
    """
    tokens, ids = _read(run, text)
    rows = ids.repeat(len(tokens) + 1, 1)  # the last one stays whole
    rows[:-1].fill_diagonal_(run.vocab.stoi[UNK])
    with evaluating(run.model):
        logits = run.model(rows, torch.full((len(rows),), len(tokens)))
    return tokens, logits[-1] - logits[:-1]


def gradient_times_input(run: Run, text: str) -> tuple[list[str], Tensor]:
    """Multiply each word's embedding by the gradient of the logit: float (L,), beside the tokens.

    This is a first-order estimate of the effect of setting the embedding to zero. For a
    ``WideAndDeepClassifier`` it covers only the BiLSTM's part: n-grams have no embedding.

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
    """Follow a unit, column of the LSTM's output, through a text: float (L,), beside the tokens.

    Units from H on read backwards. Raises ``ValueError`` if the text has no words.
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
