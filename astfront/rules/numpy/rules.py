"""Importing this module registers all the rules for numpy."""

from astfront.rules import indexing  # noqa: F401
from astfront.rules.numpy import (  # noqa: F401
    assignment,
    composed,
    creation,
    decompositions,
    draws,
    dtypes,
    editing,
    einsum,
    factorisation,
    fourier,
    integers,
    iteration,
    joining,
    linear,
    padding,
    picking,
    random,
    ranges,
    reductions,
    sets,
    shaping,
    sorting,
    ufuncs,
    windows,
)
