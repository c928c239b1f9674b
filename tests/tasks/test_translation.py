"""Encoder, decoder, attention and the two searches against torch, hand computation, brute force."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lstm_tutorial.tasks.dates import (
    BOS,
    EOS,
    PAD,
    SOURCE_WORDS,
    TARGET_WORDS,
    collate_pairs,
    make_pairs,
    text_of,
)
from lstm_tutorial.tasks.search import beam_search, greedy_search
from lstm_tutorial.tasks.translation import (
    Translator,
    exact_match,
    fit,
    join_directions,
    masked_softmax,
)

EXACT = {"rtol": 0, "atol": 1e-12}


@pytest.fixture
def model() -> Translator:
    torch.manual_seed(0)
    return Translator(len(SOURCE_WORDS), len(TARGET_WORDS), 6, 5).double()


@pytest.fixture
def batch():
    return collate_pairs(make_pairs(7))


@pytest.fixture
def tiny():
    """A model with five target ids, sharp enough to be sure of something, and three sources."""
    torch.manual_seed(1)
    model = Translator(9, 5, 6, 5, num_layers=1).double()
    with torch.no_grad():
        model.classes.weight.mul_(6)
    source = torch.randint(3, 9, (3, 4))
    return model, source, torch.tensor([4, 2, 3])


def test_joined_states_are_the_ends_of_each_direction_layer_by_layer():
    lstm = nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)
    output, (h_n, _) = lstm(torch.randn(5, 6, 3))
    joined = join_directions(h_n)
    assert joined.shape == (2, 5, 8)
    assert torch.equal(joined[1], torch.cat([output[:, -1, :4], output[:, 0, 4:]], dim=1))
    assert torch.equal(joined[0], torch.cat([h_n[0], h_n[1]], dim=1))


def test_states_of_one_direction_are_refused():
    with pytest.raises(ValueError, match="expected two rows per layer, got 3 rows"):
        join_directions(torch.zeros(3, 2, 4))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_masked_softmax_equals_infinity_where_something_is_valid(dtype):
    scores = torch.randn(4, 6, dtype=dtype)
    mask = torch.arange(6) < torch.tensor([[6], [1], [3], [2]])
    expected = scores.masked_fill(~mask, -torch.inf).softmax(-1)
    assert torch.equal(masked_softmax(scores, mask), expected)


def test_an_empty_row_gets_equal_weights_and_leaves_gradients_finite():
    memory = torch.randn(2, 3, 4, requires_grad=True)
    mask = torch.tensor([[True, True, False], [False, False, False]])
    weights = masked_softmax(memory.sum(-1), mask)
    (weights[:, None] @ memory)[0].sum().backward()  # a loss of the first row only
    assert torch.equal(weights[1], torch.full((3,), 1 / 3))
    assert memory.grad.isfinite().all()
    assert (memory.grad[1] == 0).all()


def test_padding_and_neighbours_do_not_change_logits(model, batch):
    together = model(F.pad(batch.source, (0, 5)), batch.lengths, batch.inputs)
    for k, length in enumerate(batch.lengths):
        alone = model(batch.source[k : k + 1, :length], length[None], batch.inputs[k : k + 1])
        torch.testing.assert_close(together[k : k + 1], alone, **EXACT)


def test_one_call_under_teacher_forcing_equals_step_by_step(model, batch):
    memory, mask, state = model.encode(batch.source, batch.lengths)
    for t in range(batch.inputs.size(1)):
        logits, state, _ = model.decode(batch.inputs[:, t : t + 1], state, memory, mask)
        whole = model(batch.source, batch.lengths, batch.inputs)
        torch.testing.assert_close(logits[:, 0], whole[:, t], **EXACT)


def test_attention_weights_equal_a_loop_over_words(model, batch):
    memory, mask, state = model.encode(batch.source, batch.lengths)
    weights = model.decode(batch.inputs, state, memory, mask)[2]
    output, _ = model.decoder(model.target_embedding(batch.inputs), state)
    for n, length in enumerate(batch.lengths):
        for t in range(batch.inputs.size(1)):
            scores = [output[n, t] @ model.key.weight @ memory[n, s] for s in range(length)]
            torch.testing.assert_close(
                weights[n, t, :length], torch.stack(scores).softmax(0), **EXACT
            )
        assert (weights[n, :, length:] == 0).all()


def brute_force(model: Translator, source, lengths, max_length: int):
    """Score every answer for one source; return the best answer and its log-probability."""
    classes, best = model.classes.out_features, (None, -torch.inf)
    for length in range(1, max_length + 1):
        for tokens in product(range(classes), repeat=length):
            ends = [t == EOS for t in tokens]
            if any(ends[:-1]) or (length < max_length and not ends[-1]):
                continue
            inputs = torch.tensor([[BOS, *tokens[:-1]]])
            logits = model(source, lengths, inputs).log_softmax(-1)[0]
            score = logits[range(length), list(tokens)].sum().item()
            best = max(best, (tokens, score), key=lambda pair: pair[1])
    return best


@torch.no_grad()
def test_a_beam_that_is_wide_enough_equals_brute_force(tiny):
    model, source, lengths = tiny
    width = 4**3 + 4**2 + 4 + 1  # every beginning of three tokens, ended or not
    step, state = model.stepper(source, lengths, width)
    answers, scores = beam_search(step, state, width, max_length=4)
    for k in range(3):
        row = source[k : k + 1, : lengths[k]]
        tokens, score = brute_force(model, row, lengths[k : k + 1], max_length=4)
        assert answers[k, 0, : len(tokens)].tolist() == list(tokens)
        assert (answers[k, 0, len(tokens) :] == PAD).all()
        assert scores[k, 0].item() == pytest.approx(score, abs=1e-12)


@torch.no_grad()
def test_scores_are_the_log_probabilities_of_the_answers_best_first(tiny):
    model, source, lengths = tiny
    answers, scores = beam_search(*model.stepper(source, lengths, 3), 3, max_length=6)
    assert (scores.diff(dim=1) <= 0).all()
    for k in range(3):
        inputs = F.pad(answers[:, k, :-1], (1, 0), value=BOS)
        log_p = model(source, lengths, inputs).log_softmax(-1)
        taken = log_p.gather(2, answers[:, k, :, None])[..., 0]
        ended = (answers[:, k] == EOS).long().cumsum(1) - (answers[:, k] == EOS).long()
        total = taken.masked_fill(ended > 0, 0.0).sum(1)
        torch.testing.assert_close(total, scores[:, k], **EXACT)


@torch.no_grad()
def test_a_beam_of_one_is_greedy(model, batch):
    greedy = greedy_search(*model.stepper(batch.source, batch.lengths), max_length=9)
    answers, _ = beam_search(*model.stepper(batch.source, batch.lengths), 1, max_length=9)
    assert torch.equal(answers[:, 0], greedy)


def test_padding_follows_the_end_in_both_searches():
    likely = torch.full((2, 5), -9.0)
    likely[0, EOS] = likely[1, 3] = 0.0  # the first answer ends at once, the second never
    state = torch.zeros(1, 2, 1), torch.zeros(1, 2, 1)
    expected = [[EOS, PAD, PAD], [3, 3, 3]]
    assert greedy_search(lambda tokens, state: (likely, state), state, 3).tolist() == expected
    answers, _ = beam_search(lambda tokens, state: (likely, state), state, 1, 3)
    assert answers[:, 0].tolist() == expected


@torch.no_grad()
def test_sources_of_a_batch_are_searched_as_if_alone(tiny):
    model, source, lengths = tiny
    answers, scores = beam_search(*model.stepper(source, lengths, 4), 4, max_length=5)
    for k in range(3):
        alone = model.stepper(source[k : k + 1, : lengths[k]], lengths[k : k + 1], 4)
        tokens, values = beam_search(*alone, 4, max_length=5)
        assert torch.equal(F.pad(tokens, (0, answers.size(2) - tokens.size(2)))[0], answers[k])
        torch.testing.assert_close(values[0], scores[k], **EXACT)


def test_beam_finds_what_greedy_misses():
    table = torch.full((5, 5), 1e-9)
    table[BOS, 3], table[BOS, 4] = 0.6, 0.4  # 3 looks better, 4 leads further
    table[3, EOS], table[3, 3] = 0.5, 0.5
    table[4, EOS] = 1.0

    def step(tokens, state):
        return table[tokens].log(), state

    state = torch.zeros(1, 1, 1), torch.zeros(1, 1, 1)
    assert greedy_search(step, state, 2)[0, 0] == 3
    twice = tuple(x.repeat_interleave(2, dim=1) for x in state)
    answers, scores = beam_search(step, twice, 2, 3)
    assert answers[0, 0, :2].tolist() == [4, EOS]
    assert scores[0, 0].exp().item() == pytest.approx(0.4)


def test_a_state_that_was_not_repeated_is_refused():
    with pytest.raises(ValueError, match=r"expected a multiple of 4 rows .*, got 3: repeat"):
        beam_search(lambda tokens, state: None, (torch.zeros(1, 3, 2),) * 2, 4, 5)


def test_training_learns_a_few_pairs_by_heart():
    torch.manual_seed(0)
    model, pairs = Translator(len(SOURCE_WORDS), len(TARGET_WORDS), 16, 16), make_pairs(8)
    losses = fit(model, pairs, epochs=150, lr=0.01)
    assert losses[-1] < 0.1 < losses[0]
    assert exact_match(model, pairs) == exact_match(model, pairs, extra=6) == 1


def test_padded_targets_do_not_count_in_the_loss():
    torch.manual_seed(0)
    model, pairs = Translator(len(SOURCE_WORDS), len(TARGET_WORDS), 6, 5), make_pairs(6)
    batch = collate_pairs(pairs)
    words = [
        F.cross_entropy(model(one.source, one.lengths, one.inputs)[0], one.targets[0])
        * one.targets.size(1)
        for one in (collate_pairs([pair]) for pair in pairs)
    ]
    expected = sum(words).item() / (batch.targets != PAD).sum().item()
    assert fit(model, pairs, epochs=1)[0] == pytest.approx(expected, rel=1e-5)
    assert text_of(batch.targets[0]) == pairs[0][1]
