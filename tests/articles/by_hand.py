"""What the rows compare with, in plain NumPy; leaves; and the distributions that they try."""

import functools

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_xent as tx

SIGMAS = 5  # the chance of a false alarm is 6e-7 per number, and the seeds are fixed besides

numbers = st.floats(-20, 20, allow_subnormal=False)
logits = hnp.arrays(np.float64, st.integers(2, 6), elements=numbers)
batches = hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(2, 5)), elements=numbers)


def leaf(x):
    return tx.Tensor(np.asarray(x, np.float64), requires_grad=True)


def normalised(x):
    return x / x.sum(axis=-1, keepdims=True)


weights = st.floats(1e-3, 1)
pmfs = hnp.arrays(np.float64, st.integers(2, 6), elements=weights).map(normalised)
pairs = (
    st.integers(2, 6)
    .flatmap(lambda k: hnp.arrays(np.float64, (2, k), elements=weights))
    .map(normalised)
)


def log_softmax(z):
    z = z - z.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


def softmax(z):
    return np.exp(log_softmax(np.asarray(z, np.float64)))


def slopes(f, x, h=1e-5):
    """The gradient of a function of one array by finite differences; about 9 digits are right."""
    x = np.asarray(x, np.float64)
    found = np.zeros_like(x)
    for k in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[k] = h
        found[k] = (float(f(x + step)) - float(f(x - step))) / (2 * h)
    return found


class Trained:
    """A perceptron trained on a fifth of the digits until it knows them by heart.

    Weights that are off by a thousandth at the start change none of what the rows say of it.
    """

    def __init__(self):
        data = tx.data.load("digits")
        self.train, self.test = data.split(test=0.8, seed=2)
        self.model = tx.nn.MLP([64, 32, 10], rng=2, dtype=np.float64)
        self.history = tx.fit(
            self.model, self.train, test=self.test, epochs=60, batch_size=8, lr=0.01, seed=2
        )
        self.best = int(np.argmin([epoch.test_loss for epoch in self.history]))

    def logits(self, x):
        """What the model gives, without the engine."""
        w0, b0, w1, b1 = (p.numpy() for p in self.model.parameters())
        return np.maximum(x.astype(np.float64) @ w0 + b0, 0) @ w1 + b1

    def loss(self, data):
        return -log_softmax(self.logits(data.x))[np.arange(len(data)), data.y].mean()

    def accuracy(self, data):
        return (self.logits(data.x).argmax(axis=1) == data.y).mean()


trained = functools.lru_cache(Trained)
