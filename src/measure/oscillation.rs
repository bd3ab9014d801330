use super::{Reading, worst};

/// The period, in steps, of small slow oscillations at the edge of stability: π/√(2ηλ), whatever the loss.
pub fn slow_period(intrinsic_lr: f64) -> f64 {
    std::f64::consts::PI / (2.0 * intrinsic_lr).sqrt()
}

/// Statistics of the oscillation at the edge of stability, gathered in constant memory.
#[derive(Clone, Debug, Default)]
pub struct Oscillation {
    previous: Option<(u64, Reading)>,
    crossing: Option<Crossing>,
    total: Sums,
    whole: Sums,
    whole_steps: f64,
    oscillations: u64,
    sign_failures: u64,
    summary: OscillationSummary,
}

/// The summary of an [`Oscillation`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OscillationSummary {
    /// Whole oscillations of δ seen: from one upward crossing of its own zero to a later one.
    pub oscillations: u64,
    /// ⟨K h²⟩ over them; theory: 2ηλ. NaN while there is none.
    pub mean_square: f64,
    /// Their mean period in steps; theory for small ones: [`slow_period`]. NaN while there is none.
    pub period: f64,
    /// The number of readings whose h lacks the sign that it would have if it changed sign at every step.
    pub sign_failures: u64,
    /// min |h|.
    pub least_displacement: f64,
    /// max |h|.
    pub largest_displacement: f64,
    /// max |δ|.
    pub largest_offset: f64,
    /// max ‖θ − p‖.
    pub largest_distance: f64,
    /// min (1 − λ₂/λ₁).
    pub least_gap: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    weight: f64,
    square: f64,
}

#[derive(Clone, Copy, Debug)]
struct Crossing {
    step: f64,
    sums: Sums,
}

impl Oscillation {
    /// Adds the reading of a step; steps must increase.
    pub fn add(&mut self, step: u64, reading: &Reading) {
        let size = reading.displacement.abs();
        let first = self.previous.is_none();
        let s = &mut self.summary;
        let (least, gap) = if first { (size, reading.relative_gap) } else { (s.least_displacement, s.least_gap) };
        s.least_displacement = -worst([-least, -size]);
        s.largest_displacement = worst([s.largest_displacement, size]);
        s.largest_offset = worst([s.largest_offset, reading.edge_offset.abs()]);
        s.largest_distance = worst([s.largest_distance, reading.distance_to_manifold]);
        s.least_gap = -worst([-gap, -reading.relative_gap]);
        if let Some((before, earlier)) = self.previous {
            self.advance(before, &earlier, step, reading);
        }
        self.previous = Some((step, *reading));
    }

    fn advance(&mut self, before: u64, earlier: &Reading, step: u64, reading: &Reading) {
        let even = (step - before).is_multiple_of(2);
        let same = (earlier.displacement > 0.0) == (reading.displacement > 0.0);
        self.sign_failures += u64::from(even != same);
        // Trapezoid rule between readings.
        let steps = (step - before) as f64;
        let square = |r: &Reading| r.edge_stiffness() * r.displacement.powi(2);
        let at = |part: f64| {
            let end = square(earlier) + part * (square(reading) - square(earlier));
            Sums {
                weight: self.total.weight + part * steps,
                square: self.total.square + part * steps * 0.5 * (square(earlier) + end),
            }
        };
        let (from, to) = (earlier.edge_offset, reading.edge_offset);
        if from < 0.0 && to >= 0.0 {
            let part = from / (from - to);
            let crossing = Crossing { step: before as f64 + part * steps, sums: at(part) };
            match self.crossing {
                None => self.crossing = Some(crossing),
                Some(first) => {
                    self.oscillations += 1;
                    self.whole_steps = crossing.step - first.step;
                    self.whole = Sums {
                        weight: crossing.sums.weight - first.sums.weight,
                        square: crossing.sums.square - first.sums.square,
                    };
                }
            }
        }
        self.total = at(1.0);
    }

    /// The statistics so far.
    pub fn summary(&self) -> OscillationSummary {
        OscillationSummary {
            oscillations: self.oscillations,
            mean_square: self.whole.square / self.whole.weight,
            period: self.whole_steps / self.oscillations as f64,
            sign_failures: self.sign_failures,
            ..self.summary
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    /// δ = sin(2πt/10), h alternating with h² = 4 and K = 5: zero crossings every 10 steps, ⟨K h²⟩ = 20.
    #[test]
    fn a_made_up_oscillation_is_read_back() {
        let mut oscillation = Oscillation::default();
        for step in 0..=45u64 {
            let size = if step == 17 { 1.0 } else { 2.0 };
            oscillation.add(
                step,
                &Reading {
                    sharpness: 1.0,
                    relative_gap: if step == 20 { 0.3 } else { 0.5 },
                    displacement: if step % 2 == 0 { size } else { -size },
                    edge_offset: (std::f64::consts::TAU * step as f64 / 10.0 - 0.5).sin(),
                    log_gradient_square: 1.0,
                    distance_to_manifold: if step == 30 { 2.5 } else { 2.0 },
                },
            );
        }
        let summary = oscillation.summary();
        assert_eq!((summary.oscillations, summary.sign_failures), (4, 0));
        assert_relative_eq!(summary.period, 10.0, max_relative = 1e-12);
        // One reading of h² = 1 among forty steps: the trapezoid rule sees 20 − 15/40.
        assert_relative_eq!(summary.mean_square, 20.0 - 15.0 / 40.0, max_relative = 1e-12);
        assert_eq!((summary.least_displacement, summary.largest_displacement), (1.0, 2.0));
        assert_eq!((summary.least_gap, summary.largest_distance), (0.3, 2.5));
        assert!(summary.largest_offset > 0.95 && summary.largest_offset <= 1.0);
    }
}
