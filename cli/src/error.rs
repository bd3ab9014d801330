//! The ends of a command: an exit code, or an error of one line.

use std::io;
use std::path::PathBuf;

use rayon::ThreadPoolBuildError;
use sharpflow::certificate::OrbitError;
use sharpflow::data::{ArrayError, LogError};
use sharpflow::network::{NetworkError, Unmended};
use sharpflow::network_file::FileError;
use sharpflow_report::{PlotError, ReportError};
use sharpflow_theorems::derivatives::DerivativesError;
use sharpflow_theorems::evidence::FolderError;
use sharpflow_theorems::registry::{REGISTRY, find};
use sharpflow_theorems::runner::StudyError;
use sharpflow_theorems::theorem::Theorem;
use sharpflow_theorems::trace::TraceError;
use thiserror::Error;

use crate::trace_files::TraceFilesError;

/// The exit code of a claim that is refuted, or of evidence that is not what it was.
pub const REFUTED: u8 = 1;
/// The exit code of usage errors and of bad input.
pub const BAD_INPUT: u8 = 2;
/// The exit code of a claim that is undecided or not judged.
pub const UNDECIDED: u8 = 3;
/// The exit code after Ctrl-C.
pub const INTERRUPTED: u8 = 130;

/// Why a command ended before its work was done.
#[derive(Debug, Error)]
pub enum CliError {
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
    #[error("{name} is no ONNX file: --loss, --frozen, --trained and, beside a network, --data belong to those")]
    NotOnnx { name: String },
    #[error(transparent)]
    Inspection(#[from] NetworkError),
    #[error(transparent)]
    Mends(#[from] Unmended),
    #[error(transparent)]
    Study(#[from] StudyError),
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Values(#[from] ArrayError),
    #[error("{}: {source}", path.display())]
    Derivatives { path: PathBuf, source: DerivativesError },
    #[error("--{name} {value} is not {what}")]
    Setting { name: &'static str, value: f64, what: &'static str },
    #[error(transparent)]
    Files(#[from] TraceFilesError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Plot(#[from] PlotError),
    #[error("{} does not say what to run again: its evidence.json is missing or damaged", path.display())]
    Unrepeatable { path: PathBuf },
    #[error("{} holds an interrupted study: let `verify` finish it first", path.display())]
    Interrupted { path: PathBuf },
    #[error("{} holds the evidence of another study: choose another folder by --out, or replace it by --force", path.display())]
    Occupied { path: PathBuf },
    #[error(
        "there is nothing that --export could write: no claim was asked that needs the network's minimum, or none was reached"
    )]
    NothingToExport,
    #[error("--tolerance {tolerance} must be a number that is 0 or larger")]
    Tolerance { tolerance: f64 },
    #[error(transparent)]
    Orbit(#[from] OrbitError),
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is no certificate of an orbit: {source}", path.display())]
    NoCertificate { path: PathBuf, source: serde_json::Error },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot write JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("cannot start threads: {0}")]
    Threads(#[from] ThreadPoolBuildError),
    #[error("cannot listen for Ctrl-C: {0}")]
    Interrupt(#[from] ctrlc::Error),
}

/// The claim of this name.
pub fn claim_of(id: &str) -> Result<&'static Theorem, CliError> {
    find(id).ok_or_else(|| CliError::NoSuchClaim { id: id.into() })
}
