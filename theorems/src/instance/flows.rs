//! The flows of an instance, of the law and of wrong constants, and how far its runs swing about them.

use std::fmt;
use std::sync::{Arc, Mutex};

use sharpflow::arithmetic::distance;
use sharpflow::descent::EdgeConstants;
use sharpflow::flow::{Flow, FlowConstants, FlowError, integrate};
use sharpflow::minimizers::EnergyLaw;

use super::path::{integral, places};
use super::{APART, FLOW_TOLERANCE, Instance, Place, Rejected, START_ENERGY};
use crate::sensitivity::tells;

/// A flow from the start of an instance, its constants and its horizon.
type Known = (FlowConstants, f64, Arc<Flow<f64>>);

/// The flows that were integrated: several claims ask for the same. A clone of an instance shares them.
#[derive(Clone, Default)]
pub struct Flows(Arc<Mutex<Vec<Known>>>);

impl fmt::Debug for Flows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flows")
    }
}

impl Instance {
    /// The flow of these constants from the start over the horizon.
    ///
    /// # Errors
    /// See [`integrate`].
    pub fn flow(&self, constants: FlowConstants) -> Result<Arc<Flow<f64>>, FlowError> {
        self.flow_over(constants, self.plan.horizon)
    }

    /// The same over another horizon.
    ///
    /// # Errors
    /// See [`integrate`].
    pub fn flow_over(&self, constants: FlowConstants, horizon: f64) -> Result<Arc<Flow<f64>>, FlowError> {
        let is_it = |(of, over, _): &&Known| *of == constants && *over == horizon;
        let known = |flows: &Vec<Known>| flows.iter().find(is_it).map(|(.., flow)| Arc::clone(flow));
        if let Some(flow) = self.known.0.lock().ok().and_then(|flows| known(&flows)) {
            return Ok(flow);
        }
        let flow = Arc::new(integrate(&mut self.minimizers(), constants, &self.start, horizon, FLOW_TOLERANCE)?);
        if let Ok(mut flows) = self.known.0.lock() {
            flows.push((constants, horizon, Arc::clone(&flow)));
        }
        Ok(flow)
    }

    /// The flow of wrong constants over a horizon, or as far as it can be followed. This flow may meet a crossing of eigenvalues that
    /// the law's flow does not reach, and every comparison with it ends there.
    ///
    /// # Errors
    /// The flow can be followed to none of the tried parts of the way to its crossing.
    pub fn twin_flow(&self, constants: FlowConstants, horizon: f64) -> Result<Arc<Flow<f64>>, FlowError> {
        // The integrator looks ahead, so it fails at a place somewhat beyond the crossing. If the gap closes only slowly, v₁ turns fast,
        // and the integrator gives up on such short steps before it meets the crossing.
        const BEFORE: [f64; 3] = [0.9, 0.5, 0.25];
        let whole = self.flow_over(constants, horizon);
        let Some(tau) = whole.as_ref().err().and_then(FlowError::reached) else { return whole };
        BEFORE.into_iter().fold(whole, |flow, part| flow.or_else(|_| self.flow_over(constants, part * tau)))
    }

    /// Whether runs are read a few times before a flow ends. A flow of wrong constants may soon meet a crossing of eigenvalues.
    pub fn is_read(&self, end: f64) -> bool {
        const FEW: f64 = 4.0;
        end >= FEW * self.plan.horizon / self.kept_readings()
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
        let flow = self.flow_over(law, horizon)?;
        places(&self.loss, self.rank, &flow, horizon, count)
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
