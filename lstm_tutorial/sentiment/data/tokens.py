"""From text to the tokens that a model reads, without torch."""

import re

# torchtext's basic_english, one replacement after the other.
REPLACEMENTS = {
    r"'": " '  ",
    r'"': "",
    r"\.": " . ",
    r"<br />": " ",
    r",": " , ",
    r"\(": " ( ",
    r"\)": " ) ",
    r"!": " ! ",
    r"\?": " ? ",
    r"[;:]": " ",
}


def split_words(text: str) -> list[str]:
    """Split a text into tokens, exactly as torchtext's basic_english does."""
    text = text.lower()
    for pattern, replacement in REPLACEMENTS.items():
        text = re.sub(pattern, replacement, text)
    return text.split()


def truncate(ids: list[int], max_length: int, keep: str = "head") -> list[int]:
    """Keep at most max_length of a review's token ids.

    Args:
        keep: ``"head"``, the beginning; ``"tail"``, the end; or ``"both"``, half of each.

    Raises:
        ValueError: if max_length is not positive or keep is unknown.
    """
    if max_length < 1:
        raise ValueError(f"expected max_length of at least 1, got {max_length}")
    if keep not in ("head", "tail", "both"):
        raise ValueError(f"expected keep to be head, tail or both, got {keep!r}")
    if len(ids) <= max_length:
        return ids
    head = {"head": max_length, "tail": 0, "both": (max_length + 1) // 2}[keep]
    tail = max_length - head
    return ids[:head] + ids[len(ids) - tail :]
