//! A loss that stands for all losses of a dimension and a rank.

use faer::Mat;
use rand::Rng;

use super::matrix::product;
use super::minimum::times;
use crate::arithmetic::{Field, Scalar, add_scaled, apply, dot};
use crate::identities::element;
use crate::loss::Loss;

/// L(w) = ½f(w)ᵀM f(w). Each of the r functions fᵢ is a random quartic form over ‖w‖⁴ that vanishes at one point w₀, and M is a random symmetric matrix.
///
/// Take any smooth and scale-invariant loss, and a point on a nondegenerate manifold of its minimizers. Up to fourth order the loss has there the Taylor
/// polynomial of such an L (the lemma of Morse and Bott; `proofs-notes/exact_map.md`). So what holds for a random L holds for all losses of that
/// dimension and rank.
#[derive(Clone, Debug)]
pub struct UniversalLoss<F> {
    dimension: usize,
    /// The weights of each product of two.
    pairs: Vec<[usize; 2]>,
    /// Each form as a symmetric one of the products of two weights.
    forms: Vec<Mat<F>>,
    /// M, r×r.
    metric: Mat<F>,
    /// w₀, length D.
    minimum: Vec<F>,
}

impl<F: Field> UniversalLoss<F> {
    /// A random loss of D weights and of rank r, and a value that ∇²L(w₀) has as an eigenvalue `copies` times. `None` where what is drawn does not do.
    pub fn draw(dimension: usize, rank: usize, copies: usize, random: &mut impl Rng) -> Option<(Self, F)> {
        let mut element = || element::<F>(random);
        let minimum: Vec<F> = (0..dimension).map(|_| element()).collect();
        let pairs: Vec<[usize; 2]> = (0..dimension).flat_map(|i| (i..dimension).map(move |j| [i, j])).collect();
        let products: Vec<F> = pairs.iter().map(|&[i, j]| minimum[i] * minimum[j]).collect();
        let mut symmetric = |size: usize| {
            let entries: Vec<F> = (0..size * size).map(|_| element()).collect();
            Mat::from_fn(size, size, |i, j| entries[i.min(j) * size + i.max(j)])
        };
        let mut forms: Vec<Mat<F>> = (0..rank).map(|_| symmetric(pairs.len())).collect();
        // The first coefficient makes the form vanish at w₀.
        for form in &mut forms {
            let value = dot(&times(form, &products), &products);
            form[(0, 0)] = form[(0, 0)] - value / (products[0] * products[0]);
        }
        let metric = symmetric(rank);
        let value = element();
        let vectors: Vec<Vec<F>> = (0..copies).map(|_| (0..rank).map(|_| element()).collect()).collect();
        let mut loss = Self { dimension, pairs, forms, metric, minimum };
        loss.prescribe(value, &vectors)?;
        Some((loss, value))
    }

    /// w₀.
    pub fn minimum(&self) -> &[F] {
        &self.minimum
    }

    /// f and its Jacobian r×D at w.
    fn forms<S: Scalar<Base = F>>(&self, w: &[S], values: &mut [S], jacobian: &mut [S]) {
        let inverse = S::constant(1.0) / dot(w, w);
        let fourth = inverse * inverse;
        let products: Vec<S> = self.pairs.iter().map(|&[i, j]| w[i] * w[j]).collect();
        for ((form, value), row) in self.forms.iter().zip(values).zip(jacobian.chunks_exact_mut(self.dimension)) {
            let images = times(form, &products);
            *value = dot(&images, &products);
            row.fill(S::constant(0.0));
            for (&[i, j], &image) in self.pairs.iter().zip(&images) {
                let image = image + image;
                row[i] = row[i] + image * w[j];
                row[j] = row[j] + image * w[i];
            }
            // ∇(f/‖w‖⁴) = ∇f/‖w‖⁴ − 4 f w/‖w‖⁶.
            *value = *value * fourth;
            let radial = S::constant(4.0) * *value * inverse;
            row.iter_mut().zip(w).for_each(|(g, &w)| *g = *g * fourth - radial * w);
        }
    }

    /// Changes M so that JᵀMJ has the eigenvectors Jᵀu for the vectors u, J = ∇f(w₀), each with `value`: M JJᵀu = value·u. With g = JJᵀu and e = value·u − M g, adding
    /// x gᵀ + g xᵀ with x = e/⟨g, g⟩ − ½g⟨g, e⟩/⟨g, g⟩² does it for one u; for several, g is first made orthogonal to those before.
    fn prescribe(&mut self, value: F, vectors: &[Vec<F>]) -> Option<()> {
        let rank = self.metric.nrows();
        let mut jacobian = vec![F::constant(0.0); rank * self.dimension];
        let mut values = vec![F::constant(0.0); rank];
        self.forms::<F>(&self.minimum, &mut values, &mut jacobian);
        let jacobian = Mat::from_fn(rank, self.dimension, |i, j| jacobian[i * self.dimension + j]);
        let gram = product(jacobian.as_ref(), jacobian.transpose());
        let mut done: Vec<Vec<F>> = Vec::new();
        for vector in vectors {
            // Gram–Schmidt on g, with the same combination of the vectors u.
            let image = |u: &[F]| times(&gram, u);
            let mut u = vector.clone();
            for before in &done {
                let g = image(before);
                let factor = dot(&image(&u), &g) / dot(&g, &g);
                add_scaled(&mut u, -factor, before);
            }
            let g = image(&u);
            let square = dot(&g, &g);
            let applied = times(&self.metric, &g);
            let rest: Vec<F> = u.iter().zip(&applied).map(|(&u, &m)| value * u - m).collect();
            let along = dot(&g, &rest) / (F::constant(2.0) * square * square);
            let x: Vec<F> = rest.iter().zip(&g).map(|(&e, &g)| e / square - along * g).collect();
            self.metric = Mat::from_fn(rank, rank, |i, j| self.metric[(i, j)] + x[i] * g[j] + g[i] * x[j]);
            done.push(u);
        }
        (0..rank).all(|i| (0..rank).all(|j| self.metric[(i, j)].is_defined())).then_some(())
    }
}

impl<F: Field> Loss<F> for UniversalLoss<F> {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn scratch(&self) -> usize {
        let rank = self.metric.nrows();
        rank * (self.dimension + 2)
    }

    fn evaluate<S: Scalar<Base = F>>(&self, w: &[S], gradient: &mut [S], scratch: &mut [S]) -> S {
        let rank = self.metric.nrows();
        let (values, rest) = scratch.split_at_mut(rank);
        let (images, jacobian) = rest.split_at_mut(rank);
        self.forms(w, values, jacobian);
        apply(self.metric.as_ref(), values, images);
        gradient.fill(S::constant(0.0));
        for (image, row) in images.iter().zip(jacobian.chunks_exact(self.dimension)) {
            add_scaled(gradient, *image, row);
        }
        dot(values, images) / S::constant(2.0)
    }
}
