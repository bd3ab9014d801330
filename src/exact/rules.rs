//! The optimizers' steps on power series.

use super::minimum::{Series, Surroundings, constant, infinitesimal, times};
use super::quantities::Quantities;
use crate::arithmetic::{Field, Scalar, add_scaled, dot};
use crate::loss::Loss;

/// The numbers by which optimizers differ at the edge of stability, as [`EdgeConstants`](crate::descent::EdgeConstants) has them for floats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge<F> {
    /// C_b.
    pub decay: F,
    /// μ.
    pub momentum: F,
}

impl<F: Field> Edge<F> {
    /// (1+μ)/(1−μ).
    pub fn gain(&self) -> F {
        let one = F::constant(1.0);
        (one + self.momentum) / (one - self.momentum)
    }
}

/// An iterate of an optimizer.
#[derive(Clone, Debug)]
pub struct Iterate<S> {
    pub weights: Vec<S>,
    /// The iterate before, where the optimizer remembers it.
    before: Vec<S>,
    /// η/√v for RMSprop, η for the others.
    rate: S,
}

/// How an iterate starts: its weights, what stands there, the effective learning rate, and how long a step lasts. Its nearest point of Γ is w.
#[derive(Clone, Copy, Debug)]
pub struct Begin<'a, T: Scalar> {
    pub weights: &'a [Series<T>],
    /// η̃.
    pub effective_rate: Series<T>,
    /// δ = η̃λ₁ − 2.
    pub offset: Series<T>,
    /// How long a step lasts in the flow's time: ηλ for gradient descent, ηλ/(1−μ) with momentum, C_bη²/4 for RMSprop.
    pub lasts: Series<T>,
}

/// A rule of steps over a field. It holds what a step lasts, σ of σε².
pub trait Rule<F: Field>: Copy {
    /// Its constants at the edge of stability.
    fn edge(&self) -> Edge<F>;

    /// Whether its iterates are compared by their directions.
    fn on_sphere(&self) -> bool;

    /// The first iterate.
    fn begin<T: Scalar<Base = F>, L: Loss<F>>(
        &self,
        around: &mut Surroundings<'_, F, T, L>,
        begin: Begin<'_, T>,
    ) -> Iterate<Series<T>>;

    /// The next iterate.
    fn step<T: Scalar<Base = F>, L: Loss<F>>(
        &self,
        around: &mut Surroundings<'_, F, T, L>,
        lasts: Series<T>,
        iterate: Iterate<Series<T>>,
    ) -> Iterate<Series<T>>;

    /// η̃ of an iterate.
    fn effective_rate<T: Scalar<Base = F>>(&self, lasts: Series<T>, iterate: &Iterate<Series<T>>) -> Series<T>;
}

/// Gradient descent with weight decay, w₊ = (1−ηλ)w − η∇L(w).
#[derive(Clone, Copy, Debug)]
pub struct GradientDescent;

impl<F: Field> Rule<F> for GradientDescent {
    fn edge(&self) -> Edge<F> {
        Edge { decay: F::constant(2.0), momentum: F::constant(0.0) }
    }

    fn on_sphere(&self) -> bool {
        true
    }

    fn begin<T: Scalar<Base = F>, L: Loss<F>>(
        &self,
        _: &mut Surroundings<'_, F, T, L>,
        Begin { weights, effective_rate, lasts, .. }: Begin<'_, T>,
    ) -> Iterate<Series<T>> {
        let kept = Series::constant(1.0) - lasts;
        Iterate { weights: weights.to_vec(), before: vec![], rate: effective_rate * kept * dot(weights, weights) }
    }

    fn step<T: Scalar<Base = F>, L: Loss<F>>(
        &self,
        around: &mut Surroundings<'_, F, T, L>,
        lasts: Series<T>,
        mut iterate: Iterate<Series<T>>,
    ) -> Iterate<Series<T>> {
        let gradient = around.gradient(&iterate.weights);
        let kept = Series::constant(1.0) - lasts;
        iterate.weights.iter_mut().for_each(|w| *w = kept * *w);
        add_scaled(&mut iterate.weights, -iterate.rate, &gradient);
        iterate
    }

    fn effective_rate<T: Scalar<Base = F>>(&self, lasts: Series<T>, iterate: &Iterate<Series<T>>) -> Series<T> {
        let kept = Series::constant(1.0) - lasts;
        iterate.rate / (kept * dot(&iterate.weights, &iterate.weights))
    }
}

/// Scalar RMSprop, θ₊ = Π(θ − η∇L(θ)/√v), v₊ = βv + (1−β)‖∇L(θ)‖², 1 − β = C_bη², on the sphere or without Π. With e = η/√v no root but of a series that
/// begins with 1 is taken: e₊ = e/√(β + C_b e²‖∇L(θ)‖²).
#[derive(Clone, Copy, Debug)]
pub struct ScalarRmsprop<F> {
    /// C_b.
    pub decay: F,
    pub on_sphere: bool,
}

impl<F: Field> Rule<F> for ScalarRmsprop<F> {
    fn edge(&self) -> Edge<F> {
        Edge { decay: self.decay, momentum: F::constant(0.0) }
    }

    fn on_sphere(&self) -> bool {
        self.on_sphere
    }

    fn begin<T: Scalar<Base = F>, L: Loss<F>>(
        &self,
        _: &mut Surroundings<'_, F, T, L>,
        Begin { weights, effective_rate, .. }: Begin<'_, T>,
    ) -> Iterate<Series<T>> {
        Iterate { weights: weights.to_vec(), before: vec![], rate: effective_rate }
    }

    /// On the sphere ∇L(θ) = ‖w‖∇L(w) for any w of the direction θ.
    fn step<T: Scalar<Base = F>, L: Loss<F>>(
        &self,
        around: &mut Surroundings<'_, F, T, L>,
        lasts: Series<T>,
        mut iterate: Iterate<Series<T>>,
    ) -> Iterate<Series<T>> {
        let gradient = around.gradient(&iterate.weights);
        let (square, rate) = (around.square(&iterate.weights), iterate.rate);
        let remembered = Series::constant(1.0) - Series::constant(4.0) * lasts;
        let seen = Series::from_base(self.decay) * rate * rate * square * dot(&gradient, &gradient);
        add_scaled(&mut iterate.weights, -(rate * square), &gradient);
        Iterate { rate: rate / (remembered + seen).sqrt(), ..iterate }
    }

    fn effective_rate<T: Scalar<Base = F>>(&self, _: Series<T>, iterate: &Iterate<Series<T>>) -> Series<T> {
        iterate.rate
    }
}

/// Gradient descent with weight decay and heavy-ball momentum, w₊ = w + μ(w − w₋) − η(∇L(w) + λw).
#[derive(Clone, Copy, Debug)]
pub struct HeavyBall<'a, F> {
    /// μ.
    pub momentum: F,
    /// The numbers of the point, by which the oscillation before the start is known.
    pub quantities: &'a Quantities<F>,
    /// Whether the memory is that of an iterate that has followed the law for long; otherwise it is that of the oscillation alone, with which the law fails.
    pub is_slaved: bool,
}

impl<F: Field> HeavyBall<'_, F> {
    /// ηλ, where a step lasts ηλ/(1−μ).
    fn product<T: Scalar<Base = F>>(&self, lasts: Series<T>) -> Series<T> {
        Series::from_base(F::constant(1.0) - self.momentum) * lasts
    }
}

impl<F: Field> Rule<F> for HeavyBall<'_, F> {
    fn edge(&self) -> Edge<F> {
        Edge { decay: F::constant(2.0), momentum: self.momentum }
    }

    fn on_sphere(&self) -> bool {
        true
    }

    /// The iterate before this one, as an iterate that has followed the law for long has it (derivation: `proofs-notes/exact_heavy_ball.md`).
    fn begin<T: Scalar<Base = F>, L: Loss<F>>(
        &self,
        around: &mut Surroundings<'_, F, T, L>,
        Begin { weights, effective_rate, offset, lasts }: Begin<'_, T>,
    ) -> Iterate<Series<T>> {
        let of = |c: F| Series::<T>::from_base(c);
        let (one, two, half) = (Series::<T>::constant(1.0), Series::<T>::constant(2.0), Series::<T>::constant(0.5));
        let (mu, product) = (of(self.momentum), self.product(lasts));
        let (gain, remembered) = (of(self.edge().gain()), one / (one - mu));
        let back = mu * remembered;
        let rate = effective_rate * (one + mu - product) * dot(weights, weights);
        let Quantities { quartic, skewness, third, log_gradient_square, .. } = self.quantities;
        let vector: Vec<Series<T>> = constant(&around.pair.vector);
        // r: log|h| gains r in this step, and `earlier` in the step before.
        let stiffness = two * two + of(*log_gradient_square);
        let (point, square) = (&around.minimum.weights, of(around.pair.square));
        // w and the other normal coordinates are orthogonal to v.
        let c = infinitesimal(dot(weights, &vector) / square);
        let h_square = c * c * square / of(dot(point, point));
        let change = two * two * lasts - two * gain * stiffness * h_square;
        let at_once = gain * (offset + (of(*quartic) + two) * h_square - product / (one + mu));
        let grows = at_once - gain * back * change - back * gain * gain * offset * offset;
        let earlier = grows - gain * change;
        // h swings about −½αh².
        let skewness = of(*skewness);
        let swing = c + half * skewness * c * c + half * skewness * skewness * c * c * c;
        let swing_before = -(swing / (one + earlier));
        let c_before = swing_before - half * skewness * swing_before * swing_before;
        let mut before = weights.to_vec();
        add_scaled(&mut before, c_before - c, &vector);
        if self.is_slaved {
            // The point of Γ and ‖w‖ remember the steps before, in which h² fell short by 2r a step.
            let tangent: Vec<Series<T>> = constant(&times(&around.minimum.onto_kernel, third));
            let pull = half * rate * c * c * remembered * (one - two * gain * offset * remembered);
            add_scaled(&mut before, pull, &tangent);
            add_scaled(&mut before, lasts, &constant(point));
        }
        Iterate { weights: weights.to_vec(), before, rate }
    }

    fn step<T: Scalar<Base = F>, L: Loss<F>>(
        &self,
        around: &mut Surroundings<'_, F, T, L>,
        lasts: Series<T>,
        iterate: Iterate<Series<T>>,
    ) -> Iterate<Series<T>> {
        let gradient = around.gradient(&iterate.weights);
        let mu = Series::from_base(self.momentum);
        let kept = Series::constant(1.0) + mu - self.product(lasts);
        let mut next: Vec<_> = iterate.weights.iter().map(|&w| kept * w).collect();
        add_scaled(&mut next, -mu, &iterate.before);
        add_scaled(&mut next, -iterate.rate, &gradient);
        Iterate { weights: next, before: iterate.weights, rate: iterate.rate }
    }

    fn effective_rate<T: Scalar<Base = F>>(&self, lasts: Series<T>, iterate: &Iterate<Series<T>>) -> Series<T> {
        let kept = Series::constant(1.0) + Series::from_base(self.momentum) - self.product(lasts);
        iterate.rate / (kept * dot(&iterate.weights, &iterate.weights))
    }
}
