//! What an instance is of: a linear regression, whose Γ has a closed form, or a network.

use std::sync::Arc;

use faer::Mat;
use sharpflow::arithmetic::{Quad, Real, Scalar, distance, dot, norm};
use sharpflow::loss::{Derivatives, Evaluator, LinearRegression, Loss};
use sharpflow::minimizers::{LinearRegressionMinimizers, Minimizers, NumericMinimizers, PreciseLoss};
use sharpflow::network::{Network, NetworkError, NetworkLoss};
use sharpflow::sphere::Space;

use super::Place;

/// A linear regression with batch normalization, and its Γ in closed form.
#[derive(Clone, Debug)]
pub struct Regression {
    pub loss: LinearRegression<f64>,
    pub(super) precise: Arc<LinearRegression<Quad>>,
    pub minimizers: LinearRegressionMinimizers<f64>,
    /// φ(0), the angle of the start to the minimum-norm solution.
    pub angle: f64,
}

/// A network, ready in two precisions.
#[derive(Clone, Debug)]
pub struct Trained {
    pub network: Network,
    pub(super) loss: NetworkLoss<f64>,
    precise: Arc<NetworkLoss<Quad>>,
    space: Space,
    /// Whether Γ is where the residuals vanish.
    pub(super) by_residuals: bool,
}

impl Trained {
    /// Prepares a scale-invariant network, with Γ on S, or any other, with Γ in ℝᴰ.
    ///
    /// # Errors
    /// There is none in practice: both precisions have all functions.
    pub fn new(network: Network, space: Space) -> Result<Self, NetworkError> {
        let (loss, precise) = (NetworkLoss::new(&network)?, Arc::new(NetworkLoss::new(&network)?));
        Ok(Self { space, loss, precise, by_residuals: false, network })
    }
}

/// The loss of an instance.
#[derive(Clone, Debug)]
pub enum InstanceLoss {
    Regression(Box<Regression>),
    Network(Box<Trained>),
}

impl InstanceLoss {
    /// The closed form, where there is one.
    pub fn regression(&self) -> Option<&Regression> {
        match self {
            Self::Regression(regression) => Some(regression),
            Self::Network(_) => None,
        }
    }

    /// Where its Γ lies.
    pub fn space(&self) -> Space {
        match self {
            Self::Regression(_) => Space::Sphere,
            Self::Network(trained) => trained.space.clone(),
        }
    }

    /// How far from a point the nearest kink is along a unit vector v, to first order; infinite where there is none.
    pub fn distance_to_kink(&self, point: &[f64], v: &[f64]) -> f64 {
        match self {
            Self::Regression(_) => f64::INFINITY,
            // Doubles have all functions and signs; without an answer no run would be short enough.
            Self::Network(trained) => trained.network.distance_to_kink(point, v).unwrap_or(0.0),
        }
    }

    /// Whether it is the smooth piece of a loss with kinks.
    pub fn is_piece(&self) -> bool {
        matches!(self, Self::Network(trained) if trained.network.is_piece())
    }

    /// Γ by derivatives alone, of rank `rank`.
    pub fn numeric_minimizers(&self, rank: usize) -> NumericMinimizers<&Self, f64> {
        let by_residuals = matches!(self, Self::Network(trained) if trained.by_residuals);
        NumericMinimizers::of_rank(self, rank)
            .in_space(self.space())
            .with_residuals(by_residuals)
            .with_precise(self.in_double_double())
    }

    /// The same loss in double-double.
    pub fn in_double_double(&self) -> Arc<dyn PreciseLoss> {
        match self {
            Self::Regression(regression) => regression.precise.clone(),
            Self::Network(trained) => trained.precise.clone(),
        }
    }

    /// Γ, of rank `rank`.
    pub fn minimizers(&self, rank: usize) -> Box<dyn Minimizers<f64> + '_> {
        match self {
            Self::Regression(regression) => Box::new(regression.minimizers.clone()),
            Self::Network(_) => Box::new(self.numeric_minimizers(rank)),
        }
    }

    /// L and ∇L in double-double.
    pub fn precise(&self, w: &[Quad]) -> (Quad, Vec<Quad>) {
        let loss = Precise(self);
        let mut evaluator = Evaluator::new(&loss);
        let (value, gradient) = evaluator.evaluate(w);
        (value, gradient.to_vec())
    }

    /// ∇²L(w) in double-double, rounded to doubles.
    pub fn precise_hessian(&self, w: &[f64]) -> Mat<f64> {
        let wide: Vec<Quad> = w.iter().map(|&x| Quad::from_f64(x)).collect();
        let hessian = self.in_double_double().hessian(&wide);
        Mat::from_fn(w.len(), w.len(), |i, j| hessian[(i, j)].to_f64())
    }

    /// |⟨∇L(θ), θ⟩| over what rounding explains; `sharpness` is λ₁ near θ.
    ///
    /// A breach that doubles could show is 2⁻⁵³ of the gradient's scale, which stands far above rounding in double-double. The bound
    /// asks for about half the digits of double-double.
    pub fn radial_gradient(&self, theta: &[f64], sharpness: f64) -> f64 {
        let theta: Vec<Quad> = theta.iter().map(|&x| Quad::from_f64(x)).collect();
        radial_part(&theta, &self.precise(&theta).1, sharpness)
    }

    /// The relative rounding error of λ₁ at a place. A regression's bound is derived from its data. A network's bound is four times
    /// the error of ∇²L·v₁ that double-double shows.
    pub fn curvature_rounding(&self, place: &Place) -> f64 {
        let Place { point, geometry, .. } = place;
        match self {
            Self::Regression(regression) => {
                let conditioning = regression.loss.conditioning(point);
                3.0 * conditioning.rounding * conditioning.condition / geometry.sharpness
            }
            Self::Network(trained) => {
                let wide = |v: &[f64]| -> Vec<Quad> { v.iter().map(|&x| Quad::from_f64(x)).collect() };
                let (mut image, v) = (geometry.direction.clone(), &geometry.direction);
                Derivatives::new(&trained.loss).hessian_vector(point, v, &mut image);
                let mut precise = wide(v);
                Derivatives::new(&*trained.precise).hessian_vector(&wide(point), &wide(v), &mut precise);
                4.0 * distance(&wide(&image), &precise).to_f64() / geometry.sharpness
            }
        }
    }
}

/// |⟨∇L(θ), θ⟩| of a gradient in double-double, over 2⁻⁶⁰ of its scale.
pub(crate) fn radial_part(theta: &[Quad], gradient: &[Quad], sharpness: f64) -> f64 {
    let scale = norm(gradient).to_f64() + sharpness;
    dot(gradient, theta).to_f64().abs() / (2f64.powi(-60) * scale)
}

/// Calls a method on a field of the regression or of the network. `$of` is the name of the field, which both kinds have.
macro_rules! either {
    ($loss:expr, $of:ident.$method:ident($($argument:expr),*)) => {
        match $loss {
            InstanceLoss::Regression(regression) => regression.$of.$method($($argument),*),
            InstanceLoss::Network(trained) => trained.$of.$method($($argument),*),
        }
    };
}

/// A loss in one of the two precisions that an instance has.
macro_rules! loss_of_instance {
    ($type:ty, $base:ty, $of:ident, |$this:ident| $loss:expr) => {
        impl Loss<$base> for $type {
            fn dimension(&self) -> usize {
                let $this = self;
                either!($loss, $of.dimension())
            }

            fn scratch(&self) -> usize {
                let $this = self;
                either!($loss, $of.scratch())
            }

            fn prepare<S: Scalar<Base = $base>>(&self, scratch: &mut [S]) {
                let $this = self;
                either!($loss, $of.prepare(scratch))
            }

            fn evaluate<S: Scalar<Base = $base>>(&self, w: &[S], gradient: &mut [S], scratch: &mut [S]) -> S {
                let $this = self;
                either!($loss, $of.evaluate(w, gradient, scratch))
            }

            fn evaluate_again<S: Scalar<Base = $base>>(&self, w: &[S], gradient: &mut [S], scratch: &mut [S]) -> S {
                let $this = self;
                either!($loss, $of.evaluate_again(w, gradient, scratch))
            }

            fn residuals(&self) -> usize {
                let $this = self;
                either!($loss, $of.residuals())
            }

            fn evaluate_residuals<S: Scalar<Base = $base>>(
                &self,
                w: &[S],
                multipliers: &[S],
                residuals: &mut [S],
                gradient: &mut [S],
                scratch: &mut [S],
            ) {
                let $this = self;
                either!($loss, $of.evaluate_residuals(w, multipliers, residuals, gradient, scratch));
            }
        }
    };
}

loss_of_instance!(InstanceLoss, f64, loss, |this| this);

/// The loss of an instance in double-double.
#[derive(Clone, Copy, Debug)]
pub struct Precise<'a>(pub &'a InstanceLoss);

loss_of_instance!(Precise<'_>, Quad, precise, |this| this.0);
