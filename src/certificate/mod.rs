//! Certified statements on gradient descent at the edge of stability: every number is enclosed, rounding included.
//!
//! A [`Tube`] encloses the orbit of exact gradient descent from a start in doubles. A [`FlowLine`] encloses the path that the flow predicts from there, in
//! closed form. [`certify`] compares both at every step. Nothing is believed of an eigensolver, of a library's logarithm or of an inverse; what they propose is
//! checked in interval arithmetic. Derivation: `proofs-notes/certified_tracking.md`.

mod line;
mod tube;

use thiserror::Error;

pub use line::FlowLine;
pub use tube::Tube;

use crate::arithmetic::{Enclosure, Scalar, dot};
use crate::flow::FlowConstants;
use crate::loss::Loss;

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
    #[error("the start does not lie on the side of the minimizers: its part along them is not proved positive")]
    OtherSide,
    #[error("at τ = {tau} no interval is proved to hold the flow")]
    Flow { tau: f64 },
}

/// How far an orbit is from the line of a flow, and from those of other flows, at most over its steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// An enclosure of sup_t ‖θ_t − ζ(t·ηλ)‖.
    pub distance: Enclosure,
    /// A lower bound of the same for every other flow.
    pub from_others: Vec<f64>,
    /// The largest radius of the orbit's enclosure over ‖w‖.
    pub radius: f64,
}

/// The steps between two readings of the distance from another flow. Any readings bound a supremum from below.
const OTHERS: u64 = 64;

/// Follows `steps` steps of an orbit, and encloses its largest distance from the line of a flow, and from the lines of `others`. All lines begin at the point of Γ
/// nearest to the start.
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
    let mut found =
        Certificate { distance: Enclosure::new(0.0, 0.0), from_others: vec![0.0; others.len()], radius: 0.0 };
    let mut place = line.start();
    let mut places = vec![line.start(); others.len()];
    for step in 0..=steps {
        let (theta, tau) = (tube.direction(), step as f64 * tube.intrinsic_lr());
        place = line.place(flow, tau, place.middle())?;
        let distance = distance_of(&theta, &line.at(place));
        let Enclosure { lower, upper } = found.distance;
        found.distance = Enclosure::new(lower.max(distance.lower), upper.max(distance.upper));
        if step.is_multiple_of(OTHERS) || step == steps {
            for ((flow, place), least) in others.iter().zip(&mut places).zip(&mut found.from_others) {
                *place = line.place(*flow, tau, place.middle())?;
                *least = least.max(distance_of(&theta, &line.at(*place)).lower);
            }
        }
        found.radius = found.radius.max(tube.relative_radius());
        if step < steps {
            tube.step()?;
        }
    }
    Ok(found)
}

/// ‖x − y‖ of enclosed vectors. Squares are not negative, whatever their factors enclose.
fn distance_of(x: &[Enclosure], y: &[Enclosure]) -> Enclosure {
    let sizes: Vec<Enclosure> = x.iter().zip(y).map(|(&x, &y)| (x - y).absolute()).collect();
    let square = dot(&sizes, &sizes);
    Enclosure::new(square.lower.max(0.0), square.upper).sqrt()
}
