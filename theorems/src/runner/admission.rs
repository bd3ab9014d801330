//! Which instances a study is judged on: decided before anything runs.

use rayon::prelude::*;
use sharpflow::data::{Dataset, Stream, seeds};
use sharpflow::network::Network;

use super::{Gathered, LEAST_INSTANCES, StudyError};
use crate::evidence::Dropped;
use crate::instance::{FAMILIES, Instance, Obstacle, Rejected};
use crate::population::Population;
use crate::progress::Progress;

/// Random draws tried for each instance wanted.
const TRIES: usize = 20;
/// Draws of weights tried for a user's network, and how many of them at once.
const NETWORK_TRIES: usize = 16;
const TOGETHER: usize = 4;
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

/// A user's network, trained from random weights to a start within the theory. Several draws are made together, and of the first that lead to
/// such a start the one with the largest ηλ is taken, whose runs are the shortest. If no weights do, the network is trained from the first
/// weights that lead to Γ at all.
pub(super) fn admit_network(
    name: &str,
    network: &Network,
    (seed, most_steps): (u64, Option<u64>),
    gathered: &mut Gathered,
) -> Vec<Instance> {
    let draws: Vec<u64> = seeds(seed, Stream::Instances).take(NETWORK_TRIES).collect();
    let (mut last, mut grounded) = (None, None);
    // As many are always drawn together: which one is taken does not depend on the threads.
    for draws in draws.chunks(TOGETHER) {
        let admitted = draws.par_iter().map(|&seed| (seed, Instance::of_network(name, network, seed, most_steps)));
        let mut best: Option<Instance> = None;
        for (seed, admitted) in admitted.collect::<Vec<_>>() {
            let draw = format!("{name} (weights of seed {seed})");
            match admitted {
                Ok((instance, tried)) => {
                    let stage = |(tau, why): (f64, Rejected)| {
                        Dropped::new(format!("{draw}, after the flow over τ = {tau}"), &why)
                    };
                    gathered.dropped.extend(tried.into_iter().map(stage));
                    let top = |one: &Instance| one.plan.intrinsic_lrs.first().copied();
                    if instance.without_runs.is_some() {
                        grounded.get_or_insert(instance);
                    } else if best.as_ref().is_none_or(|best| top(&instance) > top(best)) {
                        best = Some(instance);
                    }
                }
                Err(rejected) => {
                    gathered.dropped.push(Dropped::new(draw, &rejected));
                    last = Some(rejected);
                }
            }
        }
        if let Some(best) = best {
            return vec![best];
        }
        // Other weights would not mend what is wrong with the network itself.
        if last.as_ref().is_some_and(|why| matches!(why, Rejected::NotScaleInvariant { .. } | Rejected::Memory { .. }))
        {
            break;
        }
    }
    match (grounded, last) {
        (Some(instance), _) => vec![instance],
        (None, rejected) => {
            gathered.not_admitted.extend(rejected.map(|rejected| format!("{name}: {rejected}")));
            vec![]
        }
    }
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
