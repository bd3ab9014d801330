//! `audit`.

use std::fmt::Write;
use std::fs;

use sharpflow::data::{LogArithmetic, LogOptions};
use sharpflow_report::audit_page;
use sharpflow_theorems::audit::{Audit, Finding, Logged, audit};
use sharpflow_theorems::evidence::Verdict;

use crate::arguments::{AuditArguments, Precision};
use crate::error::{BAD_INPUT, CliError, INTERRUPTED, REFUTED, UNDECIDED};
use crate::table::mark;
use crate::terminal::{print, say, stopped_by_interrupt};

pub fn run(arguments: &AuditArguments) -> Result<u8, CliError> {
    let options = options(arguments)?;
    let arithmetic = arguments.precision.map(|precision| match precision {
        Precision::Float32 => LogArithmetic::Single,
        Precision::Float64 => LogArithmetic::Double,
    });
    let progress = stopped_by_interrupt()?;
    let found = audit(&arguments.log, options, arithmetic, &progress)?;
    if let Some(path) = &arguments.page {
        let page = audit_page(&found)?;
        fs::write(path, page).map_err(|source| CliError::Write { path: path.clone(), source })?;
    }
    if arguments.json {
        print(&(serde_json::to_string_pretty(&found)? + "\n"))?;
    } else {
        print(&describe(&found, arguments.verbose))?;
    }
    if found.interrupted {
        say(&format!("interrupted: the first {} rows were judged", found.rows));
        return Ok(INTERRUPTED);
    }
    if let Some(error) = &found.ended_by {
        say(&format!("error: {error}; the {} rows before were judged", found.rows));
        return Ok(BAD_INPUT);
    }
    Ok(match found.verdict() {
        Verdict::Refuted => REFUTED,
        Verdict::Confirmed if found.not_finite == 0 => 0,
        _ => UNDECIDED,
    })
}

fn options(arguments: &AuditArguments) -> Result<LogOptions, CliError> {
    let given = |name, value: Option<f64>, what, fits: fn(f64) -> bool| match value {
        Some(value) if !fits(value) => Err(CliError::Setting { name, value, what }),
        value => Ok(value),
    };
    Ok(LogOptions {
        learning_rate: given("lr", arguments.lr, "a positive number", |x| x > 0.0 && x.is_finite())?,
        weight_decay: given("weight-decay", arguments.weight_decay, "0 or a positive number", |x| {
            x >= 0.0 && x.is_finite()
        })?,
        momentum: given("momentum", arguments.momentum, "in [0, 1)", |x| (0.0..1.0).contains(&x))?,
    })
}

fn describe(found: &Audit, verbose: bool) -> String {
    let state = match found.logged {
        Logged::BeforeTheStep => "before",
        Logged::AfterTheStep => "after",
    };
    let batch = match found.full_batch {
        Some(true) => "nothing in the loss shows that its steps saw different data",
        Some(false) => "its steps saw different data",
        None => "the log does not tell whether every step saw the same data",
    };
    let mut text = format!(
        "{}: {} rows, steps {} to {}, in {}. The rows hold the state {state} the step; {batch}.\n",
        found.log, found.rows, found.first_step, found.last_step, found.arithmetic
    );
    let names = found.findings.iter().map(|finding| finding.id.len()).max().unwrap_or(0);
    for finding in &found.findings {
        let _ = writeln!(
            text,
            "{} {:<17} {:<names$}  {}",
            mark(finding.verdict),
            finding.verdict.to_string(),
            finding.id,
            said(finding)
        );
        if let Some(evidence) = finding.evidence.as_ref().filter(|_| verbose) {
            for decided in &evidence.statements {
                let _ = writeln!(text, "    {}: {}", decided.what, decided.shows);
            }
            for decided in &evidence.twins {
                let _ = writeln!(text, "    wrong twin, {}: {}", decided.what, decided.shows);
            }
        }
    }
    for (what, value) in &found.readings {
        let _ = writeln!(text, "{what}: {value:.4}");
    }
    for note in &found.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}

/// The reason of a verdict, or what was measured.
fn said(finding: &Finding) -> String {
    match &finding.evidence {
        Some(evidence) if finding.reason.is_empty() => {
            let shown: Vec<&str> = evidence.statements.iter().map(|decided| decided.shows.as_str()).collect();
            format!("{}; {} of {} wrong twins rejected", shown.join(", "), evidence.twins.len(), evidence.twins.len())
        }
        _ => finding.reason.clone(),
    }
}
