import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.nets import KINDS, KNOTS, Calibrated, kind_of, named_weights, set_weights


def random_net(kind, seed, scale=1.0, inputs=9, hidden=(7, 5), grid=6):
    rng = np.random.default_rng(seed)
    net = kind.net(rng.normal(size=inputs).astype("f4"), rng.uniform(0.1, 3, inputs).astype("f4"), hidden, grid)
    weights = {k: (scale * rng.normal(size=v.shape)).astype("f4") for k, v in named_weights(net).items()}
    set_weights(net, weights)
    return net, weights


def random_maps(seed):
    maps = np.sort(np.random.default_rng(seed).random((2, KNOTS)), axis=1)
    maps[:, 0], maps[:, -1] = 0, 1
    return maps.astype("f4")


@pytest.mark.parametrize("name", sorted(KINDS))
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), scale=st.sampled_from([0.0, 0.3, 3.0, 30.0]))
def test_curves_fall_along_the_grid_for_any_weights(name, seed, scale):
    net, _ = random_net(KINDS[name], seed, scale)
    x = torch.from_numpy(np.random.default_rng(seed).normal(0, 10, (20, 9)).astype("f4"))
    for module in (net, Calibrated(net, random_maps(seed), KINDS[name].nested)):
        p = module(x).detach()
        assert p.shape == (20, 2, 6)
        assert ((p >= 0) & (p <= 1)).all()
        assert (p.diff(dim=2) <= 1e-7).all()
        if KINDS[name].nested:
            assert (p[:, 1] <= p[:, 0]).all()


def test_forward_is_the_documented_formula():
    net, w = random_net(KINDS["stop"], 3)
    x = np.random.default_rng(4).normal(0, 5, (10, 9)).astype("f4")
    z = np.clip((x - net.mean.numpy()) / net.std.numpy(), -8, 8).astype(np.float64)
    for name in ("hidden0", "hidden1"):
        z = np.maximum(z @ w[f"{name}.weight"].T + w[f"{name}.bias"], 0)
    raw = (z @ w["head.weight"].T + w["head.bias"]).reshape(10, 2, 6)
    hazard = np.cumsum(np.logaddexp(0, raw), 2)
    hit = np.exp(-hazard[:, 0])
    expected = np.stack([hit, hit * np.exp(-hazard[:, 1])], 1)
    np.testing.assert_allclose(net(torch.from_numpy(x)).detach().numpy(), expected, atol=1e-5)


def test_calibrated_interpolates_between_knots():
    net, _ = random_net(KINDS["exit"], 5, 0.3)
    x = torch.from_numpy(np.random.default_rng(6).normal(size=(30, 9)).astype("f4"))
    maps = random_maps(7)
    p = net(x).detach().numpy()
    expected = np.stack([np.interp(p[:, c], np.linspace(0, 1, KNOTS), maps[c]) for c in (0, 1)], 1)
    np.testing.assert_allclose(Calibrated(net, maps, False)(x).detach().numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_start_at_gives_the_base_rates(name):
    net, _ = random_net(KINDS[name], 8, 0.0)
    rates = np.array([[0.9, 0.7, 0.5, 0.3, 0.2, 0.1], [0.5, 0.3, 0.2, 0.1, 0.05, 0.02]])
    net.start_at(rates)
    np.testing.assert_allclose(net(torch.zeros(1, 9)).detach().numpy()[0], rates, atol=1e-5)


def test_bad_scaling_maps_weights_and_names_are_refused():
    kind = KINDS["stop"]
    with pytest.raises(ValueError, match="std: must be finite and positive"):
        kind.net(np.zeros(3, "f4"), np.array([1, 0, 1], "f4"), (2,), 2)
    net, weights = random_net(kind, 1)
    with pytest.raises(ValueError, match="maps: must be"):
        Calibrated(net, random_maps(1)[:, ::-1].copy(), True)
    with pytest.raises(ValueError, match="weights: must have"):
        set_weights(net, {**weights, "head.bias": np.zeros(3, "f4")})
    with pytest.raises(ValueError, match=r"net: must be one of .*'exit', 'stop'.* was 'entry'"):
        kind_of("entry")
