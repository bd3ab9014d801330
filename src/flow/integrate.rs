use std::cell::RefCell;

use nalgebra::DVector;
use ode_solvers::continuous_output_model::ContinuousOutputModel;
use ode_solvers::dop_shared::{FloatNumber, OutputType};
use ode_solvers::{Dopri5, System};

use super::{FlowConstants, FlowError};
use crate::arithmetic::Float;
use crate::minimizers::{Geometry, Minimizers, MinimizersError};
use crate::sphere::Space;

/// The most steps of an integration; a smooth flow takes a few hundred.
const MOST_STEPS: u32 = 2000;
/// Where 1 − λ₂/λ₁ is less the flow ends: at a crossing of eigenvalues its right-hand side jumps, and no step is short enough.
const LEAST_GAP: f64 = 1e-3;

/// An integrated flow, defined for every τ of its interval.
pub struct Flow<T> {
    model: ContinuousOutputModel<T, DVector<T>>,
    start: Vec<T>,
    space: Space,
    end: T,
    steps: u32,
}

/// Integrates a flow from `start` ∈ Γ over τ ∈ [0, `end`] by Dormand–Prince 5(4), each step within `tolerance`.
///
/// The right-hand side is taken at the nearest point of Γ, so the state cannot drift off Γ further than that tolerance.
///
/// # Errors
/// An interval or tolerance that is not positive; a right-hand side that fails, a state that is not finite, a step size that underflows.
pub fn integrate<T, M>(
    minimizers: &mut M,
    constants: FlowConstants,
    start: &[T],
    end: f64,
    tolerance: f64,
) -> Result<Flow<T>, FlowError>
where
    T: Float + FloatNumber,
    f64: From<T>,
    M: Minimizers<T>,
{
    if !(end > 0.0 && end.is_finite() && tolerance > 0.0 && tolerance.is_finite()) {
        return Err(FlowError::Domain { end, tolerance });
    }
    let zero = <T as crate::arithmetic::Base>::from_f64(0.0);
    let number = <T as crate::arithmetic::Base>::from_f64;
    let dimension = start.len();
    let space = minimizers.space();
    let work = Work { minimizers, point: vec![zero; dimension], geometry: Geometry::new(dimension), failure: None };
    let system = RightHandSide { constants, work: &RefCell::new(work) };
    let state = DVector::from_column_slice(start);
    let mut model = ContinuousOutputModel::<T, DVector<T>>::new();
    let end = number(end);
    let tolerance = number(tolerance);
    let shared = system.work;
    // The integrator's own defaults, but for the number of steps.
    let (safety, beta, least, largest) = (number(0.9), number(0.04), number(0.2), number(10.0));
    let outcome = Dopri5::from_param(
        system,
        zero,
        end,
        end,
        state,
        tolerance,
        tolerance,
        safety,
        beta,
        least,
        largest,
        end,
        zero,
        MOST_STEPS,
        1000,
        OutputType::Dense,
    )
    .integrate_with_continuous_output_model(&mut model);
    // A failed right-hand side reaches the integrator as NaN, which it reports as underflow: the first cause wins.
    if let Some(failure) = shared.borrow_mut().failure.take() {
        return Err(failure);
    }
    let statistics = outcome?;
    Ok(Flow { model, start: start.to_vec(), space, end, steps: statistics.accepted_steps })
}

impl<T> Flow<T>
where
    T: Float + FloatNumber,
    f64: From<T>,
{
    /// How many steps were accepted.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// The end of the interval of integration.
    pub fn end(&self) -> f64 {
        self.end.into()
    }

    /// `out ← ζ(τ)`, on S a unit vector; τ is clamped to the interval of integration.
    pub fn at(&self, tau: f64, out: &mut [T]) {
        let end = f64::from(self.end);
        let tau = <T as crate::arithmetic::Base>::from_f64(tau.clamp(0.0, end));
        // The last breakpoint may lie a rounding below `end`.
        let last = self.model.bounds().1;
        let tau = if tau > last { last } else { tau };
        match self.model.evaluate(tau) {
            Some(state) => out.copy_from_slice(state.as_slice()),
            None => out.copy_from_slice(&self.start),
        }
        self.space.restrict(out);
    }
}

struct Work<'m, M, T> {
    minimizers: &'m mut M,
    point: Vec<T>,
    geometry: Geometry<T>,
    failure: Option<FlowError>,
}

struct RightHandSide<'w, 'm, M, T> {
    constants: FlowConstants,
    work: &'w RefCell<Work<'m, M, T>>,
}

impl<M: Minimizers<T>, T: Float> Work<'_, M, T> {
    fn slope(&mut self, constants: FlowConstants, state: &[T], slope: &mut [T]) -> Result<(), MinimizersError> {
        self.minimizers.nearest(state, &mut self.point)?;
        self.minimizers.geometry(&self.point, &mut self.geometry)?;
        let relative_gap = self.geometry.relative_gap();
        if relative_gap < LEAST_GAP {
            return Err(MinimizersError::NotSimple { relative_gap });
        }
        let square = self.geometry.log_gradient_square();
        let denominator = T::from_f64(constants.offset) + T::from_f64(constants.slope) * square;
        let factor = T::from_f64(-constants.numerator) / denominator;
        for (s, &g) in slope.iter_mut().zip(&self.geometry.log_gradient) {
            *s = factor * g;
        }
        Ok(())
    }
}

impl<M, T> System<T, DVector<T>> for RightHandSide<'_, '_, M, T>
where
    M: Minimizers<T>,
    T: Float + FloatNumber,
    f64: From<T>,
{
    fn system(&self, tau: T, state: &DVector<T>, slope: &mut DVector<T>) {
        let mut work = self.work.borrow_mut();
        let tau = f64::from(tau);
        let failure = if state.iter().any(|x| !x.is_finite()) {
            Some(FlowError::NotFinite { tau })
        } else {
            work.slope(self.constants, state.as_slice(), slope.as_mut_slice())
                .err()
                .map(|source| FlowError::RightHandSide { tau, source })
        };
        if let Some(failure) = failure {
            work.failure.get_or_insert(failure);
            slope.fill(<T as num_traits::Float>::nan());
        }
    }

    fn solout(&mut self, _tau: T, _state: &DVector<T>, _slope: &DVector<T>) -> bool {
        self.work.borrow().failure.is_some()
    }
}
