"""Written-out dates and their digits: a grammar, its two vocabularies, and padded batches.

``the third of march nineteen ninety one`` becomes ``1991-03-03``, and ``march nineteen ninety
one`` becomes ``1991-03``. Source tokens are words, target tokens are characters.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

PAD, BOS, EOS = 0, 1, 2  # ids in both vocabularies; the source uses PAD only
SPECIAL = ["<pad>", "<bos>", "<eos>"]


def _words(*lines: str) -> list[str]:
    return " ".join(lines).split()


MONTHS = _words(
    "january february march april may june july august september october november december"
)
SMALL = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen",
    "fifteen sixteen seventeen eighteen nineteen",
)
TENS = _words("twenty thirty forty fifty sixty seventy eighty ninety")
ORDINALS = _words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth",
    "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth",
)
DAYS = [*ORDINALS, *(f"twenty {word}" for word in ORDINALS[:9]), "thirtieth", "thirty first"]
LENGTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]  # no leap day
YEARS = range(1100, 2100)

SOURCE_WORDS = [
    *SPECIAL,
    *dict.fromkeys([*MONTHS, *SMALL, *TENS, *ORDINALS, "thirtieth"]),
    *("the", "of", "in", "on", "oh", "hundred", "thousand", "and"),
]
TARGET_WORDS = [*SPECIAL, *"0123456789-"]
SOURCE_IDS = {word: k for k, word in enumerate(SOURCE_WORDS)}
TARGET_IDS = {word: k for k, word in enumerate(TARGET_WORDS)}


@dataclass(frozen=True)
class Pairs:
    """A padded batch of sources and targets.

    Attributes:
        source: int64 (N, L_source), padded with ``PAD``.
        lengths: int64 (N,), number of words in each source.
        inputs: int64 (N, L_target), what the decoder reads: ``BOS``, then the target.
        targets: int64 (N, L_target), what it should answer: the target, then ``EOS``.
    """

    source: Tensor
    lengths: Tensor
    inputs: Tensor
    targets: Tensor


def below_hundred(number: int) -> str:
    """Write a number from 0 to 99 in words."""
    if number < len(SMALL):
        return SMALL[number]
    tens = TENS[number // 10 - 2]
    return f"{tens} {SMALL[number % 10]}" if number % 10 else tens


def year_in_words(year: int) -> str:
    """Write a year as it is read aloud: nineteen oh five, two thousand and one."""
    century, rest = divmod(year, 100)
    if century == 20 and rest < 10:
        return f"two thousand and {SMALL[rest]}" if rest else "two thousand"
    if rest == 0:
        return f"{below_hundred(century)} hundred"
    return f"{below_hundred(century)} {'oh ' if rest < 10 else ''}{below_hundred(rest)}"


def write_date(year: int, month: int, day: int | None, form: int) -> tuple[str, str]:
    """Write one date in words and in digits.

    Args:
        year: in ``YEARS``.
        month: from 1 to 12.
        day: of the month, or None for a date without one.
        form: 0, 1 or 2, the order of the words.

    Returns:
        The words and the digits.
    """
    name, years = MONTHS[month - 1], year_in_words(year)
    if day is None:
        return [f"{name} {years}", f"in {name} {years}", f"in {years} in {name}"][form], (
            f"{year}-{month:02}"
        )
    nth = DAYS[day - 1]
    forms = [f"the {nth} of {name} {years}", f"{name} the {nth} {years}"]
    forms.append(f"in {years} on the {nth} of {name}")
    return forms[form], f"{year}-{month:02}-{day:02}"


def make_pairs(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Draw dates in words and in digits; no two of them have the same digits.

    A quarter has no day. Any split of the list therefore leaves dates in the second part that
    the first part does not contain.

    Args:
        count: of pairs, at most 8,000.
        seed: of the random numbers.

    Raises:
        ValueError: if ``count`` is too large.
    """
    if not 0 <= count <= 8000:
        raise ValueError(f"expected between 0 and 8000 pairs, got {count}: take fewer")
    draw = random.Random(seed)
    pairs: dict[str, str] = {}
    while len(pairs) < count:
        year, month, form = draw.choice(YEARS), draw.randint(1, 12), draw.randrange(3)
        day = draw.randint(1, LENGTHS[month - 1]) if draw.random() < 0.75 else None
        words, digits = write_date(year, month, day, form)
        pairs.setdefault(digits, words)
    return [(words, digits) for digits, words in pairs.items()]


def collate_pairs(pairs: Sequence[tuple[str, str]]) -> Pairs:
    """Turn pairs of texts into one padded batch.

    Raises:
        ValueError: if there is no pair, or a word or character is not in the grammar.
    """
    if not pairs:
        raise ValueError("expected at least one pair, got none: leave out empty batches")
    try:
        source = [torch.tensor([SOURCE_IDS[w] for w in words.split()]) for words, _ in pairs]
        target = [torch.tensor([TARGET_IDS[c] for c in digits]) for _, digits in pairs]
    except KeyError as error:
        raise ValueError(f"expected words of the grammar, got {error}: see SOURCE_WORDS") from None
    bos, eos = torch.tensor([BOS]), torch.tensor([EOS])
    return Pairs(
        pad_sequence(source, batch_first=True, padding_value=PAD),
        torch.tensor([len(ids) for ids in source]),
        pad_sequence([torch.cat([bos, ids]) for ids in target], batch_first=True),
        pad_sequence([torch.cat([ids, eos]) for ids in target], batch_first=True),
    )


def batches(pairs: Sequence[tuple[str, str]], batch_size: int, seed: int) -> Iterator[Pairs]:
    """Shuffle pairs and collate them batch by batch."""
    shuffled = random.Random(seed).sample(pairs, len(pairs))
    for k in range(0, len(shuffled), batch_size):
        yield collate_pairs(shuffled[k : k + batch_size])


def text_of(ids: Tensor) -> str:
    """Read target ids, int64 (L,), up to the first ``EOS``."""
    tokens = ids.tolist()
    end = tokens.index(EOS) if EOS in tokens else len(tokens)
    return "".join(TARGET_WORDS[token] for token in tokens[:end])
