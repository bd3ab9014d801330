#!/usr/bin/env python3
"""Every mutant of cargo-mutants in some files, all in one build, each against the tests that reach it.

    cargo install cargo-mutants
    python3 tests/mutants/run.py [--work DIR] [--budget SECONDS] [--jobs N] [--only TEXT]

A build a mutant would take days. Here each function of a copy of the committed sources becomes a choice among its mutated bodies, made by
$MUTANT when it runs; mutants that do not compile are found by `cargo check` and left out. All tests are run once, one by one, to see how long
each takes and which functions it reaches; then each mutant is held against those that reach it, cheapest first, until one fails or hangs, or
those within the budget are through. Those that are left must stand in `explained.toml`, and whatever stands there must be left. What is done in
DIR is not done again; a new commit needs a new DIR.
"""

import argparse
import collections
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = ["src/descent/*", "src/flow/*", "src/minimizers/*", "theorems/src/*.rs", "theorems/src/claims/*", "theorems/src/experiments/hypotheses.rs"]
# `allocation` counts what everything allocates, and `mutations` changes sources.
LEFT_OUT = {"allocation", "mutations"}
# Compares all numbers of two studies with recorded ones: after what is cheap it is the likeliest to notice.
NUMBERS = "the_numbers_of_an_earlier_build_come_out_again"

SWITCH = """//! Which mutant runs, and which functions are reached.
use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

static ID: LazyLock<u32> = LazyLock::new(|| std::env::var("MUTANT").ok().and_then(|id| id.parse().ok()).unwrap_or(0));
static TRACE: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("MUTANT_TRACE").ok());
static SEEN: [AtomicBool; 8192] = [const { AtomicBool::new(false) }; 8192];

/// The mutant, in a function.
pub fn at(function: usize) -> u32 {
    if !SEEN[function].swap(true, Ordering::Relaxed) && let Some(path) = TRACE.as_ref() {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(format!("{function}\\n").as_bytes()).unwrap();
    }
    *ID
}
"""


def code(text, start=0):
    """The characters that are code, with their places: no comments, strings or character literals."""
    skip = re.compile(r"//[^\n]*|/\*.*?\*/|r(#*)\".*?\"\1|\"(?:\\.|[^\"\\])*\"|'(?:\\.[^']*|[^\\'])'", re.S)
    i = start
    while i < len(text):
        raw = text[i] == "r" and i and (text[i - 1].isalnum() or text[i - 1] == "_")
        found = None if raw else skip.match(text, i)
        if found:
            i = found.end()
        else:
            yield text[i], i
            i += 1


def block(text, start, end):
    """Where the body of the function at start..end begins."""
    depth, named = 0, False
    for c, i in code(text, start):
        named = named or (depth == 0 and text.startswith("fn ", i) and not text[i - 1].isalnum())
        depth += (c in "([") - (c in ")]")
        if c == "{" and depth == 0 and named:
            return i
    raise ValueError(text[start:end])


def constant(text, place):
    """The item `const NAME: TYPE = …;` around a place: start, end, and where its value starts."""
    heads = re.finditer(r"^ *((?:pub(?:\(\w+\))? )?(?:const|static) \w+: .*? = )", text, re.M | re.S)
    head = max((head for head in heads if head.start() <= place), key=lambda head: head.start())
    depth = 0
    for c, i in code(text, head.end()):
        depth += (c in "([{") - (c in ")]}")
        if c == ";" and depth == 0:
            return head.start(1), i + 1, head.end()
    raise ValueError(head.group())


class Sources:
    """The sources with every mutant in them."""

    def __init__(self, copy):
        self.copy = copy
        filters = [argument for file in FILES for argument in ("-f", file)]
        listed = subprocess.run(["cargo", "mutants", "--workspace", "--list", "--json", *filters], cwd=copy, capture_output=True, text=True, check=True)
        listed = json.loads(listed.stdout)
        self.texts = {file: (copy / file).read_text() for file in sorted({mutant["file"] for mutant in listed})}
        starts = {file: [0] for file in self.texts}
        for file, text in self.texts.items():
            for line in text.split("\n"):
                starts[file].append(starts[file][-1] + len(line) + 1)
        at = lambda file, place: starts[file][place["line"] - 1] + place["column"] - 1
        ends = lambda file, span: (at(file, span["start"]), at(file, span["end"]))
        spans = collections.defaultdict(set)
        for mutant in listed:
            if mutant["function"]:
                spans[mutant["file"]].add(ends(mutant["file"], mutant["function"]["span"]))
        inside = lambda a, b: b[0] <= a[0] and a[1] <= b[1]
        outer = {file: [a for a in of if not any(a != b and inside(a, b) for b in of)] for file, of in spans.items()}
        self.sites, self.mutants = {}, []
        for number, mutant in enumerate(listed, 1):
            file, span = mutant["file"], ends(mutant["file"], mutant["span"])
            text = self.texts[file]
            around = [function for function in outer.get(file, []) if inside(span, function)]
            site = (file, block(text, *around[0]), around[0][1], None) if around else (file, *constant(text, span[0]))
            self.mutants.append({
                "id": number,
                "name": mutant["name"],
                "file": file,
                "mutation": mutant["name"].split(": ", 1)[1],
                "line": text[text.rfind("\n", 0, span[0]) + 1:].split("\n", 1)[0].strip(),
                "span": span,
                "new": mutant["replacement"],
                "function": self.sites.setdefault(site, len(self.sites) + 1),
            })
        # Of several alike on a line, which.
        alike = collections.Counter()
        for mutant in sorted(self.mutants, key=lambda mutant: mutant["span"]):
            place = (mutant["file"], mutant["line"], mutant["mutation"])
            alike[place] += 1
            if alike[place] > 1:
                mutant["mutation"] += f" #{alike[place]}"

    def write(self, dead):
        """Writes all mutants but the dead ones; returns which lines of a file are whose."""
        lines = collections.defaultdict(list)
        for file, text in self.texts.items():
            crate = "crate" if file.startswith("src/") else "sharpflow"
            out, end_before, constants = "", 0, []
            for site in sorted(site for site in self.sites if site[0] == file):
                _, start, end, value = site
                out += text[end_before:start]
                end_before = end
                # What is chosen among: a body, or a constant's value.
                first, last = (start, end) if value is None else (value, end - 1)
                if value is None:
                    out, close = out + "{", "}"
                else:
                    name, kind = re.search(r"(\w+): (.*) = $", text[start:value], re.S).groups()
                    kind = kind.replace("&str", "&'static str")
                    constants.append(name)
                    out += f"#[allow(non_snake_case)] pub(crate) fn {name}() -> &'static {kind} {{ Box::leak(Box::new("
                    close = "))}"
                out += f"\nmatch {crate}::mutant::at({self.sites[site]}) {{\n"
                for mutant in self.mutants:
                    if mutant["function"] != self.sites[site] or mutant["id"] in dead:
                        continue
                    since = out.count("\n") + 1
                    a, b = mutant["span"]
                    out += f"{mutant['id']} => {{ {text[first:a]}{mutant['new']}{text[b:last]} }}\n"
                    lines[file].append((since, out.count("\n"), mutant["id"]))
                out += f"_ => {{ {text[first:last]} }}\n}}{close}"
            out += text[end_before:]
            for name in constants:
                out = re.sub(rf"(?<!fn )(?<!\w){name}\b(?!\()", f"(*{name}())", out)
            (self.copy / file).write_text(out)
        return lines

    def settle(self):
        """Writes the mutants that compile; returns the ids of the others."""
        library = self.copy / "src/lib.rs"
        library.write_text(library.read_text() + "\n#[doc(hidden)]\npub mod mutant;\n")
        (self.copy / "src/mutant.rs").write_text(SWITCH)
        dead = set()
        while True:
            lines = self.write(dead)
            check = subprocess.run(["cargo", "check", "--workspace", "--message-format=json", "--keep-going"], cwd=self.copy, capture_output=True, text=True)
            if check.returncode == 0:
                return dead
            errors = [json.loads(line) for line in check.stdout.splitlines()]
            errors = [error["message"] for error in errors if error.get("reason") == "compiler-message" and error["message"]["level"] == "error"]
            found = set()
            for span in (span for error in errors for span in error["spans"]):
                of_file = lines.get(span["file_name"]) or lines.get("theorems/" + span["file_name"], [])
                found |= {number for since, until, number in of_file if since <= span["line_start"] <= until}
            if not found - dead:
                sys.exit("\n".join(error["rendered"] for error in errors) or check.stderr)
            dead |= found


def build(copy):
    """Builds all tests: name → (path, folder in which it runs)."""
    for manifest in copy.glob("**/Cargo.toml"):
        manifest.write_text(manifest.read_text().replace('debug = "line-tables-only"', "debug = false"))
    made = subprocess.run(["cargo", "test", "--workspace", "--no-run", "--message-format=json"], cwd=copy, stdout=subprocess.PIPE, text=True, check=True)
    made = [json.loads(line) for line in made.stdout.splitlines()]
    made = [one for one in made if one.get("executable") and one["profile"]["test"] and one["target"]["name"] not in LEFT_OUT]
    return {f"{one['target']['kind'][0]} {one['target']['name']}": (one["executable"], str(Path(one["manifest_path"]).parent)) for one in made}


def run(program, test, timeout, **more):
    """The exit status of one test, or None where it hangs, and how long it took."""
    path, folder = program
    fixed = {"PROPTEST_RNG_SEED": "2206", "PROPTEST_MAX_SHRINK_ITERS": "0", "PROPTEST_DISABLE_FAILURE_PERSISTENCE": "1", "RAYON_NUM_THREADS": "1", "RUST_BACKTRACE": "0"}
    began = time.monotonic()
    child = subprocess.Popen([path, "--exact", test, "--test-threads", "1", "-q"], cwd=folder, env={**os.environ, **fixed, "CARGO_MANIFEST_DIR": folder, **more},
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        status = child.wait(timeout)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, 9)
        child.wait()
        status = None
    return status, time.monotonic() - began


def parallel(jobs, items, work):
    waiting = queue.Queue()
    for item in items:
        waiting.put(item)

    def loop():
        while True:
            try:
                work(waiting.get_nowait())
            except queue.Empty:
                return

    threads = [threading.Thread(target=loop) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def reached(programs, jobs, work):
    """Every test with its seconds and the functions it reaches."""
    tests, found, failed = [], [], []
    for name, (path, folder) in programs.items():
        listed = lambda *more: {line[:-6] for line in subprocess.run([path, "--list", *more], cwd=folder, capture_output=True, text=True).stdout.splitlines() if line.endswith(": test")}
        tests += [(name, test) for test in sorted(listed() - listed("--ignored"))]

    def trace(one):
        name, test = one
        log = work / f"trace-{threading.get_ident()}"
        log.write_text("")
        status, seconds = run(programs[name], test, 600, MUTANT_TRACE=str(log))
        if status != 0:
            failed.append(test)
        found.append({"program": name, "test": test, "seconds": seconds, "functions": sorted({int(line) for line in log.read_text().split()})})

    parallel(jobs, tests, trace)
    if failed:
        sys.exit(f"these fail without any mutant: {failed}")
    return sorted(found, key=lambda test: test["seconds"])


def order(tests):
    """Cheap ones, then the recorded numbers, then the rest."""
    cheap, spent = [], 0.0
    for test in tests:
        spent += test["seconds"]
        if spent < 1.5:
            cheap.append(test)
    rest = [test for test in tests if test not in cheap]
    return cheap + sorted(rest, key=lambda test: not test["test"].endswith(NUMBERS))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--work", type=Path, default=ROOT / "target/mutants", help="where it is done")
    arguments.add_argument("--budget", type=float, default=60.0, help="seconds of tests a mutant")
    arguments.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments.add_argument("--only", default="", help="mutants whose name holds this")
    asked = arguments.parse_args()
    work, copy = asked.work.resolve(), asked.work.resolve() / "sources"
    os.environ["CARGO_TARGET_DIR"] = str(work / "target")
    state = work / "state.json"
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    if not state.exists():
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(parents=True)
        subprocess.run(f"git -C '{ROOT}' archive HEAD | tar x -C '{copy}'", shell=True, check=True)
        sources = Sources(copy)
        dead = sources.settle()
        print(f"{len(sources.mutants)} mutants, {len(dead)} of which do not compile", flush=True)
        programs = build(copy)
        tests = reached(programs, asked.jobs, work)
        print(f"{len(tests)} tests, {sum(test['seconds'] for test in tests):.0f} s one by one", flush=True)
        live = [mutant for mutant in sources.mutants if mutant["id"] not in dead]
        state.write_text(json.dumps({"commit": commit, "programs": programs, "tests": tests, "mutants": live}))
    known = json.loads(state.read_text())
    if known["commit"] != commit:
        sys.exit(f"{work} is of commit {known['commit']}, and this is {commit}")
    results = work / "results.jsonl"
    results.touch()
    done = {}
    for line in results.read_text().splitlines():
        result = json.loads(line)
        done[result["name"]] = result
    mutants = [mutant for mutant in known["mutants"] if asked.only in mutant["name"]]
    writing = threading.Lock()

    def hold(mutant):
        before = done.get(mutant["name"])
        if before and (before["noticed"] or before["budget"] >= asked.budget):
            return
        noticed, hung, spent, passed = None, False, 0.0, []
        for test in order([test for test in known["tests"] if mutant["function"] in test["functions"]]):
            if passed and spent + test["seconds"] > asked.budget:
                continue
            if before and test["test"] in before["passed"]:
                spent += test["seconds"]
            else:
                status, seconds = run(known["programs"][test["program"]], test["test"], 5 * test["seconds"] + 4, MUTANT=str(mutant["id"]))
                spent += seconds
                if status != 0:
                    noticed, hung = test["test"], status is None
                    break
            passed.append(test["test"])
        result = {"name": mutant["name"], "noticed": noticed, "hung": hung, "passed": passed, "seconds": spent, "budget": asked.budget}
        with writing:
            done[mutant["name"]] = result
            with results.open("a") as file:
                file.write(json.dumps(result) + "\n")

    parallel(asked.jobs, mutants, hold)
    explained = tomllib.loads((Path(__file__).parent / "explained.toml").read_text())["explained"]
    reasons = {(one["file"], one["line"], mutation): one["why"] for one in explained for mutation in one["mutations"]}
    left = {(mutant["file"], mutant["line"], mutant["mutation"]): mutant for mutant in mutants if not done[mutant["name"]]["noticed"]}
    for place, mutant in left.items():
        print(f"explained: {mutant['name']}: {reasons[place]}" if place in reasons else f"NOT NOTICED: {mutant['name']}: {place}")
    stale = [place for place in reasons if place not in left and not asked.only]
    for place in stale:
        print(f"EXPLAINED, BUT NOTICED OR GONE: {place}")
    unexplained = sum(place not in reasons for place in left)
    hung = sum(done[mutant["name"]]["hung"] for mutant in mutants)
    print(f"{len(mutants) - len(left)} of {len(mutants)} noticed, {hung} of which hang; {len(left)} not, of which {unexplained} are not explained")
    sys.exit(1 if unexplained or stale else 0)


if __name__ == "__main__":
    main()
