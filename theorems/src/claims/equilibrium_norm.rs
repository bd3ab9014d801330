//! The norm of the weights follows the sharpness that the flow predicts.

use std::sync::Arc;

use sharpflow::flow::{Flow, FlowConstants, FlowError};
use sharpflow::measure::worst;
use sharpflow::minimizers::{Geometry, Minimizers, MinimizersError};

use crate::assumption::OF_LADDERS;
use crate::checks::falls;
use crate::evidence::{Check, Measurement, Statement, Strength};
use crate::experiment::{Judged, On};
use crate::experiments::{Ladder, LadderRecord, Run, of_ladder};
use crate::instance::{APART, Instance, LEARNING_RATE};
use crate::sensitivity::{noticed, tells};
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "equilibrium_norm",
    title: "Equilibrium norm",
    strength: Strength::Limit,
    statement: "Started near Γ and at the edge of stability, GD with weight decay has ‖w_t‖² = ηλ₁(ζ(t·ηλ))/2·(1 + O(√(ηλ))), ζ the \
                sharpness-reduction flow: the norm can be predicted from the start alone, without the run",
    latex: r"\|w_t\|^2=\tfrac12\eta\lambda_1(\zeta(t\,\eta\lambda))\,(1+O(\sqrt{\eta\lambda}))",
    hypotheses: OF_LADDERS,
    source: PAPER,
    coefficients: Some("exact_map"),
    concerns: Concerns::Every,
    judged_on: &[&On::<Ladder>(judge)],
};

/// λ₁ along a flow integrated to 10⁻⁹ is known to more digits than that.
const FLOOR: f64 = 1e-8;
/// Places at which λ₁ is computed along a flow; between them log λ₁ is a cubic through four of them.
const PLACES: usize = 129;

const LAW: FlowConstants = FlowConstants::SHARPNESS_REDUCTION;

/// The constant of ‖w‖² = constant·ηλ₁(ζ), and the flow.
type Law = (f64, FlowConstants);

const TWINS: [(&str, Law); 7] = [
    ("ηλ₁(ζ)", (1.0, LAW)),
    ("ηλ₁(ζ)/4", (0.25, LAW)),
    ("ηλ₁(ζ)/2.1", (1.0 / 2.1, LAW)),
    ("the norm of the start", (0.5, FlowConstants { numerator: 0.0, ..LAW })),
    ("along the flow with numerator 1", (0.5, FlowConstants { numerator: 1.0, ..LAW })),
    ("along the flow with numerator 4", (0.5, FlowConstants { numerator: 4.0, ..LAW })),
    ("along the flow with its sign flipped", (0.5, FlowConstants { numerator: -2.0, ..LAW })),
];

fn judge((instance, record): (&Instance, &LadderRecord)) -> Judged {
    let along = |flow: Result<Arc<Flow<f64>>, FlowError>| -> Result<Predicted, Unknown> {
        let flow = flow?;
        Ok(Predicted::along(instance, &flow)?)
    };
    let along_law = along(instance.flow(LAW));
    let compared = |what: &'static str, constant: f64, predicted: &Result<Predicted, Unknown>| match predicted {
        Ok(predicted) => falls(what, record, FLOOR, |run| deviation(run, constant, predicted)),
        Err(error) => Statement { what: what.into(), check: Check::Missing { reason: error.0.clone() } },
    };
    // A wrong flow is told where it ends at another λ₁, by several times what δ makes of the norm on the finest rung.
    let follows = |what: &'static str, (constant, flow): Law| {
        if flow == LAW {
            return Some(compared(what, constant, &along_law));
        }
        let twin = along(instance.twin_flow(flow, instance.plan.horizon));
        let is_told = match (&along_law, &twin) {
            (Ok(law), Ok(twin)) => {
                let apart = (twin.sharpness(twin.end) / law.sharpness(twin.end)).ln().abs();
                instance.is_read(twin.end) && tells(apart, APART * instance.finest_offset())
            }
            _ => true,
        };
        is_told.then(|| compared(what, constant, &twin))
    };
    Ok(Measurement {
        instance: instance.name.clone(),
        hypotheses: of_ladder(instance, record),
        statements: vec![compared("‖w‖² against ηλ₁(ζ)/2", 0.5, &along_law)],
        twins: TWINS.into_iter().filter_map(|(what, law)| follows(what, law)).collect(),
        constants: vec![],
        sensitivity: vec![noticed("½ of ηλ₁/2", 0.5, |half| compared("", half, &along_law).check)],
    })
}

/// Why λ₁ along a flow is not known.
struct Unknown(String);

impl From<FlowError> for Unknown {
    fn from(error: FlowError) -> Self {
        Self(error.to_string())
    }
}

impl From<MinimizersError> for Unknown {
    fn from(error: MinimizersError) -> Self {
        Self(error.to_string())
    }
}

/// log λ₁ along a flow, at evenly spaced times.
struct Predicted {
    end: f64,
    logs: Vec<f64>,
}

impl Predicted {
    fn along(instance: &Instance, flow: &Flow<f64>) -> Result<Self, MinimizersError> {
        let mut minimizers = instance.minimizers();
        let (mut zeta, mut nearest) = (vec![0.0; instance.start.len()], vec![0.0; instance.start.len()]);
        let mut geometry = Geometry::new(zeta.len());
        let mut log = |k: usize| -> Result<f64, MinimizersError> {
            flow.at(flow.end() * k as f64 / (PLACES - 1) as f64, &mut zeta);
            nearest.copy_from_slice(&zeta);
            minimizers.nearest(&zeta, &mut nearest)?;
            minimizers.geometry(&nearest, &mut geometry)?;
            Ok(geometry.sharpness.ln())
        };
        Ok(Self { end: flow.end(), logs: (0..PLACES).map(&mut log).collect::<Result<_, _>>()? })
    }

    /// λ₁(ζ(τ)), by the cubic through the four places around τ.
    fn sharpness(&self, tau: f64) -> f64 {
        let x = tau / self.end * (PLACES - 1) as f64;
        let first = (x.floor() as usize).saturating_sub(1).min(PLACES - 4);
        let term = |i: usize| {
            let others = (0..4).filter(|&j| j != i);
            let weight: f64 = others.map(|j| (x - (first + j) as f64) / (i as f64 - j as f64)).product();
            weight * self.logs[first + i]
        };
        (0..4).map(term).sum::<f64>().exp()
    }
}

/// sup |‖w‖²/(constant·ηλ₁(ζ)) − 1| over a run, as far as the flow goes.
fn deviation(run: &Run, constant: f64, predicted: &Predicted) -> f64 {
    worst(run.swings_within(predicted.end).map(|swing| {
        let tau = (swing.step as f64 * run.intrinsic_lr).min(predicted.end);
        (swing.norm_square / (constant * LEARNING_RATE * predicted.sharpness(tau)) - 1.0).abs()
    }))
}
