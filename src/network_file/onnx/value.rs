//! What the names of a graph stand for.

use std::rc::Rc;

use super::tensor::Tensor;
use crate::network::NodeId;
use crate::network::error::NetworkError;

/// What a name of the graph stands for.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Known(Rc<Tensor>),
    Node(NodeId),
    /// An initializer that becomes a group of weights of this name where it is used.
    Weights {
        group: String,
        tensor: Rc<Tensor>,
    },
    /// Whole numbers without data, such as indices. They are drawn when they are used, because the use shows how large they may be.
    Undrawn {
        shape: Vec<usize>,
    },
}

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Self {
        Self::Known(Rc::new(tensor))
    }
}

/// An input of a node.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub name: String,
    pub value: Value,
}

/// Why an operation of the graph has no place in a network.
#[derive(Debug)]
pub(super) struct Refusal(pub String);

impl From<&str> for Refusal {
    fn from(reason: &str) -> Self {
        Self(reason.into())
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self(reason)
    }
}

impl From<NetworkError> for Refusal {
    fn from(error: NetworkError) -> Self {
        match error {
            NetworkError::Node { fault, .. } => Self(fault.to_string()),
            other => Self(other.to_string()),
        }
    }
}

pub(super) type Outcome<T> = Result<T, Refusal>;
