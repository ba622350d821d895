# Functions whose source the tests look for.  Columns count in characters, hence the 漢字.
# ruff: noqa
# fmt: off
import functools


def plain(x):
    return x


def keeps(func):
    @functools.wraps(func)
    def wrapper(*args):
        return func(*args)

    return wrapper


def nothing(func):
    return func


@nothing
@nothing
def decorated(x):
    return x


@keeps
def wrapped(x):
    return x


class Net:
    """A class with two methods of one name."""

    def forward(self, x, *, s="漢字"): return x

    def __private(self):
        return super().__repr__()

    @staticmethod
    def static(x):
        return x

    @classmethod
    def of_class(cls, x):
        return x

    @property
    def size(self):
        return self.forward(1)

    def many_lines(
        self,
        x,
        y=1,
    ):
        return x + y


def outer(n):
    def inner(x):
        return x + n

    return inner


one = lambda x: x + 1
two = (lambda x: x + 1, lambda x: x + 2)
same = (lambda x: x + 3, lambda x: x + 3)
unclear = (lambda x, s=1: x, lambda x, s=2: x)
in_lambda = lambda x: lambda y: lambda: x + y
é = "漢字", lambda x: x * 5

def with_assert(x):
    assert x
    return x


def generator(n):
    yield n


async def coroutine(n):
    return n


if one(1) == 2:
    def twice(x):
        return x * 2
else:
    def twice(x):
        return x * 3
