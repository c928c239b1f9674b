"""Every mistake that the checks recognise: what it is, and where to look for it."""

from lstm_tutorial.check.wording_lstm import MISTAKES_IN_AN_LSTM
from lstm_tutorial.check.wording_tasks import MISTAKES_AROUND_AN_LSTM

_TABLE = MISTAKES_IN_AN_LSTM | MISTAKES_AROUND_AN_LSTM

MISTAKES: dict[str, str] = {mistake: sentence for mistake, (sentence, _) in _TABLE.items()}
LOOK_AT: dict[str, str] = {mistake: hint for mistake, (_, hint) in _TABLE.items()}
