"""The public interface: what can be compiled, what can be passed, and what comes back."""

from __future__ import annotations

import collections
import copy
import functools
import gc
import pickle
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
import tvm
from tvm import relay

import astfront
from astfront import CompileError, TensorSpec
from astfront.build import host_target
from tests.support import assert_same

Pair = collections.namedtuple("Pair", "first second")


def array(*shape: int, dtype: Any = "f", seed: int = 0) -> np.ndarray:
    values = np.random.RandomState(seed).uniform(-5, 5, shape)
    return np.asarray(values).astype(dtype)


def same(compiled: Any, plain: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with chainer.no_backprop_mode():
        expected = plain(*args, **kwargs)
    got = compiled(*args, **kwargs)
    assert_same(got, expected)
    return got


def codes(info: pytest.ExceptionInfo[CompileError]) -> list[str]:
    return [d.code for d in info.value.diagnostics]


# --- what can be compiled --------------------------------------------------------------------


@astfront.compile
class Net(chainer.Chain):
    def __init__(self, n_in: int | None = 3) -> None:
        super().__init__()
        with self.init_scope():
            self.l = L.Linear(n_in, 4)

    def forward(self, x):
        return F.relu(self.l(x))

    def twice(self, x):
        return self.l(x) * 2


@astfront.compile(opt_level=2)
class Deeper(Net):
    def forward(self, x):
        return super().forward(x) + 1


class Inherits(Net):
    def forward(self, x):
        return super().forward(x) * 3


class Parent(chainer.Chain):
    def __init__(self) -> None:
        super().__init__()
        with self.init_scope():
            self.child = Net()

    def forward(self, x):
        return self.child(x) - 1


@astfront.compile
class OldStyle(chainer.Chain):
    """From the time before `forward`."""

    def __init__(self) -> None:
        super().__init__()
        with self.init_scope():
            self.l = L.Linear(3, 2)

    def __call__(self, x, scale=1):
        return self.l(x) * scale


class WithMethod(chainer.Chain):
    def __init__(self) -> None:
        super().__init__()
        with self.init_scope():
            self.l = L.Linear(3, 2)

    @astfront.compile
    def head(self, x):
        return self.l(x) + 1

    def forward(self, x):
        return self.head(x) * 2


def info(model: Any) -> astfront.CacheInfo:
    return astfront.api.compiled_of(model).cache_info()


@pytest.mark.parametrize("cls", [Net, Deeper, Inherits, OldStyle])
def test_decorated_class(cls: type) -> None:
    model: Any = cls()
    assert type(model) is cls
    assert isinstance(model, chainer.Chain)
    x = array(2, 3)
    plain = (
        model.forward if cls is not OldStyle else cls.__call__.__astfront_original__.__get__(model)
    )
    same(model, plain, x)
    assert isinstance(plain(x).creator, chainer.FunctionNode), "forward runs Chainer"
    same(model, plain, x + 1)
    assert info(model) == (1, 1, 1)


def test_decorator_leaves_the_class_as_it_is(tmp_path: Path) -> None:
    model = Net()
    x = array(2, 3)
    before = model(x)
    assert sorted(name for name, _ in model.namedparams()) == ["/l/W", "/l/b"]
    chainer.serializers.save_npz(tmp_path / "net.npz", model)
    other = Net()
    assert not np.allclose(other(x).array, before.array)
    chainer.serializers.load_npz(tmp_path / "net.npz", other)
    assert_same(other(x), before)
    assert info(other).currsize == 1, "loaded parameters need no new program"

    copied = copy.deepcopy(model)
    pickled = pickle.loads(pickle.dumps(model))
    shared = model.copy()
    for each in (copied, pickled, shared):
        assert_same(each(x), before)
        assert info(each) == (0, 1, 1)
    copied.l.b.array[:] += 1
    assert_same(copied(x), copied.forward(x))
    assert_same(model(x), before)
    assert model.to_device("@numpy") is model
    assert_same(model(x), before)


def test_decorated_class_as_a_child() -> None:
    x = array(2, 3)
    plain = Parent()
    expected = plain.child.forward(x) - 1
    assert_same(plain(x), expected)
    assert info(plain.child).currsize == 1
    compiled = astfront.compile(plain)
    assert_same(compiled(x), expected)
    assert info(plain.child) == (0, 1, 1), "the child's code is a part of its parent's program"


def test_links_methods_and_functions() -> None:
    x = array(2, 3)
    net = Net()
    same(astfront.compile(net), net.forward, x)
    same(astfront.compile(net.twice), net.twice, x)
    same(astfront.compile(astfront.compile(net.twice)), net.twice, x)
    assert astfront.compile(net.twice).__name__ == "twice"

    @astfront.compile
    def f(a, b=2, *rest, c, **named):
        return a * b + sum(rest) + c + named["d"]

    same(f, f.function, x, c=1, d=2)
    same(f, f.function, x, x, x, c=x, d=2)
    same(astfront.compile(lambda v: v + 1), lambda v: v + 1, x)
    seq = chainer.Sequential(L.Linear(3, 2), F.relu)
    same(astfront.compile(seq), seq, x)
    method = WithMethod()
    expected = (method.l(x) + 1) * 2
    assert_same(method.head(x), method.l(x) + 1)
    assert_same(method(x), expected)
    assert_same(astfront.compile(method)(x), expected)


def test_partial_and_callable_objects() -> None:
    class Scale:
        def __init__(self, by: int) -> None:
            self.by = by

        def __call__(self, x):
            return x * self.by

    def f(x, n):
        return x + n

    x = array(3)
    same(astfront.compile(functools.partial(f, n=3)), functools.partial(f, n=3), x)
    scale = Scale(3)
    compiled = astfront.compile(scale)
    same(compiled, scale, x)
    scale.by = 4
    same(compiled, scale, x)


@pytest.mark.parametrize("x", [3, "text", int, Pair, None.__class__, [np.sin]])
def test_what_cannot_be_compiled(x: Any) -> None:
    with pytest.raises(TypeError, match="astfront.compile takes"):
        astfront.compile(x)


def test_options() -> None:
    with pytest.raises(ValueError, match="opt_level"):
        astfront.compile(copied_function, opt_level=1)
    compiled = astfront.compile(copied_function, target="llvm", checks=False)
    same(compiled, copied_function, array(3))


def test_what_holds_itself() -> None:
    def f(x):
        xs, d = [x], {"a": 1}
        xs.append(xs)
        d["d"] = d
        return xs, d

    x = array(3)
    xs, d = astfront.compile(f)(x)
    assert xs[0] is x
    assert xs[1] is xs
    assert d["d"] is d


def test_an_instance_that_is_gone_is_freed() -> None:
    model = Net()
    model(array(2, 3))
    ref = weakref.ref(model)
    del model
    gc.collect()
    assert ref() is None


def test_a_compiled_function_can_be_copied_and_pickled() -> None:
    compiled = astfront.compile(copied_function)
    x = array(2)
    compiled(x)
    for other in (copy.deepcopy(compiled), pickle.loads(pickle.dumps(compiled))):
        assert other.cache_info() == (0, 0, 0)
        assert_same(other(x), compiled(x))


def copied_function(x):
    return x + 1


# --- what comes back -------------------------------------------------------------------------


def test_results() -> None:
    def f(x, v, n, flag):
        y = x + 1
        shared = [y]
        return {
            "same": (y, y, shared, shared),
            "variable": v * 2,
            "array": v.array * 2,
            "numpy": y[0, 0],
            "pair": Pair(y, None),
            "int": x.shape[0] + n,
            "static": (1, 2.5, True, None, "text"),
            "nested": [[(y, [])], {}],
            "bool": bool(y[0, 0] > 0),
            "float": float(y[0, 1]),
            "as_int": int(y[1, 0]),
            "arguments": (x, v, flag),
        }

    x = array(2, 3)
    v = chainer.Variable(array(2))
    got = same(astfront.compile(f), f, x, v, 3, True)
    first, second, one, two = got["same"]
    assert first is second is one[0]
    assert one is two
    assert got["nested"][0][0][0] is first
    assert got["arguments"][0] is x
    assert got["arguments"][1] is v


def test_handed_back() -> None:
    class Keeper(chainer.Chain):
        def __init__(self) -> None:
            super().__init__()
            with self.init_scope():
                self.l = L.Linear(3, 2)
            self.table = np.zeros(3, "f")
            self.items = [1, 2]

        def forward(self, xs, d):
            return self.l.W, self.table, self.items, self, xs, xs[0], d, d["k"], F.relu

    model = Keeper()
    compiled = astfront.compile(model)
    for _ in range(2):
        xs, d = [array(3)], {"k": [array(2)]}
        expected = model(xs, d)
        got = compiled(xs, d)
        assert len(got) == len(expected)
        for a, b in zip(got, expected):
            assert a is b
    assert compiled.cache_info() == (1, 1, 1)


def test_copies_are_arrays_of_their_own() -> None:
    def f(x):
        y = x + 1
        return y, y.copy(), x.copy()

    x = array(3)
    y, copied, of_x = same(astfront.compile(f), f, x)
    copied[:] = 0
    of_x[:] = 0
    assert_same(y, x + 1)
    assert np.any(x)


def test_lists_that_grow() -> None:
    def f(xs):
        out, pairs, numbers = [], [], []
        for x in xs:
            out.append(F.sum(x))
            pairs.append((x * 2, 7))
            numbers.append(int(x.array[0]))
        return out, pairs, numbers

    x = chainer.Variable(array(4, 3))
    same(astfront.compile(f), f, x)


@pytest.mark.parametrize("value", [None, 3, 2.5, True, "text", (), [], {}, (1, [2])])
def test_static_results(value: Any) -> None:
    def f(x):
        return value

    same(astfront.compile(f), f, array(2))


# --- arguments -------------------------------------------------------------------------------

DTYPES = [
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint32",
    "bool",
]


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(dtype: str) -> None:
    def f(x, v):
        return x + x, v, x

    x = array(2, 3, dtype=dtype)
    got = same(astfront.compile(f), f, x, chainer.Variable(x))
    assert got[2] is x


def read_only() -> np.ndarray:
    x = array(4)
    x.flags.writeable = False
    return x


LAYOUTS = {
    "0-d": array(),
    "zero-size": array(0, 3),
    "transposed": array(3, 4).T,
    "strided": array(8, 6)[::2, ::-1],
    "broadcast": np.broadcast_to(array(3), (2, 3)),
    "unaligned": np.frombuffer(b"\0" + array(4).tobytes(), "f", offset=1),
    "read-only": read_only(),
    "fortran": np.asfortranarray(array(3, 4)),
}


def test_layouts() -> None:
    def f(x):
        return x * 2

    compiled = astfront.compile(f)
    for name, x in LAYOUTS.items():
        before = x.copy()
        same(compiled, f, x)
        same(compiled, f, chainer.Variable(x))
        assert_same(x.copy(), before)
        assert name in LAYOUTS
    bools = np.array([[True, False], [False, False]]).T
    same(compiled, f, bools)


def test_nested_arguments() -> None:
    def f(xs, options, *, scale=1.0, pair=Pair(1, 2), text="a", nothing=None):
        total = xs[0] + xs[1][0] * scale
        if nothing is not None:
            total = total + nothing
        if text == "b":
            total = total - 1
        return total * options["by"] + pair.first * pair.second, options["list"][0]

    compiled = astfront.compile(f)
    a, b = array(3), array(3, seed=1)
    calls: list[tuple[tuple, dict]] = [
        (([a, (b,)], {"by": 2, "list": [a]}), {}),
        (([a, (b,)], {"by": 3, "list": [a]}), {}),
        (([a, (b,)], {"by": 2.0, "list": [a]}), {}),
        (([a, (b,)], {"by": True, "list": [a]}), {}),
        (([a, (b,)], {"by": b, "list": [a]}), {"scale": 2}),
        (([a, [b]], {"by": b, "list": [1]}), {"pair": Pair(a, 2)}),
        (((a, (b,)), {"by": np.float32(2), "list": ["t"]}), {"text": "b"}),
        (([a, (b,)], {"by": 2, "list": [a]}), {"nothing": a}),
        (([a, (a,)], {"by": 2, "list": [a]}), {}),
    ]
    for args, kwargs in calls:
        same(compiled, f, *args, **kwargs)
    assert compiled.cache_info().misses == len(calls)
    for args, kwargs in calls:
        same(compiled, f, *args, **kwargs)
    assert compiled.cache_info().hits == len(calls)


def test_each_signature_compiles_once() -> None:
    def f(x, n=1, s=None, g=F.relu):
        return g(x + n) if s is None else x[s] * n

    class Scale:
        def by(self, x):
            return x * 5

    scale = Scale()
    compiled = astfront.compile(f)
    x = array(4)
    for _ in range(2):
        for n in (1, 1.0, True, 2, -0.0, 0.0):
            same(compiled, f, x, n)
        same(compiled, f, array(5))
        same(compiled, f, x, s=slice(1, 3))
        same(compiled, f, x, g=scale.by)
    assert compiled.cache_info() == (9, 9, 9)


class Stranger:
    """As an array of another library."""

    shape = (3,)
    dtype = np.dtype("f")
    ndim = 1

    def __array__(self) -> np.ndarray:
        return np.zeros(3, "f")


class OwnDict(collections.OrderedDict):
    pass


@pytest.mark.parametrize(
    "x",
    [
        np.array([None, 1]),
        np.array(["a"]),
        np.zeros(3, "complex64"),
        np.zeros(3, ">f4"),
        np.ma.array([1.0, 2.0]),
        np.zeros(2, [("a", "f")]),
        OwnDict(a=np.zeros(2)),
        Stranger(),
        chainer.Parameter(),
    ],
    ids=lambda x: type(x).__name__,
)
def test_arguments_that_are_refused(x: Any) -> None:
    with pytest.raises(CompileError) as e:
        astfront.compile(copied_function)(x)
    assert codes(e) == ["AF0401"]


def test_specs_that_are_refused() -> None:
    swapped = astfront.compile(copied_function, specs=[astfront.TensorSpec((None,), ">f4")])
    with pytest.raises(CompileError) as e:
        swapped.lower()
    assert codes(e) == ["AF0401"]


def test_errors_of_the_call_are_those_of_python() -> None:
    net = Net()
    with pytest.raises(chainer.utils.type_check.InvalidType) as e:
        net(array(2, 5))
    assert "Actual: 5 != 3" in str(e.value)
    assert "test_api.py" in str(e.value.__cause__)
    with pytest.raises(TypeError, match="positional argument"):
        net()
    with pytest.raises(TypeError, match="unexpected keyword"):
        net(array(2, 3), y=1)
    with pytest.raises(AttributeError):
        astfront.compile(lambda x: x.nonsense)(array(3))
    same(net, net.forward, array(2, 3))


def test_memory_of_arguments_and_results() -> None:
    """Any layout of arguments; results are the caller's own."""

    def f(x, flags, n):
        return x, x.reshape(-1), flags, n, x[0] * 2, np.zeros(3, np.float32) if n is None else x + n

    specs = [
        astfront.TensorSpec((None, 4), np.float32),
        astfront.TensorSpec((None,), np.bool_),
        astfront.TensorSpec((), np.float64),
    ]
    compiled = astfront.compile(f, specs=specs)
    rng = np.random.RandomState(0)
    kept = []
    for m in (1, 3, 3, 400, 2):
        wide = rng.randn(m, 9).astype(np.float32)
        odd = np.frombuffer(b"." + rng.randn(m, 4).astype(np.float32).tobytes(), np.uint8)[1:]
        fixed = rng.randn(m, 4).astype(np.float32)
        fixed.flags.writeable = False
        for x in (wide[:, :4], wide[::-1, 1::2], odd.view(np.float32).reshape(m, 4), fixed):
            args = x, rng.rand(m) < 0.5, np.array(float(m))
            got, expected = compiled(*args), f(*args)
            for a, b in zip(got, expected):
                np.testing.assert_allclose(a, b, rtol=1e-6)
                assert a.dtype == b.dtype
            kept.append((got[1:], [np.copy(e) for e in expected[1:]]))
    for got, expected in kept:
        for a, b in zip(got, expected):
            np.testing.assert_allclose(a, b, rtol=1e-6)
    got[3][...] = -1  # changes nothing that a later call reads
    np.testing.assert_allclose(compiled(*args)[4], expected[3])


def test_two_threads() -> None:
    net = Net()
    inputs = [array(n, 3, seed=seed) for seed in range(5) for n in (1, 2)]
    expected = [net.forward(x).array for x in inputs]
    wrong: list[Any] = []
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        for _ in range(20):
            for x, y in zip(inputs, expected):
                with chainer.no_backprop_mode():
                    got = net(x).array
                if not np.allclose(got, y, atol=1e-5):
                    wrong.append((got, y))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not wrong
    assert info(net).misses == 2


# --- ahead of time ---------------------------------------------------------------------------


def test_lower() -> None:
    net = Net()
    lowered = astfront.compile(net).lower(array(2, 3))
    parsed = tvm.relay.fromtext(lowered.as_text())
    mod = relay.transform.InferType()(lowered.mod)
    again = relay.transform.InferType()(parsed)
    assert tvm.ir.structural_equal(mod, again, map_free_vars=True)
    assert sorted(lowered.params) == ["l_W", "l_b"]
    program = lowered.compile()
    x = array(2, 3, seed=4)
    assert_same(program(x), net.forward(x))
    for bad in (array(3, 3), array(2, 3, dtype="d"), chainer.Variable(x), [x], None, 1):
        with pytest.raises(CompileError) as e:
            program(bad)
        assert codes(e) == ["AF0402"]
    for args, kwargs in (((), {}), ((x, x), {}), ((), {"x": x})):
        with pytest.raises(CompileError) as e:
            program(*args, **kwargs)
        assert codes(e) == ["AF0402"]
    net.l.W.array = array(5, 3)
    with pytest.raises(CompileError, match="has changed since"):
        program(x)


def test_lower_keeps_names_and_objects_apart() -> None:
    def f(a, b, *, c, d):
        return a * 1000 + b * 100 + c * 10 + d

    def g(a, b, *, c, d):
        return f(a, b, c=c, d=d), a is b

    spec = TensorSpec((2,))
    x = [array(2, seed=i) for i in range(4)]
    program = astfront.compile(f).lower(spec, spec, d=spec, c=spec).compile()
    assert_same(program(x[0], x[1], c=x[2], d=x[3]), f(x[0], x[1], c=x[2], d=x[3]))
    twice = astfront.compile(g).lower(x[0], x[0], c=x[1], d=x[2]).compile()
    assert_same(twice(x[3], x[3], d=x[0], c=x[1]), g(x[3], x[3], c=x[1], d=x[0]))
    with pytest.raises(CompileError, match="one array in two places"):
        twice(x[2], x[3], d=x[0], c=x[1])


def test_specs() -> None:
    def f(x, scales, n):
        total = x * scales[0]
        for i in range(n):
            total = total + i
        return total, n

    specs = [
        TensorSpec((None, 3)),
        [TensorSpec(("batch", 1), variable=True)],
        astfront.ScalarSpec(int),
    ]
    compiled = astfront.compile(f, specs=specs)
    lowered = astfront.compile(f).lower(*specs)
    program = lowered.compile("llvm")
    for n in (0, 1, 4):
        args = array(n, 3), [chainer.Variable(array(n, 1))], n
        same(compiled, f, *args)
        same(program, f, *args)
    assert compiled.cache_info() == (2, 1, 1)
    good = array(2, 3), [chainer.Variable(array(2, 1))], 1
    for i, bad in enumerate([array(2, 4), [array(2, 1)], 1.0]):
        args = (*good[:i], bad, *good[i + 1 :])
        with pytest.raises(CompileError) as e:
            compiled(*args)
        assert codes(e) == ["AF0402"]
        with pytest.raises(CompileError) as e:
            program(*args)
        assert codes(e) == ["AF0402"]
    assert tvm.relay.fromtext(lowered.as_text())


def test_from_chainer() -> None:
    net = Net()
    x = array(2, 3)
    expected = net.forward(x).array
    for inputs in (x, [x], (x,), {"x": x}, TensorSpec((2, 3)), [TensorSpec((None, 3))]):
        mod, params = astfront.from_chainer(net, inputs)
        assert [p.name_hint for p in mod["main"].params][0] == "x"
        assert sorted(params) == ["l_W", "l_b"]
    mod, params = astfront.from_chainer(net, x)
    with tvm.transform.PassContext(opt_level=3):
        factory = relay.build(mod, target=host_target(), params=params)
        executable = relay.vm.compile(mod, target=host_target(), params=params)
    graph = tvm.contrib.graph_executor.GraphModule(factory["default"](tvm.cpu()))
    graph.set_input("x", x)
    graph.run()
    np.testing.assert_allclose(graph.get_output(0).numpy(), expected, rtol=1e-4, atol=1e-5)
    vm = tvm.runtime.vm.VirtualMachine(executable, tvm.cpu())
    np.testing.assert_allclose(vm.run(x).numpy(), expected, rtol=1e-4, atol=1e-5)


def test_from_chainer_with_a_loop() -> None:
    def f(xs):
        h = xs[0] * 0
        for x in xs:
            h = h * 2 + x
        return h

    x = array(5, 3)
    mod, params = astfront.from_chainer(f, TensorSpec((None, 3)))
    assert "recursive" in mod.astext() or "loop" in mod.astext()
    executable = relay.vm.compile(mod, target=host_target(), params=params)
    vm = tvm.runtime.vm.VirtualMachine(executable, tvm.cpu())
    np.testing.assert_allclose(vm.run(x).numpy(), f(x), rtol=1e-4, atol=1e-5)


def test_explain() -> None:
    class Explained(chainer.Chain):
        def __init__(self) -> None:
            super().__init__()
            self.depth = 2
            self.count = 0

        def forward(self, xs, scale):
            self.count += 1
            h = xs[0]
            for x in xs:
                h = h + x
            for _ in range(self.depth):
                h = self.double(h)
            if chainer.config.train:
                h = h + 1
            return h * scale

        def double(self, h):
            return h * 2

    text = astfront.explain(Explained(), array(4, 3), 3)
    for part in (
        "test_api.py",
        "for x in xs:",
        "kept",
        "inlined: double",
        "taken for granted:\n  the argument scale = 3",
        "Explained.depth = 2",
        "config.train = True",
        "changed by the call:\n  Explained.count",
    ):
        assert part in text, text
    assert "None[" not in text


def test_what_tvm_fails_at_is_a_compile_error():
    with pytest.raises(astfront.CompileError, match="AF0601.*\n.*ValueError"):
        astfront.compile(lambda x: x + 1, target="no such target")(np.zeros(2, "f"))
