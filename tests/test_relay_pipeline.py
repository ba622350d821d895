"""What the pass instrument leaves out changes nothing of the program."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tvm
from tvm import relay

from astfront.build import host_target
from astfront.relay.kernel_checks import TrustedTypes
from astfront.relay.pipeline import NeededPasses

STATIC = """
#[version = "0.0.5"]
def @main(%x: Tensor[(4, 3), float32], %w: Tensor[(3, 3), float32], %c: bool) {
  if (%c) { nn.relu(nn.dense(%x, %w, units=3)) } else { let %y = tanh(%x); add(%y, multiply(%y, 2f)) }
}
"""
STAGED = """
#[version = "0.0.5"]
def @loop(%i: int64, %x: Tensor[(?, 3), float32]) -> Tensor[(?, 3), float32] {
  if (less(%i, 3i64)) {
    let %y = concatenate((%x, tanh(%x)), axis=0);
    @loop(add(%i, 1i64), %y)
  } else { %x }
}
def @main(%x: Tensor[(?, 3), float32]) { multiply(@loop(0i64, %x), 2f) }
"""


def compiled(text, *instruments):
    with tvm.transform.PassContext(opt_level=3, instruments=list(instruments)):
        return relay.vm.compile(tvm.relay.parse(text), target=host_target())


def test_a_program_of_known_sizes_is_the_same():
    given, expected = (compiled(STATIC, *i).bytecode for i in ([NeededPasses()], []))
    assert instructions(given) == instructions(expected)


def instructions(bytecode):
    """What a program does, but for addresses and for the order in which values are freed."""
    return sorted(re.sub(r"\d{12,}", "", line.split("#")[-1]) for line in bytecode.splitlines())


NESTED = """
#[version = "0.0.5"]
def @main(%a: bool, %b: bool, %x: Tensor[(3), float32]) {
  let %z = tanh(%x);
  let %y = if (%a) {
    let %i = if (%b) { let %n = negative(%z); sum(%n) } else { 1f };
    exp(%i)
  } else { 2f };
  add(%z, %y)
}
"""


@pytest.mark.parametrize("a", [True, False])
@pytest.mark.parametrize("b", [True, False])
def test_what_a_branch_in_an_arm_uses_isnt_freed_before_its_last_use(a, b):
    x = np.array([1, 2, 3], "float32")
    vm = tvm.runtime.vm.VirtualMachine(compiled(NESTED, NeededPasses()), tvm.cpu())
    result = vm.invoke("main", *(tvm.nd.array(v) for v in (np.array(a), np.array(b), x))).numpy()
    z = np.tanh(x)
    expected = z + (np.exp(-z.sum() if b else 1) if a else 2)
    np.testing.assert_allclose(result, expected, rtol=1e-6)


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_a_program_of_staged_sizes_gives_the_same(rows):
    x = np.random.RandomState(0).uniform(-1, 1, (rows, 3)).astype("float32")
    results = []
    for instruments in ([NeededPasses()], []):
        vm = tvm.runtime.vm.VirtualMachine(compiled(STAGED, *instruments), tvm.cpu())
        results.append(vm.invoke("main", tvm.nd.array(x)).numpy())
    assert results[0].shape == (8 * rows, 3)
    np.testing.assert_array_equal(*results)


def test_trusted_kernels_look_at_sizes_alone():
    program = compiled(STATIC, TrustedTypes())
    source = program.lib.get_source()
    assert "ndim is expected" not in source
    assert "Expect arg" not in source
    assert "compact array" in source
    x, w = (np.random.RandomState(0).normal(size=(n, 3)).astype("float32") for n in (4, 3))
    vm = tvm.runtime.vm.VirtualMachine(program, tvm.cpu())
    for c in (True, False):
        found = vm.invoke("main", x, w, np.array(c)).numpy()
        expected = np.maximum(x @ w.T, 0) if c else np.tanh(x) * 3
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
