//! Checks that several claims share.

use sharpflow::arithmetic::distance;
use sharpflow::flow::FlowConstants;
use sharpflow::loss::Loss;
use sharpflow::measure::{LadderPoint, missed_peak, worst};

use crate::evidence::{Check, Constant, Rungs, Statement, Values};
use crate::experiments::{
    DYNAMICS_READINGS, DynamicsRecord, LadderRecord, ORDER, OtherRun, Run, ShortRun, SwingRecord,
};
use crate::instance::{FLOW_TOLERANCE, Instance, READINGS};

/// Errors, one for each run, the largest of which must fall with order ½. `floor` is the size of an error that comes from rounding alone.
pub(crate) fn falls(what: &'static str, record: &LadderRecord, floor: f64, error: impl Fn(&Run) -> f64) -> Statement {
    let point = |run: &Run| LadderPoint::new(run.start, run.intrinsic_lr, error(run));
    let points = record.runs.iter().map(point).collect();
    let missed = missed_peak(READINGS);
    Statement { what: what.into(), check: Check::Order { points, order: ORDER, missed, floor, at_least: false } }
}

/// A constant of the theory, `apart` from its nearest twin, measured on every run of the three finest rungs.
pub(crate) fn constant(
    what: &'static str,
    (theory, apart): (f64, f64),
    record: &LadderRecord,
    of: impl Fn(&Run) -> f64,
) -> Constant {
    let values = Rungs::finest(|k| record.rung(k).map(&of).collect());
    Constant { what: what.into(), values: Values::Limit { values, theory, apart } }
}

/// Errors, one for each short run of one energy, the largest of which must fall with order ½. They miss `missed` of their peaks at most.
pub(crate) fn swings_fall(
    what: &'static str,
    record: &SwingRecord,
    energy: f64,
    (missed, floor): (f64, f64),
    error: impl Fn(&ShortRun) -> f64,
) -> Statement {
    let point = |run: &ShortRun| LadderPoint::new(run.start, run.intrinsic_lr, error(run));
    let points = record.of_energy(energy).map(point).collect();
    Statement { what: what.into(), check: Check::Order { points, order: ORDER, missed, floor, at_least: false } }
}

/// A constant of the theory, `apart` from its nearest twin, measured on every short run of the three finest rungs of one energy. Each value is
/// known up to `error`.
pub(crate) fn swing_constant(
    what: &'static str,
    (theory, apart): (f64, f64),
    (record, energy): (&SwingRecord, f64),
    error: f64,
    of: impl Fn(&ShortRun) -> f64,
) -> Constant {
    let values = Rungs::finest(|k| record.rung(energy, k).map(&of).collect()).known_to(error);
    Constant { what: what.into(), values: Values::Limit { values, theory, apart } }
}

/// How far runs of another optimizer stay from a flow: the largest ‖θ − ζ‖ or ‖p − ζ‖ must fall with order ½.
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
    let error = |run: &OtherRun| {
        // Half a step of slack: times are rounded.
        let end = flow.end() + 0.5 * record.optimizer.own_time() * run.intrinsic_lr;
        let within = (0..run.times.len()).filter(|&k| run.times[k] <= end);
        worst(within.map(|k| {
            flow.at(run.times[k], &mut zeta);
            distance(read(run, k), &zeta)
        }))
    };
    others_fall(what, record, FLOW_TOLERANCE, error)
}

/// Errors, one for each run of another optimizer, the largest of which must fall with order ½.
pub(crate) fn others_fall(
    what: &'static str,
    record: &DynamicsRecord,
    floor: f64,
    mut error: impl FnMut(&OtherRun) -> f64,
) -> Statement {
    let point = |run: &OtherRun| LadderPoint::new(run.start, run.intrinsic_lr, error(run));
    let points = record.runs.iter().map(point).collect();
    let missed = missed_peak(DYNAMICS_READINGS);
    Statement { what: what.into(), check: Check::Order { points, order: ORDER, missed, floor, at_least: false } }
}
