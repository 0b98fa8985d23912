"""The arithmetic of many ECGs, against operations counted by hand."""

import pytest

from ccta_lib.errors import ParameterError
from ccta_lib.model.net1d import NANO_CONFIG, Net1DConfig
from ccta_lib.training.estimate import Machine, count_flops, estimate


def by_hand(config: Net1DConfig, samples: int) -> float:
    """Multiply-adds of the convolutions and gates of a Net1D, times two, from its published shape."""
    samples = -(-samples // 2)
    total = samples * config.base_filters * config.in_channels * config.kernel_size
    width = config.base_filters
    for filters, blocks in zip(config.filter_list, config.m_blocks_list, strict=True):
        for block in range(blocks):
            total += samples * width * filters
            if block == 0:
                samples = -(-samples // 2)
            total += samples * filters * config.groups_width * config.kernel_size
            total += samples * filters * filters
            total += filters * (filters // 2) * 2
            width = filters
    return 2.0 * total


@pytest.mark.parametrize(("config", "samples"), [(NANO_CONFIG, 1000), (NANO_CONFIG, 640)])
def test_operations(config, samples):
    forward, backward = count_flops(config, samples)
    assert forward == pytest.approx(by_hand(config, samples), rel=0.03)
    # The gradient of the weights and that of the input, but none of the ECG itself.
    assert 1.6 < backward / forward < 2.1  # up to it, for what padding adds


def test_time_and_price():
    shape = {"config": NANO_CONFIG, "samples": 1000}
    forward, backward = count_flops(**shape)
    one = Machine(peak_tflops=100, utilisation=0.2, price_per_hour=3)
    table = estimate(1000, **shape, machine=one, folds=5, epochs=10, inner_fraction=0.25).set_index("task")
    assert table.loc["scoring with all folds", "petaflop"] == pytest.approx(5000 * forward / 1e15)
    # 200 outer; of 800, 200 inner and 600 trained on, each with a copy.
    exact = 5 * 10 * (1200 * (forward + 4 * backward) + 400 * forward)
    assert table.loc["training, exact PCGrad", "petaflop"] == pytest.approx(exact / 1e15)
    hours = exact / (100e12 * 0.2) / 3600
    assert table.loc["training, exact PCGrad", "hours"] == pytest.approx(hours)
    assert table.loc["training, exact PCGrad", "price"] == pytest.approx(3 * hours)
    eight = Machine(devices=8, peak_tflops=100, utilisation=0.2, price_per_hour=3)
    spread = estimate(1000, **shape, machine=eight, folds=5, epochs=10, inner_fraction=0.25).set_index("task")
    assert spread["hours"].to_numpy() * 8 == pytest.approx(table["hours"].to_numpy())
    assert spread["price"].to_numpy() == pytest.approx(table["price"].to_numpy())
    assert table["method"].str.contains("not measured").all()


def test_refusals():
    with pytest.raises(ParameterError) as caught:
        Machine(devices=0, peak_tflops=-1, utilisation=1.5, price_per_hour=-2)
    assert len(caught.value.faults) == 4
    with pytest.raises(ParameterError, match="ecgs is 0"):
        estimate(0, config=NANO_CONFIG, samples=1000, machine=Machine())
