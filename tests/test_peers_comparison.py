"""docs/comparison.md: what its table says of PyTorch and MyGrad is so, where they are installed."""

from importlib import metadata

import numpy as np
import pytest
from test_comparison import TABLE, megabytes

import tinygrad_xent as tx

Z, GAP = np.array([[2.0, 1.0, -0.1]]), np.array([[40.0, 0.0]])


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def mygrad():
    return pytest.importorskip("mygrad")


def q_minus_p():
    z = tx.Tensor(Z, requires_grad=True)
    tx.cross_entropy(z, [1]).backward()
    return z.grad


def test_pytorch_has_gradients_of_gradients(torch):
    assert TABLE["gradients of gradients"]["PyTorch, torchviz"] == "yes"
    x = torch.tensor(2.0, requires_grad=True)
    (g,) = torch.autograd.grad(x**3, [x], create_graph=True)
    assert torch.autograd.grad(g, [x])[0].item() == 12


def test_pytorchs_loss(torch):
    row = TABLE["softmax-cross-entropy"]["PyTorch, torchviz"]
    assert row == "one function"
    cross_entropy = torch.nn.functional.cross_entropy
    z = torch.tensor(Z, requires_grad=True)
    loss = cross_entropy(z, torch.tensor([1]))
    loss.backward()
    np.testing.assert_allclose(z.grad.numpy(), q_minus_p(), rtol=1e-12)
    assert loss.grad_fn.name() == "NllLossBackward0"  # and before it LogSoftmaxBackward0
    small = cross_entropy(torch.tensor(GAP), torch.tensor([0])).item()
    assert TABLE["loss at a gap of 40, float64"]["PyTorch, torchviz"] == f"{abs(small):g}"


def test_writing_into_pytorchs_data(torch):
    row = TABLE["writing into data between forward and backward"]["PyTorch, torchviz"]
    assert row == "error; by `.data`, wrong gradient"
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = (w * w).sum()
    w.data[0] = 100.0
    loss.backward()
    assert w.grad[0].item() != 2
    loss = (w * w).sum()
    with torch.no_grad():
        w[0] = 3.0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_pytorchs_size(torch):
    assert TABLE["size, NumPy not counted"]["PyTorch, torchviz"].startswith("hundreds of MB")
    assert 100 < megabytes("torch") < 1000 or "+cu" in metadata.version("torch")


def test_mygrads_gradients_are_arrays(mygrad):
    assert TABLE["gradients of gradients"]["MyGrad"] == "no"
    x = mygrad.tensor(2.0)
    (x**3).backward()
    assert type(x.grad) is np.ndarray


def test_mygrads_drawing(mygrad):
    computational_graph = pytest.importorskip("mygrad.computational_graph")
    x = mygrad.tensor([2.0, 3.0])
    y = (x * x).sum()
    source = computational_graph.build_graph(y).source
    assert TABLE["values in the drawing"]["MyGrad"] == "yes"
    assert "Tensor([2., 3.])" in source
    y.backward()
    assert TABLE["gradients in the drawing"]["MyGrad"] == "no"
    assert "4." not in computational_graph.build_graph(y).source


def test_mygrads_loss(mygrad):
    assert TABLE["softmax-cross-entropy"]["MyGrad"] == "one op"
    z = mygrad.tensor(Z)
    loss = mygrad.nnet.losses.softmax_crossentropy(z, np.array([1]))
    assert type(loss.creator).__name__ == "SoftmaxCrossEntropy"
    loss.backward()
    np.testing.assert_allclose(z.grad, q_minus_p(), rtol=1e-12)
    small = mygrad.nnet.losses.softmax_crossentropy(mygrad.tensor(GAP), np.array([0])).item()
    assert TABLE["loss at a gap of 40, float64"]["MyGrad"] == f"{abs(small):g}"


def test_writing_into_mygrads_data(mygrad):
    assert TABLE["writing into data between forward and backward"]["MyGrad"] == "error"
    array = np.array([1.0, 2.0])
    w = mygrad.tensor(array, copy=False)
    loss = (w * w).sum()
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 100.0
    loss.backward()


def test_mygrads_layers_and_size(mygrad):
    assert TABLE["convolutions"]["MyGrad"] == "yes"
    assert callable(mygrad.nnet.layers.conv_nd)
    assert TABLE["size, NumPy not counted"]["MyGrad"] == "below 1 MB"
    assert megabytes("mygrad") < 1


def test_autograds_gradient():
    autograd = pytest.importorskip("autograd")
    from autograd.scipy.special import logsumexp

    gradient = autograd.grad(lambda z: logsumexp(z) - z[1])(Z[0])
    np.testing.assert_allclose(gradient, q_minus_p()[0], rtol=1e-12)
