"""``check`` passes right code, names known mistakes exactly, and tells what it cannot name."""

import inspect
import math
import re
from functools import partial

import pytest
import torch

import lstm_tutorial
from lstm_tutorial import check
from lstm_tutorial.check.cell import orders, wrong_steps
from tests.check.check_slips import (
    CELL,
    CELL_SLIPS,
    LSTM,
    LSTM_SLIPS,
    NAMES,
    STEP,
    STEP_SLIPS,
    slipped,
)
from tests.check.check_task_slips import TASKS
from tests.check.variant_slips import SLIPS as VARIANT_SLIPS

NOT_CHECKS = {"MISTAKES", "Result", "FAULTS", "Diagnosis", "training"}  # see test_training
CHECKS = [name for name in check.__all__ if name not in NOT_CHECKS]


def ids(slips: list[tuple]) -> list[str]:
    return [f"{k}-{slip[0]}" for k, slip in enumerate(slips)]


def assert_named(result: check.Result, mistake: str) -> None:
    assert not result
    assert result.mistake == mistake, str(result)
    assert result.diagnosis.startswith(check.MISTAKES[mistake])
    assert " And: " not in result.diagnosis
    assert str(result).startswith(f"Not yet: {result.diagnosis}\n")
    assert "Look at: " in str(result)


@pytest.mark.parametrize("cell", [torch.nn.LSTMCell, lstm_tutorial.LSTMCell])
def test_right_cells_pass(cell):
    result = check.cell(cell)
    assert result, str(result)
    assert result.mistake is None
    assert (result.configurations, result.failures, result.not_tried) == (30, 0, ())


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("lstm", [torch.nn.LSTM, lstm_tutorial.LSTM])
def test_right_lstms_pass(lstm, packed):
    result = check.lstm(lstm, packed=packed)
    assert result, str(result)
    assert result.mistake is None
    assert result.configurations >= 50
    assert result.not_tried == ()


def test_right_code_typed_by_a_reader_passes():
    assert check.cell(slipped(STEP))
    assert check.cell(slipped(CELL)).not_tried == ("bias", "hx=None")
    assert check.lstm(slipped(LSTM), packed=True).not_tried == ("proj_size",)


@pytest.mark.parametrize(("mistake", "old", "new"), STEP_SLIPS, ids=ids(STEP_SLIPS))
def test_slip_in_a_step_is_named(mistake, old, new):
    assert_named(check.cell(slipped(STEP, (old, new))), mistake)


@pytest.mark.parametrize("order", [order for _, order, _ in orders()])
def test_each_wrong_order_of_the_gates_is_named(order):
    step = slipped(STEP, ("i, f, g, o = a", f"{', '.join(order)} = a"))
    result = check.cell(step)
    assert_named(result, "input_forget_swapped" if order == "figo" else "gate_order")
    assert f"Yours is {', '.join(order)}." in result.diagnosis


def test_there_are_23_wrong_orders():
    assert len({order for _, order, _ in orders()} - {"ifgo"}) == 23


@pytest.mark.parametrize("slip", CELL_SLIPS, ids=ids(CELL_SLIPS))
def test_slip_in_a_cell_class_is_named(slip):
    mistake, *replacements = slip
    assert_named(check.cell(slipped(CELL, *replacements)), mistake)


@pytest.mark.parametrize("slip", LSTM_SLIPS, ids=ids(LSTM_SLIPS))
def test_slip_in_an_lstm_is_named(slip):
    mistake, *replacements = slip
    packed = mistake == "padding_not_ignored"
    assert_named(check.lstm(slipped(LSTM, *replacements), packed=packed), mistake)


@pytest.mark.parametrize("task", TASKS, ids=[task.__name__ for task in TASKS])
def test_right_solutions_of_the_tasks_pass(task):
    for source in task.right:
        result = task.check(slipped(source))
        assert result, str(result)
        assert result.mistake is None


TASK_SLIPS = [(task, *slip) for task in TASKS for slip in task.slips]


@pytest.mark.parametrize(
    ("task", "mistake", "source"),
    TASK_SLIPS,
    ids=[f"{task.__name__}-{k}-{mistake}" for k, (task, mistake, _) in enumerate(TASK_SLIPS)],
)
def test_slip_in_a_task_is_named(task, mistake, source):
    assert_named(task.check(slipped(source)), mistake)


def test_every_listed_mistake_has_a_wrong_implementation_here():
    tried = {slip[0] for slip in [*STEP_SLIPS, *CELL_SLIPS, *LSTM_SLIPS]}
    tried |= {mistake for _, mistake, _ in TASK_SLIPS}
    tried |= {slip[1] for slip in VARIANT_SLIPS} - {"raised"}
    assert tried == set(check.MISTAKES)
    assert len(tried) >= 20


def test_every_wrong_step_is_told_apart_from_every_other():
    for wrong in wrong_steps():
        assert check.cell(wrong.made).diagnosis == wrong.diagnosis


def test_two_mistakes_in_one_step_are_both_named():
    result = check.cell(
        slipped(STEP, ("i, f, g, o = a", "i, f, o, g = a"), (" + F.linear(h", " + 0 * F.linear(h"))
    )
    assert result.mistake == "unrecognised"  # three: W_hh h and b_hh are gone as well
    result = check.cell(
        slipped(
            STEP, ("i, f, g, o = a", "i, f, o, g = a"), ("h, weight_hh, bias_hh", "h, weight_hh")
        )
    )
    assert result.mistake == "bias_hh_missing"
    assert result.diagnosis.endswith(f"And: {check.MISTAKES['gate_order']} Yours is i, f, o, g.")


def test_several_slips_in_a_count_are_all_named():
    result = check.parameter_count(lambda h_in, h, *_: 4 * h * (h_in + h + 2))
    for mistake in ("bias_always_counted", "direction_not_counted", "one_layer_counted"):
        assert check.MISTAKES[mistake] in result.diagnosis


def test_every_power_of_the_projections_size_is_counted():
    def count(input_size, hidden_size, num_layers, bias, bidirectional, proj_size, power):
        total = check.weights._count_parameters(
            input_size, hidden_size, num_layers, bias, bidirectional, proj_size
        )
        wrong = proj_size**power - proj_size if proj_size else 0
        return total + num_layers * (1 + bidirectional) * wrong * hidden_size

    assert check.parameter_count(partial(count, power=1))
    assert not check.parameter_count(partial(count, power=0))
    assert not check.parameter_count(partial(count, power=2))


def test_unknown_mistake_shows_numbers_and_where():
    result = check.cell(slipped(STEP, ("f * c + i * g", "f * c + 0.9 * i * g")))
    assert result.mistake == "unrecognised"
    assert "There h[0, 0] is " in str(result)
    assert "it should be " in str(result)


def test_a_difference_of_rounding_is_shown_and_called_so():
    result = check.cell(lambda *given: tuple(t.double() for t in in_float32(*given)))
    ours, theirs = re.search(r"is (\S+); it should be (\S+)\.", str(result)).groups()
    assert ours != theirs
    assert "float32's rounding" in str(result)


def test_infinite_difference_is_not_called_rounding():
    result = check.masked_max(lambda output, lengths: output.amax(1) - torch.inf)
    assert not result
    assert "rounding" not in str(result)


def in_float32(x, hx, *weights):
    step = slipped(STEP)
    return step(x.float(), tuple(h.float() for h in hx), *(w.float() for w in weights))


def test_what_failing_configurations_share_is_told():
    result = check.lstm(slipped(LSTM, ("torch.cat(halves, dim=-1)", "torch.cat(halves[::-1], -1)")))
    share = f"Seen in {result.failures} of {result.configurations} configurations: "
    assert f"{share}those with bidirectional=True, and no others." in str(result)
    assert "h_n, c_n are right." in str(result)


def test_exception_is_told_with_type_message_line_and_hint():
    def step(x, hx, weight_ih, weight_hh, bias_ih, bias_hh):
        return x @ weight_ih, hx[1]

    result = check.cell(step)
    assert result.mistake == "raised"
    assert isinstance(result.exception, RuntimeError)
    assert f"RuntimeError: {result.exception}" in result.diagnosis
    assert "return x @ weight_ih, hx[1]" in result.diagnosis
    assert "x @ weight.T" in result.look_at


def test_wrong_arguments_are_told_with_the_call():
    result = check.masked_max(lambda output: output.amax(1))
    assert result.mistake == "raised"
    assert "fn(output, lengths)" in result.look_at


def test_mistake_is_named_even_where_the_code_raises_elsewhere():
    reused = next(slip for slip in LSTM_SLIPS if slip[0] == "layer_weights_reused")
    result = check.lstm(slipped(LSTM, reused[1]))
    assert result.mistake == "layer_weights_reused"
    assert "There your code raised RuntimeError" in str(result)


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("not_code", [torch.nn.LSTMCell(2, 3), 7, None], ids=repr)
def test_every_check_refuses_what_it_cannot_call(name, not_code):
    with pytest.raises(TypeError, match="pass the function or class itself"):
        getattr(check, name)(not_code)


@pytest.mark.parametrize("name", CHECKS)
def test_signature_of_every_check_shows_a_result(name):
    assert inspect.signature(getattr(check, name)).return_annotation is check.Result


def test_checks_leave_generator_modes_and_objects_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    with torch.no_grad():
        assert check.lstm(torch.nn.LSTM)
        assert check.cell(torch.nn.LSTMCell)
        assert check.forget_bias(slipped(TASKS[2].right[0]))
        assert not torch.is_grad_enabled()
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_default_dtype() == torch.float32


def test_results_are_the_same_every_time():
    wrong = slipped(STEP, ("f * c + i * g", "c + i * g"))
    assert str(check.cell(wrong)) == str(check.cell(wrong))
    assert repr(check.cell(wrong)) == str(check.cell(wrong))


def test_right_result_reads_as_a_sentence():
    result = check.cell(torch.nn.LSTMCell)
    expected = "Right: 30 configurations, forward and gradient, no difference above 1e-10."
    assert str(result) == expected
    assert 0 <= result.largest_difference <= 1e-10
    assert math.isfinite(result.largest_difference)


def test_cell_without_optional_arguments_is_told_what_was_not_tried():
    assert "Not tried, as your code does not take it: bias, hx=None." in str(
        check.cell(slipped(CELL))
    )


def test_sentences_are_whole_and_kind():
    for mistake, sentence in check.MISTAKES.items():
        assert mistake == mistake.lower().strip()
        assert sentence.endswith(".")
        assert not {"obviously", "simply", "just", "stupid"} & set(sentence.lower().split())


def test_slips_are_not_part_of_the_names():
    assert set(NAMES) == {"torch", "nn", "F", "rnn"}
