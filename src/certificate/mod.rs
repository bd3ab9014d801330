//! Certified statements on gradient descent at the edge of stability: every number is enclosed, rounding included.
//!
//! A [`Tube`] encloses the orbit of exact gradient descent from a start in doubles. A [`FlowLine`] encloses the path that the flow predicts from there, in
//! closed form. [`certify`] compares both at every step, and encloses η̃λ₁ and h² there. Nothing is believed of an eigensolver, of a library's logarithm or of an inverse; what they propose is
//! checked in interval arithmetic. Derivation: `proofs-notes/certified_tracking.md`.
//!
//! [`find_certificate`] writes what is proved of one orbit as a file. It computes in doubles, and [`crate::checker`] decides.

mod line;
mod orbit;
mod start;
mod tube;

use thiserror::Error;

pub use line::FlowLine;
pub use orbit::{OrbitError, find_certificate};
pub use start::OrbitStart;
pub use tube::Tube;

use crate::arithmetic::{Base, Enclosure, Scalar, dot};
use crate::flow::FlowConstants;
use crate::loss::Loss;

/// Other flows that could have been true, by what differs in them.
pub const OTHER_FLOWS: [(&str, FlowConstants); 6] = [
    ("K = 3 + ‖G‖²", FlowConstants { offset: 3.0, ..FlowConstants::SHARPNESS_REDUCTION }),
    ("K = 5 + ‖G‖²", FlowConstants { offset: 5.0, ..FlowConstants::SHARPNESS_REDUCTION }),
    ("K = 4", FlowConstants { slope: 0.0, ..FlowConstants::SHARPNESS_REDUCTION }),
    ("K = 4 + 2‖G‖²", FlowConstants { slope: 2.0, ..FlowConstants::SHARPNESS_REDUCTION }),
    ("one step lasts 2ηλ", FlowConstants { numerator: 4.0, ..FlowConstants::SHARPNESS_REDUCTION }),
    ("one step lasts ½ηλ", FlowConstants { numerator: 1.0, ..FlowConstants::SHARPNESS_REDUCTION }),
];
/// Why nothing is certified.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum CertificateError {
    #[error("ηλ = {0} is no power of 2 below 1: 1 − ηλ and the times t·ηλ would be rounded")]
    NotExact(f64),
    #[error(
        "at step {step} the enclosure of the orbit is lost: its radius is {radius:e}, the weights have the length {length:e}"
    )]
    Lost { step: u64, radius: f64, length: f64 },
    #[error(
        "the differences of the samples have no row rank that interval arithmetic can prove: pivot {pivot} is not apart from 0"
    )]
    Dependent { pivot: usize },
    #[error("the weights do not lie on the side of the minimizers: their part along them is not proved positive")]
    OtherSide,
    #[error("λ₁ is not proved to be a simple eigenvalue: interval arithmetic does not tell it from λ₂")]
    NotSimple,
    #[error("at τ = {tau} no interval is proved to hold the flow")]
    Flow { tau: f64 },
}

/// The least and the largest of some numbers, one for each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extremes {
    pub least: Enclosure,
    pub largest: Enclosure,
}

impl Extremes {
    /// Those of no numbers.
    const NONE: Self = Self {
        least: Enclosure { lower: f64::INFINITY, upper: f64::INFINITY },
        largest: Enclosure { lower: f64::NEG_INFINITY, upper: f64::NEG_INFINITY },
    };

    fn add(&mut self, Enclosure { lower, upper }: Enclosure) {
        let Self { least, largest } = *self;
        self.least = Enclosure::new(least.lower.min(lower), least.upper.min(upper));
        self.largest = Enclosure::new(largest.lower.max(lower), largest.upper.max(upper));
    }

    /// The largest distance from a number.
    pub fn farthest_from(&self, number: f64) -> Enclosure {
        let [a, b] = [self.least, self.largest].map(|end| (end - Enclosure::from_f64(number)).absolute());
        Enclosure::new(a.lower.max(b.lower), a.upper.max(b.upper))
    }
}

/// What is enclosed of an orbit beside the line of a flow.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// An enclosure of sup_t ‖θ_t − ζ(t·ηλ)‖.
    pub distance: Enclosure,
    /// A lower bound of the same for every other flow.
    pub from_others: Vec<f64>,
    /// η̃λ₁(p) over the steps, p being the point of Γ nearest to the iterate.
    pub edge: Extremes,
    /// The same with λ₁ at the start's p.
    pub edge_of_start: Extremes,
    /// ⟨h²⟩/(2ηλ), the mean over all steps.
    pub mean_square: Enclosure,
    /// ⟨‖G‖²h²⟩/(2ηλ).
    pub mean_square_along: Enclosure,
    /// The largest radius of the orbit's enclosure over ‖w‖.
    pub radius: f64,
}

/// The steps between two readings of the distance from another flow. Any readings bound a supremum from below.
const OTHERS: u64 = 64;

/// Follows `steps` steps of an orbit, and encloses its largest distance from the line of a flow, and from the lines of `others`; and what stands at the edge of stability. All
/// lines begin at the point of Γ nearest to the start.
///
/// # Errors
/// An enclosure is lost: that of the orbit, or that of a flow.
pub fn certify<L: Loss<Enclosure>>(
    tube: &mut Tube<L>,
    line: &FlowLine,
    flow: FlowConstants,
    others: &[FlowConstants],
    steps: u64,
) -> Result<Certificate, CertificateError> {
    let zero = Enclosure::new(0.0, 0.0);
    let (mut distance, mut radius, mut from_others) = (zero, 0.0f64, vec![0.0f64; others.len()]);
    let (mut edge, mut edge_of_start) = (Extremes::NONE, Extremes::NONE);
    let (mut squares, mut squares_along) = (zero, zero);
    let mut place = line.start();
    let mut places = vec![line.start(); others.len()];
    for step in 0..=steps {
        let (theta, tau) = (tube.direction(), step as f64 * tube.intrinsic_lr());
        place = line.place(flow, tau, place.middle())?;
        let away = distance_of(&theta, &line.at(place));
        distance = Enclosure::new(distance.lower.max(away.lower), distance.upper.max(away.upper));
        if step.is_multiple_of(OTHERS) || step == steps {
            for ((flow, place), least) in others.iter().zip(&mut places).zip(&mut from_others) {
                *place = line.place(*flow, tau, place.middle())?;
                *least = least.max(distance_of(&theta, &line.at(*place)).lower);
            }
        }
        let (nearest, effective) = (line.nearest(&theta)?, tube.effective_learning_rate());
        edge.add(effective * line.sharpness(nearest));
        edge_of_start.add(effective * line.sharpness(line.start()));
        radius = radius.max(tube.relative_radius());
        if step < steps {
            let displacement = line.displacement(&theta).absolute();
            let square = displacement * displacement;
            (squares, squares_along) = (squares + square, squares_along + line.log_gradient_square(nearest) * square);
            tube.step()?;
        }
    }
    let mean =
        |sum: Enclosure| sum / (Enclosure::from_f64(2.0 * tube.intrinsic_lr()) * Enclosure::from_f64(steps as f64));
    Ok(Certificate {
        distance,
        from_others,
        edge,
        edge_of_start,
        mean_square: mean(squares),
        mean_square_along: mean(squares_along),
        radius,
    })
}

/// ‖x − y‖ of enclosed vectors. Squares are not negative, whatever their factors enclose.
fn distance_of(x: &[Enclosure], y: &[Enclosure]) -> Enclosure {
    let sizes: Vec<Enclosure> = x.iter().zip(y).map(|(&x, &y)| (x - y).absolute()).collect();
    let square = dot(&sizes, &sizes);
    Enclosure::new(square.lower.max(0.0), square.upper).sqrt()
}
