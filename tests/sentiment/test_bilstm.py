"""The classifier: padding and neighbours change nothing, and every pooling is what it says."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

import lstm_tutorial
from lstm_tutorial.sentiment.models.bilstm import (
    POOLINGS,
    AttentionPool,
    BiLSTMClassifier,
    final_states,
    last_step,
    max_pool,
    mean_pool,
    run_lstm,
    run_padded,
)

V, E, H = 20, 5, 4
LENGTHS = torch.tensor([3, 7, 1, 5])
RANDOM = torch.Generator().manual_seed(0)
MASKED = [pooling for pooling in POOLINGS if pooling != "last_step"]
CLASSES = [nn.LSTM, lstm_tutorial.LSTM]
EXACT = {"rtol": 0, "atol": 1e-12}


def make_model(pooling: str = "max", seed: int = 0, **options) -> BiLSTMClassifier:
    torch.manual_seed(seed)
    options = {"num_layers": 2} | options
    return BiLSTMClassifier(V, E, H, pooling=pooling, **options).double().eval()


def make_ids(lengths: torch.Tensor = LENGTHS, padding: int = 0, seed: int = 1) -> torch.Tensor:
    """Random words, then zeros up to the longest row and for ``padding`` more steps."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(1, V, (len(lengths), int(lengths.max())), generator=generator)
    ids = ids.masked_fill(torch.arange(ids.size(1)) >= lengths[:, None], 0)
    return F.pad(ids, (0, padding))


@pytest.mark.parametrize("lstm", CLASSES)
@pytest.mark.parametrize("pooling", MASKED)
@settings(max_examples=15, derandomize=True, database=None, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 6), st.integers(0, 99))
def test_padding_does_not_change_logits(pooling, lstm, lengths, padding, seed):
    model, lengths = make_model(pooling, seed, lstm=lstm), torch.tensor(lengths)
    padded = model(make_ids(lengths, padding), lengths)
    assert_close(padded, model(make_ids(lengths), lengths), **EXACT)


@pytest.mark.parametrize("pooling", MASKED)
def test_what_stands_on_padding_does_not_matter(pooling):
    model, ids = make_model(pooling), make_ids()
    other = torch.where(ids == 0, 7, ids)
    assert_close(model(other, LENGTHS), model(ids, LENGTHS), **EXACT)


def test_padding_changes_logits_of_last_step():
    model = make_model("last_step")
    without, padded = model(make_ids(), LENGTHS), model(make_ids(padding=2), LENGTHS)
    assert (without - padded).abs().min() > 1e-4


@pytest.mark.parametrize("pooling", MASKED)
def test_a_review_has_the_same_logit_alone_and_in_any_company(pooling):
    model, ids = make_model(pooling), make_ids()
    logits = model(ids, LENGTHS)
    order = torch.tensor([2, 0, 3, 1])
    assert_close(model(ids[order], LENGTHS[order]), logits[order], **EXACT)
    for k, length in enumerate(LENGTHS):
        alone = model(ids[k : k + 1, :length], length[None])
        assert_close(alone, logits[k : k + 1], **EXACT)


def gradients(model: nn.Module, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    model(ids, LENGTHS).square().sum().backward()
    return {name: value.grad for name, value in model.named_parameters()}


@pytest.mark.parametrize("pooling", POOLINGS)
def test_our_lstm_gives_torchs_logits_and_gradients(pooling):
    theirs, ours = make_model(pooling), make_model(pooling, seed=5, lstm=lstm_tutorial.LSTM)
    assert type(ours.lstm) is lstm_tutorial.LSTM
    ours.load_state_dict(theirs.state_dict())
    ids = make_ids(padding=2)
    assert_close(ours(ids, LENGTHS), theirs(ids, LENGTHS), **EXACT)
    assert_close(gradients(ours, ids), gradients(theirs, ids), **EXACT)


def test_ragged_and_packed_agree():
    theirs, ours = make_model().lstm, make_model(lstm=lstm_tutorial.LSTM).lstm
    ours.load_state_dict(theirs.state_dict())
    words = torch.randn(4, 9, E, dtype=torch.float64, generator=RANDOM)
    (output, h_n), (expected, expected_h_n) = (run_lstm(x, words, LENGTHS) for x in (theirs, ours))
    assert_close(output, expected, **EXACT)
    assert_close(h_n, expected_h_n, **EXACT)


@pytest.mark.parametrize("lstm", CLASSES)
def test_final_states_are_the_last_valid_step_of_each_direction(lstm):
    module = make_model(lstm=lstm).lstm
    words = torch.randn(4, 9, E, dtype=torch.float64, generator=RANDOM)
    output, h_n = run_lstm(module, words, LENGTHS)
    assert h_n.shape == (4, 4, H)  # two layers, two directions
    for row, length in enumerate(LENGTHS):
        forward, reverse = output[row, length - 1, :H], output[row, 0, H:]
        assert_close(final_states(h_n)[row], torch.cat([forward, reverse]), **EXACT)


def test_last_step_is_the_last_column():
    output = torch.arange(24.0).reshape(2, 3, 4)
    assert_close(last_step(output), torch.tensor([[8.0, 9, 10, 11], [20, 21, 22, 23]]))


def test_pools_by_hand():
    output = torch.tensor([[[-1.0, -4], [-3, -2], [9, 9]], [[1, 2], [3, 4], [8, 0]]])
    lengths = torch.tensor([2, 3])
    assert_close(mean_pool(output, lengths), torch.tensor([[-2.0, -3], [4, 2]]))
    assert_close(max_pool(output, lengths), torch.tensor([[-1.0, -2], [8, 4]]))
    attention = AttentionPool(2)
    nn.init.zeros_(attention.score.weight)  # equal scores: the mean
    assert_close(attention(output, lengths), torch.tensor([[-2.0, -3], [4, 2]]))
    nn.init.constant_(attention.score.weight, 50.0)  # as good as one-hot: ties are shared
    assert_close(attention(output, lengths), torch.tensor([[-2.0, -3], [8, 0]]))


def test_max_pool_never_takes_padding_where_all_outputs_are_negative():
    output = -1 - torch.rand(4, 9, 3, generator=RANDOM)
    output[torch.arange(9) >= LENGTHS[:, None]] = 0.0  # as pad_packed_sequence leaves it
    assert (max_pool(output, LENGTHS) <= -1).all()


def test_attention_weights_sum_to_one_and_padding_has_none():
    torch.manual_seed(0)
    weights = AttentionPool(6).weights(torch.randn(4, 9, 6), LENGTHS)
    assert weights.shape == (4, 9, 1)
    assert_close(weights.sum(dim=1), torch.ones(4, 1))
    assert (weights[torch.arange(9) >= LENGTHS[:, None]] == 0).all()
    assert (weights[torch.arange(9) < LENGTHS[:, None]] > 0).all()


def seen_by_embedding(model: nn.Module, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    seen = []
    handle = model.embedding.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model(ids, lengths)
    handle.remove()
    return seen[0]


def test_word_dropout_hits_its_share_of_words_and_never_padding():
    model = make_model(num_layers=1, word_dropout=0.3)
    lengths = torch.tensor([100] * 50 + [60] * 50)
    ids = make_ids(lengths).clamp(min=2) * (torch.arange(100) < lengths[:, None])
    assert seen_by_embedding(model, ids, lengths).equal(ids)  # evaluating: never
    seen = seen_by_embedding(model.train(), ids, lengths)
    assert seen[ids == 0].eq(0).all()
    dropped = seen != ids
    assert seen[dropped].eq(1).all()
    assert abs(dropped[ids != 0].double().mean() - 0.3) < 0.02  # 8,000 words: 4 deviations


def test_dropout_hits_the_embedded_words():
    model, seen = make_model(num_layers=1, dropout=0.5).train(), []
    pool = model._pool
    model._pool = lambda words, lengths: pool(seen.append(words) or words, lengths)
    ids = make_ids()
    model(ids, LENGTHS)
    words = model.embedding(ids)
    is_dropped = (seen[0] == 0) & (words != 0)
    assert 0.3 < is_dropped[ids != 0].double().mean() < 0.7  # 80 features: 3.5 deviations
    assert_close(seen[0], 2 * words.masked_fill(is_dropped, 0.0), **EXACT)


def test_dropout_hits_the_pooled_vector():
    model = make_model(num_layers=1, dropout=1.0).train()  # leaves the bias alone
    assert_close(model(make_ids(), LENGTHS), model.classifier.bias.expand(4), **EXACT)


@pytest.mark.parametrize(("num_layers", "rate"), [(1, 0.0), (2, 0.3)])
def test_dropout_hits_what_one_layer_hands_to_the_next(num_layers, rate):
    model = make_model(num_layers=num_layers, dropout=0.3).train()
    model.dropout = nn.Identity()
    assert model.lstm.dropout == rate
    first, second = (model(make_ids(), LENGTHS) for _ in range(2))
    assert torch.equal(first, second) == (num_layers == 1)


def test_evaluation_drops_nothing():
    dropping, plain = make_model(dropout=0.5, word_dropout=0.5), make_model()
    assert_close(dropping(make_ids(), LENGTHS), plain(make_ids(), LENGTHS), **EXACT)


def test_the_embeddings_of_pairs_start_small():
    model = make_model(bigrams=5000)
    assert model.bigrams.weight.std().item() == pytest.approx(0.1, rel=0.05)


def pairs_of(model: nn.Module, ids: list[list[int]]) -> torch.Tensor:
    """What the embedded words (N, L, E) owe to their pairs."""
    ids = torch.tensor(ids)
    return model._embed(ids) - model.embedding(ids)


def test_a_word_has_a_second_embedding_with_the_word_before_it():
    model = make_model(bigrams=1000).eval()
    pairs = pairs_of(model, [[2, 3, 2, 3], [3, 2, 3, 0]])
    assert_close(pairs[0, 1], pairs[0, 3])  # 2 3, twice
    assert_close(pairs[0, 2], pairs[1, 1])  # 3 2
    assert_close(pairs[0, 1], pairs[1, 2])
    assert not torch.allclose(pairs[0, 1], pairs[0, 2])
    assert_close(*pairs_of(make_model(bigrams=1), [[2, 3, 4]])[0, 1:])  # all share one row
    assert not pairs[:, 0].any()  # before the first there is none
    assert not pairs[1, 3].any()  # padding
    assert not pairs_of(model, [[2], [3]]).any()
    model.embedding.weight.data.zero_()
    model.train().word_dropout = 1.0  # takes the words, and leaves their pairs
    assert_close(pairs_of(model, [[2, 3, 2, 3]]), pairs[:1])


@pytest.mark.parametrize("options", [{"pooling": "first"}, {"word_dropout": 1.5}])
def test_bad_option_is_refused(options):
    name, value = next(iter(options.items()))
    with pytest.raises(ValueError, match=rf"expected {name} .*got '?{value}'?$"):
        BiLSTMClassifier(V, E, H, **options)


BAD = {
    "of zero": ([3, 0, 1, 5], r"lengths between 1 and 7, got 0 at position 1: drop empty reviews"),
    "too long": ([3, 7, 8, 5], r"lengths between 1 and 7, got 8 at position 2"),
    "too few": ([3, 7], r"lengths int64 \(4,\), one for each row, got torch.int64 \(2,\): use c"),
    "fractions": ([3.0, 7.0, 1.5, 5.0], r"lengths int64 \(4,\).*got torch.float32 \(4,\): use co"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_lengths_that_do_not_fit_are_refused(name, pooling):
    lengths, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        make_model(pooling)(make_ids(), torch.tensor(lengths))


def test_lengths_that_are_no_tensor_are_refused():
    with pytest.raises(ValueError, match=r"expected lengths int64 \(4,\).*got a list: use collate"):
        make_model()(make_ids(), [3, 7, 1, 5])


@pytest.mark.parametrize("pool", [mean_pool, max_pool, AttentionPool(3)])
def test_pools_refuse_empty_rows(pool):
    with pytest.raises(ValueError, match="lengths between 1 and 3, got 0 at position 1"):
        pool(torch.zeros(2, 3, 3), torch.tensor([3, 0]))


@pytest.mark.parametrize("word", [-1, V])
def test_ids_outside_the_vocabulary_are_refused(word):
    ids = make_ids()
    ids[1, 4] = word
    with pytest.raises(ValueError, match=rf"between 0 and 19, got {word} in row 1, step 4: encode"):
        make_model()(ids, LENGTHS)


def test_final_states_of_one_direction_are_refused():
    for shape in [(3, 2, H), (2, H)]:
        with pytest.raises(ValueError, match=r"expected h_n \(2\*num_layers.*bidirectional=True"):
            final_states(torch.zeros(shape))


def test_ids_that_are_no_batch_are_refused():
    with pytest.raises(ValueError, match=r"ids int64 \(N, L\), got torch.int64 \(7,\)"):
        make_model()(make_ids()[0], torch.tensor([7]))
    with pytest.raises(ValueError, match=r"ids int64 \(N, L\), got torch.float32 \(4, 7\)"):
        make_model()(make_ids().float(), LENGTHS)
    with pytest.raises(ValueError, match=r"ids int64 \(N, L\), got a list: use collate"):
        make_model()(make_ids().tolist(), LENGTHS)


@pytest.mark.kernels
@pytest.mark.parametrize("lstm", CLASSES)
def test_under_autocast_every_pooling_runs_on_every_cpu(lstm):
    for pooling in POOLINGS:
        model = make_model(pooling, lstm=lstm).float()
        expected = model(make_ids(), LENGTHS)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(make_ids(), LENGTHS)
        assert_close(logits.float(), expected, rtol=0, atol=0.02)


@pytest.mark.kernels
@pytest.mark.parametrize("lstm", CLASSES)
def test_autocast_does_not_reach_an_lstm_that_reads_padding(lstm):
    model, words = make_model(lstm=lstm).float(), torch.randn(2, 5, E)
    with torch.autocast("cpu", torch.bfloat16):
        found = run_padded(model.lstm, words)
    assert_close(found, model.lstm(words), rtol=0, atol=0)
