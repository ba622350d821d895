"""chainer/distributions: nodes whose numpy isn't compiled. The rest is compiled from its source."""

from __future__ import annotations

from typing import Any

import numpy as np
from chainer.distributions import bernoulli, multivariate_normal

from astfront.rules.registry import node_rule
from astfront.values import Static, Tensor, Value


@node_rule(bernoulli.BernoulliLogProb)
def bernoulli_log_prob(cx: Any, node: Any, logit: Tensor, x: Tensor) -> Value:
    """A rule because the source has numpy raise an exception for what it warns of elsewhere."""
    check = Static(node.binary_check)
    made: Value = cx.call_function_object(_bernoulli_log_prob, logit, x, check)
    return made


@node_rule(multivariate_normal.TriangularInv)
def triangular_inverse(cx: Any, node: Any, x: Tensor) -> Value:
    """A rule because it's scipy's, which takes the rest of the matrix for zeros."""
    made: Value = cx.call_function_object(_triangular_inverse, x, Static(bool(node._lower)))
    return made


# What follows is compiled, not run.


def _bernoulli_log_prob(logit: Any, x: Any, binary_check: bool) -> Any:
    if np.any((x < 0) | (x > 1)):
        raise FloatingPointError("invalid value encountered in log")
    y = logit * (x - 1) - np.log(np.exp(-logit) + 1)
    y = np.where(np.isinf(logit) & (logit > 0), np.log(x), y)
    y = np.where(np.isinf(logit) & (logit <= 0), np.log(1 - x), y)
    if binary_check:
        y = np.where((x != 0) & (x != 1), -np.inf, y)
    return y.astype(logit.dtype)


def _triangular_inverse(x: Any, lower: bool) -> Any:
    if len(x) == 0:
        return x
    if not np.all(np.isfinite(x)):
        raise ValueError("array must not contain infs or NaNs")
    return np.linalg.inv(np.tril(x) if lower else np.triu(x))
