//! The unit sphere S ⊂ ℝᴰ, where a scale-invariant loss lives.
//!
//! L(cw) = L(w) for every c > 0, so weights w matter by their direction θ = Π(w) = w/‖w‖ alone. Vectors tangent at θ are those with
//! ⟨v, θ⟩ = 0, and ∇L(θ) is one of them.
//!
//! ```
//! use sharpflow::sphere::{geodesic_distance, make_tangent, project};
//!
//! let mut theta = [3.0f64, 4.0];
//! assert_eq!(project(&mut theta), 5.0);
//! let mut v = [1.0, 1.0];
//! make_tangent(&theta, &mut v);
//! assert!((v[0] * theta[0] + v[1] * theta[1]).abs() < 1e-15);
//! assert!((geodesic_distance(&theta, &[1.0, 0.0]) - (0.8f64).atan2(0.6)).abs() < 1e-15);
//! ```

use crate::arithmetic::{Real, Scalar, add_scaled, distance, dot, norm, scale};

/// Π(x) = x/‖x‖, in place; returns ‖x‖. Domain x ≠ 0 (x = 0 becomes NaN).
pub fn project<S: Scalar>(x: &mut [S]) -> S {
    let length = norm(x);
    scale(x, S::constant(1.0) / length);
    length
}

/// `out ← Π(x)`; returns ‖x‖.
pub fn direction<S: Scalar>(x: &[S], out: &mut [S]) -> S {
    out.copy_from_slice(x);
    project(out)
}

/// v ← v − ⟨v, θ⟩θ, the part of v tangent to S at the unit vector θ.
pub fn make_tangent<S: Scalar>(theta: &[S], v: &mut [S]) {
    let radial = dot(theta, v);
    add_scaled(v, -radial, theta);
}

/// Where points are compared: a scale-invariant loss lives on S, any other on all of ℝᴰ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// S: weights stand for their direction.
    Sphere,
    /// ℝᴰ: weights stand for themselves.
    Euclidean,
}

impl Space {
    /// Takes weights to the point they stand for.
    pub fn restrict<S: Scalar>(self, x: &mut [S]) {
        if self == Self::Sphere {
            project(x);
        }
    }

    /// Takes from v what is not tangent at `point`.
    pub fn make_tangent<S: Scalar>(self, point: &[S], v: &mut [S]) {
        if self == Self::Sphere {
            make_tangent(point, v);
        }
    }
}

/// The geodesic distance of two unit vectors, in radians ∈ [0, π], accurate for near and opposite ones alike.
pub fn geodesic_distance<T: Real>(a: &[T], b: &[T]) -> f64 {
    let sum = a.iter().zip(b).map(|(&a, &b)| (a + b).to_f64().powi(2)).sum::<f64>();
    2.0 * distance(a, b).to_f64().atan2(sum.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn geodesic_distance_resolves_tiny_and_straight_angles() {
        let at = |angle: f64| [angle.cos(), angle.sin(), 0.0];
        for angle in [1e-12, 1e-3, 1.0, 3.1, std::f64::consts::PI] {
            assert_relative_eq!(geodesic_distance(&at(0.0), &at(angle)), angle, max_relative = 1e-15 * 8.0);
        }
    }
}
