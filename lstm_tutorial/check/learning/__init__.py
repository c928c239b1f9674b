"""``check.training``: why a reader's own model does not learn its batch.

A step of a copy is watched (``watch``, ``trial``); ``loss`` and ``model`` read the faults from it,
``one_batch`` trains the copy where they find none, and ``examine`` puts them in order.
"""

from lstm_tutorial.check.learning.examine import Diagnosis, training
from lstm_tutorial.check.learning.wording import FAULTS

__all__ = ["FAULTS", "Diagnosis", "training"]
