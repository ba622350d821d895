"""chainer/functions/loss and evaluation: compiled and under Chainer, the same."""

from __future__ import annotations

import chainer
import chainer.functions as F
import numpy as np
import pytest

from tests.functions.cases import V, check_staged, rows
from tests.support import check, run

T = np.array([1, 0, -1, 3, 2], "int32")
W = np.array([0.5, 1, 2, 0.1], "float32")


def softmax_losses(x, t, soft, w):
    return (
        F.softmax_cross_entropy(x, t), F.softmax_cross_entropy(x, t, normalize=False),
        F.softmax_cross_entropy(x, t, reduce="no"), F.softmax_cross_entropy(x, t, ignore_label=3 - 1),
        F.softmax_cross_entropy(x, t, class_weight=w), F.softmax_cross_entropy(x, t, cache_score=False),
        F.softmax_cross_entropy(x, soft), F.softmax_cross_entropy(x, soft, reduce="no"),
        F.softmax_cross_entropy(x, soft, soft_target_loss="kl-divergence"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("dtype", "labels"), [("float16", "int32"), ("float32", "int32"), ("float64", "int64")]
)
def test_softmax_cross_entropy(dtype, labels):
    loose = {"rtol": 1e-2, "atol": 1e-2} if dtype == "float16" else {}
    x, soft = V(rows(5, 4, dtype=dtype)), V(abs(rows(5, 4, seed=1, dtype=dtype)))
    check(softmax_losses, [x, T.astype(labels), soft, W.astype(dtype)], **loose)


def test_softmax_cross_entropy_of_images():
    x, soft = V(rows(2, 4, 3, 2)), V(abs(rows(2, 4, 3, 2, seed=1)))
    t = np.random.RandomState(0).randint(-1, 4, (2, 3, 2)).astype("int32")

    def losses(x, t, soft):
        return (
            F.softmax_cross_entropy(x, t), F.softmax_cross_entropy(x, t, reduce="no"),
            F.softmax_cross_entropy(x, soft, reduce="no"), F.softmax_cross_entropy(x, soft),
        )  # fmt: skip

    check(losses, [x, t, soft])


def staged_softmax_losses(x, t, soft):
    return (
        F.softmax_cross_entropy(x, t), F.softmax_cross_entropy(x, t, normalize=False),
        F.softmax_cross_entropy(x, soft),
    )  # fmt: skip


def test_softmax_cross_entropy_of_staged_batches():
    specs = [((None, 4), "float32"), ((None,), "int32"), ((None, 4), "float32")]
    check_staged(staged_softmax_losses, [V(rows(5, 4)), T, V(abs(rows(5, 4, seed=1)))], specs=specs)


def plain(x, t):
    return F.softmax_cross_entropy(x, t)


def test_labels():
    x = V(rows(3, 4))
    check(plain, [x, np.full(3, -1, "int32")], [x, np.array([-2, 0, -4], "int32")])
    with pytest.raises(IndexError):
        run(plain, x, np.array([0, 4, 1], "int32"))


def errors(x, y):
    return (
        F.mean_squared_error(x, y), F.mean_absolute_error(x, y), F.huber_loss(x, y, delta=0.5),
        F.huber_loss(x, y, 1.0, reduce="no"), F.squared_error(x, y), F.absolute_error(x, y),
        F.triplet(x, y, x * y), F.triplet(x, y, x * y, margin=1.0, reduce="no"),
        F.gaussian_kl_divergence(x, y), F.gaussian_kl_divergence(x, y, reduce="no"),
        F.bernoulli_nll(x, y), F.bernoulli_nll(x, y, reduce="mean"), F.gaussian_nll(x, y, x * y),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_errors(dtype):
    loose = {"rtol": 2e-2, "atol": 2e-2} if dtype == "float16" else {}
    check(errors, [V(rows(4, 3, dtype=dtype)), V(rows(4, 3, dtype=dtype, seed=1))], **loose)


def staged_errors(x, y):
    return F.mean_squared_error(x, y), F.huber_loss(x, y, delta=0.5), F.triplet(x, y, y)


def test_errors_of_staged_sizes():
    specs = [((None, 3), "float32")] * 2
    check_staged(staged_errors, [V(rows(4, 3)), V(rows(4, 3, seed=1))], specs=specs)


def with_labels(x, t, b):
    return (
        F.sigmoid_cross_entropy(x, b), F.sigmoid_cross_entropy(x, b, normalize=False),
        F.sigmoid_cross_entropy(x * 20, b, reduce="no"), F.hinge(x, t), F.hinge(x, t, norm="L2"),
        F.hinge(x, t, reduce="no"), F.contrastive(x, x[::-1] * 0.5, t % 2),
        F.contrastive(x, x * 0.5, t % 2, margin=2, reduce="no"),
        F.accuracy(x, t), F.accuracy(x, t, ignore_label=1), F.binary_accuracy(x, b),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_labels_and_scores(dtype):
    loose = {"rtol": 2e-2, "atol": 2e-2} if dtype == "float16" else {}
    b = np.random.RandomState(0).randint(-1, 2, (5, 4)).astype("int32")
    t = np.array([1, 0, -1, 3, 2], "int32")
    check(with_labels, [V(rows(5, 4, dtype=dtype)), t, b], **loose)


def staged_labels(x, t, b):
    return (
        F.sigmoid_cross_entropy(x, b), F.hinge(x, t), F.accuracy(x, t), F.binary_accuracy(x, b),
        F.accuracy(x, t, ignore_label=1),
    )  # fmt: skip


def test_labels_and_scores_of_staged_batches():
    b = np.random.RandomState(0).randint(-1, 2, (5, 4)).astype("int32")
    specs = [((None, 4), "float32"), ((None,), "int32"), ((None, 4), "int32")]
    check_staged(staged_labels, [V(rows(5, 4)), T, b], specs=specs)


def covariances(y, z):
    return (
        F.cross_covariance(y, z), F.cross_covariance(y, z, reduce="no"), F.decov(y),
        F.decov(y, reduce="no"), F.r2_score(y, y * 1.1), F.r2_score(y, y * 0.9, multioutput="raw_values"),
    )  # fmt: skip


def test_covariances():
    check(covariances, [V(rows(5, 3)), V(rows(5, 2))])


def summaries(x, t):
    return (
        F.classification_summary(x, t, label_num=4), F.precision(x, t, label_num=4),
        F.recall(x, t, label_num=4), F.f1_score(x, t, label_num=4, ignore_label=-1),
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_classification_summary():
    check(summaries, [V(rows(9, 4)), np.array([0, 1, 2, 3, 0, 1, 2, -1, 3], "int32")])


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.filterwarnings("ignore:divide by zero encountered")
def test_classification_summary_of_as_many_classes_as_the_labels_have():
    t = np.array([0, 1, 2, 3, 0, 1, 2, -1, 2], "int32")

    def summaries(x, t):
        return F.classification_summary(x, t), F.precision(x, t, ignore_label=1)

    check(summaries, [V(rows(9, 4)), abs(t)], [V(rows(9, 4)), abs(t) % 2])
    with pytest.raises(ValueError, match="negative elements"):
        run(lambda x, t: F.recall(x, t, ignore_label=7), V(rows(9, 4)), t)


def test_dropped_dtype_check():
    with pytest.raises(chainer.utils.type_check.InvalidType):
        check_staged(
            lambda x, y: F.mean_squared_error(x, y),
            [V(rows(2, 3)), V(rows(2, 3, dtype="float64"))],
            specs=[((None, 3), "float32"), ((None, 3), "float64")],
        )


def temporal(xs, t, lengths, label_lengths):
    xs = list(xs)
    return (
        F.connectionist_temporal_classification(xs, t, 0),
        F.connectionist_temporal_classification(xs, t, 0, lengths, label_lengths, reduce="no"),
    )


def test_connectionist_temporal_classification():
    args = [V(rows(6, 3, 5)), np.array([[1, 2], [3, 3], [4, 1]], "int32"),
            np.array([6, 5, 3], "int32"), np.array([2, 2, 1], "int32")]  # fmt: skip
    check(temporal, args)


def sampled(x, w, t, s):
    return (
        F.negative_sampling(x, t, w, lambda shape: s, 2), F.black_out(x, t, w, abs(s), reduce="no"),
        F.negative_sampling(x, t, w, lambda shape: s, 2, reduce="no", return_samples=True),
    )  # fmt: skip


def test_given_samples():
    samples = np.array([[1, 2], [3, 4], [0, 1]], "int32")
    args = [V(rows(3, 4)), V(rows(5, 4, seed=1)), np.array([0, 3, 2], "int32"), samples]
    check(sampled, args)
