"""``check.training`` names what keeps a program from learning, and finds nothing in right ones."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from lstm_tutorial import check
from lstm_tutorial.sentiment.data.batches import collate
from lstm_tutorial.sentiment.data.corpus import make_reviews
from lstm_tutorial.sentiment.data.text import build_vocab, encode, tokenize
from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier
from tests.check.training_programs import (
    CLASSIFY,
    LABELS,
    LANGUAGE,
    REGRESS,
    RIGHT,
    SLIPS,
    TAG,
    program,
)

REVIEWS = make_reviews(40, seed=0)
VOCAB = build_vocab([tokenize(review.text) for review in REVIEWS])
TIME_FIRST = LANGUAGE  # the one program that takes (L, N)


def run(source: str, *replacements: tuple[str, str]) -> check.Diagnosis:
    model, loss, batch = program(source, *replacements)
    return check.training(model, loss, batch, batch_first=source is not TIME_FIRST)


@pytest.mark.parametrize("name", RIGHT)
def test_right_programs_learn_their_batch(name):
    result = run(RIGHT[name])
    assert result, str(result)
    assert result.mistake is None
    assert min(result.losses) < result.constant / 2


@pytest.mark.parametrize("slip", SLIPS, ids=[f"{k}-{slip[0]}" for k, slip in enumerate(SLIPS)])
def test_slip_is_named_exactly(slip):
    mistake, source, *replacements = slip
    result = run(source, *replacements)
    assert result.mistake == mistake, str(result)
    sentence, hint = check.FAULTS[mistake]
    assert str(result).startswith(f"Not yet: {sentence}\n")
    assert f"Look at: {hint}" in str(result)


def test_every_fault_has_a_wrong_program_here():
    assert {slip[0] for slip in SLIPS} == set(check.FAULTS)


def test_check_leaves_model_gradients_mode_and_generator_alone():
    torch.manual_seed(7)
    model, loss, batch = program(LABELS)
    model.eval()
    (3 * loss(model(batch[0]), batch[1])).backward()
    before = copy.deepcopy(model.state_dict())
    grads = [p.grad.clone() for p in model.parameters()]
    generator = torch.get_rng_state()
    check.training(model, loss, batch)
    assert torch.equal(torch.get_rng_state(), generator)
    assert not model.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    for p, grad in zip(model.parameters(), grads, strict=True):
        assert torch.equal(p.grad, grad)
    assert not any(module._forward_hooks for module in model.modules())


def test_results_are_the_same_every_time():
    first, second = run(CLASSIFY), run(CLASSIFY)
    assert first.losses == second.losses


def test_code_that_raises_is_told_with_its_message():
    result = run(CLASSIFY, ("nn.Linear(16, 4)", "nn.Linear(17, 4)"))
    assert result.mistake == "raised"
    assert "mat1 and mat2 shapes cannot be multiplied" in str(result)
    assert isinstance(result.exception, RuntimeError)


def test_ordinary_dropout_is_no_fault_where_it_slows_learning_down():
    examples = [(encode(tokenize(r.text), VOCAB), r.label) for r in REVIEWS]
    torch.manual_seed(0)
    model = BiLSTMClassifier(len(VOCAB), 16, 16, pooling="max", dropout=0.5, word_dropout=0.3)
    result = check.training(model, binary_cross_entropy_with_logits, tuple(collate(examples)))
    assert result, str(result)
    assert min(result.losses) > result.constant / 2
    assert "Without dropout" in str(result)


def test_shapes_are_told():
    assert "output (12, 1), targets (12,), and compares 144 pairs" in str(
        run(REGRESS, (".squeeze(1)", ""))
    )
    wrong = run(TAG, ("self.linear(output).transpose(1, 2)", "self.linear(output)"))
    assert "output (6, 9, 9), targets (6, 9)" in str(wrong)


@pytest.mark.parametrize("batch", [(torch.randn(2, 3, 3),), torch.randn(2, 3, 3)])
def test_what_is_no_batch_is_refused(batch):
    with pytest.raises(TypeError, match=r"expected a module, a loss and a batch \(inputs, targets"):
        check.training(nn.LSTM(3, 3), nn.MSELoss(), batch)


def test_sentences_are_whole():
    for sentence, hint in check.FAULTS.values():
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert hint.endswith((".", "?"))
