#!/usr/bin/env python3
"""Runs the default study on fresh seeds and counts how it ends.

    python3 tests/seeds/run.py --first 2001 --count 200

builds nothing: it takes target/release/sharpflow, or the binary that --binary names. A line is printed for every seed, and at
the end how many seeds ended with exit code 0, with the reason of every other one. A study takes 40 to 50 seconds on two cores.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile
from collections import Counter

ROOT = pathlib.Path(__file__).resolve().parents[2]


def reasons(folder):
    """Why claims of an evidence folder are not confirmed, a line each."""
    lines = []
    for path in sorted((folder / "claims").glob("*.json")):
        claim = json.loads(path.read_text())
        if claim["verdict"] != "confirmed":
            lines.append(f"{claim['id']}: {claim['verdict']}: {claim['reason']}")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=2001, help="the first seed")
    parser.add_argument("--count", type=int, default=200, help="how many seeds")
    parser.add_argument("--binary", default=str(ROOT / "target/release/sharpflow"))
    parser.add_argument("--threads", default="2")
    arguments = parser.parse_args()
    codes, explained = Counter(), []
    for seed in range(arguments.first, arguments.first + arguments.count):
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"sharpflow-seed-{seed}-"))
        command = [arguments.binary, "verify", "--seed", str(seed), "--out", str(folder / "evidence")]
        ended = subprocess.run(command + ["--threads", arguments.threads, "--quiet"], capture_output=True, text=True)
        codes[ended.returncode] += 1
        if ended.returncode != 0:
            why = reasons(folder / "evidence") if (folder / "evidence").exists() else [ended.stderr.strip()]
            explained += [f"seed {seed}, exit {ended.returncode}: {line}" for line in why]
        print(f"seed {seed}: exit {ended.returncode}", flush=True)
        shutil.rmtree(folder)
    print("\n".join(explained))
    done = sum(codes.values())
    print(f"{codes[0]} of {done} seeds ended with exit code 0 ({100 * codes[0] / done:.1f} %); all: {dict(codes)}")


if __name__ == "__main__":
    main()
