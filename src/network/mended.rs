//! Networks made scale-invariant.

use std::collections::{BTreeSet, VecDeque};

use thiserror::Error;

use super::homogeneity::Breach;
use super::ops::{Op, Role};
use super::reason::Reason;
use super::{Network, NodeId};

/// A network after the mends that need no judgement.
#[derive(Clone, Debug)]
pub struct Mended {
    /// The network. The rules prove its scale invariance.
    pub network: Network,
    /// The nodes whose ε became 0.
    pub epsilons: Vec<String>,
    /// The groups of weights that became constants.
    pub frozen: Vec<String>,
}

/// No group of weights is scale-invariant, even where all others are constants.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("no group of weights would be left: at `{node}`, {reason}")]
pub struct Unmended {
    pub node: String,
    pub reason: Reason,
}

impl Network {
    /// The same network with ε = 0 where an ε breaks scale invariance, and with those groups of weights frozen that the proof cannot have.
    ///
    /// Where the rules fail at a node for another reason, the group of weights nearest to it is frozen, until the rules prove the rest. Of equally near
    /// groups the smallest is frozen. Where the terms of a sum have different degrees, only groups behind the term of the higher degree are looked at. At
    /// the end each frozen group becomes weights again if the proof holds with it too. Frozen groups without numbers of their own are drawn from `seed`.
    ///
    /// # Errors
    /// No group of weights would be left.
    pub fn mended(&self, seed: u64) -> Result<Mended, Unmended> {
        let mut network = self.clone();
        let mut epsilons = Vec::new();
        let places = (0..network.nodes.len()).map(NodeId);
        let mut trained: BTreeSet<_> = places.filter(|&id| network.node(id).op.role() == Role::Weights).collect();
        let mut frozen = Vec::new();
        while let Some(Breach { node, reason }) = network.first_breach(&trained) {
            if let (Reason::Epsilon { .. }, Op::Normalize(normalization)) =
                (reason, &mut network.nodes[node.index()].op)
            {
                normalization.epsilon = 0.0;
                epsilons.push(network.node(node).name.clone());
                continue;
            }
            // Freezing weights lowers degrees, so that it is the operand of the higher degree that must change.
            let operand = reason.higher().and_then(|k| network.node(node).inputs.get(k).copied());
            let behind = |from: NodeId| network.nearest_of(&trained, from);
            let nearest = operand.and_then(behind).or_else(|| behind(node)).filter(|_| trained.len() > 1);
            let Some(nearest) = nearest else {
                return Err(Unmended { node: network.node(node).name.clone(), reason });
            };
            trained.remove(&nearest);
            frozen.push(nearest);
        }
        frozen.retain(|&group| {
            trained.insert(group);
            let is_frozen = network.first_breach(&trained).is_some();
            if is_frozen {
                trained.remove(&group);
            }
            is_frozen
        });
        frozen.sort_unstable();
        let frozen = frozen.iter().map(|&id| network.node(id).name.clone()).collect();
        network.freeze(|id, _| !trained.contains(&id), seed);
        Ok(Mended { network, epsilons, frozen })
    }

    /// The first node at which the rules fail for some groups of weights, while the others are constants.
    fn first_breach(&self, groups: &BTreeSet<NodeId>) -> Option<Breach> {
        let names: Vec<&str> = groups.iter().map(|&id| self.node(id).name.as_str()).collect();
        self.breaches(&names).into_iter().next()
    }

    /// The group of weights that the fewest operations separate from a node behind it; of several the smallest one.
    fn nearest_of(&self, groups: &BTreeSet<NodeId>, node: NodeId) -> Option<NodeId> {
        let mut distances = vec![None; self.nodes.len()];
        distances[node.index()] = Some(0usize);
        let mut queue = VecDeque::from([node]);
        while let Some(here) = queue.pop_front() {
            let next = distances[here.index()].map(|distance| distance + 1);
            for &input in &self.node(here).inputs {
                if distances[input.index()].is_none() {
                    distances[input.index()] = next;
                    queue.push_back(input);
                }
            }
        }
        let reached = groups.iter().filter_map(|&id| Some((distances[id.index()]?, self.node(id).shape.count(), id)));
        reached.min().map(|(_, _, id)| id)
    }
}
