//! The command line `sharpflow`: reads arguments, calls the rest, prints. Errors are one line; exit codes are
//! 0 all confirmed (or done), 1 something refuted, 2 usage or bad input, 3 undecided, 130 interrupted.

mod arguments;
mod check;
mod cite;
mod inspect;
mod progress;
mod report;
mod table;
mod trace;
mod verify;

use std::io::{self, Write, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use rayon::ThreadPoolBuildError;
use sharpflow::data::TableReading;
use sharpflow::network::NetworkError;
use sharpflow::network::file::FileError;
use thiserror::Error;

use crate::evidence::{FolderError, Strength};
use crate::records::Progress;
use crate::registry::{REGISTRY, find};
use crate::report::ReportError;
use crate::runner::StudyError;
use crate::theorem::Theorem;
use crate::trace::TraceError;

use arguments::{Arguments, Command};

const BAD_INPUT: u8 = 2;
const UNDECIDED: u8 = 3;
const INTERRUPTED: u8 = 130;

/// What ends a command before its work is done.
#[derive(Debug, Error)]
enum CliError {
    #[error("no claim {id:?}; there are: {}", REGISTRY.map(|claim| claim.id).join(", "))]
    NoSuchClaim { id: String },
    #[error("--intrinsic-lr and a --weight-decay other than 0 say the same thing twice")]
    DecayTwice,
    #[error("{name}: {source}")]
    Network { name: String, source: Box<FileError> },
    #[error("no network file {name:?}; built in are: {built_in}")]
    NoSuchNetwork { name: String, built_in: String },
    #[error("--size {text:?} is not NAME=NUMBER")]
    Size { text: String },
    #[error(transparent)]
    Inspection(#[from] NetworkError),
    #[error(transparent)]
    Study(#[from] StudyError),
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error("{} does not say what to run again: its evidence.json is missing or damaged", path.display())]
    Unrepeatable { path: PathBuf },
    #[error("{} holds an interrupted study: let `verify` finish it first", path.display())]
    Interrupted { path: PathBuf },
    #[error("{} holds the evidence of another study: choose another folder by --out, or replace it by --force", path.display())]
    Occupied { path: PathBuf },
    #[error("--tolerance {tolerance} is not a number from 0 on")]
    Tolerance { tolerance: f64 },
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("cannot start threads: {0}")]
    Threads(#[from] ThreadPoolBuildError),
    #[error("cannot listen for Ctrl-C: {0}")]
    Interrupt(#[from] ctrlc::Error),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // Usage errors end here, with clap's own exit code 2.
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Verify(arguments) => verify::verify(&arguments),
        Command::Trace(arguments) => trace::trace(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::CheckEvidence(arguments) => check::check(&arguments),
        Command::Report(arguments) => report::report(&arguments),
        Command::Cite { evidence } => cite::cite(evidence.as_deref()),
        Command::List => print(&list()).map(|()| 0),
        Command::Explain { claim } => claim_of(&claim).and_then(|claim| print(&explain(claim)).map(|()| 0)),
    };
    ExitCode::from(done.unwrap_or_else(|error| {
        say(&format!("error: {error}"));
        BAD_INPUT
    }))
}

/// Prints a line to standard error; if that is gone there is nobody left to tell.
fn say(line: &str) {
    let _ = writeln!(stderr(), "sharpflow: {line}");
}

/// How a table was read: its shape and the decisions made, and what else a user should know.
fn reading_lines(file: &str, reading: &TableReading) -> Vec<String> {
    let notes = reading.notes.iter().map(|note| format!("note: {file}: {note}"));
    std::iter::once(format!("{file}: {reading}")).chain(notes).collect()
}

/// Prints to standard output; a reader that has gone away (`| head`) is no error.
fn print(text: &str) -> Result<(), CliError> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(source) => Err(CliError::Write { path: "standard output".into(), source }),
        Ok(()) => Ok(()),
    }
}

/// Stops the work at Ctrl-C, the process at a second one.
fn stop_on_interrupt(progress: &Arc<Progress>) -> Result<(), CliError> {
    let progress = Arc::clone(progress);
    ctrlc::set_handler(move || {
        if progress.stopped() {
            std::process::exit(INTERRUPTED.into());
        }
        say("stopping; once more to quit at once");
        progress.stop();
    })?;
    Ok(())
}

fn claim_of(id: &str) -> Result<&'static Theorem, CliError> {
    find(id).ok_or_else(|| CliError::NoSuchClaim { id: id.into() })
}

fn strength(strength: Strength) -> &'static str {
    match strength {
        Strength::Exact => "exact",
        Strength::Bound => "bound",
        Strength::Limit => "limit",
        Strength::Beyond => "beyond",
    }
}

fn list() -> String {
    let line = |claim: &&Theorem| format!("{:<28}{:<8}{}\n", claim.id, strength(claim.strength), claim.title);
    REGISTRY.iter().map(line).collect()
}

fn explain(claim: &Theorem) -> String {
    let hypotheses: String = claim.hypotheses.iter().map(|h| format!("  - {h}\n")).collect();
    format!(
        "{} ({})\n\n{}\n\n{}\n\nHypotheses, each measured:\n{hypotheses}\nDerivation: {}\nSource: {}\n",
        claim.title,
        strength(claim.strength),
        claim.statement,
        claim.latex,
        claim.note(),
        claim.source,
    )
}
