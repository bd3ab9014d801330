//! Double-double where it decides: a minimum, its rank and its Hessian, when doubles leave them open.

use faer::Mat;

use super::MinimizersError;
use super::rank::rank_on_manifold;
use crate::arithmetic::{Float, Quad, Real, Rounding, add_scaled, norm};
use crate::dense::{Eigen, graded_svd};
use crate::loss::{Derivatives, Loss};
use crate::sphere::Space;

/// The most weights for which a Hessian is decomposed in double-double: seconds.
pub(super) const MOST_WEIGHTS: usize = 160;
/// The most weights for which that takes a moment.
pub(super) const QUICKLY_RESOLVED: usize = 64;
/// Newton steps in double-double from a point that doubles call stationary.
const STEPS: usize = 12;

/// A loss that is known in double-double as well.
pub trait PreciseLoss: Send + Sync {
    /// ∇L(w), length D.
    fn gradient(&self, w: &[Quad]) -> Vec<Quad>;

    /// ∇²L(w), D×D.
    fn hessian(&self, w: &[Quad]) -> Mat<Quad>;
}

impl<L: Loss<Quad>> PreciseLoss for L {
    fn gradient(&self, w: &[Quad]) -> Vec<Quad> {
        Derivatives::new(self).gradient(w).1.to_vec()
    }

    fn hessian(&self, w: &[Quad]) -> Mat<Quad> {
        Derivatives::new(self).hessian(w)
    }
}

/// A point of Γ to double-double, and what stands there.
pub(super) struct Resolved<T> {
    /// Rounded.
    pub point: Vec<T>,
    /// The rank of ∇²L.
    pub rank: usize,
}

/// ∇²L in double-double, rounded.
pub(super) fn rounded_hessian<T: Float>(loss: &dyn PreciseLoss, point: &[T]) -> Mat<T> {
    let hessian = loss.hessian(&wide(point));
    Mat::from_fn(point.len(), point.len(), |i, j| T::from_f64(hessian[(i, j)].to_f64()))
}

/// Newton's method in double-double from a point near Γ, and the rank of ∇²L where it ends. Meant for up to [`MOST_WEIGHTS`] weights.
///
/// # Errors
/// No minimum is near, or the rank is ambiguous in double-double as well.
pub(super) fn resolve<T: Float>(
    loss: &dyn PreciseLoss,
    near: &[T],
    space: &Space,
) -> Result<Resolved<T>, MinimizersError> {
    let dimension = near.len();
    let noise = Rounding::of::<Quad>().of_dense(dimension);
    let mut point = wide(near);
    let (mut size, mut tolerance) = (f64::INFINITY, 0.0);
    for step in 0..STEPS {
        let gradient = loss.gradient(&point);
        let eigen = eigenpairs(loss.hessian(&point))?;
        let largest = eigen.values[0].to_f64();
        size = norm(&gradient).to_f64();
        tolerance = noise * largest;
        if size <= tolerance || (step + 1 == STEPS && size <= noise.sqrt() * largest) {
            let rank = rank_on_manifold(&eigen.values, noise + size / largest)?;
            let point = point.iter().map(|x| T::from_f64(x.to_f64())).collect();
            return Ok(Resolved { point, rank });
        }
        // Along eigenvectors whose eigenvalue is of the gradient's size the step would be of the order of 1.
        let cut = (noise * largest).max(size * size / largest);
        for (k, value) in eigen.values.iter().enumerate().take_while(|(_, value)| value.to_f64() > cut) {
            let vector = eigen_vector(&eigen, k);
            let along = crate::arithmetic::dot(&gradient, &vector) / *value;
            add_scaled(&mut point, -along, &vector);
        }
        space.restrict(&mut point);
    }
    Err(MinimizersError::NoMinimum { steps: STEPS, gradient: size, tolerance })
}

fn eigen_vector(eigen: &Eigen<Quad>, k: usize) -> Vec<Quad> {
    (0..eigen.vectors.nrows()).map(|i| eigen.vectors[(i, k)]).collect()
}

/// The eigenpairs of a symmetric matrix in descending order, by its singular value decomposition. Each left singular vector is the right singular
/// vector times the sign of the eigenvalue.
fn eigenpairs(matrix: Mat<Quad>) -> Result<Eigen<Quad>, MinimizersError> {
    let svd = graded_svd(matrix.as_ref(), matrix.nrows())?;
    let count = svd.values.len();
    let sign = |k: usize| {
        let product = (0..count).fold(0.0, |sum, i| sum + (svd.left[(i, k)] * svd.right[(i, k)]).to_f64());
        if product < 0.0 { -svd.values[k] } else { svd.values[k] }
    };
    let values: Vec<Quad> = (0..count).map(sign).collect();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| values[b].to_f64().total_cmp(&values[a].to_f64()));
    Ok(Eigen {
        values: order.iter().map(|&k| values[k]).collect(),
        vectors: Mat::from_fn(count, count, |i, k| svd.right[(i, order[k])]),
    })
}

fn wide<T: Float>(point: &[T]) -> Vec<Quad> {
    point.iter().map(|x| Quad::from_f64(x.to_f64())).collect()
}
