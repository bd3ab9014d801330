//! The first thing that every output tells about a claim: its headline.

use sharpflow::measure::Interval;

use super::{Check, ClaimEvidence, Decided, Estimate, InstanceEvidence, Outcome, Sensitivity, Values, Verdict};

/// What a claim says of one constant over all instances within the hypotheses. If the theory's value depends on the instance, each value
/// counts separately.
pub struct Pooled<'a> {
    pub what: &'a str,
    pub theory: Option<f64>,
    /// The mean of the instances' estimates, each weighted by the inverse square of its half-width, and the same mean of their half-widths: bounds do not
    /// shrink by being repeated.
    pub pooled: Interval,
    /// The instance that knows the constant worst, and its estimate.
    pub worst: (&'a InstanceEvidence, &'a Estimate),
    /// How many instances measured it.
    pub instances: usize,
}

impl ClaimEvidence {
    /// The instances within the hypotheses.
    pub fn held(&self) -> impl Iterator<Item = &InstanceEvidence> {
        self.instances.iter().filter(|instance| instance.verdict != Verdict::HypothesisFailed)
    }

    /// On how many instances the hypotheses held, of how many that were tried, and how many more were not judged.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.held().count(), self.instances.len(), self.not_judged.len())
    }

    /// The counts in words.
    pub fn tally(&self) -> String {
        let (held, tried, not_judged) = self.counts();
        format!("{held} of {tried} held, {not_judged} not judged")
    }

    /// How many wrong twins were rejected there, of how many.
    pub fn twins_rejected(&self) -> (usize, usize) {
        let twins = || self.held().flat_map(|instance| &instance.twins);
        (twins().filter(|twin| twin.outcome == Outcome::Fails).count(), twins().count())
    }

    /// The `k`-th check on the instance that shows it worst.
    pub fn worst_check(&self, k: usize) -> Option<&Decided> {
        let margin = |decided: &Decided| match (&decided.check, &decided.fit, &decided.mean) {
            (Check::Order { at_least: true, .. }, Some(fit), _) => fit.order.lower(),
            (Check::Order { order, .. }, Some(fit), _) => -(fit.order.value - order).abs() - fit.order.half_width,
            (Check::Positive { .. }, _, Some(mean)) => mean.lower(),
            (Check::Limit { expected, .. }, _, Some(mean)) => -(mean.value - expected).abs() - mean.half_width,
            (Check::Bound { largest, .. }, _, _) => -largest,
            (Check::Exact { fields }, _, _) => {
                -(fields.iter().map(|field| field.points - field.held).sum::<usize>() as f64)
            }
            _ => f64::NEG_INFINITY,
        };
        let checks = self.held().filter_map(|instance| instance.statements.get(k));
        checks.min_by(|a, b| margin(a).total_cmp(&margin(b)))
    }

    /// The first constant, pooled and on its worst instance. If there is no constant, this is the first check on its worst instance. Orders that only some of
    /// the instances have are added.
    pub fn headline(&self) -> String {
        let of = self.held().count();
        let having = |k: usize| self.held().filter(|instance| instance.statements.len() > k).count();
        let parts = (1..).map(|k| (k, having(k))).take_while(|(_, count)| *count > 0).filter(|(_, count)| *count < of);
        let part = |(k, count)| {
            let worst = self.worst_check(k).filter(|worst| matches!(worst.check, Check::Order { .. }))?;
            Some(format!("; on {count} of {of} {}, worst: {}", worst.what, worst.shows))
        };
        parts.filter_map(part).fold(self.headline_of_all(), |whole, part| whole + &part)
    }

    fn headline_of_all(&self) -> String {
        let constants = self.pooled();
        let constant = constants.iter().find_map(|pooled| Some((pooled, pooled.predicted()?)));
        match (constant, self.worst_check(0)) {
            (Some((pooled, theory)), _) => {
                let worst = pooled.worst.1.measured();
                let what = pooled.what;
                match pooled.instances {
                    1 => format!("{what} = {worst}, theory {theory}"),
                    count => {
                        format!("{what} = {} pooled over {count}, worst {worst}, theory {theory}", pooled.measured())
                    }
                }
            }
            (None, Some(decided)) => match &decided.check {
                Check::Bound { trials, largest, .. } => {
                    format!("{}: {trials} trials, at most {largest:.2} of the bound", decided.what)
                }
                Check::Exact { .. } => {
                    let points =
                        self.held().filter_map(|instance| instance.statements.first()).map(|first| {
                            match &first.check {
                                Check::Exact { fields } => fields.iter().map(|field| field.points).sum(),
                                _ => 0,
                            }
                        });
                    format!("{}: exactly, at {} random points of prime fields", decided.what, points.sum::<usize>())
                }
                _ => format!("{}, worst: {}", decided.what, decided.shows),
            },
            (None, None) => self.reason.clone(),
        }
    }

    /// The smallest relative changes of each constant that the claim's verdict would notice: one instance that notices is enough.
    pub fn sensitivity(&self) -> Vec<Sensitivity> {
        let least = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        };
        let mut found: Vec<Sensitivity> = Vec::new();
        for one in self.held().flat_map(|instance| &instance.sensitivity) {
            match found.iter_mut().find(|known| known.constant == one.constant && known.value == one.value) {
                Some(known) => (known.up, known.down) = (least(known.up, one.up), least(known.down, one.down)),
                None => found.push(one.clone()),
            }
        }
        found
    }

    /// Each constant, pooled over the instances within the hypotheses.
    pub fn pooled(&self) -> Vec<Pooled<'_>> {
        let mut kinds: Vec<Vec<(&InstanceEvidence, &Estimate)>> = Vec::new();
        for instance in self.held() {
            for estimate in &instance.estimates {
                let kind = kinds.iter_mut().find(|kind| {
                    kind.first()
                        .is_some_and(|(_, known)| known.what == estimate.what && known.theory() == estimate.theory())
                });
                match kind {
                    Some(kind) => kind.push((instance, estimate)),
                    None => kinds.push(vec![(instance, estimate)]),
                }
            }
        }
        kinds.iter().filter_map(|kind| Pooled::of(kind)).collect()
    }
}

impl<'a> Pooled<'a> {
    fn of(kind: &[(&'a InstanceEvidence, &'a Estimate)]) -> Option<Self> {
        let wider = |a: f64, b: f64| b.is_nan() || a < b;
        let worst = kind.iter().copied().reduce(|worst, one| {
            if wider(worst.1.estimate.half_width, one.1.estimate.half_width) { one } else { worst }
        })?;
        // An exact estimate, of half-width 0, would have all the weight there is.
        let weight = |interval: &Interval| 1.0 / interval.half_width.max(1e-100).powi(2);
        let sum = |of: &dyn Fn(&Interval) -> f64| kind.iter().map(|(_, one)| of(&one.estimate)).sum::<f64>();
        let total = sum(&weight);
        let value = sum(&|one| weight(one) * one.value) / total;
        let half_width = sum(&|one| weight(one) * one.half_width) / total;
        Some(Self {
            what: &worst.1.what,
            theory: worst.1.theory(),
            pooled: Interval { value, half_width },
            worst,
            instances: kind.len(),
        })
    }

    /// The pooled value and half-width, to the second digit of the latter.
    pub fn measured(&self) -> String {
        measured(&self.pooled)
    }

    /// What theory says, to the same digit.
    pub fn predicted(&self) -> Option<String> {
        self.theory.map(|theory| significant(theory, self.pooled.half_width))
    }
}

impl Estimate {
    /// The value and the half-width, to the second digit of the latter; the value alone where it has no error.
    pub fn measured(&self) -> String {
        match self.values {
            Values::Computed { value } => significant(value, 0.0),
            Values::Limit { .. } | Values::Drawn { .. } => measured(&self.estimate),
        }
    }

    /// What theory says, to the same digit.
    pub fn predicted(&self) -> Option<String> {
        self.theory().map(|theory| significant(theory, self.estimate.half_width))
    }
}

/// A value and its half-width, to the second digit of the latter.
pub fn measured(Interval { value, half_width }: &Interval) -> String {
    format!("{} ± {}", significant(*value, *half_width), significant(*half_width, *half_width))
}

/// A value to the second digit of its uncertainty.
pub fn significant(value: f64, uncertainty: f64) -> String {
    if !(uncertainty > 0.0 && uncertainty.is_finite() && value.is_finite()) {
        // Six digits, without zeros at the end.
        let digits = if value == 0.0 || !value.is_finite() { 0 } else { 5 - value.abs().log10().floor() as i32 };
        let text = format!("{value:.digits$}", digits = digits.clamp(0, 15) as usize);
        return if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text };
    }
    let digits = 1 - uncertainty.abs().log10().floor() as i32;
    if digits > 6 && value == uncertainty {
        return format!("{value:.1e}");
    }
    format!("{value:.digits$}", digits = digits.clamp(0, 15) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Rungs, Values};

    /// 2.0 ± 0.1 and 2.3 ± 0.2: weights 100 and 25, so 2.06 ± 0.12; the second is the worst, and a NaN is worse than all.
    #[test]
    fn constants_are_pooled_and_the_worst_is_named() {
        let instance = InstanceEvidence::bare("one", Verdict::Confirmed);
        let estimate = |value, half_width| Estimate {
            what: "a".into(),
            values: Values::Limit { values: Rungs::finest(|_| vec![]), theory: 2.0, apart: 1.0 },
            estimate: Interval { value, half_width },
            outcome: None,
        };
        let all = [estimate(2.0, 0.1), estimate(2.3, 0.2), estimate(f64::NAN, f64::NAN)];
        let kind: Vec<_> = all[..2].iter().map(|one| (&instance, one)).collect();
        let pooled = Pooled::of(&kind).unwrap();
        assert!((pooled.pooled.value - 2.06).abs() < 1e-12 && (pooled.pooled.half_width - 0.12).abs() < 1e-12);
        assert_eq!((pooled.worst.1.estimate.value, pooled.instances), (2.3, 2));
        let kind: Vec<_> = all.iter().map(|one| (&instance, one)).collect();
        assert!(Pooled::of(&kind).unwrap().worst.1.estimate.value.is_nan());
    }

    #[test]
    fn numbers_have_the_digits_that_are_known() {
        assert_eq!(significant(4.000_321, 0.043), "4.000");
        assert_eq!(significant(4.000_321, 0.43), "4.00");
        assert_eq!(significant(0.000_123_4, 0.000_001_2), "0.0001234");
        assert_eq!(significant(0.000_001_2, 0.000_001_2), "1.2e-6");
        assert_eq!(significant(7.0, 0.0), "7");
        assert_eq!(significant(-114.261_552_240_427_85, 0.0), "-114.262");
        assert_eq!(significant(0.25, f64::NAN), "0.25");
    }
}
