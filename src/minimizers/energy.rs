use faer::Mat;

use super::numeric::Frame;
use super::{MinimizersError, NumericMinimizers};
use crate::arithmetic::{Float, add_scaled, dot, norm, scale};
use crate::dense::Eigen;
use crate::loss::{Derivatives, Loss};
use crate::sphere::Space;

/// What decides at a point of Γ whether the oscillation at the edge of stability dies out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EnergyLaw {
    /// ‖G‖².
    pub log_gradient_square: f64,
    /// q = ∇⁴L(v₁, v₁, v₁, v₁)/(3λ₁) − Σ_k ⟨∇³L[v₁, v₁], u_k⟩²/(λ₁λ_k) over the normal eigenpairs (λ_k, u_k): an oscillation of
    /// amplitude h along v₁ centres δ = η̃λ₁ − 2 at −q h².
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

    /// The same under heavy-ball momentum μ ∈ [0, 1), one step lasting ηλ/(1−μ): κ + 32μ/(1−μ)².
    pub fn heavy_ball_rate(&self, momentum: f64) -> f64 {
        self.rate() + 32.0 * momentum / (1.0 - momentum).powi(2)
    }

    /// κ per unit of η² for scalar RMSprop with β = 1 − C_b η².
    pub fn rmsprop_rate(&self, decay: f64) -> f64 {
        let stiffness = 2.0 * decay + self.log_gradient_square;
        let of_slope = self.slope_along_gradient / (2.0 * stiffness * stiffness);
        decay * (1.5 - (decay - self.quartic) / stiffness - of_slope)
    }
}

impl EnergyLaw {
    /// The quantities of the energy law at a point of Γ, from the normal eigenpairs (λ_k, u_k) of ∇²L there, v₁ first.
    /// `proofs-notes/energy_law.md` derives the second derivative of log λ₁ along Γ: with Ĝ = G/‖G‖, the geodesic p(s) of velocity Ĝ has
    /// p̈ = −p − Σ_k ⟨∇³L[Ĝ, Ĝ], u_k⟩u_k/λ_k, and λ̈₁ = ∇⁴L[v₁, v₁, Ĝ, Ĝ] + ∇³L[v₁, v₁, p̈] + 2Σ_{k≠1} ⟨∇³L[Ĝ, v₁], u_k⟩²/(λ₁ − λ_k) over all
    /// pairs of ∇²L, those of the value 0 included.
    pub fn at<L: Loss<T>, T: Float>(
        derivatives: &mut Derivatives<'_, L, T>,
        space: Space,
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
        // p̈ has the part −p on the sphere alone.
        let mut of_acceleration = match space {
            Space::Sphere => -dot(&slope_of_sharpness, point).to_f64(),
            Space::Euclidean => 0.0,
        };
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
        // What is left lies where ∇²L vanishes.
        of_turning += (dot(&scratch, &scratch) / sharpness).to_f64();
        let second = (mixed + of_acceleration + 2.0 * of_turning) / sharpness.to_f64();
        // Hess log λ₁(Ĝ, Ĝ) = λ̈₁/λ₁ − (λ̇₁/λ₁)², and ∇_Γ‖G‖² = 2 Hess log λ₁ G.
        law.slope_along_gradient = 2.0 * square.to_f64() * (second - square.to_f64());
        law
    }
}

impl<L: Loss<T>, T: Float> NumericMinimizers<'_, L, T> {
    /// The normal eigenpairs of the dense Hessian at a point of Γ, as many as its rank, λ₁ first.
    ///
    /// # Errors
    /// No eigenpairs.
    pub fn normal_eigenpairs(&mut self, point: &[T]) -> Result<Eigen<T>, MinimizersError> {
        let rank = self.rank;
        let Frame { eigen, .. } = self.frame(point)?.1;
        let vectors = Mat::from_fn(point.len(), rank, |i, k| eigen.vectors[(i, k)]);
        Ok(Eigen { values: eigen.values[..rank].to_vec(), vectors })
    }

    /// [`EnergyLaw::at`] a point of Γ, with those eigenpairs.
    ///
    /// # Errors
    /// No eigenpairs.
    pub fn energy_law(&mut self, point: &[T]) -> Result<EnergyLaw, MinimizersError> {
        let normal = self.normal_eigenpairs(point)?;
        let space = self.space;
        Ok(EnergyLaw::at(&mut self.derivatives, space, point, &normal))
    }
}

#[cfg(test)]
mod tests {
    use nalgebra::{DMatrix, DVector};

    use super::*;

    /// How long a step lasts: ηλ/(1−μ), or η².
    const RUNG: f64 = 5e-8;
    /// By how much variables are moved for a difference.
    const BY: f64 = 1e-4;

    /// Against the eigenvalues of the step itself, linearized at its equilibrium with nothing eliminated.
    #[test]
    fn momentum_adds_its_part_to_the_rate_of_the_whole_linearized_step() {
        for momentum in [0.1f64, 0.25, 0.5, 0.8] {
            for (square, quartic) in [(0.5, -2.0), (3.0, 1.5), (9.0, -12.0)] {
                let law = EnergyLaw { log_gradient_square: square, quartic, slope_along_gradient: 0.0 };
                let rate = |rung: f64| {
                    let (step, near) = heavy_ball(momentum, law, rung);
                    modulus(step, near).ln() * 2.0 / rung
                };
                // Extrapolated to ηλ = 0: the error is of first order.
                let measured = 2.0 * rate(RUNG) - rate(2.0 * RUNG);
                let predicted = law.heavy_ball_rate(momentum);
                // What is left is the rounding of the differences, over the rung and what momentum makes of a change.
                let rounding = 16.0 * f64::EPSILON / ((1.0 - momentum) * BY * RUNG);
                assert!((measured - predicted).abs() < rounding, "{momentum}: {measured} {predicted}");
            }
        }
    }

    /// The same of scalar RMSprop, v in its own variable δ; p's drift enters through K, as the note has it.
    #[test]
    fn the_rate_of_rmsprop_is_that_of_its_linearized_step() {
        for decay in [0.5, 1.0, 3.0] {
            for (square, quartic, slope) in [(0.5, -2.0, 0.0), (3.0, 1.5, 20.0), (9.0, -12.0, -30.0)] {
                let law = EnergyLaw { log_gradient_square: square, quartic, slope_along_gradient: slope };
                let stiffness = 2.0 * decay + square;
                let rate = |rung: f64| {
                    // [log(|h|/|h|_eq), δ]; |h|_eq moves with K.
                    let step = |[x, delta]: [f64; 2]| -> [f64; 2] {
                        let swing = decay * rung / (2.0 * stiffness) * (2.0 * x).exp();
                        let second_moment = 1.0 + decay * rung * ((2.0 + delta).powi(2) * swing / rung - 1.0);
                        let drift = (1.0 + 0.5 * delta) * swing * square;
                        [
                            x + (delta + quartic * swing).ln_1p() - 0.5 * slope * swing / stiffness,
                            (2.0 + delta) * (-drift).exp() / second_moment.sqrt() - 2.0,
                        ]
                    };
                    modulus(step, [0.0; 2]).ln() * 2.0 / rung
                };
                let measured = 2.0 * rate(RUNG) - rate(2.0 * RUNG);
                let predicted = law.rmsprop_rate(decay);
                let rounding = 16.0 * f64::EPSILON / (BY * RUNG);
                assert!((measured - predicted).abs() < rounding, "{decay}: {measured} {predicted}");
            }
        }
    }

    /// One step of heavy-ball momentum: [log|h|, r of the last step, δ of η/((1+μ)‖w‖²), and the gains of log‖w‖² and log λ₁ that momentum remembers].
    fn heavy_ball(momentum: f64, law: EnergyLaw, rung: f64) -> (impl Fn([f64; 5]) -> [f64; 5], [f64; 5]) {
        let intrinsic_lr = rung * (1.0 - momentum);
        let step = move |[x, last, delta, radial, along]: [f64; 5]| -> [f64; 5] {
            let square = (2.0 * x).exp();
            let stiff = (1.0 + momentum) * (2.0 + delta) * (1.0 + 0.5 * (law.quartic + 2.0) * square);
            let ratio = stiff + intrinsic_lr - (1.0 + momentum) - momentum / (1.0 + last);
            let radial = momentum * radial - intrinsic_lr;
            let moved = (1.0 + ratio).powi(2) * square;
            let along = momentum * along - (1.0 + momentum) * (1.0 + 0.5 * delta) * square * law.log_gradient_square;
            let grown = 2.0 * radial + moved;
            [
                x + ratio.ln() - 0.5 * grown,
                ratio - 1.0,
                (2.0 + delta) * (along - grown).exp() - 2.0,
                radial + moved,
                along,
            ]
        };
        let stiffness = 4.0 + law.log_gradient_square;
        let square = 2.0 * rung * (1.0 - momentum) / ((1.0 + momentum) * stiffness);
        (step, [0.5 * square.ln(), 0.0, 0.0, 0.0, 0.0])
    }

    /// |z| of the largest eigenvalue, one of the slow pair, of a step about its equilibrium near `at`.
    fn modulus<const N: usize>(step: impl Fn([f64; N]) -> [f64; N], mut at: [f64; N]) -> f64 {
        // The equilibrium by Newton's method.
        for _ in 0..20 {
            let excess = DVector::from_fn(N, |i, _| step(at)[i] - at[i]);
            let slope = jacobian(&step, at) - DMatrix::identity(N, N);
            let by = slope.lu().solve(&excess).unwrap();
            (0..N).for_each(|i| at[i] -= by[i]);
        }
        let eigenvalues = jacobian(&step, at).complex_eigenvalues();
        eigenvalues.iter().map(|z| z.norm()).fold(0.0, f64::max)
    }

    /// By central differences.
    fn jacobian<const N: usize>(step: &impl Fn([f64; N]) -> [f64; N], at: [f64; N]) -> DMatrix<f64> {
        let moved = |j: usize, by: f64| {
            let mut at = at;
            at[j] += by;
            step(at)
        };
        DMatrix::from_fn(N, N, |i, j| {
            // Extrapolated: the differences err by the fourth power.
            let difference = |by: f64| (moved(j, by)[i] - moved(j, -by)[i]) / (2.0 * by);
            (4.0 * difference(BY) - difference(2.0 * BY)) / 3.0
        })
    }
}
