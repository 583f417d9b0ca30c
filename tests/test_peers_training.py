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
