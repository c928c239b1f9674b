"""``to_pt2`` promises programs for torch.export.load and AOTInductor that give the same results."""

import random
import subprocess
import sys

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from lstm_tutorial.export import to_pt2
from tests.export.models import Many, draw
from tests.export.test_onnx import IDS, LENGTHS, Tagger
from tests.lstm.equality import needs_compiler


def test_every_form_gives_the_modules_results_after_loading(tmp_path):
    model, path = Many(draw(random.Random(1))[:6]).eval(), tmp_path / "model.pt2"
    to_pt2(model, path, model.batch(3, 5))
    program = torch.export.load(path).module()
    for n, length in [(2, 9), (7, 3)]:
        given = model.batch(n, length, seed=n)
        for ours, theirs in zip(program(*given), model(*given), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_projections_are_exported(tmp_path):
    lstm = nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2).eval()
    x, path = torch.randn(5, 3, 3), tmp_path / "model.pt2"
    to_pt2(lstm, path, (x,))
    longer = torch.randn(9, 2, 3)
    ours = tree_leaves(torch.export.load(path).module()(longer))
    for mine, theirs in zip(ours, tree_leaves(lstm(longer)), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-5)


def test_the_file_is_loaded_by_a_program_without_this_package(tmp_path):
    path, model = tmp_path / "tagger.pt2", Tagger(1).eval()
    to_pt2(model, path, (IDS, LENGTHS))
    program = f"""
import sys, torch
model = torch.export.load({str(path)!r}).module()
tags = model(torch.tensor([[1, 2, 3]] * 2), torch.tensor([3, 1]))
assert "lstm_tutorial" not in sys.modules
print(*tags.flatten().tolist())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    theirs = model(torch.tensor([[1, 2, 3]] * 2), torch.tensor([3, 1])).flatten().detach()
    ours = torch.tensor([float(word) for word in done.stdout.split()])
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@needs_compiler
def test_a_program_compiled_ahead_of_time_gives_the_same_results(tmp_path):
    model = Tagger(1).eval()
    program = to_pt2(model, tmp_path / "tagger.pt2", (IDS, LENGTHS))
    compiled = torch._inductor.aoti_load_package(
        torch._inductor.aoti_compile_and_package(program, package_path=str(tmp_path / "aoti.pt2"))
    )
    ids, lengths = torch.randint(9, (4, 7)), torch.tensor([2, 7, 1, 5])
    torch.testing.assert_close(compiled(ids, lengths), model(ids, lengths), rtol=0, atol=1e-5)
