"""The figures about classifiers are what they claim to be."""

import json

import numpy as np
import pytest
import torch
from scipy.special import expit

from lstm_tutorial.sentiment import analysis, behaviour, evidence, load_pretrained
from tests.test_command_line import assert_one_line, call, write_imdb


def test_the_interval_is_wilsons():
    low, high = analysis.interval(8, 10)
    assert low == pytest.approx(0.4902, abs=1e-4)
    assert high == pytest.approx(0.9433, abs=1e-4)
    assert analysis.interval(10, 10)[1] == pytest.approx(1)


def test_the_interval_holds_the_truth_19_times_of_20():
    right = np.random.default_rng(0).binomial(500, 0.9, size=2000)
    held = [low <= 0.9 <= high for low, high in (analysis.interval(int(k), 500) for k in right)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(("right", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_an_impossible_count_is_refused(right, n):
    with pytest.raises(ValueError, match="expected between 0 and n"):
        analysis.interval(right, n)


def test_calibrated_probabilities_have_little_error_and_sharpened_ones_more():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20_000)
    labels = (rng.random(20_000) < expit(logits)).astype(int)
    assert analysis.calibration_error(expit(logits), labels) < 0.01
    assert analysis.calibration_error(expit(3 * logits), labels) > 0.05
    assert analysis.fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.05)


def test_the_calibration_error_of_a_case_by_hand():
    probabilities, labels = np.array([0.91, 0.93, 0.15]), np.array([1, 0, 0])
    # two in the last bin: mean 0.92, half positive; one in the second: 0.15, none positive
    assert analysis.calibration_error(probabilities, labels) == pytest.approx((2 * 0.42 + 0.15) / 3)


def test_groups_are_measured_apart():
    found = analysis.accuracies(np.array([True, False, True]), ["b", "a", "b"])
    assert found == {"a": {"accuracy": 0, "n": 1}, "b": {"accuracy": 1, "n": 2}}


@pytest.mark.parametrize(
    ("tokens", "name"),
    [(1, "  1 to 100"), (100, "  1 to 100"), (101, "101 to 200"), (9999, "801 and more")],
)
def test_a_length_has_one_group(tokens, name):
    assert analysis.length_group(tokens) == name


def test_the_behaviour_suite_is_large_and_has_no_sentence_twice():
    assert behaviour.count() >= 150
    texts = [t for by_label in behaviour.SENTENCES.values() for ts in by_label.values() for t in ts]
    texts += [text for pairs in behaviour.PAIRS.values() for pair in pairs for text in pair]
    assert len(set(texts)) == len(texts) == behaviour.count()
    for by_label in behaviour.SENTENCES.values():
        assert sum(map(len, by_label.values())) == 20


def test_who_always_says_yes_passes_the_positive_sentences_and_all_pairs():
    rates = behaviour.pass_rates(lambda texts: [True] * len(texts))
    assert rates["negation"] == {"passed": 10, "n": 20}
    assert rates["sarcasm"] == {"passed": 5, "n": 20}
    assert rates["names swapped"] == {"passed": 10, "n": 10}


def test_a_record_names_every_classifier(tmp_path):
    root = write_imdb(tmp_path)
    result = call("analyse", tmp_path / "out.json", "--root", root)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "out.json").read_text())
    names = ["shipped", "bag of words", *(f"naive Bayes, 1 to {n} words" for n in (1, 2, 3))]
    assert list(record["classifiers"]) == names
    for found in record["classifiers"].values():
        low, high = found["interval"]
        assert low <= found["accuracy"] <= high
        assert set(found["behaviour"]) == {*behaviour.SENTENCES, *behaviour.PAIRS}
    assert record["classifiers"]["shipped"]["temperature"] > 0
    assert len(record["classifiers"]["shipped"]["units"]) == 5
    assert str(tmp_path) not in (tmp_path / "out.json").read_text()


def test_logits_are_those_of_predict():
    run = load_pretrained()
    assert (analysis.logits_of(run)(["A superb film.", "A dull film."]) > 0).tolist() == [
        True,
        False,
    ]


def test_a_record_has_somewhere_to_go(tmp_path):
    assert_one_line(call("analyse", tmp_path / "none" / "out.json"), "is no folder")


@pytest.fixture(scope="module")
def shipped():
    return load_pretrained()


def test_occlusion_is_the_logit_with_the_word_minus_without(shipped):
    tokens, values = evidence.occlusion(shipped, "A truly superb film.")
    assert tokens == ["a", "truly", "superb", "film", "."]
    logits = analysis.logits_of(shipped)
    hidden = "A truly qqqqqq film."  # a word that nobody knows
    whole, without = logits(["A truly superb film.", hidden])
    assert values[2].item() == pytest.approx(whole - without, abs=1e-3)
    assert values.argmax().item() == 2


def test_gradient_times_input_is_the_slope_when_the_embedding_is_scaled(shipped):
    text = "The plot is awful and the cast is great."
    tokens, values = evidence.gradient_times_input(shipped, text)
    model, epsilon = shipped.model, 1e-3
    k = tokens.index("awful")

    def scaled(factor):
        def scale(_module, _inputs, output):
            output[0, k] *= factor
            return output

        ids = torch.tensor([[shipped.vocab.stoi[token] for token in tokens]])
        handle = model.embedding.register_forward_hook(scale)
        with torch.no_grad():
            logit = model(ids, torch.tensor([len(tokens)])).item()
        handle.remove()
        return logit

    slope = (scaled(1 + epsilon) - scaled(1 - epsilon)) / (2 * epsilon)
    assert values[k].item() == pytest.approx(slope, abs=0.02)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_unit_is_followed_in_both_directions(shipped):
    H = shipped.model.lstm.hidden_size
    tokens, forward = evidence.unit_over_text(shipped, "good bad", 3)
    _, alone = evidence.unit_over_text(shipped, "good", 3)
    assert forward[0].item() == pytest.approx(alone[0].item(), abs=1e-6)
    _, reverse = evidence.unit_over_text(shipped, "good bad", H + 3)
    _, alone = evidence.unit_over_text(shipped, "bad", H + 3)
    assert reverse[1].item() == pytest.approx(alone[0].item(), abs=1e-6)
    assert len(tokens) == 2


@pytest.mark.parametrize("ask", [evidence.occlusion, evidence.gradient_times_input])
def test_evidence_for_no_words_is_refused(ask, shipped):
    with pytest.raises(ValueError, match="expected some words"):
        ask(shipped, "  ")


def test_the_paths_of_a_wide_and_deep_run_are_measured_apart(tmp_path):
    root, folder = write_imdb(tmp_path), tmp_path / "run"
    options = ["--ngrams", "2", "--epochs", "1", "--embedding-dim", "4", "--hidden-size", "3"]
    assert call("train", folder, "--root", root, *options).exit_code == 0
    result = call("analyse", tmp_path / "out.json", "--root", root, "--run", folder)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["command"].endswith("--run run")
    found = record["classifiers"]["run"]["paths"]
    assert set(found) == {"deep", "wide"}
    assert all(0 <= accuracy <= 1 for accuracy in found.values())
