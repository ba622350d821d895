"""Shapes are computed once, and what comes out is the same, and the same exceptions are raised."""

from __future__ import annotations

import numpy as np
import pytest
import tvm
from tvm import relay

from astfront.build import host_target
from astfront.relay.pipeline import NeededPasses
from passes.relay import staged_sizes
from passes.relay.size_terms import floor_divided, product

PROGRAM = """
#[version = "0.0.5"]
def @main(%x: Tensor[(?, 4), float32], %y: Tensor[(?, ?), float32], %w: Tensor[(6, 4), float32],
          %v: Tensor[(4, 6), float32], %c: bool) {
  let %a = nn.dense(%x, %w, units=6);
  let %b = nn.dense(nn.softmax(%a), %v, units=4);
  let %z = nn.dense(tanh(%b), %w, units=6);
  let %d = reshape(%z, newshape=[-1, 1, 6]);
  let %e = reshape(%d, newshape=[-1, 6]);
  let %s = sum(%y, axis=[1], keepdims=True);
  let %t = divide(%y, %s);
  let %u = if (%c) {
    let %p = concatenate((%y, %t), axis=0);
    let %q = nn.softmax(%p);
    nn.softmax(negative(%q))
  } else { nn.softmax(%y) };
  let %k = cast(%u, dtype="bool");
  let %l = negative(cast(%k, dtype="int8"));
  (%a, %b, %z, %e, %t, nn.softmax(add(%x, %y)), %u, %l)
}
"""


def compiled(text: str = PROGRAM) -> object:
    with tvm.transform.PassContext(opt_level=3, instruments=[NeededPasses()]):
        return relay.vm.compile(tvm.relay.parse(text), target=host_target())


def test_the_results_are_those_without_the_pass(monkeypatch):
    with_pass = compiled()
    monkeypatch.setattr(staged_sizes, "run", lambda function, kernels: function)
    without = compiled()
    calls = [e.bytecode.count("invoke_packed") for e in (with_pass, without)]
    assert calls[0] < 0.7 * calls[1]
    machines = [tvm.runtime.vm.VirtualMachine(e, tvm.cpu()) for e in (with_pass, without)]
    random = np.random.RandomState(0)
    w, v = (random.rand(*shape).astype(np.float32) for shape in ((6, 4), (4, 6)))
    for rows, sizes in ((0, (1, 4)), (1, (3, 4)), (3, (3, 4)), (7, (1, 1)), (17, (17, 1))):
        x, y = (random.rand(*shape).astype(np.float32) for shape in ((rows, 4), sizes))
        for c in (True, False):
            given, expected = (
                [part.numpy() for part in machine.run(x, y, w, v, np.array(c))]
                for machine in machines
            )
            for one, other in zip(given, expected, strict=True):
                np.testing.assert_array_equal(one, other)
    for machine in machines:
        with pytest.raises(tvm.TVMError, match="Incompatible broadcast"):
            machine.run(np.ones((2, 4), "f"), np.ones((3, 4), "f"), w, v, np.array(False))


def test_terms():
    n, m = ("size", 0), ("size", 1)
    assert product(n, m) == product(m, n)
    assert product(product(2, n), product(3, m)) == product(6, product(n, m))
    assert product(n, 0) == 0
    assert floor_divided(product(product(n, m), 12), 4) == product(3, product(m, n))
    assert floor_divided(n, 2) != n
    assert floor_divided(-7, 2) == -4
