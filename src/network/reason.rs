//! Why no degree was inferred, and what would mend it.

use std::fmt;

/// Why a degree was not inferred.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// A normalization with ε > 0 over a degree other than 0.
    Epsilon { epsilon: f64, degree: f64 },
    /// A trainable factor after a normalization, which nothing behind it takes away.
    AffineParameters { left: f64, right: f64 },
    /// A bias of another degree than what it is added to.
    Bias { left: f64, right: f64 },
    /// Terms of different degrees.
    MixedDegrees { left: f64, right: f64 },
    /// A function other than the ReLU of a degree other than 0.
    Function { degree: f64 },
    /// A bias that no normalization takes away goes through an operation that is not linear in it.
    Shift { degree: f64 },
    /// The last layer's output is not normalized: targets have degree 0.
    UnnormalizedOutput { degree: f64 },
    /// A degree too fine or too large to be told apart from its neighbours.
    Range { degree: f64 },
}

impl Reason {
    /// The degree that a node would have, had it been mended.
    pub(super) fn mended(self) -> f64 {
        match self {
            Self::Shift { degree } => degree,
            // A bias of the degree of what it is added to.
            Self::Bias { left, right } | Self::MixedDegrees { left, right } => left.max(right),
            Self::Epsilon { .. }
            | Self::AffineParameters { .. }
            | Self::Function { .. }
            | Self::UnnormalizedOutput { .. }
            | Self::Range { .. } => 0.0,
        }
    }

    /// Which of two operands has the higher degree, where two degrees do not fit.
    pub(super) fn higher(self) -> Option<usize> {
        match self {
            Self::Bias { left, right }
            | Self::MixedDegrees { left, right }
            | Self::AffineParameters { left, right } => Some(usize::from(right > left)),
            _ => None,
        }
    }

    /// What would mend it.
    pub fn mend(self) -> &'static str {
        match self {
            Self::Epsilon { .. } => "set epsilon = 0",
            Self::AffineParameters { .. } => {
                "freeze the factors and biases behind the normalization: make them constants"
            }
            Self::Bias { .. } => "leave the bias out, or put a normalization that takes its mean away behind it",
            Self::MixedDegrees { .. } => "normalize the term of the higher degree before the sum",
            Self::Function { .. } => "normalize the input of the function",
            Self::Shift { .. } => "leave the bias out, or take its mean away before this node",
            Self::UnnormalizedOutput { .. } => {
                "normalize the output, or freeze the weights of the last layer: make them constants"
            }
            Self::Range { .. } => "use powers that are halves, quarters or whole numbers",
        }
    }
}

/// A degree as people write it: whole, or a fraction.
pub(super) fn power(degree: f64) -> String {
    let halves = [1.0, 2.0, 4.0, 8.0, 16.0].into_iter().find(|denominator| (degree * denominator).fract() == 0.0);
    match halves {
        Some(1.0) | None => format!("{degree}"),
        Some(denominator) => format!("{}/{denominator}", degree * denominator),
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Epsilon { epsilon, degree } => {
                write!(f, "ε = {epsilon:e} does not scale with an input of degree {}", power(degree))
            }
            Self::AffineParameters { left, right } => write!(
                f,
                "trainable affine parameters after the last normalization: terms of degrees {} and {}",
                power(left),
                power(right)
            ),
            Self::Bias { left, right } => {
                write!(
                    f,
                    "a bias does not scale with what it is added to: degrees {} and {}",
                    power(left),
                    power(right)
                )
            }
            Self::MixedDegrees { left, right } => {
                write!(f, "terms of different degrees, {} and {}", power(left), power(right))
            }
            Self::Function { degree } => {
                write!(f, "a function that needs degree 0 has an input of degree {}", power(degree))
            }
            Self::Shift { degree } => {
                write!(f, "a bias of another degree than {} is in the input, and stays", power(degree))
            }
            Self::Range { degree } => {
                write!(f, "degree {degree:e}: only multiples of 2^−16 up to 2^30 are told apart")
            }
            Self::UnnormalizedOutput { degree } => {
                write!(f, "the output is not normalized: it has degree {}", power(degree))
            }
        }
    }
}
