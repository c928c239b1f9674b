"""``check.cell`` with a declared variant: right steps pass, and slips in them are named."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lstm_tutorial import check, variants
from lstm_tutorial.check.cell import changes, wrong_steps
from lstm_tutorial.check.variants import VARIANTS
from tests.check.check_slips import STEP, slipped
from tests.check.variant_slips import RIGHT, SLIPS


def normed(width: int, gain, shift=None) -> nn.Module:
    norm = nn.LayerNorm(width, bias=shift is not None).double()
    del norm.weight, norm.bias
    norm.weight, norm.bias = gain, shift
    return norm


def package_coupled(x, hx, weight_ih, weight_hh, bias_ih, bias_hh):
    return variants.coupled_step(F.linear(x, weight_ih, bias_ih), hx, weight_hh, bias_hh)


def package_peephole(x, hx, weight_ih, weight_hh, bias_ih, bias_hh, peephole):
    projected = F.linear(x, weight_ih, bias_ih)
    return variants.peephole_step(projected, hx, weight_hh, bias_hh, peephole)


def package_layer_norm(x, hx, weight_ih, weight_hh, bias_ih, bias_hh, *norms):
    gain_ih, gain_hh, gain_c, bias_c = norms
    projected = F.layer_norm(x @ weight_ih.T, gain_ih.shape, gain_ih, bias_ih)
    norm_hh, norm_c = normed(len(gain_hh), gain_hh, bias_hh), normed(len(gain_c), gain_c, bias_c)
    return variants.layer_norm_step(projected, hx, weight_hh, norm_hh, norm_c)


PACKAGE = {
    "coupled": package_coupled,
    "peephole": package_peephole,
    "layer_norm": package_layer_norm,
}


def test_every_variant_has_right_code_here():
    assert set(VARIANTS) == set(RIGHT) == set(PACKAGE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_right_steps_pass(variant):
    for step in (slipped(RIGHT[variant]), PACKAGE[variant]):
        result = check.cell(step, variant=variant)
        assert result, str(result)
        assert (result.configurations, result.mistake) == (10, None)


@pytest.mark.parametrize("slip", SLIPS, ids=[f"{k}-{s[1]}" for k, s in enumerate(SLIPS)])
def test_slip_in_a_variant_is_named(slip):
    variant, mistake, *replacements = slip
    result = check.cell(slipped(RIGHT[variant], *replacements), variant=variant)
    assert not result
    assert result.mistake == mistake, str(result)
    assert " And: " not in result.diagnosis


@pytest.mark.parametrize("name", VARIANTS)
def test_every_wrong_step_of_a_variant_is_told_apart_from_every_other(name):
    variant = VARIANTS[name]
    own = list(variant.changes(changes()))
    assert len(own) > 30
    for wrong in wrong_steps(variant.step, own):
        assert check.cell(wrong.made, variant=name).diagnosis == wrong.diagnosis


def test_two_mistakes_in_a_variant_are_both_named():
    step = slipped(RIGHT["peephole"], ("p_o * new_c", "p_o * c"), ("torch.tanh(g)", "g"))
    result = check.cell(step, variant="peephole")
    assert result.mistake == "peephole_old_c"
    assert result.diagnosis.endswith(f"And: {check.MISTAKES['tanh_missing_on_g']}")


def test_a_variant_is_not_a_plain_step_and_a_plain_step_not_a_variant():
    assert not check.cell(slipped(RIGHT["coupled"]))
    plain = slipped(STEP, ("bias_ih, bias_hh):", "bias_ih, bias_hh, peephole):"))
    assert "No gate sees it." in check.cell(plain, variant="peephole").diagnosis


def test_the_call_of_a_variant_is_told():
    result = check.cell(slipped(STEP), variant="peephole")
    assert result.mistake == "raised"
    assert "bias_ih, bias_hh, peephole)" in result.look_at


def test_an_unknown_variant_is_told_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'coupled', 'layer_norm', 'peephole', got 'gru'"):
        check.cell(slipped(STEP), variant="gru")


def test_a_class_is_not_checked_as_a_variant():
    with pytest.raises(TypeError, match="a function for a variant, got the class LSTMCell"):
        check.cell(torch.nn.LSTMCell, variant="coupled")
