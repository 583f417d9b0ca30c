"""Training: the loop written out, and the same in one line.

Shown: an MLP learns 1,438 real handwritten digits and is tested on 359 that it has not seen. The
four lines that matter are loss, zero_grad, backward, step.
"""

import math

import numpy as np

import tinygrad_xent as tx


def by_hand(train: tx.data.Dataset, test: tx.data.Dataset) -> tx.nn.Module:
    """Twenty epochs of mini-batches."""
    model = tx.nn.MLP([64, 32, 10], rng=0)
    optimizer = tx.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    rng = np.random.default_rng(0)
    first = tx.evaluate(model, train).loss
    print(
        f"before training the loss is {first:.2f}; a uniform guess costs ln 10 = {math.log(10):.2f}"
    )
    for epoch in range(1, 21):
        for x, y in tx.data.batches(train.x, train.y, size=32, rng=rng):
            loss = tx.cross_entropy(model(tx.Tensor(x)), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if epoch in (1, 5, 20):
            result = tx.evaluate(model, test)
            print(f"epoch {epoch:>2}: test loss {result.loss:.3f}, accuracy {result.accuracy:.3f}")
    return model


def in_one_line(train: tx.data.Dataset, test: tx.data.Dataset) -> None:
    """The same with tx.fit."""
    model = tx.nn.MLP([64, 32, 10], rng=0)
    history = tx.fit(model, train, test=test, epochs=20)
    print(
        f"tx.fit:   test loss {history[-1].test_loss:.3f}, accuracy {history[-1].test_accuracy:.3f}"
    )


def main() -> None:
    """Train twice, and look at what is confused most."""
    train, test = tx.data.load("digits").split(test=0.2, seed=0)
    model = by_hand(train, test)
    in_one_line(train, test)
    label, taken_for, times = tx.evaluate(model, test).worst_pair()
    print(f"the worst confusion: {label} taken for {taken_for}, {times} times")


if __name__ == "__main__":
    main()
