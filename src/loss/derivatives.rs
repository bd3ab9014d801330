use faer::Mat;

use super::Loss;
use crate::arithmetic::{Base, Jet, Scalar};

/// A loss with the buffers to evaluate it over one scalar.
pub struct Evaluator<'a, L, S> {
    loss: &'a L,
    gradient: Vec<S>,
    scratch: Vec<S>,
}

impl<'a, L, S> Evaluator<'a, L, S>
where
    S: Scalar,
    L: Loss<S::Base>,
{
    /// Allocates the buffers.
    pub fn new(loss: &'a L) -> Self {
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
}

/// ∇L, ∇²L·v, ∇³L[v, v] and ∇⁴L[v, v, v] of a loss, as Taylor coefficients of its gradient.
///
/// The buffers of a derivative are allocated at its first use and kept.
pub struct Derivatives<'a, L, T: Base> {
    loss: &'a L,
    first: Option<Evaluator<'a, L, T>>,
    second: Option<AlongLine<'a, L, T, 2>>,
    third: Option<AlongLine<'a, L, T, 3>>,
    fourth: Option<AlongLine<'a, L, T, 4>>,
}

impl<'a, L: Loss<T>, T: Base> Derivatives<'a, L, T> {
    /// Of this loss.
    pub fn new(loss: &'a L) -> Self {
        Self { loss, first: None, second: None, third: None, fourth: None }
    }

    /// D, the number of weights.
    pub fn dimension(&self) -> usize {
        self.loss.dimension()
    }

    /// L(w) and ∇L(w).
    pub fn gradient(&mut self, w: &[T]) -> (T, &[T]) {
        self.first.get_or_insert_with(|| Evaluator::new(self.loss)).evaluate(w)
    }

    /// `out ← ∇²L(w)v`.
    pub fn hessian_vector(&mut self, w: &[T], v: &[T], out: &mut [T]) {
        self.second.get_or_insert_with(|| AlongLine::new(self.loss)).derivative(w, v, out);
    }

    /// `gradient ← ∇L(w)` and `out ← ∇²L(w)v`, at the price of the latter.
    pub fn gradient_and_hessian_vector(&mut self, w: &[T], v: &[T], gradient: &mut [T], out: &mut [T]) {
        let line = self.second.get_or_insert_with(|| AlongLine::new(self.loss));
        let jets = line.evaluate(w, v);
        gradient.iter_mut().zip(jets).for_each(|(out, g)| *out = g.0[0]);
        out.iter_mut().zip(jets).for_each(|(out, g)| *out = g.0[1]);
    }

    /// `out ← ∇³L(w)[v, v]`, the gradient at w of u ↦ vᵀ∇²L(u)v.
    pub fn third_derivative(&mut self, w: &[T], v: &[T], out: &mut [T]) {
        self.third.get_or_insert_with(|| AlongLine::new(self.loss)).derivative(w, v, out);
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
        self.fourth.get_or_insert_with(|| AlongLine::new(self.loss)).derivative(w, v, out);
    }

    /// ∇²L(w), D×D, one Hessian–vector product a column; symmetric up to rounding.
    pub fn hessian(&mut self, w: &[T]) -> Mat<T> {
        let dimension = self.dimension();
        let (zero, one) = (T::from_f64(0.0), T::from_f64(1.0));
        let mut unit = vec![zero; dimension];
        let mut column = vec![zero; dimension];
        let mut hessian = Mat::from_fn(dimension, dimension, |_, _| zero);
        for j in 0..dimension {
            unit[j] = one;
            self.hessian_vector(w, &unit, &mut column);
            unit[j] = zero;
            for (i, &entry) in column.iter().enumerate() {
                hessian[(i, j)] = entry;
            }
        }
        hessian
    }
}

/// The gradient on a line w + εv, to N coefficients.
struct AlongLine<'a, L, T: Base, const N: usize> {
    evaluator: Evaluator<'a, L, Jet<T, N>>,
    line: Vec<Jet<T, N>>,
}

impl<'a, L: Loss<T>, T: Base, const N: usize> AlongLine<'a, L, T, N> {
    fn new(loss: &'a L) -> Self {
        let zero = T::from_f64(0.0);
        Self { evaluator: Evaluator::new(loss), line: vec![Jet::line(zero, zero); loss.dimension()] }
    }

    /// `out ← ` the highest derivative at ε = 0 of ∇L(w + εv) that a jet of N coefficients carries, the (N−1)-th.
    fn derivative(&mut self, w: &[T], v: &[T], out: &mut [T]) {
        let factorial = T::from_f64((1..N).product::<usize>() as f64);
        for (out, g) in out.iter_mut().zip(self.evaluate(w, v)) {
            *out = factorial * g.0[N - 1];
        }
    }

    /// The gradient's Taylor coefficients.
    fn evaluate(&mut self, w: &[T], v: &[T]) -> &[Jet<T, N>] {
        for (line, (&w, &v)) in self.line.iter_mut().zip(w.iter().zip(v)) {
            *line = Jet::line(w, v);
        }
        self.evaluator.evaluate(&self.line).1
    }
}
