//! Networks of the zoo with random data, trained to Γ from random weights.

use std::sync::Arc;

use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use sharpflow::arithmetic::Quad;
use sharpflow::data::{Stream, generator, seeds};
use sharpflow::flow::{FlowConstants, integrate};
use sharpflow::loss::Loss;
use sharpflow::minimizers::{Minimizers, NumericMinimizers, descend, interpolates, train};
use sharpflow::network::homogeneity::Answer;
use sharpflow::network::{Network, NetworkLoss};
use sharpflow::network_file::zoo::find;
use sharpflow::sphere::{Space, project};

use super::{Instance, Limits, LostDigits, OF_NETWORKS, Refusal, Rejected, Trained, memory, point_of};

/// Steps of the descent to Γ.
const STEPS: usize = 2000;
/// τ of the flow from there to the start of a network.
const SETTLING: f64 = 0.5;
const SETTLING_TOLERANCE: f64 = 1e-6;
/// Steps of gradient descent by which a user's network is trained, and steps of Newton's method after them where its loss does not vanish.
const TRAINING: usize = 20_000;
const NEWTON: usize = 200;
/// τ of the flow from the minimum that a user's network is trained to, at which its runs may start.
const STAGES: [f64; 6] = [0.25, 0.5, 1.0, 2.0, 3.0, 4.0];
/// Random points around a minimum, and how far they are from it: where a kink is so near no run can be made.
const AROUND: usize = 8;
const NEAR: f64 = 1e-8;
/// The most weights of a network whose loss does not vanish: every point of Γ then takes the eigenpairs of a dense Hessian.
const MOST_DENSE: usize = 300;
/// Multiplications and additions that a run of a user's network may take, and the steps that it may take however short they are.
const MOST_WORK: f64 = 4e9;
const LONGEST: f64 = 5e6;

/// Draws of weights tried for a user's network, and how many of them at once.
const DRAWS: usize = 16;
const TOGETHER: usize = 4;

/// A kind of network whose instances claims are judged on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Family {
    /// Its name in the zoo.
    pub architecture: &'static str,
    sizes: &'static [(&'static str, usize)],
    /// τ of the flow from the minimum that training reaches to the start of the runs.
    settling: f64,
}

/// One network of each kind the theory speaks of, small enough that Γ is known by dense eigenpairs.
pub const FAMILIES: [Family; 5] = [
    Family { architecture: "circle", sizes: &[], settling: 0.0 },
    Family {
        architecture: "matrix_completion",
        sizes: &[("side", 3), ("entries", 9), ("rank", 2), ("every", 2)],
        settling: 0.2,
    },
    Family { architecture: "batch_norm", sizes: &[("samples", 6), ("features", 6), ("width", 2)], settling: SETTLING },
    Family { architecture: "rms_norm", sizes: &[("samples", 4), ("features", 4), ("width", 3)], settling: SETTLING },
    Family { architecture: "weight_norm", sizes: &[("samples", 6), ("features", 6), ("width", 2)], settling: SETTLING },
];

/// Two linear layers without normalization: a loss that is not scale-invariant, for the claims that hold without the sphere.
const PLAIN: &str = r#"
title = "Two linear layers, not normalized"
[weights]
first = [2, 4]
second = [1, 2]
[constants]
x = { shape = [3, 4], normal = 1 }
y = { shape = [3, 1], normal = 2 }
[nodes]
hidden = { op = "linear", of = ["x", "first"] }
output = { op = "linear", of = ["hidden", "second"] }
loss = { op = "mean_squared_error", of = ["output", "y"] }
"#;

impl Family {
    /// The instance of a seed: its data, its start and so its point of Γ.
    ///
    /// # Errors
    /// The draw is not admitted.
    pub fn instance(&self, seed: u64) -> Result<Instance, Rejected> {
        let architecture = find(self.architecture).ok_or(Rejected::NoSuchArchitecture { name: self.architecture })?;
        let network = architecture.network(self.sizes).map_err(Box::new)?.with_data_of(seed)?;
        let name = format!("{} (seed {seed})", self.architecture);
        Instance::trained(name, network, self.settling, seed).map_err(Refusal::why)
    }
}

/// A random point of a network that can be judged.
fn check(network: &Network, seed: u64) -> Result<Vec<f64>, Rejected> {
    let homogeneity = network.homogeneity(&[], seed);
    if let Answer::NotProved(breach) | Answer::Refuted { breach, .. } = homogeneity.answer {
        let (node, reason) = (network.node(breach.node).name.clone(), breach.reason.to_string());
        return Err(Rejected::NotScaleInvariant { node, reason });
    }
    Ok(point_of(network, seed)??)
}

/// The minimum to which training leads from a point: by gradient descent, which stays away from the cusps at which a normalization divides
/// by nearly nothing, and by Newton's method after it where the loss does not vanish.
///
/// # Errors
/// No minimum was reached, or dense matrices would be needed for too many weights.
pub fn minimum(network: &Network, loss: &NetworkLoss<f64>, from: &[f64]) -> Result<Vec<f64>, Rejected> {
    let trained = train(loss, from, &Space::Sphere, TRAINING)?;
    if interpolates(loss, &trained)? {
        return Ok(trained);
    }
    let weights = network.dimension();
    if weights > MOST_DENSE {
        return Err(Rejected::Dense { weights, most: MOST_DENSE });
    }
    let precise = NetworkLoss::<Quad>::new(network)?;
    Ok(descend(loss, Some(&precise), &trained, Space::Sphere, NEWTON)?)
}

/// Whether the points around a minimum lie on its smooth piece. A minimum on a kink belongs to no smooth loss.
fn check_inside(trained: &Trained, reached: &[f64], seed: u64) -> Result<(), Rejected> {
    if !trained.network.is_piece() {
        return Ok(());
    }
    let mut generator = generator(seed, Stream::Direction);
    for _ in 0..AROUND {
        let mut near: Vec<f64> = reached.iter().map(|_| StandardNormal.sample(&mut generator)).collect();
        project(&mut near);
        near.iter_mut().zip(reached).for_each(|(near, &w)| *near = w + NEAR * *near);
        if trained.loss.fault(&near).is_some() {
            return Err(Rejected::OnKink { distance: NEAR });
        }
    }
    Ok(())
}

/// The point of Γ to which the flow leads from another within τ, where it can be followed so far.
fn end_of_flow(minimizers: &mut impl Minimizers<f64>, from: &[f64], tau: f64) -> Option<Vec<f64>> {
    let flow = integrate(minimizers, FlowConstants::SHARPNESS_REDUCTION, from, tau, SETTLING_TOLERANCE).ok()?;
    let (mut end, mut point) = (from.to_vec(), from.to_vec());
    flow.at(tau, &mut end);
    minimizers.nearest(&end, &mut point).ok()?;
    Some(point)
}

/// Points of the flow from a point of Γ, with their τ, as far as the flow can be followed.
fn stages(trained: &Trained, reached: Vec<f64>) -> Result<Vec<(f64, Vec<f64>)>, Rejected> {
    let precise = Arc::new(NetworkLoss::<Quad>::new(&trained.network)?);
    let mut minimizers = NumericMinimizers::through_precisely(&trained.loss, precise, Space::Sphere, &reached)?;
    let mut stages = vec![(0.0, reached)];
    if minimizers.manifold_dimension() == 0 {
        return Ok(stages);
    }
    for tau in STAGES {
        let (before, from) = &stages[stages.len() - 1];
        let Some(point) = end_of_flow(&mut minimizers, from, tau - before) else { break };
        stages.push((tau, point));
    }
    Ok(stages)
}

/// The end of the flow from a point of Γ, as far as the flow can be followed. The minimum that training first meets is sharp, and
/// changes so fast along Γ that only small ηλ show the theory there. The flow leads to a point where ηλ need not be so small.
fn settle(
    loss: &NetworkLoss<f64>,
    precise: Arc<NetworkLoss<Quad>>,
    reached: Vec<f64>,
    space: Space,
    tau: f64,
) -> Result<Vec<f64>, Rejected> {
    let mut minimizers = NumericMinimizers::through_precisely(loss, precise, space, &reached)?;
    if minimizers.manifold_dimension() == 0 {
        return Ok(reached);
    }
    let (mut tau, least) = (tau, 0.1 * tau);
    while tau > least {
        if let Some(point) = end_of_flow(&mut minimizers, &reached, tau) {
            return Ok(point);
        }
        tau *= 0.5;
    }
    Ok(reached)
}

/// Runs may stay within the theory from several points of the flow from a trained minimum. This says at which of them they start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The first, from where λ₁ falls the most.
    First,
    /// The last, whose runs are the shortest.
    Last,
}

/// What draws of a user's network's weights led to.
#[derive(Debug)]
pub struct Draws {
    /// The instance of the draw that is taken.
    pub instance: Option<Instance>,
    /// Draws, or starts along the flow from their minimum, that are left out, and why.
    pub left_out: Vec<(String, Rejected)>,
}

impl Draws {
    /// Trains the network from random weights, or from those that it was given. Several draws are made together, until some of them lead to a start within
    /// the theory. Of these, the draw with the largest ηλ is taken, because its runs are the shortest. If no draw leads to a start, the first instance without
    /// runs is taken.
    pub fn of(name: &str, network: &Network, seed: u64, (most_steps, stage): (Option<u64>, Stage)) -> Self {
        // Weights that are given are the same in every draw.
        let count = if network.given_weights().is_some() { 1 } else { DRAWS };
        let draws: Vec<u64> = seeds(seed, Stream::Instances).take(count).collect();
        let (mut grounded, mut left_out) = (None, vec![]);
        // The number of draws that are made together is fixed, so that the draw that is taken does not depend on the threads.
        for draws in draws.chunks(TOGETHER) {
            let of_draw = |&seed: &u64| (seed, Instance::of_network(name, network, seed, (most_steps, stage)));
            let trained = draws.par_iter().map(of_draw);
            let mut best: Option<Instance> = None;
            let mut is_hopeless = false;
            for (seed, trained) in trained.collect::<Vec<_>>() {
                let draw = format!("{name} (weights of seed {seed})");
                match trained {
                    Ok((instance, tried)) => {
                        let stage = |(tau, why)| (format!("{draw}, after the flow over τ = {tau}"), why);
                        left_out.extend(tried.into_iter().map(stage));
                        let top = |one: &Instance| one.plan.intrinsic_lrs.first().copied();
                        if instance.without_runs.is_some() {
                            grounded.get_or_insert(instance);
                        } else if best.as_ref().is_none_or(|best| top(&instance) > top(best)) {
                            best = Some(instance);
                        }
                    }
                    Err(why) => {
                        // Other weights would not mend what is wrong with the network itself.
                        is_hopeless = match &why {
                            Rejected::NotScaleInvariant { .. } | Rejected::Memory { .. } => true,
                            Rejected::LostDigits(lost) => lost.are_half(),
                            _ => false,
                        };
                        left_out.push((draw, why));
                    }
                }
            }
            if best.is_some() {
                return Self { instance: best, left_out };
            }
            if is_hopeless {
                break;
            }
        }
        Self { instance: grounded, left_out }
    }
}

/// What was tried for a user's network from one draw of weights: τ of the flow where runs would have started, and why they did not.
pub type Tried = Vec<(f64, Rejected)>;

impl Instance {
    /// The instance of a user's network, with the starts that were tried before. It is trained from random weights to Γ, and follows the flow
    /// from there: the farther it goes, the less sharp is the minimum, and the more of the theory runs can show. Runs start at the first or the
    /// last stage from where they stay within the theory. If there is none, the instance is a point of Γ without runs.
    ///
    /// Operations with kinks go on as they do at the minimum, so that the loss is smooth; a run that leaves this piece of it is cut there.
    ///
    /// # Errors
    /// The network is not admitted, or no point of Γ was reached.
    pub fn of_network(
        name: &str,
        network: &Network,
        seed: u64,
        (most_steps, stage): (Option<u64>, Stage),
    ) -> Result<(Self, Tried), Rejected> {
        // Descents of the stable regime take dense curvature, whatever Γ takes.
        memory::check(network.dimension())?;
        let weights = check(network, seed)?;
        let loss = NetworkLoss::<f64>::new(network)?;
        let lost = LostDigits::at(network, &loss, &weights);
        let reached = match lost {
            // Training would end nowhere.
            Some(lost) if lost.are_half() => return Err(Rejected::LostDigits(lost)),
            // They are the reason that there is no minimum, if none is reached.
            Some(lost) => minimum(network, &loss, &weights).map_err(|why| match why {
                Rejected::Minimizers(_) => Rejected::LostDigits(lost),
                other => other,
            })?,
            None => minimum(network, &loss, &weights)?,
        };
        if let Some(lost) = LostDigits::at(network, &loss, &reached) {
            return Err(Rejected::LostDigits(lost));
        }
        let trained = Trained::new(network.piece_at(&reached)?, Space::Sphere)?;
        check_inside(&trained, &reached, seed)?;
        let most_steps =
            most_steps.map_or((MOST_WORK / loss.work() as f64).clamp(OF_NETWORKS.steps, LONGEST), |steps| steps as f64);
        let limits = Limits { steps: most_steps, usual: most_steps, shows_four: false, ..OF_NETWORKS };
        let (mut tried, mut grounded) = (vec![], None);
        let mut stages = stages(&trained, reached)?;
        if stage == Stage::Last {
            stages.reverse();
        }
        for (tau, start) in stages {
            match Self::of_trained(name.into(), trained.clone(), start, limits) {
                Ok(instance) => return Ok((instance, tried)),
                Err(refusal) => {
                    tried.push((tau, refusal.why));
                    grounded = grounded.or(refusal.grounded);
                }
            }
        }
        match grounded {
            Some(instance) => Ok((*instance, tried)),
            None => Err(tried.pop().map_or(Rejected::SinglePoint, |(_, why)| why)),
        }
    }

    /// Trains a network from random weights to Γ, and admits it there.
    ///
    /// # Errors
    /// A loss that is not proved scale-invariant; no minimum reached; see [`Instance::new`].
    fn trained(name: String, network: Network, settling: f64, seed: u64) -> Result<Self, Refusal> {
        check(&network, seed)?;
        Self::at_minimum(name, network, Space::Sphere, settling, seed)
    }

    /// Two linear layers on random data, with Γ in ℝᴰ.
    ///
    /// # Errors
    /// The draw is not admitted.
    pub fn without_sphere(seed: u64) -> Result<Self, Rejected> {
        let network = Network::from_toml(PLAIN, &[]).map_err(Box::new)?.with_data_of(seed)?;
        let name = format!("two linear layers (seed {seed})");
        Self::at_minimum(name, network, Space::Euclidean, SETTLING, seed).map_err(Refusal::why)
    }

    fn at_minimum(name: String, network: Network, space: Space, settling: f64, seed: u64) -> Result<Self, Refusal> {
        let loss = NetworkLoss::<f64>::new(&network)?;
        let mut generator = generator(seed, Stream::Direction);
        let weights: Vec<f64> = (0..loss.dimension()).map(|_| StandardNormal.sample(&mut generator)).collect();
        let precise = Arc::new(NetworkLoss::<Quad>::new(&network)?);
        let reached = descend(&loss, Some(&*precise), &weights, space.clone(), STEPS)?;
        let start = settle(&loss, precise, reached, space.clone(), settling)?;
        Self::of_trained(name, Trained::new(network, space)?, start, OF_NETWORKS)
    }
}
