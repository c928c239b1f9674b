"""One unit followed through a text: the same states as nn.LSTM, the same verdicts as predict."""

import pytest
import torch

from lstm_tutorial.sentiment import load_pretrained, runs
from lstm_tutorial.sentiment.data.text import encode, tokenize
from lstm_tutorial.sentiment.studies import evidence, reading

TEXT = "Everyone said it was awful, but I loved it."


@pytest.fixture(scope="module")
def run():
    """The shipped model."""
    return load_pretrained()


@pytest.fixture(scope="module")
def found(run):
    """A sentence, read."""
    return reading.read(run, TEXT)


@torch.no_grad()
def test_states_are_those_of_nn_lstm(run, found):
    ids = torch.tensor(encode(tokenize(TEXT), run.vocab))
    steps = reading.walk(run.model, ids)
    output, (_, c_n) = run.model.lstm(run.model.embedding(ids))  # unbatched
    torch.testing.assert_close(steps[:, 5], output[:, : steps.size(2)], rtol=0, atol=1e-5)
    torch.testing.assert_close(steps[-1, 4], c_n[0], rtol=0, atol=1e-5)
    i, f, g, o, c, h = found.steps.unbind(1)
    torch.testing.assert_close(c[1:], f[1:] * c[:-1] + i[1:] * g[1:])
    torch.testing.assert_close(h, o * torch.tanh(c))


def test_unit_is_the_forward_one_that_moves_the_verdict_most(run, found):
    weights = run.model.classifier.weight[0].tolist()
    units = range(run.settings.hidden_size)
    most = [evidence.unit_over_text(run, TEXT, k)[1].max().item() * weights[k] for k in units]
    assert found.unit == max(units, key=lambda k: abs(most[k]))
    assert found.weight == weights[found.unit]


def test_probabilities_are_those_of_each_beginning(run, found):
    beginnings = [" ".join(found.tokens[: t + 1]) for t in range(len(found.tokens))]
    assert [tokenize(text) for text in beginnings][-1] == found.tokens
    wanted = torch.tensor(list(runs.predict(run, beginnings)))
    torch.testing.assert_close(found.probabilities, wanted, rtol=0, atol=1e-5, check_dtype=False)


def test_a_text_without_words_is_refused(run):
    with pytest.raises(ValueError, match="expected some words"):
        reading.read(run, ' " ')
