"""Writes fixtures.toml: values, gradients and Hessian-vector products of operations by JAX, in doubles.

Each fixture is a network file whose loss is the sum of an operation's results with fixed factors, and the same loss written with JAX's own functions.

    pip install jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
    python3 tests/operations/make_fixtures.py
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)


def convolve(x, kernels, window, stride, padding, dilation, groups):
    """A convolution as JAX has it: kernels as height × width × inputs × outputs."""
    outputs, spatial = kernels.shape[0], len(window)
    kernels = jnp.moveaxis(kernels.reshape(outputs, *window, x.shape[-1] // groups), 0, -1)
    layout = ("NHC", "HIO", "NHC") if spatial == 1 else ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(
        x,
        kernels,
        (stride,) * spatial,
        [(padding, padding)] * spatial,
        rhs_dilation=(dilation,) * spatial,
        dimension_numbers=layout,
        feature_group_count=groups,
    )


def rms(x):
    return x / jnp.sqrt(jnp.mean(x * x, axis=-1, keepdims=True))


def attend(q, k, v, heads):
    def split(x):
        return x.reshape(*x.shape[:-1], heads, -1)

    q, k, v = rms(split(q)), rms(split(k)), split(v)
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(q.shape[-1])
    out = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores, axis=-1), v)
    return out.reshape(*out.shape[:-2], -1)


def rotate(x, base):
    """Pairs of channels as complex numbers."""
    half = x.shape[-1] // 2
    angles = jnp.arange(x.shape[-2])[:, None] * base ** (-jnp.arange(half) / half)
    turned = (x[..., :half] + 1j * x[..., half:]) * jnp.exp(1j * angles)
    return jnp.concatenate([turned.real, turned.imag], axis=-1)


# Names, the shapes of weights, nodes with the output `out`, other constants, the same in JAX.
CASES = [
    ("power 3", {"x": [3, 2]}, 'out = { op = "power", of = "x", exponent = 3 }', "", lambda x: x**3),
    (
        "power 1.5",
        {"x": [3, 2]},
        'square = { op = "power", of = "x", exponent = 2 }\nout = { op = "power", of = "square", exponent = 1.5 }',
        "",
        lambda x: (x**2) ** 1.5,
    ),
    ("power -2", {"x": [4]}, 'out = { op = "power", of = "x", exponent = -2 }', "", lambda x: 1 / x**2),
    ("power -0.5", {"x": [4]}, 'e = { op = "exp", of = "x" }\nout = { op = "power", of = "e", exponent = -0.5 }', "", lambda x: jnp.exp(x) ** -0.5),
    ("sin", {"x": [5]}, 'big = { op = "scale", of = "x", factor = 7 }\nout = { op = "sin", of = "big" }', "", lambda x: jnp.sin(7 * x)),
    ("cos", {"x": [5]}, 'big = { op = "scale", of = "x", factor = 7 }\nout = { op = "cos", of = "big" }', "", lambda x: jnp.cos(7 * x)),
    ("abs", {"x": [5]}, 'three = { op = "power", of = "x", exponent = 3 }\nout = { op = "abs", of = "three" }', "", lambda x: jnp.abs(x**3)),
    (
        "clip",
        {"x": [6]},
        'three = { op = "power", of = "x", exponent = 3 }\nout = { op = "clip", of = "three", low = -0.25, high = 0.5 }',
        "",
        lambda x: jnp.clip(x**3, -0.25, 0.5),
    ),
    (
        "take",
        {"x": [2, 4]},
        'taken = { op = "take", of = "x", axis = -1, indices = [3, 0, 0] }\nout = { op = "multiply", of = ["taken", "taken"] }',
        "",
        lambda x: jnp.take(x, jnp.array([3, 0, 0]), axis=1) ** 2,
    ),
    (
        "embedding",
        {"table": [4, 3]},
        'rows = { op = "embedding", of = ["table", "tokens"] }\nout = { op = "power", of = "rows", exponent = 2 }',
        "tokens = { shape = [2, 3], values = [3, 1, 1, 0, 3, 2] }",
        lambda table: table[jnp.array([[3, 1, 1], [0, 3, 2]])] ** 2,
    ),
    (
        "upsample of images",
        {"x": [2, 2, 3, 2]},
        'large = { op = "upsample", of = "x", factor = 2 }\nout = { op = "power", of = "large", exponent = 2 }',
        "",
        lambda x: jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2) ** 2,
    ),
    (
        "upsample of signals",
        {"x": [2, 3, 2]},
        'large = { op = "upsample", of = "x", factor = 3 }\nout = { op = "power", of = "large", exponent = 2 }',
        "",
        lambda x: jnp.repeat(x, 3, axis=1) ** 2,
    ),
    (
        "concatenate three",
        {"x": [2, 1, 2], "y": [2, 3, 2], "z": [2, 2, 2]},
        'all = { op = "concatenate", of = ["x", "y", "z"], axis = 1 }\nout = { op = "power", of = "all", exponent = 2 }',
        "",
        lambda x, y, z: jnp.concatenate([x, y, z], axis=1) ** 2,
    ),
    (
        "rotary",
        {"x": [2, 3, 4]},
        'turned = { op = "rotary", of = "x", base = 100 }\nout = { op = "power", of = "turned", exponent = 2 }',
        "",
        lambda x: rotate(x, 100.0) ** 2,
    ),
    (
        "attention of two heads",
        {"q": [2, 3, 4], "k": [2, 3, 4], "v": [2, 3, 4]},
        'out = { op = "attention", of = ["q", "k", "v"], heads = 2 }',
        "",
        lambda q, k, v: attend(q, k, v, 2),
    ),
    (
        "dilated convolution",
        {"x": [2, 5, 6, 2], "kernels": [3, 2 * 3 * 2]},
        'out = { op = "convolution", of = ["x", "kernels"], window = [2, 3], padding = 1, dilation = 2 }',
        "",
        lambda x, kernels: convolve(x, kernels, (2, 3), 1, 1, 2, 1),
    ),
    (
        "grouped convolution",
        {"x": [2, 4, 4, 4], "kernels": [6, 2 * 2 * 2]},
        'out = { op = "convolution", of = ["x", "kernels"], window = [2, 2], stride = 2, groups = 2 }',
        "",
        lambda x, kernels: convolve(x, kernels, (2, 2), 2, 0, 1, 2),
    ),
    (
        "depthwise convolution of signals",
        {"x": [2, 6, 3], "kernels": [3, 3]},
        'out = { op = "convolution", of = ["x", "kernels"], window = 3, padding = 1, groups = 3 }',
        "",
        lambda x, kernels: convolve(x, kernels, (3,), 1, 1, 1, 3),
    ),
    ("erf", {"x": [5]}, 'big = { op = "scale", of = "x", factor = 2 }\nout = { op = "erf", of = "big" }', "", lambda x: jax.scipy.special.erf(2 * x)),
]


def listed(x):
    return "[" + ", ".join(repr(float(value)) for value in np.ravel(x)) + "]"


def fixture(name, shapes, nodes, constants, function, generator):
    sizes = [int(np.prod(shape)) for shape in shapes.values()]
    ends = np.cumsum(sizes)

    def split(w):
        return [w[end - size : end].reshape(shape) for end, size, shape in zip(ends, sizes, shapes.values())]

    w, v = generator.standard_normal((2, ends[-1]))
    out = function(*split(w))
    factors = generator.standard_normal(out.shape)

    def loss(w):
        return jnp.sum(function(*split(w)) * factors)

    gradient, image = jax.jvp(jax.grad(loss), (w,), (v,))
    weights = "\n".join(f"{name} = {shape}" for name, shape in shapes.items())
    text = f"""
[weights]
{weights}
[constants]
{constants}
factors = {{ shape = {list(out.shape)}, values = {listed(factors)} }}
[nodes]
{nodes}
weighted = {{ op = "multiply", of = ["out", "factors"] }}
loss = {{ op = "sum", of = "weighted", axes = {list(range(out.ndim))} }}
"""
    return f"""[[operations]]
name = "{name}"
network = '''{text}'''
weights = {listed(w)}
direction = {listed(v)}
value = {float(loss(w))!r}
gradient = {listed(gradient)}
hessian_vector = {listed(image)}
"""


if __name__ == "__main__":
    generator = np.random.default_rng(2206)
    text = "\n".join(fixture(*case, generator) for case in CASES)
    Path(__file__).with_name("fixtures.toml").write_text(f"# Made by make_fixtures.py.\n\n{text}")
