//! `trace` as its users meet it: what it writes, says and refuses.

use std::fs;

use crate::folder::{Folder, text};
use serde_json::Value;

/// A row fifteen times as large as the others: λ₁ off Γ is known as well as on it.
#[test]
fn an_outlying_row_is_traced() {
    let folder = Folder::new("outlier");
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cases/outlier_town.csv"), folder.0.join("o.csv")).unwrap();
    let output =
        folder.run(&["trace", "--data", "o.csv", "--target", "y", "--steps", "200", "--intrinsic-lr", "1e-14"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let first = &folder.json("sharpflow-trace/trace.json")["rows"][0];
    let of = |field: &str| first[field].as_f64().unwrap();
    assert!((of("sharpness_on_gamma") / 58_695_483.174_51 - 1.0).abs() < 1e-12);
    // θ is off Γ by |h|, along which λ₁ changes by some ‖∇³L‖/λ₁.
    assert!((of("sharpness") / of("sharpness_on_gamma") - 1.0).abs() < 1e4 * of("displacement").abs());
}

/// Outside the theory's range a trace says so, with the range.
#[test]
fn a_trace_beyond_the_range_says_so() {
    let folder = Folder::new("range");
    let beyond = |rate: &str| {
        let output = folder.run(&["trace", "--instance", "random", "--intrinsic-lr", rate, "--steps", "20", "--quiet"]);
        text(&output.stderr).contains("the theory's range ends at ηλ = ")
    };
    assert!(beyond("0.3") && !beyond("1e-9"));
}

/// Far along the flow stands at its end, and is no stiff equation.
#[test]
fn a_long_trace_stands_at_the_fixed_point() {
    let folder = Folder::new("long");
    let arguments =
        ["trace", "--instance", "random", "--intrinsic-lr", "1e-2", "--tau", "4000", "--seed", "3", "--quiet"];
    let output = folder.run(&arguments);
    let said = text(&output.stderr);
    assert!(!said.contains("stiff"), "{said}");
}

#[test]
fn a_trace_is_written_whole_and_repeats_to_the_byte() {
    let folder = Folder::new("trace");
    let arguments = ["trace", "--instance", "random", "--intrinsic-lr", "1e-4", "--seed", "3", "--angle", "1"];
    let run = |out: &str| {
        let output = folder.run(&[&arguments[..], &["--out", out]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        fs::read(folder.0.join(out).join("trace.json")).unwrap()
    };
    assert!(run("a") == run("b"), "the same seed gave other bytes");
    let trace = folder.json("a/trace.json");
    let rows = trace["rows"].as_array().unwrap();
    assert_eq!(trace["summary"]["status"], "complete");
    assert_eq!(trace["summary"]["rows"].as_u64().unwrap() as usize, rows.len());
    for field in ["version", "commit", "compiler", "crates", "generator"] {
        assert!(trace["provenance"][field].as_str().is_some_and(|s| !s.is_empty()), "{field}");
    }
    // tan φ falls by e² and λ₁ with it, up to O(√(ηλ)).
    let last = &rows[rows.len() - 1];
    let of = |row: &Value, field: &str| row[field].as_f64().unwrap();
    let fallen = of(&rows[0], "angle").tan() / of(last, "angle").tan();
    assert!((fallen / 2f64.exp() - 1.0).abs() < 3.0 * 1e-4f64.sqrt(), "{fallen}");
    assert!((of(last, "tau") - 2.0).abs() < 1e-9);
    let csv = fs::read_to_string(folder.0.join("a/trace.csv")).unwrap();
    assert_eq!(csv.lines().count(), rows.len() + 1);
    assert!(csv.starts_with("step,tau,loss,weight_norm,effective_learning_rate,edge,sharpness,"));
    assert!(fs::read(folder.0.join("a/trace.png")).unwrap().starts_with(b"\x89PNG"));
    assert!(fs::read_to_string(folder.0.join("a/trace.svg")).unwrap().contains("<svg"));
    let streamed = folder.run(&[&arguments[..], &["--json"]].concat());
    assert_eq!(serde_json::from_slice::<Value>(&streamed.stdout).unwrap()["rows"], trace["rows"]);
}

#[test]
fn without_weight_decay_the_sharpness_stays() {
    let folder = Folder::new("control");
    let output = folder.run(&["trace", "--weight-decay", "0", "--steps", "20000", "--quiet"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let trace = folder.json("sharpflow-trace/trace.json");
    let rows = trace["rows"].as_array().unwrap();
    let sharpness = |row: &Value| row["sharpness_on_gamma"].as_f64().unwrap();
    let change = sharpness(&rows[rows.len() - 1]) / sharpness(&rows[0]) - 1.0;
    assert!(change.abs() < 0.01, "{change}");
    assert_eq!(rows[rows.len() - 1]["tau"], 0.0);
}

/// A run that fails says why, with the code of what is undecided, and leaves no picture of nothing.
#[test]
fn the_first_cause_of_a_failure_is_told() {
    let folder = Folder::new("cause");
    // η at the ends of the range: weights that are not finite at once, or after a step.
    for (rate, code, said) in [("1e308", 2, ["weight 0", "0 rows"]), ("1e-320", 3, ["not finite", "1 rows"])] {
        let output = folder.run(&["trace", "--instance", "random", "--lr", rate, "--steps", "50"]);
        assert_eq!(output.status.code(), Some(code));
        let error = text(&output.stderr);
        assert!(said.iter().all(|part| error.contains(part)), "{error}");
        assert_eq!(folder.0.join("sharpflow-trace/trace.png").exists(), code == 3);
        assert_eq!(folder.json("sharpflow-trace/trace.json")["summary"]["status"], "failed");
    }
}
