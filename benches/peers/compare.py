"""Times the works of `ours.rs` against the same works in other programs, and prints a table of ratios. Started by `benches/peers/run`.

Both sides get the same data (ours writes it), must come to the same numbers, and are timed in turn, so that what else the machine does
meets both. Every ratio is the median of those of the rounds, with their quartiles.
"""

import argparse
import importlib
import json
import operator
import os
import platform
import statistics
import subprocess
import sys
import time

ROUNDS = 9
SECONDS = 0.1
# Relative; what two orders of summation may leave after a thousand steps, or a solver at the residual asked for.
AGREEMENT = {"eigenpair_krylov": 1e-12, "flow": 1e-8, "nearest_point": 1e-8}

# Work, sizes, multiply–adds and numbers in matrices, read once, at least (or None where no count is fair).
REGRESSIONS = [(50, 64), (200, 256), (1000, 1000)]
NETWORKS = [(6, 4, 4), (16, 16, 16), (64, 64, 64)]


def least_of_regression(n, d):
    return 2 * n * d, n * d


def least_of_network(n, d, width):
    """Forward, and backward to the hidden weights; two products with the readout and its gradient."""
    return 2 * n * d * width + 3 * n * width, n * d + d * width


def least_of_slopes(n, d, width):
    """The derivative of that gradient alone, at a point whose gradient is known."""
    return 2 * n * d * width + 6 * n * width, n * d + d * width


WORKS = (
    [("regression_steps", sizes, least_of_regression) for sizes in REGRESSIONS]
    + [("regression_starts", REGRESSIONS[0], None)]
    + [("network_steps", sizes, least_of_network) for sizes in NETWORKS]
    + [("network_starts", sizes, None) for sizes in NETWORKS[:2]]
    + [("hessian_vector", sizes, least_of_slopes) for sizes in NETWORKS]
    + [("third_derivative", sizes, None) for sizes in NETWORKS]
    + [("eigenpair_dense", sizes, None) for sizes in [(6, 4, 4), (16, 16, 16)]]
    + [("eigenpair_krylov", (64, 250, 400), None)]
    + [("nearest_point", (6, 4, 4), None), ("flow", (6, 4, 4), None)]
)


class Ours:
    """Our side of a work: a process of its own."""

    def __init__(self, program, work, threads, sizes):
        begun = time.perf_counter()
        arguments = [program, work, str(threads), *map(str, sizes)]
        try:
            self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        except OSError as error:
            raise SystemExit(f"{program} does not run: {error.strerror}") from error
        self.data = self.answer()
        self.once(1)
        self.preparation = time.perf_counter() - begun

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"our side ended early (exit code {self.process.wait()})")
        return json.loads(line)

    def ask(self, request):
        print(request, file=self.process.stdin, flush=True)
        return self.answer()

    def once(self, repeats):
        return self.ask(f"time {repeats}")

    def result(self):
        return self.ask("result")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def timed(once, repeats):
    """The seconds of so many repetitions; our own processes time themselves."""
    begun = time.perf_counter()
    seconds = once(repeats)
    return time.perf_counter() - begun if seconds is None else seconds


def enough(time_of):
    """So many repetitions take long enough to be timed."""
    repeats = 1
    while (seconds := time_of(repeats)) < SECONDS:
        repeats = max(2 * repeats, int(repeats * 1.2 * SECONDS / seconds) if seconds > SECONDS / 100 else 0)
    return repeats


def difference(ours, peer):
    scale = max(abs(x) for x in ours)
    if len(ours) != len(peer):
        return float("inf")
    return max(abs(x - y) for x, y in zip(ours, peer)) / scale


def quartiles(ratios):
    first, median, third = statistics.quantiles(ratios, n=4, method="inclusive")
    return f"{median:.3g} ({first:.3g}–{third:.3g})", median


class Limit:
    """The least seconds a work can take here: the slower of its multiply–adds and of reading its matrices once."""

    def __init__(self, program, least, sizes):
        self.multiply_adds, numbers = least(*sizes)
        self.processes = [Ours(program, "reading", 1, [numbers]), Ours(program, "multiply_adds", 1, [])]
        self.repeats = [enough(process.once) for process in self.processes]

    def seconds(self):
        reading, adding = (process.once(repeats) / repeats for process, repeats in zip(self.processes, self.repeats))
        return max(reading, adding * self.multiply_adds / 1e6)

    def close(self):
        for process in self.processes:
            process.close()


class Products:
    """No other program but a part of our own work: the two matrix–vector products of a regression's step."""

    def __init__(self, program):
        self.program = program

    def works(self, work, sizes, _):
        if work != "regression_steps":
            return None
        products = Ours(self.program, "regression_products", 1, sizes)
        return lambda: (products.once, None)


def compare(program, threads, peers, work, sizes, least):
    ours = Ours(program, work, threads, sizes)
    limit = Limit(program, least, sizes) if least and threads == 1 else None
    rows = []
    repeats = enough(ours.once)
    for name, peer in peers.items():
        build = peer.works(work, sizes, ours.data)
        if build is None:
            continue
        begun = time.perf_counter()
        once, result = build()
        once(1)
        preparation = time.perf_counter() - begun
        apart = difference(ours.result(), result().tolist()) if result else 0.0
        agreed = apart <= AGREEMENT.get(work, 1e-9)
        if not agreed:
            print(f"{work} {sizes} against {name}: results differ by {apart:.1e}; not compared", file=sys.stderr)
        row = {"work": work, "sizes": sizes, "threads": threads, "peer": name, "apart": apart, "agreed": bool(agreed)}
        row |= {"preparation": ours.preparation, "peer_preparation": preparation}
        if agreed:
            peer_repeats = enough(lambda repeats: timed(once, repeats))
            sides = [lambda: ours.once(repeats) / repeats, lambda: timed(once, peer_repeats) / peer_repeats]
            sides += [limit.seconds] if limit else []
            rounds = [[side() for side in sides] for _ in range(ROUNDS)]
            row |= dict(zip(["seconds", "peer_seconds", "limit"], zip(*rounds)))
        rows.append(row)
    ours.close()
    if limit:
        limit.close()
    return rows


def shown(seconds):
    for unit, size in [("s", 1), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)]:
        if seconds >= size or unit == "ns":
            return f"{seconds / size:.3g} {unit}"


def table(rows):
    yield "| work | size | threads | ours | peer | | peer/ours | of the limit | ready: ours, peer |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for row in rows:
        size = "×".join(map(str, row["sizes"]))
        head = f"| {row['work'].replace('_', ' ')} | {size} | {row['threads']}"
        if not row["agreed"]:
            yield f"{head} | | | {row['peer']} | results differ by {row['apart']:.1e} | | |"
            continue
        ours, peer = statistics.median(row["seconds"]), statistics.median(row["peer_seconds"])
        ratio, _ = quartiles([peer / ours for ours, peer in zip(row["seconds"], row["peer_seconds"])])
        part = f"{statistics.median(map(operator.truediv, row['limit'], row['seconds'])):.2f}" if "limit" in row else ""
        ready = f"{shown(row['preparation'])}, {shown(row['peer_preparation'])}"
        yield f"{head} | {shown(ours)} | {shown(peer)} | {row['peer']} | {ratio} | {part} | {ready} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="the compiled `ours.rs`")
    parser.add_argument("--threads", type=int, choices=[1, 2], required=True)
    parser.add_argument("--only", help="works whose name begins so")
    parser.add_argument("--out", help="a JSON file for every number")
    arguments = parser.parse_args()
    available = sorted(os.sched_getaffinity(0))
    if len(available) < arguments.threads:
        parser.error(f"{arguments.threads} threads need as many processors, and there are {len(available)}")
    # Before any peer is imported: they count the processors once.
    os.sched_setaffinity(0, available[: arguments.threads])
    for variable in ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"]:
        os.environ[variable] = str(arguments.threads)
    peers = {}
    for name in ["numpy", "jax", "torch"]:
        try:
            peers[name] = importlib.import_module(f"{name}_peer")
        except ModuleNotFoundError as missing:
            print(f"without {name}: {missing}", file=sys.stderr)
    versions = {name: importlib.import_module(name).__version__ for name in peers} | {"python": platform.python_version()}
    peers["two products"] = Products(arguments.program)
    rows = []
    for work, sizes, least in WORKS:
        if work.startswith(arguments.only or ""):
            rows += compare(arguments.program, arguments.threads, peers, work, sizes, least)
            print(f"{work} {sizes}", file=sys.stderr)
    print("\n".join(table(rows)))
    if arguments.out:
        with open(arguments.out, "w") as file:
            json.dump({"versions": versions, "rows": rows}, file, indent=1)
    return 0 if all(row["agreed"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
