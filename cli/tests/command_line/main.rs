//! The command line as a user meets it, and what it writes.

mod audits;
mod certificates;
mod commands;
mod derivatives;
mod evidence;
mod folder;
mod inspect;
#[cfg(unix)]
mod interrupts;
mod onnx;
mod report;
mod resume;
mod traces;
