"""Tables of results: Markdown with aligned numbers that stay on one line."""

import pytest

from lstm_tutorial.plots import table


def test_numbers_are_aligned_right_and_stay_on_one_line():
    found = table(
        ["way to go", "time"], [["in one call", "4 steps"], ["stepwise", 0.128]], digits=2
    )
    assert repr(found).splitlines() == [
        "| way to go | time |",
        "| --- | --: |",
        "| in one call | 4\xa0steps |",
        "| stepwise | 0.13 |",
    ]
    assert found._repr_markdown_() == repr(found)


def test_numbers_are_not_rounded_unless_asked_for():
    assert "| 0.998 |" in repr(table(["setting", "value"], [["decay", 0.998]]))


def test_columns_of_text_may_break():
    found = repr(table(["a", "b", "c"], [["one two", "one two", "1.5 (1 to 2)"]], text=2))
    assert found.splitlines()[1:] == [
        "| --- | --- | --: |",
        "| one two | one two | 1.5 (1\xa0to\xa02) |",
    ]


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="expected 2 entries, as in heads, got"):
        table(["a", "b"], [["1", "2"], ["3"]])


def test_an_entry_that_would_divide_a_column_is_refused():
    with pytest.raises(ValueError, match=r"entries without \|"):
        table(["a"], [["|x|"]])
