#!/usr/bin/env python3
"""The orbits of the enclosed claims, in doubles, by a gradient and by formulas that share nothing with the library.

    pip install numpy
    python3 tests/orbits/oracle.py

prints for each orbit sup |η̃λ₁(p) − 2|/√(ηλ) and (⟨Kh²⟩/(2ηλ) − 1)/√(ηλ). `tests/claims/certified.rs` and `tests/library/certificates.rs` have
these numbers.
"""

import numpy

EXPONENTS = (10, 11, 12, 13)
REGRESSIONS = {
    "regression 3×4": ([[9, 2, -1, -5], [-3, 2, 2, -5], [-6, -4, -1, 10]], [6, -6, 0]),
    "regression 4×6": (
        [[1, 2, 0, -1, 3, 4], [0, 1, 4, 2, -2, 1], [3, -1, 1, 0, 1, -5], [-2, 0, 1, 5, 1, 2]],
        [1, 3, -2, 4],
    ),
}


def orbit(rate, horizon, start, top, gradient, read):
    """Follows gradient descent with η = 1 from a point of Γ at the edge, with |h| = √(2ηλ/K)."""
    sharpness, stiffness = read(start)
    h = numpy.sqrt(2 * rate / stiffness)
    theta = numpy.sqrt(1 - h * h) * start + h * top
    w = numpy.sqrt(sharpness / (2 * (1 - rate))) * theta / numpy.linalg.norm(theta)
    edges, squares = [], []
    steps = int(horizon / rate)
    for step in range(steps + 1):
        sharpness, stiffness = read(w)
        square = w @ w
        edges.append(sharpness / ((1 - rate) * square) - 2)
        if step < steps:
            squares.append(stiffness * (w @ top) ** 2 / square / (2 * rate))
            w = (1 - rate) * w - gradient(w)
    root = numpy.sqrt(rate)
    return numpy.max(numpy.abs(edges)) / root, (numpy.mean(squares) - 1) / root


def circle(rate):
    """z²(r² + 20x²)/(2r⁴) from cos²φ = 0.93."""

    def read(w):
        c = w[0] ** 2 / (w[0] ** 2 + w[1] ** 2)
        return 1 + 20 * c, 4 + 1600 * c * (1 - c) / (1 + 20 * c) ** 2

    def gradient(w):
        x, y, z = w
        square = w @ w
        above = z * z * (square + 20 * x * x)
        of_above = numpy.array([42 * x * z * z, 2 * y * z * z, 2 * z * (square + 20 * x * x) + 2 * z**3])
        return of_above / (2 * square**2) - 2 * w * above / square**3

    start = numpy.array([numpy.sqrt(0.93), numpy.sqrt(0.07), 0.0])
    return orbit(rate, 0.8, start, numpy.array([0.0, 0.0, 1.0]), gradient, read)


def regression(rate, rows, targets, side=1):
    """The mean squared error of the batch-normalized Xw, from tan φ = 1.5, with h on either side of Γ."""
    x, y = numpy.array(rows, float), numpy.array(targets, float)
    n, d = x.shape
    x, y = x - x.mean(0), y - y.mean()
    size = numpy.linalg.norm(y) / numpy.sqrt(n)
    unit = y / numpy.linalg.norm(y)
    least = numpy.linalg.pinv(x) @ y
    u = least / numpy.linalg.norm(least)
    kernel = numpy.linalg.svd(x)[2][n - 1 :]
    v = kernel.T @ (kernel @ numpy.ones(d))
    v /= numpy.linalg.norm(v)
    across = x - numpy.outer(unit, unit @ x)
    values, vectors = numpy.linalg.eigh(2 * size * across.T @ across / (x @ u @ (x @ u)))

    def read(w):
        c = (w @ u) ** 2 / ((w @ u) ** 2 + (w @ v) ** 2)
        return values[-1] / c, 4 / c

    def gradient(w):
        z = x @ w
        length = numpy.linalg.norm(z)
        return -2 * size * x.T @ (unit / length - z * (z @ unit) / length**3)

    angle = numpy.arctan(1.5)
    return orbit(rate, 2.0, numpy.cos(angle) * u + numpy.sin(angle) * v, side * vectors[:, -1], gradient, read)


def main():
    sources = {"3-parameter loss": circle}
    for name, (rows, targets) in REGRESSIONS.items():
        for side, of in ((1, ""), (-1, ", the other side")):
            sources[name + of] = lambda rate, rows=rows, targets=targets, side=side: regression(rate, rows, targets, side)
    for name, source in sources.items():
        for exponent in EXPONENTS:
            edge, square = source(0.5**exponent)
            print(f"{name}, ηλ = 1/{2**exponent}: {edge:.9f} {square:.9f}")


if __name__ == "__main__":
    main()
