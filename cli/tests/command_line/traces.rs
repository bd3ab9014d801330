//! `trace` as its users meet it: what it writes, says and refuses.

use std::fs;

use crate::folder::{Folder, assert_refused, text};
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

/// A network is trained, then traced; the prediction is the flow of λ₁ = 1 + 20 cos²φ on a circle, integrated here.
#[test]
fn a_network_is_traced_beside_its_flow() {
    let folder = Folder::new("network");
    let arguments = ["trace", "--network", "circle", "--intrinsic-lr", "1e-4", "--tau", "0.5", "--seed", "2"];
    let output = folder.run(&arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let trace = folder.json("sharpflow-trace/trace.json");
    assert_eq!(trace["schema"], "sharpflow-trace/2");
    assert_eq!(trace["input"]["kind"], "network");
    assert!(trace["angle"].is_null());
    let rows = trace["rows"].as_array().unwrap();
    let (first, last) = (&rows[0], &rows[rows.len() - 1]);
    let of = |row: &Value, field: &str| row[field].as_f64().unwrap();
    let sharpness = |phi: f64| 1.0 + 20.0 * phi.cos().powi(2);
    // dφ/dτ = −2G/(4 + G²), with G = d log λ₁/dφ.
    let rate = |phi: f64| {
        let gradient = -20.0 * (2.0 * phi).sin() / sharpness(phi);
        -2.0 * gradient / (4.0 + gradient * gradient)
    };
    let mut phi = ((of(first, "sharpness_predicted") - 1.0) / 20.0).sqrt().acos();
    let (steps, end) = (2000, of(last, "tau"));
    let step = end / f64::from(steps);
    for _ in 0..steps {
        phi += step * rate(phi + 0.5 * step * rate(phi));
    }
    assert!((end - 0.5).abs() < 1e-12);
    // Midpoint steps of 0.00025 err by some 10⁻⁷ of λ₁, the flow of the trace by 10⁻¹⁰.
    assert!((of(last, "sharpness_predicted") / sharpness(phi) - 1.0).abs() < 1e-6);
    assert!(of(last, "sharpness_on_gamma") < 0.95 * of(first, "sharpness_on_gamma"));
    for row in rows {
        assert!(row["angle"].is_null());
        // The theory's order is √(ηλ).
        let apart = of(row, "sharpness_on_gamma") / of(row, "sharpness_predicted") - 1.0;
        assert!(apart.abs() < 10.0 * 1e-4f64.sqrt(), "{row}");
    }
    let repeated = folder.run(&[&arguments[..], &["--out", "again"]].concat());
    assert!(repeated.status.success());
    let bytes = |name: &str| fs::read(folder.0.join(name)).unwrap();
    assert!(bytes("sharpflow-trace/trace.csv") == bytes("again/trace.csv"), "the same seed gave other bytes");
}

#[test]
fn a_network_that_cannot_be_traced_is_refused() {
    let folder = Folder::new("no-network");
    folder.file("kept.toml", "[weights]\nw = [2]\n[nodes]\nloss = { op = \"sum\", of = \"w\", axes = [0] }\n");
    folder.file("r.csv", "1,2,3\n2,1,4\n0,1,1\n");
    for (more, said) in [
        (&["--network", "nosuch.toml"][..], "no network file"),
        (&["--network", "kept.toml"], "not proved scale-invariant"),
        (&["--network", "circle", "--size", "width"], "NAME=NUMBER"),
        (&["--network", "circle", "--group", "q"], "no weights"),
        (&["--network", "circle", "--kick", "1e9"], "the start is off Γ"),
    ] {
        assert_refused(&folder.run(&[&["trace"], more].concat()), &[said]);
    }
    for more in [&["--angle", "1"][..], &["--instance", "random"], &["--data", "r.csv", "--target", "3"]] {
        let output = folder.run(&[&["trace", "--network", "circle"], more].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("cannot be used with"), "{}", text(&output.stderr));
    }
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
