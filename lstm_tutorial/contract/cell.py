"""The inputs that ``torch.nn.LSTMCell`` refuses, with torch 2.13's messages."""

from typing import Any

import torch
from torch import Tensor, nn


def are_tensors(hx: Any) -> bool:
    """Whether hx is a tuple or list of tensors and nothing else, as torch's parsers demand."""
    return isinstance(hx, tuple | list) and all(isinstance(state, Tensor) for state in hx)


def check_cell_ranks(input: Tensor, hx: Any) -> None:
    """Refuse an input or states of the wrong rank, with the errors of ``torch.nn.LSTMCell``."""
    if input.dim() not in (1, 2):
        raise ValueError(f"LSTMCell: Expected input to be 1D or 2D, got {input.dim()}D instead")
    for k, state in enumerate(() if hx is None else hx):
        if state.dim() not in (1, 2):
            raise ValueError(
                f"LSTMCell: Expected hx[{k}] to be 1D or 2D, got {state.dim()}D instead"
            )


def check_cell_sizes(cell: nn.Module, input: Tensor, hx: Any) -> None:
    """Refuse a batch or states of the wrong size, with the errors of ``torch.nn.LSTMCell``."""
    if not are_tensors(hx):  # torch's argument parser says it in its own words
        torch.lstm_cell(input, hx, *cell.parameters())
    if len(hx) != 2:
        raise RuntimeError("lstm_cell expects two hidden states")
    n, features = input.shape
    if features != cell.input_size:
        raise RuntimeError(
            f"input has inconsistent input_size: got {features} expected {cell.input_size}"
        )
    for k, state in enumerate(hx):
        if state.size(0) != n:
            raise RuntimeError(
                f"Input batch size {n} doesn't match hidden{k} batch size {state.size(0)}"
            )
        if state.size(1) != cell.hidden_size:
            raise RuntimeError(
                f"hidden{k} has inconsistent hidden_size: "
                f"got {state.size(1)}, expected {cell.hidden_size}"
            )
