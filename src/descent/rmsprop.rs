use super::{Descent, EdgeConstants, EdgeDescent, EdgePlace, Optimizer, Seen, StepError};
use crate::arithmetic::{Lanes, Real, Scalar, add_scaled, dot, vectorized};
use crate::loss::{Evaluator, Loss};
use crate::sphere::Space;

/// Scalar RMSprop, θ₊ = Π(θ − η∇L(θ)/√v), v₊ = βv + (1−β)‖∇L(θ)‖², β = 1 − C_b η²: on the unit sphere, or on ℝᴰ without Π.
pub struct ScalarRmsprop<L, S> {
    evaluator: Evaluator<L, S>,
    theta: Vec<S>,
    second_moment: S,
    learning_rate: S,
    forgotten: S,
    space: Space,
}

impl<S: Scalar<Base: Real>, L: Loss<S::Base>> ScalarRmsprop<L, S> {
    /// `learning_rate` is η > 0, `decay` is C_b with 0 < C_b η² < 1; starts at `start`, length D, on S at Π(`start`), with
    /// v₀ = `second_moment` > 0.
    ///
    /// # Errors
    /// Hyperparameters out of their domain.
    pub fn new(
        loss: L,
        learning_rate: f64,
        decay: f64,
        (start, space): (&[S], Space),
        second_moment: S,
    ) -> Result<Self, StepError> {
        let forgotten = decay * learning_rate * learning_rate;
        if !(learning_rate > 0.0 && learning_rate.is_finite()) {
            return Err(StepError::LearningRate(learning_rate));
        }
        if !(forgotten > 0.0 && forgotten < 1.0) {
            return Err(StepError::Decay(forgotten));
        }
        for moment in S::planes(&[second_moment]).iter().map(|x| x.to_f64()) {
            if !(moment > 0.0 && moment.is_finite()) {
                return Err(StepError::SecondMoment(moment));
            }
        }
        if start.len() != loss.dimension() {
            return Err(StepError::Dimension { found: start.len(), expected: loss.dimension() });
        }
        let mut theta = start.to_vec();
        space.restrict(&mut theta);
        Ok(Self {
            evaluator: Evaluator::new(loss),
            theta,
            second_moment,
            learning_rate: S::constant(learning_rate),
            forgotten: S::constant(forgotten),
            space,
        })
    }
}

impl<S: Scalar<Base: Real>, L: Loss<S::Base>> Descent<S> for ScalarRmsprop<L, S> {
    fn step(&mut self) -> Seen<S> {
        let (loss, gradient) = self.evaluator.evaluate(&self.theta);
        let step = -(self.learning_rate / self.second_moment.sqrt());
        let gradient_square = vectorized::<S, _>(
            #[inline(always)]
            || {
                add_scaled(&mut self.theta, step, gradient);
                self.space.restrict(&mut self.theta);
                dot(gradient, gradient)
            },
        );
        self.second_moment = self.second_moment + self.forgotten * (gradient_square - self.second_moment);
        Seen { loss, gradient_square }
    }

    fn weights(&self) -> &[S] {
        &self.theta
    }

    /// η/√v.
    fn effective_learning_rate(&self) -> S {
        self.learning_rate / self.second_moment.sqrt()
    }
}

/// Scalar RMSprop as an [`Optimizer`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rmsprop {
    /// C_b.
    pub decay: f64,
}

impl Optimizer for Rmsprop {
    fn setting(&self) -> Option<String> {
        Some(format!("C_b = {}", self.decay))
    }

    fn constants(&self) -> EdgeConstants {
        EdgeConstants { decay: self.decay, momentum: 0.0 }
    }

    /// RMSprop's flow is stated in the time t·η², and one step lasts C_b η²/4 of τ.
    fn own_time(&self) -> f64 {
        4.0 / self.decay
    }

    fn suits(&self, _: &Space) -> bool {
        true
    }
}

impl<L: Loss<f64>, const N: usize> EdgeDescent<L, N> for Rmsprop {
    fn descend<'a>(
        &self,
        loss: &'a L,
        place: &EdgePlace<'_>,
        intrinsic_lr: f64,
        swings: [(f64, f64); N],
    ) -> Result<Box<dyn Descent<Lanes<f64, N>> + 'a>, StepError>
    where
        L: 'a,
    {
        let learning_rate = (self.own_time() * intrinsic_lr).sqrt();
        let starts = swings.map(|swing| self.constants().start(place, intrinsic_lr, swing));
        let thetas = starts.map(|start| start.theta(place.point, place.geometry, place.space));
        let moments =
            starts.map(|start| (learning_rate * place.geometry.sharpness / (2.0 + start.edge_offset)).powi(2));
        let thetas = Lanes::side_by_side(thetas.each_ref().map(Vec::as_slice));
        Ok(Box::new(ScalarRmsprop::new(
            loss,
            learning_rate,
            self.decay,
            (&thetas, place.space.clone()),
            Lanes(moments),
        )?))
    }
}
