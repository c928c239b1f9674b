"""Every figure draws the values that it is given, and leaves matplotlib's settings alone."""

from io import StringIO

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgba

from lstm_tutorial import plots
from lstm_tutorial.plots.style import DIRECTION_COLORS, INK, SVG

mpl.use("agg")


@pytest.fixture(autouse=True)
def _close_figures():
    before = mpl.rcParams.copy()
    yield
    plt.close("all")
    assert mpl.rcParams == before


def legend(ax: Axes) -> list[str]:
    """Return the names in a figure's legend."""
    return [text.get_text() for text in ax.figure.legends[0].get_texts()]


def labels(axis: Axis) -> list[str]:
    """Return what stands beside the ticks."""
    return [label.get_text() for label in axis.get_ticklabels()]


def test_cell_states_draws_one_line_a_run():
    runs = {"kept": [0.5, 0.5], "faded": [0.5, 0.25]}
    ax = plots.cell_states(runs, [1.0, 0.0], "title")
    assert [line.get_label() for line in ax.lines] == ["kept", "faded"]
    assert ax.lines[1].get_ydata().tolist() == [0.5, 0.25]
    assert ax.lines[1].get_xdata().tolist() == [1, 2]
    assert ax.get_xlabel()
    assert ax.get_ylabel()


def test_cell_states_begins_before_the_first_step_where_that_is_given():
    ax = plots.cell_states({"kept": [0.5, 0.5, 0.5]}, [1.0, 0.0], "title")
    assert ax.lines[0].get_xdata().tolist() == [0, 1, 2]
    assert [bar.get_center()[0] for bar in ax.figure.axes[0].patches] == [1, 2]


def test_loss_curves_draws_each_run_and_names_each_start_once():
    ax = plots.loss_curves({"a": [[0.7, 0.1], [0.7, 0.2]], "b": [[0.7, 0.7]]}, "title")
    assert [line.get_ydata().tolist() for line in ax.lines] == [[0.7, 0.1], [0.7, 0.2], [0.7, 0.7]]
    assert ax.lines[0].get_xdata().tolist() == [1, 2]
    assert legend(ax) == ["a", "b"]
    assert ax.lines[0].get_color() == ax.lines[1].get_color() != ax.lines[2].get_color()
    assert ax.get_ylabel() == "loss"
    assert plots.loss_curves({"a": [[0.7]]}, "title", ylabel="share").get_ylabel() == "share"


def test_gradient_reach_is_logarithmic():
    ax = plots.gradient_reach({"LSTM": [1.0, 0.1, 0.01]}, "title")
    assert ax.get_yscale() == "log"
    assert ax.figure.get_suptitle() == "title"
    assert ax.lines[0].get_ydata().tolist() == [1.0, 0.1, 0.01]


def test_gradient_reach_says_which_norm_it_draws():
    ax = plots.gradient_reach({"LSTM": [1.0, 0.1]}, "title", ylabel="of c")
    assert ax.get_ylabel() == "of c"


def test_squashing_names_each_curve():
    sigmoid, tanh = plots.squashing("title").lines
    assert sigmoid.get_label().startswith("sigmoid")
    assert tanh.get_label().startswith("tanh")


def test_squashing_functions_meet_their_limits():
    sigmoid, tanh = (line.get_ydata() for line in plots.squashing("title").lines)
    assert sigmoid[len(sigmoid) // 2] == 0.5
    assert tanh[0] == pytest.approx(-1, abs=1e-4)


def test_gates_over_text_has_a_panel_a_gate_and_a_tick_a_token():
    gates = {"i": [0.1, 0.9, 0.2], "f": [1.0, 0.0, 1.0], "c": [3.0, -2.0, 1.0]}
    last = plots.gates_over_text(gates, ["not", "a", "bore"], "title")
    assert len(last.figure.axes) == 3
    assert [tick.get_text() for tick in last.get_xticklabels()] == ["not", "a", "bore"]
    assert [bar.get_height() for bar in last.patches] == gates["c"]
    assert last.get_ylim()[0] < -2.0
    last.figure.draw_without_rendering()
    assert len({round(ax.yaxis.label.get_position()[0], 3) for ax in last.figure.axes}) == 1


def test_gates_over_text_draws_each_gate_and_state_in_its_colour():
    last = plots.gates_over_text({"i": [0.1], "h": [0.2]}, ["a"], "title")
    faces = [ax.patches[0].get_facecolor() for ax in last.figure.axes]
    assert faces == [to_rgba(plots.GATE_COLORS["i"]), to_rgba(plots.STATE_COLORS["h"])]


@pytest.mark.parametrize("name", ["g", "h"])
def test_gates_over_text_leaves_room_for_both_signs_of_a_tanh(name):
    low, high = plots.gates_over_text({name: [0.2]}, ["a"], "title").get_ylim()
    assert low <= -1
    assert high >= 1


def test_learning_curves_draw_each_part_in_the_panel_that_names_it():
    epochs = [{"epoch": 1, "train_accuracy": 0.9, "validation_accuracy": 0.8}]
    panels = plots.learning_curves({"max": epochs}, "title").figure.axes
    drawn = {ax.get_xlabel(): ax.lines[0].get_ydata().tolist() for ax in panels}
    assert drawn == {"epoch (training part)": [90], "epoch (validation part)": [80]}


def test_learning_curves_stand_at_the_numbers_of_their_epochs():
    epochs = [{"epoch": k, "train_accuracy": 0.5, "validation_accuracy": 0.4} for k in (3, 4)]
    for ax in plots.learning_curves({"max": epochs}, "title").figure.axes:
        assert ax.lines[0].get_xdata().tolist() == [3, 4]


def test_learning_curves_are_in_percent():
    epochs = [
        {"epoch": k, "train_accuracy": 0.5, "validation_accuracy": 0.4 + k / 10} for k in (1, 2)
    ]
    ax = plots.learning_curves({"max": epochs}, "title")
    assert ax.lines[0].get_ydata().tolist() == pytest.approx([50, 60])


def test_score_bars_keep_the_order_and_mark_the_best():
    ax = plots.score_bars({"bag of words": 61.0, "BiLSTM": 98.0}, "title")
    assert [bar.get_width() for bar in ax.patches] == [98.0, 61.0]
    assert ax.patches[0].get_facecolor() != ax.patches[1].get_facecolor()


def test_score_bars_stand_beside_their_names_and_end_in_their_numbers():
    ax = plots.score_bars({"bag of words": 61.0, "BiLSTM": 98.0}, "title")
    widths = [bar.get_width() for bar in ax.patches]
    assert list(zip(labels(ax.yaxis), widths, strict=True)) == [
        ("BiLSTM", 98.0),
        ("bag of words", 61.0),
    ]
    assert [text.get_text() for text in ax.texts[:2]] == ["98", "61"]


def test_score_bars_mark_what_a_coin_gets():
    ax = plots.score_bars({"BiLSTM": 98.0}, "title", chance=40.0)
    assert list(ax.lines[-1].get_xdata()) == [40, 40]


def test_forecasts_are_drawn_at_their_times_over_the_observed_series():
    band = ([2, 3], [0.5, 0.5], [1.5, 2.5])
    lines = {"LSTM": ([2, 3], [1.0, 1.5])}
    ax = plots.forecasts(
        ([1, 2, 3], [0.0, 1.0, 2.0]), lines, "title", "day", "price", [band], "80%"
    )
    drawn = [list(zip(*line.get_data(), strict=True)) for line in ax.lines]
    assert drawn == [[(1, 0.0), (2, 1.0), (3, 2.0)], [(2, 1.0), (3, 1.5)]]
    assert legend(ax) == ["observed", "LSTM", "80%"]
    corners = ax.collections[0].get_paths()[0].vertices
    assert (corners[:, 0].min(), corners[:, 0].max()) == (2, 3)
    assert (corners[:, 1].min(), corners[:, 1].max()) == (0.5, 2.5)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("day", "price")


def test_error_by_step_begins_one_step_ahead_and_at_zero():
    ax = plots.error_by_step({"a": [1.0, 2.0], "b": [0.5, 0.5]}, "title", "MASE")
    assert ax.lines[0].get_xdata().tolist() == [1, 2]
    assert [line.get_ydata().tolist() for line in ax.lines] == [[1.0, 2.0], [0.5, 0.5]]
    assert ax.get_ylim()[0] == 0
    assert legend(ax) == ["a", "b"]


def test_gates_have_four_distinct_colours():
    assert list(plots.GATE_COLORS) == ["i", "f", "g", "o"]
    assert len(set(plots.GATE_COLORS.values())) == 4


def test_final_states_writes_every_number_and_frames_those_that_meet():
    output = [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]
    h_n, c_n = [[0.5], [0.2]], [[1.0], [-0.001]]
    left = plots.final_states(output, h_n, c_n, "title")
    panels = left.figure.axes
    written = [[text.get_text() for text in ax.texts] for ax in panels]
    assert written == [["0.10", "0.20", "0.30", "0.40", "0.50", "0.60"], ["0.50", "0.20"],
                       ["1.00", "0.00"]]  # fmt: skip
    frames = [patch.get_xy() for patch in left.patches if patch.zorder == 3]
    assert frames == [(0, 2), (1, 0)]  # forward at the last step, reverse at the first
    assert [label.get_text() for label in panels[1].get_yticklabels()] == [
        "layer 0 forward",
        "layer 0 reverse",
    ]


def test_final_states_colours_every_number_by_its_direction():
    left = plots.final_states([[1, 2, 3, 4]] * 3, [[1, 2]] * 4, [[1, 2]] * 4, "title")
    forward, reverse = (to_rgba(DIRECTION_COLORS[name], 0.22) for name in ("forward", "reverse"))
    faces = [[p.get_facecolor() for p in ax.patches if p.zorder < 3] for ax in left.figure.axes]
    assert faces[0] == [forward, forward, reverse, reverse] * 3  # directions side by side
    assert faces[1] == faces[2] == [forward, forward, reverse, reverse] * 2  # one under the other
    left = plots.final_states([[1, 2, 3, 4]] * 3, [[1, 2]] * 2, [[1, 2]] * 2, "title")  # square
    middle = [p.get_facecolor() for p in left.figure.axes[1].patches if p.zorder < 3]
    assert middle == [forward, forward, reverse, reverse]


def test_final_states_frames_the_last_layer_with_a_line_style_for_each_direction():
    left = plots.final_states([[1, 2, 3, 4]] * 3, [[1, 2]] * 4, [[1, 2]] * 4, "title")
    of_output, of_h_n = (
        {patch.get_xy(): patch.get_linestyle() for patch in ax.patches if patch.zorder == 3}
        for ax in left.figure.axes[:2]
    )
    assert list(of_h_n) == [(0, 2), (0, 3)]
    assert list(of_h_n.values()) == list(of_output.values())
    assert len(set(of_h_n.values())) == 2


def test_seen_steps_draws_a_bar_for_each_step_and_vector():
    ax = plots.seen_steps({"a": [0.0, 1.0], "b": [2.0, 3.0]}, "title")
    assert [[bar.get_height() for bar in bars] for bars in ax.containers] == [[0, 1], [2, 3]]
    (_, beside), (alone, other) = [[bar.get_center()[0] for bar in b] for b in ax.containers]
    assert alone == pytest.approx(0)  # the other vector's bar is zero and takes no place
    assert (beside, other) == pytest.approx((0.8, 1.2))


def test_packing_draws_every_label_in_the_colour_of_its_sequence():
    ax = plots.packing(
        [["a", ""], ["b", "c"]], ["b", "a", "c"], [2, 1], {"sorted_indices": [1, 0]}, "title"
    )
    assert [text.get_text() for text in ax.texts] == ["b", "a", "c", "2", "1"]
    faces = [patch.get_facecolor() for patch in ax.patches]
    assert faces[0] == faces[2] != faces[1]
    top = [text.get_text() for text in ax.figure.axes[0].texts]
    assert top == ["a", "", "b", "c", "sorted_indices", "1", "0"]


def test_packing_colours_the_padded_batch_by_sequence():
    ax = plots.packing([["a", ""], ["b", "c"]], ["b", "a", "c"], [2, 1], {}, "title")
    top = ax.figure.axes[0]
    a, padding, b, c = (patch.get_facecolor() for patch in top.patches)
    assert b == c
    assert len({a, b, padding}) == 3


def test_packing_writes_each_batch_size_over_the_middle_of_its_step():
    ax = plots.packing([["a", ""], ["b", "c"]], ["b", "a", "c"], [2, 1], {}, "title")
    assert [text.get_position()[0] for text in ax.texts[-2:]] == [1, 2.5]
    middles = [sum(line.get_xdata()) / 2 for line in ax.lines]
    assert middles == pytest.approx([1, 2.5])


def test_padding_damage_draws_one_line_a_result():
    ax = plots.padding_damage({"a": [0.0, 0.5], "b": [0.0, 0.1]}, [0, 8], "title")
    assert [line.get_label() for line in ax.lines] == ["a", "b"]
    assert ax.lines[0].get_xdata().tolist() == [0, 8]
    assert ax.lines[0].get_ydata().tolist() == [0.0, 0.5]


def test_weight_map_draws_a_block_for_each_gate_and_the_shape_under_it():
    ax = plots.weight_map({"weight_ih_l0": (8, 3), "bias_ih_l0": (8,)}, "title")
    boxes = [(p.get_xy(), p.get_width(), p.get_height()) for p in ax.patches]
    assert [round(xy[1]) for xy, _, _ in boxes] == [0, 2, 4, 6] * 2
    assert [(round(w), round(h)) for _, w, h in boxes] == [(3, 2)] * 4 + [(1, 2)] * 4
    assert boxes[4][0][0] > 3  # beside the first parameter, not over it
    texts = [text.get_text() for text in ax.texts]
    assert texts == [*"ifgo", "weight_ih_l0", "(8, 3)", *"ifgo", "bias_ih_l0", "(8,)"]
    assert ax.get_yticklabels()[1].get_text().startswith("rows 2 to 3")


def test_weight_map_names_the_rows_of_each_gate_and_draws_them_in_its_colour():
    ax = plots.weight_map({"weight_ih_l0": (8, 3)}, "title")
    assert [label[-1] for label in labels(ax.yaxis)] == list("ifgo")
    assert [patch.get_facecolor()[:3] for patch in ax.patches] == [
        to_rgba(color)[:3] for color in plots.GATE_COLORS.values()
    ]


def test_costs_names_each_change_from_top_to_bottom_and_draws_the_base():
    ax = plots.costs(["a", "b"], {"x": [1.5, 2.0]}, "base", "title")
    assert labels(ax.yaxis) == ["a", "b"]
    assert ax.yaxis_inverted()
    assert [list(line.get_xdata()) for line in ax.lines] == [[1, 1]]


def test_costs_draws_a_bar_for_each_change_and_kind():
    ax = plots.costs(["a", "b"], {"x": [1.0, 2.0], "y": [3.0, 0.5]}, "base", "title")
    assert [[bar.get_width() for bar in bars] for bars in ax.containers] == [[1, 2], [3, 0.5]]
    assert [text.get_text() for text in ax.texts] == ["1.00", "2.00", "3.00", "0.50"]


def test_speed_ratios_draws_medians_with_their_quartiles_and_the_base():
    ax = plots.speed_ratios(["a", "b"], {"x": [[1, 2, 3], [0.4, 0.5, 0.7]]}, "base", "title")
    (series,) = ax.containers
    assert series.lines[0].get_xdata().tolist() == [2, 0.5]
    spans = [segment[:, 0].tolist() for segment in series.lines[2][0].get_segments()]
    assert spans == [[1, 3], pytest.approx([0.4, 0.7])]
    assert [1, 1] in [list(line.get_xdata()) for line in ax.lines]
    assert ax.get_xscale() == "log"


def test_speed_ratios_names_each_group_from_top_to_bottom():
    ax = plots.speed_ratios(["a", "b"], {"x": [[1, 2, 3], [0.4, 0.5, 0.7]]}, "base", "title")
    assert labels(ax.yaxis) == ["a", "b"]
    assert ax.yaxis_inverted()


def test_speed_ratios_says_which_side_is_faster():
    ax = plots.speed_ratios(["a"], {"x": [[0.4, 0.5, 0.7]]}, "base", "title")
    assert ax.get_xlabel() == "time relative to base (left is faster)"
    assert not ax.xaxis_inverted()


def test_time_shares_draws_the_first_contender_at_the_top():
    ax = plots.time_shares({"a": {"x": 1.0}, "b": {"x": 1.0}}, "title")
    assert labels(ax.yaxis) == ["a", "b"]
    assert ax.yaxis_inverted()


def test_time_shares_stacks_every_kind():
    ax = plots.time_shares({"a": {"x": 0.25, "y": 0.75}, "b": {"x": 0.5, "y": 0.5}}, "title")
    assert [[bar.get_width() for bar in bars] for bars in ax.containers] == [[25, 50], [75, 50]]
    assert [bar.get_x() for bar in ax.containers[1]] == [25, 50]


def test_growth_draws_a_panel_for_each_size_and_a_line_for_each_cost():
    panels = {"L": {"time": ([1, 2], [1, 2.1]), "count": ([1, 2], [1, 2])}, "N": {
        "time": ([4, 8], [1, 1.5]), "count": ([4, 8], [1, 2])}}  # fmt: skip
    first, second = plots.growth(panels, "title")
    assert [line.get_ydata().tolist() for line in first.lines] == [[1, 2.1], [1, 2]]
    assert [label.get_text() for label in second.get_xticklabels()] == ["4", "8"]
    assert [line.get_linestyle() for line in first.lines] == ["-", "--"]


def test_growth_is_drawn_log_against_log():
    (ax,) = plots.growth({"L": {"time": ([1, 2], [1, 2.1]), "count": ([1, 2], [1, 2])}}, "title")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_score_curves_draw_means_as_lines_and_every_accuracy_over_its_number():
    lines = {"scratch": {250: [50.0, 70.0], 1_000: [70.0]}, "read first": {22_500: [90.0]}}
    ax = plots.score_curves(lines, "title")
    drawn = [(line.get_label(), line.get_xydata().tolist()) for line in ax.lines]
    assert dict(drawn)["scratch"] == [[250, 60], [1_000, 70]]
    assert dict(drawn)["read first"] == [[22_500, 90]]
    assert [[250, 50], [250, 70]] in [points for _, points in drawn]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["250", "1,000", "22,500"]
    assert ax.get_xscale() == "log"


def test_score_spread_names_each_line_of_scores_from_top_to_bottom():
    ax = plots.score_spread({"a": [80.0], "b": [70.0]}, "title")
    assert labels(ax.yaxis) == ["a", "b"]
    assert [line.get_ydata().tolist() for line in ax.lines] == [[0], [1]]
    assert ax.yaxis_inverted()


def test_score_spread_draws_every_score_and_their_mean():
    ax = plots.score_spread({"a": [80.0, 82.0], "b": [70.0, 70.0]}, "title")
    assert [line.get_xdata().tolist() for line in ax.lines[::2]] == [[80, 82], [70, 70]]
    assert [list(line.get_xdata()) for line in ax.lines[1::2]] == [[81, 81], [70, 70]]


def test_score_spread_draws_no_mean_of_a_single_score():
    ax = plots.score_spread({"one": [80.0], "two": [70.0, 72.0]}, "title")
    assert [list(line.get_xdata()) for line in ax.lines] == [[80], [70, 72], [71, 71]]


def test_learning_curves_name_their_lines_where_there_are_several():
    epochs = [{"epoch": 1, "train_accuracy": 0.5, "validation_accuracy": 0.4}]
    assert not plots.learning_curves({"a": epochs}, "title").figure.legends
    assert legend(plots.learning_curves({"a": epochs, "b": epochs}, "title")) == ["a", "b"]


def test_reliability_draws_each_bin_against_the_diagonal():
    bins = [{"probability": 0.1, "positive": 0.2}, {"probability": 0.9, "positive": 0.8}]
    ax = plots.reliability({"a": bins}, "title")
    assert [list(line.get_xdata()) for line in ax.lines] == [[0, 1], [0.1, 0.9]]
    assert list(ax.lines[1].get_ydata()) == [0.2, 0.8]


def test_reliability_names_each_classifier():
    bins = [{"probability": 0.1, "positive": 0.2}]
    assert legend(plots.reliability({"a": bins, "b": bins}, "title"))[1:] == ["a", "b"]


def test_grouped_scores_draws_a_series_for_each_classifier():
    ax = plots.grouped_scores({"a": {"x": 10, "y": 20}, "b": {"x": 30, "y": 40}}, "title", "%")
    assert [list(line.get_xdata()) for line in ax.lines] == [[10, 20], [30, 40]]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["x", "y"]


def test_grouped_scores_marks_chance_and_names_the_groups():
    ax = plots.grouped_scores({"a": {"x": 10, "y": 20}}, "title", "%", "stars", chance=50)
    assert list(ax.lines[-1].get_xdata()) == [50, 50]
    assert ax.get_ylabel() == "stars"


def test_evidence_scales_each_row_by_its_largest():
    ax = plots.evidence(["good", "bad"], {"one": [2, -1], "other": [0, 4]}, "title")
    assert ax.collections[0].get_array().tolist() == [[1, -0.5], [0, 1]]
    assert [text.get_text() for text in ax.texts] == ["+1", "−.5", "0", "+1"]


def test_evidence_names_its_rows_and_words_and_writes_legibly():
    ax = plots.evidence(["good", "bad"], {"one": [2, -1], "other": [0, 4]}, "title")
    assert labels(ax.xaxis) == ["good", "bad"]
    assert labels(ax.yaxis) == ["one", "other"]
    assert [text.get_color() for text in ax.texts] == ["white", "black", "black", "white"]


def test_attention_draws_a_darker_box_where_the_weight_is_larger():
    ax = plots.attention([[0.9, 0.1], [0.0, 1.0], [0.5, 0.5]], ["may", "two"], "0-5", "title")
    assert (labels(ax.xaxis), labels(ax.yaxis)) == (["0", "-", "5"], ["may", "two"])
    shades = [box.get_facecolor()[3] for box in ax.patches]  # column by column
    assert shades == pytest.approx([0.906, 0.154, 0.06, 1, 0.53, 0.53])


def test_a_long_title_is_broken_into_lines_of_like_length():
    title = "The forget bias, not the name LSTM, makes the gradient last longer"
    first, second = plots.squashing(title).figure.get_suptitle().split("\n")
    assert f"{first} {second}" == title
    assert abs(len(first) - len(second)) < 12


def test_a_figure_has_the_same_bytes_each_time_and_text_as_text():
    def bytes_of(name: str) -> str:
        file = StringIO()
        with mpl.rc_context(SVG):
            ax = plots.gradient_reach({name: [1.0, 0.1]}, "title")
            ax.figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        return file.getvalue()

    assert bytes_of("LSTM") == bytes_of("LSTM") != bytes_of("RNN")
    assert ">LSTM</text>" in bytes_of("LSTM")


def test_a_figure_has_no_background_and_ink_that_a_page_can_replace():
    ax = plots.squashing("title")
    assert to_rgba(ax.figure.get_facecolor())[3] == to_rgba(ax.get_facecolor())[3] == 0
    assert {label.get_color() for label in ax.get_xticklabels()} == {INK}


def test_label_spikes_draws_the_signal_over_the_probability_of_each_label():
    probabilities = [[0.9, 0.1, 0.0], [0.2, 0.0, 0.8]]
    ax = plots.label_spikes([0.5, -0.5], probabilities, ["blank", "rise", "fall"], "title")
    above, below = ax.figure.axes
    assert below is ax
    assert above.lines[0].get_ydata().tolist() == [0.5, -0.5]
    assert [line.get_ydata().tolist() for line in ax.lines] == [[0.9, 0.2], [0.1, 0.0], [0.0, 0.8]]
    assert [line.get_label() for line in ax.lines] == legend(ax) == ["blank", "rise", "fall"]
    assert ax.lines[1].get_xdata().tolist() == [1, 2]
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    assert above.get_ylabel()
