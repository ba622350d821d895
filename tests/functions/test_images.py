"""Images of Pillow and OpenCV in another size, as they are in a model's `predict`."""

import numpy as np
import pytest
from PIL import Image

import astfront
from astfront import CompileError, TensorSpec


def resized(x):
    """With each filter, and into an array as ChainerCV does it."""
    out = np.empty((6, 5), np.float32)
    out[:] = Image.fromarray(x).resize((5, 6))
    return [np.asarray(Image.fromarray(x).resize((5, 6), kind)) for kind in range(6)], out


def enlarged(x):
    h, w = x.shape
    image = Image.fromarray(x)
    sizes = (w * 2, h // 2 + 1), (5, 6)
    return [np.asarray(image.resize(size, Image.BILINEAR)) for size in sizes], x


def of_columns(x):
    """A column of floats is no float array of Pillow's order."""
    image = Image.fromarray(x.T)
    return np.array(image.resize((3, 3))), image.size, image.mode, isinstance(image, Image.Image)


@pytest.mark.parametrize(
    ("function", "specs", "shapes"),
    [
        (resized, None, [(7, 9)]),
        (enlarged, (TensorSpec((None, None)),), [(7, 9), (3, 4), (1, 1), (20, 13), (6, 5)]),
    ],
)
def test_pillow(function, specs, shapes):
    compiled = astfront.compile(function, specs=specs)
    for shape in shapes:
        x = np.random.RandomState(0).rand(*shape).astype(np.float32)
        (images, out), (expected, expected_out) = compiled(x), function(x)
        for found, wanted in zip([*images, out], [*expected, expected_out], strict=True):
            assert found.dtype == wanted.dtype
            np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


def test_what_an_image_is():
    x = np.random.RandomState(1).rand(4, 6).astype(np.float32)
    found, expected = astfront.compile(of_columns)(x), of_columns(x)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-6, atol=1e-6)
    assert found[1:] == expected[1:] == ((4, 6), "F", True)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: Image.fromarray(x), "a Pillow image, which can't be handed over"),
        (lambda x: Image.fromarray(x.astype("d")), "an image of a float64 array"),
        (lambda x: np.asarray(Image.fromarray(x).rotate(3)), "`rotate` of an image"),
        (lambda x: np.asarray(Image.fromarray(x).resize((2, 2), box=(0, 0, 1, 1))), "with `box`"),
    ],
)
def test_what_is_refused(function, message):
    with pytest.raises(CompileError, match=message):
        astfront.compile(function)(np.zeros((3, 3), np.float32))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: np.asarray(Image.fromarray(x).resize((3, 0))), "must be > 0"),
        (lambda x: np.asarray(Image.fromarray(x).resize((3, 2), 9)), "Unknown resampling filter"),
    ],
)
def test_wrong_arguments(function, message):
    x = np.zeros((3, 3), np.float32)
    for f in (function, astfront.compile(function)):
        with pytest.raises(ValueError, match=message):
            f(x)


def test_opencv():
    cv2 = pytest.importorskip("cv2")

    def resized(x):
        found = []
        for kind in (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC):
            found.append(cv2.resize(x, (5, 6), interpolation=kind))
            found.append(cv2.resize(x[:, :, :1], None, fx=1.5, fy=0.7, interpolation=kind))
        return found

    for specs in (None, (TensorSpec((None, None, 3)),)):
        compiled = astfront.compile(resized, specs=specs)
        for shape in [(7, 9), (2, 3), (30, 11)]:
            x = np.random.RandomState(0).rand(*shape, 3).astype(np.float32)
            for found, wanted in zip(compiled(x), resized(x), strict=True):
                assert found.dtype == wanted.dtype
                np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
