//! The command line `sharpflow`: reads arguments, calls the rest, prints. Errors are one line; exit codes are
//! 0 all confirmed (or done), 1 something refuted, 2 usage or bad input, 3 undecided, 130 interrupted.

mod arguments;
mod progress;
mod table;
mod trace;
mod verify;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use crate::records::Progress;
use crate::registry::{REGISTRY, find};

use arguments::{Arguments, Command};

const BAD_INPUT: u8 = 2;
const UNDECIDED: u8 = 3;
const INTERRUPTED: u8 = 130;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // Usage errors end here, with clap's own exit code 2.
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Verify(arguments) => verify::verify(&arguments),
        Command::Trace(arguments) => trace::trace(&arguments),
        Command::List => print(&list()).map(|()| 0).map_err(|e| e.to_string()),
        Command::Explain { claim } => explain(&claim),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            // Nothing is left to do if standard error is gone too.
            let _ = writeln!(io::stderr(), "sharpflow: error: {message}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// Prints to standard output; a reader that has gone away (`| head`) is no error.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// Stops the work at Ctrl-C, the process at a second one.
fn stop_on_interrupt(progress: &Arc<Progress>) -> Result<(), String> {
    let progress = Arc::clone(progress);
    ctrlc::set_handler(move || {
        if progress.stopped() {
            std::process::exit(INTERRUPTED.into());
        }
        progress.stop();
    })
    .map_err(|error| format!("cannot listen for Ctrl-C: {error}"))
}

fn list() -> String {
    let line = |claim: &&crate::theorem::Theorem| {
        format!("{:<28}{:<8}{}\n", claim.id, format!("{:?}", claim.strength).to_lowercase(), claim.title)
    };
    REGISTRY.iter().map(line).collect()
}

fn unknown_claim(id: &str) -> String {
    let known: Vec<&str> = REGISTRY.iter().map(|claim| claim.id).collect();
    format!("no claim {id:?}; there are: {}", known.join(", "))
}

fn explain(id: &str) -> Result<u8, String> {
    let claim = find(id).ok_or_else(|| unknown_claim(id))?;
    let hypotheses: String = claim.hypotheses.iter().map(|h| format!("  - {h}\n")).collect();
    let text = format!(
        "{} ({})\n\n{}\n\n{}\n\nHypotheses, each measured:\n{hypotheses}\nDerivation: {}\nSource: {}\n",
        claim.title,
        format!("{:?}", claim.strength).to_lowercase(),
        claim.statement,
        claim.latex,
        claim.note(),
        claim.source,
    );
    print(&text).map(|()| 0).map_err(|error| error.to_string())
}
