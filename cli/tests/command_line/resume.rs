//! A study that is killed goes on where it was, to the same bytes.

use std::fs::{read, read_dir, write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::folder::Folder;

const CLAIMS: [&str; 5] = ["quasi_rmsprop", "loss_range", "stable_regime_exit", "stability_threshold", "energy_law"];

fn start(folder: &Folder, out: &Path, threads: &str) -> Child {
    let mut command = folder.command(&["verify", "--instances", "1", "--quiet", "--threads", threads, "--out"]);
    command.arg(out).args(CLAIMS).stdout(Stdio::null()).spawn().unwrap()
}

fn kept(out: &Path) -> Vec<PathBuf> {
    let folders = read_dir(out.join("unfinished")).into_iter().flatten().flatten();
    let files = folders.flat_map(|folder| read_dir(folder.path()).into_iter().flatten().flatten());
    files.map(|file| file.path()).filter(|file| file.extension().is_some_and(|e| e == "cbor")).collect()
}

/// Runs until more than `files` parts are kept, and is killed then.
fn killed_after(folder: &Folder, out: &Path, files: usize) {
    let mut child = start(folder, out, "2");
    let begun = Instant::now();
    while kept(out).len() <= files && begun.elapsed() < Duration::from_secs(100) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(kept(out).len() > files);
    assert!(!out.join("evidence.json").exists());
}

#[test]
fn a_killed_study_ends_with_the_same_bytes() {
    let folder = Folder::new("resume");
    let (undisturbed, disturbed) = (folder.0.join("a"), folder.0.join("b"));
    let code = start(&folder, &undisturbed, "1").wait().unwrap().code();
    killed_after(&folder, &disturbed, 0);
    killed_after(&folder, &disturbed, 2);
    // A file that was cut, one that is none of ours, and one with a flipped bit.
    let files = kept(&disturbed);
    let bytes = read(&files[0]).unwrap();
    write(&files[0], &bytes[..bytes.len() / 2]).unwrap();
    write(&files[1], b"nonsense").unwrap();
    // One bit of a number, which still reads as one.
    let mut bytes = read(&files[2]).unwrap();
    let late = bytes.len() - 20;
    bytes[late] ^= 1;
    write(&files[2], &bytes).unwrap();
    assert_eq!(start(&folder, &disturbed, "2").wait().unwrap().code(), code);
    // The digests of all files but the circumstances.
    let evidence = |out: &Path| read(out.join("SHA256SUMS")).unwrap();
    assert!(evidence(&undisturbed) == evidence(&disturbed), "other bytes");
    assert!(!disturbed.join("unfinished").exists(), "what was kept is no longer needed");
}
