//! A point of Γ over a field, an eigenpair of the Hessian there, and power series around them.

use faer::Mat;

use super::matrix::{characteristic_polynomial, inverse, kernel, outer, product, shifted};
use super::polynomial::Polynomial;
use crate::arithmetic::{Fan, Field, Jet, Scalar, add_scaled, apply, dot};
use crate::loss::{Derivatives, Evaluator, Loss};

/// How many coefficients a series in ε has: those of 1, ε, ε² and ε³.
pub const ORDERS: usize = 4;

/// A power series in ε, modulo ε⁴.
pub type Series<T> = Jet<T, ORDERS>;

/// A coefficient with its slopes in two directions.
pub type Slopes<F> = Fan<F, 3>;

/// A point w where ∇L vanishes, with the linear algebra of H = ∇²L(w). Γ is the set of such points near w; its tangent space is ker H.
#[derive(Clone, Debug)]
pub struct Minimum<F> {
    /// w, length D. Its norm is not 1: over a field few numbers have roots.
    pub weights: Vec<F>,
    /// H, D×D.
    pub hessian: Mat<F>,
    /// The rank of H.
    pub rank: usize,
    /// A basis of ker H, D×(D − rank).
    pub kernel: Mat<F>,
    /// The orthogonal projection on ker H.
    pub onto_kernel: Mat<F>,
    /// H⁺, the inverse of H on its range.
    pub pseudo_inverse: Mat<F>,
}

impl<F: Field> Minimum<F> {
    /// The point of Γ at `weights`. `None` if ∇L does not vanish there, or if a vector of ker H other than 0 is orthogonal to all of ker H. Over the reals the
    /// latter cannot happen.
    pub fn new<L: Loss<F>>(loss: L, weights: Vec<F>) -> Option<Self> {
        let mut derivatives = Derivatives::new(loss);
        let zero = F::constant(0.0);
        if derivatives.gradient(&weights).1.iter().any(|&g| g != zero) {
            return None;
        }
        let hessian = hessian(&mut derivatives, &weights);
        let kernel = kernel(hessian.as_ref());
        let gram = inverse(product(kernel.transpose(), kernel.as_ref()).as_ref())?;
        let onto_kernel = product(product(kernel.as_ref(), gram.as_ref()).as_ref(), kernel.transpose());
        let raised = Mat::from_fn(weights.len(), weights.len(), |i, j| hessian[(i, j)] + onto_kernel[(i, j)]);
        let inverse = inverse(raised.as_ref())?;
        let pseudo_inverse = Mat::from_fn(weights.len(), weights.len(), |i, j| inverse[(i, j)] - onto_kernel[(i, j)]);
        Some(Self { rank: weights.len() - kernel.ncols(), weights, hessian, kernel, onto_kernel, pseudo_inverse })
    }

    /// det(x·1 − H) without the factors x of ker H.
    pub fn characteristic_polynomial(&self) -> Polynomial<F> {
        let all = characteristic_polynomial(self.hessian.as_ref());
        Polynomial::new(all[self.kernel.ncols()..].to_vec())
    }

    /// The eigenpair of a value that is a simple root of the characteristic polynomial; `None` where it is none, or where ⟨v, v⟩ = 0.
    pub fn eigenpair(&self, value: F) -> Option<Eigenpair<F>> {
        let eigenspace = kernel(shifted(self.hessian.as_ref(), -value).as_ref());
        if eigenspace.ncols() != 1 {
            return None;
        }
        let vector: Vec<F> = eigenspace.col(0).iter().copied().collect();
        let square = dot(&vector, &vector);
        if square == F::constant(0.0) {
            return None;
        }
        let along = outer(&vector, square);
        let raised = shifted(self.hessian.as_ref(), -value);
        let raised = Mat::from_fn(vector.len(), vector.len(), |i, j| raised[(i, j)] + along[(i, j)]);
        let resolvent = inverse(raised.as_ref())?;
        let resolvent = Mat::from_fn(vector.len(), vector.len(), |i, j| resolvent[(i, j)] - along[(i, j)]);
        Some(Eigenpair { value, vector, square, resolvent })
    }
}

/// ∇²L(w), column by column. Several columns at a time would be quicker to calculate, but would take minutes longer to compile.
pub fn hessian<F: Field, L: Loss<F>>(derivatives: &mut Derivatives<L, F>, w: &[F]) -> Mat<F> {
    columns(w.len(), |unit, column| derivatives.hessian_vector(w, unit, column))
}

/// The square matrix whose k-th column `column` writes when it is given the k-th unit vector.
pub fn columns<F: Field>(dimension: usize, mut column: impl FnMut(&[F], &mut [F])) -> Mat<F> {
    let zero = F::constant(0.0);
    let (mut unit, mut image) = (vec![zero; dimension], vec![zero; dimension]);
    let mut matrix = Mat::from_fn(dimension, dimension, |_, _| zero);
    for j in 0..dimension {
        unit[j] = F::constant(1.0);
        column(&unit, &mut image);
        unit[j] = zero;
        image.iter().enumerate().for_each(|(i, &entry)| matrix[(i, j)] = entry);
    }
    matrix
}

/// A simple eigenvalue Λ of H with its eigenvector v.
#[derive(Clone, Debug)]
pub struct Eigenpair<F> {
    /// Λ.
    pub value: F,
    /// v, length D.
    pub vector: Vec<F>,
    /// ν = ⟨v, v⟩, which is not 1: over a field few numbers have roots.
    pub square: F,
    /// The inverse of H − Λ on the vectors that are orthogonal to v.
    pub resolvent: Mat<F>,
}

/// A matrix times a vector of series.
pub fn times<T: Scalar>(a: &Mat<T::Base>, x: &[T]) -> Vec<T> {
    let mut image = vec![T::constant(0.0); a.nrows()];
    apply(a.as_ref(), x, &mut image);
    image
}

/// The constant vector.
pub fn constant<T: Scalar>(x: &[T::Base]) -> Vec<T> {
    x.iter().map(|&x| T::from_base(x)).collect()
}

/// c·εᵏ.
pub fn power<T: Scalar>(c: T, k: usize) -> Series<T> {
    Jet(std::array::from_fn(|i| if i == k { c } else { T::constant(0.0) }))
}

/// The term of εᵏ alone.
pub fn term<T: Scalar>(x: Series<T>, k: usize) -> Series<T> {
    power(x.0[k], k)
}

/// The series without its coefficient of 1, where that is 0 as differences of equal numbers are.
pub fn infinitesimal<T: Scalar>(x: Series<T>) -> Series<T> {
    Jet(std::array::from_fn(|k| if k == 0 { T::constant(0.0) } else { x.0[k] }))
}

/// A series that begins with ε, divided by ε. The coefficient of ε³ is not known, and a 0 stands for it.
pub fn lowered<T: Scalar>(x: Series<T>) -> Series<T> {
    Jet(std::array::from_fn(|k| if k + 1 < ORDERS { x.0[k + 1] } else { T::constant(0.0) }))
}

/// ∇L(x) and ∇²L(x)u.
pub(super) fn hessian_vector<S: Scalar, L: Loss<S::Base>>(
    evaluator: &mut Evaluator<L, Jet<S, 2>>,
    x: &[S],
    u: &[S],
) -> (Vec<S>, Vec<S>) {
    let line: Vec<_> = x.iter().zip(u).map(|(&x, &u)| Jet::line(x, u)).collect();
    let gradient = evaluator.evaluate(&line).1;
    (gradient.iter().map(|g| g.0[0]).collect(), gradient.iter().map(|g| g.0[1]).collect())
}

/// The point x of Γ nearest to y: ∇L(x) = 0 and y − x = ∇²L(x)u for some u. At ε = 0 the equations read HΔx = −∇L(x) and Δx + HΔu = r with
/// r = y − x − ∇²L(x)u, so that Δx = −H⁺∇L(x) + P r and Δu = H⁺(r + H⁺∇L(x)), P the projection on ker H.
///
/// On the sphere Γ is a cone, and the direction of x is the point nearest to that of y.
pub(super) fn nearest<F: Field, T: Scalar<Base = F>, L: Loss<F>>(
    evaluator: &mut Evaluator<L, Jet<Series<T>, 2>>,
    minimum: &Minimum<F>,
    y: &[Series<T>],
) -> Vec<Series<T>> {
    let one = Series::<T>::constant(1.0);
    let mut x = constant(&minimum.weights);
    let mut u = vec![Series::constant(0.0); y.len()];
    for k in 1..ORDERS {
        let (gradient, image) = hessian_vector(evaluator, &x, &u);
        let rest: Vec<_> = (0..y.len()).map(|i| term(y[i] - x[i] - image[i], k)).collect();
        let back: Vec<_> = times(&minimum.pseudo_inverse, &gradient).into_iter().map(|b| term(b, k)).collect();
        add_scaled(&mut x, -one, &back);
        add_scaled(&mut x, one, &times(&minimum.onto_kernel, &rest));
        let shifted: Vec<_> = rest.iter().zip(&back).map(|(&r, &b)| r + b).collect();
        add_scaled(&mut u, one, &times(&minimum.pseudo_inverse, &shifted));
    }
    x
}

/// Series around a point of Γ: all that is asked about an iterate near it. Each equation between series is solved one order at a time, by the
/// inverse that it has at ε = 0.
pub struct Surroundings<'a, F: Field, T: Scalar<Base = F>, L> {
    pub minimum: &'a Minimum<F>,
    pub pair: &'a Eigenpair<F>,
    /// On the sphere weights stand for their direction, elsewhere for themselves.
    pub on_sphere: bool,
    second: Evaluator<L, Jet<Series<T>, 2>>,
    third: Evaluator<L, Jet<Series<T>, 3>>,
}

/// The point p of Γ nearest to an iterate, with what the theory says of the iterate in terms of p.
#[derive(Clone, Debug)]
pub struct Place<T: Scalar> {
    /// x, a positive multiple of p on the sphere.
    pub nearest: Vec<Series<T>>,
    /// ‖x‖² on the sphere, 1 elsewhere.
    pub square: Series<T>,
    /// λ₁(p).
    pub sharpness: Series<T>,
    /// The eigenvalue of ∇²L(x).
    value: Series<T>,
    /// An eigenvector of ∇²L(x).
    pub vector: Vec<Series<T>>,
    /// Its square.
    pub vector_square: Series<T>,
    /// ⟨y − x, v⟩ for the iterate y: ‖y‖‖v‖h on the sphere, ‖v‖h elsewhere.
    pub along: Series<T>,
    /// h².
    pub displacement_square: Series<T>,
    /// h²/ε², of which the coefficient of ε³ is not known.
    pub swing_square: Series<T>,
}

impl<'a, F: Field, T: Scalar<Base = F>, L: Loss<F>> Surroundings<'a, F, T, L> {
    /// The surroundings of a point and of one of its eigenpairs.
    pub fn new(loss: L, minimum: &'a Minimum<F>, pair: &'a Eigenpair<F>, on_sphere: bool) -> Self {
        Self { minimum, pair, on_sphere, second: Evaluator::new(loss.clone()), third: Evaluator::new(loss) }
    }

    /// ‖y‖² on the sphere, 1 elsewhere: what turns weights into points.
    pub fn square<S: Scalar>(&self, y: &[S]) -> S {
        if self.on_sphere { dot(y, y) } else { S::constant(1.0) }
    }

    /// ∇L(y).
    pub fn gradient(&mut self, y: &[Series<T>]) -> Vec<Series<T>> {
        let still = vec![Series::constant(0.0); y.len()];
        self.hessian_vector(y, &still).0
    }

    /// ∇L(x) and ∇²L(x)u.
    fn hessian_vector(&mut self, x: &[Series<T>], u: &[Series<T>]) -> (Vec<Series<T>>, Vec<Series<T>>) {
        hessian_vector(&mut self.second, x, u)
    }

    /// ∇³L(x)[v, v].
    pub fn third_derivative(&mut self, x: &[Series<T>], v: &[Series<T>]) -> Vec<Series<T>> {
        let line: Vec<_> = x.iter().zip(v).map(|(&x, &v)| Jet::line(x, v)).collect();
        self.third.evaluate(&line).1.iter().map(|g| g.0[2] + g.0[2]).collect()
    }

    /// The point of Γ nearest to y.
    pub fn nearest(&mut self, y: &[Series<T>]) -> Vec<Series<T>> {
        nearest(&mut self.second, self.minimum, y)
    }

    /// The eigenpair of ∇²L(x) that is (Λ, v) at ε = 0: with ρ = (∇²L(x) − Λ)v, Λ gains ⟨v₀, ρ⟩/ν and v loses Rρ, R the resolvent.
    pub fn eigenpair(&mut self, x: &[Series<T>]) -> (Series<T>, Vec<Series<T>>) {
        let start: Vec<Series<T>> = constant(&self.pair.vector);
        let square = Series::from_base(self.pair.square);
        let (mut value, mut vector) = (Series::from_base(self.pair.value), start.clone());
        for k in 1..ORDERS {
            let mut rest = self.hessian_vector(x, &vector).1;
            add_scaled(&mut rest, -value, &vector);
            rest.iter_mut().for_each(|r| *r = term(*r, k));
            value = value + dot(&start, &rest) / square;
            add_scaled(&mut vector, Series::constant(-1.0), &times(&self.pair.resolvent, &rest));
        }
        (value, vector)
    }

    /// The part of b in ker ∇²L(x) for x on Γ: b − ∇²L(x)u with ∇²L(x)(b − ∇²L(x)u) = 0. The coefficient of ε³ is not known.
    fn onto_kernel(&mut self, x: &[Series<T>], b: Vec<Series<T>>) -> Vec<Series<T>> {
        let mut rest = b;
        for k in 0..ORDERS - 1 {
            let (_, image) = self.hessian_vector(x, &rest);
            let image: Vec<_> = image.into_iter().map(|i| term(i, k)).collect();
            let step = times(&self.minimum.pseudo_inverse, &times(&self.minimum.pseudo_inverse, &image));
            let (_, change) = self.hessian_vector(x, &step);
            add_scaled(&mut rest, Series::constant(-1.0), &change);
        }
        rest
    }

    /// What stands at an iterate y.
    pub fn place(&mut self, y: &[Series<T>]) -> Place<T> {
        let nearest = self.nearest(y);
        let pair = self.eigenpair(&nearest);
        self.place_over(y, nearest, pair)
    }

    /// What stands at an iterate y of which w is the nearest point: one that differs from w by a vector in range H.
    pub fn place_over_minimum(&self, y: &[Series<T>]) -> Place<T> {
        let pair = (Series::from_base(self.pair.value), constant(&self.pair.vector));
        self.place_over(y, constant(&self.minimum.weights), pair)
    }

    fn place_over(
        &self,
        y: &[Series<T>],
        nearest: Vec<Series<T>>,
        (value, vector): (Series<T>, Vec<Series<T>>),
    ) -> Place<T> {
        let offset: Vec<_> = y.iter().zip(&nearest).map(|(&y, &x)| infinitesimal(y - x)).collect();
        let along = dot(&offset, &vector);
        let (square, vector_square) = (self.square(&nearest), dot(&vector, &vector));
        let (swing, scale) = (lowered(along), self.square(y) * vector_square);
        Place {
            sharpness: value * square,
            displacement_square: along * along / scale,
            swing_square: swing * swing / scale,
            nearest,
            square,
            value,
            vector,
            vector_square,
            along,
        }
    }

    /// √(N₀)·p, N₀ = ‖w‖², on the sphere, p elsewhere: points of Γ on one scale, by a root of a series that begins with 1.
    pub fn point(&self, place: &Place<T>) -> Vec<Series<T>> {
        let start = Series::from_base(self.square(&self.minimum.weights));
        let factor = (start / place.square).sqrt();
        place.nearest.iter().map(|&x| x * factor).collect()
    }

    /// G/√N, G = ∇_Γ log λ₁ at p and N = ‖x‖² on the sphere (G itself elsewhere), and ‖G‖². The coefficients of ε³ are not known.
    pub fn log_gradient(&mut self, place: &Place<T>) -> (Vec<Series<T>>, Series<T>) {
        let third = self.third_derivative(&place.nearest, &place.vector);
        let mut gradient = self.onto_kernel(&place.nearest, third);
        let factor = place.vector_square * place.value;
        gradient.iter_mut().for_each(|g| *g = *g / factor);
        if self.on_sphere {
            let radial = dot(&gradient, &place.nearest) / place.square;
            add_scaled(&mut gradient, -radial, &place.nearest);
        }
        let square = place.square * dot(&gradient, &gradient);
        (gradient, square)
    }
}
