"""The figures about classifiers are what they claim to be."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import expit

from lstm_tutorial.sentiment import Review, load_pretrained, runs
from lstm_tutorial.sentiment.studies import (
    analysis,
    behaviour,
    calibration,
    evidence,
    observing,
    phenomena,
)
from tests.cli.calls import assert_one_line, call, write_imdb
from tests.sentiment.tiny_imdb import FILES, make_folder


def test_accuracy_interval_is_wilsons():
    low, high = analysis.interval(8, 10)
    assert low == pytest.approx(0.4902, abs=1e-4)
    assert high == pytest.approx(0.9433, abs=1e-4)
    assert analysis.interval(10, 10)[1] == pytest.approx(1)


def test_accuracy_interval_has_95_percent_coverage():
    right = np.random.default_rng(0).binomial(500, 0.9, size=2000)
    held = [low <= 0.9 <= high for low, high in (analysis.interval(int(k), 500) for k in right)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(("right", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_an_impossible_count_is_refused(right, n):
    with pytest.raises(ValueError, match="expected between 0 and n"):
        analysis.interval(right, n)


def test_a_lead_is_bounded_by_the_reviews_on_which_the_two_differ():
    low, high = analysis.difference(won=30, lost=10, n=1000)
    assert (low + high) / 2 == pytest.approx(0.02)
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.04 - 0.02**2) / np.sqrt(1000), rel=1e-3)
    assert analysis.difference(0, 0, 1000) == (0, 0)


def test_difference_interval_has_95_percent_coverage():
    draws = np.random.default_rng(0).multinomial(2000, [0.06, 0.04, 0.9], size=2000)
    bounds = [analysis.difference(won, lost, 2000) for won, lost, _ in draws.tolist()]
    assert np.mean([low <= 0.02 <= high for low, high in bounds]) == pytest.approx(0.95, abs=0.015)


def test_calibrated_probabilities_have_little_error_and_sharpened_ones_more():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20_000)
    labels = (rng.random(20_000) < expit(logits)).astype(int)
    assert calibration.calibration_error(expit(logits), labels) < 0.01
    assert calibration.calibration_error(expit(3 * logits), labels) > 0.05
    assert calibration.fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.05)


def test_the_calibration_error_of_a_case_by_hand():
    probabilities, labels = np.array([0.91, 0.93, 0.15]), np.array([1, 0, 0])
    # two in the last bin: mean 0.92, half positive; one in the second: 0.15, none positive
    assert calibration.calibration_error(probabilities, labels) == pytest.approx(
        (2 * 0.42 + 0.15) / 3
    )


def test_probabilities_of_exactly_0_and_1_fall_into_the_outer_bins():
    found = calibration.reliability(np.array([0.0, 1.0, 0.95]), np.array([0, 1, 0]))
    assert [(b["n"], b["probability"], b["positive"]) for b in found] == [
        (1, 0, 0),
        (2, 0.975, 0.5),
    ]


def test_groups_are_measured_apart():
    found = analysis.accuracies(np.array([True, False, True]), ["b", "a", "b"])
    assert found == {"a": {"accuracy": 0, "n": 1}, "b": {"accuracy": 1, "n": 2}}


@pytest.mark.parametrize(
    ("tokens", "name"),
    [(1, "  1 to 100"), (100, "  1 to 100"), (101, "101 to 200"), (9999, "801 and more")],
)
def test_a_length_has_one_group(tokens, name):
    assert phenomena.length_group(tokens) == name


def test_reviews_are_sorted_by_how_much_they_use_a_construction():
    texts = ["Not good, not bad, but long.", "It was a film!", "Why? I don't know.", "Fine film."]
    found = phenomena.groups([Review(text, 1, rating=8) for text in texts])
    assert found["rating"] == [" 8"] * 4
    assert found["length"] == ["  1 to 100"] * 4
    assert found["negation"] == ["more", "less", "more", "less"]
    assert found["contrast"] == ["more", "less", "less", "less"]
    assert found["question"] == ["less", "less", "more", "less"]
    assert found["exclamation"] == ["less", "more", "less", "less"]


def test_only_errors_are_listed_and_the_surest_come_first():
    logits = np.array([-2.0, 5.0, -9.0, 3.0])
    labels = [0, 0, 1, 1]  # the second and the third are wrong
    test = [Review("a film", y, rating=1, id=f"test/{k}") for k, y in enumerate(labels)]
    copies = np.array([False, True, False, False])
    found = analysis._findings(logits, test, copies, phenomena.groups(test))
    assert [e["id"] for e in found["confident errors"]] == ["test/2", "test/1"]
    assert found["accuracy"] == 0.5
    assert found["accuracy without copies"] == pytest.approx(2 / 3)


def test_copies_are_counted_with_their_labels():
    train = [Review("one", 1), Review("two", 0), Review("two", 1)]
    test = [Review("one", 0), Review("one", 1), Review("two", 1), Review("three", 1)]
    copies = analysis._copies(train, test)
    assert copies["exact"].tolist() == [True, True, True, False]
    assert copies["with the other label"].tolist() == [True, False, True, False]


@pytest.fixture
def analysed(tmp_path, monkeypatch):
    """A record of a model that always says yes, on a corpus with a copy; what it learned from."""
    files = FILES | {"test/pos/1_8.txt": FILES["train/pos/1_10.txt"]}
    urls = {
        f"{part}/urls_{end}.txt": b"u\n" * 20
        for part in ("train", "test")
        for end in ("neg", "pos")
    }
    seen = []

    def fit(reviews):
        seen.extend(reviews)
        return SimpleNamespace(logits=lambda texts: np.ones(len(list(texts))))

    monkeypatch.setattr(analysis, "LINEAR", {"yes": fit})
    root = make_folder(tmp_path, files | urls)
    return analysis.analyse({}, root), seen


def test_linear_models_learn_from_the_whole_training_part_and_from_nothing_else(analysed):
    _, seen = analysed
    assert {review.id.split("/")[0] for review in seen} == {"train"}
    assert len(seen) == 5


def test_the_accuracy_without_copies_leaves_out_reviews_of_the_training_part(analysed):
    record, _ = analysed
    found = record["classifiers"]["yes"]
    assert record["duplicates"] == {"test": 3, "exact": 1, "with the other label": 0}
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["accuracy without copies"] == 1 / 2


@pytest.mark.parametrize(
    ("name", "longest"),
    [
        ("bag of words", 1),
        ("naive Bayes, 1 word", 1),
        ("naive Bayes, 1 to 2 words", 2),
        ("naive Bayes, 1 to 3 words", 3),
    ],
)
def test_a_linear_model_reads_ngrams_as_long_as_its_name_says(name, longest):
    model = analysis.LINEAR[name]([Review("a good long film", 1), Review("a bad long film", 0)])
    ngrams = model.vectorizer.get_feature_names_out()
    assert max(len(ngram.split()) for ngram in ngrams) == longest
    assert (model.ratios is None) == (name == "bag of words")


@pytest.fixture
def parts(monkeypatch):
    """What a run computes for its validation and its test part, and their labels."""
    rng = np.random.default_rng(0)
    labels = {"validation": np.arange(40) % 2, "test": np.arange(60) % 3 % 2}
    reviews = {k: [Review("a film", int(y), rating=1) for y in v] for k, v in labels.items()}
    seen = {
        part: observing.Observed(
            rng.normal(0, 3, len(found)) + found, rng.normal(size=(len(found), 8)), {}
        )
        for part, found in labels.items()
    }
    of_part = {id(reviews[part]): seen[part] for part in seen}
    monkeypatch.setattr(analysis, "observe", lambda run, part: of_part[id(part)])
    monkeypatch.setattr(analysis, "read_part", lambda part, *_: reviews[part])
    return SimpleNamespace(seen=seen, labels=labels, test=reviews["test"])


def look_inside(parts, run=None):
    return analysis._of_run(run or load_pretrained(), parts.seen["test"], parts.test, None)


def test_the_validation_part_sets_the_temperature(parts):
    fitted = {
        k: calibration.fit_temperature(parts.seen[k].logits, parts.labels[k]) for k in parts.seen
    }
    assert look_inside(parts)["temperature"] == fitted["validation"]
    assert fitted["validation"] != pytest.approx(fitted["test"], rel=0.01)


def test_the_calibration_error_after_is_that_of_the_test_logits_divided_by_the_temperature(parts):
    found = look_inside(parts)
    probabilities = expit(parts.seen["test"].logits / found["temperature"])
    wanted = calibration.calibration_error(probabilities, parts.labels["test"])
    assert found["calibration error after"] == pytest.approx(wanted)
    assert abs(found["temperature"] - 1) > 0.1


def test_the_validation_part_chooses_the_units_and_the_test_part_measures_them(parts):
    found, run = look_inside(parts), load_pretrained()
    both = [(parts.seen[k].features, parts.labels[k]) for k in ("validation", "test")]
    assert found["units"] == observing.best_units(run, *both[0], *both[1])
    assert found["units"] != observing.best_units(run, *both[1], *both[1])


def test_every_feature_is_measured_on_the_test_part(parts):
    wanted = observing.aucs(parts.seen["test"].features, parts.labels["test"])
    assert look_inside(parts)["aucs"] == pytest.approx(wanted, abs=1e-4)


def test_a_path_is_right_where_its_logit_has_the_sign_of_the_label(parts):
    signs = 2 * parts.labels["test"] - 1
    half = np.where(np.arange(60) < 15, -signs, signs)
    parts.seen["test"] = parts.seen["test"]._replace(paths={"deep": signs, "wide": half})
    assert look_inside(parts)["paths"] == {"deep": 1, "wide": 0.75}


def test_the_behaviour_suite_is_large_and_has_no_sentence_twice():
    assert behaviour.count() >= 150
    texts = [t for by_label in behaviour.SENTENCES.values() for ts in by_label.values() for t in ts]
    texts += [text for pairs in behaviour.PAIRS.values() for pair in pairs for text in pair]
    assert len(set(texts)) == len(texts) == behaviour.count()
    for by_label in behaviour.SENTENCES.values():
        assert sum(map(len, by_label.values())) == 20


def test_always_positive_passes_positive_sentences_and_every_pair():
    rates = behaviour.pass_rates(lambda texts: [True] * len(texts))
    assert rates["negation"] == {"passed": 10, "n": 20}
    assert rates["sarcasm"] == {"passed": 10, "n": 20}
    assert rates["names swapped"] == {"passed": 20, "n": 20}


def test_a_record_names_every_classifier(tmp_path):
    root = write_imdb(tmp_path)
    result = call("analyse", tmp_path / "out.json", "--root", root)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "out.json").read_text())
    assert list(record["classifiers"]) == ["shipped", *analysis.LINEAR]
    for found in record["classifiers"].values():
        low, high = found["interval"]
        assert low <= found["accuracy"] <= high
        assert set(found["behaviour"]) == {*behaviour.SENTENCES, *behaviour.PAIRS}
        assert set(found["groups"]) == {"length", "rating", *phenomena.MARKERS}
    shipped = record["classifiers"]["shipped"]
    assert shipped["temperature"] > 0
    assert len(shipped["units"]) == 2 * observing.BEST
    for unit in shipped["units"]:
        assert unit["auc"] == pytest.approx(shipped["aucs"][unit["unit"]], abs=1e-4)
    best = record["classifiers"][analysis.BEST]
    lead = (shipped["against"]["won"] - shipped["against"]["lost"]) / 40
    assert lead == pytest.approx(shipped["accuracy"] - best["accuracy"])
    assert record["duplicates"] == {"test": 40, "exact": 0, "with the other label": 0}
    assert str(tmp_path) not in (tmp_path / "out.json").read_text()


def test_logits_are_those_of_predict():
    run = load_pretrained()
    assert (analysis.logits_of(run)(["A superb film.", "A dull film."]) > 0).tolist() == [
        True,
        False,
    ]


def test_a_record_has_somewhere_to_go(tmp_path):
    assert_one_line(call("analyse", tmp_path / "none" / "out.json"), "is not a folder")
    assert_one_line(call("analyse", tmp_path), "expected a JSON file, got the folder")
    (tmp_path / "run.json").write_text('{"test": null}')
    assert_one_line(call("analyse", tmp_path / "run.json"), "record of an analysis")
    assert (tmp_path / "run.json").read_text() == '{"test": null}'


def test_runs_of_one_name_are_refused(tmp_path, wide):
    _, folder, root = wide
    words = ["analyse", tmp_path / "out.json", "--root", root, "--run", folder]
    assert_one_line(call(*words, "--run", folder / ".." / "run"), "got run twice")
    (tmp_path / "shipped").mkdir()
    assert_one_line(call(*words, "--run", tmp_path / "shipped"), "got shipped twice")


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


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A trained run of two paths, its folder, and the corpus that it has learned."""
    parent = tmp_path_factory.mktemp("wide")
    root, folder = write_imdb(parent), parent / "run"
    options = ["--ngrams", "2", "--epochs", "1", "--embedding-dim", "4", "--hidden-size", "3"]
    options += ["--validation-fraction", "0"]
    assert call("train", folder, "--root", root, *options).exit_code == 0
    return runs.load(folder), folder, root


def test_the_paths_of_a_wide_and_deep_run_are_measured_apart(tmp_path, wide):
    _, folder, root = wide
    result = call("analyse", tmp_path / "out.json", "--root", root, "--run", folder)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "out.json").read_text())
    assert record["command"].endswith("--run run")
    assert "temperature" not in record["classifiers"]["run"]  # it takes a validation part
    found = record["classifiers"]["run"]["paths"]
    assert set(found) == {"deep", "wide"}
    assert all(0 <= accuracy <= 1 for accuracy in found.values())


def test_a_run_that_is_gone_keeps_its_findings(tmp_path, wide):
    _, folder, root = wide
    path, gone = tmp_path / "out.json", tmp_path / "gone"
    words = ["analyse", path, "--root", root, "--run", gone]
    assert_one_line(call(*words), gone)
    shutil.copytree(folder, gone)
    assert call(*words).exit_code == 0
    first = json.loads(path.read_text())
    first["classifiers"]["gone"]["accuracy"] = 0.125  # as no model here has it
    first["machine"]["processor"] = "another"
    path.write_text(json.dumps(first))
    shutil.rmtree(gone)
    result = call(*words, "--run", folder)
    assert "gone: test accuracy 0.1250, kept" in result.stdout
    record = json.loads(path.read_text())
    kept = record["classifiers"]["gone"]
    assert kept == {"machine": first["machine"], **first["classifiers"]["gone"]}
    assert list(record["classifiers"]) == ["shipped", "run", "gone", *analysis.LINEAR]
    assert record["seconds"] > first["seconds"]
    assert record["command"].endswith("--run gone --run run")
    path.write_text(json.dumps(record | {"versions": {"torch": "1.0"}}))
    assert_one_line(call(*words, "--run", folder), "to keep, got those of", "1.0")


def test_what_is_observed_is_what_the_model_computes_in_the_order_of_the_reviews(wide):
    run, reviews = wide[0], [Review("lovely " * n + "film", 1) for n in (9, 2, 5, 1, 7)]
    seen = observing.observe(run, reviews)
    alone = [observing.observe(run, [review]) for review in reviews]
    assert seen.logits == pytest.approx([one.logits.item() for one in alone], abs=1e-5)
    shares = run.model.shares.tolist()
    total = shares[0] * seen.paths["deep"] + shares[1] * seen.paths["wide"]
    assert total == pytest.approx(seen.logits, abs=1e-5)
    assert np.abs(seen.paths["wide"]).min() > 1e-3
    last = run.model.deep.classifier
    read = torch.tensor(seen.features) @ last.weight[0] + last.bias
    assert read.tolist() == pytest.approx(seen.paths["deep"], abs=1e-5)
    assert not any(module._forward_hooks for module in run.model.modules())


def test_units_are_chosen_on_one_part_and_measured_on_the_other(shipped):
    labels = np.array([0, 0, 1, 1])
    features = np.tile(np.array([0.0, 1.0, 0.0, 1.0])[:, None], 256)  # tells nothing
    on_test = features.copy()
    features[:, 7], on_test[:, 7] = labels, [0, 1, 0.5, 1]
    features[:, 8], on_test[:, 8] = -labels, [1, 1, 0, 0]
    on_test[:, 9] = labels  # would be chosen, had the test part a say
    best = observing.best_units(shipped, features, labels, on_test, labels)
    assert (best[0]["unit"], best[3]["unit"]) == (7, 8)
    assert best[0]["auc"] == pytest.approx(2.5 / 4)
    assert best[3]["auc"] == 0
    assert (best[0]["positive"], best[0]["negative"]) == (0.75, 0.5)
    assert best[0]["weight"] == pytest.approx(shipped.model.classifier.weight[0, 7].item())
    assert 9 not in [unit["unit"] for unit in best]


def test_gradients_see_the_part_of_the_logit_that_has_an_embedding(wide):
    run = wide[0]
    deep = run._replace(model=run.model.deep)
    text = "A lovely film, I say."
    tokens, slope = evidence.gradient_times_input(run, text)
    _, alone = evidence.gradient_times_input(deep, text)
    share = run.model.shares[0].item()
    assert slope.tolist() == pytest.approx((share * alone).tolist(), abs=1e-6)
    assert slope.abs().max() > 1e-4
    _, hidden = evidence.occlusion(run, text)
    assert len(hidden) == len(tokens)
    _, unit = evidence.unit_over_text(run, text, 1)
    _, same = evidence.unit_over_text(deep, text, 1)
    assert unit.tolist() == same.tolist()
