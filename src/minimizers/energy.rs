use faer::Mat;

use super::numeric::Frame;
use super::{MinimizersError, NumericMinimizers};
use crate::arithmetic::{Float, add_scaled, dot, norm, scale};
use crate::dense::Eigen;
use crate::loss::{Derivatives, Loss};
use crate::sphere::Space;

/// The quantities at a point of Γ that decide whether the oscillation at the edge of stability dies out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EnergyLaw {
    /// ‖G‖².
    pub log_gradient_square: f64,
    /// q = ∇⁴L(v₁, v₁, v₁, v₁)/(3λ₁) − Σ_k ⟨∇³L[v₁, v₁], u_k⟩²/(λ₁λ_k) over the normal eigenpairs (λ_k, u_k): an oscillation of
    /// amplitude h along v₁ shifts δ = η̃λ₁ − 2 by −q h²; [`EnergyLaw::centre`] has the whole shift.
    pub quartic: f64,
    /// ⟨G, ∇_Γ‖G‖²⟩.
    pub slope_along_gradient: f64,
}

impl EnergyLaw {
    /// The quantities of the energy law at a point of Γ, from the normal eigenpairs (λ_k, u_k) of ∇²L there, v₁ first.
    /// `proofs-notes/energy_law.md` derives the second derivative of log λ₁ along Γ: with Ĝ = G/‖G‖, the geodesic p(s) of velocity Ĝ has
    /// p̈ = −p − Σ_k ⟨∇³L[Ĝ, Ĝ], u_k⟩u_k/λ_k, and λ̈₁ = ∇⁴L[v₁, v₁, Ĝ, Ĝ] + ∇³L[v₁, v₁, p̈] + 2Σ_{k≠1} ⟨∇³L[Ĝ, v₁], u_k⟩²/(λ₁ − λ_k) over all
    /// pairs of ∇²L, those of the value 0 included.
    pub fn at<L: Loss<T>, T: Float>(
        derivatives: &mut Derivatives<L, T>,
        space: &Space,
        point: &[T],
        normal: &Eigen<T>,
    ) -> Self {
        let normals: Vec<Vec<T>> = (0..normal.values.len()).map(|k| normal.vector(k)).collect();
        let (top, sharpness) = (&normals[0], normal.values[0]);
        let mut scratch = vec![T::from_f64(0.0); point.len()];
        derivatives.fourth_derivative(point, top, &mut scratch);
        let quartic = dot(&scratch, top).to_f64() / 3.0;
        derivatives.third_derivative(point, top, &mut scratch);
        let slope_of_sharpness = scratch.clone();
        let response = normals.iter().zip(&normal.values).map(|(u, value)| {
            let along = dot(&slope_of_sharpness, u).to_f64();
            along * along / value.to_f64()
        });
        let quartic = (quartic - response.sum::<f64>()) / sharpness.to_f64();
        let mut gradient = slope_of_sharpness.clone();
        scale(&mut gradient, T::from_f64(1.0) / sharpness);
        for u in &normals {
            let along = dot(&gradient, u);
            add_scaled(&mut gradient, -along, u);
        }
        space.make_tangent(point, &mut gradient);
        let square = dot(&gradient, &gradient);
        let mut law = Self { log_gradient_square: square.to_f64(), quartic, slope_along_gradient: 0.0 };
        let length = norm(&gradient);
        // G = 0: its direction is none, and the slope vanishes with its square.
        if length.to_f64() <= T::UNIT_ROUNDOFF {
            return law;
        }
        scale(&mut gradient, T::from_f64(1.0) / length);
        // ∇⁴L[a, a, a, a] at four combinations of v₁ and Ĝ gives ∇⁴L[v₁, v₁, Ĝ, Ĝ].
        let mut fourth = |a: &[T]| -> f64 {
            derivatives.fourth_derivative(point, a, &mut scratch);
            dot(&scratch, a).to_f64()
        };
        let combination =
            |sign: f64| -> Vec<T> { top.iter().zip(&gradient).map(|(&v, &g)| v + T::from_f64(sign) * g).collect() };
        let mixed =
            (fourth(&combination(1.0)) + fourth(&combination(-1.0)) - 2.0 * fourth(top) - 2.0 * fourth(&gradient))
                / 12.0;
        derivatives.third_derivative(point, &gradient, &mut scratch);
        // p̈ has a part normal to the space.
        let mut of_acceleration = space.along_acceleration(&slope_of_sharpness, point, &gradient).to_f64();
        for (u, &value) in normals.iter().zip(&normal.values) {
            let part = dot(&scratch, u) / value;
            of_acceleration -= (part * dot(&slope_of_sharpness, u)).to_f64();
        }
        derivatives.mixed_third_derivative(point, &gradient, top, &mut scratch);
        let mut of_turning = 0.0;
        for (k, (u, &value)) in normals.iter().zip(&normal.values).enumerate() {
            let along = dot(&scratch, u);
            add_scaled(&mut scratch, -along, u);
            if k > 0 {
                of_turning += (along * along / (sharpness - value)).to_f64();
            }
        }
        // The rest lies in the kernel of ∇²L.
        of_turning += (dot(&scratch, &scratch) / sharpness).to_f64();
        let second = (mixed + of_acceleration + 2.0 * of_turning) / sharpness.to_f64();
        // Hess log λ₁(Ĝ, Ĝ) = λ̈₁/λ₁ − (λ̇₁/λ₁)², and ∇_Γ‖G‖² = 2 Hess log λ₁ G.
        law.slope_along_gradient = 2.0 * square.to_f64() * (second - square.to_f64());
        law
    }
}

impl EnergyLaw {
    /// q − s/(2K), s = ⟨G, ∇_Γ‖G‖²⟩: δ swings around −(q − s/(2K))h². The step's own second order shifts δ by −q h², and |h|_eq² = 2ηλ/K moves
    /// with p (`proofs-notes/energy_law.md`).
    pub fn centre(&self, stiffness: f64) -> f64 {
        self.quartic - self.slope_along_gradient / (2.0 * stiffness)
    }
}

impl<L: Loss<T>, T: Float> NumericMinimizers<L, T> {
    /// The normal eigenpairs of the dense Hessian at a point of Γ, as many as its rank, λ₁ first.
    ///
    /// # Errors
    /// The eigenpairs are not found.
    pub fn normal_eigenpairs(&mut self, point: &[T]) -> Result<Eigen<T>, MinimizersError> {
        let rank = self.rank;
        let Frame { eigen, .. } = self.frame(point)?.1;
        let vectors = Mat::from_fn(point.len(), rank, |i, k| eigen.vectors[(i, k)]);
        Ok(Eigen { values: eigen.values[..rank].to_vec(), vectors })
    }

    /// [`EnergyLaw::at`] a point of Γ, with those eigenpairs.
    ///
    /// # Errors
    /// The eigenpairs are not found.
    pub fn energy_law(&mut self, point: &[T]) -> Result<EnergyLaw, MinimizersError> {
        let normal = self.normal_eigenpairs(point)?;
        let space = self.space.clone();
        Ok(EnergyLaw::at(&mut self.derivatives, &space, point, &normal))
    }
}
