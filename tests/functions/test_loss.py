"""chainer/functions/loss and evaluation: compiled and under Chainer, the same."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
import pytest

from tests.functions.cases import FLOATS, V, cases, f, programs, rows
from tests.support import check, check_staged, run

T = np.array([1, 0, -1, 3, 2], "int32")
W = np.array([0.5, 1, 2, 0.1], "float32")
SOFT = V(abs(rows(5, 4, seed=1)))


@cases(
    [V(rows(5, 4)), T, SOFT, W], [V(rows(5, 4)), T.astype("int64"), SOFT, W], dtypes=("float32",)
)
@cases([V(rows(5, 4)), T, SOFT, W], dtypes=("float16", "float64"))
def softmax_losses(x, t, soft, w):
    return (
        F.softmax_cross_entropy(x, t), F.softmax_cross_entropy(x, t, normalize=False),
        F.softmax_cross_entropy(x, t, reduce="no"), F.softmax_cross_entropy(x, t, ignore_label=3 - 1),
        F.softmax_cross_entropy(x, t, class_weight=w), F.softmax_cross_entropy(x, t, cache_score=False),
        F.softmax_cross_entropy(x, t, class_weight=w, reduce="no", ignore_label=0),
        F.softmax_cross_entropy(x, t, enable_double_backprop=True),
        F.softmax_cross_entropy(x, t, enable_double_backprop=True, class_weight=w, reduce="no"),
        F.softmax_cross_entropy(x, soft), F.softmax_cross_entropy(x, soft, reduce="no"),
        F.softmax_cross_entropy(x, soft, soft_target_loss="kl-divergence"),
    )  # fmt: skip


IMAGE_LABELS = np.random.RandomState(0).randint(-1, 4, (2, 3, 2)).astype("int32")


@cases([V(rows(2, 4, 3, 2)), IMAGE_LABELS, V(abs(rows(2, 4, 3, 2, seed=1))), W])
def softmax_losses_of_images(x, t, soft, w):
    return (
        F.softmax_cross_entropy(x, t), F.softmax_cross_entropy(x, t, reduce="no"),
        F.softmax_cross_entropy(x, t, class_weight=w, normalize=False), F.accuracy(x, t),
        F.softmax_cross_entropy(x, soft, reduce="no"), F.softmax_cross_entropy(x, soft),
    )  # fmt: skip


@cases(
    [V(rows(5, 4)), T, SOFT],
    [V(rows(2, 4)), T[:2], SOFT[:2]],
    dtypes=(),
    staged={0: (None, 4), 1: (None,), 2: (None, 4)},
)
def staged_softmax_losses(x, t, soft):
    return (
        F.softmax_cross_entropy(x, t), F.softmax_cross_entropy(x, t, normalize=False),
        F.softmax_cross_entropy(x, soft), F.softmax_cross_entropy(x, t, reduce="no"),
    )  # fmt: skip


def plain(x, t):
    return F.softmax_cross_entropy(x, t)


def test_labels():
    x = V(rows(3, 4))
    check(plain, [x, np.full(3, -1, "int32")], [x, np.array([-2, 0, -4], "int32")])
    with pytest.raises(IndexError):
        run(plain, x, np.array([0, 4, 1], "int32"))


@cases([V(rows(4, 3)), V(rows(4, 3, seed=1))], dtypes=FLOATS)
def errors(x, y):
    return (
        F.mean_squared_error(x, y), F.mean_absolute_error(x, y), F.huber_loss(x, y, delta=0.5),
        F.huber_loss(x, y, 1.0, reduce="no"), F.squared_error(x, y), F.absolute_error(x, y),
        F.triplet(x, y, x * y), F.triplet(x, y, x * y, margin=1.0, reduce="no"),
        F.gaussian_kl_divergence(x, y), F.gaussian_kl_divergence(x, y, reduce="no"),
        F.gaussian_kl_divergence(x, y, reduce="mean"), F.bernoulli_nll(x, y),
        F.bernoulli_nll(x, y, reduce="mean"), F.bernoulli_nll(x, y, reduce="no"),
        F.gaussian_nll(x, y, x * y), F.gaussian_nll(x, y, x * y, reduce="no"),
        F.gaussian_nll(x, y, x * y, reduce="mean"),
    )  # fmt: skip


@cases([V(rows(4, 3)), V(rows(4, 3, seed=1))], dtypes=(), staged={0: (None, 3), 1: (None, 3)})
def errors_of_staged_sizes(x, y):
    return (
        F.mean_squared_error(x, y), F.huber_loss(x, y, delta=0.5), F.triplet(x, y, y),
        F.mean_absolute_error(x, y), F.gaussian_kl_divergence(x, y), F.bernoulli_nll(x, y),
        F.gaussian_nll(x, y, y),
    )  # fmt: skip


BITS = np.random.RandomState(0).randint(-1, 2, (5, 4)).astype("int32")


@cases([V(rows(5, 4)), T, BITS], dtypes=FLOATS)
def with_labels(x, t, b):
    return (
        F.sigmoid_cross_entropy(x, b), F.sigmoid_cross_entropy(x, b, normalize=False),
        F.sigmoid_cross_entropy(x * 20, b, reduce="no"), F.hinge(x, t), F.hinge(x, t, norm="L2"),
        F.hinge(x, t, reduce="no"), F.contrastive(x, x[::-1] * 0.5, t % 2),
        F.contrastive(x, x * 0.5, t % 2, margin=2, reduce="no"),
        F.accuracy(x, t), F.accuracy(x, t, ignore_label=1), F.binary_accuracy(x, b),
        F.accuracy(x, t, ignore_label=9), F.hinge(x, t, "L2", reduce="no"),
    )  # fmt: skip


@cases(
    [V(rows(5, 4)), T, BITS],
    [V(rows(1, 4)), T[:1], BITS[:1]],
    dtypes=(),
    staged={0: (None, 4), 1: (None,), 2: (None, 4)},
)
def staged_labels(x, t, b):
    return (
        F.sigmoid_cross_entropy(x, b), F.hinge(x, t), F.accuracy(x, t), F.binary_accuracy(x, b),
        F.accuracy(x, t, ignore_label=1), F.contrastive(x, x, t % 2),
    )  # fmt: skip


@cases(
    [V(rows(5, 4)), T], [V(rows(1, 3)), T[:1] % 3], dtypes=(), staged={0: (None, None), 1: (None,)}
)
def columns_of_staged_number(x, t):
    return F.hinge(x, t), F.hinge(x, t - 1, reduce="no"), F.decov(x), F.decov(x, reduce="no")


@cases([V(np.array([[np.nan, 1], [-np.inf, 2], [1, 2]], "f")), np.array([-1, -1, 1], "i")])
def ignored_labels_of_what_is_not_finite(x, t):
    bits = np.stack((t, t), axis=1)
    return [
        f(x, u, reduce=reduce)
        for f, u in ((F.softmax_cross_entropy, t), (F.sigmoid_cross_entropy, bits))
        for reduce in ("mean", "no")
    ]


@cases(
    [V(rows(5, 3)), V(rows(5, 2)), V(rows(5))], dtypes=FLOATS, staged={0: (None, 3), 1: (None, 2)}
)
def covariances(y, z, w):
    return (
        F.cross_covariance(y, z), F.cross_covariance(y, z, reduce="no"), F.decov(y),
        F.decov(y, reduce="no"), F.r2_score(y, y * 1.1), F.r2_score(y, y * 0.9, multioutput="raw_values"),
        F.r2_score(y, y * 1.1, multioutput="uniform_average"), F.r2_score(w, w * 2),
    )  # fmt: skip


@cases([V(rows(9, 4)), np.array([0, 1, 2, 3, 0, 1, 2, -1, 3], "int32")])
def summaries(x, t):
    return (
        F.classification_summary(x, t, label_num=4), F.precision(x, t, label_num=4),
        F.recall(x, t, label_num=4), F.f1_score(x, t, label_num=4, ignore_label=-1),
        F.classification_summary(x, abs(t), 4, 2.0, ignore_label=1),
    )  # fmt: skip


@cases(
    [V(rows(9, 4)), np.array([0, 1, 2, 3, 0, 1, 2, 1, 2], "int32")],
    [V(rows(9, 4)), np.array([0, 1, 0, 1, 0, 1, 0, 1, 0], "int32")],
    dtypes=(),
    staged={0: (None, 4), 1: (None,)},
)
def summaries_of_as_many_classes_as_the_labels_have(x, t):
    return F.classification_summary(x, t), F.precision(x, t, ignore_label=1)


def test_summaries_of_negative_labels():
    t = np.array([0, 1, 2, 3, 0, 1, 2, -1, 2], "int32")
    with pytest.raises(ValueError, match="negative elements"):
        run(lambda x, t: F.recall(x, t, ignore_label=7), V(rows(9, 4)), t)


def test_dropped_dtype_check():
    with pytest.raises(chainer.utils.type_check.InvalidType):
        check_staged(
            lambda x, y: F.mean_squared_error(x, y),
            [V(rows(2, 3)), V(rows(2, 3, dtype="float64"))],
            {0: (None, 3), 1: (None, 3)},
        )


@cases(
    [V(rows(6, 3, 5)), np.array([[1, 2], [3, 3], [4, 1]], "int32"),
     np.array([6, 5, 3], "int32"), np.array([2, 2, 1], "int32")],
)  # fmt: skip
def temporal(xs, t, lengths, label_lengths):
    xs = list(xs)
    return (
        F.connectionist_temporal_classification(xs, t, 0),
        F.connectionist_temporal_classification(xs, t, 0, lengths, label_lengths, reduce="no"),
        F.connectionist_temporal_classification(xs, t - 1, 4, input_length=lengths),
    )


@cases(
    [np.where(rows(4, 2, 3) > 1, [np.nan, np.inf, 1], 0.5).astype("f"), np.array([[1], [2]], "i")]
)
def temporal_with_nan(xs, t):
    """numpy's masked logarithm takes what isn't a number for 0."""
    return F.connectionist_temporal_classification(list(xs), t, 0, reduce="no")


SAMPLES = np.array([[1, 2], [3, 4], [0, 1]], "int32")


@cases([V(rows(3, 4)), V(rows(5, 4, seed=1)), np.array([0, 3, 2], "int32"), SAMPLES])
def given_samples(x, w, t, s):
    return (
        F.negative_sampling(x, t, w, lambda shape: s, 2), F.black_out(x, t, w, abs(s), reduce="no"),
        F.negative_sampling(x, t, w, lambda shape: s, 2, reduce="no", return_samples=True),
        F.black_out(x, t, w, s),
    )  # fmt: skip


SEQUENCES = [V(f(n, 4)) for n in (3, 2, 1)]
PATHS = [np.array(p, "int32") for p in ([0, 1, 2], [1, 3], [2])]


@cases([V(f(4, 4)), SEQUENCES, PATHS])
def conditional_random_fields(cost, xs, ys):
    return (
        F.crf1d(cost, xs, ys), F.crf1d(cost, xs, ys, reduce="no"), F.argmax_crf1d(cost, xs),
        F.crf1d(cost, xs[:1], ys[:1], reduce="mean"),
    )  # fmt: skip


@cases([V(f(3, 3, 4, 4)), np.random.RandomState(0).randint(0, 4, (3, 4, 4)).astype("int32")])
def clustering(x, labels):
    return (
        F.discriminative_margin_based_clustering_loss(x, labels, 0.5, 1.5, 3),
        F.discriminative_margin_based_clustering_loss(
            x, labels, 0.1, 0.5, 3, norm=2, alpha=0.5, beta=2.0, gamma=0.1
        ),
    )  # fmt: skip


@pytest.mark.parametrize("program", programs(__name__), ids=str)
def test_cases(program):
    program.check()
