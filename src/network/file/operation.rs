//! Operations as files name them, with their parameters.

use std::collections::HashMap;

use toml::Value;

use super::{FileError, Size, resolve};
use crate::network::NodeId;
use crate::network::activation::Activation;
use crate::network::builder::{Builder, Convolution};
use crate::network::error::{Fault, NetworkError, shown};
use crate::network::op::{Normalization, Op};
use crate::network::shape::{MOST_NUMBERS, Shape};

/// An operation as a file names it: a primitive one, or one that is written as several.
pub(super) enum Operation {
    Primitive(Op),
    BatchNorm { epsilon: f64 },
    LayerNorm { epsilon: f64 },
    RmsNorm { epsilon: f64 },
    GroupNorm { groups: usize, epsilon: f64 },
    WeightNorm { epsilon: f64 },
    WeightStandardization { epsilon: f64 },
    Attention { epsilon: f64 },
    Convolution(Convolution),
    AveragePool(Convolution),
    MaxPool(Convolution),
    NormalizedCrossEntropy { epsilon: f64 },
}

impl Operation {
    pub(super) fn build(self, builder: &mut Builder, name: &str, inputs: &[NodeId]) -> Result<NodeId, NetworkError> {
        // A wrong number of inputs is told apart by the primitive operation's own count.
        match (self, inputs) {
            (Self::Primitive(op), _) => builder.add(name, op, inputs),
            (Self::BatchNorm { epsilon }, &[x]) => builder.batch_norm(name, x, epsilon),
            (Self::LayerNorm { epsilon }, &[x]) => builder.layer_norm(name, x, epsilon),
            (Self::RmsNorm { epsilon }, &[x]) => builder.rms_norm(name, x, epsilon),
            (Self::GroupNorm { groups, epsilon }, &[x]) => builder.group_norm(name, x, groups, epsilon),
            (Self::WeightNorm { epsilon }, &[x]) => builder.weight_norm(name, x, epsilon),
            (Self::WeightStandardization { epsilon }, &[x]) => builder.weight_standardization(name, x, epsilon),
            (Self::Attention { epsilon }, &[q, k, v]) => builder.attention(name, [q, k, v], epsilon),
            (Self::Convolution(shape), &[x, kernels]) => builder.convolution(name, x, kernels, &shape),
            (Self::AveragePool(shape), &[x]) => builder.average_pool(name, x, &shape),
            (Self::MaxPool(shape), &[x]) => builder.max_pool(name, x, &shape),
            (Self::NormalizedCrossEntropy { epsilon }, &[logits, targets]) => {
                builder.normalized_cross_entropy(name, logits, targets, epsilon)
            }
            (operation, _) => Err(NetworkError::Node { node: name.into(), fault: operation.wrong_count(inputs.len()) }),
        }
    }

    fn wrong_count(&self, found: usize) -> Fault {
        let (op, expected) = match self {
            Self::Attention { .. } => ("attention", 3),
            Self::Convolution(_) => ("convolution", 2),
            Self::NormalizedCrossEntropy { .. } => ("normalized_cross_entropy", 2),
            _ => ("a normalization or a pool", 1),
        };
        Fault::Arity { op, expected, found }
    }
}

/// A node's parameters; those that were read are taken out of `rest`.
pub(super) struct Parameters<'a> {
    pub(super) line: usize,
    pub(super) name: &'a str,
    pub(super) op: &'a str,
    pub(super) sizes: &'a HashMap<String, usize>,
    /// How many axes the first input has: a negative axis counts from its end.
    pub(super) axes: usize,
    pub(super) rest: toml::Table,
}

/// The names of operations that are no activations.
const NAMES: [&str; 30] = [
    "linear",
    "matrix_product",
    "add",
    "bias",
    "subtract",
    "multiply",
    "divide",
    "scale",
    "square_root",
    "sum",
    "mean",
    "maximum",
    "transpose",
    "reshape",
    "slice",
    "patches",
    "normalize",
    "softmax",
    "batch_norm",
    "layer_norm",
    "rms_norm",
    "group_norm",
    "weight_norm",
    "weight_standardization",
    "attention",
    "convolution",
    "average_pool",
    "max_pool",
    "mean_squared_error",
    "cross_entropy",
];

/// All operations that a file can name, the likest to `op` first.
fn available(op: &str) -> String {
    let activations = Activation::ALL.into_iter().map(|activation| activation.name());
    let mut names: Vec<&str> = NAMES.into_iter().chain(["normalized_cross_entropy"]).chain(activations).collect();
    let likeness = |name: &str| strsim::jaro_winkler(name, op);
    // Stable: those that are not like it stay in their order.
    names.sort_by(|a, b| {
        let [a, b] = [likeness(a), likeness(b)].map(|likeness| if likeness < 0.8 { 0.0 } else { likeness });
        b.total_cmp(&a)
    });
    names.join(", ")
}

impl Parameters<'_> {
    pub(super) fn operation(&mut self) -> Result<Operation, FileError> {
        let op = self.op;
        if let Some(activation) = Activation::ALL.into_iter().find(|activation| activation.name() == op) {
            return Ok(Operation::Primitive(Op::Activation(activation)));
        }
        let primitive = match op {
            "matrix_product" => Op::MatrixProduct { transpose_right: self.flag("transpose_right", false)? },
            "linear" => Op::MatrixProduct { transpose_right: true },
            "add" | "bias" => Op::Add,
            "subtract" => Op::Subtract,
            "multiply" => Op::Multiply,
            "divide" => Op::Divide,
            "scale" => Op::Scale(self.number("factor", None)?),
            "square_root" => Op::SquareRoot,
            "sum" => Op::Sum { axes: self.axes_of("axes")? },
            "mean" => Op::Mean { axes: self.axes_of("axes")? },
            "maximum" => Op::Maximum { axes: self.axes_of("axes")? },
            "transpose" => Op::Transpose { order: self.axes_of("order")? },
            "reshape" => {
                let axes = self.sizes_of("shape")?;
                Op::Reshape(Shape::new(&axes).ok_or_else(|| self.fault("shape", "at most six axes, none of size 0"))?)
            }
            "slice" => Op::Slice {
                axis: self.axis("axis")?,
                start: self.size("start", Some(0))?,
                end: self.size("end", None)?,
                step: self.size("step", Some(1))?,
            },
            "patches" => {
                let Convolution { window, stride, padding } = self.window()?;
                Op::Patches { window, stride, padding }
            }
            "normalize" => Op::Normalize(Normalization {
                axes: self.axes_of("axes")?,
                epsilon: self.number("epsilon", Some(0.0))?,
                centred: self.flag("centred", true)?,
                averaged: self.flag("averaged", true)?,
            }),
            "softmax" => Op::Softmax { axis: self.axis("axis")?, function: self.positive_function()? },
            "mean_squared_error" => Op::MeanSquaredError,
            "cross_entropy" => Op::CrossEntropy,
            _ => return self.composed(),
        };
        Ok(Operation::Primitive(primitive))
    }

    fn composed(&mut self) -> Result<Operation, FileError> {
        let epsilon =
            self.rest.contains_key("epsilon").then(|| self.number("epsilon", None)).transpose()?.unwrap_or(0.0);
        Ok(match self.op {
            "batch_norm" => Operation::BatchNorm { epsilon },
            "layer_norm" => Operation::LayerNorm { epsilon },
            "rms_norm" => Operation::RmsNorm { epsilon },
            "group_norm" => Operation::GroupNorm { groups: self.size("groups", None)?, epsilon },
            "weight_norm" => Operation::WeightNorm { epsilon },
            "weight_standardization" => Operation::WeightStandardization { epsilon },
            "attention" => Operation::Attention { epsilon },
            "convolution" => Operation::Convolution(self.window()?),
            "average_pool" => Operation::AveragePool(self.window()?),
            "max_pool" => Operation::MaxPool(self.window()?),
            "normalized_cross_entropy" => Operation::NormalizedCrossEntropy { epsilon },
            op => {
                let (node, available) = (shown(self.name), available(op));
                return Err(FileError::NoSuchOperation { line: self.line, node, op: shown(op), available });
            }
        })
    }

    fn fault(&self, parameter: &'static str, expected: &str) -> FileError {
        let (node, op) = (shown(self.name), shown(self.op));
        FileError::Parameter { line: self.line, node, op, parameter, expected: expected.into() }
    }

    fn number(&mut self, parameter: &'static str, default: Option<f64>) -> Result<f64, FileError> {
        match (self.rest.remove(parameter), default) {
            (Some(Value::Float(number)), _) => Ok(number),
            (Some(Value::Integer(number)), _) => Ok(number as f64),
            (None, Some(default)) => Ok(default),
            _ => Err(self.fault(parameter, "a number")),
        }
    }

    fn flag(&mut self, parameter: &'static str, default: bool) -> Result<bool, FileError> {
        match self.rest.remove(parameter) {
            Some(Value::Boolean(flag)) => Ok(flag),
            None => Ok(default),
            _ => Err(self.fault(parameter, "true or false")),
        }
    }

    /// A size below the limit, or what was expected.
    fn as_size(&self, parameter: &'static str, value: Value, expected: &str) -> Result<usize, FileError> {
        let size = match value {
            Value::Integer(number) => usize::try_from(number).ok(),
            Value::String(name) => Some(resolve(&Size::Name(name), self.sizes, self.line, self.name)?),
            _ => None,
        };
        let fits = size.filter(|&size| size <= MOST_NUMBERS);
        fits.ok_or_else(|| {
            self.fault(parameter, &format!("{expected} from 0 to {MOST_NUMBERS}, or the name of a size"))
        })
    }

    fn size(&mut self, parameter: &'static str, default: Option<usize>) -> Result<usize, FileError> {
        const EXPECTED: &str = "a whole number";
        match (self.rest.remove(parameter), default) {
            (None, Some(default)) => Ok(default),
            (None, None) => Err(self.fault(parameter, EXPECTED)),
            (Some(value), _) => self.as_size(parameter, value, EXPECTED),
        }
    }

    fn sizes_of(&mut self, parameter: &'static str) -> Result<Vec<usize>, FileError> {
        const EXPECTED: &str = "a list of whole numbers";
        match self.rest.remove(parameter) {
            Some(Value::Array(values)) => {
                values.into_iter().map(|value| self.as_size(parameter, value, EXPECTED)).collect()
            }
            // One of them needs no list.
            Some(value @ (Value::Integer(_) | Value::String(_))) => Ok(vec![self.as_size(parameter, value, EXPECTED)?]),
            _ => Err(self.fault(parameter, EXPECTED)),
        }
    }

    /// An axis, from the first or, where negative, from the last one.
    fn axis(&mut self, parameter: &'static str) -> Result<usize, FileError> {
        if let Some(value) = self.rest.remove(parameter) {
            let value = self.counted(value);
            self.rest.insert(parameter.into(), value);
        }
        self.size(parameter, None)
    }

    fn axes_of(&mut self, parameter: &'static str) -> Result<Vec<usize>, FileError> {
        if let Some(value) = self.rest.remove(parameter) {
            let value = match value {
                Value::Array(values) => Value::Array(values.into_iter().map(|value| self.counted(value)).collect()),
                value => self.counted(value),
            };
            self.rest.insert(parameter.into(), value);
        }
        self.sizes_of(parameter)
    }

    fn counted(&self, value: Value) -> Value {
        match value {
            Value::Integer(axis) if axis < 0 => Value::Integer(axis + self.axes as i64),
            value => value,
        }
    }

    fn window(&mut self) -> Result<Convolution, FileError> {
        Ok(Convolution {
            window: self.sizes_of("window")?,
            stride: self.size("stride", Some(1))?,
            padding: self.size("padding", Some(0))?,
        })
    }

    fn positive_function(&mut self) -> Result<Activation, FileError> {
        match self.rest.remove("function") {
            None => Ok(Activation::Exponential),
            Some(Value::String(name)) if name == Activation::Exponential.name() => Ok(Activation::Exponential),
            Some(Value::String(name)) if name == Activation::Cauchy.name() => Ok(Activation::Cauchy),
            _ => Err(self.fault("function", "\"exp\" or \"cauchy\"")),
        }
    }
}
