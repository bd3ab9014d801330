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
        Self {
            loss,
            gradient: vec![S::constant(0.0); loss.dimension()],
            scratch: vec![S::constant(0.0); loss.scratch()],
        }
    }

    /// L(w) and ∇L(w). Allocates nothing.
    pub fn evaluate(&mut self, w: &[S]) -> (S, &[S]) {
        let value = self.loss.evaluate(w, &mut self.gradient, &mut self.scratch);
        (value, &self.gradient)
    }
}

/// ∇L, ∇²L·v and ∇³L[v, v] of a loss, as Taylor coefficients of its gradient.
pub struct Derivatives<'a, L, T: Base> {
    first: Evaluator<'a, L, T>,
    second: Evaluator<'a, L, Jet<T, 2>>,
    third: Evaluator<'a, L, Jet<T, 3>>,
    line2: Vec<Jet<T, 2>>,
    line3: Vec<Jet<T, 3>>,
}

impl<'a, L: Loss<T>, T: Base> Derivatives<'a, L, T> {
    /// Allocates the buffers.
    pub fn new(loss: &'a L) -> Self {
        let zero = T::from_f64(0.0);
        Self {
            first: Evaluator::new(loss),
            second: Evaluator::new(loss),
            third: Evaluator::new(loss),
            line2: vec![Jet::line(zero, zero); loss.dimension()],
            line3: vec![Jet::line(zero, zero); loss.dimension()],
        }
    }

    /// D, the number of weights.
    pub fn dimension(&self) -> usize {
        self.line2.len()
    }

    /// L(w) and ∇L(w).
    pub fn gradient(&mut self, w: &[T]) -> (T, &[T]) {
        self.first.evaluate(w)
    }

    /// `out ← ∇²L(w)v`.
    pub fn hessian_vector(&mut self, w: &[T], v: &[T], out: &mut [T]) {
        for (line, (&w, &v)) in self.line2.iter_mut().zip(w.iter().zip(v)) {
            *line = Jet::line(w, v);
        }
        let (_, gradient) = self.second.evaluate(&self.line2);
        for (out, g) in out.iter_mut().zip(gradient) {
            *out = g.0[1];
        }
    }

    /// `out ← ∇³L(w)[v, v]`, the gradient at w of u ↦ vᵀ∇²L(u)v.
    pub fn third_derivative(&mut self, w: &[T], v: &[T], out: &mut [T]) {
        for (line, (&w, &v)) in self.line3.iter_mut().zip(w.iter().zip(v)) {
            *line = Jet::line(w, v);
        }
        let (_, gradient) = self.third.evaluate(&self.line3);
        for (out, g) in out.iter_mut().zip(gradient) {
            *out = g.0[2] + g.0[2];
        }
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
