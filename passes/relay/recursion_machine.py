"""A recursive function as statements that have a stack of their own.

The function is cut into *blocks* where it calls itself: a block ends in a call, or in a return, or goes
on to another block. A ``while`` runs the block that's next until the outermost call returns. Each value
has memory that's set aside once, so a call first puts what's needed after it on the stack, from which
the block after the call takes it back. Where the stack turns out too small all starts again with
a larger one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import tvm
from tvm import relay, tir

from passes.relay.bindings import chain, unchain, variables
from passes.relay.kernel_writer import (
    Array,
    Writer,
    copied,
    each,
    flattened,
    moved,
    sequence,
    store,
    truth,
)

#: Calls inside each other that the first stack has place for, if they need no more bytes than this.
FIRST_DEPTH = 64
_FIRST_BYTES = 1 << 20

#: How much larger the next one is.
_GROWTH = 4

_DONE = -1
"""The number of no block: the outermost call has returned."""


class Stack:
    """What calls that haven't returned will need: frames, in an array for each dtype."""

    def __init__(self, depth: Any) -> None:
        self.depth = depth
        self.sizes: dict[str, int] = {}
        """Of a frame's part in each array, which is known in the end."""
        self.arrays: dict[str, Frames] = {}

    def places(self, values: Iterable[Array]) -> list[tuple[Array, Any, Any]]:
        """Values that the next frame holds, each with an array and its place there."""
        used: dict[str, int] = {}
        found = []
        for value in values:
            dtype = value.flat.dtype
            frames = self.arrays.setdefault(dtype, Frames.of(dtype))
            at = used.get(dtype, 0)
            found.append((value, frames.buffer, self.depth * frames.size + at))
            used[dtype] = at + value.size
            self.sizes[dtype] = max(self.sizes.get(dtype, 0), used[dtype])
        return found

    def first_depth(self) -> int:
        frame = sum(bytes_of(dtype) * size for dtype, size in self.sizes.items())
        return max(min(FIRST_DEPTH, _FIRST_BYTES // frame), 1)

    def allocated(self, capacity: Any, body: Any) -> Any:
        """A statement with memory for so many frames."""
        for dtype, frames in self.arrays.items():
            size = tir.const(self.sizes[dtype], "int64")
            body = with_memory(frames.buffer.data, frames.length * bytes_of(dtype), body)
            body = tir.LetStmt(frames.length, capacity * size, body)
            body = tir.LetStmt(frames.size, size, body)
        return body


class Frames(NamedTuple):
    """The parts of the frames of one dtype, and names for their size and for that of all of them."""

    buffer: Any
    size: Any
    length: Any

    @classmethod
    def of(cls, dtype: str) -> Frames:
        data = tir.Var("stack", tvm.ir.PointerType(tvm.ir.PrimType(dtype), "global"))
        length = tir.Var("length", "int64")
        buffer = tir.decl_buffer((length,), dtype, "stack", data=data)
        return cls(buffer, tir.Var("frame", "int64"), length)


def bytes_of(dtype: str) -> int:
    return int(tvm.DataType(dtype).bits) // 8


def with_memory(data: Any, size: Any, body: Any) -> Any:
    """A statement with so many bytes: ``Allocate`` is for sizes that are known at the beginning."""
    cpu, first = tvm.cpu().device_type, 0
    kind = (2, 32)  # floats: only a hint
    made = tir.call_intrin(
        "handle", "tir.TVMBackendAllocWorkspace", cpu, first, size.astype("uint64"), *kind
    )
    freed = tir.call_intrin("int32", "tir.TVMBackendFreeWorkspace", cpu, first, data)
    failed = tir.Evaluate(tir.call_intrin("int32", "tir.tvm_throw_last_error"))
    is_null = tir.call_intrin("bool", "tir.isnullptr", data)
    statements = [tir.IfThenElse(is_null, failed, None), body, tir.Evaluate(freed)]
    return tir.LetStmt(data, made, sequence(statements))


class Machine:
    """Writes the blocks of a recursive function."""

    def __init__(self, writer: Writer, var: Any, function: Any, results: Sequence[Array]) -> None:
        self.writer = writer
        self.var = var
        self.function = function
        self.results = results
        known = [x for x in writer.values.values() if not isinstance(x, relay.Function)]
        self.outside = {array.data for array in flattened(known)}
        """What's the same for all calls."""
        self.blocks: list[list[Any]] = []
        self.next, self.depth, self.capacity, self.is_full = (
            writer.new((), "int64", name) for name in ("next", "depth", "capacity", "is_full")
        )
        self.own: list[Array] = []
        """More that each call has."""
        self.stack = Stack(self.depth.flat[0])
        self.params = [writer.memory_of(p.checked_type) for p in function.params]
        writer.define(function.params, self.params)

    def statement(self, arguments: Sequence[Array]) -> Any:
        """The whole, for these arguments of the outermost call."""
        self._write(self.function.body, self._block(), frozenset(), self._return)
        number, capacity = self.next.flat[0], self.capacity.flat[0]
        run: Any = tir.Evaluate(0)
        for i, block in reversed(list(enumerate(self.blocks))):
            run = tir.IfThenElse(number.equal(i), sequence(block), run)
        whole = [
            store(self.is_full, 0),
            store(self.depth, 0),
            store(self.next, 0),
            *map(copied, arguments, self.params),
            *self.begun(),
            tir.While(number >= 0, run),
            *self.ended(),
            store(self.capacity, capacity * _GROWTH),
        ]
        again = self.allocated(capacity, sequence(whole))
        first = [store(self.capacity, self.stack.first_depth()), store(self.is_full, 1)]
        return sequence([*first, tir.While(truth(self.is_full), again)])

    def begun(self) -> list[Any]:
        """What's done before the outermost call."""
        return []

    def ended(self) -> list[Any]:
        """What's done after it, or when there's no place left."""
        return []

    def allocated(self, capacity: Any, body: Any) -> Any:
        """A statement with memory for so many calls inside each other."""
        return self.stack.allocated(capacity, body)

    def bound(self, var: Any, value: Any) -> list[Any]:
        """Statements for a binding without calls."""
        return self.writer.bindings([(var, value)])

    def entered(self) -> list[Any]:
        """What's done when a call begins, but for the outermost one."""
        return []

    def has_place(self) -> Any:
        """Whether one more call may begin."""
        return self.depth.flat[0] < self.capacity.flat[0]

    def _block(self) -> list[Any]:
        self.blocks.append([])
        return self.blocks[-1]

    def _write(
        self,
        expr: Any,
        done: list[Any],
        after: frozenset[Any],
        leave: Callable[[Any, list[Any]], None],
    ) -> None:
        """Write a chain, from the end of the block ``done`` on.

        ``after`` are the variables that are needed when it's through, and ``leave`` writes what's
        done with its value.
        """
        bindings, result = unchain(expr)
        for i, (var, value) in enumerate(bindings):
            if self.var not in variables(value):
                done += self.bound(var, value)
                continue
            rest = variables(chain(bindings[i + 1 :], result)) | after
            following, block = len(self.blocks), self._block()
            write = self._branch if isinstance(value, relay.If) else self._call
            self.writer.values[var] = write(value, done, rest, following)
            done = block
        leave(self.writer.value(result), done)

    def _branch(self, branch: Any, done: list[Any], rest: frozenset[Any], following: int) -> Any:
        place = self.writer.memory_of(branch.checked_type)

        def leave(value: Any, arm: list[Any]) -> None:
            arm += map(copied, flattened([value]), flattened([place]))
            arm.append(store(self.next, following))

        arms = []
        for arm in (branch.true_branch, branch.false_branch):
            statements: list[Any] = []
            self._write(arm, statements, rest, leave)
            arms.append(sequence(statements))
        done.append(tir.IfThenElse(truth(self.writer.value(branch.cond)), *arms))
        return place

    def _call(self, call: Any, done: list[Any], rest: frozenset[Any], following: int) -> Any:
        needed = flattened(
            [
                value
                for var, value in self.writer.values.items()
                if var in rest and not isinstance(value, relay.Function)
            ]
        )
        kept = {array.data: array for array in needed if array.data not in self.outside}
        (_, stack, at), *places = self.stack.places([self.next, *self.own, *kept.values()])
        arguments = flattened([self.writer.value(arg) for arg in call.args])
        pushed = [
            # Not by way of what's to be stored there next: TVM drops a store then.
            tir.BufferStore(stack, tir.const(following, "int64"), [at]),
            *(_put(*place) for place in places),
            store(self.depth, self.depth.flat[0] + 1),
            *moved(self.writer, arguments, self.params),
            store(self.next, 0),
            *self.entered(),
        ]
        full = [store(self.is_full, 1), store(self.next, _DONE)]
        done.append(tir.IfThenElse(self.has_place(), sequence(pushed), sequence(full)))
        result = self.writer.memory_of(call.checked_type)
        self.blocks[following] += [_taken(*place) for place in places]
        self.blocks[following] += map(copied, self.results, flattened([result]))
        return result

    def _return(self, value: Any, done: list[Any]) -> None:
        done += moved(self.writer, flattened([value]), self.results)
        ((_, stack, at),) = self.stack.places([self.next])
        depth = self.depth.flat[0]
        pop = sequence([store(self.depth, depth - 1), store(self.next, stack[at])])
        done.append(tir.IfThenElse(depth > 0, pop, store(self.next, _DONE)))


def _put(value: Array, stack: Any, at: Any) -> Any:
    return each(value.size, lambda i: tir.BufferStore(stack, value.flat[i], [at + i]))


def _taken(value: Array, stack: Any, at: Any) -> Any:
    return each(value.size, lambda i: tir.BufferStore(value.flat, stack[at + i], [i]))
