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
    #[error("1 − ηλ is not a double for ηλ = {0}; 2⁻¹² is an ηλ for which it is")]
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

/// How far an orbit is from flow lines, at most over its steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// sup_t ‖θ_t − ζ(t·ηλ)‖ of each flow.
    pub distances: Vec<Enclosure>,
    /// The largest radius of the orbit's enclosure over ‖w‖.
    pub radius: f64,
}

/// Follows `steps` steps of an orbit, and encloses its largest distance from the line of each flow. All lines begin at the point of Γ nearest to the start.
///
/// # Errors
/// An enclosure is lost: that of the orbit, or that of a flow.
pub fn certify<L: Loss<Enclosure>>(
    tube: &mut Tube<L>,
    line: &FlowLine,
    flows: &[FlowConstants],
    steps: u64,
) -> Result<Certificate, CertificateError> {
    let mut distances = vec![Enclosure::new(0.0, 0.0); flows.len()];
    let mut places: Vec<Enclosure> = vec![line.start(); flows.len()];
    let (mut radius, mut apart): (f64, Vec<Enclosure>) = (0.0, Vec::new());
    for step in 0..=steps {
        let theta = tube.direction();
        for ((flow, place), largest) in flows.iter().zip(&mut places).zip(&mut distances) {
            let tau = step as f64 * tube.intrinsic_lr();
            *place = line.place(*flow, tau, place.middle())?;
            apart.clear();
            apart.extend(theta.iter().zip(line.at(*place)).map(|(&x, y)| x - y));
            let distance = norm_of(&apart);
            *largest = Enclosure::new(largest.lower.max(distance.lower), largest.upper.max(distance.upper));
        }
        radius = radius.max(tube.relative_radius());
        if step < steps {
            tube.step()?;
        }
    }
    Ok(Certificate { distances, radius })
}

/// ‖x‖ of an enclosed vector: squares are not negative, whatever their factors enclose.
fn norm_of(x: &[Enclosure]) -> Enclosure {
    let sizes: Vec<Enclosure> = x.iter().map(|x| x.absolute()).collect();
    let square = dot(&sizes, &sizes);
    Enclosure::new(square.lower.max(0.0), square.upper).sqrt()
}
