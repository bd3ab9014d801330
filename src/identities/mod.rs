//! The identities of a scale-invariant loss and of gradient descent with weight decay on it, exact in every field.
//!
//! Each identity has a left and a right side with whole numbers in them. A *twin* has other numbers, and its sides must be found
//! different. [`try_exactly`] tries identities at random points of a prime field, and bounds the probability that a false identity
//! holds there by accident. The bound assumes that no root is taken of a square (√q² is q or −q there, by chance).
//! Derivation: `proofs-notes/exact_arithmetic.md`.
//!
//! ```
//! use sharpflow::arithmetic::PrimeField;
//! use sharpflow::identities::try_exactly;
//! use sharpflow::network_file::zoo::find;
//!
//! let network = find("batch_norm").ok_or("no such architecture")?.exact()?;
//! let trials = try_exactly::<PrimeField<{ (1 << 61) - 1 }>>(&network, 1, 0)?;
//! assert!(trials.confirm() && trials.log2_accident < -20.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod trials;

use crate::arithmetic::{Base, add_scaled, dot, scale};
use crate::loss::{Derivatives, Loss};

pub(crate) use trials::element;
pub use trials::{ExactError, MOST_ROOTS, Trial, Trials, try_exactly, try_in_both_fields};

/// An identity of L(cw) = L(w), or of w₊ = (1−ηλ)w − η∇L(w).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    RadialGradient,
    GradientDegree,
    HessianDegree,
    RadialHessian,
    RadialThirdDerivative,
    ProjectedStep,
    NormRecursion,
    EffectiveLearningRateRecursion,
    QuasiRmsprop,
}

/// A formula and the whole numbers in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    pub formula: &'static str,
    constants: &'static [i32],
}

const fn variant(formula: &'static str, constants: &'static [i32]) -> Variant {
    Variant { formula, constants }
}

impl Identity {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::RadialGradient,
        Self::GradientDegree,
        Self::HessianDegree,
        Self::RadialHessian,
        Self::RadialThirdDerivative,
        Self::ProjectedStep,
        Self::NormRecursion,
        Self::EffectiveLearningRateRecursion,
        Self::QuasiRmsprop,
    ];

    /// The identity, and its wrong twins.
    pub fn variants(self) -> &'static [Variant] {
        const RADIAL_GRADIENT: &[Variant] = &[
            variant("⟨∇L(w), w⟩ = 0", &[0]),
            variant("⟨∇L(w), w⟩ = L(w)", &[1]),
            variant("⟨∇L(w), w⟩ = −L(w)", &[-1]),
        ];
        const GRADIENT_DEGREE: &[Variant] = &[
            variant("∇L(cw) = c⁻¹∇L(w)", &[-1]),
            variant("∇L(cw) = c⁻²∇L(w)", &[-2]),
            variant("∇L(cw) = ∇L(w)", &[0]),
            variant("∇L(cw) = c∇L(w)", &[1]),
        ];
        const HESSIAN_DEGREE: &[Variant] = &[
            variant("∇²L(cw)v = c⁻²∇²L(w)v", &[-2]),
            variant("∇²L(cw)v = c⁻¹∇²L(w)v", &[-1]),
            variant("∇²L(cw)v = c⁻³∇²L(w)v", &[-3]),
            variant("∇²L(cw)v = ∇²L(w)v", &[0]),
        ];
        const RADIAL_HESSIAN: &[Variant] = &[
            variant("∇²L(w)w = −∇L(w)", &[-1]),
            variant("∇²L(w)w = ∇L(w)", &[1]),
            variant("∇²L(w)w = −2∇L(w)", &[-2]),
            variant("∇²L(w)w = 0", &[0]),
        ];
        const RADIAL_THIRD: &[Variant] = &[
            variant("∇³L(w)[w, v] = −2∇²L(w)v", &[-2]),
            variant("∇³L(w)[w, v] = 2∇²L(w)v", &[2]),
            variant("∇³L(w)[w, v] = −∇²L(w)v", &[-1]),
            variant("∇³L(w)[w, v] = −3∇²L(w)v", &[-3]),
        ];
        const PROJECTED_STEP: &[Variant] = &[
            variant("θ₊ = Π(θ − η̃∇L(θ)), η̃ = η/((1−ηλ)‖w‖²)", &[-1, 1, 2]),
            variant("θ₊ = Π(θ + η̃∇L(θ)), η̃ = η/((1−ηλ)‖w‖²)", &[1, 1, 2]),
            variant("θ₊ = Π(θ − η̃∇L(θ)), η̃ = η/‖w‖²", &[-1, 0, 2]),
            variant("θ₊ = Π(θ − η̃∇L(θ)), η̃ = η/((1−ηλ)²‖w‖²)", &[-1, 2, 2]),
            variant("θ₊ = Π(θ − η̃∇L(θ)), η̃ = η/((1−ηλ)‖w‖)", &[-1, 1, 1]),
        ];
        const NORM_RECURSION: &[Variant] = &[
            variant("‖w₊‖² = (1−ηλ)²‖w‖² + η²‖∇L(w)‖²", &[2, 2, 1]),
            variant("‖w₊‖² = (1−ηλ)‖w‖² + η²‖∇L(w)‖²", &[1, 2, 1]),
            variant("‖w₊‖² = (1−ηλ)²‖w‖² + η‖∇L(w)‖²", &[2, 1, 1]),
            variant("‖w₊‖² = (1−ηλ)²‖w‖²", &[2, 2, 0]),
        ];
        const EFFECTIVE_RECURSION: &[Variant] = &[
            variant("η̃₊ = η̃(1−ηλ)⁻²(1 + η̃²‖∇L(θ)‖²)⁻¹", &[-2, 2, 1]),
            variant("η̃₊ = η̃(1−ηλ)⁻¹(1 + η̃²‖∇L(θ)‖²)⁻¹", &[-1, 2, 1]),
            variant("η̃₊ = η̃(1−ηλ)²(1 + η̃²‖∇L(θ)‖²)⁻¹", &[2, 2, 1]),
            variant("η̃₊ = η̃(1−ηλ)⁻²(1 + η̃‖∇L(θ)‖²)⁻¹", &[-2, 1, 1]),
            variant("η̃₊ = η̃(1−ηλ)⁻²", &[-2, 2, 0]),
        ];
        const QUASI_RMSPROP: &[Variant] = &[
            variant("ṽ₊ = β(ṽ + 2η²_in‖∇L(θ)‖² + η⁴_in‖∇L(θ)‖⁴/ṽ), β = (1−ηλ)⁴", &[4, 2, 1]),
            variant("ṽ₊ = β(ṽ + 2η²_in‖∇L(θ)‖² + η⁴_in‖∇L(θ)‖⁴/ṽ), β = (1−ηλ)²", &[2, 2, 1]),
            variant("ṽ₊ = β(ṽ + η²_in‖∇L(θ)‖² + η⁴_in‖∇L(θ)‖⁴/ṽ), β = (1−ηλ)⁴", &[4, 1, 1]),
            variant("ṽ₊ = β(ṽ + 2η²_in‖∇L(θ)‖²), β = (1−ηλ)⁴", &[4, 2, 0]),
        ];
        match self {
            Self::RadialGradient => RADIAL_GRADIENT,
            Self::GradientDegree => GRADIENT_DEGREE,
            Self::HessianDegree => HESSIAN_DEGREE,
            Self::RadialHessian => RADIAL_HESSIAN,
            Self::RadialThirdDerivative => RADIAL_THIRD,
            Self::ProjectedStep => PROJECTED_STEP,
            Self::NormRecursion => NORM_RECURSION,
            Self::EffectiveLearningRateRecursion => EFFECTIVE_RECURSION,
            Self::QuasiRmsprop => QUASI_RMSPROP,
        }
    }

    /// Both sides of a variant at a point, as vectors.
    pub fn sides<T: Base, L: Loss<T>>(
        self,
        variant: Variant,
        derivatives: &mut Derivatives<L, T>,
        point: &Point<T>,
    ) -> (Vec<T>, Vec<T>) {
        let constant = |k: usize| variant.constants.get(k).copied().unwrap_or(0);
        let of = |n: i32| T::from_f64(f64::from(n));
        let Point { weights: w, direction: v, factor: c, .. } = point;
        let mut at_w = vec![of(0); w.len()];
        let mut far = w.clone();
        scale(&mut far, *c);
        match self {
            Self::RadialGradient => {
                let (value, gradient) = derivatives.gradient(w);
                (vec![dot(gradient, w)], vec![of(constant(0)) * value])
            }
            Self::GradientDegree => {
                at_w.copy_from_slice(derivatives.gradient(w).1);
                scale(&mut at_w, power(*c, constant(0)));
                (derivatives.gradient(&far).1.to_vec(), at_w)
            }
            Self::HessianDegree => {
                let mut there = far.clone();
                derivatives.hessian_vector(w, v, &mut at_w);
                derivatives.hessian_vector(&far, v, &mut there);
                scale(&mut at_w, power(*c, constant(0)));
                (there, at_w)
            }
            Self::RadialHessian => {
                derivatives.hessian_vector(w, w, &mut at_w);
                let mut gradient = derivatives.gradient(w).1.to_vec();
                scale(&mut gradient, of(constant(0)));
                (at_w, gradient)
            }
            Self::RadialThirdDerivative => {
                let mut third = w.clone();
                derivatives.mixed_third_derivative(w, w, v, &mut third);
                derivatives.hessian_vector(w, v, &mut at_w);
                scale(&mut at_w, of(constant(0)));
                (third, at_w)
            }
            _ => self.sides_of_step([constant(0), constant(1), constant(2)], derivatives, point),
        }
    }

    fn sides_of_step<T: Base, L: Loss<T>>(
        self,
        [a, b, present]: [i32; 3],
        derivatives: &mut Derivatives<L, T>,
        point: &Point<T>,
    ) -> (Vec<T>, Vec<T>) {
        let of = |n: i32| T::from_f64(f64::from(n));
        let Point { weights: w, learning_rate: eta, decay: lambda, .. } = point;
        let (eta, kept) = (*eta, of(1) - *eta * *lambda);
        let square = dot(w, w);
        // w₊ = (1−ηλ)w − η∇L(w)
        let gradient = derivatives.gradient(w).1.to_vec();
        let mut next = w.clone();
        scale(&mut next, kept);
        add_scaled(&mut next, -eta, &gradient);
        let next_square = dot(&next, &next);
        let theta = over(w, square.sqrt());
        let at_theta = derivatives.gradient(&theta).1.to_vec();
        let slope_square = dot(&at_theta, &at_theta);
        let effective = eta / (kept * square);
        let next_effective = eta / (kept * next_square);
        match self {
            Self::ProjectedStep => {
                // Here the constants are the sign, the power of 1−ηλ and that of ‖w‖.
                let effective = eta / (power(kept, b) * power(square.sqrt(), present));
                let mut step = theta;
                add_scaled(&mut step, of(a) * effective, &at_theta);
                let length = dot(&step, &step).sqrt();
                (over(&next, next_square.sqrt()), over(&step, length))
            }
            Self::NormRecursion => {
                let slope = power(eta, b) * dot(&gradient, &gradient);
                (vec![next_square], vec![power(kept, a) * square + of(present) * slope])
            }
            Self::EffectiveLearningRateRecursion => {
                let growth = of(1) + of(present) * power(effective, b) * slope_square;
                (vec![next_effective], vec![effective * power(kept, a) / growth])
            }
            _ => {
                // ṽ = η²_in/η̃² with η²_in = 2ηλ.
                let square_in = of(2) * eta * *lambda;
                let second_moment = square_in / (effective * effective);
                let slope = square_in * slope_square;
                let inside = second_moment + of(b) * slope + of(present) * slope * slope / second_moment;
                (vec![square_in / (next_effective * next_effective)], vec![power(kept, a) * inside])
            }
        }
    }
}

/// Where identities are tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Point<T> {
    /// w, length D.
    pub weights: Vec<T>,
    /// v, length D.
    pub direction: Vec<T>,
    /// c > 0.
    pub factor: T,
    /// η.
    pub learning_rate: T,
    /// λ, with 1 − ηλ > 0.
    pub decay: T,
}

fn power<T: Base>(base: T, exponent: i32) -> T {
    let positive = (0..exponent.unsigned_abs()).fold(T::from_f64(1.0), |power, _| power * base);
    if exponent < 0 { T::from_f64(1.0) / positive } else { positive }
}

fn over<T: Base>(vector: &[T], length: T) -> Vec<T> {
    vector.iter().map(|&x| x / length).collect()
}
