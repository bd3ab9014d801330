//! Compares evidence with what a second run of the same study finds.

use serde::Serialize;
use sharpflow::measure::Interval;

use super::{Check, ClaimEvidence, Decided, InstanceEvidence, Kept, StudyEvidence, Summary, Table};

/// What differs, and by how much of its own unit.
#[derive(Clone, Debug)]
pub struct Difference {
    pub place: String,
    pub recorded: String,
    pub again: String,
}

/// Recorded evidence against a second run.
///
/// Numbers are compared in their own units. The unit of an estimate or a mean is the half-width of its interval. The unit of a number that
/// has a bound is this bound. Errors, rungs and fitted constants are their own units. The unit of a trace's column is its largest entry.
/// Verdicts, outcomes, names and counts must be equal.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// How many numbers were compared.
    pub numbers: usize,
    /// The largest difference, in units.
    pub largest: f64,
    /// Where it is.
    pub place: String,
    /// What differs by more than the tolerance.
    pub differences: Vec<Difference>,
    tolerance: f64,
}

impl Comparison {
    /// Compares all that was found whole in a folder.
    pub fn new(recorded: &Kept, again: &StudyEvidence, tolerance: f64) -> Self {
        let mut comparison = Self { tolerance, ..Self::default() };
        for claim in &recorded.claims {
            match again.claims.iter().find(|other| other.id == claim.id) {
                Some(other) => {
                    let before = comparison.differences.len();
                    comparison.claim(claim, other);
                    comparison.rest(&claim.id, before, claim, other);
                }
                None => comparison.differs(&claim.id, "judged", "not judged"),
            }
        }
        if let Some(summary) = &recorded.summary {
            let before = comparison.differences.len();
            let (a, b) = (&summary.parameters, &again.summary.parameters);
            comparison.count("intervals", a.intervals, b.intervals);
            comparison.count("instances", summary.instances.len(), again.summary.instances.len());
            for (a, b) in summary.instances.iter().zip(&again.summary.instances) {
                comparison.text(&a.name, &a.name, &b.name);
                comparison.relative(&format!("{}, horizon", a.name), a.plan.horizon, b.plan.horizon);
                comparison.relative(&format!("{}, quartic", a.name), a.plan.quartic, b.plan.quartic);
                comparison.all(&format!("{}, rung", a.name), &a.plan.intrinsic_lrs, &b.plan.intrinsic_lrs, f64::abs);
            }
            let words = |summary: &Summary| -> Vec<String> {
                summary.dropped.iter().map(|one| format!("{}: {} ({})", one.draw, one.why, one.obstacle)).collect()
            };
            comparison.all_words("dropped", &words(summary), &words(&again.summary));
            let asked = |summary: &Summary| (summary.parameters.clone(), summary.instances.clone());
            comparison.rest("parameters and instances", before, &asked(summary), &asked(&again.summary));
        }
        for table in &recorded.tables {
            let same = |other: &&Table| other.kind == table.kind && other.instance == table.instance;
            match again.tables.iter().find(same) {
                Some(other) => comparison.table(table, other),
                None => comparison.differs(&format!("{} of {}", table.kind, table.instance), "recorded", "not made"),
            }
        }
        comparison
    }

    /// If the tolerance is 0, everything without a unit must be equal too: thresholds, places, notes.
    fn rest<T: Serialize>(&mut self, at: &str, before: usize, a: &T, b: &T) {
        let written = |value: &T| serde_json::to_string(value).ok();
        if self.tolerance == 0.0 && self.differences.len() == before && written(a) != written(b) {
            self.differs(at, "other words or thresholds", "not the same");
        }
    }

    fn claim(&mut self, a: &ClaimEvidence, b: &ClaimEvidence) {
        let id = &a.id;
        self.text(&format!("{id}, verdict"), &a.verdict.to_string(), &b.verdict.to_string());
        for (what, a, b) in [
            ("title", &a.title, &b.title),
            ("statement", &a.statement, &b.statement),
            ("LaTeX", &a.latex, &b.latex),
            ("source", &a.source, &b.source),
        ] {
            self.text(&format!("{id}, {what}"), a, b);
        }
        self.words(&format!("{id}, reason"), &a.reason, &b.reason);
        self.all_words(&format!("{id}, not judged"), &a.not_judged, &b.not_judged);
        self.count(&format!("{id}, instances"), a.instances.len(), b.instances.len());
        for (a, b) in a.instances.iter().zip(&b.instances) {
            self.instance(&format!("{id}, {}", a.instance), a, b);
        }
    }

    fn instance(&mut self, at: &str, a: &InstanceEvidence, b: &InstanceEvidence) {
        self.text(at, &a.instance, &b.instance);
        self.text(&format!("{at}, verdict"), &a.verdict.to_string(), &b.verdict.to_string());
        self.words(&format!("{at}, reason"), &a.reason, &b.reason);
        self.count(&format!("{at}, hypotheses"), a.hypotheses.len(), b.hypotheses.len());
        for (a, b) in a.hypotheses.iter().zip(&b.hypotheses) {
            let (a, b) = (&a.hypothesis, &b.hypothesis);
            let at = format!("{at}, {}", a.what);
            self.text(&at, &a.what, &b.what);
            self.relative(&at, a.bound, b.bound);
            self.number(&at, a.measured, b.measured, if a.bound > 0.0 { a.bound.max(a.measured) } else { 1.0 });
        }
        for (role, a, b) in [("", &a.statements, &b.statements), ("twin ", &a.twins, &b.twins)] {
            self.count(&format!("{at}, {role}checks"), a.len(), b.len());
            a.iter().zip(b).for_each(|(a, b)| self.decided(&format!("{at}, {role}{}", a.what), a, b));
        }
        self.count(&format!("{at}, estimates"), a.estimates.len(), b.estimates.len());
        for (a, b) in a.estimates.iter().zip(&b.estimates) {
            let at = format!("{at}, {}", a.what);
            self.text(&at, &a.what, &b.what);
            let unit = a.estimate.half_width;
            self.interval(&at, &a.estimate, &b.estimate);
            self.number(&at, a.theory().unwrap_or(0.0), b.theory().unwrap_or(0.0), unit);
        }
        self.count(&format!("{at}, sensitivities"), a.sensitivity.len(), b.sensitivity.len());
        for (a, b) in a.sensitivity.iter().zip(&b.sensitivity) {
            let at = format!("{at}, sensitivity to {}", a.constant);
            self.text(&at, &a.constant, &b.constant);
            // A bisection ends on the same grid or next to it.
            for (a, b) in [(a.up, b.up), (a.down, b.down)] {
                let (a, b) = (a.unwrap_or(f64::INFINITY), b.unwrap_or(f64::INFINITY));
                self.number(&at, a.ln(), b.ln(), 1.0);
            }
        }
    }

    fn decided(&mut self, at: &str, a: &Decided, b: &Decided) {
        self.text(at, &a.what, &b.what);
        self.text(&format!("{at}, outcome"), &format!("{:?}", a.outcome), &format!("{:?}", b.outcome));
        self.words(at, &a.shows, &b.shows);
        if let (Some(a), Some(b)) = (&a.fit, &b.fit) {
            self.interval(&format!("{at}, order"), &a.order, &b.order);
            self.relative(&format!("{at}, constant"), a.constant, b.constant);
            self.all(&format!("{at}, local order"), &a.local, &b.local, |order| order.abs().max(1.0));
        }
        if let (Some(a), Some(b)) = (&a.mean, &b.mean) {
            self.interval(&format!("{at}, mean"), a, b);
        }
        let unit = a.mean.map_or(1.0, |mean| mean.half_width);
        match (&a.check, &b.check) {
            (
                Check::Order { points, order, missed, floor, at_least },
                Check::Order {
                    points: points_b,
                    order: order_b,
                    missed: missed_b,
                    floor: floor_b,
                    at_least: at_least_b,
                },
            ) => {
                self.relative(&format!("{at}, what is missed"), *missed, *missed_b);
                self.relative(&format!("{at}, floor"), *floor, *floor_b);
                self.relative(&format!("{at}, stated order"), *order, *order_b);
                self.count(&format!("{at}, faster orders stated too"), (*at_least).into(), (*at_least_b).into());
                self.count(&format!("{at}, points"), points.len(), points_b.len());
                for (a, b) in points.iter().zip(points_b) {
                    self.relative(&format!("{at}, parameter"), a.parameter, b.parameter);
                    self.relative(&format!("{at}, error at {:.1e}", a.parameter), a.error, b.error);
                    self.number(&format!("{at}, moved at {:.1e}", a.parameter), a.moved, b.moved, 1.0);
                }
            }
            (
                Check::Bound { trials, largest, median, .. },
                Check::Bound { trials: trials_b, largest: largest_b, median: median_b, .. },
            ) => {
                self.count(&format!("{at}, trials"), *trials, *trials_b);
                self.number(&format!("{at}, largest"), *largest, *largest_b, largest.abs().max(1.0));
                self.number(&format!("{at}, median"), *median, *median_b, median.abs().max(1.0));
            }
            (Check::Positive { values }, Check::Positive { values: values_b }) => {
                self.all(&format!("{at}, value"), values, values_b, |_| unit);
            }
            (
                Check::Limit { values, expected, apart },
                Check::Limit { values: values_b, expected: expected_b, apart: apart_b },
            ) => {
                self.relative(&format!("{at}, distance of the twin"), *apart, *apart_b);
                self.relative(&format!("{at}, error of a value"), values.error, values_b.error);
                self.relative(&format!("{at}, expected"), *expected, *expected_b);
                let all = |rungs: &[Vec<f64>]| rungs.concat();
                self.all(&format!("{at}, value"), &all(&values.rungs), &all(&values_b.rungs), |_| unit);
            }
            (Check::Exact { fields }, Check::Exact { fields: fields_b }) => {
                self.count(&format!("{at}, fields"), fields.len(), fields_b.len());
                for (a, b) in fields.iter().zip(fields_b) {
                    self.text(&format!("{at}, in a field"), &format!("{a:?}"), &format!("{b:?}"));
                }
            }
            (Check::Missing { .. }, Check::Missing { .. }) => {}
            _ => self.differs(at, "data of one kind", "data of another"),
        }
    }

    fn interval(&mut self, at: &str, a: &Interval, b: &Interval) {
        self.number(at, a.value, b.value, a.half_width);
        self.number(at, a.half_width, b.half_width, a.half_width);
    }

    fn table(&mut self, a: &Table, b: &Table) {
        let at = format!("{} of {}", a.kind, a.instance);
        self.all_texts(&format!("{at}, columns"), &a.columns, &b.columns);
        self.count(&format!("{at}, rows"), a.rows.len(), b.rows.len());
        for column in &a.columns {
            let (a, b): (Vec<f64>, Vec<f64>) = (a.column(column).collect(), b.column(column).collect());
            let unit = a.iter().filter(|x| x.is_finite()).fold(0.0, |unit: f64, x| unit.max(x.abs()));
            self.all(&format!("{at}, {column}"), &a, &b, |_| unit);
        }
    }

    fn all(&mut self, at: &str, a: &[f64], b: &[f64], unit: impl Fn(f64) -> f64) {
        self.count(at, a.len(), b.len());
        for (k, (&a, &b)) in a.iter().zip(b).enumerate() {
            self.number(&format!("{at} {}", k + 1), a, b, unit(a));
        }
    }

    fn all_words(&mut self, at: &str, a: &[String], b: &[String]) {
        self.count(at, a.len(), b.len());
        a.iter().zip(b).for_each(|(a, b)| self.words(at, a, b));
    }

    /// Compares texts that contain numbers. The numbers are also compared elsewhere, so their digits count only if the tolerance is 0.
    fn words(&mut self, at: &str, a: &str, b: &str) {
        let without = |text: &str| text.replace(|c: char| c.is_ascii_digit() || "+-.e∞".contains(c), "");
        if self.tolerance == 0.0 || without(a) != without(b) {
            self.text(at, a, b);
        }
    }

    fn all_texts(&mut self, at: &str, a: &[impl AsRef<str>], b: &[impl AsRef<str>]) {
        self.count(at, a.len(), b.len());
        a.iter().zip(b).for_each(|(a, b)| self.text(at, a.as_ref(), b.as_ref()));
    }

    fn relative(&mut self, at: &str, a: f64, b: f64) {
        self.number(at, a, b, a.abs());
    }

    /// Compares two numbers. The JSON files only say that a number is not finite, so two such numbers count as equal.
    fn number(&mut self, at: &str, a: f64, b: f64, unit: f64) {
        self.numbers += 1;
        if a == b || (!a.is_finite() && !b.is_finite()) {
            return;
        }
        let distance = (a - b).abs() / unit;
        // A unit of 0, or none, makes any difference too large.
        let distance = if distance.is_nan() { f64::INFINITY } else { distance };
        if distance > self.largest {
            (self.largest, self.place) = (distance, at.into());
        }
        if !(distance <= self.tolerance) {
            self.differs(at, &a.to_string(), &b.to_string());
        }
    }

    fn count(&mut self, at: &str, a: usize, b: usize) {
        self.text(at, &a.to_string(), &b.to_string());
    }

    fn text(&mut self, at: &str, a: &str, b: &str) {
        if a != b {
            self.differs(at, a, b);
        }
    }

    fn differs(&mut self, place: &str, recorded: &str, again: &str) {
        let [place, recorded, again] = [place, recorded, again].map(str::to_string);
        self.differences.push(Difference { place, recorded, again });
    }
}
