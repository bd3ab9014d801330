//! Which instances a study is judged on: decided before anything runs.

use rayon::prelude::*;
use sharpflow::data::{Dataset, Stream, seeds};
use sharpflow::network::Network;

use super::{Gathered, LEAST_INSTANCES, StudyError};
use crate::instance::{FAMILIES, Instance, Rejected};
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

/// A user's network, trained from the first random weights that lead to a start within the theory. If no weights do, the network is
/// trained from the first weights that lead to Γ at all.
pub(super) fn admit_network(name: &str, network: &Network, seed: u64, gathered: &mut Gathered) -> Vec<Instance> {
    let draws: Vec<u64> = seeds(seed, Stream::Instances).take(NETWORK_TRIES).collect();
    let (mut last, mut grounded) = (None, None);
    // Several draws at once, as many as are always drawn together: which one is taken does not depend on the threads.
    for draws in draws.chunks(TOGETHER) {
        let admitted: Vec<_> = draws.par_iter().map(|&seed| Instance::of_network(name, network, seed, None)).collect();
        for (seed, admitted) in draws.iter().zip(admitted) {
            let said = |why: &dyn std::fmt::Display| format!("{name} (weights of seed {seed}): {why}");
            match admitted {
                Ok((instance, tried)) => {
                    let stage = |(tau, why): (f64, Rejected)| said(&format!("after the flow over τ = {tau}: {why}"));
                    gathered.dropped.extend(tried.into_iter().map(stage));
                    if instance.without_runs.is_none() {
                        return vec![instance];
                    }
                    grounded.get_or_insert(instance);
                }
                Err(rejected) => {
                    gathered.dropped.push(said(&rejected));
                    // Other weights would not mend what is wrong with the network itself.
                    let of_network = matches!(
                        rejected,
                        Rejected::NotScaleInvariant { .. } | Rejected::Unfit(_) | Rejected::Memory { .. }
                    );
                    last = Some(rejected);
                    if of_network {
                        break;
                    }
                }
            }
        }
        if matches!(last, Some(Rejected::NotScaleInvariant { .. } | Rejected::Unfit(_) | Rejected::Memory { .. })) {
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
                    dropped.push(format!(
                        "{name} (seed {seed}): {missing} more must be short enough to run to convergence"
                    ));
                }
                Ok(instance) => instances.push(instance),
                Err(rejected) => dropped.push(format!("{name} (seed {seed}): {rejected}")),
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
