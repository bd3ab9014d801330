#!/usr/bin/env python3
"""The sharpness of linear regression with batch normalization, by exact rational arithmetic.

    oracle.py FILE TARGET [--drop COLUMN]... [--header] [--phi ANGLE] [--check]

The loss is L(w) = 2s²(1 − cos∠(Xw, y)): X has centred columns, y is centred, s² = ‖y‖²/n. Its minima on the unit sphere are
Γ = {θ : Xθ = cf, c > 0}, with w* = X⁺y the least-squares solution of least norm and f = Xw* the fit.

Nothing below has a tolerance. Means, rank, w*, f and the matrix of the Hessian are fractions. Only the eigenvalues of that
matrix and a few square roots are rounded, to 150 digits.

Every number is computed twice: from the decimals as they are written, and from the doubles nearest to them, which is what a
program that reads `f64` sees. Where the two differ, the file does not determine the answer for such a program.
"""

import argparse
import csv
import math
from dataclasses import dataclass
from fractions import Fraction

from mpmath import mp, mpf

mp.dps = 150


# Reading

def is_number(field):
    try:
        float(field)
        return True
    except ValueError:
        return False


def read(path, target, drop=(), header=False):
    """The fields of the features, row by row, and of the target. A column is given by its name, or its place from 1."""
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        lines = [(reader.line_num, [field.strip() for field in row]) for row in reader if row]
    first = lines[0][1]
    words = [field for field in first if not is_number(field)]
    header = header or target in words or 2 * len(words) >= len(first)
    names = first if header else []

    def place(column):
        return names.index(column) if column in names else int(column) - 1

    rows = lines[1:] if header else lines
    for number, row in rows:
        if len(row) != len(first):
            raise SystemExit(f"{path}: line {number} has {len(row)} columns, the first line has {len(first)}")
        for field in row:
            if not is_number(field) or not math.isfinite(float(field)):
                raise SystemExit(f"{path}: line {number}: {field!r} is no finite number")
    goal = place(target)
    left_out = {goal, *map(place, drop)}
    features = [[field for j, field in enumerate(row) if j not in left_out] for _, row in rows]
    return features, [row[goal] for _, row in rows]


def nearest_double(text):
    return Fraction(float(text))


# Exact linear algebra. A matrix is a list of rows of fractions.

def transpose(matrix):
    return [list(column) for column in zip(*matrix)]


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def apply(matrix, vector):
    return [dot(row, vector) for row in matrix]


def gram(matrix):
    """The inner products of the rows."""
    return [[dot(a, b) for b in matrix] for a in matrix]


def centre(values):
    mean = sum(values) / len(values)
    return [value - mean for value in values]


def reduced_echelon(matrix):
    """The nonzero rows of the reduced row echelon form, and the columns of their leading ones."""
    rows, pivots = [row[:] for row in matrix], []
    for column in range(len(matrix[0])):
        done = len(pivots)
        lead = next((i for i in range(done, len(rows)) if rows[i][column] != 0), None)
        if lead is None:
            continue
        rows[done], rows[lead] = rows[lead], rows[done]
        pivot = rows[done][column]
        rows[done] = [value / pivot for value in rows[done]]
        for i, row in enumerate(rows):
            if i != done and row[column] != 0:
                factor = row[column]
                rows[i] = [a - factor * b for a, b in zip(row, rows[done])]
        pivots.append(column)
    return rows[:len(pivots)], pivots


def solve(matrix, right):
    """The solution of a regular system."""
    rows, _ = reduced_echelon([row + [value] for row, value in zip(matrix, right)])
    return [row[-1] for row in rows]


# The answer

@dataclass
class Answer:
    samples: int
    features: int
    rank: int
    correlation: mpf
    norm: mpf
    least_sharpness: mpf
    next_over_top: mpf

    @property
    def is_point(self):
        """Whether Γ is the single point w*/‖w*‖."""
        return self.rank == self.features

    def sharpness(self, phi):
        """λ₁ at angle φ to w*."""
        return self.least_sharpness / mp.cos(phi) ** 2


def real(fraction):
    return mpf(fraction.numerator) / fraction.denominator


def root(fraction):
    return mp.sqrt(real(fraction))


def centred(features, target, number=Fraction):
    """X, as rows, and y, with the means taken out. `number` turns a field into a fraction."""
    columns = [centre([number(field) for field in column]) for column in transpose(features)]
    return transpose(columns), centre([number(field) for field in target])


def least_squares(x, y):
    """w*, f = Xw*, the rank of X, and a basis of its kernel.

    Let C be the columns of X where the echelon form F has its leading ones: X = CF, with C and Fᵀ of full column rank. So
    f = Ca with CᵀCa = Cᵀy, and the shortest w with Fw = a is Fᵀz with FFᵀz = a.
    """
    echelon, pivots = reduced_echelon(x)
    chosen = [column for j, column in enumerate(transpose(x)) if j in pivots]
    a = solve(gram(chosen), apply(chosen, y))
    w = apply(transpose(echelon), solve(gram(echelon), a))
    kernel = []
    for free in (j for j in range(len(w)) if j not in pivots):
        vector = [Fraction(0)] * len(w)
        vector[free] = Fraction(1)
        for row, pivot in zip(echelon, pivots):
            vector[pivot] = -row[free]
        kernel.append(vector)
    return w, apply(x, w), len(pivots), kernel


def answer(x, y):
    """The numbers of centred data.

    On Γ, u = Xθ = cf, and as ⟨u, y⟩ = ⟨u, f⟩ for every u in the range of X, L = 2s²(1 − R⟨u, f⟩/(‖u‖‖f‖)) with R = ‖f‖/‖y‖.
    The second derivative of −⟨u, f⟩/(‖u‖‖f‖) at u = cf is P/‖cf‖², P the projection onto the complement of f. Hence

        ∇²L = 2s²R XᵀPX/(c²‖f‖²) = 2/(nRc²) XᵀPX,   with c = cos φ/‖w*‖.

    XᵀPX and PXXᵀP have the same eigenvalues above zero. There are rank − 1 of them.
    """
    w, f, rank, _ = least_squares(x, y)
    n, fit = len(y), dot(f, f)
    if rank < 2 or fit == 0:
        raise SystemExit(f"rank {rank}, ‖f‖² = {fit}: λ₁ is zero or not defined")
    # PX, as rows, is X less f times ⟨f, column⟩/‖f‖².
    shares = [value / fit for value in apply(transpose(x), f)]
    px = [[value - f[i] * share for value, share in zip(row, shares)] for i, row in enumerate(x)]
    smaller = gram(px if n <= len(w) else transpose(px))
    values = sorted(mp.eigsy(mp.matrix([[real(v) for v in row] for row in smaller]), eigvals_only=True), reverse=True)
    correlation = root(fit / dot(y, y))
    return Answer(
        samples=n,
        features=len(w),
        rank=rank,
        correlation=correlation,
        norm=root(dot(w, w)),
        least_sharpness=2 * values[0] * real(dot(w, w)) / (n * correlation),
        next_over_top=values[1] / values[0] if rank > 2 else mpf(0),
    )


# The check

def sharpness_by_differences(x, y, phi):
    """The top eigenvalue of L's Hessian at the point of Γ at angle φ to w*, by second differences of L alone.

    The direction in the kernel is the sum of its basis. Where X has no kernel, φ is taken to be 0.
    """
    digits, mp.dps = mp.dps, 400
    w, f, _, kernel = least_squares(x, y)
    theta = [mp.cos(phi) * real(v) / root(dot(w, w)) for v in w]
    if kernel:
        k = [sum(values) for values in zip(*kernel)]
        theta = [t + mp.sin(phi) * real(v) / root(dot(k, k)) for t, v in zip(theta, k)]
    else:
        theta = [real(v) / root(dot(w, w)) for v in w]
    n, d = len(y), len(w)
    columns = [[real(v) for v in column] for column in transpose(x)]
    y = [real(v) for v in y]
    size = mp.sqrt(dot(y, y))
    start = [sum(t * column[i] for t, column in zip(theta, columns)) for i in range(n)]
    # A step moves Xθ by 10⁻⁶⁰ of itself at most, so the differences err by some 10⁻¹²⁰ of the Hessian.
    step = mpf(10) ** -60 * mp.sqrt(dot(start, start) / max(dot(c, c) for c in columns))

    def loss(moves):
        u = start[:]
        for j, amount in moves:
            u = [value + amount * entry for value, entry in zip(u, columns[j])]
        return 2 * size**2 / n * (1 - dot(u, y) / (mp.sqrt(dot(u, u)) * size))

    hessian = mp.matrix(d, d)
    for i in range(d):
        for j in range(i + 1):
            corners = [(a, b, loss([(i, a * step), (j, b * step)])) for a in (1, -1) for b in (1, -1)]
            hessian[i, j] = hessian[j, i] = sum(a * b * value for a, b, value in corners) / (4 * step**2)
    mp.dps = digits
    return max(mp.eigsy(hessian, eigvals_only=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file")
    parser.add_argument("target", help="name, or place from 1")
    parser.add_argument("--drop", action="append", default=[], metavar="COLUMN", help="leave a column out")
    parser.add_argument("--header", action="store_true", help="the first line is a header, though it may hold numbers")
    parser.add_argument("--phi", default="1.2", help="angle to w* (1.2)")
    parser.add_argument("--check", action="store_true", help="also differentiate the loss numerically")
    options = parser.parse_args()
    features, target = read(options.file, options.target, options.drop, options.header)
    phi = mpf(options.phi)
    for reading, number in (("decimals", Fraction), ("doubles", nearest_double)):
        x, y = centred(features, target, number)
        found = answer(x, y)
        print(f"{reading}: n {found.samples}, d {found.features}, rank {found.rank}" + ", Γ is a point" * found.is_point)
        numbers = [("R", found.correlation), ("‖w*‖", found.norm), ("λ₁ at w*", found.least_sharpness)]
        if not found.is_point:
            numbers.append((f"λ₁ at {options.phi}", found.sharpness(phi)))
        numbers.append(("λ₂/λ₁", found.next_over_top))
        if options.check:
            there = found.sharpness(0 if found.is_point else phi)
            by_differences = sharpness_by_differences(x, y, phi)
            numbers += [("λ₁ by differences", by_differences), ("they differ by", abs(by_differences / there - 1))]
        for name, value in numbers:
            print(f"  {name:<18}{mp.nstr(value, 20)}")


if __name__ == "__main__":
    main()
