"""The four bridges: which rows they pass on, and what the record says that they cost."""

import json
from pathlib import Path

import pytest
import torch

from lstm_tutorial.tasks import bridges
from lstm_tutorial.tasks.dates import SOURCE_WORDS, TARGET_WORDS, collate_pairs, make_pairs
from lstm_tutorial.tasks.translation import Translator

RECORD = json.loads(
    (Path(__file__).parents[2] / "book" / "records" / "seq2seq-bridges.json").read_text("utf-8")
)
SIZES = len(SOURCE_WORDS), len(TARGET_WORDS), 6, 5
ROWS = torch.arange(4.0).view(4, 1, 1) + torch.tensor([0.0, 10.0])[:, None]  # row + 10*sentence


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("joined", [[[0, 1], [10, 11]], [[2, 3], [12, 13]]]),
        ("layers mixed", [[[0, 2], [10, 12]], [[1, 3], [11, 13]]]),
        ("reshape", [[[0, 10], [1, 11]], [[2, 12], [3, 13]]]),
        ("zeros", [[[0, 0], [0, 0]], [[0, 0], [0, 0]]]),
    ],
)
def test_bridge_passes_on_the_rows_of_its_name(kind, rows):
    assert bridges.bridge(ROWS, kind).tolist() == rows


@pytest.fixture
def batch():
    return collate_pairs(make_pairs(6))


def bridged(kind, attention=True):
    torch.manual_seed(0)
    return bridges.Bridged(kind, attention, *SIZES).double()


def run(model, batch, rows=slice(None)):
    width = batch.lengths[rows].max()
    return model(batch.source[rows, :width], batch.lengths[rows], batch.inputs[rows])


def test_the_right_bridge_is_the_translators(batch):
    torch.manual_seed(0)
    translator = Translator(*SIZES).double()
    assert torch.equal(run(bridged("joined"), batch), run(translator, batch))


def test_a_bridge_gets_the_rows_in_torchs_order(batch):
    model = bridged("reshape")
    with pytest.MonkeyPatch.context() as patch:
        seen = []
        patch.setattr(bridges, "bridge", lambda s, kind: seen.append(s) or s.new_zeros(2, 6, 10))
        model.encode(batch.source, batch.lengths)
    h_n = torch.nn.utils.rnn.pack_padded_sequence(
        model.source_embedding(batch.source), batch.lengths, batch_first=True, enforce_sorted=False
    )
    assert torch.equal(seen[0], model.encoder(h_n)[1][0])


@pytest.mark.parametrize("kind", bridges.BRIDGES)
def test_only_the_reshape_lets_neighbours_into_an_answer(batch, kind):
    model = bridged(kind)
    alone = torch.cat([run(model, batch, slice(n, n + 1)) for n in range(6)])
    equal = torch.allclose(alone, run(model, batch), rtol=0, atol=1e-12)
    assert equal == (kind != "reshape")


def test_without_attention_only_the_bridge_tells_the_source(batch):
    logits = run(bridged("zeros", attention=False), batch)
    same = (batch.inputs[:, :1] == batch.inputs[0, 0]).all()
    assert same  # all begin with BOS
    assert torch.equal(logits[:, 0], logits[:1, 0].expand(6, -1))


def test_measure_trains_each_bridge_with_each_seed(monkeypatch):
    calls = []
    monkeypatch.setattr(
        bridges, "fit", lambda model, pairs, epochs, seed: calls.append((epochs, seed))
    )
    monkeypatch.setattr(bridges, "exact_match", lambda model, pairs: 1 / len(pairs))
    record = bridges.measure()
    assert calls == [(4, 0), (4, 1)] * 4 + [(6, 0), (6, 1)] * 3
    assert record["results"][0]["in_a_batch"] == [1 / 500, 1 / 500]
    assert record["results"][0]["alone"] == [1.0, 1.0]


def test_record_is_that_of_the_command():
    assert RECORD["command"] == bridges.COMMAND
    assert RECORD["seeds"] == list(bridges.SEEDS)
    named = [(r["bridge"], r["attention"], r["epochs"]) for r in RECORD["results"]]
    with_attention = [(kind, True, bridges.EPOCHS[True]) for kind in bridges.BRIDGES]
    assert named[:4] == with_attention
    assert named[4:] == [(kind, False, bridges.EPOCHS[False]) for kind in bridges.BRIDGES[:-1]]
    for result in RECORD["results"]:
        assert len(result["in_a_batch"]) == len(result["alone"]) == len(bridges.SEEDS)
