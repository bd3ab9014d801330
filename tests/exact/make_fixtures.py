"""Writes fixtures.toml: exact values that src/exact is compared with.

Characteristic polynomials and roots modulo a prime come from sympy; the coefficients of two steps at the edge of stability come from power series of
Python's fractions, on two losses whose Γ is the plane of the first two weights, so that the nearest point needs no equation to be solved.

    pip install sympy==1.14.0
    python3 tests/exact/make_fixtures.py
"""

import random
from fractions import Fraction as Q
from pathlib import Path

from sympy import GF, Matrix, Poly, symbols

ORDERS = 4


class Slopes:
    """a + b·ξ + c·ζ, without products of ξ and ζ."""

    def __init__(self, a, b=0, c=0):
        self.v = [Q(a), Q(b), Q(c)]

    def __add__(self, o):
        return Slopes(*[x + y for x, y in zip(self.v, o.v)])

    def __sub__(self, o):
        return Slopes(*[x - y for x, y in zip(self.v, o.v)])

    def __mul__(self, o):
        a, b = self.v, o.v
        return Slopes(a[0] * b[0], a[0] * b[1] + a[1] * b[0], a[0] * b[2] + a[2] * b[0])

    def inverse(self):
        a = self.v
        return Slopes(1 / a[0], -a[1] / a[0] ** 2, -a[2] / a[0] ** 2)


class Series:
    """A power series in ε with such coefficients."""

    def __init__(self, c):
        c = [x if isinstance(x, Slopes) else Slopes(x) for x in c]
        self.c = c + [Slopes(0)] * (ORDERS - len(c))

    @staticmethod
    def of(x):
        return x if isinstance(x, Series) else Series([x])

    def __add__(self, o):
        o = Series.of(o)
        return Series([x + y for x, y in zip(self.c, o.c)])

    __radd__ = __add__

    def __sub__(self, o):
        o = Series.of(o)
        return Series([x - y for x, y in zip(self.c, o.c)])

    def __rsub__(self, o):
        return Series.of(o) - self

    def __mul__(self, o):
        o = Series.of(o)
        out = [Slopes(0)] * ORDERS
        for i in range(ORDERS):
            for j in range(ORDERS - i):
                out[i + j] = out[i + j] + self.c[i] * o.c[j]
        return Series(out)

    __rmul__ = __mul__

    def __truediv__(self, o):
        o = Series.of(o)
        first, out = o.c[0].inverse(), []
        for k in range(ORDERS):
            rest = self.c[k]
            for i in range(k):
                rest = rest - out[i] * o.c[k - i]
            out.append(rest * first)
        return Series(out)

    def __rtruediv__(self, o):
        return Series.of(o) / self

    def root(self):
        """The root of a series that begins with 1 (but for its slopes)."""
        half, out = Slopes(Q(1, 2)), [Slopes(1, self.c[0].v[1] / 2, self.c[0].v[2] / 2)]
        assert self.c[0].v[0] == 1
        for k in range(1, ORDERS):
            rest = self.c[k]
            for i in range(1, k):
                rest = rest - out[i] * out[k - i]
            out.append(rest * half * out[0].inverse())
        return Series(out)

    def lowered(self):
        return Series(self.c[1:])

    def slope(self, k):
        return [x.v[k] for x in self.c]


class Loss:
    """u²(N + 20x²)/(2N²) + cubic·(u/√N)³ + quartic·u⁴/N² and, with a fourth weight v, v²(3N + 7xy)/(2N²) + 5u²vx/N², N = ‖w‖².

    Γ is u = v = 0; there the eigenvalue along u is (1 + 20x²/N)/N."""

    def __init__(self, cubic, quartic, has_v):
        self.cubic, self.quartic, self.has_v = cubic, quartic, has_v

    def gradient(self, w, norm):
        """`norm` is √N at ε = 0, which is rational."""
        x, y, u = w[:3]
        n = sum((z * z for z in w), Series([0]))
        inverse = 1 / n
        n2 = inverse * inverse
        root = (n * Q(1, norm * norm)).root() * norm
        # The derivatives where N stands still, and that with respect to N.
        of_x, of_y = 20 * u * u * x * n2, Series([0])
        of_u = u * (n + 20 * x * x) * n2 + 3 * self.cubic * u * u / (n * root) + 4 * self.quartic * u * u * u * n2
        of_n = u * u * n2 * Q(1, 2) - u * u * (n + 20 * x * x) * n2 * inverse
        of_n = of_n - Q(3, 2) * self.cubic * u * u * u / (n * n * root) - 2 * self.quartic * u * u * u * u * n2 * inverse
        out = [of_x, of_y, of_u]
        if self.has_v:
            v = w[3]
            out[0] = out[0] + Q(7, 2) * v * v * y * n2 + 5 * u * u * v * n2
            out[1] = out[1] + Q(7, 2) * v * v * x * n2
            out[2] = out[2] + 10 * u * v * x * n2
            out.append(v * (3 * n + 7 * x * y) * n2 + 5 * u * u * x * n2)
            of_n = of_n + Q(3, 2) * v * v * n2 - v * v * (3 * n + 7 * x * y) * n2 * inverse - 10 * u * u * v * x * n2 * inverse
        return [g + 2 * z * of_n for g, z in zip(out, w)]


def place(w):
    """The nearest point (x, y), ‖x‖², λ₁ and ‖G‖² there, and h²/ε²."""
    x, y, u = w[:3]
    square = x * x + y * y
    c, s = x * x / square, x * y / square
    sharpness = 1 + 20 * c
    steepness = (40 * s / sharpness) * (40 * s / sharpness)
    n = sum((z * z for z in w), Series([0]))
    swing = u.lowered()
    return (x, y), square, sharpness, steepness, swing * swing / n


def two_steps(loss, norm, w, offset, lasts):
    """GD+WD from weights w with δ = `offset` and ηλ = `lasts`."""
    before = place(w)
    n = sum((z * z for z in w), Series([0]))
    rate = (2 + offset) / before[2] * (1 - lasts) * n
    for _ in range(2):
        gradient = loss.gradient(w, norm)
        w = [(1 - lasts) * z - rate * g for z, g in zip(w, gradient)]
    n = sum((z * z for z in w), Series([0]))
    after = place(w)
    return before, after, rate / ((1 - lasts) * n) * after[2] - 2


def text(numbers):
    return "[" + ", ".join(f'"{Q(x)}"' for x in numbers) + "]"


def of_loss(name, loss, point, norm):
    a, d, sigma = Q(2, 3), Q(5, 7), Q(3, 11)
    x, y = point
    start = [Series([x]), Series([y]), Series([0, a])] + ([Series([0, 0, Q(4, 5)])] if loss.has_v else [])
    before, after, offset = two_steps(loss, norm, start, Series([0, d]), Series([0, 0, sigma]))
    factor = [(norm * norm / p[1]).root() for p in (before, after)]
    drift = [((after[0][k] * factor[1]) - (before[0][k] * factor[0])).c[2].v[0] for k in range(2)]
    grown = after[4] / before[4]
    # Slopes: h = εa(1 + ξ), δ = εζ, and v where it follows h.
    g = before[3].c[0].v[0]
    lasts = (4 + g) * a * a / Q(norm * norm) / 2
    follows = -Q(1, 2) * a * a * 10 * x / (3 * norm * norm + 7 * x * y)
    start = [Series([x]), Series([y]), Series([0, Slopes(a, a)])]
    start += [Series([0, 0, Slopes(follows, 2 * follows)])] if loss.has_v else []
    first, last, moved = two_steps(loss, norm, start, Series([0, Slopes(0, 0, 1)]), Series([0, 0, lasts]))

    def logarithm(p):
        f = p[4] * (4 + p[3])
        value = Series(f.slope(0))
        return [Series(f.slope(k)) / value * Q(1, 2) for k in (1, 2)]

    before_swing = logarithm(first)[0]
    after_swing, after_offset = logarithm(last)
    offset_slopes = [Series(moved.slope(k)) for k in (1, 2)]
    determinant = (after_swing * offset_slopes[1].lowered() - after_offset.lowered() * offset_slopes[0]) / before_swing
    print(f"\n[[losses]]\nname = \"{name}\"", file=out)
    for key, numbers in [
        ("swing", [a]),
        ("offset", [d]),
        ("lasts", [sigma]),
        ("drift", drift),
        ("change_of_offset", [(offset.c[2].v[0])]),
        ("growth", [grown.c[1].v[0] / 2]),
        ("fall", [(after[2] / before[2]).c[2].v[0]]),
        ("determinant", [c.v[0] for c in determinant.c[:3]]),
    ]:
        print(f"{key} = {text(numbers)}", file=out)


out = open(Path(__file__).parent / "fixtures.toml", "w", encoding="utf-8")
print("# Written by make_fixtures.py.", file=out)
rng, prime, z = random.Random(2206), 2**61 - 1, symbols("z")
for size in (2, 5, 9):
    entries = [[rng.randrange(prime) for _ in range(size)] for _ in range(size)]
    symmetric = [[entries[min(i, j)][max(i, j)] for j in range(size)] for i in range(size)]
    coefficients = Matrix(symmetric).charpoly(z).all_coeffs()
    polynomial = Poly([int(c) % prime for c in coefficients], z, modulus=prime)
    roots = sorted(int(-f.all_coeffs()[1]) % prime for f, _ in polynomial.factor_list()[1] if f.degree() == 1)
    print("\n[[matrices]]", file=out)
    print(f"entries = {[str(x) for row in symmetric for x in row]}".replace("'", '"'), file=out)
    print(f"coefficients = {[str(int(c) % prime) for c in reversed(polynomial.all_coeffs())]}".replace("'", '"'), file=out)
    print(f"roots = {[str(r) for r in roots]}".replace("'", '"'), file=out)
of_loss("circle", Loss(Q(1, 2), Q(-3, 4), False), (7, 24), 25)
of_loss("two normal directions", Loss(Q(0), Q(0), True), (3, 4), 5)
out.close()
