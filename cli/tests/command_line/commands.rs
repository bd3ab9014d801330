//! The command line as its users meet it: results, exit codes, one clear line for every fault.

use std::fs;
use std::time::{Duration, Instant};

use crate::folder::{Folder, assert_refused, text};
use serde_json::Value;
use sharpflow::data::Dataset;
use sharpflow_theorems::instance::Obstacle;
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
    // So are the kinds of reasons for which draws are left out.
    for obstacle in Obstacle::ALL {
        let explained = folder.run(&["explain", obstacle.words().name]);
        assert!(explained.status.success() && text(&explained.stdout).contains("What would help: "));
        assert_eq!(serde_json::to_value(obstacle).unwrap(), obstacle.words().name);
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
        &["verify", "--max-steps", "100000"],
        &["verify", "--network", "circle", "--max-steps", "5"],
        &["verify", "--group", "w"],
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
    refused("large.csv", Some("1,2,1\n3,1e200,2\n"), &["line 2", "column 2", "too large"]);
}

#[test]
fn data_without_a_kernel_stand_still_and_say_so() {
    let folder = Folder::new("kernel");
    folder.random("tall.csv", 12, 4, 0);
    let arguments = ["--data", "tall.csv", "--target", "5"];
    let traced = folder.run(&[&["trace", "--quiet"], &arguments[..]].concat());
    assert_refused(&traced, &["tall.csv: ", "single point", "rank 4", "stands still"]);
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
    // Other data under the same name are another study, and what is no evidence is no one's to replace.
    let of_data = |rows: &str| {
        fs::write(folder.0.join("d.csv"), rows).unwrap();
        folder.run(&["verify", "sharpness_scaling", "--data", "d.csv", "--target", "y", "--quiet", "--out", "data"])
    };
    let rows = "a,b,c,y\n1.5,2,0.5,1\n0.25,1,3,2\n-1,0.5,1,0\n";
    assert_eq!(of_data(rows).status.code(), Some(0));
    assert_eq!(of_data(rows).status.code(), Some(0));
    assert_refused(&of_data(&rows.replace("0.25", "0.5")), &["another study", "--force"]);
    fs::write(folder.0.join("data/evidence.json"), "hi").unwrap();
    assert_refused(&of_data(rows), &["another study", "--force"]);
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
    assert!(table.contains("30 confirmed."), "{table}");
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
