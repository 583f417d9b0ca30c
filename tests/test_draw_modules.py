"""Drawings of models: which op ran in which Module, and what is drawn of a large graph."""

import gc
import json
import weakref

import numpy as np

import tinygrad_xent as tx
from tinygrad_xent import nn
from tinygrad_xent.draw import snapshot


def leaf(data, name=None):
    return tx.Tensor(data, requires_grad=True, name=name)


def classified(model, backward=True):
    x = tx.Tensor(np.linspace(-1, 1, model.sizes[0])[None], name="x")
    loss = tx.cross_entropy(model(x), [1])
    if backward:
        loss.backward()
    return loss


class Block(nn.Module):
    """A Linear layer and a ReLU beside a shortcut."""

    def __init__(self, size, rng):
        self.linear = nn.Linear(size, size, rng=rng)
        self.scale = tx.Tensor(0.5, requires_grad=True)

    def forward(self, x):
        return tx.relu(self.linear(x)) * self.scale + x


class Residual(nn.Module):
    """Blocks in a list, then a layer without bias."""

    def __init__(self, depth, size=4, rng=0):
        rng = np.random.default_rng(rng)
        self.layers = [Block(size, rng) for _ in range(depth)]
        self.head = nn.Linear(size, 3, bias=False, rng=rng)
        self.sizes = (size, 3)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


# --- which op ran where ---------------------------------------------------------------------------


def test_ops_know_their_module_and_parameters_their_path():
    model = nn.MLP([4, 5, 3], rng=0)
    graph = snapshot(classified(model))
    assert [(op.name, op.module, op.kind) for op in graph.ops] == [
        ("linear", "0", "Linear"),
        ("relu", "1", "ReLU"),
        ("linear", "2", "Linear"),
        ("cross_entropy", "", ""),
    ]
    names = [node.name for node in graph.tensors if node.role == "parameter"]
    assert names == ["0.weight", "0.bias", "2.weight", "2.bias"]
    modules = [(m.id, m.path, m.kind, m.parent, m.parameters) for m in graph.modules]
    assert modules == [
        ("m0", "", "MLP", "", 43),
        ("m1", "0", "Linear", "m0", 25),
        ("m2", "1", "ReLU", "m0", 0),
        ("m3", "2", "Linear", "m0", 18),
    ]
    assert graph.modules[0].members == ()
    named = {node.id: node.name for node in graph.tensors}
    assert [named.get(i, i) for i in graph.modules[1].members] == [
        "o0",
        "0.weight",
        "0.bias",
        "linear",
    ]


def test_modules_in_modules():
    model = Residual(2)
    graph = snapshot(classified(model))
    assert [(op.name, op.module, op.kind) for op in graph.ops][4:9] == [
        ("linear", "layers.1.linear", "Linear"),
        ("relu", "layers.1", "Block"),
        ("multiply", "layers.1", "Block"),
        ("add", "layers.1", "Block"),
        ("matmul", "head", "Linear"),
    ]
    paths = {m.id: m.path for m in graph.modules}
    parents = {m.path: paths.get(m.parent) for m in graph.modules}
    assert parents["layers.1.linear"] == "layers.1"
    assert parents["layers.1"] == ""
    assert parents[""] is None


def test_a_module_called_twice_is_two_calls():
    layer = nn.Linear(2, 2, rng=0)
    graph = snapshot(layer(tx.relu(layer(tx.Tensor([[1.0, 2.0]])))))
    assert [(m.id, m.path, m.kind) for m in graph.modules] == [
        ("m0", "", "Linear"),
        ("m1", "", "Linear"),
    ]
    weight = next(node.id for node in graph.tensors if node.name == "weight")
    assert not any(weight in m.members for m in graph.modules)  # it belongs to both


def test_what_a_module_makes_itself_is_in_it_and_its_input_is_not():
    class Masked(nn.Module):
        def forward(self, x):
            return x * tx.Tensor([1.0, 0.0], name="mask") + 3.0

    model = Masked()
    graph = snapshot(model(leaf([1.0, 2.0], "x")))
    named = {node.id: node.name for node in graph.tensors}
    members = {named.get(i, i) for i in graph.modules[0].members}
    assert members == {"mask", "multiply", "add", "o0", "o1", "c0"}


def test_names_find_modules_and_prefix_only_where_there_are_several():
    encoder, head = nn.MLP([3, 4, 2], rng=0), nn.Linear(2, 2, rng=1)
    unused = nn.Linear(7, 7)
    layer = encoder[0]  # as locals() has it after a loop over the layers
    x = tx.Tensor([[1.0, 2.0, 3.0]])
    h = encoder(x)
    found = {"encoder": encoder, "unused": unused, "layer": layer, "x": x, "_": head}
    names = [node.name for node in snapshot(h, found).tensors if node.role == "parameter"]
    assert names == ["0.weight", "0.bias", "2.weight", "2.bias"]
    graph = snapshot(head(h), found)
    names = [node.name for node in graph.tensors if node.role == "parameter"]
    assert names == [
        "encoder.0.weight",
        "encoder.0.bias",
        "encoder.2.weight",
        "encoder.2.bias",
        "linear.weight",
        "linear.bias",
    ]
    assert [m.path for m in graph.modules if not m.parent] == ["encoder", "linear"]


def test_names_that_users_gave_come_first():
    model = nn.Linear(2, 2, rng=0)
    model.bias.name = "b"
    graph = snapshot(model(tx.Tensor([[1.0, 2.0]])), {"w": model.weight})
    assert [node.name for node in graph.tensors if node.role == "parameter"] == ["w", "b"]


def test_layers_called_by_hand_have_the_paths_of_a_given_model():
    model = nn.MLP([3, 4, 2], rng=0)
    x = tx.Tensor([[1.0, 2.0, 3.0]])
    for layer in model:
        x = layer(x)
    assert [m.path for m in snapshot(x, {"model": model}).modules] == ["0", "1", "2"]
    assert [m.path for m in snapshot(x).modules] == ["linear", "relu", "linear2"]


def test_the_snapshot_keeps_no_module_and_no_tensor():
    gc.disable()
    try:
        model = nn.MLP([4, 5, 3], rng=0)
        loss = classified(model)
        alive = [weakref.ref(v) for v in (model, model[0], model[0].weight, loss, loss.op)]
        graph = snapshot(loss)
        del model, loss
        assert [ref() for ref in alive] == [None] * 5
        assert graph.modules[0].kind == "MLP"
    finally:
        gc.enable()


def test_a_module_that_is_gone_leaves_no_call():
    y = nn.Linear(2, 2, rng=0)(tx.Tensor([[1.0, 2.0]], name="x"))
    assert snapshot(y).modules == ()
    assert [node.name for node in snapshot(y).tensors] == ["w0", "w1", "x", "linear"]


# --- JSON -----------------------------------------------------------------------------------------


def test_json_is_valid_and_stable():
    model = nn.MLP([4, 5, 3], rng=0)
    model[0].weight.data[0, 0] = np.nan
    model[0].weight.data[0, 1] = -np.inf
    model[0].bias.name = "<script>\ud800"
    with np.errstate(all="ignore"):
        graph = snapshot(classified(model))
    text = graph.to_json()
    assert text == graph.to_json()
    text.encode()

    def refuse(name):
        raise AssertionError(name)

    data = json.loads(text, parse_constant=refuse)
    assert list(data) == ["version", "tensors", "constants", "ops", "edges", "modules"]
    assert data["version"] == 1
    weight = next(node for node in data["tensors"] if node["name"] == "0.weight")
    assert weight["value"]["nans"] == 1
    gradient = next(node for node in data["tensors"] if node["role"] == "loss")["value"]
    assert gradient["cells"] == [["NaN"]]
    assert data["modules"][1] == {
        "id": "m1",
        "path": "0",
        "kind": "Linear",
        "parent": "m0",
        "members": list(graph.modules[1].members),
        "parameters": 25,
    }
