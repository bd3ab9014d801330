//! The command line `sharpflow`: it reads arguments, calls the libraries and prints. An error is one line; the exit codes stand in
//! [`error`].

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod arguments;
mod commands;
mod error;
mod input;
mod progress;
mod study;
mod table;
mod terminal;
mod trace_files;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use commands::{audit, certify, check, cite, claims, derivatives, inspect, report, trace, verify};
use error::BAD_INPUT;

fn main() -> ExitCode {
    // Usage errors end here, with clap's own exit code 2.
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Verify(arguments) => verify::verify(&arguments),
        Command::Trace(arguments) => trace::trace(&arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::CheckDerivatives(arguments) => derivatives::run(&arguments),
        Command::Certify(arguments) => certify::certify(&arguments),
        Command::CheckCertificate { certificate } => certify::check(&certificate),
        Command::CheckEvidence(arguments) => check::check(&arguments),
        Command::Report(arguments) => report::report(&arguments),
        Command::Cite { evidence } => cite::cite(evidence.as_deref()),
        Command::List => claims::list(),
        Command::Explain { claim } => claims::explain(&claim),
    };
    ExitCode::from(done.unwrap_or_else(|error| {
        terminal::say(&format!("error: {error}"));
        BAD_INPUT
    }))
}
