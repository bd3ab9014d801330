//! The first thing that every output tells about a claim: its headline.

use super::{ClaimEvidence, Data, Decided, Estimate, InstanceEvidence, Outcome, Verdict};

impl ClaimEvidence {
    /// The instances within the hypotheses.
    pub fn held(&self) -> impl Iterator<Item = &InstanceEvidence> {
        self.instances.iter().filter(|instance| instance.verdict != Verdict::HypothesisFailed)
    }

    /// How many wrong twins were rejected there, of how many.
    pub fn twins_rejected(&self) -> (usize, usize) {
        let twins = || self.held().flat_map(|instance| &instance.twins);
        (twins().filter(|twin| twin.outcome == Outcome::Fails).count(), twins().count())
    }

    /// The `k`-th check on the instance that shows it worst.
    pub fn worst_check(&self, k: usize) -> Option<&Decided> {
        let margin = |decided: &Decided| match &decided.data {
            Data::Order { fit: Some(fit), .. } => fit.order.lower(),
            Data::Positive { mean: Some(mean), .. } | Data::Zero { mean: Some(mean), .. } => mean.lower(),
            Data::Bound { largest, .. } => -largest,
            _ => f64::NEG_INFINITY,
        };
        let checks = self.held().filter_map(|instance| instance.statements.get(k));
        checks.min_by(|a, b| margin(a).total_cmp(&margin(b)))
    }

    /// The constant that is known best, or else the first check where it is shown worst.
    pub fn headline(&self) -> String {
        let mut estimates = self.best_estimates().into_iter();
        let constant = estimates.find_map(|(_, estimate)| Some((estimate, estimate.predicted()?)));
        match (constant, self.worst_check(0)) {
            (Some((estimate, theory)), _) => format!("{} = {}, theory {theory}", estimate.what, estimate.measured()),
            (None, Some(check)) => match &check.data {
                Data::Bound { trials, largest, .. } => {
                    format!("{}: {trials} trials, at most {largest:.2} of the bound", check.what)
                }
                _ => format!("{}: {}", check.what, check.shows),
            },
            (None, None) => self.reason.clone(),
        }
    }

    /// Each constant, from the instance that knows it best. If the theory's value depends on the instance, each value counts separately.
    pub fn best_estimates(&self) -> Vec<(&InstanceEvidence, &Estimate)> {
        let mut found: Vec<(&InstanceEvidence, &Estimate)> = Vec::new();
        for instance in self.held() {
            for estimate in &instance.estimates {
                let known =
                    found.iter_mut().find(|(_, known)| known.what == estimate.what && known.theory == estimate.theory);
                match known {
                    Some(known) if is_narrower(estimate.estimate.half_width, known.1.estimate.half_width) => {
                        *known = (instance, estimate);
                    }
                    Some(_) => {}
                    None => found.push((instance, estimate)),
                }
            }
        }
        found
    }
}

/// Whether an interval is narrower than another one, of which NaN is the widest.
fn is_narrower(half_width: f64, than: f64) -> bool {
    half_width < than || (than.is_nan() && !half_width.is_nan())
}

impl Estimate {
    /// The value and the half-width, to the second digit of the latter.
    pub fn measured(&self) -> String {
        let half = self.estimate.half_width;
        format!("{} ± {}", significant(self.estimate.value, half), significant(half, half))
    }

    /// What theory says, to the same digit.
    pub fn predicted(&self) -> Option<String> {
        self.theory.map(|theory| significant(theory, self.estimate.half_width))
    }
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

    #[test]
    fn an_interval_without_a_width_is_never_the_best() {
        assert!(is_narrower(0.1, 0.2) && is_narrower(0.1, f64::NAN));
        assert!(!is_narrower(0.2, 0.2) && !is_narrower(f64::NAN, 0.2) && !is_narrower(f64::NAN, f64::NAN));
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
