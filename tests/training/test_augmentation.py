"""Augmentation: what each transform may and may not do, and how often."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ccta_lib.errors import ParameterError
from ccta_lib.training import augmentation
from ccta_lib.training.augmentation import augment, augmentation_strength
from ccta_lib.training.schedule import rate_factor
from ccta_lib.training.settings import TRANSFORMS


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def only(monkeypatch, name):
    for other in ("SHIFT", "AMPLITUDE", "NOISE", "BLANK"):
        monkeypatch.setattr(augmentation, f"{other}_PROBABILITY", 1.0 if other == name else 0.0)


def signals(n=400, leads=3, samples=200):
    return torch.randn(n, leads, samples, generator=generator(9)) + 3


def test_nothing_at_strength_zero():
    x = signals(20)
    assert torch.equal(augment(x, 0.0, generator=generator()), x)


def test_shift_rolls_all_leads_together(monkeypatch):
    only(monkeypatch, "SHIFT")
    x = signals(100)
    y = augment(x, 1.0, generator=generator())
    shifts = []
    for a, b in zip(x, y, strict=True):
        fits = [s for s in range(-20, 21) if torch.equal(torch.roll(a, s, -1), b)]
        assert len(fits) == 1
        shifts += fits
    assert min(shifts) <= -18
    assert max(shifts) >= 18


def test_amplitude_is_one_factor_per_ecg(monkeypatch):
    only(monkeypatch, "AMPLITUDE")
    x = signals(200)
    ratio = (augment(x, 1.0, generator=generator()) / x).flatten(1)
    assert torch.allclose(ratio, ratio[:, :1].expand_as(ratio), atol=1e-4)
    assert 0.9 - 1e-4 <= ratio.min() < 0.91
    assert 1.09 < ratio.max() <= 1.1 + 1e-4


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_noise_has_the_stated_size(monkeypatch, strength):
    only(monkeypatch, "NOISE")
    x = signals(400)
    noise = augment(x, strength, generator=generator()) - x
    hit = noise.abs().sum((1, 2)) > 0
    assert abs(hit.float().mean() - strength) < 0.08
    assert noise[hit].std() == pytest.approx(0.02 * strength, rel=0.02)
    assert noise.abs().max() <= 0.1 + 1e-6


def test_blank_is_one_stretch_of_two_to_ten_percent(monkeypatch):
    only(monkeypatch, "BLANK")
    x = signals(300)
    y = augment(x, 1.0, generator=generator())
    blanked = y == 0
    assert (blanked == blanked[:, :1]).all()
    lengths = blanked[:, 0].sum(-1)
    assert lengths.min() >= 4
    assert lengths.max() <= 20
    edges = blanked[:, 0].int().diff(dim=-1).abs().sum(-1)
    assert edges.max() <= 2
    assert torch.equal(y[~blanked], x[~blanked])


def test_probabilities_scale_with_strength():
    x = signals(4000, 1, 50)
    y = augment(x, 0.5, generator=generator())
    untouched = (x == y).flatten(1).all(1).float().mean().item()
    # A shift by zero leaves an ECG as it is, too: 1 in 11.
    expected = (1 - 0.4 * 10 / 11) * (1 - 0.4) * (1 - 0.25) * (1 - 0.15)
    assert untouched == pytest.approx(expected, abs=0.03)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 100), st.floats(0, 1))
def test_same_generator_same_result_and_input_kept(seed, strength):
    x = signals(6)
    before = x.clone()
    assert torch.equal(
        augment(x, strength, generator=generator(seed)), augment(x, strength, generator=generator(seed))
    )
    assert torch.equal(x, before)


def test_strength_runs_from_one_to_one_half():
    values = [augmentation_strength(e, 100) for e in range(101)]
    assert values[0] == 1
    assert values[-1] == pytest.approx(0.5)
    assert values[50] == pytest.approx(0.75)
    assert (np.diff(values) < 0).all()


def test_other_schedules_end_elsewhere():
    printed = [augmentation_strength(e, 100, schedule="printed") for e in range(101)]
    # Equation 3 of the paper, term by term.
    assert printed == pytest.approx([0.5 + 0.5 * np.cos(np.pi * e / 100) for e in range(101)])
    assert {augmentation_strength(e, 100, schedule="constant") for e in range(101)} == {1.0}


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 100), st.floats(0.1, 1), st.sets(st.sampled_from(TRANSFORMS)), st.sampled_from(TRANSFORMS)
)
def test_a_transform_left_out_leaves_the_others_and_the_generator_alone(seed, strength, kept, left_out):
    x = signals(12, 2, 100)
    states = []
    for transforms in (TRANSFORMS, tuple(kept), tuple(t for t in TRANSFORMS if t != left_out)):
        g = generator(seed)
        augment(x, strength, generator=g, transforms=transforms)
        states.append(g.get_state())
    assert torch.equal(states[0], states[1])
    assert torch.equal(states[0], states[2])


def test_each_left_out_is_gone_and_the_rest_as_drawn():
    x = signals(60, 3, 200)

    def with_(*transforms):
        return augment(x, 1.0, generator=generator(4), transforms=transforms)

    assert torch.equal(with_(), x)
    full = with_(*TRANSFORMS)
    shifted, scaled, noisy, blanked = (with_(t) for t in TRANSFORMS)
    hidden = with_("blank", "shift") == 0
    assert torch.equal(hidden, blanked == 0)  # the same stretches, wherever the ECG has been shifted to
    # The full result is the single ones put together: roll, times the factor, plus the noise, minus the stretch.
    factor = (scaled / x)[:, :1, :1]
    expected = (shifted * factor + (noisy - x)).masked_fill(hidden, 0.0)
    torch.testing.assert_close(full, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        with_("shift", "amplitude", "noise"), shifted * factor + (noisy - x), atol=1e-5, rtol=1e-5
    )
    for one, other in zip((shifted, scaled, noisy, blanked), TRANSFORMS, strict=True):
        assert not torch.equal(one, x)
        rest = with_(*(t for t in TRANSFORMS if t != other))
        assert not torch.equal(rest, full)


def test_wrong_input_is_refused():
    with pytest.raises(ParameterError, match=r"transform 'flip' is unknown; known are shift, amplitude"):
        augment(signals(2), 1.0, generator=generator(), transforms=("flip",))
    with pytest.raises(
        ParameterError, match="schedule is 'linear'; expected one of paper, printed, constant"
    ):
        augmentation_strength(0, 5, schedule="linear")
    with pytest.raises(ParameterError, match=r"strength is 1\.5"):
        augment(signals(2), 1.5, generator=generator())
    with pytest.raises(ParameterError, match="shape"):
        augment(torch.zeros(3, 4), 1.0, generator=generator())
    with pytest.raises(ParameterError, match="epoch 7 of 5"):
        augmentation_strength(7, 5)


def test_schedule_by_hand():
    factors = [rate_factor(s, 100) for s in range(100)]
    assert factors[0] == 0
    assert factors[5] == pytest.approx(0.5)
    assert factors[10] == 1
    assert factors[55] == pytest.approx(0.01 + 0.99 * 0.5)
    assert 0.01 <= factors[99] < 0.011
    assert rate_factor(0, 5) == 1  # too short for a warm-up
    with pytest.raises(ParameterError):
        rate_factor(100, 100)
