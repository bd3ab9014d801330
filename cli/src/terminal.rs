//! Printing to the terminal, and listening for Ctrl-C.

use std::io::{self, Write, stderr, stdout};
use std::sync::Arc;

use sharpflow::data::TableReading;
use sharpflow_theorems::evidence::Strength;
use sharpflow_theorems::progress::Progress;

use crate::error::{CliError, INTERRUPTED};

/// Prints a line to standard error. If standard error is gone, there is nobody left to tell.
pub fn say(line: &str) {
    let _ = writeln!(stderr(), "sharpflow: {line}");
}

/// Prints to standard output; a reader that has gone away (`| head`) is no error.
pub fn print(text: &str) -> Result<(), CliError> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(source) => Err(CliError::Write { path: "standard output".into(), source }),
        Ok(()) => Ok(()),
    }
}

/// The lines that tell how a table was read: its shape, the decisions made, and what else a user should know.
pub fn reading_lines(file: &str, reading: &TableReading) -> Vec<String> {
    let notes = reading.notes.iter().map(|note| format!("note: {file}: {note}"));
    std::iter::once(format!("{file}: {reading}")).chain(notes).collect()
}

/// The word for a strength.
pub fn strength(strength: Strength) -> &'static str {
    match strength {
        Strength::Exact => "exact",
        Strength::Bound => "bound",
        Strength::Enclosed => "enclosed",
        Strength::Limit => "limit",
        Strength::Beyond => "beyond",
    }
}

/// A progress that the first Ctrl-C stops; the second ends the process. It is asked for before the first file is written, so that
/// whoever sees a file can interrupt the work and keep it.
pub fn stopped_by_interrupt() -> Result<Arc<Progress>, CliError> {
    let progress = Arc::new(Progress::default());
    let heard = Arc::clone(&progress);
    ctrlc::set_handler(move || {
        if heard.stopped() {
            std::process::exit(INTERRUPTED.into());
        }
        say("stopping; press Ctrl-C again to quit at once");
        heard.stop();
    })?;
    Ok(progress)
}
