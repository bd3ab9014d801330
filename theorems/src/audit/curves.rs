//! The curves of a log, with as many points as a picture shows.

use sharpflow::data::{LogRow, Measured};

use crate::thinned::Thinned;

/// The most points of a curve.
const KEPT: usize = 2048;

/// A quantity along the steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// What it is, in signs.
    pub label: &'static str,
    points: Thinned<(f64, f64)>,
}

impl Curve {
    fn new(label: &'static str) -> Self {
        Self { label, points: Thinned::new(KEPT) }
    }

    fn add(&mut self, step: u64, value: f64) {
        if value.is_finite() {
            self.points.add((step as f64, value));
        }
    }

    /// Steps and values.
    pub fn points(&self) -> &[(f64, f64)] {
        self.points.kept()
    }
}

/// The curves that a log's columns give, in bounded memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Curves {
    pub loss: Curve,
    pub weight_norm_square: Curve,
    /// η/((1−ηλ)‖w‖²).
    pub effective_learning_rate: Curve,
    /// ηλ₁/(1−ηλ), and under momentum ηλ₁, where λ₁ was logged.
    pub sharpness_over_edge: Curve,
    /// 2, and under momentum 2(1+μ).
    pub edge: Curve,
    /// η‖∇L‖/‖w‖, without momentum: how far a step turns w.
    pub turn: Curve,
    /// √(2ηλ): how far it turns w where ‖w‖ stays.
    pub equilibrium_turn: Curve,
}

impl Default for Curves {
    fn default() -> Self {
        Self {
            loss: Curve::new("L"),
            weight_norm_square: Curve::new("‖w‖²"),
            effective_learning_rate: Curve::new("η/((1-ηλ)‖w‖²)"),
            sharpness_over_edge: Curve::new("ηλ₁/(1-ηλ)"),
            edge: Curve::new("edge of stability"),
            turn: Curve::new("η‖∇L‖/‖w‖"),
            equilibrium_turn: Curve::new("√(2ηλ)"),
        }
    }
}

impl Curves {
    pub(super) fn row(&mut self, row: &LogRow) {
        let value = |of: Option<Measured>| of.map_or(f64::NAN, |of| of.value);
        let [loss, rate, decay, square, gradient, sharpness] =
            [row.loss, row.learning_rate, row.weight_decay, row.norm_square, row.gradient_square, row.sharpness]
                .map(value);
        let momentum = row.momentum.map_or(0.0, |momentum| momentum.value);
        let kept = 1.0 - rate * decay;
        self.loss.add(row.step, loss);
        self.weight_norm_square.add(row.step, square);
        self.effective_learning_rate.add(row.step, rate / (kept * square));
        if sharpness.is_finite() {
            self.sharpness_over_edge.add(row.step, rate * sharpness / if momentum > 0.0 { 1.0 } else { kept });
            self.edge.add(row.step, 2.0 * (1.0 + momentum));
        }
        if momentum == 0.0 {
            self.turn.add(row.step, rate * (gradient / square).sqrt());
            self.equilibrium_turn.add(row.step, (2.0 * rate * decay).sqrt());
        }
    }
}
