//! What the log of a training run decides of the theory: whatever the framework, the size of the network and the batches.
//!
//! The exact claims are judged at every step, against what the printed digits and the rounding of the run explain. Derivations and
//! tolerances: `proofs-notes/audit.md`.

mod auditor;
mod curves;
mod edge;
mod rules;
mod tally;
mod tried;

use std::path::Path;

use serde::Serialize;
use sharpflow::data::{LogArithmetic, LogError, LogOptions, LogRow, TrainingLog};

use crate::evidence::{InstanceEvidence, Name, PROVENANCE, Provenance, Verdict};
use crate::progress::Progress;

use auditor::{Auditor, MOST_TOLD, Notes};
pub use curves::{Curve, Curves};

/// The format of an audit in JSON.
pub const AUDIT_SCHEMA: &str = "sharpflow-audit/1";

/// Which state a row holds beside the gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Logged {
    /// w of the gradient's own step.
    BeforeTheStep,
    /// w after the step: ⟨w₊, ∇L(w)⟩ = −η‖∇L(w)‖² gives it away.
    AfterTheStep,
}

/// The verdict on one claim.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    pub id: &'static str,
    pub title: &'static str,
    pub verdict: Verdict,
    /// Why the verdict is not better, or why the claim was not judged.
    pub reason: String,
    /// What was measured, where it was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<InstanceEvidence>,
}

/// What a log shows.
#[derive(Clone, Debug, Serialize)]
pub struct Audit {
    pub schema: Name,
    pub provenance: Provenance,
    pub log: String,
    pub rows: u64,
    pub first_step: u64,
    pub last_step: u64,
    /// The arithmetic that the digits show.
    pub arithmetic: String,
    pub logged: Logged,
    /// Whether the changes of the loss fit steps on the same data, which does not show that they were: `None` where the log cannot tell.
    pub full_batch: Option<bool>,
    /// How many rows have a number that is not finite.
    pub not_finite: usize,
    /// Whether the audit was interrupted.
    pub interrupted: bool,
    /// What is wrong with the line after those that were judged; nothing where all lines were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
    /// Gaps, restarts, schedules, numbers that are not finite, twins that could not be told.
    pub notes: Vec<String>,
    pub findings: Vec<Finding>,
    /// What was measured without a verdict.
    pub readings: Vec<(String, f64)>,
    /// What a page shows of the log itself.
    #[serde(skip)]
    pub curves: Curves,
}

impl Audit {
    /// The worst verdict of the claims that were judged; `NotJudged` where none was.
    pub fn verdict(&self) -> Verdict {
        let judged =
            self.findings.iter().map(|finding| finding.verdict).filter(|&verdict| verdict != Verdict::NotJudged);
        judged.min().unwrap_or(Verdict::NotJudged)
    }
}

/// Audits the log in a file. It is read once, as a stream.
///
/// A line that cannot be read ends the audit, and what was found of the lines before it is kept.
///
/// # Errors
/// See [`TrainingLog::open`], and [`TrainingLog::next`] for the first row.
pub fn audit(
    path: &Path,
    options: LogOptions,
    arithmetic: Option<LogArithmetic>,
    progress: &Progress,
) -> Result<Audit, LogError> {
    let mut log = TrainingLog::open(path, options)?;
    let shown = log.arithmetic();
    let mut auditor = Auditor::new(arithmetic.unwrap_or(shown), log.groups().len());
    let (mut row, mut previous) = (LogRow::default(), LogRow::default());
    let mut curves = Curves::default();
    let (mut rows, mut first_step, mut interrupted, mut ended_by) = (0, 0, false, None);
    loop {
        match log.next(&mut row) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) if rows == 0 => return Err(error),
            Err(error) => {
                ended_by = Some(error.to_string());
                break;
            }
        }
        if rows == 0 {
            first_step = row.step;
        }
        curves.row(&row);
        auditor.row(&log, &row, (rows > 0).then_some(&previous));
        rows += 1;
        std::mem::swap(&mut row, &mut previous);
        if rows % 4096 == 0 && progress.stopped() {
            interrupted = true;
            break;
        }
    }
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let (logged, findings, readings) = auditor.findings(&name, &log);
    let Notes { mut texts, gaps, restarts, schedule, not_finite } = auditor.notes;
    for (count, what) in [
        (gaps, "gaps"),
        (restarts, "restarts"),
        (schedule, "changes of the learning rate or the decay"),
        (not_finite, "rows with a number that is not finite"),
    ] {
        if count > MOST_TOLD {
            texts.push(format!("{count} {what} in all"));
        }
    }
    let arithmetic = match (arithmetic, shown) {
        (Some(LogArithmetic::Double), _) => "double precision, as asked",
        (Some(_), _) => "single precision, as asked",
        (None, LogArithmetic::Double) => "double precision, by the digits of its numbers",
        (None, LogArithmetic::Single) => "single precision, by the digits of its numbers",
        (None, LogArithmetic::Unknown) => "single precision, which is assumed because few digits are printed",
    };
    Ok(Audit {
        schema: AUDIT_SCHEMA.into(),
        provenance: PROVENANCE,
        log: name,
        rows,
        first_step,
        last_step: previous.step,
        arithmetic: arithmetic.into(),
        logged,
        full_batch: auditor.edge.is_full_batch(),
        not_finite,
        interrupted,
        ended_by,
        notes: texts,
        findings,
        readings,
        curves,
    })
}
