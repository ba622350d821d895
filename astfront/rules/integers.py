"""What Python computes of ints alone: powers modulo a number, common divisors, numbers of choices."""

from __future__ import annotations

import math
import operator
from typing import Any

from astfront.rules.numpy.composed import composed


def _gcd(*integers: int) -> int:
    a = 0
    for b in integers:
        b = operator.index(b)
        while b:
            a, b = b, a % b
    return abs(a)


def _lcm(*integers: int) -> int:
    result = 1
    for b in integers:
        divisor = _gcd(result, b)
        result = 0 if divisor == 0 else abs(result // divisor * b)
    return result


def _factorial(x: int) -> int:
    n = operator.index(x)
    if n < 0:
        raise ValueError("factorial() not defined for negative values")
    result = 1
    for i in range(2, n + 1):
        result *= i
    return result


def _require_natural(n: int, k: int) -> None:
    if n < 0:
        raise ValueError("n must be a non-negative integer")
    if k < 0:
        raise ValueError("k must be a non-negative integer")


def _comb(n: int, k: int) -> int:
    n, k = operator.index(n), operator.index(k)
    _require_natural(n, k)
    result = 1 if k <= n else 0
    for i in range(min(k, n - k)):
        result = result * (n - i) // (i + 1)
    return result


def _perm(n: int, k: int | None = None) -> int:
    if k is None:
        return math.factorial(n)
    n, k = operator.index(n), operator.index(k)
    _require_natural(n, k)
    result = 1 if k <= n else 0
    for i in range(k if k <= n else 0):
        result *= n - i
    return result


def _isqrt(n: int) -> int:
    n = operator.index(n)
    if n < 0:
        raise ValueError("isqrt() argument must be nonnegative")
    root = int(math.sqrt(n))
    while root * root > n:
        root -= 1
    while (root + 1) * (root + 1) <= n:
        root += 1
    return root


def _bit_length(self: int) -> int:
    rest = abs(int(self))
    bits = 0
    while rest > 0:
        rest >>= 1
        bits += 1
    return bits


def _inverse(a: int, modulus: int) -> int:
    """By Euclid's algorithm."""
    x, y, rest = 1, 0, modulus
    a = a % modulus
    while rest:
        quotient = a // rest
        a, rest = rest, a - quotient * rest
        x, y = y, x - quotient * y
    if abs(a) != 1:
        raise ValueError("base is not invertible for the given modulus")
    return x * a


def _pow(base: Any, exp: Any, mod: Any = None) -> Any:
    if mod is None:
        return base**exp
    base, exp, mod = operator.index(base), operator.index(exp), operator.index(mod)
    if mod == 0:
        raise ValueError("pow() 3rd argument cannot be 0")
    if exp < 0:
        base, exp = _inverse(base, mod), -exp
    base = base % mod
    result = 1
    while exp > 0:
        if exp % 2:
            result = result * base % mod
        exp //= 2
        if exp > 0:
            base = base * base % mod
    return result % mod


composed(math.gcd, _gcd)
composed(math.lcm, _lcm)
composed(math.factorial, _factorial)
composed(math.comb, _comb)
composed(math.perm, _perm)
composed(math.isqrt, _isqrt)
composed(int.bit_length, _bit_length)
composed(pow, _pow)
