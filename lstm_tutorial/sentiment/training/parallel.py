"""Train with several processes: each computes the gradients of its part of every batch.

``torchrun`` starts the processes and restarts them, ``DistributedDataParallel`` (DDP) averages
their gradients. This module splits the batches and weighs the parts, so that a step is that of one
process with the whole batch. In a process that ``torchrun`` did not start, nothing here has any
effect.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from lstm_tutorial.sentiment.data.batches import Batch, PartSampler

NEEDED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")  # torchrun sets them
CPU = torch.device("cpu")

T = TypeVar("T")


@contextmanager
def process_group() -> Iterator[None]:
    """Join the other processes that ``torchrun`` started: with nccl on GPUs, with gloo on CPUs.

    A group that already exists is used and kept.

    Raises:
        ValueError: if only some of torchrun's variables are set, or there are more processes than
            GPUs.
        RuntimeError: if the other processes cannot be reached.
    """
    if is_parallel() or not {"RANK", "WORLD_SIZE"} & os.environ.keys():
        yield
        return
    lacking = [name for name in NEEDED if name not in os.environ]
    if lacking:
        raise ValueError(
            f"expected the variables {', '.join(NEEDED)}, got no {', '.join(lacking)}: start the "
            f"processes with torchrun --nproc_per_node 2 -m lstm_tutorial train ..., or unset "
            f"RANK and WORLD_SIZE to train with one"
        )
    backend = _backend(int(os.environ["LOCAL_RANK"]), torch.cuda.device_count())
    store, rank, processes = next(dist.rendezvous("env://"))
    store = dist.PrefixStore(_attempt(), store)
    dist.init_process_group(backend, store=store, rank=rank, world_size=processes)
    try:
        yield
    finally:
        dist.destroy_process_group()


def _attempt() -> str:
    """Name the processes' start, because torchrun's store still has the addresses of earlier ones.

    Only on one machine do all processes have the same count of restarts. For several, start
    torchrun with ``TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1``: each start then has a store of its own.
    https://github.com/pytorch/pytorch/issues/135712
    """
    on_one = os.environ.get("LOCAL_WORLD_SIZE") == os.environ["WORLD_SIZE"]
    return f"start {os.environ.get('TORCHELASTIC_RESTART_COUNT', 0) if on_one else 0}"


def _backend(local_rank: int, gpus: int) -> str:
    if gpus == 0:
        return "gloo"
    if local_rank >= gpus:
        raise ValueError(
            f"expected a GPU for each process, got {gpus} GPUs and a process {local_rank}: use "
            f"--nproc_per_node {gpus}, or train on CPUs with CUDA_VISIBLE_DEVICES= before torchrun"
        )
    torch.cuda.set_device(local_rank)
    return "nccl"


def is_parallel() -> bool:
    """Tell whether this process trains together with others."""
    return dist.is_available() and dist.is_initialized()


def rank() -> int:
    """Return this process's number, from 0."""
    return dist.get_rank() if is_parallel() else 0


def is_first() -> bool:
    """Tell whether this is process 0, or the only one: it alone writes files and prints."""
    return rank() == 0


def processes() -> int:
    """Count the processes that train together."""
    return dist.get_world_size() if is_parallel() else 1


def device() -> torch.device:
    """Return this process's GPU if it has one of its own, otherwise the CPU."""
    on_gpu = is_parallel() and dist.get_backend() == "nccl"
    return torch.device("cuda", torch.cuda.current_device()) if on_gpu else CPU


def part_of(loader: DataLoader) -> DataLoader:
    """Make a loader of this process's part of every batch; alone, return the loader itself."""
    if not is_parallel():
        return loader
    return DataLoader(
        loader.dataset,
        batch_sampler=PartSampler(loader.batch_sampler, rank(), processes()),  # type: ignore[arg-type]
        collate_fn=loader.collate_fn,
        generator=torch.Generator(),
    )


def weighed(loader: DataLoader) -> Iterator[tuple[Batch, int, float]]:
    """Yield each batch, how many of its reviews count, and the weight of their mean loss.

    DDP divides the sum of the gradients by the number of processes, whatever the sizes of the
    parts: with the weight ``processes * own / whole``, the result is the mean over all reviews.
    """
    sampler = getattr(loader, "batch_sampler", None)
    if not isinstance(sampler, PartSampler):
        for batch in loader:
            yield batch, len(batch.labels), 1.0
        return
    for batch, (own, whole) in zip(loader, sampler.sizes(), strict=True):
        yield batch, own, sampler.processes * own / whole


def total(loader: DataLoader, *sums: float) -> list[float]:
    """Add up the sums of all processes if each has a part of the loader's batches."""
    if not isinstance(getattr(loader, "batch_sampler", None), PartSampler):
        return list(sums)
    together = torch.tensor(sums, dtype=torch.float64, device=device())
    dist.all_reduce(together)
    return together.tolist()


def averaging(model: nn.Module) -> nn.Module:
    """Wrap a model so that its backward pass averages gradients; alone, return it as it is."""
    return DistributedDataParallel(model, forward_sync_buffers=False) if is_parallel() else model


def draw_differently() -> None:
    """Seed the random numbers of processes 1, 2, ..., so that not all drop the same units."""
    if not is_first():
        torch.manual_seed(torch.initial_seed() + rank())


def gather(tensor: Tensor) -> Tensor:
    """Stack the tensors of all processes, on the CPU; alone, return the tensor itself."""
    if not is_parallel():
        return tensor
    found = [torch.empty_like(tensor, device=device()) for _ in range(processes())]
    dist.all_gather(found, tensor.to(device()))
    return torch.stack(found).cpu()


def on_first(find: Callable[[], T]) -> T:
    """Let process 0 call a function, and return or raise in all what it returns or raises there."""
    if not is_parallel():
        return find()
    answer: list = [None, None]
    if is_first():
        try:
            answer[0] = find()
        except (OSError, ValueError) as error:
            answer[1] = error
    dist.broadcast_object_list(answer)
    if answer[1] is not None:
        raise answer[1]
    return answer[0]
