"""Tokens, and the vocabulary that maps them to ids, with torchtext 0.6.0."""

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
    """Split a text into lower-case words and punctuation marks, as torchtext's basic_english does.

    IMDB's line break, ``<br />``, separates words and leaves no token.
    """
    return _basic_english(text)


def build_vocab(
    token_lists: Iterable[Sequence[str]], min_freq: int = 1, max_size: int | None = None
) -> Vocab:
    """Number the tokens of the training part, the most frequent first.

    Tokens of equal frequency are in alphabetical order. ``<pad>`` is 0 and ``<unk>`` is 1.

    Args:
        token_lists: one list per review.
        min_freq: tokens that occur less often stay unknown.
        max_size: most entries, ``<pad>`` and ``<unk>`` included; None for no limit.

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
    """Replace every token by its id; unknown tokens get 1.

    So does a token that happens to read ``<pad>``, because padding is not a word.
    """
    return [vocab.stoi.get(token) or vocab.unk_index for token in tokens]


def save_vocab(vocab: Vocab, path: str | Path) -> None:
    """Write a vocabulary as JSON, atomically; raises ``OSError`` where it cannot."""
    words = [[token, vocab.freqs[token]] for token in vocab.itos[2:]]
    write_whole(Path(path), json.dumps({"specials": [PAD, UNK], "words": words}).encode())


def load_vocab(path: str | Path) -> Vocab:
    """Read a vocabulary that ``save_vocab`` wrote, with the same ids.

    Raises:
        ValueError: if the file is not a vocabulary.
        OSError: if it cannot be read.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        specials, words = content["specials"], [(token, n) for token, n in content["words"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{path} is not a vocabulary: train a run to make one") from error
    if specials != [PAD, UNK] or not all(
        isinstance(token, str) and type(n) is int and n > 0 for token, n in words
    ):
        raise ValueError(f"{path} is not a vocabulary: expected {PAD}, {UNK} and words with counts")
    vocab = _numbered(Counter(dict(words)), min_freq=1, max_size=None)
    if vocab.itos[2:] != [token for token, _ in words]:  # its ids would not be those of the run
        raise ValueError(
            f"{path} is not a vocabulary: expected every word once, sorted by count and "
            f"then by alphabet: was the file changed by hand?"
        )
    return vocab


def _numbered(counts: Counter, min_freq: int, max_size: int | None) -> Vocab:
    for special in (PAD, UNK):
        counts.pop(special, None)  # a review that spells them out changes nothing
    words = None if max_size is None else max_size - 2  # torchtext does not count the specials
    return Vocab(counts, max_size=words, min_freq=min_freq, specials=[PAD, UNK])
