"""A character-level encoder-decoder with attention that turns written dates into ISO form."""

from __future__ import annotations

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
from numpy.typing import NDArray

from data import BOS, EOS, PAD, SOURCE_SIZE, TARGET_SIZE

MAX_LENGTH = 12


class DateTranslator(chainer.Chain):
    """Reads characters with one LSTM each way, writes characters with another that attends to them.

    The decoder starts from zeros, so that all it knows of the date comes through the attention.

    Args:
        n_embed: length of a character's vector.
        n_units: length of the decoder's state, and of those of both encoders together (H below).
    """

    def __init__(self, n_embed: int = 32, n_units: int = 128) -> None:
        super().__init__()
        self.n_units = n_units
        with self.init_scope():
            self.embed_source = L.EmbedID(SOURCE_SIZE, n_embed)
            self.embed_target = L.EmbedID(TARGET_SIZE, n_embed)
            self.forwards = L.StatelessLSTM(n_embed, n_units // 2)
            self.backwards = L.StatelessLSTM(n_embed, n_units // 2)
            self.decoder = L.StatelessLSTM(n_embed, n_units)
            self.query = L.Linear(n_units, n_units)
            self.combine = L.Linear(2 * n_units, n_units)
            self.output = L.Linear(n_units, TARGET_SIZE)

    def encode(self, xs: NDArray[np.int32]) -> chainer.Variable:
        """What the encoders make of each character and of those before and after it.

        Args:
            xs: (T,) int32, character ids.

        Returns:
            (T, H) float32.
        """
        c = self.xp.zeros((1, self.n_units // 2), dtype=np.float32)
        h = self.xp.zeros((1, self.n_units // 2), dtype=np.float32)
        before = []
        for t in range(xs.shape[0]):
            c, h = self.forwards(c, h, self.embed_source(xs[t : t + 1]))
            before.append(h)

        c = self.xp.zeros((1, self.n_units // 2), dtype=np.float32)
        h = self.xp.zeros((1, self.n_units // 2), dtype=np.float32)
        after = []
        for t in range(xs.shape[0] - 1, -1, -1):
            c, h = self.backwards(c, h, self.embed_source(xs[t : t + 1]))
            after.append(h)

        return F.concat([F.concat(before, axis=0), F.flip(F.concat(after, axis=0), axis=0)], axis=1)

    def translate(self, xs: NDArray[np.int32]) -> tuple[chainer.Variable, chainer.Variable]:
        """Greedy decoding, until the end symbol or ``MAX_LENGTH`` characters.

        Args:
            xs: (T,) int32, character ids of the written date.

        Returns:
            (L,) int32, the character ids of the ISO date, and (L, T) float32, how much each of
            them attended to each character of the written date.
        """
        hs = self.encode(xs)
        c = self.xp.zeros((1, self.n_units), dtype=np.float32)
        h = self.xp.zeros((1, self.n_units), dtype=np.float32)
        y = self.xp.array([BOS], dtype=np.int32)
        symbols, weights = [], []
        for _ in range(MAX_LENGTH):
            c, h = self.decoder(c, h, self.embed_target(y))
            attention = F.softmax(F.matmul(self.query(h), hs, transb=True))
            context = F.matmul(attention, hs)
            scores = self.output(F.tanh(self.combine(F.concat([h, context], axis=1))))
            y = F.argmax(scores, axis=1).array
            if y[0] == EOS:
                break
            symbols.append(y)
            weights.append(attention)
        return F.concat(symbols, axis=0), F.concat(weights, axis=0)

    def loss(
        self, xs: NDArray[np.int32], ys_in: NDArray[np.int32], ys_out: NDArray[np.int32]
    ) -> chainer.Variable:
        """The cross entropy of a batch, for training: every right character is given.

        Args:
            xs: (B, T) int32, written dates, ``PAD`` after their ends.
            ys_in: (B, L) int32, the start symbol and the ISO date.
            ys_out: (B, L) int32, the ISO date and the end symbol.

        Returns:
            () float32, the mean over characters.
        """
        batch, length = xs.shape
        steps = ys_in.shape[1]
        xp = self.xp
        present = (xs != PAD).astype(np.float32)  # (B, T)

        c = xp.zeros((batch, self.n_units // 2), dtype=np.float32)
        h = xp.zeros((batch, self.n_units // 2), dtype=np.float32)
        before = []
        for t in range(length):
            c, h = self.forwards(c, h, self.embed_source(xs[:, t]))
            before.append(h)

        c = xp.zeros((batch, self.n_units // 2), dtype=np.float32)
        h = xp.zeros((batch, self.n_units // 2), dtype=np.float32)
        after = []
        for t in range(length - 1, -1, -1):
            c, h = self.backwards(c, h, self.embed_source(xs[:, t]))
            here = xp.broadcast_to(present[:, t : t + 1], h.shape)
            c, h = c * here, h * here  # the state stays zeros until the end of the text
            after.append(h)

        after.reverse()
        hs = F.concat([F.stack(before, axis=1), F.stack(after, axis=1)], axis=2)  # (B, T, H)

        c = xp.zeros((batch, self.n_units), dtype=np.float32)
        h = xp.zeros((batch, self.n_units), dtype=np.float32)
        decoded = []
        for t in range(steps):
            c, h = self.decoder(c, h, self.embed_target(ys_in[:, t]))
            decoded.append(h)
        ds = F.stack(decoded, axis=1)  # (B, L, H)

        scores = F.matmul(self.query(ds, n_batch_axes=2), hs, transb=True)  # (B, L, T)
        absent = xp.broadcast_to((1e9 * (present - 1))[:, None, :], scores.shape)
        attention = F.softmax(scores + absent, axis=2)
        context = F.matmul(attention, hs)  # (B, L, H)
        combined = F.tanh(self.combine(F.concat([ds, context], axis=2), n_batch_axes=2))
        logits = self.output(combined, n_batch_axes=2)  # (B, L, TARGET_SIZE)
        return F.softmax_cross_entropy(logits.reshape(batch * steps, -1), ys_out.reshape(-1))
