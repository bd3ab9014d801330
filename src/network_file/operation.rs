//! Operations as files name them, with their parameters.

use crate::network::NodeId;
use crate::network::builder::Builder;
use crate::network::error::{Fault, NetworkError};
use crate::network::ops::{Concatenate, Op, ParameterError, Parameters, Patches};

/// An operation as a file names it: a primitive one, or one that is written as several.
pub(super) enum Operation {
    Primitive(Op),
    BatchNorm { epsilon: f64 },
    LayerNorm { epsilon: f64 },
    RmsNorm { epsilon: f64 },
    GroupNorm { groups: usize, epsilon: f64 },
    WeightNorm { epsilon: f64 },
    WeightStandardization { epsilon: f64 },
    Attention { heads: usize, epsilon: f64 },
    Rotary { base: f64 },
    Embedding,
    Convolution { shape: Patches, groups: usize },
    AveragePool(Patches),
    MaxPool(Patches),
    Upsample { factor: usize },
    Absolute,
    Clip { low: f64, high: f64 },
    NormalizedCrossEntropy { epsilon: f64 },
}

impl Operation {
    pub(super) fn build(self, builder: &mut Builder, name: &str, inputs: &[NodeId]) -> Result<NodeId, NetworkError> {
        // A primitive operation checks the number of its inputs itself. The last arm reports a wrong number for the others.
        match (self, inputs) {
            (Self::Primitive(Op::Concatenate(Concatenate { axis })), _) => builder.concatenate(name, inputs, axis),
            (Self::Primitive(op), _) => builder.add(name, op, inputs),
            (Self::BatchNorm { epsilon }, &[x]) => builder.batch_norm(name, x, epsilon),
            (Self::LayerNorm { epsilon }, &[x]) => builder.layer_norm(name, x, epsilon),
            (Self::RmsNorm { epsilon }, &[x]) => builder.rms_norm(name, x, epsilon),
            (Self::GroupNorm { groups, epsilon }, &[x]) => builder.group_norm(name, x, groups, epsilon),
            (Self::WeightNorm { epsilon }, &[x]) => builder.weight_norm(name, x, epsilon),
            (Self::WeightStandardization { epsilon }, &[x]) => builder.weight_standardization(name, x, epsilon),
            (Self::Attention { heads, epsilon }, &[q, k, v]) => builder.attention(name, [q, k, v], heads, epsilon),
            (Self::Rotary { base }, &[x]) => builder.rotary(name, x, base),
            (Self::Embedding, &[table, indices]) => builder.embedding(name, table, indices),
            (Self::Convolution { shape, groups }, &[x, kernels]) => {
                builder.convolution(name, x, kernels, &shape, groups)
            }
            (Self::AveragePool(shape), &[x]) => builder.average_pool(name, x, &shape),
            (Self::MaxPool(shape), &[x]) => builder.max_pool(name, x, &shape),
            (Self::Upsample { factor }, &[x]) => builder.upsample(name, x, factor),
            (Self::Absolute, &[x]) => builder.absolute(name, x),
            (Self::Clip { low, high }, &[x]) => builder.clip(name, x, low, high),
            (Self::NormalizedCrossEntropy { epsilon }, &[logits, targets]) => {
                builder.normalized_cross_entropy(name, logits, targets, epsilon)
            }
            (operation, _) => Err(NetworkError::Node { node: name.into(), fault: operation.wrong_count(inputs.len()) }),
        }
    }

    fn wrong_count(&self, found: usize) -> Fault {
        let (op, expected) = match self {
            Self::Attention { .. } => ("attention", 3),
            Self::Convolution { .. } => ("convolution", 2),
            Self::Embedding => ("embedding", 2),
            Self::NormalizedCrossEntropy { .. } => ("normalized_cross_entropy", 2),
            _ => ("it", 1),
        };
        Fault::Arity { op, expected, found }
    }
}

/// The names of those that are written as several.
const COMPOSED: [&str; 16] = [
    "batch_norm",
    "layer_norm",
    "rms_norm",
    "group_norm",
    "weight_norm",
    "weight_standardization",
    "attention",
    "rotary",
    "embedding",
    "convolution",
    "average_pool",
    "max_pool",
    "upsample",
    "abs",
    "clip",
    "normalized_cross_entropy",
];

/// Whether an operation has this name.
pub(super) fn is_known(name: &str) -> bool {
    Op::names().chain(COMPOSED).any(|known| known == name)
}

/// All operations and blocks that a file can name, the likest to `op` first.
pub(super) fn available(op: &str, blocks: &[String]) -> String {
    let mut names = blocks.to_vec();
    names.extend(Op::names().chain(COMPOSED).map(str::to_owned));
    let likeness = |name: &str| strsim::jaro_winkler(name, op);
    // The sort is stable: those that are not like it stay in their order.
    names.sort_by(|a, b| {
        let [a, b] = [likeness(a), likeness(b)].map(|likeness| if likeness < 0.8 { 0.0 } else { likeness });
        b.total_cmp(&a)
    });
    names.join(", ")
}

impl Operation {
    /// The operation of a name; `None` where none has it.
    pub(super) fn read(op: &str, parameters: &mut Parameters<'_>) -> Result<Option<Self>, ParameterError> {
        if let Some(primitive) = Op::read(op, parameters)? {
            return Ok(Some(Self::Primitive(primitive)));
        }
        let is_given = parameters.rest.contains_key("epsilon");
        let mut epsilon = || if is_given { parameters.number("epsilon", None) } else { Ok(0.0) };
        Ok(Some(match op {
            "batch_norm" => Self::BatchNorm { epsilon: epsilon()? },
            "layer_norm" => Self::LayerNorm { epsilon: epsilon()? },
            "rms_norm" => Self::RmsNorm { epsilon: epsilon()? },
            "group_norm" => Self::GroupNorm { epsilon: epsilon()?, groups: parameters.size("groups", None)? },
            "weight_norm" => Self::WeightNorm { epsilon: epsilon()? },
            "weight_standardization" => Self::WeightStandardization { epsilon: epsilon()? },
            "attention" => Self::Attention { epsilon: epsilon()?, heads: parameters.size("heads", Some(1))? },
            "rotary" => Self::Rotary { base: parameters.number("base", Some(10_000.0))? },
            "embedding" => Self::Embedding,
            "convolution" => {
                Self::Convolution { shape: Patches::of(parameters)?, groups: parameters.size("groups", Some(1))? }
            }
            "average_pool" => Self::AveragePool(Patches::of(parameters)?),
            "max_pool" => Self::MaxPool(Patches::of(parameters)?),
            "upsample" => Self::Upsample { factor: parameters.size("factor", None)? },
            "abs" => Self::Absolute,
            "clip" => Self::Clip { low: parameters.number("low", None)?, high: parameters.number("high", None)? },
            "normalized_cross_entropy" => Self::NormalizedCrossEntropy { epsilon: epsilon()? },
            _ => return Ok(None),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first column of the table in `docs/architectures.md` lists each operation once, and nothing else.
    #[test]
    fn the_documentation_lists_every_operation() {
        let page = include_str!("../../docs/architectures.md");
        let (_, table) = page.split_once("| op | inputs | parameters | result |").expect("the table of operations");
        let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
        // What stands between backquotes is at the odd places.
        let column = rows.filter_map(|row| row.split('|').nth(1));
        let mut listed: Vec<&str> = column.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
        let mut names: Vec<&str> = Op::names().chain(COMPOSED).collect();
        listed.sort_unstable();
        names.sort_unstable();
        assert_eq!(listed, names);
    }
}
