"""The benchmarks at tiny sizes: what the record holds, and how parts of it are measured again."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import typer
from typer.testing import CliRunner

from benchmarks import alone, gpu, measure, parts, settings
from benchmarks.contenders import MODULES, RUNS_AS, bidirectional
from benchmarks.peers import EAGER, OTHERS
from benchmarks.speed import main
from lstm_tutorial.sentiment.data.batches import Batch
from lstm_tutorial.sentiment.runs.presets import PRESETS
from lstm_tutorial.sentiment.runs.settings import Settings

PADDED = [f"{name}, padded" for name in ("training", "inference")]


class FakeLoader(list):
    batch_sampler = SimpleNamespace(set_epoch=lambda epoch: None)


@pytest.fixture(scope="module", autouse=True)
def _tiny() -> Iterator[None]:
    """Tiny sizes, and of the parts three short ones with a peer whose steps do nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "SIZES", ((3, 2, 4, 5),))
        patch.setattr(parts, "REVIEWS", ((6, 3, 4, 5),))
        patch.setattr(parts, "GROWTH", (4, 8))
        patch.setattr(parts, "BASE", {"L": 4, "N": 2, "H": 3, "layers": 1})
        patch.setattr(parts, "SCALES", {"L": (2, 4), "layers": (1, 2)})
        patch.setitem(OTHERS, "peer", lambda size: (lambda: None, lambda: None))
        patch.setitem(RUNS_AS, "peer", "not at all")
        short = {name: parts.PARTS[name] for name in ("padded", "packed", "growth")}
        patch.setattr("benchmarks.speed.PARTS", short)
        yield


def said(result) -> str:
    """What a command has said, without the frame and the line breaks of its width."""
    return " ".join(result.output.replace("│", " ").split())


def run(path: Path, *chosen: str):
    app = typer.Typer()
    app.command()(main)
    words = [word for name in chosen for word in ("--part", name)]
    return CliRunner().invoke(app, [str(path), "--repeats", "2", "--threads", "1", *words])


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> tuple[Path, str]:
    """A record and what it says; measured once, because TorchScript compiles for seconds."""
    path = tmp_path_factory.mktemp("benchmarks") / "speed.json"
    result = run(path)
    assert result.exit_code == 0, result.output
    return path, path.read_text()


@pytest.fixture
def record(measured) -> Path:
    """The record as it was measured, whatever an earlier test did to it."""
    path, text = measured
    path.write_text(text)
    return path


def rows_of(path: Path) -> dict[str, list[dict]]:
    found = {}
    for entry in json.loads(path.read_text())["rows"]:
        found.setdefault(entry["part"], []).append(entry)
    return found


def test_record_names_command_machine_versions_and_how_each_contender_runs(record):
    found = json.loads(record.read_text())
    assert found["command"] == f"python -m benchmarks.speed {record} --repeats 2 --threads 1"
    assert found["machine"]["threads"] == 1
    assert found["versions"]["torch"] == torch.__version__
    assert found["runs_as"] == RUNS_AS
    assert set(found["minutes"]) == {"padded", "packed", "growth"}
    assert found["again"] == {}


def test_every_contender_says_how_it_runs():
    assert set(RUNS_AS) == set(MODULES) | set(OTHERS)
    assert RUNS_AS["nn.LSTM"] != RUNS_AS["FastLSTM"] == RUNS_AS["naive loop"] == EAGER


def test_every_contender_is_timed_in_training_and_in_inference(record):
    rows = rows_of(record)["padded"]
    assert [row["what"] for row in rows] == PADDED
    for row in rows:
        assert {row["first"], *row["ratios"]} == set(RUNS_AS)
        assert row["repeats"] == 2
        assert all(low <= middle <= high for low, middle, high in row["ratios"].values())


def test_part_measures_that_part_again_and_keeps_the_others(record):
    before = rows_of(record)
    result = run(record, "packed")
    assert result.exit_code == 0, result.output
    after = rows_of(record)
    assert list(after) == list(before)
    assert after["padded"] == before["padded"]
    assert after["growth"] == before["growth"]
    assert after["packed"] != before["packed"]
    found = json.loads(record.read_text())
    assert found["again"] == {"packed": f"{found['command']} --part packed"}


@pytest.mark.parametrize("name", ["paded", "imdb"])
def test_wrong_part_is_refused_before_anything_is_measured(record, name):
    before = record.read_text()
    result = run(record, "packed", name)
    assert result.exit_code == 2
    assert f"no part {name}" in said(result)
    assert record.read_text() == before


def test_part_of_no_record_is_refused(tmp_path):
    result = run(tmp_path / "speed.json", "packed")
    assert result.exit_code == 2
    assert "run all parts first" in said(result)


def test_part_of_another_machine_is_refused(record):
    found = json.loads(record.read_text())
    found["machine"]["processor"] = "another"
    record.write_text(json.dumps(found))
    result = run(record, "packed")
    assert result.exit_code == 2
    assert "another machine" in said(result)


def test_rows_of_torch_and_of_ours_bear_different_names():
    names = [row["what"] for row in parts.scaling_rows(2)]
    contenders = "nn.LSTM", "LSTM", "FastLSTM", "ragged.run"
    assert names == [f"scaling {size}, {who}" for size in ("L", "layers") for who in contenders]
    assert len(set(names)) == len(names)


def test_ratios_are_quartiles_of_ratios_within_a_turn(monkeypatch):
    times = {"a": iter([1, 10, 1]), "b": iter([2, 30, 4])}  # seconds in three turns
    monkeypatch.setattr(measure, "seconds", lambda step: next(times[step()]))
    row = measure.row("name", (1,), {"a": lambda: "a", "b": lambda: "b"}, 3)
    assert row["ratios"] == {"b": [2, 3, 4]}
    assert row["first"] == "a"
    assert row["milliseconds"] == 1000


def test_each_turn_has_every_step_once_and_not_always_in_one_order(monkeypatch):
    ran = []
    monkeypatch.setattr(measure, "seconds", lambda step: step() or 1)
    measure.row("name", (1,), {who: lambda who=who: ran.append(who) for who in "abc"}, 20)
    turns = ["".join(ran[k : k + 3]) for k in range(6, len(ran), 3)]  # the first two warm up
    assert {"".join(sorted(turn)) for turn in turns} == {"abc"}
    assert set(turns) == {"abc", "acb", "bac", "bca", "cab", "cba"}


def test_reviews_give_the_ratio_of_the_sums_and_the_spread_over_batches(monkeypatch):
    batch = Batch(torch.randint(9, (3, 5)), torch.tensor([5, 2, 4]), torch.zeros(3))
    loader = FakeLoader([batch] * 10)  # a fifth of them: two
    seen = []
    monkeypatch.setattr(parts, "prepare", lambda *given: seen.append(given) or (range(9), loader))
    times = iter([9, 9, 4, 1, 8, 4])  # packed, ragged.run: to warm up, and two turns
    monkeypatch.setattr(parts, "seconds", lambda step: step() or next(times))
    (row,) = parts.review_rows(Path("archive"))
    assert seen == [(Settings(**PRESETS["max"]), Path("archive"))]
    assert row["batches"] == 2
    assert row["seconds"] == {"packed": 12, "ragged.run": 5}
    assert row["ratio"] == round(5 / 12, 3)
    assert row["quartiles"][1] == pytest.approx((1 / 4 + 4 / 8) / 2, abs=1e-3)


def test_all_ways_over_a_packed_batch_give_the_same():
    torch.manual_seed(0)
    x, lengths = torch.randn(6, 3, 4), torch.tensor([6, 2, 4])
    theirs = bidirectional("nn.LSTM", 4, 5)
    ragged = bidirectional("ragged.run", 4, 5, lengths=lengths)
    ragged.rnn.load_state_dict(theirs.state_dict())
    output = theirs(parts.packed(x, lengths))[0]
    unpacked, _ = torch.nn.utils.rnn.pad_packed_sequence(output)
    torch.testing.assert_close(ragged(x)[0], unpacked)


def test_denormal_input_is_denormal_even_where_the_process_flushes():
    torch.set_flush_denormal(True)
    seen = []
    steps = settings.denormal_steps(lambda x: seen.append(x), size=2, calls=1)
    for step in steps.values():
        step()
    torch.set_flush_denormal(False)
    tiny = torch.finfo(torch.float32).tiny
    ordinary, kept, flushed = (x[0].item() for x in seen)
    assert ordinary == 1
    assert 0 < kept < tiny
    assert kept == flushed


def test_memory_is_given_as_median_smallest_and_largest(monkeypatch):
    found = {"nn.LSTM": [5, 1, 2], "FastLSTM": [30, 20, 10.06], "LSTM": [7, 7, 7]}
    turns = {who: iter(mib) for who, mib in found.items()}
    monkeypatch.setattr(measure, "peak_mib", lambda who, size: next(turns[who]))
    row = measure.memory_row((6, 2, 4, 5), 3)
    assert row["mib"] == {"nn.LSTM": 2, "FastLSTM": 20, "LSTM": 7}
    assert row["range"] == {"nn.LSTM": [1, 5], "FastLSTM": [10.1, 30], "LSTM": [7, 7]}


def test_peak_memory_is_what_ten_steps_add_to_what_a_tiny_one_took(monkeypatch):
    ran = []  # each step takes a MiB
    monkeypatch.setattr(alone, "_peak_kib", lambda: 1024 * (5 + len(ran)))
    monkeypatch.setattr(alone, "training", lambda _, x: lambda: ran.append(tuple(x.shape)))
    assert alone.peak_mib("nn.LSTM", (6, 2, 3, 5)) == 10
    assert ran == [(4, 4, 4)] + [(6, 2, 3)] * 10


def test_peak_memory_is_measured_in_kibibytes_by_linux():
    assert 2**12 < alone._peak_kib() < 2**27  # 4 MiB to 128 GiB


def test_of_random_lengths_the_first_is_the_longest():
    torch.manual_seed(0)
    drawn = [parts.random_lengths(3, 9, 4) for _ in range(20)]
    assert {lengths[0].item() for lengths in drawn} == {9}
    assert set(torch.cat([lengths[1:] for lengths in drawn]).tolist()) == set(range(3, 10))


class Counting(torch.nn.Linear):
    """A layer that counts its calls, and returns what an LSTM does."""

    calls = 0

    def forward(self, x):
        self.calls += 1
        return super().forward(x), None


def test_backward_steps_run_no_forward_pass_and_forward_steps_one():
    module, x = Counting(3, 2), torch.ones(4, 3)
    for make, more in ((parts._forwards, 1), (parts._backwards, 0)):
        step = make({"it": module}, x)["it"]
        before = module.calls
        step()
        assert module.calls == before + more


def test_backward_steps_compute_the_gradients_of_input_and_weights_over_and_over():
    module = Counting(3, 2)
    step = parts._backwards({"it": module}, torch.ones(4, 3))["it"]
    for _ in range(2):
        by_input, by_weight, by_bias = step()
        torch.testing.assert_close(by_input, module.weight.sum(dim=0).expand(4, 3))
        torch.testing.assert_close(by_weight, torch.full((2, 3), 4.0))
        torch.testing.assert_close(by_bias, torch.full((2,), 4.0))


def test_one_process_of_two_is_told_to_keep_its_memory(monkeypatch):
    seen = []
    monkeypatch.setattr(
        measure, "step_seconds", lambda _, more: seen.append(more) or 2 - bool(more)
    )
    found = measure.allocator_row((6, 2, 4, 5), 2)
    assert seen == [{}, measure.KEEP] * 2
    assert found["ratios"] == {"memory kept": [0.5, 0.5, 0.5]}


def test_a_process_gets_the_variables_beside_those_of_this_one(monkeypatch):
    seen = {}
    done = SimpleNamespace(stdout="progress\n1.5\n")
    monkeypatch.setenv("ALREADY", "here")
    monkeypatch.setattr(subprocess, "run", lambda *_, env, **__: seen.update(env) or done)
    assert measure.step_seconds((6, 2, 4, 5), measure.KEEP) == 1.5
    assert seen.items() >= {**measure.KEEP, "ALREADY": "here"}.items()


def test_a_process_answers_with_a_time():
    assert 0 < measure.step_seconds((6, 2, 4, 5), {}) < 5
    with pytest.raises(subprocess.CalledProcessError):  # this Python is told to find no package
        measure.step_seconds((6, 2, 4, 5), {"PYTHONHOME": "nowhere"})


def test_rows_with_memory_kept_come_from_a_process_with_the_variables(monkeypatch):
    monkeypatch.setattr(parts, "LENGTHS", (3, 5))
    monkeypatch.setattr(parts, "GROWTH", (4, 6))
    monkeypatch.setattr(parts, "SIZES", ((3, 2, 4, 5),))
    rows = parts.kept_rows(2)
    assert all(row["variables"] == measure.KEEP for row in rows)
    (modules, *ragged), growth = rows[:5], rows[5:]
    assert modules["what"] == "memory kept, training, padded"
    assert {modules["first"], *modules["ratios"]} == set(MODULES)
    whats = [f"memory kept, ragged, {way}" for way in ("forward", "backward")] * 2
    assert [row["what"] for row in ragged] == whats
    assert [row["size"][0] for row in ragged] == [3, 3, 5, 5]
    assert all(row["ratios"]["ragged.run"] for row in ragged)
    contenders = {f"memory kept, growth, {who}" for who in ("LSTM", "FastLSTM", "nn.LSTM")}
    assert contenders < {row["what"] for row in growth}
    assert all(row["first"] == "4" and set(row["ratios"]) == {"6"} for row in growth)


def test_both_libraries_compute_the_same_products():
    theirs, ours = settings.product_steps(3, n=2, calls=1).values()
    torch.testing.assert_close(ours(), theirs())
    assert theirs()[0].shape == (2, 12)


@pytest.fixture(scope="module")
def gpu_record(tmp_path_factory) -> dict:
    """What the program for GPUs records of a CPU, at a tiny size."""
    path = tmp_path_factory.mktemp("gpu") / "gpu.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu, "SIZES", ((6, 3, 4, 5),))
        gpu.main(path, repeats=2, device="cpu")
    return json.loads(path.read_text())


def test_gpu_program_times_what_a_cpu_can_run(gpu_record):
    *timed, longest = gpu_record["rows"]
    contenders = {row["what"]: {row["first"], *row["ratios"]} for row in timed}
    padded, unequal = {"nn.LSTM", "nn.LSTM, cuDNN off", "FastLSTM"}, {"packed", "padded"}
    for name in ("training", "inference"):
        assert contenders[f"{name}, padded"] == padded
        assert contenders[f"{name}, unequal lengths"] == unequal | {"ragged.run"}
    assert contenders["step by step"] == {"one call", "a call per step"}
    assert longest["said"] == {"65535": "runs", "65536": "runs"}  # the limit is cuDNN's


def test_gpu_program_names_its_device_and_how_to_repeat_it(gpu_record):
    assert gpu_record["device"] == "cpu"
    assert gpu_record["command"].endswith("gpu.json --repeats 2 --device cpu")
    assert {"torch", "python"} < set(gpu_record["versions"])


def test_gpu_program_refuses_a_machine_without_one(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(typer.BadParameter, match="no NVIDIA GPU"):
        gpu.main(tmp_path / "gpu.json")
    assert not any(tmp_path.iterdir())


def test_a_length_that_is_refused_is_recorded_with_the_message(monkeypatch):
    def refuse(self, x):
        raise RuntimeError("cuDNN error\nmore")

    monkeypatch.setattr(torch.nn.LSTM, "forward", refuse)
    assert gpu.longest_row("cpu", (2,))["said"] == {"2": "cuDNN error"}
