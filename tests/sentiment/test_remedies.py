"""Each remedy does to the classifier what its name says, and nothing else."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from lstm_tutorial.sentiment import training
from lstm_tutorial.sentiment.data.batches import make_loader
from lstm_tutorial.sentiment.data.text import build_vocab
from lstm_tutorial.sentiment.models.remedies import LockedDropout
from lstm_tutorial.sentiment.models.wide import NGramPath, WideAndDeepClassifier
from lstm_tutorial.sentiment.runs.pipeline import build_model
from lstm_tutorial.sentiment.runs.settings import Settings
from lstm_tutorial.sentiment.studies import ablation
from lstm_tutorial.sentiment.studies.ablation import BASE, REMEDIES
from tests.cli.calls import call, write_imdb
from tests.sentiment.test_ablation import small  # noqa: F401

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = replace(BASE, embedding_dim=4, hidden_size=3)
VOCAB = build_vocab([list("abcdefgh")])  # 10 ids


def make(**changes):
    torch.manual_seed(0)
    return build_model(replace(SETTINGS, **changes), VOCAB)


def test_every_remedy_changes_known_settings_and_differs():
    for changes in REMEDIES.values():
        assert all(getattr(BASE, name) != value for name, value in changes.items())
    assert len({json.dumps(changes) for changes in REMEDIES.values()}) == len(REMEDIES)


@pytest.mark.parametrize(
    ("study", "name"),
    [
        ("mistakes", "ablation-0"),
        ("remedies", "remedies-0"),
        *(("labels", f"labels-{seed}") for seed in range(3)),
    ],
)
def test_variants_change_the_classifier_of_the_committed_record(study, name):
    record = json.loads((ROOT / "book" / "records" / f"{name}.json").read_text("utf-8"))
    base = ablation.BASES.get(study, BASE)
    assert Settings.from_record(record) == replace(base, seed=record["seed"])
    variants = {result["name"]: result["changes"] for result in record["results"]}
    assert list(variants) == list(ablation.STUDIES[study])
    for name, changes in variants.items():
        old = {"base": record["base"] | changes, "seed": 0}
        assert Settings.from_record(old) == replace(base, **ablation.STUDIES[study][name])


@pytest.mark.parametrize("two_answers", [True, False])
def test_ngrams_stand_beside_the_bilstm_that_was_chosen(two_answers):
    model = make(ngrams=3, two_answers=two_answers, pooling="mean", num_layers=2)
    assert model.two_answers is two_answers
    assert model.wide.max_n == 3
    assert model.deep.pooling == "mean"
    assert model.deep.lstm.num_layers == 2


def test_locked_dropout_drops_a_feature_at_every_step_or_at_none():
    torch.manual_seed(0)
    dropped = LockedDropout(0.5)(torch.ones(8, 6, 20))
    assert_close(dropped, dropped[:, :1].expand_as(dropped))
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert not torch.equal(dropped[0], dropped[1])
    assert set(LockedDropout(0.5)(torch.ones(50, 4)).unique().tolist()) == {0.0, 2.0}
    assert torch.equal(LockedDropout(0.5).eval()(torch.ones(2, 3, 4)), torch.ones(2, 3, 4))


def test_forget_gates_start_open_by_one_and_nothing_else_moves():
    plain, opened = make(), make(start="forget bias 1")
    for suffix in ("l0", "l0_reverse"):
        total = opened.lstm.get_parameter(f"bias_ih_{suffix}") + opened.lstm.get_parameter(
            f"bias_hh_{suffix}"
        )
        assert total[3:6].tolist() == [1, 1, 1]
    for name, value in plain.state_dict().items():
        rows = slice(3, 6) if "bias_" in name and name.startswith("lstm") else slice(0, 0)
        same = torch.ones(len(value), dtype=torch.bool)
        same[rows] = False
        assert torch.equal(value[same], opened.state_dict()[name][same]), name


def test_recurrent_weights_start_orthogonal_gate_by_gate():
    lstm = make(start="orthogonal").lstm
    for weight in (lstm.weight_hh_l0, lstm.weight_hh_l0_reverse):
        for block in weight.detach().chunk(4):
            assert_close(block @ block.T, torch.eye(3))
    block = make().lstm.weight_hh_l0.detach()[:3]
    assert not torch.allclose(block @ block.T, torch.eye(3), atol=1e-2)


def test_smoothing_pulls_training_labels_together_and_no_others(monkeypatch, small, tmp_path):  # noqa: F811
    seen = {}

    def note(examples, _size, is_training, *_):
        seen[is_training] = {label for _, label in examples}
        return make_loader(examples, 4)

    monkeypatch.setattr(ablation, "make_loader", note)
    monkeypatch.setitem(
        ablation.STUDIES, "remedies", {"smooth": REMEDIES["label smoothing 0.1"] | {"epochs": 1}}
    )
    ablation.run(0, write_imdb(tmp_path), "remedies")
    assert seen == {True: {0.05, 0.95}, False: {0, 1}}


def test_averaging_reaches_the_training_of_its_variant_alone(monkeypatch, small, tmp_path):  # noqa: F811
    seen, fit = [], training.fit

    def note(*args, **options):
        seen.append(options["decay"])
        return fit(*args, **options)

    monkeypatch.setattr(ablation.training, "fit", note)
    names = ["as it is", "averaged weights"]
    monkeypatch.setitem(ablation.STUDIES, "remedies", {name: REMEDIES[name] for name in names})
    ablation.run(0, write_imdb(tmp_path), "remedies")
    assert seen == [0, REMEDIES["averaged weights"]["ema"]]


def test_ngrams_in_sample_know_the_labels_and_out_of_fold_they_do_not():
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(2, 500, (400, 12), generator=generator)
    labels = torch.randint(0, 2, (400,), generator=generator).tolist()  # nothing to be learned
    loader = make_loader(list(zip(ids.tolist(), labels, strict=True)), 50)
    accuracy = {}
    for blind in (True, False):
        path = NGramPath(2, buckets=2**12)
        path.fit(loader, out_of_fold=blind)
        found = [(path(b.ids, b.lengths) > 0) == (b.labels > 0.5) for b in loader]
        accuracy[blind] = torch.cat(found).float().mean().item()
    assert accuracy[False] > 0.95
    assert accuracy[True] == pytest.approx(0.5, abs=0.1)


def test_the_study_of_remedies_trains_each_of_them(tmp_path, small, monkeypatch):  # noqa: F811
    names = ["128 units", "averaged weights", "locked dropout"]
    monkeypatch.setitem(ablation.STUDIES, "remedies", {name: REMEDIES[name] for name in names})
    root, path = write_imdb(tmp_path), tmp_path / "out.json"
    result = call("ablate", path, "--root", root, "--study", "remedies")
    assert result.exit_code == 0, result.output
    record = json.loads(path.read_text())
    assert [entry["name"] for entry in record["results"]] == names
    assert record["base"] == replace(BASE, **small).configuration()
    assert "ablate remedies-0.json --study remedies" in record["command"]
    again = call("ablate", path, "--root", root)  # the study of mistakes
    assert again.exit_code == 1
    assert "name another file" in again.stderr


def test_a_model_with_remedies_trains():
    model = make(num_layers=2, locked_dropout=True, start="orthogonal")
    loader = make_loader([([2, 3, 4], 1), ([5], 0)] * 8, 4)
    history = training.fit(model, loader, loader, epochs=30, lr=1e-2, patience=30, decay=0.5)
    assert history[-1]["validation_accuracy"] == 1
    assert isinstance(make(ngrams=3, out_of_fold=False), WideAndDeepClassifier)
