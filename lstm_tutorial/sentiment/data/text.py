"""Tokens, and the vocabulary that numbers them, with torchtext 0.6.0."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from torchtext.data.utils import get_tokenizer
from torchtext.vocab import Vocab

from lstm_tutorial._files import write_whole

PAD, UNK = "<pad>", "<unk>"  # ids 0 and 1

_basic_english = get_tokenizer("basic_english")


def tokenize(text: str) -> list[str]:
    """Cut a text into lower-case words and punctuation marks.

    Args:
        text: as it was written; ``<br />``, IMDB's line break, separates words and leaves nothing.

    Returns:
        The tokens, by the rules of torchtext's ``basic_english``.
    """
    return _basic_english(text)


def build_vocab(
    token_lists: Iterable[Sequence[str]], min_freq: int = 1, max_size: int | None = None
) -> Vocab:
    """Number the tokens of the training part, the most frequent first.

    Args:
        token_lists: one list a review.
        min_freq: tokens that occur less often stay unknown.
        max_size: entries at most, ``<pad>`` and ``<unk>`` among them; None for no limit.

    Returns:
        A vocabulary in which ``<pad>`` is 0 and ``<unk>`` 1. Tokens of the same frequency stand in
        alphabetical order.

    Raises:
        ValueError: if min_freq is below 1, or max_size leaves no room for a word.
    """
    if min_freq < 1:
        raise ValueError(
            f"expected min_freq of at least 1, got {min_freq}: use 1 to keep every token"
        )
    if max_size is not None and max_size < 3:
        raise ValueError(
            f"expected max_size of at least 3, got {max_size}: "
            f"{PAD} and {UNK} take two entries, and a word needs one"
        )
    counts = Counter(token for tokens in token_lists for token in tokens)
    return _numbered(counts, min_freq, max_size)


def encode(tokens: Sequence[str], vocab: Vocab) -> list[int]:
    """Replace every token by its id.

    Args:
        tokens: from ``tokenize``.
        vocab: from ``build_vocab``.

    Returns:
        One id for each token; 1 for those that the vocabulary does not know, and for a token that
        happens to read ``<pad>``: padding is not a word.
    """
    return [vocab.stoi.get(token) or vocab.unk_index for token in tokens]


def save_vocab(vocab: Vocab, path: str | Path) -> None:
    """Write a vocabulary as JSON, whole or not at all.

    Args:
        vocab: from ``build_vocab``.
        path: replaced if it exists.

    Raises:
        OSError: if the file cannot be written; it is then as it was.
    """
    words = [[token, vocab.freqs[token]] for token in vocab.itos[2:]]
    write_whole(Path(path), json.dumps({"specials": [PAD, UNK], "words": words}).encode())


def load_vocab(path: str | Path) -> Vocab:
    """Read a vocabulary that ``save_vocab`` wrote.

    Args:
        path: the JSON file.

    Returns:
        A vocabulary with the ids of the one that was saved.

    Raises:
        ValueError: if the file is no vocabulary.
        OSError: if it cannot be read.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        specials, words = content["specials"], [(token, n) for token, n in content["words"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{path} is no vocabulary: train a run to make one") from error
    if specials != [PAD, UNK] or not all(
        isinstance(token, str) and type(n) is int and n > 0 for token, n in words
    ):
        raise ValueError(
            f"{path} is no vocabulary of this package: expected {PAD}, {UNK} and words with counts"
        )
    vocab = _numbered(Counter(dict(words)), min_freq=1, max_size=None)
    if vocab.itos[2:] != [token for token, _ in words]:  # its ids would not be those of the run
        raise ValueError(
            f"{path} is no vocabulary of this package: expected every word once, by count and "
            f"then by alphabet: was the file changed by hand?"
        )
    return vocab


def _numbered(counts: Counter, min_freq: int, max_size: int | None) -> Vocab:
    for special in (PAD, UNK):
        counts.pop(special, None)  # a review that spells them out changes nothing
    words = None if max_size is None else max_size - 2  # torchtext does not count the specials
    return Vocab(counts, max_size=words, min_freq=min_freq, specials=[PAD, UNK])
