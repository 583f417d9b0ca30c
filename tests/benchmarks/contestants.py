"""The same training step in this package, and in the peers that are installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_xent as tx

from .baseline import LEARNING_RATE, Array, Contestant, Problem, by_hand
from .buffers import with_buffers


def logits(relu: Callable[[Any], Any], x: Any, W1: Any, b1: Any, W2: Any, b2: Any, *W3b3: Any):
    """The model in the operators that all of them share."""
    z = relu(x @ W1 + b1) @ W2 + b2
    if not W3b3:
        return z
    W3, b3 = W3b3
    return relu(z) @ W3 + b3


def with_operators(task: Problem, let_go: bool = False) -> Contestant:
    x = tx.Tensor(task.x)
    parameters = [tx.Tensor(p, requires_grad=True) for p in task.parameters]
    optimizer = tx.optim.SGD(parameters, lr=LEARNING_RATE)

    def step() -> Any:
        loss = tx.cross_entropy(logits(tx.relu, x, *parameters), task.y)
        optimizer.zero_grad()
        loss.backward()
        loss = loss.item() if let_go else loss
        optimizer.step()
        return loss

    return Contestant(step, lambda: [p.numpy() for p in parameters])


def with_modules(task: Problem) -> Contestant:
    return _with_modules(task, tx.Tensor(task.x))


def with_modules_of_arrays(task: Problem) -> Contestant:
    """The same given the array, which is copied in each step: the user may write into it."""
    return _with_modules(task, task.x)


def _with_modules(task: Problem, x: Any, let_go: bool = False) -> Contestant:
    model = tx.nn.MLP(task.size.layers, rng=0)
    for p, start in zip(model.parameters(), task.parameters, strict=True):
        p.data = start
    optimizer = tx.optim.SGD(model.parameters(), lr=LEARNING_RATE)

    def step() -> Any:
        loss = tx.cross_entropy(model(x), task.y)
        optimizer.zero_grad()
        loss.backward()
        loss = loss.item() if let_go else loss
        optimizer.step()
        return loss

    return Contestant(step, lambda: [p.numpy() for p in model.parameters()])


def compiled(task: Problem) -> Contestant:
    model = tx.nn.MLP(task.size.layers, rng=0)
    for p, start in zip(model.parameters(), task.parameters, strict=True):
        p.data = start
    optimizer = tx.optim.SGD(model.parameters(), lr=LEARNING_RATE)

    @tx.compile
    def step(x: Array, y: Array) -> Any:
        loss = tx.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return Contestant(lambda: step(task.x, task.y), lambda: [p.numpy() for p in model.parameters()])


def torch(task: Problem) -> Contestant:
    import torch
    from torch import nn

    torch.set_num_threads(1)
    x, y = torch.from_numpy(task.x), torch.from_numpy(task.y)
    layers: list[nn.Module] = []
    for weight, bias in zip(task.parameters[::2], task.parameters[1::2], strict=True):
        layers += [nn.Linear(*weight.shape), nn.ReLU()]
        layers[-2].weight.data = torch.tensor(weight.T.copy())
        layers[-2].bias.data = torch.tensor(bias)
    model = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)

    def step() -> Any:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return Contestant(step, lambda: [p.detach().numpy().T for p in model.parameters()])


def autograd(task: Problem) -> Contestant:
    import autograd
    import autograd.numpy as anp

    parameters = [p.copy() for p in task.parameters]
    rows = anp.arange(len(task.y))

    def loss_of(parameters: list[Any]) -> Any:
        z = logits(lambda h: anp.maximum(h, 0), task.x, *parameters)
        shifted = z - anp.max(z, axis=1, keepdims=True)
        return anp.mean(anp.log(anp.sum(anp.exp(shifted), axis=1)) - shifted[rows, task.y])

    loss_and_gradients = autograd.value_and_grad(loss_of)

    def step() -> Any:
        loss, gradients = loss_and_gradients(parameters)
        for p, g in zip(parameters, gradients, strict=True):
            p -= LEARNING_RATE * g
        return loss

    return Contestant(step, lambda: parameters)


def mygrad(task: Problem) -> Contestant:
    import mygrad
    from mygrad.nnet.activations import relu
    from mygrad.nnet.losses import softmax_crossentropy

    parameters = [mygrad.tensor(p) for p in task.parameters]

    def step() -> Any:
        loss = softmax_crossentropy(logits(relu, task.x, *parameters), task.y)
        loss.backward()
        for p in parameters:
            p.data -= LEARNING_RATE * p.grad
        return loss

    def current() -> list[Array]:
        return [p.data for p in parameters]

    return Contestant(step, current)


def jax(task: Problem) -> Contestant:
    """Its whole step is compiled by XLA, as its users do."""
    import jax
    import jax.numpy as jnp

    x, y = jnp.asarray(task.x), jnp.asarray(task.y)

    def loss_of(parameters: list[Any]) -> Any:
        log_q = jax.nn.log_softmax(logits(jax.nn.relu, x, *parameters))
        return -log_q[jnp.arange(len(y)), y].mean()

    @jax.jit
    def updated(parameters: list[Any]) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(parameters)
        return loss, [p - LEARNING_RATE * g for p, g in zip(parameters, gradients, strict=True)]

    state = [[jnp.asarray(p) for p in task.parameters]]

    def step() -> Any:
        loss, state[0] = updated(state[0])
        return loss.block_until_ready()

    return Contestant(step, lambda: [np.asarray(p) for p in state[0]])


Entrants = dict[str, Callable[[Problem], Contestant]]
BASELINE: Entrants = {"NumPy by hand": by_hand}
BUFFERS: Entrants = {"... with buffers": with_buffers}
OURS: Entrants = {
    "ours, @ and +": with_operators,
    "ours, nn.MLP": with_modules,
    "nn.MLP(array)": with_modules_of_arrays,
}
# For memory: with the loss goes its graph, which would keep the parameters of before the update.
LETTING_GO: Entrants = {
    "@ and +, loss let go": lambda task: with_operators(task, let_go=True),
    "nn.MLP, loss let go": lambda task: _with_modules(task, tx.Tensor(task.x), let_go=True),
}
COMPILED: Entrants = {"ours, compiled": compiled}
PEERS: Entrants = {"torch": torch, "jax (jit)": jax, "autograd": autograd, "mygrad": mygrad}


def check_same_work(contestants: dict[str, Contestant]) -> None:
    """One step of each: the loss and the parameters after it must be those of the first."""
    wanted_loss, wanted = None, []
    for name, contestant in contestants.items():
        loss, found = float(contestant.step()), contestant.parameters()
        if wanted_loss is None:
            wanted_loss, wanted = loss, [p.copy() for p in found]
        np.testing.assert_allclose(loss, wanted_loss, rtol=1e-4, err_msg=f"{name}: loss")
        for p, q in zip(found, wanted, strict=True):
            assert p.dtype == q.dtype, f"{name}: {p.dtype}"
            np.testing.assert_allclose(p, q, rtol=1e-4, atol=1e-6, err_msg=f"{name}: parameter")
