"""Keep weights and the state of a training run in safetensors files.

Every file is written whole or not at all: under another name first, flushed to the disk, then
renamed. A process killed at any moment leaves the old file or the new one.
"""

import json
import os
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

PART = ".part"  # ends the name of a file that is still being written


def write_whole(path: Path, data: bytes) -> None:
    """Write a file in such a way that nobody ever finds half of it.

    Args:
        path: replaced if it exists.
        data: the whole content.

    Raises:
        OSError: if the file cannot be written; it is then as it was.
    """
    part = path.with_name(path.name + PART)
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def save_weights(model: nn.Module, path: Path) -> None:
    """Write a model's parameters and buffers, under their own names.

    Args:
        model: any module.
        path: a ``.safetensors`` file, replaced if it exists.
    """
    write_whole(Path(path), safetensors.torch.save(_contiguous(model.state_dict())))


def load_weights(model: nn.Module, path: Path) -> None:
    """Read parameters and buffers into a model of the same shape.

    Args:
        model: changed in place.
        path: written by ``save_weights``.

    Raises:
        ValueError: if the file is damaged or its tensors do not fit the model.
        OSError: if it cannot be read.
    """
    tensors, _ = _read(Path(path))
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"{path} does not hold the weights of this model: {error}") from error


def save_checkpoint(
    path: Path,
    model: nn.Module,
    best_weights: dict[str, Tensor],
    optimizer: Optimizer,
    scheduler: LRScheduler,
    history: list[dict],
    average: nn.Module | None = None,
) -> None:
    """Write all that a training run needs to go on as if nothing had happened.

    Args:
        path: a ``.safetensors`` file, replaced if it exists.
        model: with the weights of the last epoch.
        best_weights: the state_dict of the best epoch so far.
        optimizer: its moments go into tensors, its settings into the file's metadata.
        scheduler: goes into the metadata.
        history: one dict an epoch; goes into the metadata.
        average: of the weights over the steps, if the run keeps one.
    """
    state = optimizer.state_dict()
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best_weights.items()}
    for k, moments in state["state"].items():
        tensors |= {f"optimizer.{k}.{name}": value for name, value in moments.items()}
    if average is not None:
        tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    tensors["random"] = torch.get_rng_state()
    settings = {"param_groups": state["param_groups"], "scheduler": scheduler.state_dict()}
    metadata = {"training": json.dumps({"history": history, **settings})}
    write_whole(Path(path), safetensors.torch.save(_contiguous(tensors), metadata))


def load_checkpoint(
    path: Path,
    model: nn.Module,
    optimizer: Optimizer,
    scheduler: OneCycleLR,
    average: nn.Module | None = None,
) -> tuple[list[dict], dict[str, Tensor]]:
    """Put everything back as it was, torch's global random generator included.

    Args:
        path: written by ``save_checkpoint``.
        model: changed in place, as are the optimizer and the scheduler.
        optimizer: made anew, over the same parameters.
        scheduler: made anew, over the same number of steps.
        average: made anew, if the run keeps one; changed in place.

    Returns:
        The history, and the state_dict of the best epoch so far.

    Raises:
        ValueError: if the file is damaged, is no checkpoint, or belongs to a run of another length.
        OSError: if it cannot be read.
    """
    tensors, metadata = _read(Path(path))
    if "training" not in metadata:
        raise ValueError(f"{path} holds weights only, and no training run to go on with")
    training = json.loads(metadata["training"])
    expected, came = scheduler.total_steps, training["scheduler"]["total_steps"]
    if came != expected:
        raise ValueError(f"expected the checkpoint of a run of {expected} steps, got {came}")
    model.load_state_dict(_under("model.", tensors))
    if average is not None:
        average.load_state_dict(_under("average.", tensors))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in _under("optimizer.", tensors).items():
        k, kind = name.split(".")
        moments.setdefault(int(k), {})[kind] = value
    optimizer.load_state_dict({"state": moments, "param_groups": training["param_groups"]})
    scheduler.load_state_dict(training["scheduler"])
    torch.set_rng_state(tensors["random"])
    return training["history"], _under("best.", tensors)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    data = path.read_bytes()
    try:
        tensors = safetensors.torch.load(data)
        with safe_open(path, framework="pt") as file:
            return tensors, file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged or no safetensors file ({error})") from error


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.contiguous() for name, value in tensors.items()}
