"""Writes the model onnx/jax.onnx by jax2onnx, and beside it its data, its loss and its derivatives, which JAX computes in double precision.

    pip install jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 jax2onnx==0.17.1
    python3 tests/frameworks/make_onnx_jax.py

jax2onnx names all numbers itself: const_0 and const_2 are the matrices of the layers, const_17 the gain of the layer norm.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import onnx
from jax2onnx import to_onnx

FOLDER = Path(__file__).resolve().parent / "onnx"
NAMES = {"const_0": "first", "const_17": "gain", "const_2": "second"}


def outputs(weights, x):
    x = x @ weights["first"]
    centre, variance = jnp.mean(x, -1, keepdims=True), jnp.var(x, -1, keepdims=True)
    return jnp.tanh((x - centre) * jax.lax.rsqrt(variance + 1e-5) * weights["gain"]) @ weights["second"]


def main():
    generator = np.random.default_rng(0)
    normal = lambda *shape: generator.normal(size=shape).astype(np.float32)
    weights = {"first": normal(5, 8), "gain": normal(8), "second": normal(8, 3)}
    x, targets = normal(4, 5), normal(4, 3)
    onnx.save(to_onnx(lambda x: outputs(weights, x), inputs=[(4, 5)]), FOLDER / "jax.onnx")

    jax.config.update("jax_enable_x64", True)
    double = lambda arrays: {name: jnp.asarray(array, jnp.float64) for name, array in arrays.items()}
    weights, v = double(weights), double({name: generator.normal(size=array.shape) for name, array in weights.items()})
    x, targets = jnp.asarray(x, jnp.float64), jnp.asarray(targets, jnp.float64)
    loss = lambda w: jnp.mean((outputs(w, x) - targets) ** 2)
    along = lambda f: lambda w: jax.jvp(f, (w,), (v,))[1]
    gradient = jax.grad(loss)
    found = dict(param=weights, v=v, grad=gradient(weights), hvp=along(gradient)(weights), third=along(along(gradient))(weights))
    arrays = {"inputs": x, "targets": targets, "loss": loss(weights)}
    for kind, values in found.items():
        arrays |= {f"{kind}/{name}": values[of].reshape(1, 8) if of == "gain" else values[of] for name, of in NAMES.items()}
    np.savez(FOLDER / "jax.npz", **{name: np.asarray(array) for name, array in arrays.items()})


if __name__ == "__main__":
    main()
