"""The works of `ours.rs` in JAX: jitted, in f64, with loops in `lax.fori_loop`, so that no call from Python is timed where a user could avoid it.

Each function takes the data and returns (once, result): `once(repeats)` does the work that often, `result()` gives the numbers to agree on.
"""

import functools

import jax

jax.config.update("jax_enable_x64", True)
import diffrax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import scipy.sparse.linalg
from jax import lax

STEPS = 1000


def regression(data):
    x = jnp.array(data["features"]).reshape(len(data["targets"]), -1)
    y = jnp.array(data["targets"])
    unit = y / jnp.linalg.norm(y)
    variance = y @ y / len(y)

    def loss(w):
        output = x @ w
        error = output / jnp.linalg.norm(output) - unit
        return variance * (error @ error)

    return loss


def batch_norm(x):
    centred = x - x.mean(axis=0)
    return centred / jnp.sqrt((centred**2).mean(axis=0))


def network(data, sizes):
    prediction = output_of(data, sizes)
    targets = jnp.array(data["targets"]).reshape(-1, 1)
    return lambda w: ((prediction(w) - targets) ** 2).mean()


def output_of(data, sizes):
    samples, features, width = sizes
    inputs = jnp.array(data["inputs"]).reshape(samples, features)

    def output(w):
        hidden = w[: width * features].reshape(width, features)
        readout = w[width * features :].reshape(width, 1)
        normal = batch_norm(inputs @ hidden.T)
        return batch_norm((normal / jnp.sqrt(1 + normal**2)) @ readout)

    return output


def descent(loss, data):
    gradient = jax.grad(loss)
    eta, shrinkage = data["learning_rate"][0], 1 - data["intrinsic_lr"][0]
    return lambda w: shrinkage * w - eta * gradient(w)


def repeated(step):
    """A jitted loop; the number of repetitions is an argument, so that it is compiled once."""
    return jax.jit(lambda state, repeats: lax.fori_loop(0, repeats, lambda _, state: step(state), state))


def steps(loss, data):
    run = repeated(descent(loss, data))
    start = jnp.array(data["start"])
    state = [start]

    def once(repeats):
        state[0] = run(state[0], repeats).block_until_ready()

    return once, lambda: np.array(run(start, STEPS))


def starts(loss, data):
    run = repeated(jax.vmap(descent(loss, data)))
    begin = jnp.array(data["starts"]).reshape(-1, len(data["start"]))

    def once(repeats):
        for _ in range(repeats):
            run(begin, STEPS).block_until_ready()

    return once, lambda: np.array(run(begin, STEPS)).ravel()


def powers(derivative, data):
    w, along = jnp.array(data["start"]), jnp.array(data["along"])

    def step(v):
        image = derivative(w, v)
        return image / jnp.linalg.norm(image)

    run = repeated(step)
    state = [along]

    def once(repeats):
        state[0] = run(state[0], repeats).block_until_ready()

    return once, lambda: np.array(jax.jit(derivative)(w, along))


def hessian_vector(loss):
    return lambda w, v: jax.jvp(jax.grad(loss), (w,), (v,))[1]


def third_derivative(loss):
    product = hessian_vector(loss)
    return lambda w, v: jax.jvp(lambda w: product(w, v), (w,), (v,))[1]


def many(call):
    def once(repeats):
        for _ in range(repeats):
            call()

    return once


def eigenpair_dense(loss, data):
    """The Hessian in JAX, its top eigenpair by LAPACK, which is asked for no other."""
    hessian = jax.jit(jax.hessian(loss))
    w = jnp.array(data["start"])
    last = len(w) - 1

    def top():
        return scipy.linalg.eigh(np.array(hessian(w)), subset_by_index=[last, last])[0]

    return many(top), top


def eigenpair_krylov(loss, data):
    """SciPy's `eigsh` with JAX's products, at the loosest tolerance whose residual is the one asked for."""
    product = jax.jit(hessian_vector(loss))
    w = jnp.array(data["start"])
    start = np.random.default_rng(0).standard_normal(len(w))
    operator = scipy.sparse.linalg.LinearOperator((len(w), len(w)), matvec=lambda v: np.array(product(w, v)), dtype=np.float64)

    def top(tolerance):
        return scipy.sparse.linalg.eigsh(operator, k=1, which="LA", v0=start, tol=tolerance)

    tolerance = 1e-2
    while True:
        [value], vector = top(tolerance)
        residual = np.linalg.norm(operator @ vector[:, 0] - value * vector[:, 0]) / value
        if residual <= data["residual"][0]:
            break
        tolerance /= 10
    return many(lambda: top(tolerance)), lambda: top(tolerance)[0]


def nearest_point(data, sizes):
    """The point of Γ nearest to θ by Gauss–Newton steps on the distance under the linearized constraint; Γ is where the prediction is right."""
    output = output_of(data, sizes)
    targets = jnp.array(data["targets"])
    theta, rank = jnp.array(data["from"]), int(data["rank"][0])

    def step(x):
        residual = output(x).ravel() - targets
        u, s, vt = jnp.linalg.svd(jax.jacobian(lambda x: output(x).ravel())(x), full_matrices=False)
        u, s, vt = u[:, :rank], s[:rank], vt[:rank]
        return theta + vt.T @ (vt @ (x - theta) - (u.T @ residual) / s)

    def unfinished(state):
        x, length, count = state
        return (length > 1e-13) & (count < 100)

    def advance(state):
        x, _, count = state
        following = step(x)
        return following, jnp.linalg.norm(following - x), count + 1

    find = jax.jit(lambda: lax.while_loop(unfinished, advance, (theta, jnp.inf, 0))[0])

    def result():
        x = np.array(find())
        return x / np.linalg.norm(x)

    return many(lambda: find().block_until_ready()), result


def flow(loss, data):
    """Diffrax's Dormand–Prince with adaptive steps, at the loosest power of ten whose error is the one asked for."""
    rank, end = int(data["rank"][0]), data["end"][0]
    hessian = jax.hessian(loss)
    cubic = third_derivative(loss)

    def velocity(_, w, __):
        values, vectors = jnp.linalg.eigh(hessian(w))
        top = vectors[:, -1]
        gradient = cubic(w, top) / values[-1]
        normal = vectors[:, -rank:]
        along = gradient - normal @ (normal.T @ gradient)
        along -= w * (w @ along) / (w @ w)
        return -2 * along / (4 + along @ along)

    @jax.jit
    def solve(tolerance):
        control = diffrax.PIDController(rtol=tolerance, atol=tolerance)
        term = diffrax.ODETerm(velocity)
        start = jnp.array(data["point"])
        return diffrax.diffeqsolve(term, diffrax.Dopri5(), 0.0, end, None, start, stepsize_controller=control, max_steps=100_000).ys[0]

    exact = solve(1e-12)
    tolerance = 1e-2
    while float(jnp.linalg.norm(solve(tolerance) - exact)) > data["error"][0]:
        tolerance /= 10
    return many(lambda: solve(tolerance).block_until_ready()), lambda: np.array(exact)


def works(work, sizes, data):
    of_network = functools.partial(network, data, sizes)
    return {
        "regression_steps": lambda: steps(regression(data), data),
        "regression_starts": lambda: starts(regression(data), data),
        "network_steps": lambda: steps(of_network(), data),
        "network_starts": lambda: starts(of_network(), data),
        "hessian_vector": lambda: powers(hessian_vector(of_network()), data),
        "third_derivative": lambda: powers(third_derivative(of_network()), data),
        "eigenpair_dense": lambda: eigenpair_dense(of_network(), data),
        "eigenpair_krylov": lambda: eigenpair_krylov(of_network(), data),
        "nearest_point": lambda: nearest_point(data, sizes),
        "flow": lambda: flow(of_network(), data),
    }.get(work)
