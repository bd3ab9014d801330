"""Writes the networks jax_*.toml, their numbers and the derivatives that JAX computes of them, by docs/frameworks/sharpflow_jax.py.

    pip install jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
    python3 tests/frameworks/make_jax.py

With `--check NAME` it writes nothing here and compares what it makes with the committed files of that name.
"""

import sys
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "docs/frameworks"))
from sharpflow_jax import export, probe  # noqa: E402


def mean_squared_error(prediction, targets):
    return jnp.mean((prediction - targets) ** 2)


def cross_entropy(logits, labels):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], -1))


def batch_norm(params, x):
    hidden = x @ params["first"]["w"] + params["first"]["b"]
    normal = (hidden - hidden.mean(0)) / jnp.sqrt(hidden.var(0) + 1e-5)
    return jax.nn.gelu(normal) @ params["second"]


def weight_norm(params, x):
    normal = lambda v: v / jnp.linalg.norm(v, axis=0, keepdims=True)
    return jnp.tanh(jax.nn.softplus(x @ normal(params["a"]))) @ normal(params["b"])


def images(params, x):
    x = jax.lax.conv_general_dilated(x, params["kernels"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    x = jax.nn.relu((x - x.mean((0, 1, 2))) / jnp.sqrt(x.var((0, 1, 2))))
    x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return x.mean((1, 2)) @ params["head"]


def layer_norm(x):
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-6)


def transformer(params, tokens):
    x = params["embedding"][tokens]
    q, k, v = jnp.split(layer_norm(x) @ params["queries_keys_values"], 3, -1)
    scores = jnp.einsum("bld,bmd->blm", q, k) / jnp.sqrt(q.shape[-1])
    seen = jnp.tril(jnp.ones(scores.shape[-2:], bool))
    x = x + jnp.einsum("blm,bmd->bld", jax.nn.softmax(jnp.where(seen, scores, -jnp.inf)), v) @ params["out"]
    x = x + jax.nn.silu(layer_norm(x) @ params["up"]) @ params["down"]
    return x @ params["head"]


def losses():
    generator = np.random.default_rng(0)
    normal = lambda *shape: jnp.asarray(0.5 * generator.normal(size=shape))
    tokens = jnp.asarray(generator.integers(0, 5, (2, 4)))
    block = {"embedding": normal(5, 4), "queries_keys_values": normal(4, 12), "out": normal(4, 4)}
    block |= {"up": normal(4, 4), "down": normal(4, 4), "head": normal(4, 5)}
    return {
        "batch_norm": (batch_norm, {"first": {"w": normal(4, 5), "b": normal(5)}, "second": normal(5, 1)}, normal(6, 4), normal(6, 1), mean_squared_error),
        "weight_norm": (weight_norm, {"a": normal(4, 5), "b": normal(5, 1)}, normal(6, 4), normal(6, 1), mean_squared_error),
        "images": (images, {"kernels": normal(3, 3, 1, 2), "head": normal(2, 3)}, normal(2, 6, 6, 1), jnp.array([0, 2]), cross_entropy),
        "transformer": (transformer, block, tokens, jnp.roll(tokens, -1, 1), cross_entropy),
    }


def write(name, folder):
    apply, params, inputs, targets, loss = losses()[name]
    export(apply, params, inputs, targets, loss, folder / f"jax_{name}")
    probe(apply, params, inputs, targets, loss, folder / f"jax_{name}_values")


def check(name):
    """The files that JAX makes here are the committed ones: the network's text, and all numbers up to rounding."""
    with tempfile.TemporaryDirectory() as folder:
        write(name, Path(folder))
        ours, kept = (Path(place) / f"jax_{name}.toml" for place in (folder, HERE))
        if ours.read_text() != kept.read_text():
            raise SystemExit(f"{kept.name} is another file than the one that is made here")
        for file in (f"jax_{name}.npz", f"jax_{name}_values.npz"):
            ours, kept = np.load(Path(folder) / file), np.load(HERE / file)
            for array in kept.files:
                if kept[array].dtype.kind == "f" and not np.allclose(ours[array], kept[array], rtol=1e-9, atol=1e-11):
                    raise SystemExit(f"{file}: `{array}` is another one than the one that is made here")
    print(f"jax_{name}: JAX {jax.__version__} makes the committed files")


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        return check(sys.argv[2])
    for name in losses():
        write(name, HERE)


if __name__ == "__main__":
    main()
