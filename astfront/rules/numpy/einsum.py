"""Einstein's summation, as transposes, diagonals, products of matrices and sums."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np
from chainer.functions.math import einsum as chainer_einsum

from astfront.rules.numpy.linear import _matmul
from astfront.rules.numpy.reductions import reduced
from astfront.rules.numpy.shaping import reshaped, transposed
from astfront.rules.numpy.support import (
    as_array,
    as_result,
    convert,
    numpy_rule,
    product,
    require_equal,
    sizes_of,
)
from astfront.rules.registry import node_rule
from astfront.rules.sizes import evaluated
from astfront.values import Static, Tensor, Value

#: A letter, or a number for an axis that the ellipsis stands for (from the last one, -1, down).
Label = str | int

#: In the order of their numbers.
_LETTERS = string.ascii_uppercase + string.ascii_lowercase

_SIZES_DIFFER = "operands could not be broadcast together"


@numpy_rule(np.einsum)
def einsum(cx: Any, subscripts: Value, *operands: Value, optimize: Value = Static(False)) -> Tensor:
    text = subscripts.obj if isinstance(subscripts, Static) else None
    if not isinstance(text, str):
        text, operands = _as_text(cx, subscripts, *operands)
    left, arrow, right = text.replace(" ", "").replace("...", "@").partition("->")
    terms = left.split(",")
    if not arrow:
        letters = left.replace(",", "").replace("@", "")
        right = "@" * ("@" in left)
        right += "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    arrays = [as_array(cx, v) for v in operands]
    dtype = np.result_type(*(x.dtype for x in arrays))
    return as_result(_of_terms(cx, terms, right, [convert(cx, x, dtype) for x in arrays]))


def _as_text(cx: Any, *operands: Value) -> tuple[str, tuple[Value, ...]]:
    """The subscripts that are given as a list of ints after each array."""
    lists = [cx.static(v, "a list of subscripts") for v in operands[1::2]]
    arrays = operands[::2]
    given = lists if len(operands) % 2 == 0 else [*lists, cx.static(operands[-1], "subscripts")]
    terms = []
    for axes in given:
        known = axes if isinstance(axes, list | tuple) else ()
        if axes is not known or not all(n is Ellipsis or n in range(52) for n in known):
            cx.fail(
                "AF0306",
                f"einsum with the subscripts {axes!r} isn't supported",
                help="write the subscripts as text: np.einsum('ij,jk->ik', a, b)",
            )
        terms.append("".join("..." if n is Ellipsis else _LETTERS[int(n)] for n in known))
    text = ",".join(terms[: len(lists)])
    if len(given) > len(lists):
        return f"{text}->{terms[-1]}", arrays[:-1]
    return text, arrays


@node_rule(chainer_einsum.EinSum)
def einsum_node(cx: Any, node: Any, *arrays: Tensor) -> Tensor:
    dtype = np.result_type(*(x.dtype for x in arrays))
    terms, result = node.in_subs.split(","), node.out_sub
    hidden = any(len(t.replace("@", "")) < x.ndim for t, x in zip(terms, arrays) if "@" in t)
    if hidden and "@" not in result:
        cx.raise_python(
            ValueError(
                "einsum should not support summing over Ellipsis, "
                "while NumPy 1.14 sometimes accidentally supports it. "
                "This feature is no longer supported by Chainer. "
                "See also NumPy issues #10926, #9984."
            )
        )
    made = _of_terms(cx, terms, result, [cx.cast(x, dtype) for x in arrays])
    return cx.cast(made, dtype)  # type: ignore[no-any-return]


def _of_terms(cx: Any, terms: Sequence[str], result: str, arrays: Sequence[Tensor]) -> Tensor:
    """Subscripts in which ``@`` is the ellipsis."""
    if len(terms) != len(arrays):
        cx.raise_python(ValueError("einstein sum subscripts don't fit the operands"))
    labels = [_labels(cx, t, x) for t, x in zip(terms, arrays)]
    hidden = sorted({c for own in labels for c in own if isinstance(c, int)})
    wanted: list[Label] = []
    for c in result:
        if c == "@":
            wanted.extend(hidden)
        else:
            wanted.append(c)
    if len(set(wanted)) != len(wanted):
        cx.raise_python(
            ValueError("einstein sum subscripts string includes output subscript multiple times")
        )
    for label in wanted:
        if not any(label in own for own in labels):
            cx.raise_python(
                ValueError(
                    "einstein sum subscripts string included output subscript "
                    f"'{label}' which never appeared in an input"
                )
            )
    return _contracted(cx, labels, wanted, list(arrays))


def _labels(cx: Any, term: str, x: Tensor) -> list[Label]:
    before, ellipsis, after = term.partition("@")
    hidden = x.ndim - len(before) - len(after)
    if hidden < 0 or (hidden and not ellipsis):
        cx.raise_python(
            ValueError("einstein sum subscripts string does not fit an operand's dimensions")
        )
    return [*before, *range(-hidden, 0), *after]


def _contracted(
    cx: Any, labels: list[list[Label]], result: list[Label], arrays: list[Tensor]
) -> Tensor:
    """From left to right, two operands at a time."""
    for i, x in enumerate(arrays):
        labels[i], arrays[i] = _without_repeats(cx, labels[i], x)
    _drop_ones(cx, labels, arrays)
    own, x = labels[0], arrays[0]
    for i in range(1, len(arrays)):
        later = {c for others in labels[i + 1 :] for c in others} | set(result)
        own, x = _pair(cx, own, x, labels[i], arrays[i], later)
    summed = [i for i, c in enumerate(own) if c not in result]
    x = reduced(cx, "sum", x, summed, False) if summed else x
    kept = [c for c in own if c in result]
    return transposed(cx, x, [kept.index(c) for c in result])


def _without_repeats(cx: Any, labels: list[Label], x: Tensor) -> tuple[list[Label], Tensor]:
    """The diagonal of axes with one letter."""
    while len(set(labels)) < len(labels):
        j = next(i for i, c in enumerate(labels) if c in labels[:i])
        i = labels.index(labels[j])
        sizes = sizes_of(cx, x)
        require_equal(cx, sizes[i], sizes[j], "dimensions in operand for collapsing don't match")
        size = x.shape[i] if x.shape[i] is not None else x.shape[j]
        rest = [a for a in range(x.ndim) if a not in (i, j)]
        flat = reshaped(
            cx,
            transposed(cx, x, [*rest, i, j]),
            [*(sizes[a] for a in rest), product(cx, [sizes[i], sizes[j]])],
        )
        places = evaluated(cx, _diagonal, sizes[i] if size is None else Static(size))
        x = x.viewed_as(cx.b.call("take", flat, places, axis=len(rest), mode="clip"))
        labels = [*(labels[a] for a in rest), labels[i]]
    return labels, x


def _diagonal(size):  # type: ignore[no-untyped-def]
    """The places of the diagonal in a flat square; compiled where the size is staged."""
    return np.arange(size) * (size + 1)


def _drop_ones(cx: Any, labels: list[list[Label]], arrays: list[Tensor]) -> None:
    """An axis of size 1 where another operand has more along it: it broadcasts."""
    for c in {c for own in labels for c in own}:
        having = [i for i, own in enumerate(labels) if c in own]
        ones = [i for i in having if arrays[i].shape[labels[i].index(c)] == 1]
        if len(ones) in (0, len(having)):
            continue
        for i in ones:
            axis = labels[i].index(c)
            arrays[i] = cx.b.call("squeeze", arrays[i], axis=[axis])
            labels[i] = [d for d in labels[i] if d != c]


def _pair(
    cx: Any, p: list[Label], a: Tensor, q: list[Label], b: Tensor, later: set[Label]
) -> tuple[list[Label], Tensor]:
    # What only one of them has and nobody wants is summed first.
    alone = [
        [i for i, c in enumerate(t) if c not in o and c not in later] for t, o in ((p, q), (q, p))
    ]
    a, b = (reduced(cx, "sum", x, axes, False) for x, axes in zip((a, b), alone))
    p, q = ([c for i, c in enumerate(t) if i not in axes] for t, axes in zip((p, q), alone))
    batch = [c for c in p if c in q and c in later]
    summed = [c for c in p if c in q and c not in later]
    rows, columns = [c for c in p if c not in q], [c for c in q if c not in p]
    a = transposed(cx, a, [p.index(c) for c in (*batch, *rows, *summed)])
    b = transposed(cx, b, [q.index(c) for c in (*batch, *summed, *columns)])
    size_a = dict(zip((*batch, *rows, *summed), sizes_of(cx, a)))
    size_b = dict(zip((*batch, *summed, *columns), sizes_of(cx, b)))
    for c in (*batch, *summed):
        require_equal(cx, size_a[c], size_b[c], _SIZES_DIFFER)
    first = [size_a[c] for c in batch]
    labels = [*batch, *rows, *columns]
    wide = [*first, *(size_a[c] for c in rows), *(size_b[c] for c in columns)]
    if not summed:
        left = reshaped(cx, a, [*wide[: len(batch) + len(rows)], *[Static(1)] * len(columns)])
        spread = [*first, *[Static(1)] * len(rows), *(size_b[c] for c in columns)]
        return labels, cx.b.call("multiply", left, reshaped(cx, b, spread))
    inner_size = product(cx, [size_a[c] for c in summed])
    m, n = product(cx, [size_a[c] for c in rows]), product(cx, [size_b[c] for c in columns])
    left = reshaped(cx, a, [*first, m, inner_size])
    right = reshaped(cx, b, [*first, inner_size, n])
    return labels, reshaped(cx, _matmul(cx, left, right), wide)
