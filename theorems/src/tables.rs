//! What is kept of records to be looked at: tables of numbers beside the evidence.

use sharpflow::descent::EdgeStart;

use crate::evidence::Table;
use crate::instance::Instance;
use crate::records::{HeldOutRecord, LadderRecord, PortraitRecord, ShortRun};

/// Rows kept of a run.
const ROWS: usize = 400;

/// The runs of a ladder from the first start, and the path predicted.
pub(crate) fn of_ladder(instance: &Instance, record: &LadderRecord) -> Vec<Table> {
    let columns = ["intrinsic_lr", "step", "tau", "sharpness_on_gamma", "edge_product", "displacement", "norm_square"];
    let mut ladder = Table::new("ladder", &instance.name, &columns);
    let mut runs: Vec<_> = record.runs.iter().filter(|run| run.start == 0).collect();
    runs.sort_by(|a, b| b.intrinsic_lr.total_cmp(&a.intrinsic_lr));
    for run in runs {
        let within = run.swings_within(instance.plan.horizon).count();
        for swing in run.swings_within(instance.plan.horizon).step_by(within.div_ceil(ROWS).max(1)) {
            let reading = &swing.reading;
            ladder.rows.push(vec![
                run.intrinsic_lr,
                swing.step as f64,
                swing.step as f64 * run.intrinsic_lr,
                reading.sharpness,
                2.0 + reading.edge_offset,
                reading.displacement,
                swing.norm_square,
            ]);
        }
    }
    let mut flow = Table::new("flow", &instance.name, &["tau", "sharpness_on_gamma"]);
    flow.rows = instance.path.iter().map(|place| vec![place.tau, place.geometry.sharpness]).collect();
    vec![ladder, flow]
}

/// Swings from the first start, and the period of every one.
pub(crate) fn of_swings<'a>(name: &str, runs: impl Iterator<Item = &'a ShortRun>) -> Vec<Table> {
    let columns = ["intrinsic_lr", "energy", "step", "displacement", "edge_offset", "stiffness"];
    let mut swings = Table::new("swings", name, &columns);
    let mut periods = Table::new("periods", name, &["intrinsic_lr", "energy", "start", "period", "predicted"]);
    for run in runs {
        let predicted = EdgeStart::period(run.intrinsic_lr, run.energy);
        periods.rows.push(vec![run.intrinsic_lr, run.energy, run.start as f64, run.period(), predicted]);
        let first = run.start == 0;
        swings.rows.extend(run.readings.iter().filter(|_| first).map(|(step, reading)| {
            let (h, delta) = (reading.displacement, reading.edge_offset);
            vec![run.intrinsic_lr, run.energy, *step as f64, h, delta, reading.edge_stiffness]
        }));
    }
    vec![swings, periods]
}

/// A portrait: its swings, the loss on the sphere, Γ, the run and the flow.
pub(crate) fn of_portrait(instance: &Instance, record: &PortraitRecord) -> Vec<Table> {
    let name = &instance.name;
    let mut tables = of_swings(name, record.swings.iter());
    for table in &mut tables {
        table.kind = format!("{}-by-energy", table.kind).into();
    }
    let mut quadrature = Table::new("quadrature", name, &["energy", "period"]);
    // In units of the small swings' period π/√(2ηλ); energies evenly spaced in amplitude.
    quadrature.rows = (1..=80)
        .map(|k| (f64::from(k) / 20.0).powi(2))
        .map(|energy| vec![energy, EdgeStart::period(0.5, energy) / std::f64::consts::PI])
        .collect();
    let mut surface = Table::new("surface", name, &["latitude", "longitude", "loss"]);
    surface.rows = record.surface.iter().map(|point| point.to_vec()).collect();
    let mut minimizers = Table::new("minimizers", name, &["x", "y", "z"]);
    minimizers.rows = record.minimizers.iter().map(|point| point.to_vec()).collect();
    let path = |kind, points: &[(f64, [f64; 3])]| {
        let mut table = Table::new(kind, name, &["intrinsic_lr", "tau", "x", "y", "z"]);
        table.rows = points.iter().map(|&(tau, [x, y, z])| vec![record.intrinsic_lr, tau, x, y, z]).collect();
        table
    };
    tables.extend([quadrature, surface, minimizers, path("iterates", &record.iterates), path("path", &record.flow)]);
    tables
}

/// The digits with weight decay and without.
pub(crate) fn of_held_out(record: &HeldOutRecord) -> Vec<Table> {
    let columns = ["seed", "weight_decay", "tau", "sharpness_on_gamma", "training_error", "held_out_error", "accuracy"];
    let mut table = Table::new("held-out", "digits", &columns);
    for seed in &record.seeds {
        for (decay, path) in [(1.0, &seed.decay), (0.0, &seed.control)] {
            table.rows.extend(path.along.iter().map(|(tau, at)| {
                vec![seed.seed as f64, decay, *tau, at.sharpness, at.training_error, at.held_out_error, at.accuracy]
            }));
        }
    }
    vec![table]
}
