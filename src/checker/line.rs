//! The flow's line in closed form.

use super::algebra::{dot, exactly, length, points};
use super::format::{OtherFlow, Refused};
use crate::arithmetic::{Enclosure, Scalar};

/// The line ζ = √C·u + √(1−C)·v that the flow follows, C = cos²φ. Along it τ = F(C) − F(C₀).
pub struct Line {
    pub along: Vec<Enclosure>,
    pub across: Vec<Enclosure>,
    /// v₁, which is the same all over Γ up to its sign.
    pub top: Vec<Enclosure>,
    /// λ₁C of a regression; on the circle λ₁ = 1 + 20C.
    pub least: Option<Enclosure>,
    /// C₀.
    pub start: Enclosure,
}

impl Line {
    /// The circle z = 0, from the point nearest to a start.
    pub fn on_circle(start: &[f64]) -> Self {
        let axis = |k: usize| (0..3).map(|i| exactly(if i == k { 1f64.copysign(start[k]) } else { 0.0 })).collect();
        Self { along: axis(0), across: axis(1), top: axis(2), least: None, start: exactly(0.0) }
    }

    /// The same line, from the point nearest to a start.
    pub fn starting_nearest(self, start: &[f64]) -> Result<Self, Refused> {
        let start = self.nearest(&points(start)).ok_or(Refused::OtherSide { step: 0 })?;
        Ok(Self { start, ..self })
    }

    /// C at the point of Γ that is nearest to w. w has no part across Γ but along v₁ and in the directions that the line spans, because gradients have none.
    pub fn nearest(&self, w: &[Enclosure]) -> Option<Enclosure> {
        let (up, aside) = (dot(w, &self.along), dot(w, &self.across).absolute());
        let ratio = aside / up;
        let one = exactly(1.0);
        (up.lower > 0.0).then(|| (one / (one + ratio * ratio)).both(Enclosure::new(0.0, 1.0)))
    }

    pub fn sharpness(&self, place: Enclosure) -> Enclosure {
        match self.least {
            None => exactly(1.0) + exactly(20.0) * place,
            Some(least) => least / place,
        }
    }

    /// K = 4 + ‖G‖².
    pub fn stiffness(&self, place: Enclosure) -> Enclosure {
        let rest = exactly(1.0) - place;
        let square = match self.least {
            None => exactly(1600.0) * place * rest / (self.sharpness(place) * self.sharpness(place)),
            Some(_) => exactly(4.0) * rest / place,
        };
        exactly(4.0) + square
    }

    /// F(C) of a flow.
    fn time(&self, flow: &OtherFlow, place: Enclosure) -> Enclosure {
        let (a, b, c) = (exactly(flow.numerator), exactly(flow.offset), exactly(flow.slope));
        let (up, aside) = (place.ln(), (exactly(1.0) - place).ln());
        match self.least {
            None => {
                let sharpness = (exactly(1.0) + exactly(20.0) * place).ln();
                b / a * ((aside - up) / exactly(80.0) + aside / exactly(4.0)) - c / a * sharpness
            }
            Some(_) => c / a * up - b / (exactly(4.0) * a) * aside,
        }
    }

    /// Proves that a flow has C between two numbers after a time. F falls in C on the circle, and rises in C on a regression.
    pub fn prove_place(&self, flow: &OtherFlow, tau: Enclosure, [low, high]: [f64; 2]) -> Option<()> {
        let is_flow = flow.numerator > 0.0 && flow.offset > 0.0 && flow.slope >= 0.0;
        if !(is_flow && 0.0 < low && low <= high && high < 1.0) {
            return None;
        }
        let wanted = self.time(flow, self.start) + tau;
        let (first, last) = if self.least.is_some() { (low, high) } else { (high, low) };
        let (first, last) = (self.time(flow, exactly(first)), self.time(flow, exactly(last)));
        (first.upper <= wanted.lower && wanted.upper <= last.lower).then_some(())
    }

    /// ‖θ − ζ‖ where C of ζ lies between two numbers.
    pub fn distance(&self, theta: &[Enclosure], [low, high]: [f64; 2]) -> Enclosure {
        let place = Enclosure::new(low, high);
        let (up, aside) = (place.sqrt(), (exactly(1.0) - place).sqrt());
        let apart: Vec<Enclosure> =
            (0..theta.len()).map(|i| theta[i] - (up * self.along[i] + aside * self.across[i])).collect();
        length(&apart)
    }
}
