//! What the log of a training run decides of the theory: whatever the framework, the size of the network and the batches.
//!
//! The exact claims are judged at every step, against what the printed digits and the rounding of the run explain. Derivations and
//! tolerances: `proofs-notes/audit.md`.

mod edge;
mod rules;
mod tally;

use std::path::Path;

use serde::Serialize;
use sharpflow::data::{LogArithmetic, LogError, LogOptions, LogRow, Measured, TrainingLog};

use crate::assumption::Assumption;
use crate::evidence::{Hypothesis, InstanceEvidence, Measurement, Name, PROVENANCE, Provenance, Verdict};
use crate::progress::Progress;
use crate::verdict::{FAMILY_CONFIDENCE, decide};

use edge::Edge;
use rules::{EFFECTIVE_LEARNING_RATE, GRADIENT_DESCENT, HEAVY_BALL, ROUNDINGS, Remembered, Rule, Step, number};
use tally::Tally;

/// The format of an audit in JSON.
pub const AUDIT_SCHEMA: &str = "sharpflow-audit/1";

/// A twin is tried where its prediction is farther than this from the claim's at some step, in tolerances.
const TELLS: f64 = 3.0;
/// The most gaps, restarts and changes of the learning rate that are told one by one.
const MOST_TOLD: usize = 5;

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
    /// Whether all steps used the same data: `None` where the log cannot tell.
    pub full_batch: Option<bool>,
    /// How many rows have a number that is not finite.
    pub not_finite: usize,
    /// Whether the audit was interrupted.
    pub interrupted: bool,
    /// Gaps, restarts, schedules, numbers that are not finite, twins that could not be told.
    pub notes: Vec<String>,
    pub findings: Vec<Finding>,
    /// What was measured without a verdict.
    pub readings: Vec<(String, f64)>,
}

impl Audit {
    /// The worst verdict of the claims that were judged; `NotJudged` where none was.
    pub fn verdict(&self) -> Verdict {
        let judged =
            self.findings.iter().map(|finding| finding.verdict).filter(|&verdict| verdict != Verdict::NotJudged);
        judged.min().unwrap_or(Verdict::NotJudged)
    }
}

/// A set of rules, the first of which is the claim, tried with both meanings of a row.
struct Tried {
    rules: &'static [Rule],
    /// For each rule: its residuals, and how far its prediction is from the claim's at most.
    of_logged: [Vec<(Tally, f64)>; 2],
}

impl Tried {
    fn new(rules: &'static [Rule]) -> Self {
        let tallies = || rules.iter().map(|_| (Tally::new(), 0.0)).collect();
        Self { rules, of_logged: [tallies(), tallies()] }
    }

    fn add(&mut self, logged: Logged, step: &Step, line: u64, unit_roundoff: f64) {
        let claim = (self.rules[0].predict)(step);
        for (rule, (tally, apart)) in self.rules.iter().zip(&mut self.of_logged[logged as usize]) {
            if let Some((residual, from_claim)) = step.compare(rule, claim, unit_roundoff) {
                tally.add(residual, line);
                *apart = apart.max(from_claim);
            }
        }
    }

    fn claim(&self, logged: Logged) -> &Tally {
        &self.of_logged[logged as usize][0].0
    }

    /// The claim as a statement and its rules as twins. Twins that no step could tell from the claim are noted.
    fn measurement(
        &self,
        logged: Logged,
        name: &str,
        hypotheses: Vec<Hypothesis>,
        notes: &mut Vec<String>,
    ) -> Measurement {
        let tallies = &self.of_logged[logged as usize];
        let mut twins = Vec::new();
        for (rule, (tally, apart)) in self.rules.iter().zip(tallies).skip(1) {
            if *apart > TELLS {
                twins.push(tally.statement(rule.what));
            } else if tally.trials() > 0 && !rule.of_decay {
                notes.push(format!("the digits and the steps do not tell {} from {}", rule.what, self.rules[0].what));
            }
        }
        Measurement {
            instance: name.to_owned(),
            hypotheses,
            statements: vec![tallies[0].0.statement(self.rules[0].what)],
            twins,
            constants: vec![],
            sensitivity: vec![],
        }
    }
}

/// ⟨w, ∇L⟩ = 0, and ⟨w, ∇L⟩ = ±L, against rounding.
#[derive(Clone)]
struct Invariance {
    claim: Tally,
    twins: [Tally; 2],
}

impl Invariance {
    fn add(&mut self, row: &LogRow, radial: Measured, unit_roundoff: f64) {
        let (Some(norm), Some(gradient), Some(loss)) = (row.norm_square, row.gradient_square, row.loss) else { return };
        let scale = (norm.size() * gradient.size()).sqrt();
        let tolerance = radial.error + ROUNDINGS * unit_roundoff * scale;
        self.claim.add(radial.value.abs() / tolerance, row.line);
        for (twin, degree) in self.twins.iter_mut().zip([1.0, -1.0]) {
            twin.add((radial.value - degree * loss.value).abs() / (tolerance + loss.error), row.line);
        }
    }
}

/// Everything that is gathered while the rows go by.
struct Auditor {
    unit_roundoff: f64,
    invariance: [Invariance; 2],
    gradient_descent: Tried,
    effective_learning_rate: Tried,
    heavy_ball: Tried,
    /// The recursion of each group of weights, with both meanings of a row.
    groups: Vec<[Tally; 2]>,
    edge: Edge,
    has_momentum: bool,
    knows_momentum: bool,
    notes: Notes,
}

/// Remarks, the first few of each kind.
#[derive(Default)]
struct Notes {
    texts: Vec<String>,
    gaps: usize,
    restarts: usize,
    schedule: usize,
    not_finite: usize,
}

impl Notes {
    fn tell(texts: &mut Vec<String>, count: &mut usize, text: impl FnOnce() -> String) {
        *count += 1;
        if *count <= MOST_TOLD {
            texts.push(text());
        }
    }
}

/// Audits the log in a file. It is read once, as a stream.
///
/// # Errors
/// See [`TrainingLog::open`] and [`TrainingLog::next`].
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
    let (mut rows, mut first_step, mut interrupted) = (0, 0, false);
    while log.next(&mut row)? {
        if rows == 0 {
            first_step = row.step;
        }
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
        notes: texts,
        findings,
        readings,
    })
}

impl Auditor {
    fn new(arithmetic: LogArithmetic, groups: usize) -> Self {
        let invariance = Invariance { claim: Tally::new(), twins: [Tally::new(), Tally::new()] };
        Self {
            unit_roundoff: arithmetic.unit_roundoff(),
            invariance: [invariance.clone(), invariance],
            gradient_descent: Tried::new(&GRADIENT_DESCENT),
            effective_learning_rate: Tried::new(&EFFECTIVE_LEARNING_RATE),
            heavy_ball: Tried::new(&HEAVY_BALL),
            groups: (0..groups).map(|_| [Tally::new(), Tally::new()]).collect(),
            edge: Edge::default(),
            has_momentum: false,
            knows_momentum: true,
            notes: Notes::default(),
        }
    }

    fn row(&mut self, log: &TrainingLog, row: &LogRow, previous: Option<&LogRow>) {
        let Notes { texts, gaps, restarts, schedule, not_finite } = &mut self.notes;
        if let Some(column) = row.not_finite {
            Notes::tell(texts, not_finite, || {
                format!("line {}: {} is not finite; its steps are left out", row.line, log.column(column))
            });
            return;
        }
        self.knows_momentum &= row.momentum.is_some();
        self.has_momentum |= row.momentum.is_some_and(|momentum| momentum.value > 0.0);
        if let (Some(radial), Some(rate), Some(gradient)) = (row.radial, row.learning_rate, row.gradient_square) {
            self.invariance[0].add(row, radial, self.unit_roundoff);
            self.invariance[1].add(row, radial + rate * gradient, self.unit_roundoff);
        }
        let Some(previous) = previous.filter(|previous| previous.not_finite.is_none()) else { return };
        if row.step <= previous.step {
            Notes::tell(texts, restarts, || {
                format!("line {}: step {} follows step {}, a restart", row.line, row.step, previous.step)
            });
            self.edge.lost();
            return;
        }
        if row.step != previous.step + 1 {
            Notes::tell(texts, gaps, || {
                format!("line {}: step {} follows step {}, a gap", row.line, row.step, previous.step)
            });
            self.edge.lost();
            return;
        }
        if row.learning_rate != previous.learning_rate || row.weight_decay != previous.weight_decay {
            Notes::tell(texts, schedule, || {
                format!("line {}: the learning rate or the decay changes at step {}", row.line, row.step)
            });
        }
        for (logged, of) in [(Logged::BeforeTheStep, previous), (Logged::AfterTheStep, row)] {
            let Some(step) = step(logged, of, (previous, row)) else { continue };
            self.gradient_descent.add(logged, &step, row.line, self.unit_roundoff);
            self.effective_learning_rate.add(logged, &step, row.line, self.unit_roundoff);
            self.heavy_ball.add(logged, &step, row.line, self.unit_roundoff);
            for (k, group) in self.groups.iter_mut().enumerate() {
                if let [(Some(before), _), (Some(after), _), (_, Some(gradient))] =
                    [previous, row, of].map(|row| (row.groups[k][0], row.groups[k][1]))
                {
                    let step = Step { before, after, gradient, radial: number(0.0), remembered: None, ..step };
                    if let Some((residual, _)) = step.compare(&EFFECTIVE_LEARNING_RATE[0], None, self.unit_roundoff) {
                        group[logged as usize].add(residual, row.line);
                    }
                }
            }
            if logged == Logged::BeforeTheStep {
                self.edge.step(previous, row, &step);
            }
        }
    }

    /// Which state the rows hold: that of which the recursion holds, or ⟨w, ∇L⟩ = 0 where it holds of neither.
    fn logged(&self) -> Logged {
        let by = |before: f64, after: f64| if after < before { Logged::AfterTheStep } else { Logged::BeforeTheStep };
        let recursion = |logged| self.gradient_descent.claim(logged).median();
        let [before, after] = [Logged::BeforeTheStep, Logged::AfterTheStep].map(recursion);
        if before.min(after) <= 1.0 || self.invariance[0].claim.trials() == 0 {
            return by(before, after);
        }
        by(self.invariance[0].claim.median(), self.invariance[1].claim.median())
    }

    fn findings(&mut self, name: &str, log: &TrainingLog) -> (Logged, Vec<Finding>, Vec<(String, f64)>) {
        let logged = self.logged();
        let mut notes = Vec::new();
        let mut findings = Vec::new();
        let invariance = &self.invariance[logged as usize];
        let is_logged = invariance.claim.trials() > 0;
        let statement = "⟨w, ∇L(w)⟩ = 0";
        findings.push(if is_logged {
            judged(
                SCALE_INVARIANCE,
                Measurement {
                    instance: name.to_owned(),
                    hypotheses: vec![],
                    statements: vec![invariance.claim.statement(statement)],
                    twins: vec![
                        invariance.twins[0].statement("⟨w, ∇L(w)⟩ = L"),
                        invariance.twins[1].statement("⟨w, ∇L(w)⟩ = −L"),
                    ],
                    constants: vec![],
                    sensitivity: vec![],
                },
            )
        } else {
            not_judged(SCALE_INVARIANCE, "the log has no column wg, ⟨w, ∇L(w)⟩".into())
        });
        let is_plain = self.knows_momentum && !self.has_momentum;
        let off = self.gradient_descent.claim(logged).median();
        let no_other = || {
            match (self.knows_momentum, off <= 1.0) {
            (true, _) => "the run has momentum".to_owned(),
            (false, true) => "the log names no momentum, though its steps are those of plain gradient descent: say so by --momentum 0".to_owned(),
            (false, false) => format!("the log names no momentum, and its steps are not those of plain gradient descent (off by {off:.1e} tolerances): another optimizer"),
        }
        };
        findings.push(if is_plain {
            let told = self.gradient_descent.measurement(logged, name, vec![], &mut notes);
            judged(NORM_RECURSION, told)
        } else {
            not_judged(NORM_RECURSION, no_other())
        });
        let invariant = || vec![invariance_hypothesis(&invariance.claim)];
        findings.push(if !is_plain {
            not_judged(EFFECTIVE, no_other())
        } else if !is_logged {
            not_judged(EFFECTIVE, "the log has no column wg, ⟨w, ∇L(w)⟩".into())
        } else {
            judged(EFFECTIVE, self.effective_learning_rate.measurement(logged, name, invariant(), &mut notes))
        });
        findings.push(if !self.has_momentum {
            let why = if self.knows_momentum { "the run has no momentum" } else { "the log names no momentum" };
            not_judged(MOMENTUM, why.into())
        } else if self.heavy_ball.claim(Logged::BeforeTheStep).trials() == 0 {
            not_judged(MOMENTUM, "it takes the columns wm, ⟨w, m⟩, and dw2, ‖w₊ − w‖²".into())
        } else if logged == Logged::AfterTheStep {
            not_judged(MOMENTUM, "the rows hold the state after the step".into())
        } else {
            judged(MOMENTUM, self.heavy_ball.measurement(logged, name, vec![], &mut notes))
        });
        findings.extend(self.edge.findings(name));
        let mut readings = self.edge.readings();
        if is_plain {
            for (group, tallies) in log.groups().iter().zip(&self.groups) {
                let tally = &tallies[logged as usize];
                if tally.trials() > 0 {
                    readings.push((
                        format!("norm recursion of the group {group}: median residual over its tolerance"),
                        tally.median(),
                    ));
                }
            }
        }
        self.notes.texts.extend(notes);
        (logged, findings, readings)
    }
}

/// The step between two rows, with the gradient of `of`.
fn step(logged: Logged, of: &LogRow, (previous, row): (&LogRow, &LogRow)) -> Option<Step> {
    let (rate, decay, gradient) = (of.learning_rate?, of.weight_decay?, of.gradient_square?);
    let radial = match (logged, of.radial) {
        (_, None) => number(0.0),
        (Logged::BeforeTheStep, Some(radial)) => radial,
        // ⟨w₊, ∇L⟩ = (1−ηλ)⟨w, ∇L⟩ − η‖∇L‖².
        (Logged::AfterTheStep, Some(radial)) => (radial + rate * gradient) / (number(1.0) - rate * decay),
    };
    let remembered = match (previous.momentum_along, row.momentum_along, previous.displacement_square) {
        (Some(before), Some(after), Some(moved)) if logged == Logged::BeforeTheStep => {
            Some(Remembered { before, after, moved })
        }
        _ => None,
    };
    Some(Step {
        rate,
        decay,
        momentum: of.momentum.unwrap_or(number(0.0)),
        before: previous.norm_square?,
        after: row.norm_square?,
        gradient,
        radial,
        remembered,
    })
}

/// A claim's name and title.
type Named = (&'static str, &'static str);

const SCALE_INVARIANCE: Named = ("scale_invariance", "The loss is scale-invariant");
const NORM_RECURSION: Named = ("gradient_descent", "Every step is gradient descent with this weight decay");
const EFFECTIVE: Named = ("effective_learning_rate", "Recursion of the effective learning rate");
const MOMENTUM: Named = ("heavy_ball", "Every step is heavy-ball momentum with this weight decay");

fn judged((id, title): Named, measurement: Measurement) -> Finding {
    let evidence = decide(measurement, FAMILY_CONFIDENCE);
    Finding { id, title, verdict: evidence.verdict, reason: evidence.reason.clone(), evidence: Some(evidence) }
}

fn not_judged((id, title): Named, reason: String) -> Finding {
    Finding { id, title, verdict: Verdict::NotJudged, reason, evidence: None }
}

/// The hypothesis that the loss is scale-invariant, as far as the log shows.
fn invariance_hypothesis(tally: &Tally) -> Hypothesis {
    Hypothesis {
        of: Assumption::ScaleInvariance,
        what: "scale invariance: |⟨w, ∇L(w)⟩| over its tolerance".into(),
        measured: tally.largest(),
        bound: 1.0,
        place: format!("at line {}", tally.line()),
    }
}
