//! Checks that several claims share.

use sharpflow::arithmetic::distance;
use sharpflow::flow::FlowConstants;
use sharpflow::loss::Loss;
use sharpflow::measure::{ErrorModel, LadderPoint, worst};

use crate::evidence::{Check, Constant, LEAST_ORDER, Statement};
use crate::experiments::{DynamicsRecord, LadderRecord, OtherRun, Run, ShortRun, SwingRecord};
use crate::instance::{FLOW_TOLERANCE, Instance};

/// Errors, one for each run, that must fall with an order above ¼. `floor` is the size of an error that comes from rounding alone.
pub(crate) fn falls(what: &'static str, record: &LadderRecord, floor: f64, error: impl Fn(&Run) -> f64) -> Statement {
    let point = |run: &Run| LadderPoint { start: run.start, parameter: run.intrinsic_lr, error: error(run) };
    let points = record.runs.iter().map(point).collect();
    Statement {
        what: what.into(),
        check: Check::Order { points, model: ErrorModel::Leading, above: LEAST_ORDER, holding: None, floor },
    }
}

/// A constant with the theory's value, measured on every run of the two finest rungs.
pub(crate) fn constant(
    what: &'static str,
    theory: f64,
    (instance, record): (&Instance, &LadderRecord),
    of: impl Fn(&Run) -> f64,
) -> Constant {
    let rung = |k: usize| -> Vec<f64> { record.rung(instance, k).map(&of).collect() };
    Constant::of_rungs(what, theory, rung(0), &rung(1))
}

/// Errors, one for each short run of one energy, that must fall with an order above ¼.
pub(crate) fn swings_fall(
    what: &'static str,
    record: &SwingRecord,
    energy: f64,
    floor: f64,
    error: impl Fn(&ShortRun) -> f64,
) -> Statement {
    let point = |run: &ShortRun| LadderPoint { start: run.start, parameter: run.intrinsic_lr, error: error(run) };
    let points = record.of_energy(energy).map(point).collect();
    Statement {
        what: what.into(),
        check: Check::Order { points, model: ErrorModel::Leading, above: LEAST_ORDER, holding: None, floor },
    }
}

/// How far runs of another optimizer stay from a flow: the largest ‖θ − ζ‖ or ‖p − ζ‖ must fall with an order above ¼.
pub(crate) fn follows(
    what: &'static str,
    (instance, record): (&Instance, &DynamicsRecord),
    constants: FlowConstants,
    read: fn(&OtherRun, usize) -> &[f64],
) -> Statement {
    let horizon = record.horizon;
    let flow = if constants == record.optimizer.flow() {
        instance.flow_over(constants, horizon)
    } else {
        instance.twin_flow(constants, horizon)
    };
    let flow = match flow {
        Ok(flow) => flow,
        Err(error) => return Statement { what: what.into(), check: Check::Missing { reason: error.to_string() } },
    };
    let mut zeta = vec![0.0; instance.loss.dimension()];
    let point = |run: &OtherRun| {
        // Half a step of slack: times are rounded.
        let end = flow.end() + 0.5 * record.optimizer.own_time() * run.intrinsic_lr;
        let within = (0..run.times.len()).filter(|&k| run.times[k] <= end);
        let distances = within.map(|k| {
            flow.at(run.times[k], &mut zeta);
            distance(read(run, k), &zeta)
        });
        LadderPoint { start: run.start, parameter: run.intrinsic_lr, error: worst(distances) }
    };
    let points = record.runs.iter().map(point).collect();
    let (model, floor) = (ErrorModel::Leading, FLOW_TOLERANCE);
    Statement { what: what.into(), check: Check::Order { points, model, above: LEAST_ORDER, holding: None, floor } }
}
