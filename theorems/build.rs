//! Records what a result depends on besides its seed: commit, compiler, and the versions of the numeric crates.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The crates whose arithmetic, decompositions, integrators or generators enter a number.
const NUMERIC: [&str; 8] = ["faer", "nalgebra", "num-traits", "ode_solvers", "qd", "rand", "rand_distr", "statrs"];

fn main() {
    let root = Path::new("..");
    // Whatever can make the working tree differ from its commit, and the commit itself.
    let sources = ["../src", "../data", "../Cargo.toml", "../Cargo.lock", "src", "Cargo.toml", "build.rs"];
    for watched in sources.into_iter().chain(["../.git/HEAD", "../.git/index", "../.git/refs"]) {
        if Path::new(watched).exists() {
            println!("cargo::rerun-if-changed={watched}");
        }
    }
    let commit = output(Command::new("git").current_dir(root).args(["rev-parse", "HEAD"]));
    let changes = output(Command::new("git").current_dir(root).args(["status", "--porcelain"]));
    let commit = match (commit, changes) {
        (Some(commit), Some(changes)) if changes.is_empty() => commit,
        (Some(commit), _) => format!("{commit} with local changes"),
        (None, _) => "unknown".into(),
    };
    println!("cargo::rustc-env=SHARPFLOW_COMMIT={commit}");
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = output(Command::new(rustc).arg("--version")).unwrap_or_else(|| "unknown".into());
    println!("cargo::rustc-env=SHARPFLOW_RUSTC={version}");
    let target = env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=SHARPFLOW_TARGET={target}");
    println!("cargo::rustc-env=SHARPFLOW_PROFILE={}", env::var("PROFILE").unwrap_or_default());
    let lock = fs::read_to_string("../Cargo.lock").unwrap_or_default();
    println!("cargo::rustc-env=SHARPFLOW_CRATES={}", crates(&lock));
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// "name version" of each numeric crate in a lock file, comma-separated.
fn crates(lock: &str) -> String {
    let value = |line: &str, key: &str| {
        let rest = line.strip_prefix(key)?.strip_prefix(" = \"")?;
        Some(rest.trim_end_matches('"').to_string())
    };
    let mut name = String::new();
    let mut found = Vec::new();
    for line in lock.lines() {
        if let Some(next) = value(line, "name") {
            name = next;
        }
        if let Some(version) = value(line, "version")
            && NUMERIC.contains(&name.as_str())
        {
            found.push(format!("{name} {version}"));
        }
    }
    found.join(",")
}
