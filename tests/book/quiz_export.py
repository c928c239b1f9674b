"""What proves the quiz of the chapter on saving and exporting."""

import io
import sys
import types
import warnings

import onnxruntime
import torch
from torch import nn

from lstm_tutorial import convert
from tests.book.quizzes import proves


@proves("quiz-export-moved")
def file_that_survives_a_move(choice: str) -> bool:
    class Tagger(nn.LSTM):
        pass

    before, file = types.ModuleType("before"), io.BytesIO()
    Tagger.__module__, Tagger.__qualname__, before.Tagger = "before", "Tagger", Tagger
    sys.modules["before"] = before
    model = Tagger(3, 4)
    saved = {
        "The one from torch.save(model)": model,
        "The one from torch.save(model.state_dict())": model.state_dict(),
    }
    if choice not in saved:
        return not any(file_that_survives_a_move(each) for each in saved)
    torch.save(saved[choice], file)
    del sys.modules["before"]
    file.seek(0)
    try:
        Tagger(3, 4).load_state_dict(torch.load(file, weights_only=choice != next(iter(saved))))
    except ModuleNotFoundError:
        return False
    return True


@proves("quiz-export-pattern")
def cause_of_a_difference_at_other_lengths(choice: str) -> bool:
    lstm, drop = nn.LSTM(4, 5, batch_first=True), nn.Dropout(0.5)
    files = {
        "Rounding": lambda x: lstm.float()(x)[0].mean(1),
        "Dropout in the file": lambda x: drop(lstm(x)[0]).mean(1),
        "The length is a constant in the file": lambda x: lstm(x)[0].sum(1) / 7,
    }
    with torch.no_grad():
        at_seven, at_nine = (
            float((files[choice](x) - lstm.double()(x.double())[0].mean(1)).abs().max())
            if choice == "Rounding"
            else float((files[choice](x) - lstm(x)[0].mean(1)).abs().max())
            for x in (torch.randn(3, 7, 4), torch.randn(3, 9, 4))
        )
    return at_seven < 1e-6 and at_nine > 1e-3


@proves("quiz-export-zeros")
def states_made_by_len(choice: str) -> bool:
    class Zeros(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(4, 5, batch_first=True, bidirectional=True)

        def forward(self, x):
            zeros = torch.zeros(2, len(x), 5)
            return self.lstm(x, (zeros, zeros))[0]

    model, file, x = Zeros().eval(), io.BytesIO(), torch.randn(5, 7, 4)
    axes = {"x": {0: "batch"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (x[:3],), file, dynamo=False, input_names=["x"], dynamic_axes=axes)
    session = onnxruntime.InferenceSession(file.getvalue())
    try:
        (found,) = session.run(None, {"x": x.numpy()})
    except onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument:
        return choice == "An error"
    right = torch.allclose(torch.from_numpy(found), model(x), atol=1e-5)
    return choice == ("The results are right" if right else "Wrong results, without an error")


@proves("quiz-export-kernel")
def module_for_a_kernel(choice: str) -> bool:
    state = convert.from_tensorflow1((torch.randn(164, 400), torch.randn(400)))
    lstm = nn.LSTM(*map(int, choice.removeprefix("nn.LSTM(").removesuffix(")").split(",")))
    try:
        lstm.load_state_dict(state)
    except RuntimeError:
        return False
    return True
