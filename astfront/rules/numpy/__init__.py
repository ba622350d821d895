"""numpy as Chainer models use it, with the meaning of numpy 1.23."""
