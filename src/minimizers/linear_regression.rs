use faer::Mat;

use super::{Geometry, Minimizers, MinimizersError};
use crate::arithmetic::{Float, Quad, Real, Rounding, add_scaled, apply, dot, norm, scale};
use crate::data::PrincipalComponents;
use crate::dense::{Eigen, column, graded_svd, is_affordable, thin_svd};
use crate::loss::LinearRegression;
use crate::sphere::{Space, geodesic_distance, make_tangent, project};

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
    /// The normal eigenvectors of ∇²L, D×(r−1): an orthonormal basis of range(Xᵀ) ⊖ w*, the normal space of Γ in S. They are the same at
    /// every point, v₁ first.
    normal: Mat<T>,
    coefficients: Vec<T>,
    /// The nonzero eigenvalues of ∇²L at ŵ*, descending, those of the columns of `normal`.
    least_eigenvalues: Vec<T>,
}

impl<T: Float> LinearRegressionMinimizers<T> {
    /// Decomposes the data, in double-double where that takes no longer than seconds.
    ///
    /// # Errors
    /// Rank below 2, an ambiguous rank, targets uncorrelated with the features.
    pub fn new(loss: &LinearRegression<T>) -> Result<Self, MinimizersError> {
        let wide = |x: T| Quad::from_f64(x.to_f64());
        let (rows, d) = (loss.features().nrows(), loss.features().ncols());
        let n = loss.sample_count();
        let targets: Vec<Quad> = loss.targets().iter().map(|&y| wide(y)).collect();
        let features = Mat::from_fn(rows, d, |i, j| wide(loss.features()[(i, j)]));
        let features = if loss.is_rotated() { features } else { centred(features) };
        let components = PrincipalComponents::new(features.as_ref(), loss.noise())?;
        let rank = components.rank();
        if rank < 2 {
            return Err(MinimizersError::Flat { rank });
        }
        let size = norm(&targets);
        // The fit in the left singular basis: b = Uᵀy, ‖f‖ = ‖b‖, w* = V Σ⁻¹ b.
        let left = |k: usize| column(&components.left, k);
        let mut fit: Vec<Quad> = (0..rank).map(|k| dot(&left(k), &targets)).collect();
        let correlation = (norm(&fit) / size).to_f64();
        // How much the numbers' errors turn the range of X, and y.
        let noise = components.uncertainty + Rounding::of::<T>().of_operations(8.0 * n as f64);
        if !(correlation > noise) {
            return Err(MinimizersError::NoFit { correlation });
        }
        let mut residual = targets.clone();
        (0..rank).for_each(|k| add_scaled(&mut residual, -fit[k], &left(k)));
        // Centred targets have n − 1 dimensions, and features of this rank span them all.
        let interpolates = rank + 1 >= n || (norm(&residual) / size).to_f64() <= noise;

        // w*, in the right singular basis and in ℝᴰ.
        let mut solution: Vec<Quad> = fit.iter().zip(&components.values).map(|(&b, &s)| b / s).collect();
        let minimum_norm = project(&mut solution);
        project(&mut fit);
        let solution: Vec<f64> = solution.iter().map(|x| x.to_f64()).collect();
        let (eigenvalues, eigenvectors) = normal_eigenpairs(&components.values, &fit)?;
        // λ₁ = 2μ₁/(nRc²) with c = cos φ/‖w*‖.
        let per_mu = 2.0 / n as f64 * (minimum_norm * minimum_norm).to_f64() / correlation;
        let lift = |of: &[f64]| -> Vec<T> {
            let mut lifted = vec![0.0; d];
            of.iter().enumerate().for_each(|(k, &c)| add_scaled(&mut lifted, c, components.right.col_as_slice(k)));
            project(&mut lifted);
            lifted.iter().map(|&x| T::from_f64(x)).collect()
        };
        let normal: Vec<Vec<T>> = eigenvectors.iter().map(|vector| lift(vector)).collect();
        Ok(Self {
            minimum_norm_direction: lift(&solution),
            minimum_norm: T::from_f64(minimum_norm.to_f64()),
            rank,
            correlation: T::from_f64(correlation),
            interpolates,
            coefficients: vec![T::from_f64(0.0); normal.len()],
            normal: Mat::from_fn(d, normal.len(), |i, k| normal[k][i]),
            least_eigenvalues: eigenvalues.iter().map(|&mu| T::from_f64(per_mu * mu)).collect(),
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
                if pass == 0 && !(part > Rounding::of::<T>().of_dense(self.dimension()) * whole) {
                    return Err(MinimizersError::NoKernelPart);
                }
            }
            scale(&mut point, T::from_f64(angle.cos()));
            add_scaled(&mut point, T::from_f64(angle.sin()), &kernel);
        }
        Ok(point)
    }

    /// The normal eigenpairs of ∇²L at a point of Γ, r − 1 of them: eigenvalues, descending, and eigenvectors as columns.
    pub fn normal_eigenpairs(&self, point: &[T]) -> Eigen<T> {
        let cosine = dot(point, &self.minimum_norm_direction);
        let values = self.least_eigenvalues.iter().map(|&value| value / (cosine * cosine)).collect();
        Eigen { values, vectors: self.normal.clone() }
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
    fn space(&self) -> Space {
        Space::Sphere
    }

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
        geometry.sharpness = self.least_eigenvalues[0] / square;
        geometry.next_sharpness = self.least_eigenvalues.get(1).map_or(T::from_f64(0.0), |&value| value / square);
        geometry.direction.copy_from_slice(self.normal.col_as_slice(0));
        // G = −2(ŵ* − cos φ·p)/cos φ.
        let minus_two = T::from_f64(-2.0);
        let slopes = geometry.log_gradient.iter_mut();
        for (g, (&w, &p)) in slopes.zip(self.minimum_norm_direction.iter().zip(point)) {
            *g = minus_two * (w - cosine * p) / cosine;
        }
        geometry.check_simple()
    }
}

/// Columns without their means: rounding to `T` left some.
fn centred(mut features: Mat<Quad>) -> Mat<Quad> {
    let n = features.nrows();
    for j in 0..features.ncols() {
        let sum = (0..n).fold(Quad::from_f64(0.0), |sum, i| sum + features[(i, j)]);
        let mean = sum / Quad::from_f64(n as f64);
        (0..n).for_each(|i| features[(i, j)] -= mean);
    }
    features
}

/// The nonzero eigenvalues μ of Xᵀ(I − f̂f̂ᵀ)X, descending, with their eigenvectors in the right singular basis: squares of the singular values
/// of (I − f̂f̂ᵀ)X, which do not cancel, and its right singular vectors. They span range(Xᵀ) ⊖ w*.
fn normal_eigenpairs(values: &[Quad], fit: &[Quad]) -> Result<(Vec<f64>, Vec<Vec<f64>>), MinimizersError> {
    let rank = fit.len();
    let zero = Quad::from_f64(0.0);
    // (I − b̂b̂ᵀ)Σ: a column is e_k without its part along b̂, times σ_k.
    let factor = Mat::from_fn(rank, rank, |i, k| {
        let along = if i == k { Quad::from_f64(1.0) } else { zero };
        (along - fit[i] * fit[k]) * values[k]
    });
    let rounded = |matrix: &Mat<Quad>| Mat::from_fn(matrix.nrows(), matrix.ncols(), |i, k| matrix[(i, k)].to_f64());
    let (values, right) = if is_affordable(rank, rank, rank - 1) {
        let svd = graded_svd(factor.as_ref(), rank - 1)?;
        (svd.values.iter().map(|value| value.to_f64()).collect(), rounded(&svd.right))
    } else {
        let svd = thin_svd(rounded(&factor).as_ref())?;
        (svd.values[..rank - 1].to_vec(), svd.right)
    };
    let vectors = (0..rank - 1).map(|k| (0..rank).map(|i| right[(i, k)]).collect());
    Ok((values.iter().map(|value: &f64| value * value).collect(), vectors.collect()))
}
