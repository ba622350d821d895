"""Recursive functions of known sizes are one kernel each, which computes what the VM does."""

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
import tvm

import astfront
from astfront.build import build, prepare_for_target
from passes.relay import recursion_kernels
from passes.relay.recursion_machine import FIRST_DEPTH
from tests.syntax.compare import N, agrees


def swapping(x, n):
    """Values that change places, of several dtypes; a call may be two calls' argument."""

    def go(a, b, c, n):
        if n <= 0:
            return a - b, a > 0, c
        if n % 3 == 0:
            d, e, c = go(b, a * 0.5, c + 1, n - 1)
            return d + a, np.logical_not(e), c * np.float16(0.5)
        first = go(b, a, c, n - 1)
        second = go(first[0], b, first[2], n - 2)
        return second[0] + first[0] * 0.1, np.logical_and(first[1], second[1]), second[2]

    return go(x, x * 2, x.astype(np.float16), n)


def deciding(n):
    """What a call gives decides, and is the next one's argument; there are kept loops around it."""

    def hofstadter(n):
        return 1 if n <= 2 else hofstadter(n - hofstadter(n - 1)) + hofstadter(n - 1 - 1)

    def odd(n):
        if n > 0 and odd(n - 1):
            return False
        return n > 0

    def total(n):
        found = np.zeros(3, "f")
        for k in range(n):
            found = found + k
        return found if n <= 0 else found + total(n - 1) * 0.5

    sums = 0
    for k in range(n + 1):
        sums += hofstadter(k)
    return sums, odd(n), total(n)


class Layers(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.a = L.Linear(3, 3, initialW=np.eye(3, dtype="f")[::-1] * 0.9)
            self.b = L.Linear(3, 3, initialW=np.eye(3, dtype="f") + 0.1)

    def forward(self, x, n):
        def go(h, n):
            if n <= 0:
                return self.b(h)
            h = F.tanh(self.a(h))
            return F.relu(go(h, n - 1)) + h

        return go(x, int(n)), *swapping(x, int(n)), *deciding(int(n))


def outputs(n):
    x = np.random.RandomState(0).uniform(-1, 1, (2, 3)).astype("f")
    return x, N(n)


@pytest.mark.parametrize("has_kernels", [True, False])
def test_against_chainer(has_kernels, monkeypatch):
    if not has_kernels:
        monkeypatch.setattr(recursion_kernels, "run", lambda mod, target, note: mod)
    compiled = agrees(Layers(), *map(outputs, (0, 1, 2, 5, 9)), programs=1)
    text = str(prepare_for_target(compiled.lower(*outputs(1))._program.mod))
    functions = text.count("def @") - 1
    assert ("recursion_kernel(" in text, functions > 0) == (has_kernels, not has_kernels)


def test_a_stack_that_grows():
    def f(x, n):
        def go(x, n):
            return x if n == 0 else go(x * 1.01, n - 1) + x

        wide = go(np.zeros((3, 40000), "f") + x[0, 0], n // 40)
        return go(x, int(n)), wide[:, -1]

    calls = [outputs(n) for n in (FIRST_DEPTH - 1, FIRST_DEPTH, FIRST_DEPTH + 1, 900)]
    agrees(f, *calls, programs=1)


RELAY = """
#[version = "0.0.5"]
def @main(%n: int64, %x: Tensor[(3), float32], %rows: Tensor[(?, 3), float32]) {
  let %outer: fn (int64) -> Tensor[(3), float32] = fn (%i: int64) -> Tensor[(3), float32] {
    let %inner: fn (int64, Tensor[(3), float32]) -> Tensor[(3), float32] =
        fn (%j: int64, %y: Tensor[(3), float32]) -> Tensor[(3), float32] {
      let %last = less(%j, 1i64);
      if (%last) { add(%y, take(%rows, %i, axis=0)) } else {
        let %k = subtract(%j, 1i64);
        let %z = %inner(%k, %y);
        multiply(%z, %x)
      }
    };
    let %more = less(0i64, %i);
    let %y = if (%more) {
      let %k = subtract(%i, 1i64);
      %outer(%k)
    } else { zeros(shape=[3], dtype="float32") };
    %inner(%i, %y)
  };
  let %sizes: fn (int64) -> Tensor[(?), int64] = fn (%i: int64) -> Tensor[(?), int64] {
    let %more = less(0i64, %i);
    if (%more) {
      let %k = subtract(%i, 1i64);
      let %y = %sizes(%k);
      let %z = concatenate((%y, %y));
      %z
    } else { reshape(%i, newshape=[-1]) }
  };
  (%outer(%n), %sizes(2i64))
}"""


def test_functions_in_each_other_and_of_staged_sizes():
    mod = tvm.relay.fromtext(RELAY)
    left = recursion_kernels.run(mod, tvm.target.Target("llvm -mtriple=x86_64-linux-gnu"))
    functions = ["%outer(", "%inner(", "%sizes("]
    assert [name in str(left) for name in functions] == [False, False, True]
    program = build(mod)
    x = np.array([0.5, 1, 1.1], "f")
    rows = np.random.RandomState(0).uniform(-1, 1, (9, 3)).astype("f")
    for n in (0, 1, 8):
        expected = np.zeros(3, "f")
        for i in range(n + 1):
            expected = (expected + rows[i]) * x**i
        got, sizes = program.run([np.array(n), x, rows])
        np.testing.assert_allclose(got, expected, rtol=1e-5)
        assert sizes.tolist() == [0] * 4


class Tree(chainer.Chain):
    """Of leaves of two sizes, and of numbers."""

    def __init__(self):
        super().__init__()
        random = np.random.RandomState(0)
        with self.init_scope():
            self.small = L.Linear(2, 3, initialW=random.randn(3, 2))
            self.large = L.Linear(4, 3, initialW=random.randn(3, 4))

    def forward(self, tree):
        if isinstance(tree, tuple):
            return F.tanh(self.forward(tree[0]) - self.forward(tree[1]))
        if isinstance(tree, int):
            return chainer.Variable(np.zeros((1, 3), "f")) + tree
        return self.small(tree[None]) if len(tree) == 2 else self.large(tree[None])


def test_products_of_tables():
    small = tuple(np.random.RandomState(0).uniform(-1, 1, (4, 2)).astype("f"))
    large = tuple(np.random.RandomState(1).uniform(-1, 1, (4, 4)).astype("f"))
    both = ((small[0], large[0]), (1, small[1])), ((large[1], small[3]), (2, (small[2], 3)))
    # Other trees have no rows of one sort, or of any.
    others = (small[:2], small[2]), (1, (large[2:], 2)), (2, (1, 3))
    model = Tree()
    agrees(model, (both,), *[(tree,) for tree in others], programs=1)
    text = astfront.explain(model, both)
    assert "one kernel for all calls of this function" in text
    assert "one product for all rows, before the recursion" in text
