"""The grammar of dates: right by hand, without two readings, and padded as the models expect."""

import pytest
import torch

from lstm_tutorial.tasks.dates import (
    BOS,
    EOS,
    LENGTHS,
    PAD,
    SOURCE_IDS,
    TARGET_WORDS,
    YEARS,
    batches,
    collate_pairs,
    make_pairs,
    text_of,
    write_date,
    year_in_words,
)


@pytest.mark.parametrize(
    ("year", "words"),
    [
        (1800, "eighteen hundred"),
        (1905, "nineteen oh five"),
        (1912, "nineteen twelve"),
        (1991, "nineteen ninety one"),
        (2000, "two thousand"),
        (2003, "two thousand and three"),
        (2040, "twenty forty"),
    ],
)
def test_years_are_written_as_they_are_read_aloud(year, words):
    assert year_in_words(year) == words


def test_three_forms_of_a_date_with_a_day_and_three_without():
    assert [write_date(1991, 3, 3, form)[0] for form in range(3)] == [
        "the third of march nineteen ninety one",
        "march the third nineteen ninety one",
        "in nineteen ninety one on the third of march",
    ]
    assert [write_date(1991, 3, None, form) for form in range(3)] == [
        ("march nineteen ninety one", "1991-03"),
        ("in march nineteen ninety one", "1991-03"),
        ("in nineteen ninety one in march", "1991-03"),
    ]
    assert write_date(2003, 12, 31, 0)[1] == "2003-12-31"


def test_no_words_have_two_readings_and_all_are_in_the_vocabulary():
    digits_of: dict[str, str] = {}
    for year in YEARS:
        for month, days in enumerate(LENGTHS, 1):
            for day in [None, *range(1, days + 1)]:
                words, digits = write_date(year, month, day, form=0)
                assert digits_of.setdefault(words, digits) == digits
    assert {word for words in digits_of for word in words.split()} <= SOURCE_IDS.keys()
    assert {c for digits in digits_of.values() for c in digits} <= set(TARGET_WORDS)


def test_pairs_repeat_with_their_seed_and_no_digits_occur_twice():
    pairs = make_pairs(500, seed=3)
    assert pairs == make_pairs(500, seed=3) != make_pairs(500, seed=4)
    assert len({digits for _, digits in pairs}) == 500
    assert 0.15 < sum(len(digits) == 7 for _, digits in pairs) / 500 < 0.35


def test_a_batch_shifts_the_targets_by_one_and_pads_behind():
    batch = collate_pairs([("march nineteen ninety one", "91"), ("the first of may", "0-5")])
    assert batch.lengths.tolist() == [4, 4]
    nine, one, zero, dash, five = (TARGET_WORDS.index(c) for c in "910-5")
    assert batch.inputs.tolist() == [[BOS, nine, one, PAD], [BOS, zero, dash, five]]
    assert batch.targets.tolist() == [[nine, one, EOS, PAD], [zero, dash, five, EOS]]
    longer = collate_pairs([("may", "05"), ("the first of may", "05")])
    assert longer.source[0].tolist() == [SOURCE_IDS["may"], PAD, PAD, PAD]


def test_batches_hold_every_pair_once_in_another_order_for_another_seed():
    pairs = make_pairs(10)
    read = {seed: [text_of(t) for b in batches(pairs, 4, seed) for t in b.targets] for seed in "ab"}
    assert sorted(read["a"]) == sorted(read["b"]) == sorted(digits for _, digits in pairs)
    assert read["a"] != read["b"]


def test_text_ends_at_the_first_end_and_does_without_one():
    one = TARGET_WORDS.index("1")
    assert text_of(torch.tensor([one, EOS, one, PAD])) == "1"
    assert text_of(torch.tensor([one, one])) == "11"


def test_bad_input_is_refused_with_advice():
    with pytest.raises(ValueError, match="expected between 0 and 8000 pairs, got 9000"):
        make_pairs(9000)
    with pytest.raises(ValueError, match="expected at least one pair, got none"):
        collate_pairs([])
    with pytest.raises(ValueError, match="expected words of the grammar, got 'mars'"):
        collate_pairs([("mars", "1")])
