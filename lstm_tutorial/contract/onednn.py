"""What shows from outside where torch computes a whole LSTM in oneDNN's fused CPU kernel.

The numbers are those of the equations. The dtypes are the kernel's own: what it refuses, and what
it returns under autocast.
"""

from typing import Any

import torch
from torch import Tensor, nn

DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def is_fused(lstm: nn.Module, data: Tensor, batch_sizes: Tensor) -> bool:
    """Whether torch 2.13 leaves this call to oneDNN: it does where all lengths are equal.

    Args:
        lstm: the module that is called.
        data: float (sum(batch_sizes), H_in).
        batch_sizes: int64 (L,).
    """
    return (
        torch.backends.mkldnn.is_available()
        and torch.backends.mkldnn.enabled
        and data.device.type == "cpu"
        and data.dtype in (torch.float32, torch.bfloat16)
        and data.numel() > 0
        and lstm.proj_size == 0
        and bool(batch_sizes[0] == batch_sizes[-1])
    )


def check_dtypes(lstm: nn.Module, data: Tensor, batch_sizes: Tensor, hx: Any) -> None:
    """Refuse what oneDNN cannot compute with, in its words.

    Args:
        lstm: the module that is called.
        data: float (sum(batch_sizes), H_in).
        batch_sizes: int64 (L,).
        hx: None or a pair of states.

    Raises:
        RuntimeError: if the dtypes of the weights, of h and of c do not fit the data's.
    """
    if not is_fused(lstm, data, batch_sizes):
        return
    h, c = (data, data) if hx is None else hx
    weight = lstm.weight_ih_l0
    if any(tensor.dtype not in DTYPES for tensor in (h, c, weight)):
        raise RuntimeError("get_mkldnn_dtype: unsupported data type")
    fits = h.dtype == weight.dtype == data.dtype and c.dtype in (data.dtype, torch.float32)
    if not fits and not torch.is_autocast_enabled("cpu"):
        raise RuntimeError(
            "could not create a primitive descriptor for the LSTM forward propagation primitive. "
            "Run workload with environment variable ONEDNN_VERBOSE=all to get additional "
            "diagnostic information."
        )


def in_autocast_dtype(
    lstm: nn.Module, data: Tensor, batch_sizes: Tensor, results: list[Tensor]
) -> list[Tensor]:
    """Round float32 results to autocast's dtype where torch's fused kernel returns that.

    Args:
        lstm: the module that is called.
        data: float (sum(batch_sizes), H_in).
        batch_sizes: int64 (L,).
        results: what the equations gave.
    """
    device = data.device.type
    if not torch.amp.is_autocast_available(device) or not torch.is_autocast_enabled(device):
        return results
    if device == "cpu" and not is_fused(lstm, data, batch_sizes):
        return results
    dtype = torch.get_autocast_dtype(device)
    return [t.to(dtype) if t.dtype == torch.float32 else t for t in results]
