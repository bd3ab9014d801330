//! Bounds over the whole sphere, by interval arithmetic: of a loss, and of its spherical sharpness.
//!
//! For losses of a few weights, smooth on all of S and made of field operations and roots. Derivation: `proofs-notes/loss_range.md`.
//!
//! ```
//! use sharpflow::enclosure::SphereBounds;
//! use sharpflow::{network::NetworkLoss, network_file::zoo::find};
//!
//! let network = find("circle").ok_or("no such architecture")?.network(&[])?;
//! let bounds = SphereBounds::new(&NetworkLoss::new(&network)?)?;
//! // λ₁ = 1 + 20x² on the minimizers z = 0, and nowhere is it larger than what is enclosed.
//! assert!(bounds.sharpness.upper >= 21.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use faer::{Mat, MatRef};
use thiserror::Error;

use crate::arithmetic::{Base, Enclosure, Scalar, norm};
use crate::dense::symmetric_eigen;
use crate::loss::{Derivatives, Loss};
use crate::sharpness::HessianKind;

/// The most boxes looked at for one bound.
const MOST_BOXES: usize = 100_000;
/// How close the bounds of a maximum must come, in units of the largest magnitude met.
const CLOSE: f64 = 0.04;

/// A maximum over S. No value on S is above `upper`, and the value at the direction of `place` is at least `lower`.
#[derive(Clone, Debug, PartialEq)]
pub struct Maximum {
    pub lower: f64,
    pub upper: f64,
    pub place: Vec<f64>,
}

/// Why there is no bound.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum EnclosureError {
    #[error(
        "no finite bound over the sphere in {MOST_BOXES} boxes: the loss is singular somewhere, or has too many weights"
    )]
    Unbounded,
}

/// Bounds of a loss over the whole sphere.
#[derive(Clone, Debug, PartialEq)]
pub struct SphereBounds {
    /// λ₁ of ∇²L, the spherical sharpness.
    pub sharpness: Maximum,
    /// λ₁ of P∇²LP, the Riemannian Hessian.
    pub tangential_sharpness: Maximum,
    /// L.
    pub largest_loss: Maximum,
    /// −L.
    pub least_loss: Maximum,
}

impl SphereBounds {
    /// Bounds a loss.
    ///
    /// # Errors
    /// A loss or a curvature that is not bounded on S, as far as boxes tell.
    pub fn new<L: Loss<Enclosure>>(loss: &L) -> Result<Self, EnclosureError> {
        Ok(Self {
            sharpness: largest_sharpness(loss, HessianKind::Euclidean)?,
            tangential_sharpness: largest_sharpness(loss, HessianKind::Tangential)?,
            largest_loss: largest_loss(loss, 1.0)?,
            least_loss: largest_loss(loss, -1.0)?,
        })
    }
}

/// The largest loss on S, or with `sign` −1 minus the least.
///
/// # Errors
/// A loss that is not bounded on S, as far as boxes tell.
pub fn largest_loss<L: Loss<Enclosure>>(loss: &L, sign: f64) -> Result<Maximum, EnclosureError> {
    let mut derivatives = Derivatives::new(loss);
    maximize(loss.dimension(), |place| {
        let value = derivatives.gradient(place).0;
        if sign < 0.0 { -value } else { value }
    })
}

/// The largest eigenvalue of either Hessian over S.
///
/// # Errors
/// A curvature that is not bounded on S, as far as boxes tell.
pub fn largest_sharpness<L: Loss<Enclosure>>(loss: &L, kind: HessianKind) -> Result<Maximum, EnclosureError> {
    let dimension = loss.dimension();
    let mut derivatives = Derivatives::new(loss);
    maximize(dimension, |place| {
        // At w = rθ a Hessian of degree −2 is that of θ over r².
        let square = norm(place) * norm(place);
        let mut hessian = derivatives.hessian(place);
        if kind == HessianKind::Tangential {
            // ∇²L(w)w = −∇L(w) and ⟨∇L(w), w⟩ = 0: P∇²LP = ∇²L + (w∇Lᵀ + ∇Lwᵀ)/‖w‖².
            let gradient = derivatives.gradient(place).1;
            for i in 0..dimension {
                for j in 0..dimension {
                    hessian[(i, j)] = hessian[(i, j)] + (place[i] * gradient[j] + gradient[i] * place[j]) / square;
                }
            }
        }
        // Both entries of a pair enclose the same number.
        let both = |i: usize, j: usize| (hessian[(i, j)] * square).both(hessian[(j, i)] * square);
        largest_eigenvalue(&Mat::from_fn(dimension, dimension, both))
    })
}

/// Encloses the largest eigenvalue of every symmetric matrix of the intervals, which are symmetric themselves. The eigensolver only proposes vectors V; the rest is interval
/// arithmetic, which holds in any dimension (`proofs-notes/loss_range.md`):
/// * λ₁(M) = max yᵀBy/yᵀCy over y, with B = VᵀMV and C = VᵀV, where M is the middle. Row sums bound B's eigenvalues from above and C's on both sides
///   (Gershgorin), if the latter are positive; the first vector's quotient bounds λ₁ from below.
/// * By Weyl's inequality no matrix of the intervals has an eigenvalue farther from M's than the Frobenius norm of the radii.
pub(crate) fn largest_eigenvalue(matrix: &Mat<Enclosure>) -> Enclosure {
    let size = matrix.nrows();
    let middle = Mat::from_fn(size, size, |i, j| matrix[(i, j)].middle());
    let Ok(eigen) = symmetric_eigen(middle.as_ref()) else { return Enclosure::WHOLE };
    largest_eigenvalue_by(matrix, &middle, eigen.vectors.as_ref())
}

/// Encloses the largest eigenvalue of a symmetric matrix of intervals, and its eigenvector of length 1, up to its sign. `None` where the eigenvalue is not proved to be
/// simple.
///
/// With x proposed by the eigensolver, μ its Rayleigh quotient, and λ₂ bounded over the span of the other vectors that are proposed (Courant and Fischer), the sine of the angle
/// between x and the eigenvector is at most ‖Mx − μx‖/((μ − λ₂)‖x‖) (`proofs-notes/certified_mean_square.md`).
pub(crate) fn largest_eigenpair(matrix: &Mat<Enclosure>) -> Option<(Enclosure, Vec<Enclosure>)> {
    let size = matrix.nrows();
    let middle = Mat::from_fn(size, size, |i, j| matrix[(i, j)].middle());
    let eigen = symmetric_eigen(middle.as_ref()).ok()?;
    let value = largest_eigenvalue_by(matrix, &middle, eigen.vectors.as_ref());
    let second = largest_eigenvalue_by(matrix, &middle, eigen.vectors.get(.., 1..));
    let x: Vec<Enclosure> = (0..size).map(|i| Enclosure::from_f64(eigen.vectors[(i, 0)])).collect();
    let length = norm(&x);
    let quotient = Enclosure::from_f64(value.middle());
    let residual: Vec<Enclosure> = (0..size)
        .map(|i| (0..size).fold(-(quotient * x[i]), |sum, j| sum + matrix[(i, j)] * x[j]).magnitude())
        .map(Enclosure::from_f64)
        .collect();
    let gap = quotient - Enclosure::from_f64(second.upper);
    let sine = (norm(&residual) / (gap * length)).upper;
    // 1 − cos ≤ sin for an angle up to 90°.
    let away = (Enclosure::from_f64(2.0) * Enclosure::from_f64(sine)).upper;
    let is_simple = gap.lower > 0.0 && sine < 1.0;
    is_simple.then(|| (value, x.iter().map(|&x| x / length + Enclosure::new(-away, away)).collect()))
}

/// The largest Rayleigh quotient over the span of given vectors V, one at least: the largest eigenvalue, if they span all.
fn largest_eigenvalue_by(matrix: &Mat<Enclosure>, middle: &Mat<f64>, vectors: MatRef<'_, f64>) -> Enclosure {
    let (size, count) = (matrix.nrows(), vectors.ncols());
    let exactly = |x: f64| Enclosure::new(x, x);
    let zero = exactly(0.0);
    let image = Mat::from_fn(size, count, |i, k| {
        (0..size).fold(zero, |sum, j| sum + exactly(middle[(i, j)]) * exactly(vectors[(j, k)]))
    });
    let of_form = |i: usize, k: usize| (0..size).fold(zero, |sum, j| sum + exactly(vectors[(j, i)]) * image[(j, k)]);
    let gram =
        |i: usize, k: usize| (0..size).fold(zero, |sum, j| sum + exactly(vectors[(j, i)]) * exactly(vectors[(j, k)]));
    // Centre and radius of a row's Gershgorin disc.
    let disc = |entry: &dyn Fn(usize, usize) -> Enclosure, i: usize| {
        let others = (0..count).filter(|&k| k != i).map(|k| entry(i, k).magnitude());
        (entry(i, i), others.fold(zero, |sum, one| sum + exactly(one)))
    };
    let (mut above, mut least, mut most) = (f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY);
    for i in 0..count {
        let (centre, radius) = disc(&of_form, i);
        above = above.max((centre + radius).upper);
        let (centre, radius) = disc(&gram, i);
        (least, most) = (least.min((centre - radius).lower), most.max((centre + radius).upper));
    }
    if !(least > 0.0) {
        return Enclosure::WHOLE;
    }
    // A negative bound on yᵀBy is divided by the largest yᵀCy.
    let upper = exactly(above) / exactly(if above > 0.0 { least } else { most });
    let lower = of_form(0, 0) / gram(0, 0);
    let squares = (0..size).flat_map(|i| (0..size).map(move |j| (i, j)));
    let away = squares.fold(zero, |sum, at| {
        let radius = exactly((matrix[at] - exactly(middle[at])).magnitude());
        sum + radius * radius
    });
    // Rounded outwards, a sum of zeros begins below 0.
    let away = exactly(away.upper).sqrt().upper;
    Enclosure::new((lower - exactly(away)).lower, (upper + exactly(away)).upper)
}

/// A box of a face of the cube [−1, 1]ᴰ, and what is known there.
struct Piece {
    place: Vec<Enclosure>,
    upper: f64,
}

impl PartialEq for Piece {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Piece {}

impl PartialOrd for Piece {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Piece {
    fn cmp(&self, other: &Self) -> Ordering {
        self.upper.total_cmp(&other.upper)
    }
}

/// Bisects the box with the highest bound until the bounds are close. Every direction meets a face of the cube, and what is bounded
/// has degree 0, so that the cube stands for the sphere.
fn maximize(dimension: usize, mut bound: impl FnMut(&[Enclosure]) -> Enclosure) -> Result<Maximum, EnclosureError> {
    let mut best = Maximum { lower: f64::NEG_INFINITY, upper: f64::INFINITY, place: vec![] };
    let mut queue = BinaryHeap::new();
    let mut scale: f64 = 0.0;
    for face in 0..2 * dimension {
        let side = if face % 2 == 0 { 1.0 } else { -1.0 };
        let of_face = |k: usize| if k == face / 2 { Enclosure::new(side, side) } else { Enclosure::new(-1.0, 1.0) };
        queue.push(Piece { place: (0..dimension).map(of_face).collect(), upper: f64::INFINITY });
    }
    for _ in 0..MOST_BOXES {
        let Some(highest) = queue.pop() else { break };
        best.upper = highest.upper;
        if best.upper.is_finite() && best.upper - best.lower <= CLOSE * scale {
            return Ok(best);
        }
        let radius = |k: &usize| highest.place[*k].radius();
        let Some(widest) = (0..dimension).max_by(|a, b| radius(a).total_cmp(&radius(b))) else { break };
        let Enclosure { lower, upper } = highest.place[widest];
        let middle = highest.place[widest].middle();
        for half in [Enclosure::new(lower, middle), Enclosure::new(middle, upper)] {
            let mut place = highest.place.clone();
            place[widest] = half;
            let centre: Vec<Enclosure> = place.iter().map(|x| Enclosure::new(x.middle(), x.middle())).collect();
            let value = bound(&centre);
            scale = scale.max(if value.lower.is_finite() { value.lower.abs() } else { 0.0 });
            if value.lower > best.lower {
                best.lower = value.lower;
                best.place = centre.iter().map(|x| x.middle()).collect();
            }
            // A part's bound is no higher than the whole's.
            let upper = bound(&place).upper.min(highest.upper);
            if upper > best.lower {
                queue.push(Piece { place, upper });
            }
        }
    }
    if best.upper.is_finite() { Ok(best) } else { Err(EnclosureError::Unbounded) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(rows: &[&[f64]]) -> (Mat<Enclosure>, Mat<f64>) {
        let middle = Mat::from_fn(rows.len(), rows.len(), |i, j| rows[i][j]);
        (Mat::from_fn(rows.len(), rows.len(), |i, j| Enclosure::new(rows[i][j], rows[i][j])), middle)
    }

    /// Matrices whose largest eigenvalue is known: that of [[2, 1], [1, 2]] is 3, that of its negative is −1, and that of the path on three nodes is √2.
    #[test]
    fn known_eigenvalues_are_enclosed_tightly() {
        for (rows, expected) in [
            (&[&[2.0, 1.0][..], &[1.0, 2.0]][..], 3.0),
            (&[&[-2.0, -1.0], &[-1.0, -2.0]], -1.0),
            (&[&[0.0, 1.0, 0.0], &[1.0, 0.0, 1.0], &[0.0, 1.0, 0.0]], 2f64.sqrt()),
        ] {
            let found = largest_eigenvalue(&point(rows).0);
            assert!(
                found.lower <= expected && expected <= found.upper && found.upper - found.lower < 1e-13,
                "{found:?}"
            );
        }
    }

    /// [[2, 1], [1, 2]] has the eigenvector (1, 1)/√2. That of an eigenvalue which is not simple, or is too near to another one beside the radii, is not enclosed.
    #[test]
    fn known_eigenvectors_are_enclosed() {
        let (matrix, _) = point(&[&[2.0, 1.0], &[1.0, 2.0]]);
        let (value, vector) = largest_eigenpair(&matrix).unwrap();
        assert!(value.lower <= 3.0 && 3.0 <= value.upper);
        let sign = vector[0].middle().signum();
        for x in vector {
            let x = if sign < 0.0 { -x } else { x };
            assert!(x.lower <= 0.5f64.sqrt() && 0.5f64.sqrt() <= x.upper && x.radius() < 1e-14, "{x:?}");
        }
        assert_eq!(largest_eigenpair(&point(&[&[2.0, 0.0], &[0.0, 2.0]]).0), None);
        let wide = |radius: f64| {
            Mat::from_fn(2, 2, |i, j| {
                let middle = if i == j { 2.0 } else { 1.0 };
                Enclosure::new(middle - radius, middle + radius)
            })
        };
        // Every matrix of these intervals has the same eigenvector here, and another one has to be allowed for.
        assert!(largest_eigenpair(&wide(0.1)).is_some_and(|(_, x)| x[0].radius() > 0.01));
        assert_eq!(largest_eigenpair(&wide(2.0)), None);
    }

    /// Vectors that a wrong eigensolver proposes make the bounds wide, or none, and never wrong.
    #[test]
    fn a_wrong_eigensolver_is_not_believed() {
        let (matrix, middle) = point(&[&[2.0, 1.0], &[1.0, 2.0]]);
        let by = |rows: [[f64; 2]; 2]| {
            largest_eigenvalue_by(&matrix, &middle, Mat::from_fn(2, 2, |i, k| rows[i][k]).as_ref())
        };
        let half = 0.5f64.sqrt();
        for vectors in [
            // Off by 1 %, scaled, swapped, and no eigenvectors at all.
            [[half, -half * 1.01], [half * 0.99, half]],
            [[3.0 * half, half], [3.0 * half, -half]],
            [[half, half], [-half, half]],
            [[1.0, 0.0], [0.0, 1.0]],
        ] {
            let found = by(vectors);
            assert!(found.lower <= 3.0 && 3.0 <= found.upper, "{vectors:?}: {found:?}");
        }
        assert_eq!(by([[1.0, 1.0], [1.0, 1.0]]), Enclosure::WHOLE);
        // Radii widen the bounds by their Frobenius norm.
        let wide = Mat::from_fn(2, 2, |i, j| Enclosure::new(middle[(i, j)] - 0.25, middle[(i, j)] + 0.25));
        let found = largest_eigenvalue(&wide);
        assert!((found.upper - 3.5).abs() < 1e-12 && (found.lower - 2.5).abs() < 1e-12, "{found:?}");
    }
}
