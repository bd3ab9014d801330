//! Networks as data: a loss is a graph of operations on named groups of weights and constants.
//!
//! One graph is *read* ([`homogeneity`]: is the loss scale-invariant, node by node), *evaluated and differentiated* over any
//! arithmetic ([`NetworkLoss`], a [`Loss`](crate::loss::Loss)), written as text or LaTeX ([`text`]). A [`Builder`] makes one in
//! code, and [`network_file`](crate::network_file) reads one from a file.
//!
//! Arrays are row-major with up to six axes. A batch is the first axis, channels are the last.

pub(crate) mod builder;
mod complexity;
mod composed;
mod degree;
pub(crate) mod error;
pub mod homogeneity;
mod mended;
pub mod ops;
mod program;
mod reason;
pub(crate) mod shape;
pub mod text;
mod witness;

use std::ops::Range;

use crate::arithmetic::Jet;

pub use builder::Builder;
pub use complexity::Complexity;
pub use error::{Fault, NetworkError, PointFault};
pub use mended::{Mended, Unmended};
pub use ops::{Activation, Constant, Normalization, Op, Origin};
pub use program::{NetworkLoss, SmallestSize};
pub use shape::Shape;

/// A node of the network it was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(usize);

impl NodeId {
    /// Its place in [`Network::nodes`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// An operation with its inputs, all of them earlier nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub name: String,
    pub op: Op,
    pub inputs: Vec<NodeId>,
    pub shape: Shape,
}

/// A named group of weights and its place in the vector w.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightGroup<'a> {
    pub name: &'a str,
    pub shape: &'a Shape,
    pub range: Range<usize>,
}

/// A loss as data: nodes in an order in which each follows its inputs, the last of them the output, a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    title: String,
    nodes: Vec<Node>,
}

impl Network {
    /// What it is, in a few words.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The nodes; inputs come before those they enter.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node the loss comes from: the last one.
    pub fn output(&self) -> NodeId {
        NodeId(self.nodes.len() - 1)
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// The groups of weights, in the order in which they make up w.
    pub fn groups(&self) -> impl Iterator<Item = WeightGroup<'_>> {
        let mut end = 0;
        self.nodes.iter().filter(|node| node.op.role() == ops::Role::Weights).map(move |node| {
            let start = end;
            end += node.shape.count();
            WeightGroup { name: &node.name, shape: &node.shape, range: start..end }
        })
    }

    /// Whether weights are named so.
    ///
    /// # Errors
    /// [`NetworkError::NoSuchGroup`], with those there are.
    pub fn has_group(&self, name: &str) -> Result<(), NetworkError> {
        let mut groups = self.groups().map(|group| group.name);
        if groups.any(|group| group == name) {
            return Ok(());
        }
        let groups: Vec<_> = self.groups().map(|group| group.name).collect();
        Err(NetworkError::NoSuchGroup { group: error::shown(name), groups: groups.join(", ") })
    }

    /// D, the number of weights.
    pub fn dimension(&self) -> usize {
        self.groups().map(|group| group.range.len()).sum()
    }

    /// The point w that the network's groups of weights were given, of length D; `None` unless every group was.
    pub fn given_weights(&self) -> Option<Vec<f64>> {
        let mut weights = vec![];
        for node in &self.nodes {
            if let Op::Weight(weight) = &node.op {
                weights.extend_from_slice(weight.values.as_deref()?);
            }
        }
        Some(weights)
    }

    /// Nodes where the loss has a kink.
    pub fn non_smooth(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| !node.op.is_smooth())
    }

    /// Normalizations whose output is ±1 whatever the weights: two numbers less their mean over their deviation, one number over its
    /// length. What stands before them is locally constant.
    pub fn sign_like(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| match &node.op {
            Op::Normalize(normalization) => {
                let shape = &self.node(node.inputs[0]).shape;
                let reduced = shape::Reduction::new(shape, &normalization.axes).map_or(0, |r| r.reduced());
                normalization.epsilon == 0.0 && reduced == if normalization.centred { 2 } else { 1 }
            }
            _ => false,
        })
    }

    /// The same network with other random data: a constant drawn from seed s is drawn from one that s and `seed` decide.
    ///
    /// # Errors
    /// A column that is to be standardized and came out constant.
    pub fn with_data_of(&self, seed: u64) -> Result<Self, NetworkError> {
        let mut network = self.clone();
        for node in &mut network.nodes {
            if let Op::Constant(constant) = &mut node.op
                && let Origin::Normal { seed: own } = constant.origin
            {
                // Seeds in files are signed.
                let other = own.wrapping_add(seed.wrapping_shl(20)) & i64::MAX as u64;
                let standardized = constant.standardized;
                *constant = builder::normal(constant.shape.clone(), other);
                if standardized {
                    builder::standardize(constant)
                        .map_err(|fault| NetworkError::Node { node: node.name.clone(), fault })?;
                }
            }
        }
        Ok(network)
    }

    /// The same network with every constant given by its numbers, so that [`Network::to_toml`] writes them all.
    #[must_use]
    pub fn with_data_given(mut self) -> Self {
        for node in &mut self.nodes {
            if let Op::Constant(constant) = &mut node.op {
                constant.origin = Origin::Given;
            }
        }
        self
    }

    /// The same network with only these groups as weights. The others are frozen: constants, with the numbers that they were given, or drawn
    /// standard normal from seeds that `seed` decides.
    ///
    /// # Errors
    /// A group that is not there.
    pub fn with_only(&self, groups: &[&str], seed: u64) -> Result<Self, NetworkError> {
        groups.iter().try_for_each(|group| self.has_group(group))?;
        let mut network = self.clone();
        network.freeze(|_, name| !groups.contains(&name), seed);
        Ok(network)
    }

    /// Turns groups of weights, told by their places and names, into constants: their own numbers, or ones drawn from seeds that `seed` decides.
    fn freeze(&mut self, is_frozen: impl Fn(NodeId, &str) -> bool, seed: u64) {
        for (place, node) in self.nodes.iter_mut().enumerate() {
            if let Op::Weight(weight) = &mut node.op
                && is_frozen(NodeId(place), &node.name)
            {
                let (shape, drawn) = (node.shape.clone(), seed.wrapping_add((place as u64) << 32) & i64::MAX as u64);
                node.op = match weight.values.take() {
                    Some(values) => Constant { shape, values, origin: Origin::Given, standardized: false }.into(),
                    None => builder::normal(shape, drawn).into(),
                };
            }
        }
    }

    /// The smooth piece of the loss around `w`, of length D: what the network is where every operation with kinks goes on as it does
    /// at `w`. Off the piece the loss is not a number. Gradient descent that stays on the piece is gradient descent on a smooth loss.
    ///
    /// # Errors
    /// There is none in practice: doubles have all functions and signs.
    pub fn piece_at(&self, w: &[f64]) -> Result<Self, NetworkError> {
        let loss = NetworkLoss::<f64>::new(self)?;
        let mut network = self.clone();
        for node in network.nodes.iter_mut().filter(|node| !node.op.is_smooth()) {
            let input = node.inputs[0];
            if let Some(piece) = ops::Piece::of(&node.op, &self.node(input).shape, &loss.values_at(input, w)) {
                node.op = piece.into();
            }
        }
        Ok(network)
    }

    /// Whether it is such a piece.
    pub fn is_piece(&self) -> bool {
        self.nodes.iter().any(|node| matches!(node.op, Op::Piece(_)))
    }

    /// How far a kink is from `w` along `v`, both of length D: the least |s| at which w + sv, to first order, leaves this
    /// [piece](Network::piece_at); infinite where the network is no piece, or does not leave it that way.
    ///
    /// # Errors
    /// See [`Network::piece_at`].
    pub fn distance_to_kink(&self, w: &[f64], v: &[f64]) -> Result<f64, NetworkError> {
        let loss = NetworkLoss::<f64>::new(self)?;
        let ahead: Vec<Jet<f64, 2>> = w.iter().zip(v).map(|(&w, &v)| Jet::line(w, v)).collect();
        let mut nearest = f64::INFINITY;
        for node in &self.nodes {
            if let Op::Piece(piece) = &node.op {
                let x = loss.values_at(node.inputs[0], &ahead);
                let (at, slope): (Vec<f64>, Vec<f64>) = x.iter().map(|x| (x.0[0], x.0[1])).unzip();
                let reached = piece.margins(&at).zip(piece.margins(&slope)).filter(|(_, slope)| *slope != 0.0);
                nearest = reached.map(|(margin, slope)| (margin / slope).abs()).fold(nearest, f64::min);
            }
        }
        Ok(nearest)
    }

    /// The same network with rational functions in place of all others except the ReLU, which a field has. Exact arithmetic can
    /// test the scale invariance of this network, and only its normalizations have roots. A proof for one of the two networks is
    /// not always a proof for the other: eˣ turns a shift of a softmax's input into a factor, 1/(1+x²) does not.
    pub fn with_rational_activations(&self) -> Self {
        let mut network = self.clone();
        for node in &mut network.nodes {
            node.op = node.op.rational();
        }
        network
    }

    /// The same network with a weight of its own for the square of every residual, where the loss is the mean squared error of two arrays; and the
    /// constant that holds these weights.
    pub(crate) fn with_weighted_residuals(&self) -> Option<(Self, NodeId)> {
        let last = self.node(self.output());
        if !matches!(last.op, Op::MeanSquaredError(_)) {
            return None;
        }
        let (residuals, inputs) = (self.node(last.inputs[0]).shape.clone(), last.inputs.clone());
        let flat = Shape::new(&[residuals.count()])?;
        let mut network = self.clone();
        network.nodes.pop();
        let mut add = |name: &str, op: Op, inputs: &[NodeId], shape: &Shape| {
            let node = Node { name: format!("residuals.{name}"), op, inputs: inputs.to_vec(), shape: shape.clone() };
            network.nodes.push(node);
            NodeId(network.nodes.len() - 1)
        };
        let ones = Constant {
            shape: flat.clone(),
            values: vec![1.0; flat.count()],
            origin: Origin::Given,
            standardized: false,
        };
        let weights = add("weights", ones.into(), &[], &flat);
        let difference = add("difference", ops::Subtract.into(), &inputs, &residuals);
        let column = add("column", ops::Reshape { shape: flat.clone() }.into(), &[difference], &flat);
        let squares = add("squares", ops::Multiply.into(), &[column, column], &flat);
        let weighted = add("weighted", ops::Multiply.into(), &[squares, weights], &flat);
        add("sum", ops::Sum { axes: vec![0] }.into(), &[weighted], &Shape::number());
        Some((network, weights))
    }
}
