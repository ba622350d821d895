"""Private names of a class: in it, `__name` stands for `_Class__name`.

Python's compiler mangles them where a class is defined; the tree still has them as they were written.

>>> import gast
>>> method = gast.parse('''
... def forward(self, x, __scale=1):
...     self.__calls += 1
...     return self.__dict__, x * __scale
... ''').body[0]
>>> print(gast.unparse(run(method, "_Net")).strip())
def forward(self, x, _Net__scale=1):
    self._Net__calls += 1
    return (self.__dict__, x * _Net__scale)
"""

from __future__ import annotations

from typing import Any

import gast

from passes.syntax import tree

#: The fields that hold names, by the kinds of nodes; of an import only what it binds.
_FIELDS = {
    gast.Attribute: "attr",
    gast.ClassDef: "name",
    gast.FunctionDef: "name",
    gast.Global: "names",
    gast.Name: "id",
    gast.Nonlocal: "names",
    gast.alias: "asname",
    gast.keyword: "arg",
}


def run(fn: Any, cls: str) -> Any:
    """`fn`, a method of the class `cls` or a function in one, with mangled names."""
    prefix = "_" + cls.lstrip("_")
    places = [
        (node, field)
        for node in gast.walk(fn)
        if (field := _FIELDS.get(type(node))) is not None and _has_private(getattr(node, field))
    ]
    if not places or prefix == "_":  # A class named by underscores alone mangles nothing.
        return fn
    fn = tree.clone(fn)
    for node in gast.walk(fn):
        field = _FIELDS.get(type(node))
        if field is not None and _has_private(found := getattr(node, field)):
            setattr(node, field, _mangled(found, prefix))
    return fn


def mangled(name: str, cls: str) -> str:
    """What a name that's bound in the body of the class `cls` is called outside."""
    prefix = "_" + cls.lstrip("_")
    return name if prefix == "_" else str(_mangled(name, prefix))


def _has_private(name: Any) -> bool:
    if isinstance(name, list):
        return any(map(_has_private, name))
    return isinstance(name, str) and name.startswith("__") and not name.endswith("__")


def _mangled(name: Any, prefix: str) -> Any:
    if isinstance(name, list):
        return [_mangled(one, prefix) for one in name]
    return prefix + name if _has_private(name) else name
