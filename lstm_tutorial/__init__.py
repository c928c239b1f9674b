"""An LSTM written to be read, equal to ``torch.nn.LSTM``, and what the book builds on it."""

from lstm_tutorial._lazy import lazy
from lstm_tutorial.describe import describe as describe  # a function, not the package of that name

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "lstm": ["LSTM"],
        "cell": ["LSTMCell", "lstm_gates", "lstm_step"],
        "check": [],
        "ragged": [],
    },
)
__all__ += ["describe"]
