"""What each of two processes does for ``test_parallel.py``, started by torchrun.

Arguments: a folder, and ``undisturbed`` or ``killed``. In the latter, process 1 is killed in the
middle of the second epoch, unless torchrun has already restarted it.
"""

import os
import signal
import sys
from pathlib import Path

import torch

from lstm_tutorial.cli.commands import app
from lstm_tutorial.sentiment.data.batches import make_loader
from lstm_tutorial.sentiment.models.bilstm import BiLSTMClassifier
from lstm_tutorial.sentiment.runs import pipeline
from lstm_tutorial.sentiment.training import evaluate, parallel, train_epoch

SIZES = {"train": 200, "test": 61}
OPTIONS = "--corpus built-in --embedding-dim 8 --hidden-size 8 --epochs 4 --patience 4 --threads 1"
OPTIONS += " --max-length 24 --lr 0.02 --batch-size 11 --ema 0.5"
NO_DROPOUT = f"{OPTIONS} --dropout 0 --word-dropout 0"
STEPS = 17  # in an epoch of 180 reviews: the parts of a batch are uneven, and the last has 4


def examples(n=16):
    """Reviews of unequal length, of which the last of four batches has one."""
    random = torch.Generator().manual_seed(3)
    lengths = torch.randint(1, 9, (n,), generator=random).tolist()
    ids = [torch.randint(2, 20, (length,), generator=random).tolist() for length in lengths]
    return [(one, k % 2) for k, one in enumerate(ids)]


def gradients(wrap=lambda model: model):
    """The gradients of every step of an epoch whose learning rate is 0, and what it measured."""
    torch.manual_seed(0)
    model = BiLSTMClassifier(20, 6, 5)
    loader = parallel.part_of(make_loader(examples(), 5, shuffle=True))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer)
    seen = []

    def keep(*_):
        seen.append([p.grad.clone() for p in model.parameters()])

    optimizer.register_step_pre_hook(keep)
    trained = train_epoch(wrap(model), loader, optimizer, scheduler, max_norm=1e9)
    return {"gradients": seen, "trained": trained, "evaluated": evaluate(model, loader)}


def kill_this_process(after, mark):
    step, left = torch.optim.Adam.step, after

    def stepped(optimizer, closure=None):
        nonlocal left
        step(optimizer)
        left -= 1
        if left == 0:
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    torch.optim.Adam.step = stepped


def train(folder, options):
    try:
        app(["train", str(folder), *options.split()])
    except SystemExit as end:
        if end.code:
            raise


if __name__ == "__main__":
    folder, mode = Path(sys.argv[1]), sys.argv[2]
    pipeline.BUILT_IN_SIZES = SIZES
    rank, restarts = os.environ["RANK"], os.environ["TORCHELASTIC_RESTART_COUNT"]
    if mode == "undisturbed":
        with parallel.process_group():
            torch.save(gradients(parallel.averaging), folder / f"gradients-{rank}.pt")
            train(folder / "no-dropout", NO_DROPOUT)
            train(folder / "undisturbed", OPTIONS)
    else:
        if rank == "1" and restarts == "0":
            kill_this_process(STEPS + 2, folder / "was-killed")
        train(folder / "killed", f"{OPTIONS} --resume")
