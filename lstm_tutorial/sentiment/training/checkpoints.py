"""Save and load weights and the state of a training run, in safetensors files.

Files are written atomically: a process killed at any moment leaves the old file or the new one.
"""

import json
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from lstm_tutorial._files import write_whole
from lstm_tutorial.sentiment.training import parallel


def save_weights(model: nn.Module, path: Path) -> None:
    """Write a model's parameters and buffers, under their own names, to a ``.safetensors`` file."""
    write_whole(Path(path), safetensors.torch.save(_contiguous(model.state_dict())))


def load_weights(model: nn.Module, path: Path) -> None:
    """Read parameters and buffers into a model of the same shape, in place.

    Raises:
        ValueError: if the file is damaged or its tensors do not fit the model.
        OSError: if it cannot be read.
    """
    tensors, _ = _read(Path(path))
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"{path} does not contain the weights of this model: {error}") from error


def save_checkpoint(
    path: Path,
    model: nn.Module,
    best_weights: dict[str, Tensor],
    optimizer: Optimizer,
    scheduler: LRScheduler,
    history: list[dict],
    average: nn.Module | None = None,
) -> None:
    """Write everything a training run needs to continue as if it had not been interrupted.

    Of several processes all call it, and process 0 writes; the random states are those of all.

    Args:
        path: a ``.safetensors`` file, replaced if it exists.
        model: with the weights of the last epoch.
        best_weights: the state_dict of the best epoch so far.
        optimizer: its moments become tensors, its settings metadata.
        scheduler: becomes metadata.
        history: one dict per epoch; becomes metadata.
        average: of the weights over the steps, if the run computes one.
    """
    state = optimizer.state_dict()
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best_weights.items()}
    for k, moments in state["state"].items():
        tensors |= {f"optimizer.{k}.{name}": value for name, value in moments.items()}
    if average is not None:
        tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    tensors["random"] = parallel.gather(torch.get_rng_state())
    settings = {"param_groups": state["param_groups"], "scheduler": scheduler.state_dict()}
    metadata = {"training": json.dumps({"history": history, **settings})}
    if parallel.is_first():
        write_whole(Path(path), safetensors.torch.save(_contiguous(tensors), metadata))


def load_checkpoint(
    path: Path,
    model: nn.Module,
    optimizer: Optimizer,
    scheduler: OneCycleLR,
    average: nn.Module | None = None,
) -> tuple[list[dict], dict[str, Tensor]]:
    """Restore everything, including torch's global random generator.

    Args:
        path: written by ``save_checkpoint``.
        model: changed in place, like the optimizer, the scheduler and the average.
        optimizer: newly created, for the same parameters.
        scheduler: newly created, for the same number of steps.
        average: newly created, if the run computes one.

    Returns:
        The history, and the state_dict of the best epoch so far.

    Raises:
        ValueError: if the file is damaged, not a checkpoint, or from a run of another length or
            of another number of processes.
        OSError: if it cannot be read.
    """
    tensors, metadata = _read(Path(path))
    if "training" not in metadata:
        raise ValueError(f"{path} has only weights, not a training run to continue")
    training = json.loads(metadata["training"])
    expected, came = scheduler.total_steps, training["scheduler"]["total_steps"]
    if came != expected:
        raise ValueError(f"expected the checkpoint of a run of {expected} steps, got {came}")
    random = torch.atleast_2d(tensors["random"])  # one row for each process
    if len(random) != parallel.processes():
        raise ValueError(
            f"expected the checkpoint of {parallel.processes()} process(es), got that of "
            f"{len(random)}: continue with as many"
        )
    model.load_state_dict(_under("model.", tensors))
    if average is not None:
        average.load_state_dict(_under("average.", tensors))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in _under("optimizer.", tensors).items():
        k, kind = name.split(".")
        moments.setdefault(int(k), {})[kind] = value
    optimizer.load_state_dict({"state": moments, "param_groups": training["param_groups"]})
    scheduler.load_state_dict(training["scheduler"])
    torch.set_rng_state(random[parallel.rank()].clone())  # torch 2.13 crashes on a view of a row
    return training["history"], _under("best.", tensors)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    data = path.read_bytes()
    try:
        tensors = safetensors.torch.load(data)
        with safe_open(path, framework="pt") as file:
            return tensors, file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged or not a safetensors file ({error})") from error


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.contiguous() for name, value in tensors.items()}
