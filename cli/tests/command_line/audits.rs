//! `audit`: verdicts, exit codes, JSON, and logs that are wrong.

use std::path::Path;

use crate::folder::{Folder, assert_refused, text};
use serde_json::Value;

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/logs").join(name).to_string_lossy().into_owned()
}

#[test]
fn exit_codes_are_those_of_the_verdicts() {
    let folder = Folder::new("audit");
    for (log, more, code, said) in [
        ("sgd_full_6digits.csv.gz", &[][..], 0, "✓ confirmed         gradient_descent"),
        ("sgd_full_6digits.csv.gz", &["--weight-decay", "0.006"], 1, "worst at line"),
        ("adamw.csv.gz", &[], 0, "another optimizer"),
        ("adamw.csv.gz", &["--momentum", "0"], 1, "✗ refuted"),
        ("not_scale_invariant.csv.gz", &[], 1, "✗ refuted           scale_invariance"),
        // λ₁ was read at the edge, and is too far off for so large an ηλ to say why.
        ("sgd_momentum.csv.gz", &[], 3, "? inconclusive      edge_of_stability"),
    ] {
        let log = fixture(log);
        let arguments: Vec<&str> = ["audit", &log].into_iter().chain(more.iter().copied()).collect();
        let output = folder.run(&arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stdout));
        assert!(text(&output.stdout).contains(said), "{arguments:?}: {}", text(&output.stdout));
    }
}

#[test]
fn an_audit_is_json_with_its_provenance() {
    let folder = Folder::new("audit-json");
    let output = folder.run(&["audit", &fixture("sgd_logged_after_step.csv.gz"), "--json"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["schema"], "sharpflow-audit/1");
    assert_eq!((&found["logged"], &found["rows"]), (&"after-the-step".into(), &1000.into()));
    assert!(found["provenance"]["commit"].is_string() && found["findings"].as_array().unwrap().len() == 6);
    // Another run of it says the same to the byte.
    assert_eq!(folder.run(&["audit", &fixture("sgd_logged_after_step.csv.gz"), "--json"]).stdout, output.stdout);
}

#[test]
fn wrong_logs_and_settings_are_refused_in_a_line() {
    let folder = Folder::new("audit-wrong");
    assert_refused(&folder.run(&["audit", "none.csv"]), &["cannot read none.csv"]);
    folder.file("empty.csv", "");
    assert_refused(&folder.run(&["audit", "empty.csv"]), &["the log is empty"]);
    folder.file("words.csv", "step,lr,weight_decay,loss,w2\n0,1,1,1,1\n");
    assert_refused(
        &folder.run(&["audit", "words.csv"]),
        &["no column is named g2", "step, lr, weight_decay, loss, w2"],
    );
    for (option, value, said) in [
        ("--momentum", "1.5", "--momentum 1.5 is not in [0, 1)"),
        ("--momentum", "nan", "--momentum NaN is not in [0, 1)"),
        ("--lr", "0", "--lr 0 is not a positive number"),
        ("--weight-decay", "-1", "--weight-decay -1 is not 0 or a positive number"),
    ] {
        assert_refused(&folder.run(&["audit", &fixture("adamw.csv.gz"), option, value]), &[said]);
    }
    // The log of a run that goes on ends in half a line.
    let rows = "step,lr,weight_decay,momentum,loss,w2,g2,wg\n0,0.1,0,0,1,1,1,0\n1,0.1,0,0,1,1.01,1,0\n2,0.1,0";
    folder.file("half.csv", rows);
    let output = folder.run(&["audit", "half.csv"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("2 rows, steps 0 to 1"), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("line 4 has 3 fields, the header 8; the 2 rows before were judged"));
}

#[test]
fn a_page_shows_the_verdicts_and_the_curves() {
    let folder = Folder::new("audit-page");
    let output = folder.run(&["audit", &fixture("sgd_full_6digits.csv.gz"), "--page", "page.html"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = folder.read("page.html");
    for part in ["Audit of sgd_full_6digits.csv.gz", "✓ confirmed", "(rejected)", "<svg", "edge of stability", "√(2ηλ)"]
    {
        assert!(page.contains(part), "no {part}");
    }
    // A log without λ₁ has no such curve, and a page that cannot be written is an error after the verdicts.
    let rows = "0,0.1,0.01,0,1.0,1.0,0.5\n1,0.1,0.01,0,0.9,0.99,0.4\n2,0.1,0.01,0,0.8,0.98,0.3\n";
    folder.file("short.csv", &format!("step,lr,weight_decay,momentum,loss,w2,g2\n{rows}"));
    folder.run(&["audit", "short.csv", "--page", "short.html"]);
    assert_eq!(folder.read("short.html").matches("<figure>").count(), 3);
    assert_refused(
        &folder.run(&["audit", "short.csv", "--page", "no/such/place.html"]),
        &["cannot write no/such/place.html"],
    );
}
