"""chainer.distributions, which are compiled from their source."""

import chainer
import chainer.distributions as D
import numpy as np
import pytest
from scipy import stats

import astfront
from tests.functions.cases import f
from tests.support import assert_same, check

LOGITS = np.array([[0.3, -2.0, np.inf], [1.0, 5.0, -np.inf]], "f")
BITS = np.array([[0, 1, 1], [1, 0, 0]], "f")
LOWER = (np.tril(f(2, 3, 3)) + 3 * np.eye(3)).astype("f")
POSITIVE = abs(f(2, 3)) + 0.5


def densities(x, logits, bits, location, scale, lower):
    normal, several = D.Normal(location, scale), D.MultivariateNormal(location, scale_tril=lower)
    return (
        D.Bernoulli(logit=logits).log_prob(bits), D.Bernoulli(logit=logits, binary_check=True).log_prob(bits),
        normal.log_prob(x), normal.cdf(x), normal.entropy, several.log_prob(x), several.entropy,
        D.Laplace(location, scale).cdf(x), D.Gamma(scale, scale).log_prob(scale), D.Dirichlet(scale).entropy,
        chainer.kl_divergence(normal, D.Normal(x, 2 * scale)),
        chainer.kl_divergence(D.Beta(scale, 2 * scale), D.Beta(2 * scale, scale)),
    )  # fmt: skip


def test_densities():
    with np.errstate(all="ignore"):
        check(densities, (f(2, 3), LOGITS, BITS, f(2, 3, seed=1), POSITIVE, LOWER))


def test_what_is_no_bit_raises_as_in_numpy():
    compiled = astfront.compile(lambda x, p: D.Bernoulli(logit=p).log_prob(x))
    for x in (BITS, BITS / 2):
        with np.errstate(all="ignore"):
            assert_same(compiled(x, LOGITS), D.Bernoulli(logit=LOGITS).log_prob(x))
    for x in (BITS * 2, BITS - 1):
        with pytest.raises(FloatingPointError):
            compiled(x, LOGITS)


def samples(location, scale):
    return (
        D.Cauchy(location, scale).sample(4000), D.Pareto(scale, scale + 1).sample(4000),
        D.LogNormal(location, scale).sample(4000), D.Geometric(scale / 4).sample((2, 2)),
    )  # fmt: skip


def test_samples():
    location, scale = np.array([1.0, -2.0], "f"), np.array([0.5, 2.0], "f")
    *found, counts = astfront.compile(samples, seed=0)(location, scale)
    for i, (m, s) in enumerate(zip(location, scale)):
        laws = stats.cauchy(m, s), stats.pareto(s + 1, scale=s), stats.lognorm(s, scale=np.exp(m))
        for x, law in zip(found, laws):
            assert x.shape == (4000, 2)
            assert stats.kstest(x.array[:, i], law.cdf).pvalue > 1e-3
    assert counts.shape == (2, 2, 2)
    assert (counts.array >= 1).all()
