"""Arrays as numpy users write them."""

import chainer
import chainer.functions as F
import numpy as np

from tests.language.construct import Section

construct = Section("Arrays")


@construct("an array of a list changed in place, of which a staged index chooses")
def chosen_array(x, n):
    sums = [np.zeros(3, "f"), np.ones(3, "f"), np.ones(2, "i")]
    for i in range(n):
        sums[i % 2] += x.array[i]
        sums[n - 2][i % 2] += 1
    return sums


@construct("`x[i] = v`, `x[:, j] += v`")
def item_assignment(x, n):
    y = x.array.copy()
    y[n] = 1
    y[:, 1] += n
    y[0, 2] -= 0.5
    y[1:3] = x.array[:2]
    return y


@construct("arrays that a loop walked over are changed")
def changed_after_loop(x, n):
    y, first = x.array.copy(), x.array[:1].copy()
    for row in first:
        y[n] += row
    for i, row in enumerate(y[:1]):
        first[i, 0] = row.max()
    y[0] = n
    return y, first


def parts_of(row):
    return [row[i : i + 2] for i in range(2)]


@construct("a turn keeps views, in names and lists, of what the next one changes")
def changed_after_views(x, n):
    y = x.array.copy()
    for t in range(3):
        y[t] += y[t - n].sum()
        first, second = parts_of(y[t])
        rest = second
        first = np.tanh(first)
        y[t, 1] = first[0] + rest[1]
    return y, y[t], first, rest


@construct("rows that a loop walks over are changed, as padding does")
def changed_rows(x, n):
    y, z = np.zeros((4, 3), "float32"), x.array.copy()
    for i, (row, part) in enumerate(zip(y, x.array)):
        row[: n % 3] = part[: n % 3]
        row[2] -= i
        if i + 1 < len(y):
            y[i + 1] += row
    for column in z.T:
        column[n:] = column[:n].sum()
    for row in z:
        if row.sum() > n:
            row[:] = 0
            break
    return y, z


@construct("slices with staged ends as targets")
def slice_assignment(x, n):
    y = x.array.copy()
    y[:n] = 2
    return y


@construct("masks")
def masks(x, n):
    y = x.array.copy()
    y[y > 0] = n
    return np.where(x.array > 0.5, x.array, y), F.where(y > 0, x, x * n)


@construct("selection by a mask")
def selection(x, n):
    chosen = x.array[x.array > n - 1]
    return chosen.sum(), len(chosen), x.array[x.array.sum(axis=1) > 0].sum(axis=0)


@construct("fancy indices")
def fancy_indices(x, n):
    rows = np.array([0, 2, 1])
    return x.array[rows], x[rows, [1, 2, 0]], x.array[np.arange(4), n % 3], x[[n, 0]]


@construct("assignment to fancy indices")
def fancy_assignment(x, n):
    y = np.zeros((4, 3), "float32")
    y[np.arange(4), [0, 1, 2, 0]] = x.array[:, 1]
    y[[0, 2]] = n
    return y


@construct("assignment to fancy indices beside an int")
def mixed_assignment(x, n):
    y = np.zeros((4, 3), "float32")
    y[np.array([1, 3]), n % 3] += 1
    return y


@construct("`np.add.at`, `np.put`, `np.take_along_axis`")
def scatter(x, n):
    y = np.zeros(4, "float32")
    np.add.at(y, np.array([0, 1, 1]), n)
    order = np.argsort(x.array, axis=1)
    return y, np.take_along_axis(x.array, order, axis=1)


@construct("views that share memory, read")
def views(x, n):
    y = x.array.copy()
    row, turned = y[1], y.T
    return row + turned[:, 1] * n


@construct("views that share memory, changed")
def changed_view(x, n):
    y = x.array.copy()
    row = y[1]
    row[:] = n
    return y


@construct("`.array`, `.data`, `chainer.as_variable`, `chainer.Variable`")
def data_of_variables(x, n):
    y = chainer.Variable(x.data * n)
    return y + x.array, chainer.as_variable(x.array).shape, y.array.dtype == x.dtype


@construct("`.copy()`, `.astype()`, `.reshape()`, `.T`, `.sum()`, …")
def array_methods(x, n):
    y = x.array.copy().astype("int32").reshape(3, 4)
    return y.T + n, x.array.sum(axis=0), x.array.argmax(axis=1), x.array.ravel()[n], x.array.mean()


@construct("`self.xp`, `chainer.backend.get_array_module`")
class array_module(chainer.Chain):
    def forward(self, x, n):
        xp = chainer.backend.get_array_module(x)
        return self.xp.zeros_like(x.array) + xp.arange(3, dtype="f") * n


@construct("`Variable.__getitem__` in all its forms")
def variable_items(x, n):
    return (
        x[n],
        x[-1],
        x[1:3, n % 3],
        x[..., None],
        x[:, ::2],
        x[[0, 1]],
        x[None],
        x[::-1],
        x[n, 1:],
    )


@construct("iteration over the first axis")
def rows(x, n):
    total = 0
    for row in x.array:
        total = total + row * n
    return total, [y[0] for y in x][1]


@construct("shape arithmetic with staged sizes")
def staged_shapes(x, n):
    y = x[:n]
    k = y.shape[0] // 2
    pad = np.zeros((4 - k, 3), "float32")
    return F.concat((x[:k], pad), axis=0), y.size


@construct("`np.zeros((n, k))`, `np.arange(n)`, `np.full`, `np.eye`")
def creation(x, n):
    return (
        np.zeros((n, 3), "f").sum(),
        np.arange(n + 1).sum(),
        np.full((n + 1,), n).sum(),
        np.eye(3),
    )


@construct("`F.broadcast_to`, `reshape` to staged sizes")
def staged_sizes(x, n):
    wide = F.broadcast_to(x[:1], (n + 1, 3))
    return F.sum(wide, axis=0), F.sum(F.reshape(wide, (n + 1, -1)), axis=1)[n]


@construct("`F.tile`, `F.repeat` a number of times")
def tiled(x, n):
    return F.sum(F.tile(x, (n + 1, 1)), axis=0)


@construct("arrays from lists of staged numbers")
def arrays_of_numbers(x, n):
    return np.array([n, n + 1], "int32"), np.array([[1.0, n]]), np.asarray([x.array[0], x.array[n]])


@construct("dtypes: promotion, overflow, `astype`")
def dtypes(x, n):
    small = np.array([100, 50], "int8") + np.int8(n)
    return small * 2, np.float16(n) + small, np.array([n], "int32") / 2, x.array * np.float64(2)


@construct("`argmax`, `argsort`, `np.cumsum`, `np.unique` …")
def numpy_functions(x, n):
    return (
        np.argsort(x.array, axis=1)[n],
        np.cumsum(x.array, axis=0),
        np.unique(np.array([1, 1, 2])),
    )


@construct("dynamic number of rows in and out")
def dynamic_rows(x, n):
    y = x[n:]
    return F.concat((y, y[:1]), axis=0).shape[0], F.sum(y)


@construct("`item()`, `tolist()`, `int(array)`")
def to_python(x, n):
    value = x.array[n, 0].item()
    return value, int(np.array(n)), float(x.array.max()), x.array[0].tolist()[n % 3]


@construct("in-place operators on an array of the model")
class kept_array(chainer.Chain):
    def __init__(self):
        super().__init__()
        self.total = np.zeros((4, 3), "float32")

    def forward(self, x, n):
        self.total += x.array * n
        self.total[0] = 0
        return self.total.copy()


@construct("arrays of numbers whose types differ from way to way")
def mixed_numbers(x, n):
    ratio = n / 4 if n > 2 else 0
    best = ratio
    for k in range(2):
        best = np.max([best, ratio * k])
    return np.array([ratio, n]), np.mean([1, ratio, 2.5]), best


@construct("lists that grow, of numbers whose types differ from way to way")
def mixed_in_a_list(x, n):
    found, rows, pairs, kinds, places = [], [], [], [], []
    for row in x.array:
        kinds.append(True if row[0] > n else 2 if row[1] > n - 1 else 0.5)
        best = 0
        for value in row:
            if value > n:
                best = max(best, float(value))
        found.append(best)
        rows.append([best, 2, row[0]])
        pairs.append((row[0], row[1]) if row[0] > n else (0, 0))
        places.append(np.argmax(row) if row[0] > n else 0)
    numbers = np.array(found) + 1, np.array(kinds), np.sum(places)
    return np.mean(found), numbers, np.array(rows), np.array(pairs)


@construct("a view and what it's a view of, both changed in a loop where data decides")
def views_where_data_decides(x, n):
    y = x.array.copy()
    flat, rest, turned = y.reshape(-1), y[1:], y.T[1:]
    for i in range(len(flat)):
        if flat[i] > n - 1:
            flat[i] = n
        elif flat[i] < 0:
            y[i // 3] += 1
    if rest.sum() > n:
        rest[0] -= y[0]
        turned[:, n] = 7
    made = np.zeros((4, 3), "f")
    places = made.reshape(-1)
    k = 0
    while places.sum() < n:
        made[k, 1] = 0.5
        places[k] += 1
        k += 1
    made[0, 2] = 5
    return y, flat, rest, turned, made, places


@construct("arrays joined that are rows of one, whose number data decides")
def joined_rows(x, n):
    y = x.array
    some = y[y[:, 0] >= y[n, 0]]
    sums = []
    for row in y:
        part = row[row > n]
        if len(part) == 0:
            sums.append(row.min())
        sums.append(part.sum())
    rows = np.concatenate(some), np.stack(some, 1), np.vstack(some), np.hstack(some)
    return *rows, np.stack(sums), np.hstack(sums)


@construct("arrays of texts that are known, compared")
def compared_texts(x, n):
    kinds = np.array(["a", "b", "a", "c"])
    found = np.logical_and(kinds == "a", x.array[:, 0] > n)
    return found, "b" != kinds, kinds[1:] == kinds[:-1], kinds[0] == "a", x.array == "a"


@construct("weights that some ways have and others haven't")
def optional_weights(x, n):
    labels = (x.array[:, 0] > n).astype("i")
    weights = None
    if labels.any():
        weights = np.bincount(labels, minlength=3).astype("f") + 1
    loss = F.softmax_cross_entropy(x, labels, class_weight=weights, normalize=False)
    return loss, F.linear(x, np.ones((2, 3), "f"), None if weights is None else weights[:2])
