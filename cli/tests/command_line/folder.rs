//! Runs the command line in a folder of its own.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use sharpflow::data::Dataset;

/// A folder of its own for each test, removed with the value.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sharpflow-cli-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sharpflow"));
        command.args(arguments).current_dir(&self.0);
        command
    }

    pub fn file(&self, name: &str, content: &str) {
        fs::write(self.0.join(name), content).unwrap();
    }

    /// A file of random data with the target in the last column.
    pub fn random(&self, name: &str, n: usize, d: usize, seed: u64) {
        let data = Dataset::random(n, d, seed);
        let row = |i: usize| {
            let features = (0..d).map(|j| data.features[(i, j)].to_string());
            features.chain([data.targets[i].to_string()]).collect::<Vec<_>>().join(",")
        };
        self.file(name, &((0..n).map(row).collect::<Vec<_>>().join("\n") + "\n"));
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a command wrote.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Fails with code 2 and one line that holds all of `said`.
pub fn assert_refused(output: &Output, said: &[&str]) {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    for part in said {
        assert!(error.contains(part), "{error:?} does not say {part:?}");
    }
    assert!(!error.contains("panicked"));
}
