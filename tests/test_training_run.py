"""A run taken at an epoch and put back elsewhere goes on bit for bit; a seed gives one run."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tinygrad_xent as tx
from tinygrad_xent import nn
from tinygrad_xent.training.callbacks import Callbacks, StopTraining
from tinygrad_xent.training.loop import go_on
from tinygrad_xent.training.plan import OPTIMIZERS, optimizer_of, plan_of
from tinygrad_xent.training.run import Run

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 4)).astype(np.float32), RNG.integers(0, 3, 40)
OPTIONS = {
    "validation": 0.25, "test": (X[:9], Y[:9]), "epochs": 6, "batch_size": 8, "schedule": "cosine",
    "clip_norm": 1.0, "label_smoothing": 0.1, "class_weights": "balanced", "patience": 6,
    "compile": False, "scale": None,
}  # fmt: skip


def fresh(optimizer="adam", seed=0, **options):
    """A run and its plan, as `fit` makes them."""
    dropout = 0.0 if options.get("compile") else 0.3
    model = nn.MLP([4, 16, 3], rng=1, dropout=dropout)
    moved_by = optimizer_of(optimizer, model, 0.05, None)
    rng = np.random.default_rng(seed)
    plan = plan_of(model, (X, Y), moved_by, rng, **(OPTIONS | options))
    return Run(model, moved_by, rng), plan


def outcome(run):
    weights = {name: array.tobytes() for name, array in run.model.state_dict().items()}
    return weights, str(list(run.history)), run.history.stopped


def stop_after(epoch):
    def stop(row):
        if row.epoch == epoch:
            raise StopTraining

    return Callbacks([stop])


def through_json(state):
    """The numbers and texts as a file would give them back; arrays are another file's business."""

    def split(part):
        if isinstance(part, np.ndarray):
            return {"array": part.tolist(), "dtype": str(part.dtype)}
        if isinstance(part, dict):
            return {key: split(value) for key, value in part.items()}
        return [split(value) for value in part] if isinstance(part, (list, tuple)) else part

    def joined(part):
        if isinstance(part, dict) and "array" in part:
            return np.array(part["array"], part["dtype"])
        if isinstance(part, dict):
            return {key: joined(value) for key, value in part.items()}
        return [joined(value) for value in part] if isinstance(part, list) else part

    return joined(json.loads(json.dumps(split(state))))


@pytest.mark.parametrize(
    ("optimizer", "compile"), [*((name, False) for name in OPTIMIZERS), ("adam", True)]
)
def test_a_run_put_back_goes_on_bit_for_bit(optimizer, compile):
    whole, plan = fresh(optimizer, compile=compile)
    go_on(whole, plan, Callbacks([]))
    for epoch in (0, 2, 5):
        broken_off, plan = fresh(optimizer, compile=compile)
        states = []

        def take(row, run=broken_off, states=states):
            states.append(run.take())

        take_all = Callbacks([take])
        stop = stop_after(epoch)
        take_all.on_epoch += stop.on_epoch
        go_on(broken_off, plan, take_all)
        resumed, plan = fresh(optimizer, compile=compile)
        resumed.put_back(through_json(states[-1]))
        assert resumed.epoch == epoch
        go_on(resumed, plan, Callbacks([]))
        assert outcome(resumed) == outcome(whole)


def test_what_was_taken_does_not_change_with_the_run():
    run, plan = fresh(compile=True)
    go_on(run, plan, stop_after(2))
    state = run.take()
    before = json.dumps(through_json(state), default=lambda a: a.tolist())
    go_on(run, plan, Callbacks([]))
    assert json.dumps(through_json(state), default=lambda a: a.tolist()) == before


def test_putting_back_into_the_same_run_repeats_it():
    run, plan = fresh()
    go_on(run, plan, stop_after(1))
    state = run.take()
    go_on(run, plan, Callbacks([]))
    first = outcome(run)
    run.put_back(state)
    go_on(run, plan, Callbacks([]))
    assert outcome(run) == first


def test_a_state_of_another_run_is_refused():
    state = fresh()[0].take()
    with pytest.raises(ValueError, match="put_back: got generators"):
        fresh(compile=True)[0].put_back(state)  # without dropout
    with pytest.raises(ValueError, match="got the state of 'Adam'"):
        fresh("sgd")[0].put_back(state)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ({"0": nn.Dropout(0.1), 0: nn.Dropout(0.2)}, "two generators are called 'layers.0.rng'"),
        ({"0": nn.Linear(4, 4), 0: nn.Linear(4, 4)}, "two Tensors have the path 'layers.0.weight'"),
    ],
)
def test_what_a_checkpoint_could_not_tell_apart_is_refused_at_once(layers, said):
    class Two(nn.Module):
        def __init__(self):
            self.layers, self.last = layers, nn.Linear(4, 3)

        def forward(self, x):
            return self.last(layers[0](layers["0"](x)))

    epochs = []
    with pytest.raises(ValueError, match=said):
        tx.fit(Two(), (X, Y), epochs=2, on_epoch=lambda *_: epochs.append(1))
    assert not epochs


def test_every_generator_is_taken_once():
    class Two(nn.Module):
        def __init__(self, rng):
            self.layers = [nn.Linear(4, 3, rng=rng), nn.Dropout(0.1, rng=rng), nn.Dropout(0.1)]

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

    rng = np.random.default_rng(3)
    model = Two(rng)
    names = Run(model, optimizer_of("sgd", model, None, None), rng).take()["generators"]
    assert list(names) == ["order", "layers.2.rng"]  # layers.1 draws from that of the order
    names = Run(model, optimizer_of("sgd", model, None, None), np.random.default_rng(3)).take()
    assert list(names["generators"]) == ["order", "layers.1.rng", "layers.2.rng"]


def test_two_threads_train_as_one_after_the_other():
    def train(seed, compile):
        model = nn.MLP([4, 32, 3], rng=seed, dropout=0.0 if compile else 0.2)
        history = tx.fit(model, (X, Y), validation=0.2, epochs=10, seed=seed, compile=compile)
        return [p.numpy().tobytes() for p in model.parameters()], str(list(history))

    jobs = [(seed, compile) for seed in range(2) for compile in (False, True)]
    with ThreadPoolExecutor(len(jobs)) as pool:
        at_once = list(pool.map(lambda job: train(*job), jobs))
    assert at_once == [train(*job) for job in jobs]


PROGRAM = """
import hashlib, numpy as np, tinygrad_xent as tx
waste = {waste}
data = tx.data.load("iris")
model = tx.nn.MLP([4, 16, 3], rng=3, dropout=0.2)
history = tx.fit(model, data, validation=0.2, epochs=5, seed=4, patience=3, lr=0.02,
    schedule="cosine", clip_norm=1.0, class_weights="balanced", label_smoothing=0.1)
content = b"".join(p.numpy().tobytes() for p in model.parameters()) + str(list(history)).encode()
print(hashlib.sha256(content).hexdigest(), history.stopped)
"""


def test_the_same_run_in_two_processes(digests):
    one, two = digests(PROGRAM)
    assert one == two
    assert len(one) > 64
