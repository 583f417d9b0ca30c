"""PyTorch's own samples of its ops, values and both derivatives; skipped where it is not installed.

PyTorch tests itself on these (`torch.testing._internal`, which also needs the package expecttest).
Samples of what we do not have (complex numbers, ``out=``, ``alpha=``) are left out by name below.
"""

import warnings

import numpy as np
import pytest

import tinygrad_xent as tx

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

pytestmark = pytest.mark.filterwarnings("ignore")
INFOS = {o.name + (o.variant_test_name and "." + o.variant_test_name): o for o in op_db}
RENAMED = {"dim": "axis", "dims": "axis", "keepdim": "keepdims", "dim1": "axis1", "dim2": "axis2"}


def numpy_like(f):
    """PyTorch's keywords by NumPy's names."""
    return lambda *args, **options: f(*args, **{RENAMED.get(k, k): v for k, v in options.items()})


def axes(dim):
    dim = tuple(dim) if isinstance(dim, list) else dim
    return None if dim == () else dim


def reduction(f):
    def reduced(x, dim=None, keepdim=False, dtype=None):
        return f(x, axis=axes(dim), keepdims=keepdim)

    return reduced


def spread(f):
    """PyTorch's var and std: unbiased unless told otherwise, by two names."""

    def spread_of(x, dim=None, unbiased=None, keepdim=False, correction=None):
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if unbiased is not None:
            correction = int(unbiased)
        correction = 1 if correction is None else correction
        return f(x, axis=axes(dim), keepdims=keepdim, correction=correction)

    return spread_of


def split_at(f):
    def parts(x, where, dim=0):
        where = where.tolist() if hasattr(where, "tolist") else where
        return f(x, list(where) if isinstance(where, (tuple, list)) else where, axis=dim)

    return parts


def split_along(f):
    return lambda x, where: f(x, list(where) if isinstance(where, tuple) else where)


def expand(x, shape):
    extra = len(shape) - x.ndim
    return tx.broadcast_to(x, [x.shape[k - extra] if n == -1 else n for k, n in enumerate(shape)])


def sort(x, dim=-1, descending=False, stable=False):
    y = tx.sort(x, axis=dim)
    return tx.flip(y, axis=dim) if descending and y.ndim else y


def linear_cross_entropy(
    x, W, target, *, linear_bias=None, options=None, ignore_index=None, **more
):
    more |= {} if ignore_index is None else {"ignore_index": ignore_index}
    return tx.linear_cross_entropy(x, W.T, target, linear_bias, **more)


SAME = """abs add exp exp2 expm1 log log2 log10 log1p sqrt square reciprocal positive sin cos tan
    sinh cosh tanh sign floor ceil trunc logaddexp logaddexp2 xlogy maximum minimum fmax fmin hypot
    copysign deg2rad rad2deg sinc erf erfc matmul dot inner outer kron sigmoid trace nan_to_num
    float_power flip fliplr flipud roll rot90 tile hstack vstack dstack column_stack floor_divide
    fmod remainder squeeze ravel broadcast_to reshape tril triu diagonal diag
    atleast_1d atleast_2d atleast_3d take round.decimals_0 round.decimals_3"""
OTHER_NAMES = {
    "mul": tx.multiply, "sub": tx.subtract, "neg": tx.negative, "pow": tx.power,
    "div.no_rounding_mode": tx.divide, "true_divide": tx.divide,
    "acos": tx.arccos, "asin": tx.arcsin, "atan": tx.arctan, "acosh": tx.arccosh,
    "asinh": tx.arcsinh, "atanh": tx.arctanh, "atan2": tx.arctan2,
    "mm": tx.matmul, "mv": tx.matmul, "bmm": tx.matmul, "unsqueeze": tx.expand_dims,
    "movedim": tx.moveaxis, "transpose": tx.swapaxes, "cat": tx.concatenate, "stack": tx.stack,
    "max.binary": tx.maximum, "min.binary": tx.minimum,
    "max.reduction_no_dim": tx.max, "min.reduction_no_dim": tx.min,
    "cumsum": tx.cumsum, "cumprod": tx.cumprod, "permute": tx.transpose,
    "special.entr": tx.entr, "special.xlog1py": tx.xlog1py,
    "nn.functional.logsigmoid": tx.log_sigmoid,
    "softmax": tx.softmax, "log_softmax": tx.log_softmax,
    **{f"nn.functional.{f.__name__}": f for f in (
        tx.relu, tx.relu6, tx.leaky_relu, tx.elu, tx.selu, tx.softplus, tx.silu, tx.gelu,
        tx.hardtanh, tx.softsign, tx.cross_entropy, tx.nll_loss, tx.binary_cross_entropy,
        tx.binary_cross_entropy_with_logits, tx.kl_div, tx.mse_loss, tx.gaussian_nll_loss)},
}  # fmt: skip
OURS = {
    **{name: numpy_like(getattr(tx, name.partition(".")[0])) for name in SAME.split()},
    **{name: numpy_like(f) for name, f in OTHER_NAMES.items()},
    **{name: reduction(getattr(tx, name)) for name in ("sum", "mean", "nansum", "nanmean", "prod")},
    "amax": reduction(tx.max),
    "amin": reduction(tx.min),
    "logsumexp": reduction(tx.logsumexp),
    **{name: spread(tx.var) for name in ("var", "var.unbiased")},
    **{name: spread(tx.std) for name in ("std", "std.unbiased")},
    "div.floor_rounding": lambda x, y, rounding_mode: tx.floor_divide(x, y),
    "clamp": lambda x, min=None, max=None: tx.clip(x, min, max),
    "clamp_min": lambda x, min: tx.clip(x, min, None),
    "clamp_max": lambda x, max: tx.clip(x, None, max),
    "where": lambda x, condition, y: tx.where(condition, x, y),
    "einsum": lambda arrays, subscripts: tx.einsum(subscripts, *arrays),
    "tensor_split": split_at(tx.array_split),
    "hsplit": split_along(tx.hsplit),
    "vsplit": split_along(tx.vsplit),
    "dsplit": split_along(tx.dsplit),
    "tensordot": lambda a, b, dims: tx.tensordot(a, b, dims),
    "__getitem__": lambda x, index: x[index],
    "take_along_dim": lambda x, indices, dim: tx.take_along_axis(x, indices, dim),
    "sort": sort,
    "msort": lambda x: tx.sort(x, axis=0),
    "repeat_interleave": lambda x, repeats, dim=None, output_size=None: tx.repeat(
        x, repeats, axis=dim
    ),
    "expand": expand,
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "__radd__": lambda x, y: y + x,
    "__rsub__": lambda x, y: y - x,
    "__rmul__": lambda x, y: y * x,
    "__rdiv__": lambda x, y: y / x,
    "__rmod__": lambda x, y: y % x,
    "__rpow__": lambda x, y: y**x,
    "__rmatmul__": lambda x, y: tx.matmul(y, x),
    "nn.functional.linear": lambda x, w, b=None: tx.linear(x, w.T, b),
    "nn.functional.linear_cross_entropy": linear_cross_entropy,
}


def is_ours(name, args, options):
    """Whether the sample asks for something that we have too."""
    x = args[0]
    number = isinstance(x, torch.Tensor) and x.ndim == 0
    return not (
        "alpha" in options
        or (name == "squeeze" and len(args) > 1 and _refused_by_numpy(x, args[1]))
        or (name == "tensordot" and x.shape == (1, 1, 1))  # against 2: PyTorch stretches sizes of 1
        or (name == "cat" and len({a.ndim for a in x}) > 1)  # a legacy of PyTorch: (0,) fits all
        or (name.startswith("atleast") and isinstance(x, (list, tuple)))
        or (name == "take_along_dim" and len(args) + len(options) < 3)
        or (name in ("transpose", "cumsum", "cumprod", "sort", "msort") and number)
        or (name.endswith("linear_cross_entropy") and args[1].ndim != 2)
    )


def _refused_by_numpy(x, dim):
    """PyTorch leaves an axis alone that cannot be squeezed; NumPy refuses."""
    return any(x.shape[k] != 1 for k in (dim if isinstance(dim, tuple) else (dim,)) if x.ndim)


def converted(x, leaves):
    if isinstance(x, torch.Tensor):
        array = x.detach().numpy().copy()
        if not x.requires_grad:
            return array
        leaves.append((tx.Tensor(array, requires_grad=True), x))
        return leaves[-1][0]
    if isinstance(x, torch.dtype):
        return np.dtype(str(x).removeprefix("torch."))
    if isinstance(x, (list, tuple)):
        return type(x)(converted(part, leaves) for part in x)
    return x


def close(ours, theirs, tolerance):
    ours = ours.numpy() if isinstance(ours, tx.Tensor) else np.asarray(ours)
    wanted = theirs.detach().numpy(force=True)
    assert ours.shape == wanted.shape
    scale = max(1.0, np.abs(np.where(np.isfinite(wanted), wanted, 0)).max(initial=0))
    np.testing.assert_allclose(ours, wanted, rtol=tolerance, atol=tolerance * scale)


def derivative(outputs, weights, leaves):
    """The gradients of Σ w · output, of both; zeros for what an output does not depend on."""
    ours = sum(tx.sum(y * w) for (y, _), w in zip(outputs, weights, strict=True) if y is not None)
    theirs = sum((t * torch.tensor(w)).sum() for (_, t), w in zip(outputs, weights, strict=True))
    mine, yours = zip(*leaves, strict=True)
    if not theirs.requires_grad:
        return None
    h = torch.autograd.grad(
        theirs, yours, create_graph=True, allow_unused=True, materialize_grads=True
    )
    g = [None] * len(mine)
    if isinstance(ours, tx.Tensor) and ours.requires_grad:
        g = tx.grad(ours, mine, create_graph=True, allow_unused=True)
    return list(zip(g, h, strict=True))


def compare(name, info, sample, dtype):
    leaves = []
    args = [converted(a, leaves) for a in (sample.input, *sample.args)]
    options = {k: converted(v, leaves) for k, v in sample.kwargs.items()}
    theirs = info.op(sample.input, *sample.args, **sample.kwargs)
    ours = OURS[name](*args, **options)
    theirs = list(theirs) if isinstance(theirs, (tuple, list)) else [theirs]
    ours = list(ours) if isinstance(ours, (tuple, list)) else [ours]
    pairs = list(zip(ours, theirs[: 1 if name == "sort" else None], strict=True))
    double = dtype is torch.float64
    tolerance = 1e-8 if double else 2e-4
    for y, t in pairs:
        close(y, t, tolerance)
        if isinstance(y, tx.Tensor):
            assert str(y.dtype) == str(t.dtype).removeprefix("torch.")
    if not leaves or not info.supports_autograd:
        return
    rng = np.random.default_rng(0)
    for order in (1, 2) if double and info.supports_gradgrad else (1,):
        weights = [rng.normal(size=t.shape).astype(str(t.dtype).split(".")[1]) for _, t in pairs]
        pairs = derivative(pairs, weights, leaves)
        if pairs is None:
            return
        for (g, h), (leaf, _) in zip(pairs, leaves, strict=True):
            close(np.zeros(leaf.shape) if g is None else g, h, tolerance if order == 1 else 1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", sorted(OURS))
def test_pytorchs_own_samples(name, dtype):
    info, compared = INFOS[name], 0
    torch.manual_seed(0)
    for sample in info.sample_inputs("cpu", dtype, requires_grad=info.supports_autograd):
        args = (sample.input, *sample.args)
        if is_ours(name, args, sample.kwargs):
            compare(name, info, sample, dtype)
            compared += 1
    assert compared
