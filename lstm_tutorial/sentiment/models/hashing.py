"""Hashed n-grams: sequences of word ids as row numbers, the same on every machine."""

from torch import Tensor

PRIME = 2**31 - 1


def extend(hashed: Tensor, ids: Tensor, salt: int = 0) -> Tensor:
    """Hash n-grams that are longer by one word: int64, at least 0 and below ``PRIME``."""
    return (hashed * 1_000_003 + ids + salt) % PRIME


def spread(hashed: Tensor, rows: int) -> Tensor:
    """Give each hash one of ``rows`` numbers; different hashes may share one."""
    return hashed * 48_271 % PRIME % rows
