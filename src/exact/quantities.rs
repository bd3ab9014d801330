//! What a law compares at a point, and the numbers of the point on which laws depend.

use super::minimum::{Eigenpair, Minimum, Series, Surroundings, constant, times};
use crate::arithmetic::{Field, dot};
use crate::loss::{Derivatives, Loss};

/// A law at one point: what was found, what the law states, and what each wrong twin states instead.
#[derive(Clone, Debug, PartialEq)]
pub struct Law<F> {
    pub what: String,
    pub found: Vec<F>,
    pub stated: Vec<F>,
    pub twins: Vec<(&'static str, Vec<F>)>,
}

impl<F: Field> Law<F> {
    pub(super) fn new(what: &'static str, found: Vec<F>, stated: Vec<F>) -> Self {
        Self { what: what.into(), found, stated, twins: vec![] }
    }

    /// The law with a word about where it was tried.
    pub(super) fn at(self, place: &str) -> Self {
        Self { what: format!("{}, {place}", self.what), ..self }
    }

    pub(super) fn twin(mut self, what: &'static str, stated: Vec<F>) -> Self {
        self.twins.push((what, stated));
        self
    }

    /// Adds a twin that states `c` times what the law states.
    pub(super) fn times(self, what: &'static str, c: f64) -> Self {
        let stated = self.stated.iter().map(|&x| F::constant(c) * x).collect();
        self.twin(what, stated)
    }

    /// Whether the law holds here.
    pub fn holds(&self) -> bool {
        self.found == self.stated
    }
}

/// What is drawn at a point besides the point itself.
#[derive(Clone, Debug)]
pub struct Draw<F> {
    /// a: the oscillation starts at εa v.
    pub swing: F,
    /// d: δ starts at εd.
    pub offset: F,
    /// σ: a step lasts σε².
    pub lasts: F,
    /// A vector, length D, of which the part in range H that is orthogonal to v is where the other normal coordinates start, times ε².
    pub normal: Vec<F>,
}

/// The numbers of a point of Γ on which the laws depend, at an eigenpair (Λ, v). On the sphere all of them are those of p = w/‖w‖.
#[derive(Clone, Debug)]
pub struct Quantities<F> {
    /// G/‖w‖ on the sphere, G elsewhere, length D.
    pub log_gradient: Vec<F>,
    /// ‖G‖².
    pub log_gradient_square: F,
    /// q = ∇⁴L[v₁, v₁, v₁, v₁]/(3λ₁) − ⟨T, H⁺T⟩/λ₁ with T = ∇³L[v₁, v₁].
    pub quartic: F,
    /// ⟨G, ∇_Γ‖G‖²⟩.
    pub slope_along_gradient: F,
    /// ∇³L(w)[v, v].
    pub(super) third: Vec<F>,
    /// ⟨∇³L(w)[v, v], v⟩/(Λν): αh is this times ⟨w', v⟩/ν for an offset w'.
    pub(super) skewness: F,
}

impl<F: Field> Quantities<F> {
    /// The quantities on the sphere, or where weights stand for themselves.
    pub fn new<L: Loss<F>>(loss: &L, minimum: &Minimum<F>, pair: &Eigenpair<F>, on_sphere: bool) -> Self {
        let mut derivatives = Derivatives::new(loss);
        let Eigenpair { value, vector, square, .. } = pair;
        let (value, square) = (*value, *square);
        let mut third = vec![value; vector.len()];
        let mut fourth = third.clone();
        derivatives.third_derivative(&minimum.weights, vector, &mut third);
        derivatives.fourth_derivative(&minimum.weights, vector, &mut fourth);
        let mut around = Surroundings::<F, F, _>::new(loss.clone(), minimum, pair, on_sphere);
        let norm = around.square(&minimum.weights);
        let response = dot(&third, &times(&minimum.pseudo_inverse, &third));
        let quartic = norm / (value * square * square) * (dot(&fourth, vector) / F::constant(3.0) - response);
        let at = around.place(&constant(&minimum.weights));
        let (gradient, gradient_square) = around.log_gradient(&at);
        let log_gradient: Vec<F> = gradient.iter().map(|g| g.0[0]).collect();
        // Along Γ in the direction of G: points that are right to first order will do.
        let line: Vec<_> = minimum.weights.iter().zip(&log_gradient).map(|(&w, &g)| Series::line(w, g)).collect();
        let along = around.place(&line);
        let slope = norm * around.log_gradient(&along).1.0[1];
        Self {
            log_gradient,
            log_gradient_square: gradient_square.0[0],
            quartic,
            slope_along_gradient: slope,
            skewness: dot(&third, vector) / (value * square),
            third,
        }
    }
}
