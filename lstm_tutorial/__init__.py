"""An LSTM written to be read, equal to ``torch.nn.LSTM``, and what the book builds on it."""

from lstm_tutorial import check, ragged
from lstm_tutorial.cell import LSTMCell, lstm_gates, lstm_step
from lstm_tutorial.describe import describe
from lstm_tutorial.lstm import LSTM

__all__ = ["LSTM", "LSTMCell", "check", "describe", "lstm_gates", "lstm_step", "ragged"]
