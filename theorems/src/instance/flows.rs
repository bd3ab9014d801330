//! The flows of an instance, of the law and of wrong constants, and how far its runs swing about them.

use sharpflow::arithmetic::distance;
use sharpflow::descent::EdgeConstants;
use sharpflow::flow::{Flow, FlowConstants, FlowError, integrate};
use sharpflow::minimizers::EnergyLaw;

use super::path::{integral, places};
use super::{APART, FLOW_TOLERANCE, Instance, Place, Rejected, START_ENERGY};
use crate::sensitivity::tells;

impl Instance {
    /// The flow of these constants from the start over the horizon.
    ///
    /// # Errors
    /// See [`integrate`].
    pub fn flow(&self, constants: FlowConstants) -> Result<Flow<f64>, FlowError> {
        self.flow_over(constants, self.plan.horizon)
    }

    /// The same over another horizon.
    ///
    /// # Errors
    /// See [`integrate`].
    pub fn flow_over(&self, constants: FlowConstants, horizon: f64) -> Result<Flow<f64>, FlowError> {
        integrate(&mut self.minimizers(), constants, &self.start, horizon, FLOW_TOLERANCE)
    }

    /// The flow of wrong constants over a horizon, or as far as it can be followed. This flow may meet a crossing of eigenvalues that
    /// the law's flow does not reach, and every comparison with it ends there.
    ///
    /// # Errors
    /// The flow can be followed to none of the tried parts of the way to its crossing.
    pub fn twin_flow(&self, constants: FlowConstants, horizon: f64) -> Result<Flow<f64>, FlowError> {
        // The integrator looks ahead, so it fails at a place somewhat beyond the crossing. If the gap closes only slowly, v₁ turns fast,
        // and the integrator gives up on such short steps before it meets the crossing.
        const BEFORE: [f64; 3] = [0.9, 0.5, 0.25];
        let whole = self.flow_over(constants, horizon);
        let Some(tau) = whole.as_ref().err().and_then(FlowError::reached) else { return whole };
        BEFORE.into_iter().fold(whole, |flow, part| flow.or_else(|_| self.flow_over(constants, part * tau)))
    }

    /// How far a twin's flow ends from the law's.
    pub fn apart(&self, law: &Flow<f64>, twin: &Flow<f64>) -> f64 {
        let (mut end, mut other) = (vec![0.0; self.start.len()], vec![0.0; self.start.len()]);
        twin.at(twin.end(), &mut other);
        law.at(twin.end(), &mut end);
        distance(&end, &other)
    }

    /// Whether runs that swing by `swing` tell the flow of another dynamics from wrong ones, with twice the margin that gradient
    /// descent's own must have: they are read less often.
    pub fn tells(&self, law: FlowConstants, twins: &[FlowConstants], horizon: f64, swing: f64) -> bool {
        let Ok(flow) = self.flow_over(law, horizon) else { return false };
        twins.iter().all(|&twin| {
            self.twin_flow(twin, horizon).is_ok_and(|wrong| tells(self.apart(&flow, &wrong), 2.0 * APART * swing))
        })
    }

    /// The path that a flow predicts up to a time, at evenly spaced places.
    ///
    /// # Errors
    /// A flow that cannot be followed.
    pub fn places(&self, law: FlowConstants, horizon: f64, count: usize) -> Result<Vec<Place>, Rejected> {
        places(&self.loss, self.rank, &self.flow_over(law, horizon)?, horizon, count)
    }

    /// The smallest ηλ of its ladder; NaN where it has none.
    pub fn finest(&self) -> f64 {
        self.plan.intrinsic_lrs.last().copied().unwrap_or(f64::NAN)
    }

    /// |h|_eq of the finest rung at the start: how far its iterates swing.
    pub fn finest_swing(&self) -> f64 {
        EdgeConstants::GRADIENT_DESCENT.swing(self.finest(), self.geometry.log_gradient_square())
    }

    /// The largest energy that the energy law predicts on the path, of swings that start with that of ladders.
    pub fn largest_energy(&self) -> f64 {
        let rate = |law: &EnergyLaw| EdgeConstants::GRADIENT_DESCENT.energy_rate(law);
        let grown = self.path.iter().map(|place| integral(&self.path, place.tau, rate));
        START_ENERGY * grown.fold(0.0, f64::max).exp()
    }

    /// The largest |δ|/2 of the finest rung, ½√(8ηλe): how far η̃λ₁ and ‖w‖² swing, relatively.
    pub fn finest_offset(&self) -> f64 {
        0.5 * (8.0 * self.finest() * self.largest_energy()).sqrt()
    }
}
