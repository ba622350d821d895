"""Containers that change."""

import collections
import copy
import itertools

import chainer
import chainer.functions as F
import numpy as np

from tests.language.construct import Section

construct = Section("Containers")


@construct("list methods")
def list_methods(x, n):
    items = [1, n]
    items.append(5)
    items.extend((n, 7))
    items.insert(1, 9)
    last = items.pop()
    first = items.pop(0)
    items.reverse()
    return tuple(items), last, first, items.copy()[0]


@construct("`extend` by rows, whose number data decides")
def extended(x, n):
    items, by_sign, counts = [], {}, [7]
    for row in x.array:
        if row[0] > n:
            items.append(row)
        else:
            items.extend(x.array[: int((row > 0).sum())])
        by_sign.setdefault(int(row[1] > n - 1), []).extend(row[row > 0])
    counts.extend(range(len(items)))
    counts.extend(np.where(x.array[:, 0] > n)[0])
    return items, by_sign, counts


@construct("items that may be None, at an index that data decides")
def items_or_none(x, n):
    rows = [None, x.array[0], None, x.array[1, :2]]
    found = []
    for i in (n, 1):
        if rows[i] is None:
            continue
        found.append(np.nan_to_num(rows[i]) + rows[i].sum())
    return found, "abcd"[n], "abcd"[-n]


@construct("`+=` of a list and an array: numpy adds the numbers")
def list_and_array(x, n):
    items = first = [1.0, n]
    items += x.array[0, :2]
    ones, twos = [1.0], [2, 3]
    ones += np.float32(n)
    twos += x.array[1, 0] if n > 1 else [n]
    return items, first, ones, twos


@construct("`index`, `count` of a list")
def list_searches(x, n):
    items = [n, 1, n, 5]
    return items.index(n), items.index(1), items.count(n)


@construct("`list.remove`, `sort`, `clear`")
def list_changes(x, n):
    items = [3, 1, n]
    items.remove(n)
    items.sort()
    other = [x]
    other.clear()
    return items[0], len(other)


@construct("a list that grows by a number of items known at run time only")
def growing_list(x, n):
    rows = [x[0]]
    for i in range(n):
        rows.append(x[i] * 2)
        if i > 0:
            rows.append(x[i])
    return F.stack(rows)[-1], len(rows), rows[-1], rows[0]


@construct("a list of arrays of differing lengths")
def ragged_list(x, n):
    parts = []
    for i in range(n):
        parts.append(x[: i + 1])
    total = x[0]
    for part in parts:
        total = total + F.sum(part, axis=0) * len(part)
    return total


@construct("a list of tuples that grows")
def list_of_tuples(x, n):
    pairs = []
    for i in range(n):
        pairs.append((x[i], i * 2))
    total = x[0]
    for row, k in pairs:
        total = total + row * k
    return total


@construct("a list of lists that grow")
def list_of_lists(x, n):
    beams = [[0], [1]]
    for i in range(n):
        beams = [beam + [i] for beam in beams]
    return len(beams[0]), beams[1][-1]


@construct("a growing list of lists")
def list_of_growing_lists(x, n):
    table = []
    for i in range(n):
        table.append([i, i + 1])
    return len(table)


@construct("lists of staged length, changed one by one")
def changed_lists(x, n):
    rows = [[i] * (n + 1) for i in range(3)]
    rows[0][0] = 7
    second = rows[1]
    second.append(n)
    rows[2][-1] += rows[1][-1]
    rows[0].append(8)
    return rows, len(second)


@construct("a list that's changed after it went into a list that grows")
def changed_after_append(x, n):
    runs, run = [], None
    for i in range(n):
        if run is None or i % 2 == 0:
            run = []
            runs.append(run)
        run.append(i + n)
    return runs


@construct("a stack: push and pop")
def stack(x, n):
    waiting = [x[0]]
    total = x[0]
    for i in range(n):
        waiting.append(x[i] * 2)
        waiting.append(x[i])
        total = total + waiting.pop()
    while waiting:
        total = total * 0.5 + waiting.pop()
    return total


@construct("item assignment to a list that grew")
def changed_items(x, n):
    rows = []
    for i in range(n + 1):
        rows.append(x[i])
    for i in range(len(rows)):
        rows[i] = rows[i] * i
    rows[-1] = x[0]
    return F.sum(F.stack(rows), axis=0)


@construct("`insert` into a list that grew")
def grown_insertion(x, n):
    rows = []
    for i in range(n):
        rows.append(x[i])
    rows.insert(0, x[1])
    return F.sum(F.stack(rows), axis=0)


@construct("slices, `+`, `reversed` of a list that grew")
def grown_operations(x, n):
    rows = []
    for i in range(n):
        rows.append(x[i])
    rows = [x[3], x[1]] + rows
    total = x[0]
    for row in reversed(rows[1:]):
        total = total * 0.5 + row
    return total, len(rows[::-1])


@construct("`in` a list that grew")
def membership(x, n):
    seen = []
    for i in range(n):
        seen.append(i * 2)
    return 2 in seen, n in seen


@construct("dict methods")
def dict_methods(x, n):
    table = {"a": x, "b": n}
    table.update(c=n + 1)
    table.setdefault("d", 5)
    table["a"] = table["a"] * 2
    names = [k for k in table]
    values = sum(v for k, v in table.items() if k != "a")
    return values, table.get("z", n), table.pop("a"), len(names), "b" in table


@construct("a dict changed in branches and loops")
def dict_state(x, n):
    state = {"h": x, "steps": 0}
    for i in range(n):
        state["h"] = state["h"] * 0.5
        if i > 0:
            state["steps"] += 1
    return state["h"], state["steps"]


@construct("a dict that gets keys in a staged branch")
def dict_keys_in_branch(x, n):
    table = {}
    if n > 1:
        table["h"] = x * 2
    return table.get("h", x)


@construct("a walk over a dict that has a key on some ways only")
def walk_over_optional_keys(x, n):
    losses = {"main": F.sum(x)}
    if n > 1:
        losses["extra"] = F.sum(x * x)
    total = sum(losses.values())
    for k, v in losses.items():
        total = total + v * len(k)
    copied = dict(losses)
    copied.update({"last": x})
    return total, len(copied), "extra" in copied


@construct("a dict with staged keys")
def staged_keys(x, n):
    table = {1: x}
    table[n] = table.get(n, x) * 2
    counts = collections.Counter([n, n + 1, n])
    words = {2: "two", n: n}
    words.update([(n + 5, n)], three=n)
    words.update(dict(zip([2, n], range(2))))
    for k in table:
        table[k] += 1
    common = counts.most_common(1)
    return table[n], len(table), 1 in table, list(words), common, len(counts.keys() & {1, 2})


@construct("a dict of static keys looked up by a staged int")
def staged_lookup(x, n):
    names = {0: 2, 1: 3, 2: 5, 3: 7}
    return x * names[n]


@construct("`defaultdict`, `OrderedDict`, `deque`")
def collections_types(x, n):
    groups = collections.defaultdict(list)
    groups["a"].append(x)
    groups["a"].append(x * n)
    table = collections.OrderedDict(a=1, b=n)
    recent = collections.deque(maxlen=2)
    for i in range(3):
        recent.append(x[i])
    return groups["a"][1], table["b"], recent[0], len(recent)


@construct("`collections.Counter`")
def counters(x, n):
    counts = collections.Counter("aab", b=n)
    counts["c"] += n
    counts.update(["a"])
    seen = collections.Counter()
    seen[n] += 1
    seen[n] += 1
    del seen[77]
    return x * counts["a"], seen, counts["b"], counts["missing"], len(counts)


@construct("a `deque` that grows by a number of items known at run time only")
def queue(x, n):
    waiting = collections.deque([x[0]])
    for i in range(n):
        waiting.append(x[i])
    total = x[1]
    while waiting:
        total = total * 0.5 + waiting.popleft()
    return total


@construct("sets of static items")
def sets(x, n):
    kinds = {"a", "b"} | {"c"}
    kinds.add("d")
    kinds.discard("a")
    numbers = {10, 3, 1}
    numbers.discard(3)
    numbers.add(17)
    order = [k for k in numbers], list(set([5, 3, 16, 8]) | {44}), [*{9, 1, 17}]
    return x * n * len(kinds), "b" in kinds, kinds >= {"c", "d"}, order


@construct("a set with staged items")
def staged_set(x, n):
    seen = {n}
    seen.add(2)
    seen |= {k + n for k in range(2)}
    fixed = frozenset((2, 3))
    common = len(seen ^ fixed), fixed <= seen
    return len(seen), n + 1 in seen, seen, sorted(seen), max(seen), sum(seen), common


@construct("tuples: unpacking, slices, `+`, `index`, `count`")
def tuples(x, n):
    pair = (n, x)
    triple = pair + (n * 2,)
    a, b, c = triple
    return triple[::2], a + c, b, (1, 2, 2).count(2), (4, 5).index(5)


@construct("a list or tuple of which a loop changes the items")
def carried_tuple(x, n):
    state = (x, 0)
    states = [x, x * 2]
    for i in range(n):
        state = (state[0] * 0.5, state[1] + i)
        states[0], states[1] = states[1], states[0] * 0.5
    return state, states[0], states[1]


@construct("`copy.copy`, `copy.deepcopy` of containers")
def copies(x, n):
    items = [[1], x]
    shallow, deep = copy.copy(items), copy.deepcopy(items)
    items[0].append(n)
    return len(shallow[0]), len(deep[0]), shallow[1] * deep[1]


@construct("`itertools`: `chain`, `product`, `islice`, `zip_longest`, `accumulate`, `groupby`")
def iterator_tools(x, n):
    total = sum(a * b for a, b in itertools.product((1, n), (2, 3)))
    joined = list(itertools.chain([1], (n,), range(2)))
    sums = list(itertools.accumulate([1, n, 3]))
    pairs = list(itertools.zip_longest([1, 2], [n], fillvalue=0))
    return total, joined[1], sums[2], pairs[0], len(list(itertools.islice(joined, 1, 3)))


@construct("what `zip` and `enumerate` leave in the iterators that they take from")
def left_in_iterators(x, n):
    rows, numbers = iter([x, 2 * x, 3 * x, 4 * x]), iter([n, 5])
    total = 0
    for i, (row, k) in enumerate(zip(rows, numbers)):
        total += i * F.sum(row) * k
    parts = iter([n, 2, 3, 4, 5])
    grouped = [a * b for a, b in zip(parts, parts)]
    return total, next(rows), next(numbers, None), len(list(rows)), grouped, next(parts, None)


@construct("`itertools.tee`")
def tee(x, n):
    first, second = itertools.tee([1, 2, n])
    return x * sum(first) * sum(second)


@construct("`itertools.count`, `itertools.cycle`")
def endless_iterators(x, n):
    total = x[0]
    for i, row in zip(itertools.count(n), x):
        total = total + row * i
    for k, row in zip(itertools.cycle((1, 2)), x):
        total = total + row * k
    return total


@construct("`iter`, `next`")
def iterators(x, n):
    walker = iter([x, x * n, x * 3])
    first = next(walker)
    rest = [y for y in walker]
    return first + rest[0], next(walker, n), len(rest)


@construct("lists and dicts of the model, changed by calls")
class kept_containers(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.counts = [0, 0]
        self.table = {"steps": 0}

    def forward(self, x, n):
        self.counts[0] += 1
        self.table["steps"] += n
        return x * self.counts[0] + self.table["steps"]
