use faer::Mat;
use sharpflow::arithmetic::{Quad, Real, Rounding, add_scaled, dot};
use sharpflow::dense::{DenseError, symmetric_eigen};
use sharpflow::krylov::{KrylovError, KrylovOptions, largest_eigenpairs};
use sharpflow::loss::{Derivatives, Loss};
use sharpflow::measure::worst;

use crate::instance::{InstanceLoss, radial_part};

/// One step from a unit vector θ to Π(θ − η̃∇L(θ)).
#[derive(Clone, Copy, Debug)]
pub struct StableStep {
    /// η̃.
    pub effective_lr: f64,
    /// ‖∇L(θ)‖².
    pub gradient_square: f64,
    /// L(θ).
    pub loss: f64,
    /// L after the step − L(θ) + η̃‖∇L(θ)‖²: the linear decrease of the loss minus its real decrease.
    pub lacks: f64,
    /// The largest λ₁ of ∇²L on the segment from θ to θ − η̃∇L(θ).
    pub sharpness: f64,
    /// The change of ∇²L between neighbouring points of measurement, over the largest change allowed, a tenth of λ₁.
    pub resolution: f64,
    /// |⟨∇L(θ), θ⟩| over its rounding bound.
    pub radial: f64,
}

impl StableStep {
    /// Whether ρ is known on its segment: ∇²L changes little between the points at which it was measured.
    pub fn is_resolved(&self) -> bool {
        self.resolution <= 1.0
    }
}

/// The most weights for which ∇²L is written out. With more, λ₁ and ‖∇²L(b) − ∇²L(a)‖ come from products.
const MOST_DENSE: usize = 256;
/// The relative residual of λ₁ when it comes from products.
const TOLERANCE: f64 = 1e-6;
/// The relative residual of ‖∇²L(b) − ∇²L(a)‖ when it comes from products. Its first digits suffice. A change near rounding has no more digits, because
/// rounding makes its operator unsymmetric.
const OF_CHANGE: f64 = 1e-2;
/// The most restarts for a change.
const RESTARTS: usize = 3;

/// λ₁ at a point, and ∇²L where it is written out.
pub(super) struct Curvature {
    pub top: f64,
    hessian: Option<Mat<f64>>,
}

/// Takes steps of projected gradient descent and looks at what they step over.
pub(super) struct SingleSteps<'a> {
    loss: &'a InstanceLoss,
    derivatives: Derivatives<&'a InstanceLoss, f64>,
    image: Vec<f64>,
}

impl<'a> SingleSteps<'a> {
    pub fn new(loss: &'a InstanceLoss) -> Self {
        Self { loss, derivatives: Derivatives::new(loss), image: vec![0.0; loss.dimension()] }
    }

    /// Takes one step. The quantities that an inequality compares cancel near Γ, so losses and gradient are taken in double-double.
    pub fn step(&mut self, theta: &[f64], effective_lr: f64) -> Result<StableStep, DenseError> {
        let wide: Vec<Quad> = theta.iter().map(|&x| Quad::from_f64(x)).collect();
        let (before, gradient) = self.loss.precise(&wide);
        let from = self.curvature(theta)?;
        let radial = radial_part(&wide, &gradient, from.top);
        let mut there = wide;
        add_scaled(&mut there, Quad::from_f64(-effective_lr), &gradient);
        let gradient_square = dot(&gradient, &gradient);
        let after = self.loss.precise(&there).0;
        let lacks = after - before + Quad::from_f64(effective_lr) * gradient_square;
        let end: Vec<f64> = there.iter().map(|x| x.to_f64()).collect();
        let to = self.curvature(&end)?;
        // A backward-stable solver's eigenvalue errs by a small multiple of D·u·‖H‖.
        let rounding = 1.0 + 2.0 * Rounding::of::<f64>().of_dense(theta.len());
        let (largest, resolution) = self.segment((theta, &from), (&end, &to), 0)?;
        let sharpness = rounding * largest;
        Ok(StableStep {
            effective_lr,
            gradient_square: gradient_square.to_f64(),
            loss: before.to_f64(),
            lacks: lacks.to_f64(),
            sharpness,
            resolution,
            radial,
        })
    }

    pub fn curvature(&mut self, at: &[f64]) -> Result<Curvature, DenseError> {
        if at.len() > MOST_DENSE {
            let options = KrylovOptions { pairs: 1, tolerance: TOLERANCE, ..KrylovOptions::default() };
            let apply = |x: &[f64], out: &mut [f64]| self.derivatives.hessian_vector(at, x, out);
            let (top, converged) = largest(at.len(), apply, &options)?;
            let unknown = DenseError::NoConvergence { rows: at.len(), columns: at.len() };
            return if converged { Ok(Curvature { top, hessian: None }) } else { Err(unknown) };
        }
        let hessian = self.derivatives.hessian(at);
        let top = symmetric_eigen(hessian.as_ref())?.values[0];
        Ok(Curvature { top, hessian: Some(hessian) })
    }

    /// The size of ∇²L(b) − ∇²L(a): Frobenius' norm where both are written out, else the largest eigenvalue in size, which is measured and
    /// not enclosed.
    fn change(&mut self, (a, from): (&[f64], &Curvature), (b, to): (&[f64], &Curvature)) -> Result<f64, DenseError> {
        if let (Some(from), Some(to)) = (&from.hessian, &to.hessian) {
            return Ok((from - to).norm_l2());
        }
        let options = KrylovOptions { pairs: 1, tolerance: OF_CHANGE, restarts: RESTARTS, ..KrylovOptions::default() };
        let mut of_sign = |sign: f64| {
            let apply = |x: &[f64], out: &mut [f64]| {
                self.derivatives.hessian_vector(a, x, &mut self.image);
                self.derivatives.hessian_vector(b, x, out);
                out.iter_mut().zip(&self.image).for_each(|(out, image)| *out = sign * (*out - image));
            };
            largest(a.len(), apply, &options)
        };
        Ok(worst([of_sign(1.0)?.0, of_sign(-1.0)?.0]))
    }

    /// A bound of λ₁ on a segment, and the largest change of ∇²L on a part of it, divided by the change that counts as small. The segment is halved
    /// until the change of ∇²L on every part is small, or as often as is allowed. An eigenvalue moves no faster than the matrix. So between a and b, λ₁ stays
    /// below ½(λ₁(a) + λ₁(b) + ‖∇²L(b) − ∇²L(a)‖) to second order in the segment's length.
    fn segment(
        &mut self,
        (a, from): (&[f64], &Curvature),
        (b, to): (&[f64], &Curvature),
        depth: usize,
    ) -> Result<(f64, f64), DenseError> {
        const DEEPEST: usize = 20;
        const SMALL: f64 = 0.1;
        let change = self.change((a, from), (b, to))?;
        let resolution = change / (SMALL * from.top.max(to.top));
        if depth == DEEPEST || resolution <= 1.0 {
            return Ok((0.5 * (from.top + to.top + change), resolution));
        }
        let middle: Vec<f64> = a.iter().zip(b).map(|(a, b)| 0.5 * (a + b)).collect();
        let there = self.curvature(&middle)?;
        let first = self.segment((a, from), (&middle, &there), depth + 1)?;
        let second = self.segment((&middle, &there), (b, to), depth + 1)?;
        Ok((worst([first.0, second.0]), worst([first.1, second.1])))
    }
}

/// The largest algebraic eigenvalue of an operator with its residual on top, as an eigenvalue lies no farther from what was found, and whether
/// it has converged.
fn largest(
    dimension: usize,
    apply: impl FnMut(&[f64], &mut [f64]),
    options: &KrylovOptions,
) -> Result<(f64, bool), DenseError> {
    let (rows, columns) = (dimension, dimension);
    match largest_eigenpairs(dimension, apply, options, None) {
        Ok(found) => {
            let pair = found.pairs.first().ok_or(DenseError::NoConvergence { rows, columns })?;
            Ok((pair.value + pair.residual, found.converged))
        }
        Err(KrylovError::NotFinite { .. }) => Err(DenseError::NotFinite { row: 0, column: 0, rows, columns }),
        Err(KrylovError::Dense(error)) => Err(error),
        Err(_) => Err(DenseError::NoConvergence { rows, columns }),
    }
}
