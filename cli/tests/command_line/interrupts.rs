//! Ctrl-C: what was computed is kept, and told apart from what is whole.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::folder::{Folder, assert_refused, text};

/// Waits for a file of `size` bytes in the folder, then interrupts the process as Ctrl-C does.
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
