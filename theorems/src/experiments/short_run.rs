use sharpflow::arithmetic::Rounding;
use sharpflow::measure::Reading;
use sharpflow::minimizers::MinimizersError;

use super::hypotheses::{Watched, displacement_noise};

/// One short run.
#[derive(Debug)]
pub struct ShortRun {
    /// How much of τ a step lasts.
    pub intrinsic_lr: f64,
    pub start: usize,
    /// e₀, as it was asked for.
    pub energy: f64,
    /// u of the arithmetic it was made in.
    pub rounding: Rounding,
    /// Steps and readings, in order.
    pub readings: Vec<(u64, Reading)>,
    pub failure: Option<MinimizersError>,
}

impl ShortRun {
    pub(super) fn new((intrinsic_lr, energy): (f64, f64), start: usize, rounding: Rounding) -> Self {
        Self { intrinsic_lr, start, energy, rounding, readings: Vec::new(), failure: None }
    }

    /// Whether some |h| lies within a thousandfold of its rounding noise.
    pub(super) fn sinks(&self, dimension: usize) -> bool {
        let noise = displacement_noise(self.rounding, dimension, self.intrinsic_lr);
        self.readings.iter().any(|(_, reading)| !(reading.displacement.abs() >= 1e3 * noise))
    }

    /// The number of steps from one upward crossing of δ to the next; NaN where there are not two.
    pub fn period(&self) -> f64 {
        let crossings: Vec<f64> = self.crossings().map(|(_, step)| step).collect();
        if let [first, second, ..] = crossings[..] { second - first } else { f64::NAN }
    }

    /// The mean of a quantity from one upward crossing of δ to the next, by the trapezoid rule with parts of cells at both ends; NaN
    /// where there are not two.
    pub fn mean(&self, of: impl Fn(&Reading) -> f64) -> f64 {
        let crossings: Vec<f64> = self.crossings().map(|(_, step)| step).collect();
        let [first, second, ..] = crossings[..] else { return f64::NAN };
        let mut sum = 0.0;
        for pair in self.readings.windows(2) {
            let [(before, earlier), (after, later)] = [pair[0], pair[1]];
            let (before, after) = (before as f64, after as f64);
            let (from, to) = (before.max(first), after.min(second));
            if from < to {
                let (start, end) = (of(&earlier), of(&later));
                let at = |step: f64| start + (step - before) / (after - before) * (end - start);
                sum += 0.5 * (to - from) * (at(from) + at(to));
            }
        }
        sum / (second - first)
    }

    /// Readings between the first upward crossing of δ and the next.
    pub fn whole(&self) -> &[(u64, Reading)] {
        let mut crossings = self.crossings();
        match (crossings.next(), crossings.next()) {
            (Some((first, _)), Some((second, _))) => &self.readings[first..=second],
            _ => &[],
        }
    }

    /// A smooth quantity over the period between the first upward crossing of δ and the next: at the first crossing, at the readings between
    /// both, and at the second crossing; `None` where there are not two. A reading lies up to a stride after its crossing, and the quantity
    /// may move by a fifth of its swing meanwhile.
    pub fn over_period(&self, of: impl Fn(&Reading) -> f64) -> Option<(f64, Vec<f64>, f64)> {
        let mut crossings = self.crossings();
        let ((first, start), (second, end)) = (crossings.next()?, crossings.next()?);
        let between = self.readings[first..second].iter().map(|(_, reading)| of(reading)).collect();
        Some((self.interpolated(first, start, &of), between, self.interpolated(second, end, &of)))
    }

    /// Readings at which δ has become positive, and when it did.
    fn crossings(&self) -> impl Iterator<Item = (usize, f64)> {
        let offset = |k: usize| self.readings[k].1.edge_offset;
        let up = move |&k: &usize| offset(k - 1) < 0.0 && offset(k) >= 0.0;
        (1..self.readings.len()).filter(up).map(|k| (k, self.crossing(k)))
    }

    /// The zero of δ before reading `k`, by bisection.
    fn crossing(&self, k: usize) -> f64 {
        let value = |step: f64| self.interpolated(k, step, |reading| reading.edge_offset);
        let (mut low, mut high) = (self.readings[k - 1].0 as f64, self.readings[k].0 as f64);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if value(middle) < 0.0 { low = middle } else { high = middle }
        }
        low
    }

    /// A quantity at a step between readings `k` − 1 and `k`, by the cubic through the four readings around it, or through as many as there are.
    fn interpolated(&self, k: usize, step: f64, of: impl Fn(&Reading) -> f64) -> f64 {
        let around = &self.readings[k.saturating_sub(2)..(k + 2).min(self.readings.len())];
        let term = |i: usize| -> f64 {
            let others = (0..around.len()).filter(|&j| j != i);
            let (at, step_of) = (around[i].0 as f64, |j: usize| around[j].0 as f64);
            let weight: f64 = others.map(|j| (step - step_of(j)) / (at - step_of(j))).product();
            of(&around[i].1) * weight
        };
        (0..around.len()).map(term).sum()
    }
}

impl Watched {
    pub(super) fn of_swing(run: &ShortRun) -> Self {
        let readings = run.readings.iter().map(|&(_, reading)| reading).collect();
        Self {
            intrinsic_lr: run.intrinsic_lr,
            start: run.start,
            rounding: run.rounding,
            readings,
            failure: run.failure,
        }
    }
}
