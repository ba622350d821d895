# fmt: off
"""Source text that the renderer's tests point at; nothing runs it."""
import chainer
import chainer.functions as F


class Net(chainer.Chain):
    """A net with a name that may be undefined."""

    # The line numbers here are those of the sample in the design.

    def forward(self, x):
        # a gate
        if F.sum(x) > 0:
            h = F.relu(x)

        return h * 2

    def tabs(self, x):
	    y = F.relu(x,	x)	# tab, tab
	    return	y

    def wide(self, 入力):
        é = "ｗｉｄｅ 漢字"; return F.relu(入力, é)

    def many(self, x):
        a, b = x, x
        return F.concat(
            [a, b],
            axis=1,
        )


# ruff: noqa
