"""Random numbers: their distributions, that calls differ, and that a seed repeats them."""

from __future__ import annotations

import random

import chainer
import chainer.functions as F
import numpy as np
import pytest
from scipy import stats

import astfront
from astfront.relay.builder import RelayBuilder
from astfront.signature import TensorSpec
from tests.functions.cases import V, proved_apart

N = 4000


@proved_apart("statistics")
def noise(x):
    return (
        F.dropout(x, 0.3), F.zoneout(x * 0, x, 0.2), F.rrelu(-x), F.gaussian(x, x * 0 + 2),
        F.gumbel_softmax(x[:, None] * np.zeros((1, 2), "f"), tau=1e-3, axis=1)[:, 0],
        F.simplified_dropconnect(x[:100][None], x[:100][None] * np.ones((40, 1), "f"), ratio=0.25),
        F.dropout(x, 0.3),
    )  # fmt: skip


def arrays_of(values):
    return [v.array if isinstance(v, chainer.Variable) else v for v in values]


def same(xs, ys):
    return all(np.array_equal(x, y) for x, y in zip(arrays_of(xs), arrays_of(ys), strict=True))


@pytest.fixture(scope="module")
def noisy():
    with chainer.using_config("train", True):
        yield astfront.compile(noise)


def test_noise(noisy):
    with chainer.using_config("train", True):
        np.random.seed(0)
        first = noisy(V(np.ones(N, "f")))
        again = noisy(V(np.ones(N, "f")))
        np.random.seed(0)
        repeated = noisy(V(np.ones(N, "f")))
    assert same(first, repeated)
    assert not any(np.array_equal(x, y) for x, y in zip(arrays_of(first), arrays_of(again)))
    dropped, zoned, leaky, gaussian, chosen, connected, other = arrays_of(first)
    assert all(x.dtype == np.float32 for x in (dropped, zoned, leaky, gaussian, chosen, connected))
    np.testing.assert_allclose(np.unique(dropped), [0, 1 / 0.7], rtol=1e-6)
    assert stats.binomtest(np.count_nonzero(dropped), N, 0.7).pvalue > 1e-3
    assert stats.binomtest(np.count_nonzero(zoned), N, 0.8).pvalue > 1e-3
    assert stats.kstest(-leaky, stats.uniform(1 / 8, 1 / 3 - 1 / 8).cdf).pvalue > 1e-3
    assert stats.kstest(gaussian, stats.norm(1, np.e).cdf).pvalue > 1e-3
    assert stats.binomtest(int(np.rint(chosen).sum()), N, 0.5).pvalue > 1e-3
    hits = int(np.rint(connected * 0.75).sum())
    assert connected.shape == (1, 40)
    assert stats.binomtest(hits, N, 0.75).pvalue > 1e-3
    # Two draws of one call are independent of each other.
    assert stats.binomtest(int(((dropped > 0) == (other > 0)).sum()), N, 0.58).pvalue > 1e-3


@proved_apart("statistics")
def draws():
    shuffled = np.arange(10)
    np.random.shuffle(shuffled)
    return (
        np.random.rand(N), np.random.randn(N // 2, 2), np.random.uniform(-1, 3, N),
        np.random.normal(2.0, 3.0, size=(N,)), np.random.gumbel(size=N), np.random.exponential(2.0, N),
        np.random.laplace(size=N), np.random.logistic(1.0, 2.0, N), np.random.standard_cauchy(N),
        np.random.pareto(2.0, N), np.random.lognormal(1.0, 0.5, N), np.random.randint(-2, 5, (N,)),
        np.random.binomial(3, 0.3, N), np.random.choice(3, N, p=[0.2, 0.5, 0.3]),
        np.random.permutation(10), shuffled, np.random.choice(np.arange(10) * 2, 4, replace=False),
        np.random.random(), np.random.uniform(), random.random(), random.randint(1, 3), np.random.randint(4),
        np.random.randint(2, size=3, dtype=np.int32), np.random.geometric(0.3, N),
    )  # fmt: skip


def test_numpy_random():
    compiled = astfront.compile(draws, seed=1)
    found = compiled()
    assert not same(found[:16], compiled()[:16])
    assert same(found, astfront.compile(draws, seed=1)())
    laws = [
        stats.uniform(), stats.norm(), stats.uniform(-1, 4), stats.norm(2, 3), stats.gumbel_r(),
        stats.expon(scale=2), stats.laplace(), stats.logistic(1, 2), stats.cauchy(), stats.lomax(2),
        stats.lognorm(0.5, scale=np.e),
    ]  # fmt: skip
    for x, law in zip(found, laws, strict=False):
        assert x.dtype == np.float64
        assert stats.kstest(x.ravel(), law.cdf).pvalue > 1e-3
    for x, law in zip(
        found[11:14], [[1 / 7] * 7, stats.binom(3, 0.3).pmf(range(4)), [0.2, 0.5, 0.3]]
    ):
        assert x.dtype == np.int64
        counts = np.bincount(x - min(x.min(), 0), minlength=len(law))
        assert stats.chisquare(counts, np.array(law) * N).pvalue > 1e-3
    assert all(sorted(x) == list(range(10)) for x in found[14:16])
    assert len(set(found[16])) == 4
    assert set(found[16]) <= set(range(0, 20, 2))
    assert all(type(x) is float and 0 <= x < 1 for x in found[17:20])
    assert type(found[20]) is int
    assert found[20] in (1, 2, 3)
    assert 0 <= found[21] < 4
    assert found[22].dtype == np.int32
    assert found[23].dtype == np.int64
    law = stats.geom(0.3)
    counts = np.bincount(np.minimum(found[23], 8), minlength=9)[1:]
    assert stats.chisquare(counts, N * np.append(law.pmf(range(1, 8)), law.sf(7))).pvalue > 1e-3


SHAPES = np.array([0.3, 4.0, 2.5])


@proved_apart("statistics")
def by_rejection(a):
    return (
        np.random.gamma(a[1], 2.0, N), np.random.standard_gamma(a[0], N), np.random.beta(0.3, 2.0, N),
        np.random.chisquare(3, N), np.random.dirichlet(a, N), np.random.poisson(a[2], N), np.random.poisson(a),
        np.random.chisquare(2.0),
    )  # fmt: skip


def test_numbers_that_are_drawn_until_they_fit():
    *found, mixed, counts, each, one = astfront.compile(by_rejection, seed=1)(SHAPES)
    laws = stats.gamma(4, scale=2), stats.gamma(0.3), stats.beta(0.3, 2), stats.chi2(3)
    parts = [stats.beta(a, SHAPES.sum() - a) for a in SHAPES]
    for x, law in zip([*found, *mixed.T], [*laws, *parts]):
        assert stats.kstest(x, law.cdf).pvalue > 1e-3
    law = stats.poisson(2.5)
    expected = N * np.append(law.pmf(range(7)), law.sf(6))
    assert stats.chisquare(np.bincount(np.minimum(counts, 7)), expected).pvalue > 1e-3
    assert each.shape == (3,)
    assert type(one) is float


def turns(x, n):
    ys = []
    for i in range(n):
        if x[0] > i - 2.5:
            x = x + np.random.rand() * 1e-3
        ys.append(F.sum(F.dropout(x, 0.5)))
    return F.stack(ys), np.random.rand(len(x), 2)


def test_random_numbers_in_a_kept_loop():
    with chainer.using_config("train", True):
        compiled = astfront.compile(turns, seed=0, specs=[TensorSpec((None,)), TensorSpec((), int)])
        sums, rest = compiled(np.ones(100, "f"), np.array(6))
        assert len(np.unique(sums.array)) == 6
        assert rest.shape == (100, 2)
        assert len(np.unique(rest)) == 200
        text = astfront.compile(turns).lower(np.ones(100, "f"), 10).as_text()
        assert (
            len(astfront.compile(turns).lower(np.ones(100, "f"), 1000).as_text()) < len(text) + 10
        )


def test_a_choice_of_a_sequence():
    def picks(x, n):
        chosen, empty = [], [3, 5, 8][3 - int(n) % 4 :]
        for _ in range(int(n)):
            chosen.append(random.choice((3, 5, 8)))
        return chosen, random.choice([x, x[:1]]), random.choice(empty)

    compiled = astfront.compile(picks)
    x = np.arange(3, dtype="f")
    chosen, part, last = compiled(x, np.int64(901))
    counts = [chosen.count(n) for n in (3, 5, 8)]
    assert sum(counts) == 901
    assert stats.chisquare(counts).pvalue > 1e-3
    assert part.shape in ((3,), (1,))
    assert last == 8
    for function in (picks, compiled):
        with pytest.raises(IndexError, match="list index out of range"):
            function(x, np.int64(0))


@proved_apart("statistics")
def several(x, n):
    mixed = [3, 5, 8, 13]
    random.shuffle(mixed)
    weights = [0.1, 0.2, 0.7, 0.0]
    return (
        random.choices([3, 5, 8], k=600), random.choices([3, 5, 8], weights=[1, 2, 5], k=600), mixed,
        random.sample([3, 5, 8, 13], 3), random.sample(range(50), 50), random.choices([3, 5, 8], k=int(n)),
        np.random.multinomial(10, weights, 300), np.random.multinomial(4, [0.5, 0.5]), random.sample([x, x * 2], 1),
        [np.random.choice(4, 2, replace=False, p=weights) for _ in range(int(n))],
        np.random.choice(np.arange(int(n)) * 2, int(n) // 4, replace=False),
    )  # fmt: skip


def test_several_items():
    x = np.ones(2, "f")
    compiled = astfront.compile(several)
    found = compiled(x, np.int64(400))
    evenly, weighted, mixed, sample, every, staged, counts, few, arrays, pairs, quarter = found
    assert all(
        type(v) is list for v in (evenly, weighted, mixed, sample, every, staged, arrays, pairs)
    )
    assert stats.chisquare([evenly.count(n) for n in (3, 5, 8)]).pvalue > 1e-3
    assert stats.chisquare([weighted.count(n) for n in (3, 5, 8)], [75, 150, 375]).pvalue > 1e-3
    assert sorted(mixed) == [3, 5, 8, 13]
    assert len(set(sample)) == 3
    assert set(sample) <= {3, 5, 8, 13}
    assert sorted(every) == list(range(50)) != every
    assert len(staged) == 400
    assert quarter.shape == (100,)
    assert len({*quarter.tolist()}) == 100
    assert {*quarter.tolist()} < {*range(0, 800, 2)}
    assert counts.shape == (300, 4)
    assert counts.dtype == few.dtype == np.int64
    assert (counts.sum(1) == 10).all()
    assert few.sum() == 4
    assert stats.chisquare(counts.sum(0)[:3], [300, 600, 2100]).pvalue > 1e-3
    assert arrays[0].sum() in (2, 4)
    first = np.bincount([p[0] for p in pairs], minlength=4)
    assert all(p[0] != p[1] for p in pairs)
    assert stats.chisquare(first[:3], [40, 80, 280]).pvalue > 1e-3
    assert first[3] == 0
    later = np.bincount([p[1] for p in pairs if p[0] == 2], minlength=4)
    assert stats.chisquare(later[:2], np.array([1, 2]) * later.sum() / 3).pvalue > 1e-3


def seeded(x, n):
    draw, other = np.random.RandomState(3), np.random.default_rng(5)
    rows = [draw.permutation(len(x)), draw.randint(0, 9, (2, 3)), draw.choice(x[0])]
    if x[0, 0] > 0:
        rows.append(x * draw.randn(*x.shape).astype("f"))
    else:
        rows.append(x * draw.randint(3))
    for _ in range(3):
        rows.append(x + other.normal(size=3).astype(x.dtype))
    draw.shuffle(x)
    noise = draw.rand(3)
    noise[0] = n
    mixed = [1, 2, 3, 4]
    draw.shuffle(mixed)
    assert isinstance(draw, np.random.RandomState)
    return rows, x, noise, mixed, other.integers(0, 10, 4)


def test_of_a_seed_that_is_known():
    """numpy's own numbers."""
    compiled = astfront.compile(seeded)
    for sign in (1, -1):
        given = [np.arange(1, 13, dtype="f").reshape(4, 3) * sign for _ in range(2)]
        found, expected = (g(x, 2) for g, x in zip((compiled, seeded), given, strict=True))
        assert len(found[0]) == len(expected[0])
        for a, b in zip([*found[0], *found[1:]], [*expected[0], *expected[1:]], strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_hash_is_threefry():
    """The test vectors of the paper's authors, for two words of key and of counter."""
    from astfront.build import build

    b = RelayBuilder()
    key = b.parameter("key", (2,), np.dtype("uint32"))
    like = b.parameter("like", (1,), np.dtype("float64"))
    draw = b.parameter("draw", (), np.dtype("int64"))
    mod, _ = b.finish([b.call("astfront.uniform", like, key, draw)])
    run = build(mod).run
    zeros = [np.zeros(1), np.zeros(2, "uint32"), np.array(0)]
    order = [v.name_hint for v in mod["main"].params]
    named = dict(zip(["like", "key", "draw"], zeros))
    (found,) = run([named[n] for n in order])
    high, low = 0x6B200159 >> 5, 0x99BA4EFE >> 6
    assert found[0] == (high * 2**26 + low) / 2**53
