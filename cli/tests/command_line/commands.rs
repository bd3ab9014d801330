//! The command line as its users meet it: results, exit codes, one clear line for every fault.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::folder::{Folder, assert_refused, text};
use serde_json::Value;
use sharpflow::data::Dataset;
use sharpflow_theorems::registry::REGISTRY;

/// The combining mark of η̃, which takes no column.
const TILDE: char = '\u{303}';

#[test]
fn list_and_explain_name_every_claim() {
    let folder = Folder::new("list");
    let listed = text(&folder.run(&["list"]).stdout);
    assert_eq!(listed.lines().count(), REGISTRY.len());
    for line in listed.lines() {
        let id = line.split_whitespace().next().unwrap();
        let explained = folder.run(&["explain", id]);
        assert!(explained.status.success() && text(&explained.stdout).contains("Derivation: proofs-notes/"));
    }
    assert_refused(&folder.run(&["explain", "nothing"]), &["no claim \"nothing\"", "sharpness_reduction_flow"]);
    assert_refused(&folder.run(&["verify", "nothing"]), &["no claim \"nothing\""]);
}

#[test]
fn wrong_usage_is_refused() {
    let folder = Folder::new("usage");
    for arguments in [
        &["trace", "--no-such-flag"][..],
        &["trace", "--data", "x.csv"],
        &["trace", "--stride", "0"],
        &["trace", "--seed", "-1"],
        &["verify", "--threads", "none"],
        &["verify", "--threads", "0"],
        &["verify", "--threads", "99999"],
        &["frobnicate"],
    ] {
        let output = folder.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!text(&output.stderr).contains("panicked"));
    }
}

#[test]
fn numbers_out_of_their_domain_are_refused() {
    let folder = Folder::new("domain");
    let refused = |arguments: &[&str], said: &[&str]| {
        let output = folder.run(&[&["trace"], arguments].concat());
        assert_refused(&output, said);
    };
    refused(&["--intrinsic-lr", "1"], &["ηλ = 1"]);
    refused(&["--intrinsic-lr", "-1e-3"], &["ηλ = -0.001"]);
    refused(&["--intrinsic-lr", "nan"], &["ηλ = NaN"]);
    refused(&["--lr", "0"], &["η = 0"]);
    refused(&["--lr", "-1"], &["η = -1"]);
    refused(&["--lr", "inf"], &["η = inf"]);
    refused(&["--weight-decay", "-1"], &["ηλ = -0.1"]);
    refused(&["--weight-decay", "20"], &["ηλ = 2"]);
    refused(&["--weight-decay", "1", "--intrinsic-lr", "1e-3"], &["twice"]);
    refused(&["--weight-decay", "0"], &["--steps"]);
    refused(&["--angle", "1.6"], &["off Γ", "1.6"]);
    refused(&["--angle", "-0.1"], &["off Γ"]);
    refused(&["--angle", "nan"], &["off Γ"]);
    refused(&["--kick", "1e6"], &["off Γ", "|h|"]);
    refused(&["--kick", "nan"], &["off Γ"]);
    refused(&["--edge-offset", "-2"], &["edge offset"]);
    refused(&["--tau", "0"], &["τ = 0"]);
    refused(&["--tau", "inf"], &["τ = inf"]);
    refused(&["--intrinsic-lr", "1e-300"], &["too long"]);
    refused(&["--steps", "18446744073709551615"], &["too long"]);
    refused(&["--instance", "nothing"], &["digits, random"]);
}

#[test]
fn files_that_are_no_data_are_refused_with_line_and_column() {
    let folder = Folder::new("files");
    let refused = |name: &str, content: Option<&str>, said: &[&str]| {
        if let Some(content) = content {
            folder.file(name, content);
        }
        for command in ["trace", "verify"] {
            assert_refused(&folder.run(&[command, "--data", name, "--target", "1"]), said);
        }
    };
    refused("absent.csv", None, &["cannot read", "absent.csv"]);
    refused("empty.csv", Some(""), &["no data rows"]);
    refused("ragged.csv", Some("1,2\n3,4\n5\n"), &["line 3", "1 columns", "2"]);
    refused("word.csv", Some("1,2\n3,four\n"), &["line 2", "column 2", "four"]);
    refused("nan.csv", Some("1,2\n3,nan\n"), &["line 2", "column 2", "not finite"]);
    refused("infinite.csv", Some("1,2\ninf,3\n"), &["line 2", "column 1", "not finite"]);
    refused("constant.csv", Some("5,2\n5,3\n5,4\n"), &["constant"]);
    refused("few.csv", Some("1,2\n3,4\n"), &["2 rows"]);
    refused("large.csv", Some("1,2\n3,1e200\n"), &["line 2", "column 2", "too large"]);
}

#[test]
fn data_without_a_kernel_stand_still_and_say_so() {
    let folder = Folder::new("kernel");
    folder.random("tall.csv", 12, 4, 0);
    let arguments = ["--data", "tall.csv", "--target", "5"];
    let traced = folder.run(&[&["trace"], &arguments[..]].concat());
    assert_refused(&traced, &["single point", "rank 4", "stands still"]);
    let verified = folder.run(&[&["verify", "sharpness_reduction_flow", "--json"], &arguments[..]].concat());
    assert_eq!(verified.status.code(), Some(3));
    let evidence: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(evidence["claims"][0]["verdict"], "not-judged");
    assert!(evidence["claims"][0]["reason"].as_str().unwrap().contains("single point"));
    // What needs no runs is judged all the same.
    let bounds = ["sharpness_scaling", "descent_lemma", "stability_threshold", "small_gradient", "stable_regime_exit"];
    let verified = folder.run(&[&["verify", "--json", "--force"], &bounds[..], &arguments[..]].concat());
    assert_eq!(verified.status.code(), Some(0));
    let evidence: Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert!(evidence["claims"].as_array().unwrap().iter().all(|claim| claim["verdict"] == "confirmed"), "{evidence}");
}

/// The shape and what was decided are said once, and not at all when quiet.
#[test]
fn how_a_table_was_read_is_said() {
    let folder = Folder::new("reading");
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cases/header_of_numbers.csv"), folder.0.join("n.csv"))
        .unwrap();
    let arguments = ["trace", "--data", "n.csv", "--target", "7", "--steps", "50"];
    let output = folder.run(&arguments);
    assert!(output.status.success());
    let said = text(&output.stderr);
    let shape = "5 samples × 6 features, target 6, header yes (its first line has whole numbers, the others have not)";
    assert!(said.contains(shape) && said.contains("no column is named \"7\""), "{said}");
    assert_eq!(said.matches("samples").count(), 1);
    let trace = folder.json("sharpflow-trace/trace.json");
    assert!((trace["rows"][0]["sharpness_on_gamma"].as_f64().unwrap() / 26.014_452_546_455 - 1.0).abs() < 1e-12);
    let quiet = folder.run(&[&arguments[..], &["--quiet"]].concat());
    assert!(!text(&quiet.stderr).contains("samples"));
    let forced = folder.run(&[&arguments[..], &["--header", "no"]].concat());
    assert!(text(&forced.stderr).contains("6 samples × 6 features"));
    for wrong in [["--header", "perhaps"], ["--delimiter", "ab"]] {
        assert_eq!(folder.run(&[&arguments[..], &wrong].concat()).status.code(), Some(2));
    }
}

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
fn evidence_of_another_study_is_not_replaced() {
    let folder = Folder::new("occupied");
    let verify = |claim: &str, more: &[&str]| {
        folder.run(&[&["verify", claim, "--network", "circle", "--quiet", "--out", "e"], more].concat())
    };
    assert_eq!(verify("scale_invariance", &[]).status.code(), Some(0));
    let before = fs::read(folder.0.join("e/SHA256SUMS")).unwrap();
    assert_refused(&verify("effective_learning_rate", &[]), &["another study", "--force"]);
    assert_eq!(fs::read(folder.0.join("e/SHA256SUMS")).unwrap(), before);
    // The same study may be made again, and another one on demand.
    assert_eq!(verify("scale_invariance", &[]).status.code(), Some(0));
    assert_eq!(verify("effective_learning_rate", &["--force"]).status.code(), Some(0));
    assert_ne!(fs::read(folder.0.join("e/SHA256SUMS")).unwrap(), before);
}

/// What would not fit into memory is refused before it is asked for, with what fits.
#[test]
fn networks_too_large_for_memory_are_refused() {
    let folder = Folder::new("memory");
    let output = folder.run(&["verify", "pinning", "--network", "batch_norm", "--size", "width=100000", "--json"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let evidence: Value = serde_json::from_slice(&output.stdout).unwrap();
    let reason = evidence["claims"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("GiB") && reason.contains("weights fit"), "{reason}");
}

#[test]
fn a_fit_without_interpolation_runs_and_says_so() {
    let folder = Folder::new("fit");
    // Each of three features twice: a kernel, and more samples than rank.
    let narrow = Dataset::random(10, 3, 5);
    let row = |i: usize| {
        let f = |j: usize| narrow.features[(i, j)];
        format!("{},{},{},{},{},{},{}\n", f(0), f(1), f(2), f(0), f(1), f(2), narrow.targets[i])
    };
    folder.file("tall.csv", &("a,b,c,d,e,f,y\n".to_string() + &(0..10).map(row).collect::<String>()));
    let output = folder.run(&["trace", "--data", "tall.csv", "--target", "y", "--intrinsic-lr", "1e-4", "--quiet"]);
    assert!(output.status.success());
    assert!(text(&output.stderr).contains("does not interpolate"));
    let rows = folder.json("sharpflow-trace/trace.json");
    assert!(rows["summary"]["largest_projected_distance_to_flow"].as_f64().unwrap() < 0.05);
    assert!(rows["rows"][0]["loss"].as_f64().unwrap() > 0.01);
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

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_the_work() {
    let folder = Folder::new("unwritable");
    folder.file("taken", "");
    for command in ["trace", "verify"] {
        let started = Instant::now();
        assert_refused(&folder.run(&[command, "--out", "taken/inside"]), &["cannot write", "taken"]);
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn threads_change_no_byte_of_the_evidence() {
    let folder = Folder::new("threads");
    folder.random("wide.csv", 8, 12, 3);
    let run = |threads: &str| {
        let output = folder.run(&[
            "verify",
            "sharpness_reduction_flow",
            "effective_learning_rate",
            "--data",
            "wide.csv",
            "--target",
            "13",
            "--threads",
            threads,
            "--quiet",
            "--out",
            threads,
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        // The digests of all files but the circumstances.
        fs::read(folder.0.join(threads).join("SHA256SUMS")).unwrap()
    };
    assert!(run("1") == run("3"));
    let evidence = folder.json("1/evidence.json");
    assert_eq!(evidence["status"], "complete");
    assert_eq!(evidence["parameters"]["claims"].as_array().unwrap().len(), 2);
    assert!(folder.json("1/circumstances.json")["seconds"].as_f64().unwrap() > 0.0);
}

/// Waits for a file of `size` bytes in the folder, then interrupts the process as Ctrl-C does.
#[cfg(unix)]
fn interrupt(mut command: Command, folder: &Path, size: u64) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    let grown = || {
        let files = fs::read_dir(folder).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).any(|m| m.len() >= size)
    };
    while !grown() {
        assert!(started.elapsed() < Duration::from_secs(60), "nothing grew in {}", folder.display());
        sleep(Duration::from_millis(20));
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    child.wait_with_output().unwrap()
}

#[cfg(unix)]
#[test]
fn an_interrupted_trace_keeps_what_it_has() {
    let folder = Folder::new("interrupt-trace");
    let command = folder.command(&["trace", "--tau", "1000", "--stride", "101"]);
    let output = interrupt(command, &folder.0.join("sharpflow-trace"), 10_000);
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("interrupted"));
    let trace = folder.json("sharpflow-trace/trace.json");
    assert_eq!(trace["summary"]["status"], "interrupted");
    assert!(trace["rows"].as_array().unwrap().len() > 10);
    assert!(folder.0.join("sharpflow-trace/trace.png").exists());
}

#[cfg(unix)]
#[test]
fn an_interrupted_verify_keeps_the_claims_it_has() {
    let folder = Folder::new("interrupt-verify");
    let command = folder.command(&["verify", "effective_learning_rate", "sharpness_reduction_flow"]);
    let output = interrupt(command, &folder.0.join("sharpflow-evidence"), 0);
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert_eq!(folder.json("sharpflow-evidence/partial/evidence.json")["status"], "partial");
    let claim = folder.json("sharpflow-evidence/partial/claims/sharpness_reduction_flow.json");
    assert_eq!(claim["verdict"], "inconclusive");
    assert!(claim["reason"].as_str().unwrap().contains("interrupted"));
    // It is told apart from a whole study by whoever reads it.
    assert_refused(&folder.run(&["report", "sharpflow-evidence"]), &["interrupted study", "partial"]);
    assert_refused(&folder.run(&["check-evidence", "sharpflow-evidence/partial"]), &["interrupted study"]);
    assert!(text(&folder.run(&["cite", "sharpflow-evidence/partial"]).stdout).contains("do not cite"));
}

/// Between rows too: this run has a single row in sight.
#[cfg(unix)]
#[test]
fn an_interrupt_is_heard_between_rows() {
    let folder = Folder::new("interrupt-between");
    let command =
        folder.command(&["trace", "--weight-decay", "0", "--steps", "1000000000000", "--stride", "999999999999"]);
    let started = Instant::now();
    let output = interrupt(command, &folder.0.join("sharpflow-trace"), 0);
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(started.elapsed() < Duration::from_secs(60));
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

#[test]
fn a_users_file_is_read_by_every_claim_and_can_be_confirmed() {
    let folder = Folder::new("users");
    let absent = ["verify", "effective_learning_rate", "--data", "absent.csv", "--target", "1"];
    assert_refused(&folder.run(&absent), &["cannot read"]);
    assert!(!folder.0.join("sharpflow-evidence").exists(), "an empty folder is left");
    folder.random("wide.csv", 8, 12, 3);
    let output = folder.run(&["verify", "--data", "wide.csv", "--target", "13"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let table = text(&output.stdout);
    assert!(!table.contains("held_out_error") && table.contains("minimum_norm_convergence"), "{table}");
    assert!(table.lines().all(|line| line.chars().filter(|c| *c != TILDE).count() <= 80), "{table}");
    assert!(table.contains("22 confirmed."), "{table}");
    let verbose =
        folder.run(&["verify", "pinning", "--data", "wide.csv", "--target", "13", "--verbose", "--out", "verbose"]);
    assert!(text(&verbose.stdout).contains("wrong twins rejected"), "{}", text(&verbose.stdout));
    let twice = folder.run(&["verify", "effective_learning_rate", "effective_learning_rate", "--json", "--force"]);
    let evidence: Value = serde_json::from_slice(&twice.stdout).unwrap();
    assert_eq!(evidence["claims"].as_array().unwrap().len(), 1);
    let option = folder.run(&[
        "verify",
        "--claims",
        "effective_learning_rate,projected_gradient_descent",
        "--json",
        "--out",
        "o",
    ]);
    let evidence: Value = serde_json::from_slice(&option.stdout).unwrap();
    assert_eq!(evidence["claims"].as_array().unwrap().len(), 2);
    assert_refused(&folder.run(&["verify", "--claims", "nothing"]), &["no claim \"nothing\""]);
}
