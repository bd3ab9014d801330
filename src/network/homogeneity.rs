//! Is a loss scale-invariant in a group of weights? The degree of every node, inferred through the graph.
//!
//! The inference is sound, not complete: x − x has every degree, and no rule sees it. So there are three answers, and *not
//! proved* is one of them.

use super::degree::Operands;
use super::ops::Role;
use super::shape::Shape;
use super::witness::Witnesses;
use super::{Network, Node, NodeId};

pub use super::degree::{Breach, Degree};
pub use super::reason::Reason;
pub use super::witness::Witness;

/// What is known of the scale invariance of a loss in a group of weights.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The rules give degree 0.
    Proved,
    /// The rules do not give degree 0, and no numbers were found that contradict invariance. The breach is the first node at which the rules fail.
    NotProved(Breach),
    /// There are numbers that contradict it.
    Refuted { breach: Breach, witness: Witness },
}

/// The reading of a network for a group of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Homogeneity {
    /// The degree of every node.
    pub degrees: Vec<Degree>,
    pub answer: Answer,
}

impl Network {
    /// Reads the network for the weights of the names in `group`; of all weights where it is empty. Numbers that contradict
    /// invariance are looked for where the rules prove nothing, at draws from `seed`.
    pub fn homogeneity(&self, group: &[&str], seed: u64) -> Homogeneity {
        self.homogeneity_with(group, &mut Witnesses::new(self, seed))
    }

    fn homogeneity_with(&self, group: &[&str], witnesses: &mut Witnesses<'_>) -> Homogeneity {
        let mut answer = |breach| match witnesses.find(group) {
            Some(witness) => Answer::Refuted { breach, witness },
            None => Answer::NotProved(breach),
        };
        let degrees = infer(self, group);
        let answer = match degrees.iter().find_map(breach) {
            Some(breach) => answer(breach),
            None => match &degrees[self.output().index()] {
                Degree::Homogeneous(0.0) => Answer::Proved,
                Degree::Homogeneous(degree) => {
                    let reason = Reason::UnnormalizedOutput { degree: *degree };
                    answer(Breach { node: self.output(), reason })
                }
                Degree::UpToShift { degree, .. } => {
                    let reason = Reason::Shift { degree: *degree };
                    answer(Breach { node: self.output(), reason })
                }
                Degree::Unknown(breach) => answer(*breach),
            },
        };
        Homogeneity { degrees, answer }
    }

    /// Every node at which the rules fail, and not the first alone. Behind each of them the inference goes on as if it had been mended.
    pub fn breaches(&self, group: &[&str]) -> Vec<Breach> {
        let (mut breaches, mut degrees) = (Vec::new(), Vec::<Degree>::new());
        for (index, node) in self.nodes().iter().enumerate() {
            let inputs: Vec<&Degree> = node.inputs.iter().map(|input| &degrees[input.index()]).collect();
            let degree = degree_of(self, group, node, &inputs).and_then(within_range).unwrap_or_else(|reason| {
                let reason = explain(self, group, node, reason);
                breaches.push(Breach { node: NodeId(index), reason });
                Degree::Homogeneous(reason.mended())
            });
            degrees.push(degree);
        }
        let output = self.output();
        let at_output = match &degrees[output.index()] {
            Degree::Homogeneous(0.0) | Degree::Unknown(_) => None,
            Degree::Homogeneous(degree) => Some(Reason::UnnormalizedOutput { degree: *degree }),
            Degree::UpToShift { degree, .. } => Some(Reason::Shift { degree: *degree }),
        };
        breaches.extend(at_output.map(|reason| Breach { node: output, reason }));
        breaches
    }

    /// The reading of every group by itself.
    pub fn homogeneity_by_group(&self, seed: u64) -> Vec<(&str, Homogeneity)> {
        let mut witnesses = Witnesses::new(self, seed);
        self.groups().map(|group| (group.name, self.homogeneity_with(&[group.name], &mut witnesses))).collect()
    }
}

fn breach(degree: &Degree) -> Option<Breach> {
    match degree {
        Degree::Unknown(breach) => Some(*breach),
        _ => None,
    }
}

fn infer(network: &Network, group: &[&str]) -> Vec<Degree> {
    let mut degrees: Vec<Degree> = Vec::with_capacity(network.nodes().len());
    for (index, node) in network.nodes().iter().enumerate() {
        let inputs: Vec<&Degree> = node.inputs.iter().map(|input| &degrees[input.index()]).collect();
        let degree = match inputs.iter().find_map(|degree| breach(degree)) {
            Some(breach) => Degree::Unknown(breach),
            None => degree_of(network, group, node, &inputs).and_then(within_range).unwrap_or_else(|reason| {
                let reason = explain(network, group, node, reason);
                Degree::Unknown(Breach { node: NodeId(index), reason })
            }),
        };
        degrees.push(degree);
    }
    degrees
}

fn degree_of(network: &Network, group: &[&str], node: &Node, degrees: &[&Degree]) -> Result<Degree, Reason> {
    let shapes: Vec<&Shape> = node.inputs.iter().map(|&input| &network.node(input).shape).collect();
    let is_member = is_member(node, group);
    node.op.degree(&Operands { is_member, degrees, shapes: &shapes, out: &node.shape })
}

/// Whether a node is a group of weights, and one of those meant: of all where none is named.
fn is_member(node: &Node, group: &[&str]) -> bool {
    node.op.role() == Role::Weights && (group.is_empty() || group.contains(&node.name.as_str()))
}

/// Degrees whose sums, differences and halves a float holds without rounding; what they make is looked at here again.
fn within_range(degree: Degree) -> Result<Degree, Reason> {
    let power = degree.power();
    match (power * 65536.0).fract() == 0.0 && power.abs() <= f64::from(1 << 30) {
        true => Ok(degree),
        false => Err(Reason::Range { degree: power }),
    }
}

/// Says more of a sum of mixed degrees: which trainable operation gave an operand its degree.
fn explain(network: &Network, group: &[&str], node: &Node, reason: Reason) -> Reason {
    let Reason::MixedDegrees { left, right } = reason else { return reason };
    let culprit = node.inputs[usize::from(left == 0.0)];
    let of_group = |id: &NodeId| is_member(network.node(*id), group);
    if node.inputs.iter().any(of_group) {
        return Reason::Bias { left, right };
    }
    // Data that a loss compares its other input with are targets. Data elsewhere are a term like others.
    let is_loss = node.op.role() == Role::Loss;
    let against_data = is_loss && node.inputs.iter().any(|&id| network.node(id).op.role() == Role::Data);
    // Back along the operands to where weights of the group come in behind the last normalization.
    let mut at = culprit;
    loop {
        let here = network.node(at);
        let meets = here.inputs.iter().any(of_group);
        match here.op.role() {
            Role::Gain if meets && !here.inputs.iter().all(of_group) => {
                return Reason::AffineParameters { left, right };
            }
            // Where the node of mixed degrees has data as an input, this layer is the output; otherwise it is a branch.
            Role::Layer if meets && against_data => {
                return Reason::UnnormalizedOutput { degree: if left == 0.0 { right } else { left } };
            }
            Role::Normalization if against_data => return Reason::AffineParameters { left, right },
            _ => match here.inputs.iter().find(|input| !of_group(input)) {
                Some(&next) => at = next,
                None => return reason,
            },
        }
    }
}
