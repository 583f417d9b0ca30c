"""What training is made of, against PyTorch."""

import math

import numpy as np
import pytest

import tinygrad_xent as tx

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-6)])
@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.0, 0.7, 5.0, 1e6])
def test_clip_grad_norm(dtype, tolerance, norm_type, max_norm):
    rng = np.random.default_rng(0)
    gradients = [rng.normal(size=shape).astype(dtype) for shape in [(3, 4), (4,), ()]]
    ours, theirs = [], []
    for g in gradients:
        p = tx.Tensor(np.zeros(g.shape, dtype), requires_grad=True)
        p.grad = g
        ours.append(p)
        q = torch.zeros(g.shape, dtype=getattr(torch, np.dtype(dtype).name), requires_grad=True)
        q.grad = torch.tensor(g)
        theirs.append(q)
    norm = tx.nn.clip_grad_norm(ours, max_norm, norm_type)
    wanted = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    np.testing.assert_allclose(float(norm), wanted.item(), rtol=tolerance)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad, q.grad.numpy(), rtol=tolerance)


RULES = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
}


@pytest.mark.parametrize("compile", [False, True])
@pytest.mark.parametrize("optimizer", RULES)
def test_a_whole_training_run_with_everything_on(optimizer, compile):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 6)), rng.integers(0, 3, 50)
    mean, std = x.mean(axis=0), x.std(axis=0)
    model = tx.nn.MLP([6, 16, 3], "tanh", rng=0, dtype=np.float64)
    theirs = torch.nn.Sequential(
        torch.nn.Linear(6, 16), torch.nn.Tanh(), torch.nn.Linear(16, 3)
    ).double()
    theirs.load_state_dict(
        {name: torch.tensor(a.T.copy()) for name, a in model.state_dict().items()}
    )
    history = tx.fit(
        model, (x, y), validation=(x[:20], y[:20]), epochs=4, batch_size=16, seed=3,
        optimizer=optimizer, lr=0.02, weight_decay=0.01, schedule="cosine", clip_norm=0.5,
        label_smoothing=0.1, class_weights=[0.5, 2.0, 1.0], compile=compile,
        scale=lambda rows: (rows - mean) / std,
    )  # fmt: skip
    moved_by = RULES[optimizer](theirs.parameters(), lr=0.02, weight_decay=0.01)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(moved_by, T_max=16)
    weight = torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64)
    least = torch.nn.CrossEntropyLoss(weight, label_smoothing=0.1)
    z, labels = torch.tensor((x - mean) / std), torch.tensor(y)
    order = np.random.default_rng(3)
    for epoch in range(4):
        numbers = torch.tensor(order.permutation(50))
        for rows in numbers.split(16):
            moved_by.zero_grad()
            least(theirs(z[rows]), labels[rows]).backward()
            torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
            moved_by.step()
            rates.step()
        loss = torch.nn.functional.cross_entropy(theirs(z[:20]), labels[:20]).item()
        assert history[epoch + 1].validation_loss == pytest.approx(loss, rel=1e-10)
    for name, q in theirs.state_dict().items():
        np.testing.assert_allclose(
            model.state_dict()[name].T, q.numpy(), rtol=1e-9, atol=1e-12, err_msg=name
        )
