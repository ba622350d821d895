"""Objects and state."""

import collections
import copy
import dataclasses
import enum

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np

from tests.language.construct import Section

construct = Section("Objects and state")


class Memory:
    def __init__(self, h=None):
        self.h = h
        self.steps = 0

    def push(self, y):
        self.h = y if self.h is None else self.h * 0.5 + y
        self.steps += 1
        return self


class Named:
    def __init__(self, name):
        self.name = name

    def __str__(self):
        return f"the {self.name}"

    def __repr__(self):
        return f"Named({self.name!r})"


@dataclasses.dataclass
class Point:
    a: int
    b: str = "b"


@construct("`__str__` and `__repr__`, those that dataclasses make too")
def representations(x, n):
    named, point = Named(n), Point(n)
    return f"{named} {named!r} {point}", repr(named), str(named), "%s" % named, "%r" % (named,)


@construct("attributes made, changed and deleted in `forward`")
class attributes(chainer.Chain):
    def forward(self, x, n):
        self.a = x
        self.a = self.a * n
        self.b = 1
        del self.b
        return self.a, hasattr(self, "b")


@construct("attributes changed in branches and loops")
class changed_attributes(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.h = np.zeros((4, 3), "float32")
        self.count = 0

    def forward(self, x, n):
        if n > 1:
            self.h = self.h + x.array
            self.count += 1
        for _ in range(n):
            self.h = self.h * 0.5
        return self.h * self.count


@construct("attributes of child links and helper objects")
class child_state(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.memory = Memory(np.zeros((4, 3), "float32"))
        with self.init_scope():
            self.child = chainer.Chain()
        self.child.count = 0

    def forward(self, x, n):
        self.memory.push(x.array * n)
        self.child.count += n
        return self.memory.h, self.memory.steps, self.child.count


@construct("`values()` and `items()` that are kept somewhere")
def kept_views(x, n):
    for f in _FUNCTIONS:
        x = f(x)
    return x, {name: weight * n for name, weight in _WEIGHTS}


_FUNCTIONS = collections.OrderedDict(a=F.tanh, b=F.sigmoid).values()
_WEIGHTS = {"one": 1, "two": 2}.items()


@construct("an object made in `forward`, changed in loops")
def made_objects(x, n):
    memory = Memory(x)
    for _ in range(n):
        memory.push(x * 2).steps += 1
    return memory.h, memory.steps


@construct("two names for one object")
def two_names(x, n):
    memory = Memory(x)
    same = memory
    same.steps = n
    same.push(x)
    return memory.h, memory.steps, memory is same


@construct("objects in lists")
def objects_in_lists(x, n):
    memories = [Memory(x), Memory(x * 2)]
    for memory in memories:
        memory.push(x * n)
    memories[0].steps += n
    return memories[0].h + memories[1].h, memories[0].steps


@construct("an object chosen by an index")
def chosen_object(x, n):
    memories = [Memory(x * i) for i in range(4)]
    return memories[n].h


@construct("a list of objects that grows in a kept loop")
def growing_objects(x, n):
    memories = []
    for i in range(n):
        memories.append(Memory(x * i))
    return len(memories)


@construct("state carried to the next call, and reset")
class carried_state(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.lstm = L.LSTM(3, 3)

    def forward(self, x, n):
        self.lstm.reset_state()
        for _ in range(n + 1):
            h = self.lstm(x)
        return h


@construct("`if self.h is None: …` in the first turn of a loop")
class none_at_first(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.h = None

    def forward(self, x, n):
        self.h = None
        for i in range(n + 1):
            if self.h is None:
                self.h = x
            else:
                self.h = F.tanh(self.h + x * i)
        return self.h


@construct("a variable that is None on one way and a tensor on the other")
def optional(x, n):
    h = None
    if n > 1:
        h = x * 2
    y = x if h is None else h + 1
    return y * (h is None)


@construct("a number on one way and a Variable on the other")
def number_or_variable(x, n):
    loss = 0
    for i in range(n):
        loss += F.sum(x) * i
    return loss / max(n, 1) + x


@construct("a float on one way and an int on the other")
def int_or_float(x, n):
    scale = 1
    if n > 1:
        scale = 0.5
    return x * scale


@construct("a Variable on one way and an array on the other")
def variable_or_array(x, n):
    y = x if n > 1 else x.array
    return F.relu(y) * 2


@construct("sizes that differ between two ways")
def differing_sizes(x, n):
    y = x[:2] if n > 1 else x
    return F.sum(y, axis=0) * y.shape[0]


@construct("a name bound on one way only, used where it's bound")
def bound_on_one_way(x, n):
    if n > 1:
        y = x * 2
    total = x
    if n > 1:
        total = total + y
    return total


class Doubled(chainer.LinkHook):
    name = "Doubled"

    def __init__(self):
        self.calls = 0

    def forward_preprocess(self, args):
        self.calls += 1
        args.link.scale = 2 * self.calls


@construct("hooks of links")
class hooked(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.child = L.Scale(W_shape=(3,))
        self.child.add_hook(Doubled())

    def forward(self, x, n):
        return self.child(x) * self.child.scale * n


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@construct("`enum`")
def enums(x, n):
    return x * Color.RED.value * n, Color(2) is Color.BLUE, [c.name for c in Color]


class Meters:
    def __init__(self, x):
        self.x = x

    def __array__(self, dtype=None):
        return self.x


class Scaled(Meters):
    __array_priority__ = 1

    def __rmul__(self, other):
        return other * self.x + 1

    def __gt__(self, other):
        return self.x * 2 > other


@construct("objects beside arrays: `__array__`, `__array_priority__`")
def objects_beside_arrays(x, n):
    a = x.array
    b = a.copy()
    b += Meters(a)
    return a + Meters(a), Meters(a) * a > n, a * Scaled(a), a < Scaled(a), np.exp(Meters(a)), b


class Shared:
    count = 0


@construct("attributes of classes and modules, changed")
def shared_attributes(x, n):
    Shared.count = n
    Shared.count += 1
    return x * Shared.count


@construct("`copy.copy`, `copy.deepcopy` of objects")
def copied_objects(x, n):
    memory = Memory(x)
    other = copy.copy(memory)
    other.steps = n
    third = copy.deepcopy(memory).push(x)
    return memory.steps, other.steps, third.h


@construct("objects in attributes of objects")
def nested_objects(x, n):
    outer = Memory(Memory(x))
    outer.h.push(x * n)
    return outer.h.h, outer.h.steps


@construct("`__dict__`, `vars`")
def instance_dict(x, n):
    memory = Memory(x)
    attributes = memory.__dict__
    attributes["steps"] = n
    return len(attributes), memory.steps, sorted(vars(memory)), attributes["h"]
