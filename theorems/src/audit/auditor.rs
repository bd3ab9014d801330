//! What is gathered of a log while its rows go by, and the findings at its end.

use sharpflow::arithmetic::Rounding;
use sharpflow::data::{LogArithmetic, LogRow, TrainingLog};

use super::edge::Edge;
use super::rules::{EFFECTIVE_LEARNING_RATE, GRADIENT_DESCENT, HEAVY_BALL, QUASI_RMSPROP, Remembered, Step, number};
use super::tally::Tally;
use super::tried::{
    EFFECTIVE, Invariance, MOMENTUM, NORM_RECURSION, RMSPROP, SCALE_INVARIANCE, Tried, judged, not_judged,
};
use super::{Finding, Logged};

/// The most gaps, restarts and changes of the learning rate that are told one by one.
pub(super) const MOST_TOLD: usize = 5;

/// Why there is nothing to say of scale invariance.
const NO_RADIAL: &str = "the log has no column wg, ⟨w, ∇L(w)⟩";

/// Everything that is gathered while the rows go by.
pub(super) struct Auditor {
    rounding: Rounding,
    invariance: [Invariance; 2],
    gradient_descent: Tried,
    effective_learning_rate: Tried,
    quasi_rmsprop: Tried,
    heavy_ball: Tried,
    /// The recursion of each group of weights, with both meanings of a row.
    groups: Vec<[Tally; 2]>,
    pub edge: Edge,
    has_momentum: bool,
    knows_momentum: bool,
    pub notes: Notes,
}

/// Remarks, the first few of each kind.
#[derive(Default)]
pub(super) struct Notes {
    pub texts: Vec<String>,
    pub gaps: usize,
    pub restarts: usize,
    pub schedule: usize,
    pub not_finite: usize,
}

impl Notes {
    fn tell(texts: &mut Vec<String>, count: &mut usize, text: impl FnOnce() -> String) {
        *count += 1;
        if *count <= MOST_TOLD {
            texts.push(text());
        }
    }
}

impl Auditor {
    pub fn new(arithmetic: LogArithmetic, groups: usize) -> Self {
        let invariance = Invariance::new();
        Self {
            rounding: arithmetic.rounding(),
            invariance: [invariance.clone(), invariance],
            gradient_descent: Tried::new(&GRADIENT_DESCENT),
            effective_learning_rate: Tried::new(&EFFECTIVE_LEARNING_RATE),
            quasi_rmsprop: Tried::new(&QUASI_RMSPROP),
            heavy_ball: Tried::new(&HEAVY_BALL),
            groups: (0..groups).map(|_| [Tally::new(), Tally::new()]).collect(),
            edge: Edge::default(),
            has_momentum: false,
            knows_momentum: true,
            notes: Notes::default(),
        }
    }

    pub fn row(&mut self, log: &TrainingLog, row: &LogRow, previous: Option<&LogRow>) {
        let Notes { texts, gaps, restarts, schedule, not_finite } = &mut self.notes;
        if let Some(column) = row.not_finite {
            Notes::tell(texts, not_finite, || {
                format!("line {}: {} is not finite; its steps are left out", row.line, log.column(column))
            });
            self.edge.lost();
            return;
        }
        self.knows_momentum &= row.momentum.is_some();
        self.has_momentum |= row.momentum.is_some_and(|momentum| momentum.value > 0.0);
        if let (Some(radial), Some(rate), Some(gradient)) = (row.radial, row.learning_rate, row.gradient_square) {
            self.invariance[0].add(row, radial, self.rounding);
            self.invariance[1].add(row, radial + rate * gradient, self.rounding);
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
            self.gradient_descent.add(logged, &step, row.line, self.rounding);
            self.effective_learning_rate.add(logged, &step, row.line, self.rounding);
            self.quasi_rmsprop.add(logged, &step, row.line, self.rounding);
            self.heavy_ball.add(logged, &step, row.line, self.rounding);
            for (k, group) in self.groups.iter_mut().enumerate() {
                if let [(Some(before), _), (Some(after), _), (_, Some(gradient))] =
                    [previous, row, of].map(|row| (row.groups[k][0], row.groups[k][1]))
                {
                    let step = Step { before, after, gradient, radial: number(0.0), remembered: None, ..step };
                    if let Some((residual, _)) = step.compare(&EFFECTIVE_LEARNING_RATE[0], None, self.rounding) {
                        group[logged as usize].add(residual, row.line);
                    }
                }
            }
            if logged == Logged::BeforeTheStep {
                self.edge.step(previous, row, &step);
            }
        }
    }

    /// Which state the rows hold: the one for which the recursion holds. If it holds for neither, it is the one for which |⟨w, ∇L⟩| is smaller.
    fn logged(&self) -> Logged {
        let by = |before: f64, after: f64| if after < before { Logged::AfterTheStep } else { Logged::BeforeTheStep };
        let recursion = |logged| self.gradient_descent.claim(logged).median();
        let [before, after] = [Logged::BeforeTheStep, Logged::AfterTheStep].map(recursion);
        if before.min(after) <= 1.0 || self.invariance[0].claim.trials() == 0 {
            return by(before, after);
        }
        by(self.invariance[0].claim.median(), self.invariance[1].claim.median())
    }

    pub fn findings(&mut self, name: &str, log: &TrainingLog) -> (Logged, Vec<Finding>, Vec<(String, f64)>) {
        let logged = self.logged();
        let mut notes = Vec::new();
        let mut findings = Vec::new();
        let invariance = &self.invariance[logged as usize];
        let is_logged = invariance.claim.trials() > 0;
        findings.push(match is_logged {
            true => judged(SCALE_INVARIANCE, invariance.measurement(name)),
            false => not_judged(SCALE_INVARIANCE, NO_RADIAL.into()),
        });
        let is_plain = self.knows_momentum && !self.has_momentum;
        let off = self.gradient_descent.claim(logged).median();
        let other = || {
            match (self.knows_momentum, off <= 1.0) {
            (true, _) => "the run has momentum".to_owned(),
            (false, true) => {
                "the log names no momentum, though its steps are those of plain gradient descent: say so by --momentum 0".into()
            }
            (false, false) => format!(
                "the log names no momentum, and its steps are not those of plain gradient descent (off by {off:.1e} tolerances): another optimizer"
            ),
        }
        };
        findings.push(if is_plain {
            let told = self.gradient_descent.measurement(logged, name, vec![], &mut notes);
            self.gradient_descent.judged(NORM_RECURSION, logged, told)
        } else {
            not_judged(NORM_RECURSION, other())
        });
        for (named, tried) in [(EFFECTIVE, &self.effective_learning_rate), (RMSPROP, &self.quasi_rmsprop)] {
            findings.push(if !is_plain {
                not_judged(named, other())
            } else if !is_logged {
                not_judged(named, NO_RADIAL.into())
            } else if tried.claim(logged).trials() == 0 {
                not_judged(named, "the run has no weight decay".into())
            } else {
                let told = tried.measurement(logged, name, vec![invariance.hypothesis()], &mut notes);
                let tells = !told.twins.is_empty();
                if tells {
                    judged(named, told)
                } else {
                    not_judged(named, "the digits tell it from no other law".into())
                }
            });
        }
        findings.push(if !self.has_momentum {
            let why = if self.knows_momentum { "the run has no momentum" } else { "the log names no momentum" };
            not_judged(MOMENTUM, why.into())
        } else if self.heavy_ball.claim(Logged::BeforeTheStep).trials() == 0 {
            not_judged(MOMENTUM, "it takes the columns wm, ⟨w, m⟩, and dw2, ‖w₊ − w‖²".into())
        } else if logged == Logged::AfterTheStep {
            not_judged(MOMENTUM, "the rows hold the state after the step".into())
        } else {
            let told = self.heavy_ball.measurement(logged, name, vec![], &mut notes);
            self.heavy_ball.judged(MOMENTUM, logged, told)
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
