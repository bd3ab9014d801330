//! Two equal eigenvalues at the edge of stability.

use faer::Mat;
use rand::rngs::ChaCha12Rng;

use super::matrix::{inverse, kernel, product, shifted};
use super::minimum::{Minimum, ORDERS, Series, constant, hessian, hessian_vector, infinitesimal, power, term, times};
use super::polynomial::Polynomial;
use super::quantities::{Draw, Law};
use crate::arithmetic::{Field, Jet, Scalar, add_scaled, dot};
use crate::loss::{Derivatives, Evaluator, Loss};
use crate::network::{NetworkLoss, NodeId};

/// A double eigenvalue Λ of H with a basis of its eigenvectors.
#[derive(Clone, Debug)]
pub struct Eigenplane<F> {
    /// Λ.
    pub value: F,
    /// V, D×2.
    pub basis: Mat<F>,
    /// (VᵀV)⁻¹, 2×2.
    gram_inverse: Mat<F>,
    /// The inverse of H − Λ on the vectors that are orthogonal to V.
    resolvent: Mat<F>,
}

impl<F: Field> Minimum<F> {
    /// The eigenvectors of a double eigenvalue of H. `None` if `value` is no double eigenvalue, or if one of its eigenvectors is orthogonal to all of them.
    pub fn eigenplane(&self, value: F) -> Option<Eigenplane<F>> {
        let raised = shifted(self.hessian.as_ref(), -value);
        let basis = kernel(raised.as_ref());
        if basis.ncols() != 2 {
            return None;
        }
        let gram_inverse = inverse(product(basis.transpose(), basis.as_ref()).as_ref())?;
        let onto = product(product(basis.as_ref(), gram_inverse.as_ref()).as_ref(), basis.transpose());
        let dimension = self.weights.len();
        let whole = inverse(Mat::from_fn(dimension, dimension, |i, j| raised[(i, j)] + onto[(i, j)]).as_ref())?;
        let resolvent = Mat::from_fn(dimension, dimension, |i, j| whole[(i, j)] - onto[(i, j)]);
        Some(Eigenplane { value, basis, gram_inverse, resolvent })
    }
}

/// Gives the loss Σ c_i r_i² a double eigenvalue Λ at a point of Γ, by its weights c. Let u₁ and u₂ lie along ∇r₁ and ∇r₂, and let A be the Hessian without
/// the first two terms, which has random weights. Then H = A + Σ (c_i/ρ_i)u_iu_iᵀ has the eigenvectors (A − Λ)⁻¹u_i of Λ under two conditions:
/// u₁ᵀ(A − Λ)⁻¹u₂ = 0, which is an equation for Λ, and c_i = −ρ_i/(u_iᵀ(A − Λ)⁻¹u_i).
///
/// `weights` is the node of c, length `count`. Returns Λ, or `None` if the equation has no root in the field.
pub(crate) fn make_double<F: Field>(
    loss: &mut NetworkLoss<F>,
    (weights, count): (NodeId, usize),
    point: &[F],
    random: &mut ChaCha12Rng,
) -> Option<F> {
    let zero = F::constant(0.0);
    if count < 3 {
        return None;
    }
    let drawn: Vec<F> = (0..count).map(|_| crate::identities::element(random)).collect();
    let with = |loss: &mut NetworkLoss<F>, c: &[F]| {
        loss.replace(weights, c);
        hessian(&mut Derivatives::new(&*loss), point)
    };
    // The Hessian of one residual's square has rank 1: a column of it, and the entry of that column on the diagonal.
    let mut alone = |k: usize| {
        let one: Vec<F> = (0..count).map(|i| F::constant(if i == k { 1.0 } else { 0.0 })).collect();
        let hessian = with(loss, &one);
        let column = (0..point.len()).find(|&j| hessian[(j, j)] != zero)?;
        Some((hessian.col(column).iter().copied().collect::<Vec<F>>(), hessian[(column, column)]))
    };
    let [first, second] = [alone(0)?, alone(1)?];
    let mut rest = drawn.clone();
    rest[..2].fill(zero);
    let rest_hessian = with(loss, &rest);
    // u₁ᵀ adj(x − A)u₂ = Σ xᵏ u₁ᵀM u₂ with the matrices M of Faddeev and LeVerrier: powers of A times vectors suffice.
    let characteristic = super::matrix::characteristic_polynomial(rest_hessian.as_ref());
    let degree = point.len();
    let mut coefficients = vec![zero; degree];
    let mut image = second.0.clone();
    let moments: Vec<F> = (0..degree)
        .map(|_| {
            let moment = dot(&first.0, &image);
            image = times(&rest_hessian, &image);
            moment
        })
        .collect();
    for (k, coefficient) in coefficients.iter_mut().enumerate() {
        for (power, &moment) in moments.iter().enumerate().take(degree - k) {
            *coefficient = *coefficient + characteristic[k + 1 + power] * moment;
        }
    }
    let roots = Polynomial::new(coefficients).roots(random);
    let value = roots.into_iter().find(|&root| root != zero)?;
    let back = inverse(shifted(rest_hessian.as_ref(), -value).as_ref())?;
    for (k, (vector, size)) in [first, second].into_iter().enumerate() {
        rest[k] = -(size / dot(&vector, &times(&back, &vector)));
    }
    loss.replace(weights, &rest);
    rest.iter().all(|c| c.is_defined()).then_some(value)
}

/// The laws of two steps of gradient descent with weight decay where λ₁ = λ₂ stands at the edge: the drift of p, the oscillation h in the plane of both, and the matrix
/// D = η̃∇²L(p) − 2 on that plane.
pub(super) fn two_eigenvalues<F: Field, L: Loss<F>>(
    loss: &L,
    minimum: &Minimum<F>,
    plane: &Eigenplane<F>,
    (draw, second_swing): (&Draw<F>, F),
) -> Vec<Law<F>> {
    let mut around = Around::new(loss, minimum, plane);
    let (d, sigma, of) = (draw.offset, draw.lasts, F::constant);
    let norm = dot(&minimum.weights, &minimum.weights);
    let swing = [draw.swing, second_swing];
    let h: Vec<F> = times(&plane.basis, &swing);
    // The other normal coordinates start anywhere.
    let mut normal = times(&minimum.hessian, &draw.normal);
    let along = plane.coordinates(&normal);
    add_scaled(&mut normal, of(-1.0), &times(&plane.basis, &along));
    let mut y: Vec<Series<F>> = constant(&minimum.weights);
    add_scaled(&mut y, power(of(1.0), 1), &constant(&h));
    add_scaled(&mut y, power(of(1.0), 2), &constant(&normal));

    let lasts = power(sigma, 2);
    let kept = Series::constant(1.0) - lasts;
    let sharpness = plane.value * norm;
    let mut effective = (Series::constant(2.0) + power(d, 1)) / Series::from_base(sharpness);
    let rate = effective * kept * dot(&y, &y);
    let before = around.place(&y);
    for _ in 0..2 {
        let still = vec![Series::constant(0.0); y.len()];
        let gradient = hessian_vector(&mut around.second, &y, &still).0;
        y.iter_mut().for_each(|y| *y = kept * *y);
        add_scaled(&mut y, -rate, &gradient);
    }
    let after = around.place(&y);
    let start_effective = effective;
    effective = rate / (kept * dot(&y, &y));

    let mut derivatives = Derivatives::new(loss);
    let third = |derivatives: &mut Derivatives<&L, F>, u: &[F], v: &[F]| {
        let mut out = u.to_vec();
        derivatives.mixed_third_derivative(&minimum.weights, u, v, &mut out);
        out
    };
    let on_gamma = |x: &[F]| {
        let mut tangent = times(&minimum.onto_kernel, x);
        let radial = dot(&tangent, &minimum.weights) / norm;
        add_scaled(&mut tangent, -radial, &minimum.weights);
        tangent
    };
    let pull = on_gamma(&third(&mut derivatives, &h, &h));

    let start = Series::from_base(norm);
    let point = |x: &[Series<F>], square: Series<F>| {
        let factor = (start / square).sqrt();
        x.iter().map(|&x| (x * factor).0[2]).collect::<Vec<F>>()
    };
    let moved = point(&after.nearest, after.square);
    let from = point(&before.nearest, before.square);
    let found: Vec<F> = moved.iter().zip(&from).map(|(&a, &b)| a - b).collect();
    let drift = |c: f64, of_pull: &[F]| of_pull.iter().map(|&x| of(c) / plane.value * x).collect::<Vec<F>>();
    let [v1, v2] = [0, 1].map(|k| plane.basis.col(k).iter().copied().collect::<Vec<F>>());
    let first_alone: Vec<F> = v1.iter().map(|&x| x * swing[0]).collect();
    let alone = on_gamma(&third(&mut derivatives, &first_alone, &first_alone));
    let drift = Law::new("p₂ − p₀ = −(2/λ₁)P_Γ∇³L[hhᵀ]", found, drift(-2.0, &pull))
        .twin("(1/λ₁) for (2/λ₁)", drift(-1.0, &pull))
        .twin("one eigenvector alone", drift(-2.0, &alone))
        .twin("the sign", drift(2.0, &pull));

    let found: Vec<F> = (0..2).map(|k| after.along[k].0[2] - before.along[k].0[2]).collect();
    let swings = |c: f64| swing.iter().map(|&h| of(c) * d * h).collect::<Vec<F>>();
    let swings = Law::new("h₂ − h₀ = 2Dh", found, swings(2.0))
        .twin("h₂ − h₀ = Dh", swings(1.0))
        .twin("h₂ − h₀ = 4Dh", swings(4.0));

    let offsets = |effective: Series<F>, place: &Plane<F>| -> [F; 4] {
        std::array::from_fn(|k| (effective * place.square * place.block[k]).0[2])
    };
    let (at_last, at_first) = (offsets(effective, &after), offsets(start_effective, &before));
    let found: Vec<F> = at_last.iter().zip(&at_first).map(|(&a, &b)| a - b).collect();
    // 𝒦(hhᵀ) on the coordinates of the plane.
    let form: Vec<F> = [(&v1, &v1), (&v1, &v2), (&v2, &v1), (&v2, &v2)]
        .map(|(a, b)| dot(&pull, &third(&mut derivatives, a, b)))
        .to_vec();
    let stiff: [F; 4] = std::array::from_fn(|k| {
        let (i, j) = (k / 2, k % 2);
        (0..2).fold(of(0.0), |sum, l| sum + plane.gram_inverse[(i, l)] * form[2 * l + j])
    });
    let square = dot(&h, &h) / norm;
    let matrix = |lasts: f64, scalar: f64, of_stiffness: [f64; 4]| -> Vec<F> {
        (0..4)
            .map(|k| {
                let identity = if k % 3 == 0 { of(lasts) * sigma - of(scalar) * square } else { of(0.0) };
                identity - of(of_stiffness[k]) * stiff[k] / (plane.value * plane.value)
            })
            .collect()
    };
    let offsets = Law::new("D₂ − D₀ = 8ηλ − 16|h|² − (4/λ₁²)𝒦(hhᵀ)", found, matrix(8.0, 16.0, [4.0; 4]))
        .twin("12 for 16", matrix(8.0, 12.0, [4.0; 4]))
        .twin("20 for 16", matrix(8.0, 20.0, [4.0; 4]))
        .twin("4ηλ for 8ηλ", matrix(4.0, 16.0, [4.0; 4]))
        .twin("2 for 4 before 𝒦", matrix(8.0, 16.0, [2.0; 4]))
        .twin("𝒦 left out", matrix(8.0, 16.0, [0.0; 4]))
        .twin("the sign before 𝒦", matrix(8.0, 16.0, [-4.0; 4]));
    vec![drift, swings, offsets]
}

impl<F: Field> Eigenplane<F> {
    /// The coordinates of the part of x in the plane.
    fn coordinates(&self, x: &[F]) -> Vec<F> {
        let along: Vec<F> =
            (0..2).map(|k| self.basis.col(k).iter().zip(x).fold(F::constant(0.0), |s, (&v, &x)| s + v * x)).collect();
        times(&self.gram_inverse, &along)
    }
}

/// What stands at an iterate, in terms of the nearest point of Γ.
struct Plane<F: Scalar> {
    nearest: Vec<Series<F>>,
    square: Series<F>,
    /// ∇²L on the plane, 2×2, row by row.
    block: [Series<F>; 4],
    /// The coordinates of the offset in the plane.
    along: [Series<F>; 2],
}

struct Around<'a, F: Field, L> {
    minimum: &'a Minimum<F>,
    plane: &'a Eigenplane<F>,
    second: Evaluator<&'a L, Jet<Series<F>, 2>>,
}

impl<'a, F: Field, L: Loss<F>> Around<'a, F, L> {
    fn new(loss: &'a L, minimum: &'a Minimum<F>, plane: &'a Eigenplane<F>) -> Self {
        Self { minimum, plane, second: Evaluator::new(loss) }
    }

    /// The nearest point as [`super::minimum::Surroundings::nearest`] finds it, and the invariant plane of ∇²L there that is V at ε = 0.
    fn place(&mut self, y: &[Series<F>]) -> Plane<F> {
        let nearest = super::minimum::nearest(&mut self.second, self.minimum, y);
        let start: [Vec<Series<F>>; 2] =
            [0, 1].map(|k| self.plane.basis.col(k).iter().map(|&v| Series::from_base(v)).collect());
        let of = |x: F| Series::<F>::from_base(x);
        let gram = &self.plane.gram_inverse;
        let mut basis = start.clone();
        let mut block = [of(self.plane.value), of(F::constant(0.0)), of(F::constant(0.0)), of(self.plane.value)];
        for k in 1..ORDERS {
            let mut change = block;
            let mut next = basis.clone();
            for j in 0..2 {
                let mut rest = hessian_vector(&mut self.second, &nearest, &basis[j]).1;
                for i in 0..2 {
                    add_scaled(&mut rest, -block[2 * i + j], &basis[i]);
                }
                rest.iter_mut().for_each(|r| *r = term(*r, k));
                for i in 0..2 {
                    change[2 * i + j] =
                        (0..2).fold(change[2 * i + j], |sum, l| sum + of(gram[(i, l)]) * dot(&start[l], &rest));
                }
                add_scaled(&mut next[j], Series::constant(-1.0), &times(&self.plane.resolvent, &rest));
            }
            (block, basis) = (change, next);
        }
        let offset: Vec<Series<F>> = y.iter().zip(&nearest).map(|(&y, &x)| infinitesimal(y - x)).collect();
        let [a, b, c] = [dot(&basis[0], &basis[0]), dot(&basis[0], &basis[1]), dot(&basis[1], &basis[1])];
        let [u, v] = [0, 1].map(|k| dot(&basis[k], &offset));
        let determinant = a * c - b * b;
        let along = [(c * u - b * v) / determinant, (a * v - b * u) / determinant];
        Plane { square: dot(&nearest, &nearest), nearest, block, along }
    }
}
