"""The same programs in PyTorch, written as its users write them; random weights.

A twin is made with ``scripted`` (TorchScript) or without, and gives what runs it once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.trees import Node, tree


def _runner(module: nn.Module, scripted: bool, *arguments: Any) -> Callable[[], Any]:
    module = module.eval()
    if scripted:
        module = torch.jit.script(module)
    return lambda: module(*arguments)


class MLP(nn.Module):
    def __init__(self, n_in: int, n_units: int, n_out: int) -> None:
        super().__init__()
        self.l1 = nn.Linear(n_in, n_units)
        self.l2 = nn.Linear(n_units, n_units)
        self.l3 = nn.Linear(n_units, n_out)

    def forward(self, x: Tensor) -> Tensor:
        return self.l3(F.relu(self.l2(F.relu(self.l1(x)))))


class CellLoop(nn.Module):
    def __init__(self, n_in: int, n_units: int) -> None:
        super().__init__()
        self.n_units = n_units
        self.cell = nn.LSTMCell(n_in, n_units)

    def forward(self, xs: Tensor) -> Tensor:
        h = torch.zeros(xs.shape[1], self.n_units)
        c = torch.zeros(xs.shape[1], self.n_units)
        for t in range(xs.shape[0]):
            h, c = self.cell(xs[t], (h, c))
        return h


class FusedLSTM(nn.Module):
    def __init__(self, n_in: int, n_units: int, n_layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_in, n_units, n_layers)

    def forward(self, xs: Tensor) -> Tensor:
        return self.lstm(xs)[0]


class TreeLSTM(nn.Module):
    def __init__(self, n_in: int, n_units: int) -> None:
        super().__init__()
        self.n_units = n_units
        self.of_input = nn.Linear(n_in, 4 * n_units)
        self.of_sum = nn.Linear(n_units, 3 * n_units, bias=False)
        self.of_child = nn.Linear(n_units, n_units, bias=False)

    def forward(self, node: Node) -> tuple[Tensor, Tensor]:
        x = self.of_input(torch.from_numpy(node.x)[None])
        xa, xi, xo, xf = x.chunk(4, 1)
        if not node.children:
            c = torch.sigmoid(xi) * torch.tanh(xa)
            return c, torch.sigmoid(xo) * torch.tanh(c)
        states = [self(child) for child in node.children]
        total = torch.stack([h for _, h in states]).sum(0)
        a, i, o = self.of_sum(total).chunk(3, 1)
        c = torch.sigmoid(xi + i) * torch.tanh(xa + a)
        for child_c, child_h in states:
            c = c + torch.sigmoid(xf + self.of_child(child_h)) * child_c
        return c, torch.sigmoid(xo + o) * torch.tanh(c)


class DateTranslator(nn.Module):
    def __init__(self, n_source: int, n_target: int, n_embed: int, n_units: int) -> None:
        super().__init__()
        self.n_units = n_units
        self.embed_source = nn.Embedding(n_source, n_embed)
        self.embed_target = nn.Embedding(n_target, n_embed)
        self.forwards = nn.LSTMCell(n_embed, n_units // 2)
        self.backwards = nn.LSTMCell(n_embed, n_units // 2)
        self.decoder = nn.LSTMCell(n_embed, n_units)
        self.query = nn.Linear(n_units, n_units)
        self.combine = nn.Linear(2 * n_units, n_units)
        self.output = nn.Linear(n_units, n_target)

    def forward(self, xs: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        c = h = torch.zeros(1, self.n_units // 2)
        before = []
        for t in range(xs.shape[0]):
            h, c = self.forwards(self.embed_source(xs[t : t + 1]), (h, c))
            before.append(h)
        c = h = torch.zeros(1, self.n_units // 2)
        after = []
        for t in range(xs.shape[0] - 1, -1, -1):
            h, c = self.backwards(self.embed_source(xs[t : t + 1]), (h, c))
            after.append(h)
        hs = torch.cat([torch.cat(before), torch.flip(torch.cat(after), [0])], 1)
        c = h = torch.zeros(1, self.n_units)
        y = torch.zeros(1, dtype=torch.long)
        symbols, weights = [], []
        for _ in range(steps):
            h, c = self.decoder(self.embed_target(y), (h, c))
            attention = torch.softmax(torch.matmul(self.query(h), hs.t()), 1)
            context = torch.matmul(attention, hs)
            y = self.output(torch.tanh(self.combine(torch.cat([h, context], 1)))).argmax(1)
            if int(y[0]) < 0:  # its weights are random: as many steps as Chainer's model takes
                break
            symbols.append(y)
            weights.append(attention)
        return torch.cat(symbols), torch.cat(weights)


class Seq2Seq(nn.Module):
    def __init__(self, n_vocabulary: int, n_units: int) -> None:
        super().__init__()
        self.n_units = n_units
        self.embed = nn.Embedding(n_vocabulary, n_units)
        self.encoder = nn.LSTMCell(n_units, n_units)
        self.decoder = nn.LSTMCell(n_units, n_units)
        self.combine = nn.Linear(2 * n_units, n_units)
        self.out = nn.Linear(n_units, n_vocabulary)

    def forward(self, xs: Tensor, steps: int) -> Tensor:
        h = torch.zeros(xs.shape[0], self.n_units)
        c = torch.zeros(xs.shape[0], self.n_units)
        states = []
        for t in range(xs.shape[1]):
            h, c = self.encoder(self.embed(xs[:, t]), (h, c))
            states.append(h)
        hs = torch.stack(states, 1)
        y = torch.zeros(xs.shape[0], dtype=torch.long)
        ys = []
        for _ in range(steps):
            h, c = self.decoder(self.embed(y), (h, c))
            weights = torch.softmax(torch.matmul(hs, h[:, :, None])[:, :, 0], 1)
            context = torch.matmul(weights[:, None, :], hs)[:, 0]
            y = self.out(torch.tanh(self.combine(torch.cat([h, context], 1)))).argmax(1)
            ys.append(y)
        return torch.stack(ys, 1)


class CharRNN(nn.Module):
    def __init__(self, n_vocabulary: int, n_units: int) -> None:
        super().__init__()
        self.n_units = n_units
        self.embed = nn.Embedding(n_vocabulary, n_units)
        self.lstm = nn.LSTMCell(n_units, n_units)
        self.out = nn.Linear(n_units, n_vocabulary)

    def forward(self, first: Tensor, length: int) -> Tensor:
        y = first
        h = torch.zeros(1, self.n_units)
        c = torch.zeros(1, self.n_units)
        ys = []
        for _ in range(length):
            h, c = self.lstm(self.embed(y), (h, c))
            y = self.out(h).argmax(1)
            ys.append(y)
        return torch.cat(ys)


class BeamSearch(nn.Module):
    def __init__(self, n_vocabulary: int, n_units: int, width: int) -> None:
        super().__init__()
        self.n_vocabulary, self.width = n_vocabulary, width
        self.embed = nn.Embedding(n_vocabulary, n_units)
        self.lstm = nn.LSTMCell(n_units, n_units)
        self.out = nn.Linear(n_units, n_vocabulary)

    def forward(self, c: Tensor, h: Tensor, steps: int) -> tuple[Tensor, Tensor]:
        y = torch.zeros(self.width, dtype=torch.long)
        scores = torch.full((self.width,), -1e9)
        scores[0] = 0
        texts = torch.zeros(self.width, steps, dtype=torch.long)
        for t in range(steps):
            h, c = self.lstm(self.embed(y), (h, c))
            total = scores[:, None] + torch.log_softmax(self.out(h), 1)
            scores, best = torch.topk(total.reshape(-1), self.width)
            parents = torch.div(best, self.n_vocabulary, rounding_mode="floor")
            y = best % self.n_vocabulary
            c, h, texts = c[parents], h[parents], texts[parents]
            texts[:, t] = y
        return texts, scores


class EarlyExit(nn.Module):
    def __init__(self, n: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, n, 5, padding=2)
        self.exit1 = nn.Linear(n * 64, 10)
        self.conv2 = nn.Conv2d(n, 2 * n, 3, padding=1)
        self.conv3 = nn.Conv2d(2 * n, 4 * n, 3, padding=1)
        self.exit2 = nn.Linear(4 * n * 4, 10)

    def forward(self, x: Tensor, threshold: float) -> Tensor:
        h = F.max_pool2d(F.relu(self.conv1(x)), 4)
        y = torch.softmax(self.exit1(h.flatten(1)), 1)
        if float(y.max()) >= threshold:
            return y
        h = F.max_pool2d(F.relu(self.conv2(h)), 2)
        h = F.max_pool2d(F.relu(self.conv3(h)), 2)
        return torch.softmax(self.exit2(h.flatten(1)), 1)


def _of_torchvision(name: str) -> Callable[[bool], Callable[[], Any]]:
    def make(scripted: bool) -> Callable[[], Any]:
        from torchvision import models

        options = {"init_weights": False} if name == "googlenet" else {}
        return _runner(getattr(models, name)(**options), scripted, torch.rand(1, 3, 224, 224))

    return make


def _tree_lstm(scripted: bool) -> Callable[[], Any]:
    if scripted:
        raise NotImplementedError("TorchScript has no recursion")
    return _runner(TreeLSTM(300, 150), False, tree(20, 300, np.random.RandomState(0)))


def _symbols(n: int, length: int) -> Tensor:
    return torch.randint(0, 50, (n, length))


TWINS: dict[str, Callable[[bool], Callable[[], Any]]] = {
    "call": lambda s: _runner(MLP(32, 32, 10), s, torch.rand(1, 32)),
    "mlp": lambda s: _runner(MLP(784, 1000, 10), s, torch.rand(1, 784)),
    "lstm": lambda s: _runner(CellLoop(64, 256), s, torch.rand(50, 1, 64)),
    "nimble_lstm": lambda s: _runner(CellLoop(300, 512), s, torch.rand(26, 1, 300)),
    "nstep_lstm": lambda s: _runner(FusedLSTM(120, 600, 3), s, torch.rand(500, 1, 120)),
    "tree_lstm": _tree_lstm,
    "dates": lambda s: _runner(DateTranslator(43, 13, 32, 128), s, _symbols(1, 18)[0] % 43, 11),
    "seq2seq": lambda s: _runner(Seq2Seq(50, 256), s, _symbols(1, 50), 50),
    "seq2seq_16": lambda s: _runner(Seq2Seq(50, 256), s, _symbols(16, 50), 50),
    "char_rnn": lambda s: _runner(CharRNN(50, 128), s, _symbols(1, 1)[0], 1000),
    "beam_search": lambda s: _runner(
        BeamSearch(50, 256, 5), s, torch.rand(5, 256), torch.rand(5, 256), 30
    ),
    "early_exit": lambda s: _runner(EarlyExit(), s, torch.rand(1, 3, 32, 32), 0.0),
    "no_early_exit": lambda s: _runner(EarlyExit(), s, torch.rand(1, 3, 32, 32), 1.0),
    "googlenet": _of_torchvision("googlenet"),
    "resnet50": _of_torchvision("resnet50"),
    "vgg16": _of_torchvision("vgg16"),
}
