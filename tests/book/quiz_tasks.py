"""What proves the quizzes of the chapters on other tasks."""

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import nn

from lstm_tutorial.tasks import forecasting
from lstm_tutorial.tasks.streams import columns, run_with_resets, windows
from tests.book.quizzes import proves


@proves("quiz-streams-shuffled")
def state_for_shuffled_windows(choice: str) -> bool:
    lstm, pieces = nn.LSTM(1, 4), torch.randn(64, 8, 1)
    order = torch.randperm(64)
    first, second = pieces[order[:32]].transpose(0, 1), pieces[order[32:]].transpose(0, 1)
    _, (h, c) = lstm(first)
    states = {
        "Nothing": None,
        "The state of this batch, detached": (h.detach(), c.detach()),
        "The state of this batch, not detached": (h, c),
    }
    alone = torch.stack([lstm(row)[0] for row in second.unbind(1)], dim=1)
    return torch.allclose(lstm(second, states[choice])[0], alone, atol=1e-5)


@proves("quiz-streams-scored")
def scored_ids(choice: str) -> bool:
    read = windows(columns(torch.arange(1003), 10), 35)
    return sum(targets.numel() for _, targets in read) == int(choice.replace(",", ""))


@proves("quiz-streams-done")
def state_that_is_cleared(choice: str) -> bool:
    lstm, x, done = nn.LSTM(3, 4), torch.randn(9, 1, 3), torch.zeros(9, 1, dtype=torch.bool)
    done[5] = True
    after = torch.zeros_like(done)
    after[1:] = done[:-1]
    starts = {
        "The one that goes into step t": done,
        "The one that goes into step t+1": after,
        "The one at the end of the rollout": torch.zeros_like(done),
    }
    alone = torch.cat([lstm(episode)[0] for episode in (x[:6], x[6:])])
    return torch.allclose(run_with_resets(lstm, x, starts[choice])[0], alone, atol=1e-5)


@proves("quiz-streams-threads")
def what_goes_wrong_between_threads(choice: str) -> bool:
    lstm = nn.LSTM(3, 4).eval()
    before = [weight.clone() for weight in lstm.parameters()]
    streams = [torch.randn(20, 1, 3) for _ in range(4)]

    def read(stream):
        hx, outputs = None, []
        for x in stream:
            output, hx = lstm(x, hx)
            outputs.append(output)
        return torch.cat(outputs)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read, streams))
    changed = not all(map(torch.equal, before, lstm.parameters()))
    alone = [lstm(stream[:, 0])[0] for stream in streams]
    mixed = not all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found, alone, strict=True))
    truth = {"The states mix": mixed, "The weights change": changed}
    return truth.get(choice, not any(truth.values()))


@proves("quiz-streams-window")
def steps_that_the_carried_output_equals(choice: str) -> bool:
    lstm, x, hx = nn.LSTM(1, 4), torch.randn(100, 1, 1), None
    with torch.no_grad():  # gates that remember
        lstm.bias_ih_l0[4:8] = 3.0
    for x_t in x.split(1):
        carried, hx = lstm(x_t, hx)
    first = int(choice.split()[0])
    return torch.allclose(lstm(x[first - 1 :])[0][-1:], carried, atol=1e-5)


@proves("quiz-forecasting-walk")
def best_forecast_of_a_walk(choice: str) -> bool:
    past, target, _ = forecasting.windows(torch.randn(20_000).cumsum(0), 12, 1)
    past, target = past[..., 0], target[:, 0]
    forecasts = {
        "The mean of the last 12 values": past.mean(1),
        "The last value plus the last change": 2 * past[:, -1] - past[:, -2],
        "The last value": past[:, -1],
    }
    errors = {name: (f - target).square().mean().item() for name, f in forecasts.items()}
    return errors[choice] == min(errors.values())


@proves("quiz-forecasting-windows")
def number_of_windows(choice: str) -> bool:
    return len(forecasting.windows(torch.zeros(100), 10, 5)[0]) == int(choice)


@proves("quiz-forecasting-reverse")
def steps_that_have_read_their_target(choice: str) -> bool:
    lstm = nn.LSTM(1, 4, bidirectional=True, dtype=torch.float64)
    x = torch.randn(48, 1, 1, dtype=torch.float64, requires_grad=True)
    output, _ = lstm(x)
    read = 0
    for step in range(47):  # the last target is not in the window
        (slope,) = torch.autograd.grad(output[step].sum(), x, retain_graph=True)
        read += int(slope[step + 1].abs().item() > 0)
    return read == int(choice)


@proves("quiz-forecasting-pinball")
def cost_of_too_low_against_too_high(choice: str) -> bool:
    level = torch.tensor([0.9], dtype=torch.float64)
    target = torch.zeros(1, dtype=torch.float64)
    low, high = (forecasting.pinball(target[:, None] + d, target, level) for d in (-1, 1))
    times = {"As much": 1, "A ninth of it": 1 / 9, "9 times as much": 9}
    return abs((low / high).item() - times[choice]) < 1e-9
