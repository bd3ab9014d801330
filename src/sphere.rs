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

use std::ops::Range;
use std::sync::Arc;

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

/// Where points are compared: a scale-invariant loss lives on S, one that is scale-invariant in several groups of weights on a product of
/// spheres, and any other on all of ℝᴰ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Space {
    /// S: weights stand for their direction.
    Sphere,
    /// A product of spheres: the weights of each range, none of which overlap, stand for their direction, and all others for themselves.
    Spheres(Arc<[Range<usize>]>),
    /// ℝᴰ: weights stand for themselves.
    Euclidean,
}

impl Space {
    /// The ranges of weights that stand for their direction, of D weights in all.
    fn blocks(&self, dimension: usize) -> impl Iterator<Item = Range<usize>> {
        let (whole, parts): (_, &[Range<usize>]) = match self {
            Self::Sphere => (Some(0..dimension), &[]),
            Self::Spheres(ranges) => (None, ranges),
            Self::Euclidean => (None, &[]),
        };
        whole.into_iter().chain(parts.iter().cloned())
    }

    /// By how many its dimension is less than D.
    pub fn codimension(&self) -> usize {
        match self {
            Self::Sphere => 1,
            Self::Spheres(ranges) => ranges.len(),
            Self::Euclidean => 0,
        }
    }

    /// Takes weights to the point they stand for.
    pub fn restrict<S: Scalar>(&self, x: &mut [S]) {
        for block in self.blocks(x.len()) {
            project(&mut x[block]);
        }
    }

    /// Takes from v what is not tangent at `point`.
    pub fn make_tangent<S: Scalar>(&self, point: &[S], v: &mut [S]) {
        for block in self.blocks(v.len()) {
            make_tangent(&point[block.clone()], &mut v[block]);
        }
    }

    /// ⟨u, a⟩, where a is the part of p̈ that is normal to the space. Here p is a geodesic through `point` whose velocity v, `velocity`, is a unit
    /// vector. On each sphere a = −‖v‖²p, with the parts of v and p that belong to that sphere.
    pub fn along_acceleration<S: Scalar>(&self, u: &[S], point: &[S], velocity: &[S]) -> S {
        let of_block = |block: Range<usize>| {
            let along = dot(&u[block.clone()], &point[block.clone()]);
            let v = &velocity[block];
            // On a single sphere v is the whole unit vector: ‖v‖² = 1.
            if *self == Self::Sphere { along } else { dot(v, v) * along }
        };
        self.blocks(point.len()).fold(S::constant(0.0), |sum, block| sum - of_block(block))
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

    /// On a product of spheres each block is what it would be on a sphere of its own.
    #[test]
    fn a_product_of_spheres_is_sphere_by_sphere() {
        let space = Space::Spheres(Arc::new([0..2, 3..5]));
        let mut x = [3.0f64, 4.0, 7.0, 5.0, 12.0];
        space.restrict(&mut x);
        for (found, expected) in x.iter().zip([0.6, 0.8, 7.0, 5.0 / 13.0, 12.0 / 13.0]) {
            assert_relative_eq!(*found, expected, max_relative = 1e-15);
        }
        let mut v = [1.0, 2.0, 3.0, 4.0, 5.0];
        space.make_tangent(&x, &mut v);
        let whole = norm(&v);
        scale(&mut v, 1.0 / whole);
        assert!(
            dot(&v[..2], &x[..2]).abs() < 1e-15 && dot(&v[3..], &x[3..]).abs() < 1e-14 && v[2] == 3.0 * (1.0 / whole)
        );
        // The second difference of a curve that stays on the space has the geodesic's normal part.
        let at = |s: f64| {
            let mut moved: Vec<f64> = x.iter().zip(&v).map(|(x, v)| x + s * v).collect();
            space.restrict(&mut moved);
            moved
        };
        let (u, s) = ([0.3, -1.0, 2.0, 0.5, 0.25], 1e-4);
        let second: Vec<f64> = (0..5).map(|i| (at(s)[i] - 2.0 * at(0.0)[i] + at(-s)[i]) / (s * s)).collect();
        assert_relative_eq!(dot(&u, &second), space.along_acceleration(&u, &x, &v), max_relative = 1e-6);
        assert_eq!((space.codimension(), Space::Sphere.codimension(), Space::Euclidean.codimension()), (2, 1, 0));
    }

    #[test]
    fn geodesic_distance_resolves_tiny_and_straight_angles() {
        let at = |angle: f64| [angle.cos(), angle.sin(), 0.0];
        for angle in [1e-12, 1e-3, 1.0, 3.1, std::f64::consts::PI] {
            assert_relative_eq!(geodesic_distance(&at(0.0), &at(angle)), angle, max_relative = 1e-15 * 8.0);
        }
    }
}
