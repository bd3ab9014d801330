use faer::Mat;

use super::CertificateError;
use crate::arithmetic::{Base, Enclosure, Scalar, norm};
use crate::enclosure::largest_eigenvalue;
use crate::loss::{Derivatives, Loss};

/// The orbit of gradient descent with weight decay w₊ = (1−ηλ)w − η∇L(w), in real numbers, from a start in doubles.
///
/// A centre in doubles and a radius: the exact orbit is within this Euclidean distance of the centre at every step. With J the derivative of a step on the ball and
/// r what one step from the centre misses,
/// e₊ ≤ ‖J‖e + r, and over two steps e₊₊ ≤ ‖J₊J‖e + ‖J₊‖r + r₊. At the edge of stability the norm of one J is near 1 + |h| but that of two is 1 + O(h²), so
/// that only the second bound stays narrow. The smaller one is taken.
pub struct Tube<L> {
    derivatives: Derivatives<L, Enclosure>,
    learning_rate: Enclosure,
    intrinsic_lr: f64,
    kept: Enclosure,
    center: Vec<f64>,
    radius: f64,
    step: u64,
    before: Option<Step>,
}

/// What the next step must know of this one.
struct Step {
    jacobian: Mat<Enclosure>,
    /// The radius that it began with.
    radius: f64,
    /// r, what the step from the centre misses.
    error: f64,
}

/// The largest radius of an orbit, relative to its weights. Beyond it θ would hardly be known.
const LARGEST_RADIUS: f64 = 1e-2;

impl<L: Loss<Enclosure>> Tube<L> {
    /// The orbit from `start`, which is exact. η is an exact double too, and ηλ a power of 2 from 2⁻⁵³ to ½.
    ///
    /// # Errors
    /// Another ηλ.
    pub fn new(loss: L, learning_rate: f64, intrinsic_lr: f64, start: &[f64]) -> Result<Self, CertificateError> {
        // Then 1 − ηλ is exact down to 2⁻⁵³, and so is t·ηλ for every number of steps that a double holds.
        let is_power_of_two = intrinsic_lr.is_normal() && intrinsic_lr.to_bits().trailing_zeros() >= 52;
        let kept = 1.0 - intrinsic_lr;
        if !(is_power_of_two && (0.5..1.0).contains(&kept)) {
            return Err(CertificateError::NotExact(intrinsic_lr));
        }
        Ok(Self {
            derivatives: Derivatives::new(loss),
            learning_rate: Enclosure::from_f64(learning_rate),
            intrinsic_lr,
            kept: Enclosure::from_f64(kept),
            center: start.to_vec(),
            radius: 0.0,
            step: 0,
            before: None,
        })
    }

    /// ηλ.
    pub fn intrinsic_lr(&self) -> f64 {
        self.intrinsic_lr
    }

    /// The radius over ‖w‖.
    pub fn relative_radius(&self) -> f64 {
        (Enclosure::from_f64(self.radius) / self.length()).upper
    }

    fn length(&self) -> Enclosure {
        norm(&exactly(&self.center))
    }

    /// An enclosure of η̃ = η/((1−ηλ)‖w‖²).
    pub fn effective_learning_rate(&self) -> Enclosure {
        let length = self.length() + Enclosure::new(-self.radius, self.radius);
        self.learning_rate / (self.kept * length * length)
    }

    /// An enclosure of θ = w/‖w‖: it is within 2e/‖c‖ of c/‖c‖, where e is the radius and c the centre.
    pub fn direction(&self) -> Vec<Enclosure> {
        let length = self.length();
        let away = (Enclosure::from_f64(2.0 * self.radius) / length).magnitude();
        let away = Enclosure::new(-away, away);
        self.center.iter().map(|&x| Enclosure::from_f64(x) / length + away).collect()
    }

    /// Makes a step.
    ///
    /// # Errors
    /// The radius has grown too large to say anything.
    pub fn step(&mut self) -> Result<(), CertificateError> {
        let center = exactly(&self.center);
        let ball: Vec<Enclosure> =
            self.center.iter().map(|&x| Enclosure::from_f64(x) + Enclosure::new(-self.radius, self.radius)).collect();
        let jacobian = self.jacobian(&ball);
        let gradient = self.derivatives.gradient(&center).1;
        let image: Vec<Enclosure> =
            center.iter().zip(gradient).map(|(&w, &g)| self.kept * w - self.learning_rate * g).collect();
        let missed: Vec<Enclosure> = image.iter().map(|x| Enclosure::from_f64(x.radius())).collect();
        let error = norm(&missed);
        let stretch = largest_row_sum(&jacobian);
        let one = stretch * Enclosure::from_f64(self.radius) + error;
        let two = self.before.as_ref().map_or(f64::INFINITY, |before| {
            let product = norm_of_product(&jacobian, &before.jacobian);
            (product * Enclosure::from_f64(before.radius) + stretch * Enclosure::from_f64(before.error) + error).upper
        });
        self.before = Some(Step { jacobian, radius: self.radius, error: error.upper });
        self.radius = one.upper.min(two);
        self.center = image.iter().map(|x| x.middle()).collect();
        self.step += 1;
        let length = self.length().lower;
        if self.radius <= LARGEST_RADIUS * length {
            Ok(())
        } else {
            Err(CertificateError::Lost { step: self.step, radius: self.radius, length })
        }
    }

    /// J = (1−ηλ)I − η∇²L on a box.
    fn jacobian(&mut self, ball: &[Enclosure]) -> Mat<Enclosure> {
        let hessian = self.derivatives.hessian(ball);
        let size = ball.len();
        // Both entries of a pair enclose the same number.
        let curvature = |i: usize, j: usize| hessian[(i, j)].both(hessian[(j, i)]);
        Mat::from_fn(size, size, |i, j| {
            let scaled = self.learning_rate * curvature(i, j);
            if i == j { self.kept - scaled } else { -scaled }
        })
    }
}

fn exactly(x: &[f64]) -> Vec<Enclosure> {
    x.iter().map(|&x| Enclosure::from_f64(x)).collect()
}

/// A bound on ‖J‖ of a symmetric matrix: the largest sum of the sizes in a row.
fn largest_row_sum(matrix: &Mat<Enclosure>) -> Enclosure {
    let size = |i: usize, j: usize| Enclosure::from_f64(matrix[(i, j)].magnitude());
    let row = |i: usize| (1..matrix.ncols()).fold(size(i, 0), |sum, j| sum + size(i, j)).upper;
    Enclosure::from_f64((0..matrix.nrows()).map(row).fold(0.0, f64::max))
}

/// A bound on ‖AB‖: the root of the largest eigenvalue of (AB)ᵀAB.
fn norm_of_product(a: &Mat<Enclosure>, b: &Mat<Enclosure>) -> Enclosure {
    let size = a.nrows();
    let sum = |of: &dyn Fn(usize) -> Enclosure| (1..size).fold(of(0), |sum, k| sum + of(k));
    let product = Mat::from_fn(size, size, |i, j| sum(&|k| a[(i, k)] * b[(k, j)]));
    let entry = |i: usize, j: usize| sum(&|k| product[(k, i)] * product[(k, j)]);
    let square = Mat::from_fn(size, size, |i, j| entry(i.min(j), i.max(j)));
    Enclosure::from_f64(largest_eigenvalue(&square).upper).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::{Quad, Real};
    use crate::descent::{Descent, GradientDescent};
    use crate::network::NetworkLoss;
    use crate::network_file::zoo::find;

    /// The exact orbit stays inside: one in double-double, which is exact to far more digits than the radius has.
    #[test]
    fn the_orbit_in_double_double_is_inside() {
        let network = find("circle").unwrap().network(&[]).unwrap();
        // λ₁ = 1 + 20·0.93 = 19.6, so that η̃λ₁ = 2 at ‖w‖² = 9.81; h = √(2ηλ/K) with K = 4.27.
        let start = [3.02, 0.829, 0.067];
        let intrinsic_lr = 1.0 / 1024.0;
        let loss = NetworkLoss::with_constants(&network, |_| Enclosure::from_f64(0.0)).unwrap();
        let mut tube = Tube::new(loss, 1.0, intrinsic_lr, &start).unwrap();
        let wide: Vec<Quad> = start.iter().map(|&x| Quad::from_f64(x)).collect();
        let loss = NetworkLoss::with_constants(&network, |_| Quad::from_f64(0.0)).unwrap();
        let mut descent = GradientDescent::new(loss, 1.0, intrinsic_lr, &wide).unwrap();
        for _ in 0..2000 {
            tube.step().unwrap();
            descent.step();
            let away: f64 = tube
                .center
                .iter()
                .zip(descent.weights())
                .map(|(&c, &w)| (Quad::from_f64(c) - w).to_f64().powi(2))
                .sum::<f64>()
                .sqrt();
            assert!(away <= tube.radius, "{away:e} {:e}", tube.radius);
        }
        // It is no wider than 2000 steps of some units of rounding make it, which grow by e^{O(1)}.
        assert!(tube.radius < 1e-9 && tube.radius > 0.0, "{:e}", tube.radius);
    }

    #[test]
    fn what_is_not_exact_or_lost_is_an_error() {
        let network = find("circle").unwrap().network(&[]).unwrap();
        let loss = || NetworkLoss::<Enclosure>::new(&network).unwrap();
        // 3/1024 is exact in 1 − ηλ, but t·ηλ need not be.
        for refused in [1e-3, 3.0 / 1024.0, 1.0, 0.5f64.powi(54)] {
            let error = Tube::new(loss(), 1.0, refused, &[1.0, 0.0, 0.0]).err();
            assert_eq!(error, Some(CertificateError::NotExact(refused)));
        }
        // η̃λ₁ = 21 at ‖w‖ = 1: the step is far from contracting.
        let mut tube = Tube::new(loss(), 1.0, 1.0 / 1024.0, &[1.0, 0.3, 0.2]).unwrap();
        let lost = (0..200).find_map(|_| tube.step().err());
        assert!(matches!(lost, None | Some(CertificateError::Lost { .. })));
        let mut wide = Tube::new(loss(), 1.0, 1.0 / 1024.0, &[1.0, 0.3, 0.2]).unwrap();
        wide.radius = 0.9;
        assert!(matches!(wide.step(), Err(CertificateError::Lost { step: 1, .. })));
    }

    /// ‖AB‖ of diagonal and of orthogonal matrices.
    #[test]
    fn norms_of_products_are_bounded() {
        let of = |rows: [[f64; 2]; 2]| Mat::from_fn(2, 2, |i, j| Enclosure::from_f64(rows[i][j]));
        let turn = of([[0.6, 0.8], [-0.8, 0.6]]);
        assert!((norm_of_product(&turn, &turn).upper - 1.0).abs() < 1e-14);
        let bound = norm_of_product(&of([[3.0, 0.0], [0.0, 1.0]]), &of([[2.0, 0.0], [0.0, 5.0]])).upper;
        assert!((6.0..6.0 + 1e-13).contains(&bound), "{bound}");
        assert_eq!(largest_row_sum(&of([[1.0, -2.0], [0.5, 0.25]])).upper.round(), 3.0);
    }
}
