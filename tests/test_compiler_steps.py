"""Training steps made at random, with what their authors do in between, equal eager execution.

``python -m tests.test_compiler_steps 0 1000`` tries as many seeds.
"""

import random
import sys

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent import TraceError

LAYERS = {
    "linear": lambda w, h: w.act(h @ w.W[2] + w.W[3]),
    "scaled": lambda w, h: h * w.s,
    "buffer": lambda w, h: h + tx.Tensor(w.buffer),
    "reversed": lambda w, h: h[:, ::-1],
    "rolled": lambda w, h: tx.concatenate([h[:, 2:], h[:, :2]], axis=1),
    "centred": lambda w, h: h - h.mean(axis=1, keepdims=True),
    "chosen": lambda w, h: tx.where(h.numpy() > 0, h, h * 0.1),
    "products": lambda w, h: (h.T @ h).T[:1] + h,
    "of a single number": lambda w, h: h * w.W[6],
    "transposed": lambda w, h: h @ w.W[2].T,
    "normed": lambda w, h: h / (1 + (h * h).sum(axis=0)),
    "kept": lambda w, h: w.out.append(h) or h,
    "kept alone": lambda w, h: w.out.append(h.detach()) or h,
    "of NumPy": lambda w, h: np.tanh(h) * np.maximum(h, 0.5),
    "reshaped": lambda w, h: h.reshape(-1).reshape(h.shape),
    "stacked": lambda w, h: tx.stack([h, h * 2], axis=0).sum(axis=0),
    "squared": lambda w, h: h**2 * 0.1,
    "of a list and a tuple": lambda w, h: h + w.list[0] * w.pair[0],
    "einsum": lambda w, h: tx.einsum("ij,jk->ik", h, w.W[2]),
    "counted": lambda w, h: h * (1 if w.t % 2 else 2) if w.odd else h * w.t,
}
BETWEEN = {
    "nothing": lambda w: None,
    "lr": lambda w: w.set_lr(0.5 * w.lr),
    "decay": lambda w: w.W[2].__setattr__("data", 0.9 * w.W[2].data),
    "a row": lambda w: w.W[0].data.__setitem__(0, 0.3),
    "zeros": lambda w: w.W[1].__setattr__("data", np.zeros(4, w.dtype)),
    "no gradient": lambda w: w.W[3].__setattr__("grad", None),
    "another pair": lambda w: w.__setattr__("pair", (0.25, "a")),
    "another array": lambda w: w.list.__setitem__(0, w.list[1].copy()),
    "another list": lambda w: w.__setattr__("list", list(w.list)),
    "another layout": lambda w: w.W[2].__setattr__("data", np.asfortranarray(w.W[2].data)),
    "backward": lambda w: (w.W[0] * w.W[0]).sum().backward(),
    "a hook": lambda w: w.W[2].register_hook(lambda g: g * 0.5),
    "held": lambda w: w.__setattr__("held", [w.W[2].data, w.buffer]),
}


class World:
    """A model, an optimizer and odds and ends, and a step that is the same for the same seed."""

    def __init__(self, seed):
        r, g = random.Random(seed), np.random.default_rng(seed)
        self.dtype = r.choice([np.float32, np.float32, np.float64])
        self.rows, self.inputs, self.classes = r.choice([1, 2, 5]), r.choice([1, 3]), 3
        shapes = [(self.inputs, 4), (4,), (4, 4), (4,), (4, 3), (3,), ()]
        arrays = [(g.normal(size=shape) * 0.5).astype(self.dtype) for shape in shapes]
        self.W = [tx.Tensor(a, requires_grad=True) for a in arrays]
        self.buffer, *self.list = [g.normal(size=4).astype(self.dtype) for _ in range(3)]
        self.state, self.t, self.lr, self.pair, self.mean = {"m": 0.0}, 0, 0.1, (0.9, "a"), None
        self.act = r.choice([tx.relu, tx.tanh, tx.sigmoid])
        optimizers = [tx.optim.SGD, tx.optim.Adam, tx.optim.AdamW, tx.optim.RMSprop, None]
        kind = r.choice(optimizers)
        settings = {"momentum": 0.9, "weight_decay": 0.01} if kind is tx.optim.SGD else {}
        self.optimizer = kind and kind(self.W, lr=self.lr, **settings)
        self.odd, self.plan = r.random() < 0.5, r.randrange(1 << 30)

    def set_lr(self, lr):
        self.lr = lr
        if self.optimizer:
            self.optimizer.lr = lr

    def step(self, x, y, s):
        r = random.Random(self.plan)
        some = [r.random() for _ in range(16)]
        self.t, self.s, self.out = self.t + 1, s, []
        h = self.act(x @ self.W[0] + self.W[1])
        for name in r.choices(list(LAYERS), k=r.randrange(1, 6)):
            h = LAYERS[name](self, h)
        z = h @ self.W[4] + self.W[5]
        loss = tx.cross_entropy(z, y) if some[0] < 0.7 else (z * z).mean()
        if some[1] < 0.3:
            loss = loss + 0.01 * (self.W[0] * self.W[0]).sum()
        if some[2] < 0.2:
            (slope,) = tx.grad(loss, self.W[0], create_graph=True)
            loss = loss + 0.1 * (slope * slope).sum()
        if some[3] < 0.8:
            for p in self.W:
                p.grad = None
        loss.backward()
        if some[4] < 0.2:
            tx.cross_entropy((x @ self.W[0]) @ self.W[2] @ self.W[4], y).backward()
        self._clip(some[5])
        given = [[p.grad for p in self.W], self.W[2].detach(), self.buffer, x, self.list, self.W[0]]
        self.out += [one for one, share in zip(given, some[6:], strict=False) if share < 0.25]
        self._update()
        self._leave(some[11:])
        self.out, out = None, self.out
        return {"loss": loss, "others": out} if some[10] < 0.3 else [loss.detach(), out]

    def _clip(self, share):
        for p in self.W if share < 0.3 else ():
            if p.grad is not None and share < 0.15:
                p.grad = p.grad * np.minimum(1, 0.5 / (1e-6 + np.sqrt((p.grad**2).sum())))
            elif p.grad is not None:
                p.grad *= 0.5

    def _update(self):
        if self.optimizer:
            self.optimizer.step()
            return
        for p in self.W[:2]:
            if p.grad is not None:
                p.data -= self.lr * p.grad
        slope = 0.0 if self.W[2].grad is None else self.W[2].grad
        self.state["m"] = self.pair[0] * self.state["m"] + slope
        self.W[2].data = self.W[2].data - self.lr / self.t**0.5 * self.state["m"]

    def _leave(self, some):
        if some[0] < 0.4:
            self.buffer = self.buffer * 0.9 + self.W[2].numpy()[0] * 0.1
        if some[1] < 0.3:
            self.list[0], self.list[1] = self.list[1], self.list[0]
        if some[2] < 0.3:
            self.list[1] += 0.1
        if some[3] < 0.3:
            self.list[0] *= 0.5 * np.tanh(self.list[1])
        if some[4] < 0.3:
            self.mean = 0.5 * (0.0 if self.mean is None else self.mean) + self.W[6].numpy()

    def everything(self):
        """All that a step may have left behind."""
        kept = [list(state.values()) for state in self.optimizer.state] if self.optimizer else []
        grads = [p.grad for p in self.W]
        return [self.W, grads, self.buffer, self.list, self.state, self.t, self.mean, kept]


def bits(tree):
    """What must agree: kinds, dtypes, shapes, bytes."""
    if isinstance(tree, (list, tuple)):
        return [bits(part) for part in tree]
    if isinstance(tree, dict):
        return {key: bits(part) for key, part in tree.items()}
    if isinstance(tree, (tx.Tensor, np.ndarray, np.generic)):
        a = tree.numpy() if isinstance(tree, tx.Tensor) else tree
        return type(tree).__name__, type(a).__name__, a.dtype.str, a.shape, a.tobytes()
    return repr(tree)


def batch(world, seed, k):
    """Rows, labels and a setting; now and then one row more, another layout, other dtypes."""
    r, g = random.Random(100 * seed + k // 2), np.random.default_rng(100 * seed + k)
    rows = world.rows + (r.random() < 0.3)
    x = g.normal(size=(rows, world.inputs)).astype(world.dtype)
    y = g.integers(world.classes, size=rows)
    kinds = [np.asfortranarray, lambda x: np.repeat(x, 2, 0)[::2], lambda x: x.astype(np.float64)]
    kinds += [lambda x: x] * 3
    return r.choice(kinds)(x), y.astype(r.choice([np.int32, np.int64])), r.choice([0.5, 2.0, 3])


def agree(seed, steps):
    """Whether it could be compiled; AssertionError if a step of it differed."""
    eager, traced = World(seed), World(seed)
    compiled = tx.compile(traced.step)
    for k in range(steps):
        x, y, s = batch(eager, seed, k)
        with np.errstate(all="ignore"):
            wanted = bits(eager.step(x, y, s))
            try:
                found = bits(compiled(x.copy() if x.flags.c_contiguous else x, y.copy(), s))
            except TraceError:
                return False
        assert found == wanted, f"seed {seed}, step {k}: result"
        assert bits(traced.everything()) == bits(eager.everything()), f"seed {seed}, step {k}: left"
        name = random.Random(1000 * seed + k).choice(list(BETWEEN))
        for world in (eager, traced):
            BETWEEN[name](world)
    return True


@pytest.mark.parametrize("seed", range(12))
def test_a_step_at_random(seed):
    assert agree(seed, steps=4)


if __name__ == "__main__":
    refused = [seed for seed in range(*map(int, sys.argv[1:3])) if not agree(seed, steps=12)]
    print(f"all that was compiled agrees; refused: {refused}")
