use std::array;

use faer::{Mat, MatMut, MatRef};

use super::Loss;
use crate::arithmetic::{Base, Fan, Jet, Lanes, Scalar};

/// A loss with the buffers to evaluate it over one scalar.
pub struct Evaluator<L, S> {
    loss: L,
    gradient: Vec<S>,
    scratch: Vec<S>,
}

impl<L, S> Evaluator<L, S>
where
    S: Scalar,
    L: Loss<S::Base>,
{
    /// Allocates the buffers.
    pub fn new(loss: L) -> Self {
        let zero = S::constant(0.0);
        let (gradient, mut scratch) = (vec![zero; loss.dimension()], vec![zero; loss.scratch()]);
        loss.prepare(&mut scratch);
        Self { loss, gradient, scratch }
    }

    /// L(w) and ∇L(w). Allocates nothing.
    pub fn evaluate(&mut self, w: &[S]) -> (S, &[S]) {
        let value = self.loss.evaluate(w, &mut self.gradient, &mut self.scratch);
        (value, &self.gradient)
    }

    /// The same at a `w` that differs from the last one by infinitesimals at most.
    fn evaluate_again(&mut self, w: &[S]) -> (S, &[S]) {
        let value = self.loss.evaluate_again(w, &mut self.gradient, &mut self.scratch);
        (value, &self.gradient)
    }
}

/// ∇L, ∇²L·v, ∇³L[v, v] and ∇⁴L[v, v, v] of a loss, as Taylor coefficients of its gradient.
///
/// The buffers of a derivative are allocated at its first use and kept.
pub struct Derivatives<L, T: Base> {
    loss: L,
    first: Option<Evaluator<L, T>>,
    second: Option<AlongLine<L, T, 2>>,
    third: Option<AlongLine<L, T, 3>>,
    fourth: Option<AlongLine<L, T, 4>>,
    columns: Option<AlongLines<L, Directions<T>>>,
    mixed_columns: Option<AlongLines<L, Jet<Directions<T>, 2>>>,
    rows: Option<Rows<L, T>>,
}

/// How many slopes and a value make a [`Fan`]: as many numbers as a vector register holds.
const FAN: usize = 8;
type Directions<T> = Fan<T, FAN>;

impl<L: Loss<T>, T: Base> Derivatives<L, T> {
    /// The derivatives of a loss.
    pub fn new(loss: L) -> Self {
        Self {
            loss,
            first: None,
            second: None,
            third: None,
            fourth: None,
            columns: None,
            mixed_columns: None,
            rows: None,
        }
    }

    /// The loss.
    pub fn loss(&self) -> &L {
        &self.loss
    }

    /// D, the number of weights.
    pub fn dimension(&self) -> usize {
        self.loss.dimension()
    }

    /// L(w) and ∇L(w).
    pub fn gradient(&mut self, w: &[T]) -> (T, &[T]) {
        self.first.get_or_insert_with(|| Evaluator::new(self.loss.clone())).evaluate(w)
    }

    /// `out ← ∇²L(w)v`.
    pub fn hessian_vector(&mut self, w: &[T], v: &[T], out: &mut [T]) {
        self.second.get_or_insert_with(|| AlongLine::new(self.loss.clone())).derivative(w, v, out);
    }

    /// `gradient ← ∇L(w)` and `out ← ∇²L(w)v`, at the price of the latter.
    pub fn gradient_and_hessian_vector(&mut self, w: &[T], v: &[T], gradient: &mut [T], out: &mut [T]) {
        let line = self.second.get_or_insert_with(|| AlongLine::new(self.loss.clone()));
        let jets = line.evaluate(w, v);
        gradient.iter_mut().zip(jets).for_each(|(out, g)| *out = g.0[0]);
        out.iter_mut().zip(jets).for_each(|(out, g)| *out = g.0[1]);
    }

    /// `out ← ∇³L(w)[v, v]`, the gradient at w of u ↦ vᵀ∇²L(u)v.
    pub fn third_derivative(&mut self, w: &[T], v: &[T], out: &mut [T]) {
        self.third.get_or_insert_with(|| AlongLine::new(self.loss.clone())).derivative(w, v, out);
    }

    /// `out ← ∇³L(w)[u, v]`, by polarization: (∇³L[u+v, u+v] − ∇³L[u−v, u−v])/4.
    pub fn mixed_third_derivative(&mut self, w: &[T], u: &[T], v: &[T], out: &mut [T]) {
        let combination = |sign: T| -> Vec<T> { u.iter().zip(v).map(|(&u, &v)| u + sign * v).collect() };
        let one = T::from_f64(1.0);
        let (sum, difference) = (combination(one), combination(-one));
        let mut of_difference = vec![one; out.len()];
        self.third_derivative(w, &sum, out);
        self.third_derivative(w, &difference, &mut of_difference);
        let quarter = one / T::from_f64(4.0);
        out.iter_mut().zip(&of_difference).for_each(|(out, &other)| *out = quarter * (*out - other));
    }

    /// `out ← ∇⁴L(w)[v, v, v]`.
    pub fn fourth_derivative(&mut self, w: &[T], v: &[T], out: &mut [T]) {
        self.fourth.get_or_insert_with(|| AlongLine::new(self.loss.clone())).derivative(w, v, out);
    }

    /// `out ← ∇³L(w)[u, V]`, D×m, for the m columns of V, several at a time.
    pub fn mixed_third_derivatives(&mut self, w: &[T], u: &[T], directions: MatRef<'_, T>, mut out: MatMut<'_, T>) {
        let lines = self.mixed_columns.get_or_insert_with(|| AlongLines::new(self.loss.clone()));
        let zero = T::from_f64(0.0);
        for (first, count) in blocks(directions.ncols()) {
            let derivatives =
                lines.evaluate(|i| Jet([fan(w[i], count, |k| directions[(i, first + k)]), fan(u[i], 0, |_| zero)]));
            for (i, derivative) in derivatives.iter().enumerate() {
                (0..count).for_each(|k| out[(i, first + k)] = derivative.0[1].0[k + 1]);
            }
        }
    }

    /// N, where L = ½‖r‖² with N residuals; else 0.
    pub fn residuals(&self) -> usize {
        self.loss.residuals()
    }

    /// r(w), and Jᵀ, D×N, the rows of J = ∂r/∂w, several at a time; where L = ½‖r‖².
    pub fn residuals_and_jacobian(&mut self, w: &[T]) -> (Vec<T>, Mat<T>) {
        let rows = self.rows.get_or_insert_with(|| Rows::new(self.loss.clone()));
        rows.evaluate(w)
    }

    /// ∇²L(w), D×D, by Hessian–vector products, several at a time; symmetric up to rounding.
    pub fn hessian(&mut self, w: &[T]) -> Mat<T> {
        let dimension = self.dimension();
        let lines = self.columns.get_or_insert_with(|| AlongLines::new(self.loss.clone()));
        let (zero, one) = (T::from_f64(0.0), T::from_f64(1.0));
        let mut hessian = Mat::from_fn(dimension, dimension, |_, _| zero);
        for (first, count) in blocks(dimension) {
            let columns = lines.evaluate(|i| fan(w[i], count, |k| if i == first + k { one } else { zero }));
            for (i, column) in columns.iter().enumerate() {
                (0..count).for_each(|k| hessian[(i, first + k)] = column.0[k + 1]);
            }
        }
        hessian
    }
}

/// A value with the first `count` of its slopes.
#[inline]
fn fan<T: Base>(value: T, count: usize, slope: impl Fn(usize) -> T) -> Directions<T> {
    let mut fan = Fan::from_base(value);
    (0..count).for_each(|k| fan.0[k + 1] = slope(k));
    fan
}

/// Columns in blocks that a fan holds: the first one's place, and how many.
fn blocks(columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..columns).step_by(FAN - 1).map(move |first| (first, (FAN - 1).min(columns - first)))
}

/// The gradients of several residuals side by side.
struct Rows<L, T: Base> {
    loss: L,
    point: Vec<Several<T>>,
    multipliers: Vec<Several<T>>,
    residuals: Vec<Several<T>>,
    gradient: Vec<Several<T>>,
    scratch: Vec<Several<T>>,
}

/// How many rows of a Jacobian are computed at a time.
const ROWS: usize = 8;
type Several<T> = Lanes<T, ROWS>;

impl<L: Loss<T>, T: Base> Rows<L, T> {
    fn new(loss: L) -> Self {
        let zeros = |count: usize| vec![Several::<T>::constant(0.0); count];
        let (dimension, count) = (loss.dimension(), loss.residuals());
        let mut scratch = zeros(loss.scratch());
        loss.prepare(&mut scratch);
        let (multipliers, residuals) = (zeros(count), zeros(count));
        Self { point: zeros(dimension), multipliers, residuals, gradient: zeros(dimension), scratch, loss }
    }

    fn evaluate(&mut self, w: &[T]) -> (Vec<T>, Mat<T>) {
        let count = self.multipliers.len();
        let (zero, one) = (T::from_f64(0.0), T::from_f64(1.0));
        self.point.iter_mut().zip(w).for_each(|(point, &w)| *point = Several::from_base(w));
        let mut jacobian = Mat::from_fn(w.len(), count, |_, _| zero);
        for first in (0..count).step_by(ROWS) {
            for (k, multiplier) in self.multipliers.iter_mut().enumerate() {
                *multiplier = Lanes(array::from_fn(|lane| if k == first + lane { one } else { zero }));
            }
            self.gradient.fill(Several::constant(0.0));
            let (m, r) = (&self.multipliers, &mut self.residuals);
            self.loss.evaluate_residuals(&self.point, m, r, &mut self.gradient, &mut self.scratch);
            for lane in 0..ROWS.min(count - first) {
                let column = jacobian.col_as_slice_mut(first + lane);
                column.iter_mut().zip(&self.gradient).for_each(|(out, g)| *out = g.0[lane]);
            }
        }
        (self.residuals.iter().map(|r| r.0[0]).collect(), jacobian)
    }
}

/// The gradient on several lines at once, over fans or series of them.
struct AlongLines<L, S> {
    evaluator: Evaluator<L, S>,
    point: Vec<S>,
}

impl<S: Scalar, L: Loss<S::Base>> AlongLines<L, S> {
    fn new(loss: L) -> Self {
        let point = vec![S::constant(0.0); loss.dimension()];
        Self { evaluator: Evaluator::new(loss), point }
    }

    fn evaluate(&mut self, weight: impl Fn(usize) -> S) -> &[S] {
        self.point.iter_mut().enumerate().for_each(|(i, point)| *point = weight(i));
        self.evaluator.evaluate(&self.point).1
    }
}

/// The gradient on a line w + εv, to N coefficients.
struct AlongLine<L, T: Base, const N: usize> {
    evaluator: Evaluator<L, Jet<T, N>>,
    line: Vec<Jet<T, N>>,
    evaluated: bool,
}

impl<L: Loss<T>, T: Base, const N: usize> AlongLine<L, T, N> {
    fn new(loss: L) -> Self {
        let zero = T::from_f64(0.0);
        let line = vec![Jet::line(zero, zero); loss.dimension()];
        Self { evaluator: Evaluator::new(loss), line, evaluated: false }
    }

    /// `out ← ` the highest derivative at ε = 0 of ∇L(w + εv) that a jet of N coefficients carries, the (N−1)-th.
    fn derivative(&mut self, w: &[T], v: &[T], out: &mut [T]) {
        let factorial = T::from_f64((1..N).product::<usize>() as f64);
        for (out, g) in out.iter_mut().zip(self.evaluate(w, v)) {
            *out = factorial * g.0[N - 1];
        }
    }

    /// The gradient's Taylor coefficients. Much is asked of one w, in many directions.
    fn evaluate(&mut self, w: &[T], v: &[T]) -> &[Jet<T, N>] {
        let mut again = std::mem::replace(&mut self.evaluated, true);
        for (line, (&w, &v)) in self.line.iter_mut().zip(w.iter().zip(v)) {
            again &= line.0[0] == w;
            *line = Jet::line(w, v);
        }
        let (_, derivatives) =
            if again { self.evaluator.evaluate_again(&self.line) } else { self.evaluator.evaluate(&self.line) };
        derivatives
    }
}
