"""The regression's steps in NumPy, with the gradient by hand."""

import numpy as np

STEPS = 1000


def works(work, sizes, data):
    return {"regression_steps": lambda: regression_steps(sizes, data)}.get(work)


def regression_steps(sizes, data):
    x, y = np.array(data["features"]).reshape(sizes), np.array(data["targets"])
    transposed = np.ascontiguousarray(x.T)
    unit, variance = y / np.linalg.norm(y), y @ y / len(y)
    eta, shrinkage = data["learning_rate"][0], 1 - data["intrinsic_lr"][0]

    def run(w, repeats):
        for _ in range(repeats):
            output = x @ w
            length = np.sqrt(output @ output)
            output /= length
            slope = (2 * variance / length) * ((unit @ output) * output - unit)
            w = shrinkage * w - eta * (transposed @ slope)
        return w

    state = [np.array(data["start"])]

    def once(repeats):
        state[0] = run(state[0], repeats)

    return once, lambda: run(np.array(data["start"]), STEPS)
