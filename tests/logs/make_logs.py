"""Writes the logs jax_*.csv.gz: small trainings of JAX, recorded by docs/frameworks/recorder.py.

What each run is stands here, written out. The logs without jax_ in their names were made by PyTorch 2.15.0.

    pip install jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
    python3 tests/logs/make_logs.py
"""

import gzip
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "docs/frameworks"))
from recorder import Recorder  # noqa: E402

jax.config.update("jax_enable_x64", True)

SAMPLES, INPUTS, WIDTH = 64, 8, 16


def layer_norm(x, epsilon):
    centred = x - x.mean(-1, keepdims=True)
    return centred / jnp.sqrt((centred * centred).mean(-1, keepdims=True) + epsilon)


def loss_of(weights, inputs, targets, epsilon):
    """Two layers, each normalized, and frozen weights after them: the loss does not see the scale of either."""
    hidden = jnp.tanh(layer_norm(inputs @ weights["first"], epsilon))
    outputs = layer_norm(hidden @ weights["second"], epsilon) @ jnp.linspace(-1, 1, WIDTH, dtype=inputs.dtype)
    return ((outputs - targets) ** 2).mean()


def data(kind):
    random = np.random.default_rng(7)
    inputs, targets = random.normal(size=(SAMPLES, INPUTS)), random.normal(size=SAMPLES)
    first, second = 0.5 * random.normal(size=(INPUTS, WIDTH)), 0.3 * random.normal(size=(WIDTH, WIDTH))
    arrays = [jnp.asarray(x, kind) for x in (inputs, targets, first, second)]
    return arrays[0], arrays[1], {"first": arrays[2], "second": arrays[3]}


def train(name, steps, kind, rule, decay, momentum=0.0, batch=SAMPLES, epsilon=0.0, rate=lambda step: 0.05, restart=None):
    """Trains by a rule and records it. `restart = (at, to)` goes back from step `at` to the state before step `to`, once."""
    inputs, targets, weights = data(kind)
    gradient = jax.jit(jax.value_and_grad(lambda w, x, y: loss_of(w, x, y, epsilon)))
    names = list(weights)
    buffers = {k: jnp.zeros_like(weights[k]) for k in names}
    squares = dict(buffers)
    random, saved = np.random.default_rng(11), None
    path = HERE / f"{name}.csv"
    with Recorder(path, momentum=momentum > 0 and rule != "adamw", groups=True) as recorder:
        step = 0
        while step < steps:
            if restart and step == restart[1] and saved is None:
                saved = (weights, dict(buffers))
            if restart and step == restart[0]:
                (weights, buffers), step, restart = saved, restart[1], None
            chosen = random.permutation(SAMPLES)[:batch] if batch < SAMPLES else np.arange(SAMPLES)
            loss, slope = gradient(weights, inputs[chosen], targets[chosen])
            eta = rate(step)
            logged = None if rule == "adamw" else momentum
            recorder.row(step, loss, weights, slope, eta, decay, logged, buffers if momentum > 0 else None)
            cast = lambda x: jnp.asarray(x, kind)
            eta_, decay_, mu = cast(eta), cast(decay), cast(momentum)
            for k in names:
                w, g = weights[k], slope[k]
                if rule == "coupled":
                    buffers[k] = mu * buffers[k] + (g + decay_ * w)
                    weights = {**weights, k: w - eta_ * buffers[k]}
                elif rule == "decoupled":
                    buffers[k] = mu * buffers[k] + g
                    weights = {**weights, k: w - eta_ * decay_ * w - eta_ * buffers[k]}
                elif rule == "adamw":
                    buffers[k] = cast(0.9) * buffers[k] + cast(0.1) * g
                    squares[k] = cast(0.999) * squares[k] + cast(0.001) * g * g
                    first, second = buffers[k] / cast(1 - 0.9 ** (step + 1)), squares[k] / cast(1 - 0.999 ** (step + 1))
                    weights = {**weights, k: w - eta_ * (first / (jnp.sqrt(second) + cast(1e-8)) + decay_ * w)}
            step += 1
    compressed = path.with_suffix(".csv.gz")
    compressed.write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    path.unlink()
    print(compressed.name, compressed.stat().st_size, "bytes, last loss", float(loss))


def main():
    cosine = lambda step: 0.05 * 0.5 * (1 + np.cos(np.pi * step / 200))
    train("jax_minibatch_schedule_float32", 200, "float32", "coupled", 5e-3, batch=16, rate=cosine)
    train("jax_minibatch_momentum_float32", 200, "float32", "coupled", 5e-3, momentum=0.9, batch=16, rate=lambda _: 0.01)
    train("jax_full_batch_restart", 200, "float64", "coupled", 1e-2, restart=(120, 100))
    train("jax_decoupled_momentum", 150, "float64", "decoupled", 1e-2, momentum=0.8, batch=16, rate=lambda _: 0.01)
    train("jax_adamw_float32", 150, "float32", "adamw", 1e-2, momentum=0.9, batch=16, rate=lambda _: 0.003)
    train("jax_epsilon_float32", 150, "float32", "coupled", 5e-3, batch=16, epsilon=1e-4)


if __name__ == "__main__":
    main()
