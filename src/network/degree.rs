//! Degrees of homogeneity, and what the rules of operations make of them.

use std::fmt;

use super::NodeId;
use super::reason::{Reason, power};
use super::shape::{Shape, axes_text};

/// How a node's value changes when the group is multiplied by c > 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Degree {
    /// Its value is multiplied by c to this power: a multiple of 2⁻¹⁶ within ±2³⁰, on which sums and halves are exact.
    Homogeneous(f64),
    /// Up to a term that does not vary along these axes, its value is multiplied by c to this power: W·x + b with a bias b that
    /// is constant or has another degree. Subtracting the mean along such an axis removes the term.
    UpToShift { degree: f64, constant_along: Vec<usize> },
    /// The rules give no degree.
    Unknown(Breach),
}

/// A node and why its degree was not inferred.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Breach {
    pub node: NodeId,
    pub reason: Reason,
}

/// The inputs of a node as a rule of degrees sees them.
pub(super) struct Operands<'a> {
    /// Whether the node is a group of weights, and one of those that are multiplied.
    pub is_member: bool,
    pub degrees: &'a [&'a Degree],
    pub shapes: &'a [&'a Shape],
    pub out: &'a Shape,
}

impl Operands<'_> {
    /// The degree of input `k`.
    pub fn degree(&self, k: usize) -> f64 {
        self.degrees[k].power()
    }

    /// The axes along which a term of another degree in input `k` does not vary, if there is such a term.
    pub fn shift(&self, k: usize) -> Option<&[usize]> {
        match self.degrees[k] {
            Degree::UpToShift { constant_along, .. } => Some(constant_along),
            Degree::Homogeneous(_) | Degree::Unknown(_) => None,
        }
    }

    /// The first input's degree, with its shift.
    pub fn same(&self) -> Degree {
        self.degrees[0].clone()
    }

    /// This degree, if no input has a shift: most operations know nothing of shifts.
    pub fn unshifted(&self, degree: f64) -> Result<Degree, Reason> {
        match (0..self.degrees.len()).all(|k| self.shift(k).is_none()) {
            true => Ok(Degree::Homogeneous(degree)),
            false => Err(Reason::Shift { degree: self.degree(0) }),
        }
    }

    /// The degree of a sum or a mean over some axes: a shift along others stays.
    pub fn reduced(&self, axes: &[usize]) -> Result<Degree, Reason> {
        match self.shift(0) {
            None => Ok(Degree::Homogeneous(self.degree(0))),
            Some(along) => {
                Degree::shifted(self.degree(0), along.iter().copied().filter(|axis| !axes.contains(axis)).collect())
            }
        }
    }

    /// The degree of a sum of two terms. Terms of the same degree keep it. If the degrees differ, a term that is repeated along some axes is a shift that is
    /// constant along them.
    pub fn sum(&self) -> Result<Degree, Reason> {
        let (a, b) = (self.degree(0), self.degree(1));
        let rank = self.out.axes().len();
        let repeated = |input: usize| -> Vec<usize> {
            let shape = self.shapes[input];
            (0..rank).filter(|&axis| shape.aligned(axis, rank) == 1 && self.out.axes()[axis] > 1).collect()
        };
        // Axes of an operand are numbered from the result's last.
        let lift = |shift: &[usize], input: usize| -> Vec<usize> {
            let offset = rank - self.shapes[input].axes().len();
            let own = shift.iter().map(|axis| axis + offset);
            own.chain(repeated(input)).collect()
        };
        let degree = |degree: f64, along: Vec<usize>| match along.is_empty() {
            true => Err(Reason::MixedDegrees { left: a, right: b }),
            false => Ok(Degree::UpToShift { degree, constant_along: along }),
        };
        let common = |along: Vec<usize>, both: &[usize]| along.into_iter().filter(|axis| both.contains(axis)).collect();
        match (self.shift(0), self.shift(1)) {
            (None, None) if a == b => Ok(Degree::Homogeneous(a)),
            // The operand that is repeated is the shift, whatever its degree.
            (None, None) if !repeated(1).is_empty() => degree(a, repeated(1)),
            (None, None) => degree(b, repeated(0)),
            (Some(along), None) if a == b => degree(a, lift(along, 0)),
            (None, Some(along)) if a == b => degree(a, lift(along, 1)),
            (Some(along), None) => degree(a, common(lift(along, 0), &repeated(1))),
            (None, Some(along)) => degree(b, common(lift(along, 1), &repeated(0))),
            (Some(first), Some(second)) if a == b => degree(a, common(lift(first, 0), &lift(second, 1))),
            _ => Err(Reason::MixedDegrees { left: a, right: b }),
        }
    }
}

impl Degree {
    /// A degree up to a term that is constant along some axes. Where there is no such axis, the term cannot be separated any more.
    pub(super) fn shifted(degree: f64, constant_along: Vec<usize>) -> Result<Self, Reason> {
        if constant_along.is_empty() {
            return Err(Reason::Shift { degree });
        }
        Ok(Self::UpToShift { degree, constant_along })
    }

    /// The power of c; NaN where it is not known.
    pub(super) fn power(&self) -> f64 {
        match self {
            Self::Homogeneous(degree) | Self::UpToShift { degree, .. } => *degree,
            // Nobody asks for this degree, because a node behind an unknown one is unknown itself.
            Self::Unknown(_) => f64::NAN,
        }
    }
}

impl fmt::Display for Degree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Homogeneous(degree) => write!(f, "degree {}", power(*degree)),
            Self::UpToShift { degree, constant_along } => {
                let axes = axes_text(constant_along);
                write!(f, "degree {} up to a term constant along {axes}", power(*degree))
            }
            Self::Unknown(_) => f.write_str("unknown"),
        }
    }
}
