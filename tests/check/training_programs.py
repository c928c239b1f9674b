# ruff: noqa: E501 (tables, one slip per line)
"""Programs for ``check.training``: right ones, and the slips that keep them from learning.

A program defines ``model``, ``loss`` and ``batch``. A slip replaces fragments of it, each of which
must occur once.
"""

from textwrap import dedent

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

CLASSIFY = """
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(3, 16, batch_first=True)
            self.linear = nn.Linear(16, 4)

        def forward(self, x):
            output, (h_n, c_n) = self.lstm(x)
            return self.linear(h_n[-1])

    model = Model()
    loss = nn.CrossEntropyLoss()
    x = torch.randn(12, 9, 3)
    y = torch.arange(12) % 4
    batch = x, y
"""
BIDIRECTIONAL = """
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(3, 16, num_layers=2, batch_first=True, bidirectional=True)
            self.linear = nn.Linear(32, 4)

        def forward(self, x):
            output, (h_n, c_n) = self.lstm(x)
            return self.linear(torch.cat([h_n[-2], h_n[-1]], dim=1))

    model = Model()
    loss = nn.CrossEntropyLoss()
    batch = torch.randn(12, 9, 3), torch.arange(12) % 4
"""
REGRESS = """
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(1, 16, batch_first=True)
            self.linear = nn.Linear(16, 1)

        def forward(self, x):
            output, _ = self.lstm(x)
            return self.linear(output[:, -1]).squeeze(1)

    model = Model()
    loss = nn.MSELoss()
    x = torch.randn(12, 9, 1)
    y = torch.randn(12)
    batch = x, y
"""
TAG = """
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(20, 8, padding_idx=0)
            self.lstm = nn.LSTM(8, 16, batch_first=True)
            self.linear = nn.Linear(16, 9)

        def forward(self, ids):
            output, _ = self.lstm(self.embedding(ids))
            return self.linear(output).transpose(1, 2)

    model = Model()
    loss = nn.CrossEntropyLoss(ignore_index=-100)
    ids = torch.randint(1, 20, (6, 9))
    tags = torch.randint(0, 9, (6, 9))
    for row, length in enumerate([9, 7, 3, 8, 2, 5]):
        ids[row, length:] = 0
        tags[row, length:] = -100
    batch = ids, tags
"""
LABELS = """
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(30, 8)
            self.lstm = nn.LSTM(8, 16, batch_first=True, bidirectional=True)
            self.dropout = nn.Dropout(0.5)
            self.linear = nn.Linear(32, 7)

        def forward(self, ids):
            output, _ = self.lstm(self.embedding(ids))
            return self.linear(self.dropout(output.amax(1)))

    model = Model()
    loss = nn.BCEWithLogitsLoss()
    batch = torch.randint(0, 30, (12, 6)), torch.rand(12, 7).round()
"""
PACKED = """
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(20, 8, padding_idx=0)
            self.lstm = nn.LSTM(8, 16, batch_first=True, bidirectional=True)
            self.linear = nn.Linear(32, 1)

        def forward(self, ids, lengths):
            x = self.embedding(ids)
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            _, (h_n, _) = self.lstm(packed)
            return self.linear(torch.cat([h_n[-2], h_n[-1]], dim=1)).squeeze(1)

    model = Model()
    loss = nn.BCEWithLogitsLoss()
    lengths = torch.tensor([9, 4, 6, 1, 7, 3])
    ids = torch.randint(1, 20, (6, 9)) * (torch.arange(9) < lengths[:, None])
    batch = ids, lengths, torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0, 0.0])
"""
LANGUAGE = """
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(15, 8)
            self.lstm = nn.LSTM(8, 32)
            self.linear = nn.Linear(32, 15)

        def forward(self, ids, state=None):
            output, state = self.lstm(self.embedding(ids), state)
            return self.linear(output), state

    model = Model()
    loss = lambda returned, targets: F.cross_entropy(returned[0].flatten(0, 1), targets.flatten())
    stream = torch.randint(0, 15, (11, 4))
    batch = stream[:-1], stream[1:]
"""
PACKED_TAGS = """
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(3, 16, batch_first=True, bidirectional=True)
            self.linear = nn.Linear(32, 4)

        def forward(self, x, lengths):
            packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            output, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
            return self.linear(output)

    def loss(output, tags):
        valid = tags >= 0
        per_step = F.cross_entropy(output.transpose(1, 2), tags.clamp(min=0), reduction="none")
        return (per_step * valid).sum() / valid.sum()

    model = Model()
    lengths = torch.tensor([9, 4, 6, 1, 7, 3])
    tags = torch.randint(0, 4, (6, 9)).masked_fill(torch.arange(9) >= lengths[:, None], -1)
    batch = torch.randn(6, 9, 3), lengths, tags
"""
ONE_LOGIT = """
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRU(3, 16, num_layers=2, dropout=0.3, batch_first=True)
            self.hidden = nn.Linear(16, 16)
            self.linear = nn.Linear(16, 1)

        def forward(self, x):
            output, _ = self.gru(x)
            return self.linear(F.relu(self.hidden(output.mean(1))))[:, 0]

    model = Model()
    loss = nn.BCEWithLogitsLoss()
    x = torch.randn(16, 9, 3)
    batch = x, (torch.arange(16) % 2).float()
"""
RIGHT = {
    "classification": CLASSIFY,
    "two directions, two layers": BIDIRECTIONAL,
    "regression": REGRESS,
    "tagging": TAG,
    "several labels": LABELS,
    "packed": PACKED,
    "language model": LANGUAGE,
    "packed tags": PACKED_TAGS,
    "one logit": ONE_LOGIT,
}

SLIPS = [
    # The data.
    ("input_not_finite", CLASSIFY, ("batch = x, y", "x[3, 2, 1] = float('nan')\n    batch = x, y")),
    ("inputs_identical", CLASSIFY, ("torch.randn(12, 9, 3)", "torch.randn(1, 9, 3).repeat(12, 1, 1)")),
    ("inputs_identical", TAG, ("torch.randint(1, 20, (6, 9))\n", "torch.ones(6, 9, dtype=torch.long)\n"), ("ids[row, length:] = 0", "pass")),
    ("targets_constant", CLASSIFY, ("torch.arange(12) % 4", "torch.arange(12) // 12")),
    ("targets_unscaled", REGRESS, ("torch.randn(12)\n", "30_000 + 500 * torch.randn(12)\n")),
    # The parameters.
    ("uninitialised", CLASSIFY, ("self.linear = nn.Linear(16, 4)", "self.linear = nn.Linear(16, 4)\n            self.linear.weight.data[0, 0] = 1e30")),
    ("uninitialised", CLASSIFY, ("self.linear = nn.Linear(16, 4)", "self.linear = nn.Linear(16, 4)\n            self.lstm.weight_hh_l0.data[0, 0] = float('nan')")),
    ("units_identical", REGRESS, ("model = Model()", "model = Model()\n    for p in model.parameters():\n        nn.init.constant_(p, 0.1)")),
    ("nothing_trains", CLASSIFY, ("model = Model()", "model = Model().requires_grad_(False)")),
    # The model.
    ("state_not_detached", CLASSIFY, ("self.linear = nn.Linear(16, 4)", "self.linear = nn.Linear(16, 4)\n            self.state = None"), ("output, (h_n, c_n) = self.lstm(x)", "output, (h_n, c_n) = self.lstm(x, self.state)\n            self.state = h_n, c_n")),
    ("state_carried", CLASSIFY, ("self.linear = nn.Linear(16, 4)", "self.linear = nn.Linear(16, 4)\n            self.state = None"), ("output, (h_n, c_n) = self.lstm(x)", "output, (h_n, c_n) = self.lstm(x, self.state)\n            self.state = h_n.detach(), c_n.detach()")),
    ("random_in_eval", CLASSIFY, ("self.linear(h_n[-1])", "self.linear(F.dropout(h_n[-1], 0.3))")),
    ("dead_relu", ONE_LOGIT, ("model = Model()", "model = Model()\n    nn.init.constant_(model.hidden.bias, -10.0)")),
    ("input_ignored", CLASSIFY, ("torch.randn(12, 9, 3)", "1e-10 * torch.randn(12, 9, 3)")),
    ("batch_and_time_swapped", CLASSIFY, ("batch_first=True", "batch_first=False"), ("self.linear(h_n[-1])", "self.linear(output[:, -1])")),
    ("batch_and_time_swapped", LANGUAGE, ("nn.LSTM(8, 32)", "nn.LSTM(8, 32, batch_first=True)")),
    ("batch_and_time_swapped", CLASSIFY, ("output, (h_n, c_n) = self.lstm(x)", "output, (h_n, c_n) = self.lstm(x[:, -1])"), ("self.linear(h_n[-1])", "self.linear(output)")),
    ("rows_mixed", CLASSIFY, ("self.lstm(x)", "self.lstm(x.permute(1, 0, 2).reshape(12, 9, 3))")),
    ("rows_mixed", BIDIRECTIONAL, ("torch.cat([h_n[-2], h_n[-1]], dim=1)", "h_n[-2:].reshape(12, 32)")),
    ("one_step", CLASSIFY, ("self.lstm(x)", "self.lstm(x.flatten(1)[:, None, :3])")),
    ("one_step", CLASSIFY, ("output, (h_n, c_n) = self.lstm(x)", "for t in range(x.size(1)):\n                output, (h_n, c_n) = self.lstm(x[:, t : t + 1])")),
    ("reverse_one_step", BIDIRECTIONAL, ("torch.cat([h_n[-2], h_n[-1]], dim=1)", "output[:, -1]")),
    ("padding_read", PACKED, ("self.lstm(packed)", "self.lstm(x)")),
    ("padding_read", TAG, ("batch_first=True)", "batch_first=True, bidirectional=True)"), ("nn.Linear(16, 9)", "nn.Linear(32, 9)")),
    ("saturated", CLASSIFY, ("torch.randn(12, 9, 3)", "1000 * torch.randn(12, 9, 3)")),
    ("saturated", REGRESS, ("torch.randn(12, 9, 1)", "400 + torch.randn(12, 9, 1)")),
    ("no_gradient", CLASSIFY, ("self.linear(h_n[-1])", "self.linear(h_n[-1].detach())")),
    ("no_gradient", CLASSIFY, ("output, (h_n, c_n) = self.lstm(x)", "with torch.no_grad():\n                output, (h_n, c_n) = self.lstm(x)")),
    ("no_gradient", BIDIRECTIONAL, ("h_n[-2], h_n[-1]", "h_n[0], h_n[1]")),
    ("dropout_too_high", LABELS, ("nn.Dropout(0.5)", "nn.Dropout(0.98)")),
    # The loss.
    ("loss_detached", CLASSIFY, ("loss = nn.CrossEntropyLoss()", "loss = lambda output, y: nn.CrossEntropyLoss()(output.detach(), y)")),
    ("loss_not_finite", REGRESS, ("nn.MSELoss()", "lambda output, y: output.log().mean()")),
    ("loss_not_finite", PACKED, ("torch.cat([h_n[-2], h_n[-1]], dim=1)", "torch.cat([h_n[-2], h_n[-1]], dim=1) / (ids == 99).sum()")),
    ("gradient_not_finite", REGRESS, ("nn.MSELoss()", "lambda output, y: (output - output).square().sum().sqrt() + (output - y).square().mean()")),
    ("everything_ignored", TAG, ("tags = torch.randint(0, 9, (6, 9))", "tags = torch.full((6, 9), -100)")),
    ("class_axis", TAG, ("self.linear(output).transpose(1, 2)", "self.linear(output)")),
    ("class_axis", TAG, ("self.linear(output).transpose(1, 2)", "self.linear(output).view(6, 9, 9)")),
    ("class_axis", TAG, ("self.linear(output).transpose(1, 2)", "self.linear(output)"), ("nn.Linear(16, 9)", "nn.Linear(16, 11)")),
    ("one_class", CLASSIFY, ("nn.Linear(16, 4)", "nn.Linear(16, 1)"), ("torch.arange(12) % 4", "(torch.arange(12) % 2).float()[:, None]")),
    ("one_class", CLASSIFY, ("nn.Linear(16, 4)", "nn.Linear(16, 1)")),
    ("softmax_twice", CLASSIFY, ("self.linear(h_n[-1])", "self.linear(h_n[-1]).softmax(1)")),
    ("softmax_twice", CLASSIFY, ("self.linear(h_n[-1])", "torch.sigmoid(self.linear(h_n[-1]))")),
    ("sigmoid_twice", LABELS, ("self.linear(self.dropout(output.amax(1)))", "torch.sigmoid(self.linear(self.dropout(output.amax(1))))")),
    ("nll_without_log", CLASSIFY, ("nn.CrossEntropyLoss()", "nn.NLLLoss()")),
    ("nll_without_log", CLASSIFY, ("nn.CrossEntropyLoss()", "nn.NLLLoss()"), ("self.linear(h_n[-1])", "self.linear(h_n[-1]).softmax(1)")),
    ("relu_output", CLASSIFY, ("self.linear(h_n[-1])", "F.relu(self.linear(h_n[-1]))")),
    ("out_of_reach", REGRESS, (".squeeze(1)", ".squeeze(1).sigmoid()")),
    ("out_of_reach", REGRESS, ("self.linear(output[:, -1]).squeeze(1)", "output[:, -1, 0]"), ("nn.MSELoss()", "lambda output, y: (output - y).square().mean()")),
    ("labels_out_of_range", CLASSIFY, ("torch.arange(12) % 4", "torch.arange(12) % 4 + 1")),
    ("labels_out_of_range", PACKED, ("1.0, 1.0, 0.0", "1.0, 2.0, 0.0")),
    ("broadcast", REGRESS, (".squeeze(1)", "")),
    ("broadcast", REGRESS, (".squeeze(1)", ""), ("nn.MSELoss()", "lambda output, y: ((output - y) ** 2).mean()")),
    ("padding_in_loss", TAG, ("tags[row, length:] = -100", "tags[row, length:] = 0")),
    # None of these.
    ("not_learned", CLASSIFY, ("batch = x, y", "batch = x.sign()[:, :1].abs() * torch.rand(12, 1, 3).mul(1e-4).add(1).repeat(1, 9, 1), y")),
]  # fmt: skip


def program(source: str, *replacements: tuple[str, str]) -> tuple:
    """Run a program with fragments replaced; return its model, loss and batch."""
    for old, new in replacements:
        assert source.count(old) == 1, f"{old!r} occurs {source.count(old)} times"
        source = source.replace(old, new)
    scope = {
        "torch": torch,
        "nn": nn,
        "F": F,
        "pack_padded_sequence": pack_padded_sequence,
        "pad_packed_sequence": pad_packed_sequence,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        exec(dedent(source), scope)
    return scope["model"], scope["loss"], scope["batch"]
