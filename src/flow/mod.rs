//! The sharpness-reduction flow dζ/dτ = −2∇_Γ log λ₁(ζ) / (4 + ‖∇_Γ log λ₁(ζ)‖²) on Γ.
//!
//! One step of gradient descent with weight decay lasts ηλ of τ. Along the flow log λ₁ falls at the rate 2‖G‖²/(4 + ‖G‖²), G = ∇_Γ log λ₁: never
//! faster than 2. On a linear regression with batch normalization the angle φ to the minimum-norm solution obeys tan φ(τ) = tan φ(0)·e^{−τ}.
//!
//! ```
//! use sharpflow::data::Dataset;
//! use sharpflow::flow::{FlowConstants, angle_at, integrate};
//! use sharpflow::loss::LinearRegression;
//! use sharpflow::minimizers::LinearRegressionMinimizers;
//!
//! let loss = LinearRegression::<f64>::new(&Dataset::random(8, 12, 1))?;
//! let mut minimizers = LinearRegressionMinimizers::new(&loss)?;
//! let mut zeta = minimizers.at_angle(1.0, &[1.0; 12])?;
//! let flow = integrate(&mut minimizers, FlowConstants::SHARPNESS_REDUCTION, &zeta, 1.0, 1e-10)?;
//! flow.at(0.5, &mut zeta);
//! assert!((minimizers.angle(&zeta) - angle_at(1.0, 0.5)).abs() < 1e-8);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod closed_form;
mod integrate;

use ode_solvers::dop_shared::IntegrationError;
use thiserror::Error;

use crate::minimizers::MinimizersError;

pub use closed_form::angle_at;
pub use integrate::{Flow, integrate};

/// The constants of a flow dζ/dτ = −a·G / (b + c‖G‖²), G = ∇_Γ log λ₁.
///
/// The theory's are (2, 4, 1); other values are its wrong twins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FlowConstants {
    /// a.
    pub numerator: f64,
    /// b.
    pub offset: f64,
    /// c.
    pub slope: f64,
}

impl FlowConstants {
    /// The sharpness-reduction flow of gradient descent with weight decay; τ = t·ηλ.
    pub const SHARPNESS_REDUCTION: Self = Self { numerator: 2.0, offset: 4.0, slope: 1.0 };
}

/// Why a flow could not be integrated to its end.
#[derive(Debug, Error)]
pub enum FlowError {
    /// The right-hand side failed.
    #[error("at τ = {tau}: {source}")]
    RightHandSide { tau: f64, source: MinimizersError },
    /// The state is NaN or infinite.
    #[error("at τ = {tau}: the state is not finite")]
    NotFinite { tau: f64 },
    /// The interval or the tolerance is none.
    #[error("the end τ = {end} and the tolerance {tolerance} must be positive and finite")]
    Domain { end: f64, tolerance: f64 },
    /// The integrator gave up.
    #[error("the integrator stopped: {0}")]
    Integrator(#[from] IntegrationError),
}

impl FlowError {
    /// The τ that the integration had reached, where it began at all.
    pub fn reached(&self) -> Option<f64> {
        match *self {
            Self::RightHandSide { tau, .. } | Self::NotFinite { tau } => Some(tau),
            Self::Integrator(
                IntegrationError::MaxNumStepReached { x, .. }
                | IntegrationError::StepSizeUnderflow { x }
                | IntegrationError::StiffnessDetected { x },
            ) => Some(x),
            Self::Domain { .. } => None,
        }
    }
}
