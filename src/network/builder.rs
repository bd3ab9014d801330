use std::collections::HashMap;

use rand_distr::{Distribution, StandardNormal};

use super::error::{Fault, NetworkError, shown};
use super::ops::{Activation, Constant, MatrixProduct, Op, Origin, Role, Weight};
use super::shape::{MOST_IN_ALL, Shape};
use super::{Network, Node, NodeId};
use crate::data::{Stream, generator};

/// Builds a [`Network`] node by node; every fault names the node.
///
/// Methods that are no primitive operation (batch norm, convolution, attention, …) are in `composed`.
#[derive(Debug)]
pub struct Builder {
    title: String,
    nodes: Vec<Node>,
    names: HashMap<String, NodeId>,
    numbers: usize,
}

/// Standard normal draws.
pub(crate) fn normal(shape: Shape, seed: u64) -> Constant {
    let mut generator = generator(seed, Stream::Data);
    let values = (0..shape.count()).map(|_| StandardNormal.sample(&mut generator)).collect();
    Constant { shape, values, origin: Origin::Normal { seed }, standardized: false }
}

/// The longest name of a node, in bytes: names of parts of parts are long.
const LONGEST_NAME: usize = 128;

pub(crate) type Built = Result<NodeId, NetworkError>;

impl Builder {
    /// An empty network.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), nodes: Vec::new(), names: HashMap::new(), numbers: 0 }
    }

    /// Adds a node.
    ///
    /// # Errors
    /// A name that is taken or none, inputs that do not fit, a result too large to be meant.
    pub fn add(&mut self, name: &str, operation: impl Into<Op>, inputs: &[NodeId]) -> Built {
        let op = operation.into();
        let at = |fault| NetworkError::Node { node: shown(name), fault };
        let sign = |c: char| c.is_ascii_alphanumeric() || "_.-/:".contains(c);
        if !(1..=LONGEST_NAME).contains(&name.len()) || !name.chars().all(sign) {
            return Err(at(Fault::Name));
        }
        if self.names.contains_key(name) {
            return Err(at(Fault::Duplicate));
        }
        let mut shapes = Vec::with_capacity(inputs.len());
        for (input, id) in inputs.iter().enumerate() {
            shapes.push(&self.nodes.get(id.0).ok_or_else(|| at(Fault::Foreign { input }))?.shape);
        }
        let shape = op.shape(&shapes).map_err(at)?;
        self.numbers += shape.count();
        if self.numbers > MOST_IN_ALL {
            return Err(at(Fault::TooLarge));
        }
        let id = NodeId(self.nodes.len());
        self.nodes.push(Node { name: name.into(), op, inputs: inputs.to_vec(), shape });
        self.names.insert(name.into(), id);
        Ok(id)
    }

    /// The node of a name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.names.get(name).copied()
    }

    /// The shape of a node.
    pub fn shape(&self, id: NodeId) -> Option<&Shape> {
        self.nodes.get(id.0).map(|node| &node.shape)
    }

    /// What a node does.
    pub(crate) fn op(&self, id: NodeId) -> Option<&Op> {
        self.nodes.get(id.0).map(|node| &node.op)
    }

    /// A group of weights.
    ///
    /// # Errors
    /// See [`Builder::add`]; this holds for every method below.
    pub fn weight(&mut self, name: &str, axes: &[usize]) -> Built {
        let shape = self.shape_at(name, axes)?;
        self.add(name, Weight { shape, values: None }, &[])
    }

    /// A group of weights with numbers, row-major: the point that [`Network::given_weights`] then has.
    pub fn weight_at(&mut self, name: &str, axes: &[usize], values: Vec<f64>) -> Built {
        let shape = self.shape_at(name, axes)?;
        self.add(name, Weight { shape, values: Some(values) }, &[])
    }

    /// Data, row-major.
    pub fn constant(&mut self, name: &str, axes: &[usize], values: Vec<f64>) -> Built {
        let shape = self.shape_at(name, axes)?;
        self.add(name, Constant { shape, values, origin: Origin::Given, standardized: false }, &[])
    }

    /// Standard normal data drawn from a seed.
    pub fn normal(&mut self, name: &str, axes: &[usize], seed: u64) -> Built {
        let shape = self.shape_at(name, axes)?;
        if self.numbers + shape.count() > MOST_IN_ALL {
            return Err(NetworkError::Node { node: shown(name), fault: Fault::TooLarge });
        }
        self.add(name, normal(shape, seed), &[])
    }

    /// Gives every column of a constant (all but the last axis are rows) mean 0 and variance 1.
    ///
    /// # Errors
    /// A node that is no constant; a column whose entries are all equal.
    pub fn standardize(&mut self, id: NodeId) -> Result<(), NetworkError> {
        let nodes = self.nodes.len();
        let Some(node) = self.nodes.get_mut(id.0) else {
            return Err(NetworkError::NoSuchNode { node: format!("{}", id.0), nodes });
        };
        let name = node.name.clone();
        if let Op::Constant(constant) = &mut node.op {
            standardize(constant).map_err(|fault| NetworkError::Node { node: name, fault })?;
        }
        Ok(())
    }

    /// a·b.
    pub fn matrix_product(&mut self, name: &str, a: NodeId, b: NodeId) -> Built {
        self.add(name, MatrixProduct { transpose_right: false }, &[a, b])
    }

    /// a·bᵀ, as a layer does with inputs (rows) and weights (outputs × inputs).
    pub fn linear(&mut self, name: &str, a: NodeId, b: NodeId) -> Built {
        self.add(name, MatrixProduct { transpose_right: true }, &[a, b])
    }

    /// A function of every entry.
    pub fn activation(&mut self, name: &str, activation: Activation, x: NodeId) -> Built {
        self.add(name, activation, &[x])
    }

    /// The network whose loss is `output`; nodes it does not need are left out.
    ///
    /// # Errors
    /// An output that is no number; no weights, or weights that do not reach it.
    pub fn finish(self, output: NodeId) -> Result<Network, NetworkError> {
        let nodes = self.nodes.len();
        let last = self.nodes.get(output.0);
        let last = last.ok_or_else(|| NetworkError::NoSuchNode { node: format!("{}", output.0), nodes })?;
        if last.shape.count() != 1 {
            return Err(NetworkError::NotANumber { node: last.name.clone(), shape: last.shape.clone() });
        }
        if last.inputs.is_empty() {
            return Err(NetworkError::NotComputed { node: last.name.clone() });
        }
        let mut needed = vec![false; nodes];
        needed[output.0] = true;
        for (k, node) in self.nodes.iter().enumerate().rev() {
            if needed[k] {
                node.inputs.iter().for_each(|input| needed[input.0] = true);
            } else if node.op.role() == Role::Weights {
                return Err(NetworkError::Unused { node: node.name.clone() });
            }
        }
        // Weights, then constants, then operations: the order in which a file is written and read back.
        let rank = |node: &Node| match node.op.role() {
            Role::Weights => 0,
            Role::Data => 1,
            _ => 2,
        };
        let mut order: Vec<usize> = (0..nodes).filter(|&k| needed[k]).collect();
        order.sort_by_key(|&k| rank(&self.nodes[k]));
        let mut renumbered = vec![NodeId(0); nodes];
        order.iter().enumerate().for_each(|(new, &old)| renumbered[old] = NodeId(new));
        let mut kept: Vec<(usize, Node)> = self.nodes.into_iter().enumerate().filter(|(k, _)| needed[*k]).collect();
        kept.sort_by_key(|(k, _)| renumbered[*k]);
        let mut kept: Vec<Node> = kept.into_iter().map(|(_, node)| node).collect();
        for input in kept.iter_mut().flat_map(|node| &mut node.inputs) {
            *input = renumbered[input.0];
        }
        let network = Network { title: self.title, nodes: kept };
        if network.dimension() == 0 { Err(NetworkError::NoWeights) } else { Ok(network) }
    }

    pub(crate) fn axes(&self, id: NodeId) -> usize {
        self.shape(id).map_or(0, |shape| shape.axes().len())
    }

    pub(crate) fn shape_at(&self, name: &str, axes: &[usize]) -> Result<Shape, NetworkError> {
        Shape::new(axes).ok_or_else(|| NetworkError::Node { node: shown(name), fault: Fault::TooLarge })
    }
}

/// Gives each column mean 0 and variance 1. Differences from the first entry, in units of a power of two near the largest, neither overflow
/// nor lose what a constant added to the column would hide.
pub(crate) fn standardize(constant: &mut Constant) -> Result<(), Fault> {
    let columns = constant.shape.axes().last().copied().unwrap_or(1);
    let rows = constant.values.len() / columns;
    for column in 0..columns {
        let entries = || constant.values.iter().skip(column).step_by(columns).copied();
        let first = entries().next().unwrap_or(0.0);
        let size = entries().fold(0.0, |largest: f64, x| largest.max((0.5 * x - 0.5 * first).abs()));
        if !(size > 0.5 * f64::EPSILON * first.abs()) {
            return Err(Fault::ConstantColumn { column });
        }
        // Halved, so that the difference of the largest doubles is one; then by powers of two, which round nothing.
        let unit = size.log2().floor().clamp(-1000.0, 1000.0).exp2();
        let scaled: Vec<f64> = entries().map(|x| (0.5 * x - 0.5 * first) / unit).collect();
        let mean = scaled.iter().sum::<f64>() / rows as f64;
        let deviation = (scaled.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / rows as f64).sqrt();
        let standardized = scaled.iter().map(|x| (x - mean) / deviation);
        constant.values.iter_mut().skip(column).step_by(columns).zip(standardized).for_each(|(x, z)| *x = z);
    }
    constant.standardized = true;
    Ok(())
}
