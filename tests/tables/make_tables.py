#!/usr/bin/env python3
"""Writes small tables that are hard for rounding, and what `oracle.py` says of each.

    make_tables.py [FOLDER]

The folder (`tables` unless told) gets one CSV file a table and `expected.csv`. The draws are fixed: the seed of a table is its
name, and `random.Random.random` is the same in every version of Python. All entries are exact decimals.

Columns of `expected.csv`: the file, its target, options of `oracle.py`; n, d, rank, whether Γ is a point (rank = d), R, and λ₁ at
angle `phi` to w* (1.2, or 0 where Γ is a point); λ₂/λ₁; the same of the doubles nearest to the decimals.

`read_differs_by` is the relative difference of the two λ₁: where it is large, or the ranks differ, a program that reads `f64` cannot
know λ₁. `centred_differs_by` is what rounding the exactly centred data to doubles moves λ₁ by: a program that keeps them as `f64`
cannot be expected to do better. It is empty where that rounding breaks an exact dependence, and the rank with it.
"""

import csv
import random
import sys
from decimal import Decimal, getcontext
from fractions import Fraction
from pathlib import Path

from mpmath import mp, mpf

import oracle

# Sums and products of decimals below are exact at this many digits.
getcontext().prec = 100

LARGEST_FILE = 4096
TABLES = {}


def table(why, drop=(), name=None):
    """Registers a function that takes a `Draws` and returns named columns, the target `y` among them."""
    def register(function):
        TABLES[name or function.__name__] = (why, drop, function)
        return function
    return register


class Draws:
    """Uniform decimals."""

    def __init__(self, seed):
        self.generator = random.Random(seed)

    def integer(self, least, most):
        return least + int(self.generator.random() * (most - least + 1))

    def integers(self, n, least, most):
        return [Decimal(self.integer(least, most)) for _ in range(n)]

    def column(self, n, unit="0.001", reach=2000):
        """n multiples of `unit`, up to `reach` times it."""
        return scaled(self.integers(n, -reach, reach), unit)

    def columns(self, n, d, unit="0.001", reach=2000):
        return {f"x{j}": self.column(n, unit, reach) for j in range(d)}


def scaled(column, factor):
    return [value * Decimal(factor) for value in column]


def shifted(column, offset):
    return [value + Decimal(offset) for value in column]


def total(*columns):
    return [sum(values) for values in zip(*columns)]


def with_target(columns, y):
    return {**columns, "y": y}


def add_row(columns, combine):
    """Appends to each column what `combine` makes of it."""
    return {name: column + [combine(column)] for name, column in columns.items()}


# Offsets: a column's mean is far larger than its spread.

@table("Unix seconds to the microsecond, within 2 ms: doubles there are 0.24 µs apart")
def offset_unix_microseconds(draws):
    time = shifted(draws.column(8, "0.000001"), "1700000000.25")
    return with_target({"time": time, **draws.columns(8, 11)}, draws.column(8))


@table("Unix nanoseconds within 4 µs: whole numbers of nineteen digits, which no double holds")
def offset_unix_nanoseconds(draws):
    time = shifted(draws.column(8, "1"), "1700000000000000000")
    return with_target({"time": time, **draws.columns(8, 11)}, draws.column(8))


@table("decimals about 10^16, of nineteen digits: no double has them")
def offset_many_digits(draws):
    return with_target({"level": shifted(draws.column(8), "10000000000000000"), **draws.columns(8, 11)}, draws.column(8))


@table("UTM eastings and northings in metres, to the centimetre, within 20 m")
def offset_utm(draws):
    place = {"easting": shifted(draws.column(8, "0.01"), 448251), "northing": shifted(draws.column(8, "0.01"), 5411932)}
    return with_target({**place, **draws.columns(8, 9)}, draws.column(8))


@table("UTM coordinates alone, more samples than features")
def offset_utm_tall(draws):
    place = {"easting": shifted(draws.column(12, "0.01"), 448251), "northing": shifted(draws.column(12, "0.01"), 5411932)}
    return with_target({**place, "height": shifted(draws.column(12, "0.01", 300), 35)}, draws.column(12))


@table("Julian days within an hour")
def offset_julian_days(draws):
    day = shifted(draws.column(8, "0.00001"), "2460000.5")
    return with_target({"jd": day, **draws.columns(8, 11)}, draws.column(8))


@table("a large exactly constant column beside tiny features")
def offset_constant_beside_tiny(draws):
    return with_target({**draws.columns(8, 11, "1e-15"), "k": [Decimal("987654321987.654")] * 8}, draws.column(8))


@table("a large column that differs in one row, by 2⁻²⁰, beside small features")
def offset_nearly_constant(draws):
    k = [Decimal(1048576)] * 7 + [Decimal(1048576) + Decimal(2) ** -20]
    return with_target({**draws.columns(8, 11, "1e-9"), "k": k}, draws.column(8))


@table("targets with mean 10⁶ times their spread")
def offset_target_1e6(draws):
    return with_target(draws.columns(8, 11), shifted(draws.column(8), 2000000))


@table("targets with mean 10¹² times their spread: their doubles are 0.00024 apart")
def offset_target_1e12(draws):
    return with_target(draws.columns(8, 11), shifted(draws.column(8), 2000000000000))


@table("targets with mean 10¹² times their spread, all exact doubles, and no interpolation")
def offset_target_1e12_exact(draws):
    columns = draws.columns(12, 4)
    columns["x4"] = columns["x1"]
    return with_target(columns, shifted(draws.column(12, "0.125", 16), 2000000000000))


@table("several columns, each with another offset")
def offset_several(draws):
    columns = draws.columns(8, 12)
    for name, offset in (("x0", 1000), ("x1", 1000000), ("x4", -10000000), ("x7", 1000000000)):
        columns[name] = shifted(columns[name], offset)
    return with_target(columns, shifted(draws.column(8), 100000))


def offset_ladder(power):
    # The same seed for each step of the ladder: the exact answers are the same, too.
    draws = Draws("offset_ladder")
    columns = {name: shifted(column, Decimal(10) ** power) for name, column in draws.columns(7, 10).items()}
    return with_target(columns, draws.column(7))


for power in (0, 3, 7, 10, 13):
    why = f"every feature with mean 10^{power}, spread 1; all of this ladder have one exact answer"
    table(why, name=f"offset_ladder_1e{power}")(lambda _, power=power: offset_ladder(power))


@table("the ladder's data a thousandfold, integers with mean 8·10¹⁵: all exact doubles")
def offset_ladder_8e15_exact(draws):
    columns = {name: shifted(scaled(shifted(column, -1), 1000), 8 * 10**15) for name, column in offset_ladder(0).items()}
    return with_target(columns, offset_ladder(0)["y"])


@table("time stamps, and their sum: exactly dependent integers with large means")
def offset_dependent(draws):
    start = shifted(draws.column(12, "1"), 1700000000)
    length = draws.integers(12, 1, 600)
    columns = {"start": start, "length": length, "stop": total(start, length), **draws.columns(12, 3)}
    return with_target(columns, draws.column(12))


# Scales: columns in units of very different size.

def in_units(draws, n, powers):
    return {f"x{j}": draws.column(n, Decimal(10) ** (power - 3)) for j, power in enumerate(powers)}


@table("units from 10⁻¹⁴ to 10¹³, more features than samples")
def scale_units_wide(draws):
    return with_target(in_units(draws, 8, [-14, 13, -11, 10, -8, 7, -5, 4, -2, 1, 0, 12]), draws.column(8))


@table("singular values from 10⁹ to 10⁻⁹, and a kernel")
def scale_singular_values_1e18(draws):
    return with_target(in_units(draws, 8, [9, 6, 3, 0, -3, -6, -9, -9, -9, -9, -9]), draws.column(8))


@table("units from 10⁻¹⁴ to 10¹³, no kernel")
def scale_units_tall(draws):
    return with_target(in_units(draws, 12, [-14, 13, -7, 6, 0]), draws.column(12))


@table("units from 10⁻⁹ to 10⁹; the column of the smallest is there twice")
def scale_duplicate_smallest(draws):
    columns = in_units(draws, 12, [9, 4, 0, -4, -9])
    return with_target({**columns, "again": columns["x4"]}, draws.column(12))


@table("a total of cents: exactly dependent as decimals, not as doubles")
def scale_total_cents(draws):
    parts = {name: scaled(draws.integers(12, 1, 99999), "0.01") for name in ("food", "rent", "other")}
    return with_target({**parts, "total": total(*parts.values()), "x": draws.column(12)}, draws.column(12))


def one_hot(name, groups, count):
    return {f"{name}{g}": [Decimal(int(group == g)) for group in groups] for g in range(count)}


@table("a one-hot group beside a population")
def scale_one_hot(draws):
    columns = {"population": draws.integers(12, 10000, 900000000), **one_hot("g", [i % 3 for i in range(12)], 3)}
    return with_target({**columns, "x": draws.column(12)}, draws.column(12))


@table("two one-hot groups beside a small unit")
def scale_one_hot_twice(draws):
    groups = {**one_hot("g", [i % 3 for i in range(12)], 3), **one_hot("h", [i // 3 for i in range(12)], 4)}
    return with_target({**groups, "x": draws.column(12, "1e-12")}, draws.column(12))


@table("a length in metres and in millimetres: exactly dependent as decimals, not as doubles")
def scale_metres_and_millimetres(draws):
    metres = draws.column(12)
    return with_target({"m": metres, "mm": scaled(metres, 1000), **draws.columns(12, 3)}, draws.column(12))


@table("all features tiny, targets tiny")
def scale_all_tiny(draws):
    return with_target(draws.columns(8, 11, "1e-17"), draws.column(8, "1e-13"))


@table("all features so small that their squares are 0 in doubles")
def scale_squares_underflow(draws):
    return with_target(draws.columns(8, 11, "1e-203"), draws.column(8))


@table("all features so large that their squares are infinite in doubles")
def scale_squares_overflow(draws):
    return with_target(draws.columns(8, 11, "1e197"), draws.column(8))


# Outliers: one row far larger than the others, and powers.

def outlier(draws, times):
    columns = with_target(draws.columns(9, 12, "0.01", 200), draws.column(9))
    return {name: column[:-1] + [column[-1] * times] for name, column in columns.items()}


for times in (10, 1000):
    table(f"one row {times} times as large", name=f"outlier_row_{times}")(lambda draws, times=times: outlier(draws, times))


@table("the last row and the last feature are totals")
def outlier_total_row_and_column(draws):
    columns = {f"x{j}": draws.integers(12, 100, 9999) for j in range(5)}
    columns["all"] = total(*columns.values())
    return add_row(with_target(columns, draws.integers(12, 100, 9999)), sum)


@table("the last row is the mean of the others, but for its target")
def outlier_mean_row(draws):
    columns = add_row({f"x{j}": scaled(draws.integers(8, 100, 9999), 8) for j in range(11)}, lambda column: sum(column) / 8)
    return with_target(columns, draws.integers(9, 100, 9999))


def powers(x, most):
    return {f"x^{k}": [value**k for value in x] for k in range(1, most + 1)}


@table("x to x⁹ at 1 to 14")
def powers_tall(draws):
    return with_target(powers([Decimal(i) for i in range(1, 15)], 9), draws.column(14))


@table("x to x⁹ at 1 to 7: more features than samples")
def powers_wide(draws):
    return with_target(powers([Decimal(i) for i in range(1, 8)], 9), draws.column(7))


@table("x to x⁹ at 0.1 to 1.2: rounding moves the smallest singular value")
def powers_of_fractions(draws):
    return with_target(powers([Decimal(i) / 10 for i in range(1, 13)], 9), draws.column(12))


@table("x to x⁴ of the years 1990 to 2003, all exact doubles")
def powers_of_years(draws):
    return with_target(powers([Decimal(1990 + i) for i in range(14)], 4), draws.column(14))


# Repeated rows, constant columns, integers.

def repeat_rows(columns, places):
    return {name: [column[i] for i in places] for name, column in columns.items()}


@table("rows repeated, with their targets")
def repeated_rows(draws):
    return repeat_rows(with_target(draws.columns(6, 11), draws.column(6)), [0, 1, 2, 3, 4, 5, 0, 0, 3])


@table("rows repeated, with other targets: no interpolation, though there are more features than samples")
def repeated_rows_other_targets(draws):
    return with_target(repeat_rows(draws.columns(6, 11), [0, 1, 2, 3, 4, 5, 0, 0, 3]), draws.column(9))


@table("one column constant, 0.1, whose sum of ten rounds")
def constant_tenth(draws):
    return with_target({**draws.columns(10, 4), "k": [Decimal("0.1")] * 10}, draws.column(10))


@table("constant columns of several sizes, more features than samples")
def constant_several(draws):
    constants = {f"k{j}": [Decimal(value)] * 7 for j, value in enumerate(("0.1", "0.3", "1000000000.1", "-7.7e-9", "0"))}
    return with_target({**draws.columns(7, 8), **constants}, draws.column(7))


@table("all columns constant but two: λ₂ = 0")
def constant_all_but_two(draws):
    constants = {f"k{j}": [Decimal(value)] * 9 for j, value in enumerate(("0.1", "123456.7", "3"))}
    return with_target({**draws.columns(9, 2), **constants}, draws.column(9))


@table("an index in front that is no feature", drop=("id",))
def integer_index(draws):
    columns = {"id": [Decimal(1000001 + i) for i in range(8)], **{f"x{j}": draws.integers(8, -99, 99) for j in range(10)}}
    return with_target(columns, draws.column(8))


def written(value):
    """The shorter of plain and scientific notation, exact."""
    if value == 0:
        return "0"
    value = value.normalize()
    return min(f"{value:f}", str(value).replace("E+", "e").replace("E", "e"), key=len)


def write(path, columns):
    lines = [",".join(columns)] + [",".join(map(written, row)) for row in zip(*columns.values())]
    path.write_text("\n".join(lines) + "\n")
    if path.stat().st_size > LARGEST_FILE:
        raise SystemExit(f"{path} is larger than {LARGEST_FILE} bytes")


HEADING = ("file,target,options,n,d,rank,gamma_is_point,R,phi,lambda1,lambda2_over_lambda1,"
           "rank_doubles,R_doubles,lambda1_doubles,read_differs_by,centred_differs_by,what").split(",")


def rounded_and_centred(x, y):
    """Centred data, each entry rounded to a double, and the means of that taken out again."""
    columns = [oracle.centre([Fraction(float(v)) for v in column]) for column in [*oracle.transpose(x), y]]
    return oracle.transpose(columns[:-1]), columns[-1]


def digits(value):
    return mp.nstr(value, 17, min_fixed=-4, max_fixed=17)


def difference(value, right):
    return mp.nstr(abs(value / right - 1), 2)


def judged(path, drop):
    features, target = oracle.read(path, "y", drop)
    x, y = oracle.centred(features, target)
    exact = oracle.answer(x, y)
    doubles = oracle.answer(*oracle.centred(features, target, oracle.nearest_double))
    kept = oracle.answer(*rounded_and_centred(x, y))
    phi = "0" if exact.is_point else "1.2"
    right, read, rounded = (found.sharpness(mpf(phi)) for found in (exact, doubles, kept))
    return [exact.samples, exact.features, exact.rank, "yes" if exact.is_point else "no", digits(exact.correlation), phi,
            digits(right), digits(exact.next_over_top), doubles.rank, digits(doubles.correlation), digits(read),
            difference(read, right), difference(rounded, right) if kept.rank == exact.rank else ""]


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "tables")
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "expected.csv", "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(HEADING)
        for name, (what, drop, function) in TABLES.items():
            path = folder / f"{name}.csv"
            write(path, function(Draws(name)))
            options = " ".join(f"--drop {column}" for column in drop)
            rows.writerow([path.name, "y", options, *judged(path, drop), what])


if __name__ == "__main__":
    main()
