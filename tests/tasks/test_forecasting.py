"""Forecasting: windows cut where they say, no target outside its part, measures by hand."""

import pytest
import torch

from lstm_tutorial.tasks import forecasting as fc

SERIES = torch.arange(20.0, dtype=torch.float64)


def test_sunspots_are_260_years_of_months():
    series = fc.sunspots()
    assert (series.shape, series.dtype) == ((260 * 12,), torch.float32)
    assert series[:2].tolist() == pytest.approx([58.0, 62.6])
    assert series[-1].item() == pytest.approx(0.8)
    assert series.min() >= 0


def test_the_sunspot_cycle_takes_about_eleven_years():
    years = fc.sunspots().view(260, 12).mean(1)
    centred = years - years.mean()
    similar = {lag: (centred[lag:] * centred[:-lag]).mean().item() for lag in range(5, 16)}
    assert max(similar, key=similar.get) in (10, 11)


def test_windows_are_the_slices_of_a_loop():
    x, y, firsts = fc.windows(SERIES, 5, 3)
    assert (x.shape, y.shape) == ((13, 5, 1), (13, 3))
    for n, first in enumerate(firsts.tolist()):
        assert torch.equal(x[n, :, 0], SERIES[first - 5 : first])
        assert torch.equal(y[n], SERIES[first : first + 3])


def test_only_the_first_of_several_features_is_a_target():
    x, y, _ = fc.windows(torch.stack([SERIES, -SERIES], 1), 5, 3)
    assert torch.equal(x[..., 1], -x[..., 0])
    assert torch.equal(y, fc.windows(SERIES, 5, 3)[1])


@pytest.mark.parametrize(("length", "horizon"), [(18, 3), (0, 3), (5, 0)])
def test_windows_that_do_not_fit_are_refused(length, horizon):
    with pytest.raises(ValueError, match=f"20 steps, got {length} \\+ {horizon}"):
        fc.windows(SERIES, length, horizon)


def test_a_series_of_three_axes_is_refused():
    with pytest.raises(ValueError, match=r"expected a series .* got \(2, 3, 4\)"):
        fc.windows(torch.zeros(2, 3, 4), 1, 1)


def test_parts_share_no_target_and_leave_out_those_across_a_border():
    _, y, firsts = fc.windows(SERIES, 5, 3)
    training, test = (fc.within(firsts, 3, *part) for part in ((0, 12), (12, 20)))
    assert not (training & test).any()
    assert (y[training].max().item(), y[test].min().item()) == (11, 12)  # values are steps
    assert (training | test).logical_not().sum() == 2


def test_seasonal_naive_repeats_the_last_season():
    series = torch.tensor([0.0, 1, 2, 0, 1, 2, 0, 1])
    forecast = fc.seasonal_naive(series, torch.tensor([3, 5]), 5, 3)
    assert forecast.tolist() == [[0, 1, 2, 0, 1], [2, 0, 1, 2, 0]]


def test_period_one_repeats_the_last_value():
    assert fc.seasonal_naive(SERIES, torch.tensor([4]), 3, 1).tolist() == [[3, 3, 3]]


@pytest.mark.parametrize("period", [0, 5])
def test_a_season_that_was_not_observed_is_refused(period):
    with pytest.raises(ValueError, match=f"between 1 and the first target's step 4, got {period}"):
        fc.seasonal_naive(SERIES, torch.tensor([4]), 3, period)


def test_smoothing_is_a_mean_with_geometric_weights():
    series, alpha = torch.randn(9, dtype=torch.float64), 0.3
    weights = alpha * (1 - alpha) ** torch.arange(8, -1, -1, dtype=torch.float64)
    weights[0] = 0.7**8  # the first level is the first value
    assert weights.sum().item() == pytest.approx(1)
    torch.testing.assert_close(fc.smooth(series, alpha)[-1], weights @ series)


def test_smoothing_equals_that_of_statsmodels():
    """statsmodels 0.15.0: SimpleExpSmoothing, known initial level, smoothing_level=0.4."""
    series = torch.tensor([58.0, 62.6, 70.0, 55.7, 85.0, 83.5, 94.8], dtype=torch.float64)
    theirs = [58.0, 59.84, 63.904, 60.6224, 70.37344, 75.624064, 83.2944384]
    assert fc.smooth(series, 0.4).tolist() == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 1.1])
def test_an_alpha_outside_its_range_is_refused(alpha):
    with pytest.raises(ValueError, match="expected alpha above 0 and at most 1"):
        fc.smooth(SERIES, alpha)


def test_a_walk_is_not_smoothed_and_noise_is_smoothed_much():
    torch.manual_seed(0)
    noise = torch.randn(400)
    assert fc.fit_alpha(noise.cumsum(0)) >= 0.85
    assert fc.fit_alpha(noise) <= 0.1


@pytest.mark.parametrize("period", [1, 2])
def test_mase_of_the_naive_forecast_on_its_own_training_part_is_one(period):
    series = torch.randn(30, dtype=torch.float64)
    errors = series[:-period] - series[period:]
    assert fc.mase(errors, series, period).mean().item() == pytest.approx(1)


def test_block_interval_by_hand():
    mean, half = fc.block_interval(torch.tensor([1.0, 3, 5, 7, 100]), 2)
    assert mean == pytest.approx(116 / 5)
    assert half == pytest.approx(12.706 * 8**0.5 / 2**0.5, rel=1e-4)  # blocks 2 and 6


def test_block_interval_has_its_coverage_although_scores_depend_on_each_other():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(500, 609, generator=generator)
    scores = noise.unfold(1, 10, 1).mean(2)  # each depends on 9 before it; the true mean is 0
    found = {}
    for block in (1, 60):
        intervals = [fc.block_interval(row, block) for row in scores]
        found[block] = sum(abs(mean) < half for mean, half in intervals) / 500
    assert found[1] < 0.6
    assert 0.9 < found[60] < 0.98


@pytest.mark.parametrize("block", [0, 3])
def test_fewer_than_two_blocks_are_refused(block):
    with pytest.raises(ValueError, match="expected two blocks or more"):
        fc.block_interval(torch.ones(5), block)


def test_pinball_is_smallest_at_the_quantile():
    targets, levels = torch.arange(101.0), torch.tensor([0.1, 0.5, 0.9])
    for k, level in enumerate(levels):
        losses = [fc.pinball(c.expand(101, 1), targets, levels[k : k + 1]) for c in targets]
        assert int(torch.stack(losses).argmin()) == round(100 * level.item())


def test_pinball_at_one_half_is_half_the_absolute_error():
    forecasts, targets = torch.randn(2, 8)
    loss = fc.pinball(forecasts[:, None], targets, torch.tensor([0.5]))
    torch.testing.assert_close(loss, (forecasts - targets).abs().mean() / 2)
