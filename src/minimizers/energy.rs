use super::numeric::Frame;
use super::{MinimizersError, NumericMinimizers};
use crate::arithmetic::{Float, add_scaled, dot, norm, scale};
use crate::loss::Loss;
use crate::sphere::Space;

/// What decides at a point of Γ whether the oscillation at the edge of stability dies out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EnergyLaw {
    /// ‖G‖².
    pub log_gradient_square: f64,
    /// q, as [`NumericMinimizers::quartic_coefficient`] has it.
    pub quartic: f64,
    /// ⟨G, ∇_Γ‖G‖²⟩.
    pub slope_along_gradient: f64,
}

impl EnergyLaw {
    /// κ of de/dτ = κe for small swings of gradient descent with weight decay: (16 + 6‖G‖² + 4q)/K − 2⟨G, ∇_Γ‖G‖²⟩/K².
    pub fn rate(&self) -> f64 {
        let stiffness = 4.0 + self.log_gradient_square;
        (16.0 + 6.0 * self.log_gradient_square + 4.0 * self.quartic) / stiffness
            - 2.0 * self.slope_along_gradient / (stiffness * stiffness)
    }

    /// κ per unit of η² for scalar RMSprop with β = 1 − C_b η².
    pub fn rmsprop_rate(&self, decay: f64) -> f64 {
        let stiffness = 2.0 * decay + self.log_gradient_square;
        let of_slope = self.slope_along_gradient / (2.0 * stiffness * stiffness);
        decay * (1.5 - (decay - self.quartic) / stiffness - of_slope)
    }
}

impl<L: Loss<T>, T: Float> NumericMinimizers<'_, L, T> {
    /// The quantities of the energy law at a point of Γ. `proofs-notes/energy_law.md` derives the second derivative of log λ₁
    /// along Γ: with Ĝ = G/‖G‖, the geodesic p(s) of velocity Ĝ has p̈ = −p − Σ_k ⟨∇³L[Ĝ, Ĝ], u_k⟩u_k/λ_k over the normal pairs,
    /// and λ̈₁ = ∇⁴L[v₁, v₁, Ĝ, Ĝ] + ∇³L[v₁, v₁, p̈] + 2Σ_{k≠1} ⟨∇³L[Ĝ, v₁], u_k⟩²/(λ₁ − λ_k) over all pairs of ∇²L.
    ///
    /// # Errors
    /// No eigenpairs.
    pub fn energy_law(&mut self, point: &[T]) -> Result<EnergyLaw, MinimizersError> {
        let (rank, space) = (self.rank, self.space);
        let quartic = self.quartic_coefficient(point)?;
        let (derivatives, Frame { eigen, .. }) = self.frame(point)?;
        let top = eigen.vector(0);
        let sharpness = eigen.values[0];
        let mut scratch = vec![T::from_f64(0.0); point.len()];
        derivatives.third_derivative(point, &top, &mut scratch);
        let slope_of_sharpness = scratch.clone();
        let mut gradient = scratch.clone();
        scale(&mut gradient, T::from_f64(1.0) / sharpness);
        for k in 0..rank {
            let normal = eigen.vector(k);
            let along = dot(&gradient, &normal);
            add_scaled(&mut gradient, -along, &normal);
        }
        space.make_tangent(point, &mut gradient);
        let square = dot(&gradient, &gradient);
        let mut law = EnergyLaw { log_gradient_square: square.to_f64(), quartic, slope_along_gradient: 0.0 };
        let length = norm(&gradient);
        // G = 0: its direction is none, and the slope vanishes with its square.
        if length.to_f64() <= T::UNIT_ROUNDOFF {
            return Ok(law);
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
            (fourth(&combination(1.0)) + fourth(&combination(-1.0)) - 2.0 * fourth(&top) - 2.0 * fourth(&gradient))
                / 12.0;
        derivatives.third_derivative(point, &gradient, &mut scratch);
        // p̈ has the part −p on the sphere alone.
        let mut of_acceleration = match space {
            Space::Sphere => -dot(&slope_of_sharpness, point).to_f64(),
            Space::Euclidean => 0.0,
        };
        for k in 0..rank {
            let normal = eigen.vector(k);
            let part = dot(&scratch, &normal) / eigen.values[k];
            of_acceleration -= (part * dot(&slope_of_sharpness, &normal)).to_f64();
        }
        derivatives.mixed_third_derivative(point, &gradient, &top, &mut scratch);
        let of_turning: f64 = (1..point.len())
            .map(|k| {
                let along = dot(&scratch, &eigen.vector(k));
                (along * along / (sharpness - eigen.values[k])).to_f64()
            })
            .sum();
        let second = (mixed + of_acceleration + 2.0 * of_turning) / sharpness.to_f64();
        // Hess log λ₁(Ĝ, Ĝ) = λ̈₁/λ₁ − (λ̇₁/λ₁)², and ∇_Γ‖G‖² = 2 Hess log λ₁ G.
        law.slope_along_gradient = 2.0 * square.to_f64() * (second - square.to_f64());
        Ok(law)
    }
}
