//! Which instances a study is judged on: decided before anything runs.

use rayon::prelude::*;
use sharpflow::data::{Dataset, Stream, seeds};
use sharpflow::network::Network;

use super::{Gathered, LEAST_INSTANCES, StudyError};
use crate::evidence::Dropped;
use crate::instance::{Draws, FAMILIES, Instance, Obstacle, Rejected, Stage};
use crate::population::Population;
use crate::progress::Progress;

/// Random draws tried for each instance wanted.
const TRIES: usize = 20;
/// The name of the kind of random linear regressions.
const REGRESSIONS: &str = "random";

/// A user's data as the only instance. If its runs would leave the theory or take too long, only claims without runs are judged.
pub(super) fn admit_data(
    name: &str,
    data: &Dataset,
    seed: u64,
    gathered: &mut Gathered,
) -> Result<Vec<Instance>, StudyError> {
    match Instance::user(name.into(), data, seed) {
        Ok(instance) => Ok(vec![instance]),
        Err(Rejected::Data(error)) => Err(error.into()),
        Err(rejected) => {
            gathered.not_admitted.push(format!("{name}: {rejected}"));
            Ok(vec![])
        }
    }
}

/// A user's network, trained from random weights to a start within the theory, or to a point of Γ without runs.
pub(super) fn admit_network(
    name: &str,
    network: &Network,
    (seed, most_steps): (u64, Option<u64>),
    gathered: &mut Gathered,
) -> Vec<Instance> {
    let Draws { instance, left_out } = Draws::of(name, network, seed, (most_steps, Stage::Last));
    if let (None, Some((_, rejected))) = (&instance, left_out.last()) {
        gathered.not_admitted.push(format!("{name}: {rejected}"));
    }
    gathered.dropped.extend(left_out.iter().map(|(draw, why)| Dropped::new(draw.clone(), why)));
    Vec::from_iter(instance)
}

/// The digits and random draws. A random draw is kept or dropped by what is measured at its start, and a dropped draw is replaced.
/// The digits are not replaced; if they are missing, the evidence says so.
pub(super) fn admit(population: &Population, progress: &Progress, gathered: &mut Gathered) -> Vec<Instance> {
    let mut instances = Vec::new();
    match Instance::digits(population.seed) {
        Ok(instance) => instances.push(instance),
        Err(rejected) => gathered.not_admitted.push(format!("digits (seed {}): {rejected}", population.seed)),
    }
    type Draw<'a> = (&'a str, usize, &'a (dyn Fn(u64) -> Result<Instance, Rejected> + Sync));
    let networks: Vec<_> = FAMILIES.iter().map(|family| (family, |seed| family.instance(seed))).collect();
    let regressions: Draw<'_> = (REGRESSIONS, population.regressions, &Instance::random);
    let kinds = networks.iter().map(|(family, draw)| -> Draw<'_> { (family.architecture, population.networks, draw) });
    let plain: Draw<'_> = ("two linear layers", population.networks, &Instance::without_sphere);
    let kinds: Vec<Draw<'_>> = std::iter::once(regressions).chain(kinds).chain([plain]).collect();
    // Some claims need runs that go on until they have converged, on as many instances as a claim needs. The digits may be one of them.
    let converging = |instances: &[Instance]| instances.iter().filter(|one| one.plan.to_convergence).count();
    let of_digits = converging(&instances);
    // Kinds in parallel, each drawing in the order of its seeds.
    let admitted = kinds.into_par_iter().enumerate().map(|(k, (name, wanted, draw))| {
        let (mut instances, mut dropped) = (Vec::new(), Vec::new());
        // A stream of seeds of its own for each kind.
        let seeds = seeds(population.seed.wrapping_add((k as u64) << 32), Stream::Instances);
        for seed in seeds.take(TRIES * wanted) {
            if instances.len() == wanted || progress.stopped() {
                break;
            }
            let missing = LEAST_INSTANCES.saturating_sub(of_digits + converging(&instances));
            // The last places are kept for instances whose runs converge.
            let must_converge = name == REGRESSIONS && missing >= wanted - instances.len();
            match draw(seed) {
                Ok(instance) if must_converge && !instance.plan.to_convergence => {
                    let why = format!("{missing} more must be short enough to run to convergence");
                    dropped.push(Dropped { draw: format!("{name} (seed {seed})"), obstacle: Obstacle::Quartic, why });
                }
                Ok(instance) => instances.push(instance),
                Err(rejected) => dropped.push(Dropped::new(format!("{name} (seed {seed})"), &rejected)),
            }
        }
        (instances, dropped)
    });
    for (kept, dropped) in admitted.collect::<Vec<_>>() {
        instances.extend(kept);
        gathered.dropped.extend(dropped);
    }
    instances
}
