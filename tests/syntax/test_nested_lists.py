"""Lists, dicts and objects in a list that grows in a kept loop."""

import collections

import chainer.functions as F
import numpy as np
import pytest

from tests.syntax.compare import N, agrees, refuses, variable

X = variable(7, 3)


class Memory:
    def __init__(self, score, h):
        self.score = score
        self.h = h

    def push(self, y):
        self.h = self.h * 0.5 + y


def test_lists_in_lists():
    def forward(x, n):
        numbers, pairs, deep = [], [], [[]]
        for i in range(int(n)):
            row, parts = [], []
            for j in range(i):
                row.append(i * j)
                parts.append([k for k in range(j)])
            numbers.append(row)
            pairs.append([i, x[i]])
            deep.append((i, parts)[1])
        total, area = 0, x[0]
        for row in numbers:
            for v in row:
                total = total + v
        for i, row in pairs:
            area = area + row * i
        last = pairs[-1] + [5] if pairs else None
        return numbers, pairs, deep, total, area, numbers[1:], last

    agrees(forward, *((X, N(n)) for n in (0, 1, 4)), (X, 2))


def test_dicts_objects_and_a_stack_of_lists():
    def forward(x, n):
        found, memories, stack = [], [], [[x[0]]]
        for i in range(int(n)):
            entry = {"i": i, "rows": [x[i], x[0]], "first": None if i > 1 else x[i]}
            if i % 2 == 0:
                found.append(entry)
            memories.append(Memory((i * 5) % 7, x[i]))
            stack.append(stack.pop() + [x[i]])
            if i > 1:
                stack.append([x[0]])
        best = sorted(memories, key=lambda memory: memory.score, reverse=True)[:2]
        total = x[0]
        for memory in best:
            total = total + memory.h * memory.score
        rows = [[1], [2, 3], [4, 5, 6]][int(n) % 3]
        return found, total, stack, rows, sum(rows)

    agrees(forward, *((X, N(n)) for n in (0, 1, 4)))


def test_arrays_of_rows():
    def forward(scores, limit):
        boxes, labels, kept = [], [], []
        for i in range(len(scores)):
            for j in range(2):
                if scores[i, j] > limit:
                    boxes.append([i - 0.5, scores[i, j], j + 0.5])
                    labels.append(j)
                    kept.append((i, j))
        if len(labels) == 0:
            return np.zeros((0, 3)), np.array(labels)[:0].tolist(), np.array(labels)
        boxes, labels = np.array(boxes), np.array(labels)
        order = boxes[:, 1].argsort()[::-1]
        some = labels[order][1:].tolist(), labels[labels > 0], labels[0]
        return boxes[order], np.asarray(kept, "f"), np.stack(kept), some

    scores = np.random.RandomState(0).randn(5, 2)
    agrees(forward, *((scores, N(limit)) for limit in (-3, 0, 1, 5)), programs=1)
    refuses("AF0208", lambda n: np.array([(i, 1) for i in range(int(n))]), N(0))


def test_beam_search():
    def forward(x, n):
        beam = [{"score": 0.0, "tokens": [0], "h": x[0]}]
        for t in range(int(n)):
            best = []
            for hypothesis in beam:
                h = F.tanh(hypothesis["h"] + x[t])
                p = F.log_softmax(h[None])[0].array
                for w in np.argsort(-p)[:2]:
                    new = {"score": hypothesis["score"] + float(p[w])}
                    new["tokens"] = [0] * (1 + len(hypothesis["tokens"]))
                    new["tokens"][: len(hypothesis["tokens"])] = hypothesis["tokens"]
                    new["tokens"][len(hypothesis["tokens"])] = int(w)
                    new["h"] = h * 0.5
                    best.append(new)
                best = sorted(best, key=lambda found: found["score"], reverse=True)[:3]
            beam = best
        return beam, beam[0]["tokens"]

    agrees(forward, *((X, N(n)) for n in (0, 1, 4)))


def test_beam_search_with_hypotheses_that_end():
    def forward(x, n):
        beams, done = [([1], 0.0)], []
        for t in range(int(n)):
            found = []
            for words, score in beams:
                if score > 1.5:
                    found.append((words, score))
                    continue
                for k in range(2):
                    found.append((words + [k], score + float(x[t, k].array)))
            found.sort(key=lambda pair: -pair[1])
            beams = []
            for pair in found[:2]:
                if pair[0][-1] == 0 and pair[1] < 0.6:
                    done.append(pair)
                else:
                    beams.append(pair)
            if not beams or all(score > 2.5 for _, score in beams):
                break
        done += beams
        best = max(done, key=lambda pair: pair[1] / len(pair[0]))
        return best, len(done), next((words for words, _ in done if len(words) > 2), None)

    agrees(forward, *((X, N(n)) for n in (0, 1, 5)), (X * 3, N(6)))


def one_object_again_and_again(x, n):
    memories = []
    memory = Memory(0, x[0])
    for i in range(int(n)):
        memory.push(x[i])
        memories.append(memory)
    return [memory.h for memory in memories]


def changed_under_another_name(x, n):
    memories, last = [], Memory(0, x[0])
    for i in range(int(n)):
        memories.append(Memory(i, x[i]))
        last = memories[-1]
    last.push(x[1])
    return memories[-1].h


def changed_where_it_may_be_none(x, n):
    memories, last = [], None
    for i in range(int(n)):
        memories.append(Memory(i, x[i]))
        last = memories[-1]
    if last is not None:
        last.push(x[1])
    return [memory.h for memory in memories]


def an_array_in_a_list(x, n):
    rows, y = [], x.array[0].copy()
    for i in range(int(n)):
        y += 1
        rows.append([y, i])
    return rows


@pytest.mark.parametrize(
    "function",
    [
        one_object_again_and_again,
        changed_under_another_name,
        changed_where_it_may_be_none,
        an_array_in_a_list,
    ],
)
def test_a_copy_would_not_change_with_it(function):
    refuses("AF0209", function, X, N(1))


def test_identities():
    def forward(x, n):
        memories = []
        for i in range(int(n)):
            memories.append(Memory(i, x[i]))
        return memories[0] is memories[-1]

    refuses("AF0207", forward, X, N(1))


def test_a_chosen_list_changes_where_it_was():
    def forward(n):
        rows = [[1], [2, 3]]
        rows[int(n)].append(7)
        return rows

    agrees(forward, *((N(n),) for n in (0, 1, -1)))


def test_tuples_that_get_longer():
    def one(x, n):
        beam = [(0, (0,))]
        for t in range(int(n)):
            beam = [(score + t, tokens + (t,)) for score, tokens in beam]
        return beam

    def several(x, n):
        beam, done = [(0.0, (), x[0])], []
        for t in range(int(n)):
            found = []
            for score, tokens, h in beam:
                for k in range(3):
                    found.append((score + float(h[k].array), tokens + (k,), h + x[t]))
                if len(tokens) > 1:
                    done.append((tokens, score))
            beam = sorted(found, key=lambda state: -state[0])[:2]
        return [(score, tokens) for score, tokens, _ in beam], done

    agrees(one, *((X, N(n)) for n in (0, 1, 3)))
    agrees(several, *((X, N(n)) for n in (0, 1, 4)))


def test_objects_of_one_way_are_as_they_are_there():
    def forward(x, n):
        memory, rows = Memory(7, x[0]), []
        if float(x.array[0, 0]) > 0:
            memory.score = int(n) * 2
            rows = [memory, Memory(1, x[1])]
            memory.score = memory.score + 1
        else:
            memory.score = -3
            for i in range(int(n)):
                rows.append(Memory(i, x[i]))
        return [(r.score, r.h) for r in rows], memory.score

    sign = np.sign(X.array[0, 0])
    agrees(forward, *((X * (sign * s), N(n)) for s, n in ((1, 3), (-1, 3), (-1, 0))))


def test_texts_looked_up_in_a_comprehension():
    words = {0: "a", 1: "b", 2: "c"}

    def forward(x, n):
        kept = []
        for row in x:
            if row.sum() > n:
                kept.append(row)
        made = []
        for row in kept:
            made.append([words[int(v)] for v in row])
        return made

    x = np.array([[0, 1, 2], [2, 0, 1], [1, 1, 0]], "i")
    agrees(forward, (x, N(2)), (x, N(1)), (x, N(9)), (x + 1, N(2)))


def test_trees_that_get_deeper():
    def forward(x, n):
        node = None
        for i in range(int(n)):
            node = (Memory(node, x[i]),)
        return node

    refuses("AF0206", forward, X, N(1))


def test_items_are_changed_where_they_are():
    def segments(values, n):
        parts, rows, counts = [[]], [], [{"seen": 0}]
        for v in values[: int(n)]:
            if v > 0:
                parts.append([])
                rows.append([v, v])
                counts.append({"seen": 1})
            parts[-1].append(int(v))
            counts[-1]["seen"] += 2
            for row in rows:
                row[1] = row[1] * 0.5
        return parts, rows, counts

    agrees(segments, *((np.array([1.0, -2, -3, 4, 5], "f"), N(n)) for n in (0, 1, 5)))


def test_items_are_changed_under_the_name_that_they_had():
    def forward(x, n):
        rows, part, groups, ages = [], [], [], {}
        rows.append(part)
        group = None
        for i in range(int(n)):
            row = [i]
            rows.append(row)
            for j in range(2):
                if x[i, j] > 0:
                    row.append(j)
            if group is None or x[i, 0] > 0:
                group = {"n": 0, "rows": []}
                groups.append(group)
            group["n"] += 1
            group["rows"].append(x[i, 1])
            key = int(x[i, 2] * 3)
            found = ages.get(key)
            if found is None:
                found = ages[key] = []
            found.append(i)
            inner = []
            group["rows"] = inner  # It's part of an item from here on.
            inner.append(x[i, 0])
        return rows, groups, ages

    x = np.random.RandomState(0).uniform(-1, 1, (5, 3)).astype("f")
    agrees(forward, *((x, N(n)) for n in (0, 1, 5)), (-x, N(4)))


@pytest.mark.parametrize("way", ["removed", "replaced", "before it", "in two lists"])
def test_an_item_that_has_moved_is_refused(way):
    def forward(x, n):
        part = [0]
        parts, others = [part], [[1]]
        for i in range(int(n)):
            if x[i, 0] > 0:
                part = [i]
                parts.append(part)
                if way == "in two lists":
                    others.append(part)
            if x[i, 1] > 0:
                if way == "removed":
                    parts.pop(0)
                if way == "replaced":
                    parts[-1] = [100]
                if way == "before it":
                    parts.insert(0, [])
            part.append(i)
        return parts, others

    refuses("AF0209", forward, X.array, N(2))


def test_an_item_under_its_first_name():
    def forward(x, n):
        part = [0]
        parts, first = [part], part
        for i in range(int(n)):
            if x[i, 0] > 0:
                part = [i]
                parts.append(part)
            part.append(i)
            first.append(-1)
        return parts

    agrees(forward, (X.array, N(2)), (-X.array, N(3)), (X.array, N(0)))


def test_objects_in_tuples_are_changed_where_they_are():
    def forward(x, n):
        stack = [(0, Memory(0, x[0]))]
        for i in range(int(n)):
            stack.append((i, Memory(i, x[i])))
            stack[-1][1].push(x[0])
            if i % 2 == 1:
                top = stack.pop()
                stack[-1][1].score += top[1].score
        for _, memory in stack:
            memory.push(x[1])
        first = stack[0][1]
        first.score += 10
        first.score += 1
        return [(i, m.score, m.h) for i, m in stack]

    agrees(forward, *((X, N(n)) for n in (0, 1, 4)))


def test_a_table_of_lists():
    def forward(x, n):
        size = int(n)
        table = [[0] * size for _ in range(size + 1)]
        for i in range(size):
            table[i + 1][i] = table[i][i // 2] + i + 1
        return table

    agrees(forward, *((X, N(n)) for n in (0, 1, 4)))


@pytest.mark.parametrize("way", ["twice", "two lists", "copied"])
def test_what_has_other_names_is_refused(way):
    def forward(x, n):
        numbers, others = [], []
        for i in range(int(n)):
            one = [i]
            numbers.append(one)
            if way == "two lists":
                others.append(one)
            if way == "twice":
                numbers.append(numbers[0])
            if way == "copied":
                others = list(numbers)
            numbers[-1].append(7)
        return numbers, others

    refuses("AF0209", forward, X, N(3))


def test_items_that_have_names_are_read_again():
    def forward(x, n):
        numbers, found = [], 0
        for i in range(int(n)):
            one = [i]
            numbers.append(one)
            first, middle = numbers[0], numbers[i // 2]
            numbers[-1].append(7)
            one.append(8)
            middle.append(len(first))
            found += len(first) * 10 + len(middle)
        return numbers, found

    agrees(forward, *((X, N(n)) for n in (3, 0, 1)))


def test_items_of_slices_are_changed():
    def forward(x, n):
        boxes = [Memory(float(x[i, 0].array), i) for i in range(int(n))]
        for i, a in enumerate(boxes):
            for j, b in enumerate(boxes[i + 1 :], i + 1):
                if a.score > b.score:
                    a.h += j
                    b.h = -b.h
        for b in boxes[-2:]:
            b.score += 1
        return [(b.score, b.h) for b in boxes[::-1]]

    agrees(forward, *((X, N(n)) for n in (4, 0, 1)))


@pytest.mark.parametrize("way", ["named", "replaced", "added"])
def test_a_slice_that_is_something_else_is_refused(way):
    def forward(x, n):
        boxes = [Memory(i, x[i]) for i in range(int(n))]
        rest = boxes[1:] if way == "named" else []
        for b in boxes[1:]:
            b.score += 1
            if way == "replaced":
                boxes[0] = b
            if way == "added":
                boxes.append(Memory(0, x[0]))
        return [b.score for b in boxes], [b.score for b in rest]

    refuses("AF0209", forward, X, N(3))


def test_items_of_a_sorted_list_are_changed():
    def forward(x, n):
        found = [[0.0, [0]] for _ in range(2)]
        for i in range(int(n)):
            for k, pair in enumerate(found):
                pair[0] += float(x[i, k].array)
                pair[1].append(k)
            found.sort(key=lambda pair: -pair[0])
        return found, found[0][1] != [], [x for x in range(int(n))] == []

    agrees(forward, *((X, N(n)) for n in (3, 0, 1)))


def test_dicts_of_staged_keys():
    def forward(keys, n):
        counts, places, seen, again = {}, collections.defaultdict(list), set(), 0
        for i in range(int(n)):
            key = int(keys[i])
            again += key in seen
            seen.add(key)
            counts[key] = counts.get(key, 0) + 1
            places[key].append(i)
        counts.pop(2, None)
        total = 0
        for key, found in places.items():
            total += key * len(found)
        return counts, places, seen, again, sorted(counts), total

    agrees(forward, *((np.array([3, 1, 3, 2, 1]), N(n)) for n in (0, 1, 5)))


def test_operators_of_dicts_and_sets_of_staged_keys():
    def forward(n):
        words = {2: "two"}
        words[int(n)] = 1
        copied = dict(words, two=2)
        seen = set(words)
        seen |= {1}
        return copied, copied == words, seen

    agrees(forward, *((N(n),) for n in (2, 5, 1)))


def test_lists_by_staged_keys():
    def forward(x, t, n):
        groups, firsts, totals = {}, {}, {9: [x[0], 0]}
        for i in range(int(n)):
            k = int(t[i])
            if k not in groups:
                groups[k] = []
            groups[k].append(i)
            try:
                firsts[k].append(x[i])
            except KeyError:
                firsts[k] = [x[i]]
            if k not in totals:
                totals[k] = [x[i], 1]
            else:
                totals[k] = [totals[k][0] + x[i], totals[k][1] + 1]
        means = [total / count for total, count in list(totals.values())[1:]]
        sums = [F.sum(F.stack(rows), axis=0) for rows in firsts.values()]
        return groups, means, sums

    calls = [(0, 1, 0), (2, 2, 2), (3, 1, 2), (0, 1, 1)]
    agrees(forward, *((X, np.array(t), N(n)) for t, n in zip(calls, (3, 2, 0, 3))))


def test_staged_keys_in_a_loop_of_known_turns():
    def forward(t):
        groups, ids = {}, {}
        for i in range(len(t)):
            k = int(t[i])
            if k not in groups:
                groups[k] = []
            groups[k].append(i)
            ids.setdefault(k, len(ids))
        known = {}
        for i in range(3):
            known[i] = int(t[i]) * 2
        return groups, ids, known, known[1]

    compiled = agrees(forward, *((np.array(t),) for t in ((1, 2, 0, 2), (1, 1, 1, 1))), programs=1)
    text = compiled.lower(np.array((1, 2, 0, 2))).as_text()
    assert len(text) < 1.3 * len(compiled.lower(np.arange(9)).as_text())


def test_a_staged_key_that_is_not_there():
    def forward(keys, n):
        table = {}
        for key in keys[: int(n)]:
            table[int(key), 0] = 1.5
        del table[3, 0]
        return table[1, 0]

    agrees(forward, *((np.array([3, 1, 2]), N(n)) for n in (3, 0, 1)))
