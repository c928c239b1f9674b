"""A trained classifier as one file: the run's answers, without torch, and checked when opened."""

import json
import subprocess
import sys

import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchtext.data.utils import get_tokenizer

from lstm_tutorial.sentiment.data.batches import collate
from lstm_tutorial.sentiment.data.tokens import split_words
from lstm_tutorial.sentiment.runs import exported, load, predict
from lstm_tutorial.sentiment.runs.pretrained import SHIPPED
from tests.cli.calls import BUILT_IN, assert_one_line, call

REVIEWS = [
    "A warm and wonderful film<br />that I'll watch twice!",
    "Dull; dull, (dull). What a waste of an unfathomableword?",
    "so " * 500 + "good",
]
basic_english = get_tokenizer("basic_english")


PIECES = ["<br />", "<br/>", "n't", "It's", "\u0130\u00c9", "a", *"'\".,()!?;: <>/\n"]


@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_words_are_split_as_by_torchtext(text):
    assert split_words(text) == basic_english(text)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The shipped model as ONNX files, in float32 and in 8 bits."""
    folder = tmp_path_factory.mktemp("onnx")
    paths = {"float32": folder / "model.onnx", "int8": folder / "small.onnx"}
    for name, path in paths.items():
        result = call("export", SHIPPED, path, *["--quantize"] * (name == "int8"))
        assert result.exit_code == 0, result.output
        assert result.stdout.startswith(f"{path}: ")
    return paths


def test_the_shipped_model_gives_the_runs_logits(files):
    run, classifier = load(SHIPPED), exported.load(files["float32"])
    for text in REVIEWS:
        ids = classifier.encode(text, "a review")
        batch = collate([(ids, 0)])
        with torch.no_grad():
            theirs = float(run.model(batch.ids, batch.lengths))
        assert classifier.logit(ids) == pytest.approx(theirs, abs=1e-5)
    ours = list(exported.predict(classifier, REVIEWS))
    assert ours == pytest.approx(list(predict(run, REVIEWS)), abs=1e-5)


def test_a_run_with_ngrams_is_exported_with_them(tmp_path):
    run, path = tmp_path / "run", tmp_path / "model.onnx"
    assert call("train", run, *BUILT_IN, "--epochs", "1", "--ngrams", "3").exit_code == 0
    result = call("export", run, path)
    assert result.exit_code == 0, result.stderr
    texts = ["good", "not bad", *REVIEWS, "a plot, a plot, a plot"]  # from one word, some again
    ours = list(exported.predict(exported.load(path), texts))
    assert ours == pytest.approx(list(predict(load(run), texts)), abs=1e-5)


def test_eight_bits_are_less_than_a_third_of_the_size_and_answer_alike(files):
    assert files["int8"].stat().st_size < 0.3 * files["float32"].stat().st_size
    each = [list(exported.predict(exported.load(path), REVIEWS)) for path in files.values()]
    assert each[0] == pytest.approx(each[1], abs=0.1)
    assert each[0] != each[1]


def test_predict_answers_without_torch(files):
    program = f"""
import sys
from lstm_tutorial.cli.commands import app
app(["predict", "--onnx", {str(files["float32"])!r}, {REVIEWS[0]!r}], standalone_mode=False)
print(sorted({{"torch", "torchtext"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    answer = call("predict", "--run", SHIPPED, REVIEWS[0]).stdout
    assert done.stdout == answer + "[]\n", done.stderr


def test_predict_names_an_empty_line(files):
    result = call("predict", "--onnx", files["float32"], input=b"good\n\nbad\n")
    assert_one_line(result, "empty review", "line 2")


def changed(path, target, **changes):
    model = onnx.load(path)
    content = json.loads(model.metadata_props[0].value) | changes
    onnx.helper.set_model_props(model, {exported.KEY: json.dumps(content)})
    target.write_bytes(model.SerializeToString())
    return target


def test_a_file_whose_words_are_another_models_is_refused(files, tmp_path):
    words = json.loads(onnx.load(files["float32"]).metadata_props[0].value)["words"]
    path = changed(files["float32"], tmp_path / "m.onnx", words=words[1:] + words[:1])
    assert_one_line(call("predict", "--onnx", path, "good"), path, "test vector")


def test_a_file_whose_weights_are_another_models_is_refused(files, tmp_path):
    path = changed(files["float32"], tmp_path / "m.onnx", logit=0.5)
    assert_one_line(call("predict", "--onnx", path, "good"), path, "test vector")


def test_files_of_other_programs_are_refused(files, tmp_path):
    other, text = tmp_path / "other.onnx", tmp_path / "text.onnx"
    model = onnx.load(files["float32"])
    del model.metadata_props[:]
    other.write_bytes(model.SerializeToString())
    text.write_text("not a model")
    assert_one_line(call("predict", "--onnx", other, "good"), other, "another program")
    assert_one_line(call("predict", "--onnx", text, "good"), text, "not an ONNX model")
    assert_one_line(call("predict", "--onnx", tmp_path / "none", "good"), "none")
    assert_one_line(call("predict", "--onnx", other, "--run", SHIPPED, "good"), "leave one out")


def test_a_path_that_cannot_be_written_leaves_nothing(tmp_path):
    for path in (tmp_path / "none" / "m.onnx", tmp_path):
        assert_one_line(call("export", SHIPPED, path), path)
    assert list(tmp_path.iterdir()) == []
