use faer::Mat;

use super::rank::spectral_rank;
use super::{Geometry, Minimizers, MinimizersError};
use crate::arithmetic::{Float, add_scaled, apply, dot, norm, scale};
use crate::dense::{Svd, column, symmetric_eigen, thin_svd};
use crate::loss::LinearRegression;
use crate::sphere::{geodesic_distance, make_tangent, project};

/// Γ of linear regression with batch normalization, in closed form.
///
/// With f = X w* the least-squares fit, Γ = {θ ∈ S : Xθ = cf, c > 0}: the open half sphere of span(w*, ker X) around the
/// minimum-norm solution w* = X⁺y. At angle φ to w*, λ₁ = λ₁(w*)/cos²φ and ‖∇_Γ log λ₁‖ = 2 tan φ.
/// Derivation: `proofs-notes/linear_regression_flow.md`.
#[derive(Clone, Debug)]
pub struct LinearRegressionMinimizers<T> {
    minimum_norm_direction: Vec<T>,
    minimum_norm: T,
    rank: usize,
    correlation: T,
    interpolates: bool,
    /// Orthonormal basis of range(Xᵀ) ⊖ w*, the normal space of Γ in S (the same at every point).
    normal: Mat<T>,
    coefficients: Vec<T>,
    top: Vec<T>,
    least_sharpness: T,
    least_next_sharpness: T,
}

impl<T: Float> LinearRegressionMinimizers<T> {
    /// Decomposes the data.
    ///
    /// # Errors
    /// Rank below 2, an ambiguous rank, targets uncorrelated with the features.
    pub fn new(loss: &LinearRegression<T>) -> Result<Self, MinimizersError> {
        let (n, d) = (loss.features().nrows(), loss.features().ncols());
        let svd = thin_svd(loss.features())?;
        let rank = spectral_rank(&svd.values, 8.0 * n.max(d) as f64 * T::UNIT_ROUNDOFF)?;
        if rank < 2 {
            return Err(MinimizersError::Flat { rank });
        }
        let size = norm(loss.targets());
        // The fit in the left singular basis: b = Uᵀy, ‖f‖ = ‖b‖, w* = V Σ⁻¹ b.
        let mut fit: Vec<T> = (0..rank).map(|k| dot(&column(&svd.left, k), loss.targets())).collect();
        let correlation = norm(&fit) / size;
        let condition = (svd.values[0] / svd.values[rank - 1]).to_f64();
        let noise = 8.0 * n.max(d) as f64 * T::UNIT_ROUNDOFF * condition;
        if !(correlation.to_f64() > noise) {
            let correlation = correlation.to_f64();
            return Err(MinimizersError::NoFit { correlation });
        }
        let residual = (0..n).map(|i| {
            let fitted = (0..rank).fold(T::from_f64(0.0), |sum, k| sum + svd.left[(i, k)] * fit[k]);
            (loss.targets()[i] - fitted).to_f64().powi(2)
        });
        let interpolates = residual.sum::<f64>().sqrt() <= noise * size.to_f64();

        // w*, in the right singular basis and in ℝᴰ.
        let mut solution: Vec<T> = fit.iter().zip(&svd.values).map(|(&b, &s)| b / s).collect();
        let mut minimum_norm_direction = vec![T::from_f64(0.0); d];
        for (k, &c) in solution.iter().enumerate() {
            add_scaled(&mut minimum_norm_direction, c, &column(&svd.right, k));
        }
        let minimum_norm = project(&mut minimum_norm_direction);
        project(&mut solution);
        project(&mut fit);
        let normal = normal_basis(&svd, &solution)?;
        let (top, mu) = top_direction(&svd, &fit)?;
        // λ₁ = 2μ₁/(nRc²) with c = cos φ/‖w*‖.
        let per_mu = T::from_f64(2.0 / n as f64) * minimum_norm * minimum_norm / correlation;
        Ok(Self {
            minimum_norm_direction,
            minimum_norm,
            rank,
            correlation,
            interpolates,
            coefficients: vec![T::from_f64(0.0); normal.ncols()],
            normal,
            top,
            least_sharpness: per_mu * mu[0],
            least_next_sharpness: per_mu * mu[1],
        })
    }

    /// ŵ* = w*/‖w*‖, length D.
    pub fn minimum_norm_direction(&self) -> &[T] {
        &self.minimum_norm_direction
    }

    /// ‖w*‖.
    pub fn minimum_norm(&self) -> T {
        self.minimum_norm
    }

    /// The rank of X.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// R = ‖f‖/‖y‖ ∈ (0, 1], 1 where the fit interpolates.
    pub fn correlation(&self) -> T {
        self.correlation
    }

    /// Whether y ∈ range X, up to rounding.
    pub fn interpolates(&self) -> bool {
        self.interpolates
    }

    /// φ, the angle of a point to the minimum-norm solution, in radians.
    pub fn angle(&self, point: &[T]) -> f64 {
        geodesic_distance(point, &self.minimum_norm_direction)
    }

    /// The point of Γ at angle φ ∈ [0, π/2) from ŵ*, towards the kernel part of `towards`.
    ///
    /// # Errors
    /// [`MinimizersError::SinglePoint`] where X has no kernel and φ ≠ 0; [`MinimizersError::Angle`] for an angle off Γ;
    /// [`MinimizersError::NoKernelPart`] where `towards` has none.
    pub fn at_angle(&mut self, angle: f64, towards: &[T]) -> Result<Vec<T>, MinimizersError> {
        if !(0.0..std::f64::consts::FRAC_PI_2).contains(&angle) {
            return Err(MinimizersError::Angle { angle });
        }
        let mut point = self.minimum_norm_direction.clone();
        if angle > 0.0 {
            if self.manifold_dimension() == 0 {
                return Err(self.single_point());
            }
            let mut kernel = towards.to_vec();
            let whole = norm(&kernel).to_f64();
            // Twice: the first pass leaves rounding of the size of what it removed.
            for pass in 0..2 {
                make_tangent(&self.minimum_norm_direction, &mut kernel);
                self.remove_normal(&mut kernel);
                let part = project(&mut kernel).to_f64();
                if pass == 0 && !(part > 64.0 * self.dimension() as f64 * T::UNIT_ROUNDOFF * whole) {
                    return Err(MinimizersError::NoKernelPart);
                }
            }
            scale(&mut point, T::from_f64(angle.cos()));
            add_scaled(&mut point, T::from_f64(angle.sin()), &kernel);
        }
        Ok(point)
    }

    /// The error that says Γ is a single point.
    pub fn single_point(&self) -> MinimizersError {
        MinimizersError::SinglePoint { rank: self.rank, dimension: self.dimension() }
    }

    fn remove_normal(&mut self, v: &mut [T]) {
        apply(self.normal.transpose(), v, &mut self.coefficients);
        for (k, &c) in self.coefficients.iter().enumerate() {
            let basis = self.normal.col_as_slice(k);
            add_scaled(v, -c, basis);
        }
    }
}

impl<T: Float> Minimizers<T> for LinearRegressionMinimizers<T> {
    fn dimension(&self) -> usize {
        self.minimum_norm_direction.len()
    }

    fn manifold_dimension(&self) -> usize {
        self.dimension() - self.rank
    }

    fn nearest(&mut self, theta: &[T], point: &mut [T]) -> Result<(), MinimizersError> {
        point.copy_from_slice(theta);
        self.remove_normal(point);
        project(point);
        let cosine = dot(point, &self.minimum_norm_direction).to_f64();
        if cosine > 0.0 { Ok(()) } else { Err(MinimizersError::NoNearestPoint { cosine }) }
    }

    fn geometry(&mut self, point: &[T], geometry: &mut Geometry<T>) -> Result<(), MinimizersError> {
        let cosine = dot(point, &self.minimum_norm_direction);
        let square = cosine * cosine;
        geometry.sharpness = self.least_sharpness / square;
        geometry.next_sharpness = self.least_next_sharpness / square;
        geometry.direction.copy_from_slice(&self.top);
        // G = −2(ŵ* − cos φ·p)/cos φ.
        let minus_two = T::from_f64(-2.0);
        let slopes = geometry.log_gradient.iter_mut();
        for (g, (&w, &p)) in slopes.zip(self.minimum_norm_direction.iter().zip(point)) {
            *g = minus_two * (w - cosine * p) / cosine;
        }
        geometry.check_simple()
    }
}

/// V·Z with Z an orthonormal basis of the complement of the unit vector `solution` in ℝʳ: the columns 1.. of the
/// Householder reflection that takes e₀ to ∓`solution`.
fn normal_basis<T: Float>(svd: &Svd<T>, solution: &[T]) -> Result<Mat<T>, MinimizersError> {
    let (d, rank) = (svd.right.nrows(), solution.len());
    let one = T::from_f64(1.0);
    let mut mirror = solution.to_vec();
    let sign = if solution[0].to_f64() < 0.0 { -one } else { one };
    mirror[0] += sign;
    let factor = T::from_f64(2.0) / dot(&mirror, &mirror);
    let mut image = vec![T::from_f64(0.0); d];
    for (k, &m) in mirror.iter().enumerate() {
        add_scaled(&mut image, m, &column(&svd.right, k));
    }
    Ok(Mat::from_fn(d, rank - 1, |i, j| svd.right[(i, j + 1)] - factor * mirror[j + 1] * image[i]))
}

/// v₁ and the two largest eigenvalues μ of Xᵀ(I − f̂f̂ᵀ)X, from Σ(I − b̂b̂ᵀ)Σ in the right singular basis.
fn top_direction<T: Float>(svd: &Svd<T>, fit: &[T]) -> Result<(Vec<T>, [T; 2]), MinimizersError> {
    let rank = fit.len();
    let zero = T::from_f64(0.0);
    let reduced = Mat::from_fn(rank, rank, |i, j| {
        let identity = T::from_f64(if i == j { 1.0 } else { 0.0 });
        svd.values[i] * (identity - fit[i] * fit[j]) * svd.values[j]
    });
    let eigen = symmetric_eigen(reduced.as_ref())?;
    let mut top = vec![zero; svd.right.nrows()];
    for k in 0..rank {
        add_scaled(&mut top, eigen.vectors[(k, 0)], &column(&svd.right, k));
    }
    project(&mut top);
    Ok((top, [eigen.values[0], eigen.values[1]]))
}
