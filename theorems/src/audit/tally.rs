//! Residuals over their tolerances, step by step, in constant memory.

use crate::evidence::{Check, Statement};

/// Bins of an octave of the median's histogram, as many as the first four bits of a mantissa tell apart.
const BINS: usize = 16;
/// Ratios are told apart between 2^−`REACH` and 2^`REACH`.
const REACH: i32 = 64;

/// The bin of a ratio, by its exponent and the first bits of its mantissa; the last one for NaN.
fn bin(ratio: f64) -> usize {
    let last = 2 * REACH as usize * BINS - 1;
    let bits = ratio.to_bits() >> 48;
    let first = ((1023 - REACH) as u64) << 4;
    if ratio.is_nan() { last } else { (bits.saturating_sub(first) as usize).min(last) }
}

/// How often a residual was compared with its tolerance, and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    trials: usize,
    largest: f64,
    line: u64,
    bins: Vec<u32>,
}

impl Tally {
    pub fn new() -> Self {
        Self { trials: 0, largest: 0.0, line: 0, bins: vec![0; 2 * REACH as usize * BINS] }
    }

    /// Adds the ratio of a residual to its tolerance, found at a line.
    pub fn add(&mut self, ratio: f64, line: u64) {
        self.trials += 1;
        // NaN counts as larger than all numbers, and no later number replaces it.
        if !(ratio <= self.largest) && !self.largest.is_nan() {
            (self.largest, self.line) = (ratio, line);
        }
        self.bins[bin(ratio)] += 1;
    }

    pub fn trials(&self) -> usize {
        self.trials
    }

    /// The largest ratio; NaN where there is none.
    pub fn largest(&self) -> f64 {
        if self.trials == 0 { f64::NAN } else { self.largest }
    }

    pub fn line(&self) -> u64 {
        self.line
    }

    /// The median, up to a sixteenth; infinite where there is nothing.
    pub fn median(&self) -> f64 {
        let mut below = 0;
        let middle = self.bins.iter().position(|&count| {
            below += count as usize;
            2 * below > self.trials
        });
        middle.map_or(f64::INFINITY, |bin| {
            let (octave, part) = (bin / BINS, bin % BINS);
            (1.0 + (part as f64 + 0.5) / BINS as f64) * f64::from(octave as i32 - REACH).exp2()
        })
    }

    /// What must hold at every step.
    pub fn statement(&self, what: &str) -> Statement {
        let what = if self.trials == 0 { what.to_owned() } else { format!("{what}, worst at line {}", self.line) };
        let check =
            Check::Bound { trials: self.trials, largest: self.largest(), median: self.median(), ratios: vec![] };
        Statement { what: what.into(), check }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_is_kept_with_its_line_and_the_median_to_a_bin() {
        let mut tally = Tally::new();
        for k in 1..=101u32 {
            tally.add(f64::from(k), u64::from(k) + 10);
        }
        assert!((tally.median() / 51.0 - 1.0).abs() <= 1.0 / BINS as f64, "{}", tally.median());
        assert!(tally.largest == 101.0 && tally.line == 111);
        tally.add(f64::NAN, 7);
        tally.add(1e9, 8);
        assert!(tally.largest.is_nan() && tally.line == 7 && tally.trials() == 103);
        assert!(Tally::new().median().is_infinite());
    }
}
