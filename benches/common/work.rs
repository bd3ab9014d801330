//! What is measured: the losses, their data, and points of Γ.

use std::error::Error;

use rand_distr::{Distribution, StandardNormal};
use sharpflow::data::{Dataset, Stream, generator};
use sharpflow::flow::{FlowConstants, integrate};
use sharpflow::loss::{LinearRegression, Loss};
use sharpflow::minimizers::{Minimizers, NumericMinimizers, descend};
use sharpflow::network::{NetworkLoss, Op};
use sharpflow::network_file::zoo::find;
use sharpflow::sphere::{Space, project};

pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// The end of the flow, and the error its tolerance is chosen for.
pub const END: f64 = 2.0;
pub const FLOW_ERROR: f64 = 1e-6;
/// The most steps of training, how much of the flow follows it, and from how many starts that is tried.
const DESCENT: usize = 2000;
const SETTLING: f64 = 1.0;
const TRIES: u64 = 30;

/// A loss, and the numbers another program needs to work on the same one.
pub struct Work<L> {
    pub loss: L,
    pub start: Vec<f64>,
    pub data: Vec<(&'static str, Vec<f64>)>,
}

impl Work<LinearRegression<f64>> {
    pub fn regression(sizes: &[usize]) -> Outcome<Self> {
        let &[n, d] = sizes else { return Err("a regression has n and d".into()) };
        let loss = LinearRegression::new(&Dataset::random(n, d, 0))?;
        let features = (0..n).flat_map(|i| (0..d).map(move |j| (i, j))).map(|at| loss.features()[at]).collect();
        let data = vec![("features", features), ("targets", loss.targets().to_vec())];
        Ok(Self { start: normal(d, 0), loss, data })
    }
}

impl Work<NetworkLoss<f64>> {
    /// The built-in two-layer network with batch normalization, of n samples, d features and this width.
    pub fn network(sizes: &[usize]) -> Outcome<Self> {
        let &[samples, features, width] = sizes else { return Err("a network has samples, features and width".into()) };
        let architecture = find("batch_norm").ok_or("no batch_norm")?;
        let network = architecture.network(&[("samples", samples), ("features", features), ("width", width)])?;
        let constant = |name| {
            let found = network.nodes().iter().find(|node| node.name == name).map(|node| &node.op);
            if let Some(Op::Constant(constant)) = found { constant.values.clone() } else { Vec::new() }
        };
        let data = vec![("inputs", constant("inputs")), ("targets", constant("targets"))];
        let loss = NetworkLoss::new(&network)?;
        Ok(Self { start: normal(loss.dimension(), 0), loss, data })
    }
}

/// A unit vector, drawn by its seed.
pub fn normal(dimension: usize, seed: u64) -> Vec<f64> {
    let mut generator = generator(seed, Stream::Direction);
    let mut direction: Vec<f64> = (0..dimension).map(|_| StandardNormal.sample(&mut generator)).collect();
    project(&mut direction);
    direction
}

/// A point of Γ: by the sharpness-reduction flow from where training ends, as Γ is smoother there. The first of many starts from
/// which the flow goes on to its end without meeting a crossing of eigenvalues.
pub fn minimum(work: &Work<NetworkLoss<f64>>) -> Outcome<Vec<f64>> {
    let from = |seed: u64| -> Outcome<Vec<f64>> {
        let reached = descend(&work.loss, None, &normal(work.start.len(), seed), Space::Sphere, DESCENT)?;
        let mut minimizers = NumericMinimizers::through(&work.loss, &reached)?;
        let until = SETTLING + END;
        let flow = integrate(&mut minimizers, FlowConstants::SHARPNESS_REDUCTION, &reached, until, FLOW_ERROR)?;
        let (mut end, mut point) = (reached.clone(), reached);
        flow.at(SETTLING, &mut end);
        minimizers.nearest(&end, &mut point)?;
        Ok(point)
    };
    (0..TRIES).find_map(|seed| from(seed).ok()).ok_or("no start has a flow to its end".into())
}
