"""The benchmark of 8 bits at a tiny size: its record, how it goes on, and what it calls missed."""

import json

import pytest
import torch

from benchmarks import quantized
from benchmarks.quantized import ONNX, ONNX8, TORCH, TORCH8
from tests.cli.calls import write_imdb

FOUR = {TORCH, TORCH8, ONNX, ONNX8}


@pytest.fixture(scope="module", autouse=True)
def _tiny():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantized, "PART", 4)
        patch.setattr(quantized, "STARTS", 1)
        patch.setattr(quantized, "UNITS", (4, 6))
        patch.setattr(quantized, "STEPS", 5)
        patch.setattr(quantized, "REST", 0)
        threads = torch.get_num_threads()
        yield
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A record of ten reviews that was stopped after eight, and the words that make it."""
    folder = tmp_path_factory.mktemp("quantized")
    words = [str(folder / "some.json"), "--root", str(write_imdb(folder)), "--reviews", "10"]
    measure, calls = quantized.measure_part, []

    def stop_at_the_third(*given):
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        measure(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantized, "measure_part", stop_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            quantized.main(words)
    stopped = json.loads((folder / "some.json").read_text())
    quantized.main(words)
    return stopped, json.loads((folder / "some.json").read_text()), words


def test_a_stopped_record_goes_on_where_it_stopped(measured):
    stopped, record, _ = measured
    assert (stopped["reviews"], record["reviews"]) == (8, 10)
    assert "layers" not in stopped
    assert record["start"] == stopped["start"]
    for name, found in record["results"].items():
        assert found["seconds"] > stopped["results"][name]["seconds"] > 0


def test_a_finished_record_is_left_as_it_is(measured):
    _, record, words = measured
    quantized.main(words)
    with open(words[0], encoding="utf-8") as file:
        assert json.load(file) == record


def test_the_record_names_its_command_versions_and_machine(measured):
    record = measured[1]
    assert record["command"].endswith('some.json --root "$IMDB_ARCHIVE" --reviews 10')
    assert {"torch", "onnx", "onnxruntime"} < set(record["versions"])
    assert record["machine"]["threads"] == 2
    assert all(found["peak_mib"] > 10 for found in record["start"].values())


def test_all_four_answer_the_same_reviews_and_two_of_them_are_small(measured):
    results = measured[1]["results"]
    assert set(results) == FOUR
    assert results[TORCH]["right"] == results[ONNX]["right"]
    assert all(0 <= found["right"] <= 10 for found in results.values())
    for small, whole in quantized.WITH_8_BITS.items():
        assert results[small]["bytes"] < 0.35 * results[whole]["bytes"]


def test_layers_are_timed_in_each_size(measured):
    layers = measured[1]["layers"]
    assert [found["units"] for found in layers] == [4, 6]
    for found in layers:
        assert set(found["seconds"]) == FOUR
        assert all(seconds > 0 for seconds in found["seconds"].values())


def test_the_layers_of_a_size_compute_the_same(tmp_path):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.LSTM(6, 6, batch_first=True, bidirectional=True)).eval()
    runs = quantized.layer_runs(model, torch.randn(1, 5, 6), tmp_path)
    outputs = {name: torch.as_tensor(run()[0]).detach() for name, run in runs.items()}
    assert set(outputs) == FOUR
    assert outputs[TORCH].shape == (1, 5, 12)
    torch.testing.assert_close(outputs[ONNX], outputs[TORCH], rtol=0, atol=1e-5)
    for name in (TORCH8, ONNX8):
        assert 0 < (outputs[name] - outputs[TORCH]).abs().max() < 0.05


def test_each_missed_goal_is_a_line_of_its_own():
    def record(size, seconds, right):
        whole = {"bytes": 100, "seconds": 4.0, "right": 900}
        small = {"bytes": size, "seconds": seconds, "right": right}
        return {
            "reviews": 1000,
            "results": {TORCH: whole, ONNX: whole, TORCH8: small, ONNX8: small},
        }

    assert quantized.misses(record(30, 2.0, 898)) == []
    for given, word in (((31, 2.0, 900), "size"), ((30, 2.1, 900), "fast"), ((30, 2, 897), "lost")):
        lines = quantized.misses(record(*given))
        assert len(lines) == 2
        assert all(word in line for line in lines)
