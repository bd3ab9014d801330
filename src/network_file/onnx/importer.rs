//! A graph on its way to a network: its values by their names, and what is built of them.

use std::collections::HashMap;
use std::rc::Rc;

use rand::RngExt;

use super::call::kept;
use super::facts::{Fact, Size, Stage};
use super::tensor::Tensor;
use super::value::{Input, Outcome, Value};
use crate::data::{Stream, generator};
use crate::network::builder::{Builder, normal};
use crate::network::error::{NetworkError, shown};
use crate::network::ops::{Multiply, Op, Reshape, Transpose};
use crate::network::shape::Shape;
use crate::network::{Network, NodeId};
use crate::network_file::MASKED;

pub(super) struct Importer {
    pub builder: Builder,
    values: HashMap<String, Value>,
    facts: HashMap<NodeId, Fact>,
    /// Nodes of numbers that are known, by their names in the graph.
    constants: HashMap<String, NodeId>,
    /// Nodes of weights, by the names of their groups.
    weights: HashMap<String, NodeId>,
    /// Lines for the user.
    pub notes: Vec<String>,
    pub opset: i64,
    /// How many normalizations were built.
    pub normalizations: usize,
    /// The name of the node that is being built.
    pub at: String,
    drawn: u64,
}

impl Importer {
    pub fn new(title: &str, opset: i64) -> Self {
        Self {
            builder: Builder::new(title),
            values: HashMap::new(),
            facts: HashMap::new(),
            constants: HashMap::new(),
            weights: HashMap::new(),
            notes: vec![],
            opset,
            normalizations: 0,
            at: String::new(),
            drawn: 0,
        }
    }

    pub fn set(&mut self, name: &str, value: Value) {
        self.values.insert(name.into(), value);
    }

    pub fn get(&self, name: &str) -> Option<Value> {
        self.values.get(name).cloned()
    }

    /// A name that no node has, of the signs that names may have.
    fn fresh(&self, name: &str) -> String {
        const ROOM: usize = 96;
        let sign = |c: char| if c.is_ascii_alphanumeric() || "_.-/:".contains(c) { c } else { '_' };
        let clean: String = name.chars().map(sign).collect();
        let clean =
            if clean.is_empty() { "value".into() } else { clean[clean.len().saturating_sub(ROOM)..].to_owned() };
        let numbered = (2..).map(|k| format!("{clean}.{k}"));
        let mut names = std::iter::once(clean.clone()).chain(numbered);
        names.find(|name| self.builder.find(name).is_none()).unwrap_or(clean)
    }

    /// A fresh name for a part of the node that is being built, or for itself.
    pub fn name(&self, part: &str) -> String {
        if part.is_empty() { self.fresh(&self.at) } else { self.fresh(&format!("{}.{part}", self.at)) }
    }

    pub fn add(&mut self, part: &str, op: impl Into<Op>, inputs: &[NodeId]) -> Outcome<NodeId> {
        let name = self.name(part);
        Ok(self.builder.add(&name, op, inputs)?)
    }

    pub fn constant(&mut self, part: &str, tensor: &Tensor) -> Outcome<NodeId> {
        let name = self.name(part);
        self.constant_named(&name, tensor)
    }

    fn constant_named(&mut self, name: &str, tensor: &Tensor) -> Outcome<NodeId> {
        let values = tensor.values.iter().map(|&x| if x < MASKED { MASKED } else { x }).collect();
        Ok(self.builder.constant(name, &tensor.shape, values)?)
    }

    /// The node of an input, which may be known numbers.
    pub fn node(&mut self, input: &Input) -> Outcome<NodeId> {
        match &input.value {
            Value::Node(id) => Ok(*id),
            Value::Known(tensor) => {
                if let Some(&id) = self.constants.get(&input.name) {
                    return Ok(id);
                }
                let name = self.fresh(&input.name);
                let id = self.constant_named(&name, tensor)?;
                self.constants.insert(input.name.clone(), id);
                Ok(id)
            }
            Value::Weights { group, tensor } => {
                if let Some(&id) = self.weights.get(group) {
                    return Ok(id);
                }
                let name = self.fresh(group);
                let id = self.builder.weight_at(&name, &tensor.shape, tensor.values.clone())?;
                self.weights.insert(group.clone(), id);
                Ok(id)
            }
            Value::Undrawn { .. } => Err(format!(
                "the whole numbers of `{}` are used as numbers, and there are no data for them: --data FILE.npz gives some",
                shown(&input.name)
            )
            .into()),
        }
    }

    /// Indices below `limit`, drawn where there are no data.
    pub fn indices(&mut self, input: &Input, limit: usize) -> Outcome<Rc<Tensor>> {
        match &input.value {
            Value::Known(tensor) => Ok(tensor.clone()),
            Value::Node(_) | Value::Weights { .. } => {
                Err(format!("the indices `{}` depend on weights", shown(&input.name)).into())
            }
            Value::Undrawn { shape } => {
                self.drawn += 1;
                let mut generator = generator(self.drawn, Stream::Data);
                let count = self.shape(shape)?.count();
                let values = (0..count).map(|_| generator.random_range(0..limit.max(1)) as f64).collect();
                let tensor = Rc::new(Tensor { shape: shape.clone(), values, is_whole: true });
                self.set(&input.name, Value::Known(tensor.clone()));
                Ok(tensor)
            }
        }
    }

    /// Standard normal numbers, others at every call.
    pub fn draw(&mut self, shape: &[usize]) -> Outcome<Tensor> {
        self.drawn += 1;
        let axes = self.shape(shape)?;
        Ok(Tensor { shape: shape.to_vec(), values: normal(axes, self.drawn).values, is_whole: false })
    }

    pub fn shape(&self, axes: &[usize]) -> Outcome<Shape> {
        Ok(self.builder.shape_at(&self.at, axes)?)
    }

    /// The sizes of a node's axes.
    pub fn axes(&self, id: NodeId) -> Vec<usize> {
        self.builder.shape(id).map(|shape| shape.axes().to_vec()).unwrap_or_default()
    }

    /// The sizes of an input's axes.
    pub fn axes_of(&self, input: &Input) -> Vec<usize> {
        match &input.value {
            Value::Known(tensor) | Value::Weights { tensor, .. } => tensor.shape.clone(),
            Value::Node(id) => self.axes(*id),
            Value::Undrawn { shape } => shape.clone(),
        }
    }

    pub fn fact(&self, id: NodeId) -> Option<&Fact> {
        self.facts.get(&id)
    }

    pub fn note_fact(&mut self, id: NodeId, fact: Fact) {
        self.facts.insert(id, fact);
    }

    pub fn reshape(&mut self, part: &str, x: NodeId, axes: &[usize]) -> Outcome<NodeId> {
        if self.axes(x) == axes {
            return Ok(x);
        }
        let shape = self.shape(axes)?;
        let id = self.add(part, Reshape { shape }, &[x])?;
        // A sum over axes stays the same sum when axes of size 1 are added or removed.
        if let Some(fact @ (Fact::Moment { .. } | Fact::Size { .. })) = self.fact(x).cloned() {
            self.note_fact(id, fact);
        }
        Ok(id)
    }

    /// Axis k of the result is axis `order[k]`. Where that undoes a change of order, nothing is added.
    pub fn transpose(&mut self, part: &str, x: NodeId, order: &[usize]) -> Outcome<NodeId> {
        let (of, order) = match self.fact(x) {
            Some(Fact::Transposed { of, order: before }) => (*of, order.iter().map(|&k| before[k]).collect()),
            _ => (x, order.to_vec()),
        };
        if order.iter().copied().eq(0..order.len()) {
            return Ok(of);
        }
        let id = self.add(part, Transpose { order: order.clone() }, &[of])?;
        self.note_fact(id, Fact::Transposed { of, order });
        Ok(id)
    }

    /// Repeated along axes of size 1 and missing ones.
    pub fn widen(&mut self, part: &str, x: NodeId, axes: &[usize]) -> Outcome<NodeId> {
        if self.axes(x) == axes {
            return Ok(x);
        }
        let ones = Tensor { shape: axes.to_vec(), values: vec![1.0; self.shape(axes)?.count()], is_whole: false };
        let ones = self.constant(if part.is_empty() { "ones" } else { part }, &ones)?;
        let id = self.add(part, Multiply, &[x, ones])?;
        if let Some(fact @ (Fact::Moment { .. } | Fact::Size { .. })) = self.fact(x).cloned() {
            self.note_fact(id, fact);
        }
        Ok(id)
    }

    /// A normalization of `x`.
    pub fn normalize(&mut self, part: &str, size: &Size) -> Outcome<NodeId> {
        self.normalizations += 1;
        self.add(part, size.normalization.clone(), &[size.of])
    }

    /// a/b, where b is what a normalization of a divides by.
    pub fn quotient(&mut self, a: NodeId, b: NodeId) -> Outcome<Option<NodeId>> {
        let Some(Fact::Size { size, stage }) = self.fact(b).cloned() else { return Ok(None) };
        let is_of = match self.fact(a) {
            Some(Fact::Centred { of, axes }) if size.normalization.centred => {
                *of == size.of && *axes == size.normalization.axes
            }
            _ => !size.normalization.centred && a == size.of,
        };
        // A gain may have more entries.
        let repeats = self.repeats(b, size.of, &size.normalization.axes);
        Ok(match stage {
            Stage::Inverse { gain: Some(gain) } if is_of => {
                let normal = self.normalize("normalized", &size)?;
                Some(self.add("", Multiply, &[normal, gain])?)
            }
            Stage::Root | Stage::Inverse { gain: None } if is_of && repeats => Some(self.normalize("", &size)?),
            _ => None,
        })
    }

    /// Whether `sum`, which was summed from `of` over `axes`, is repeated along exactly these axes when it is combined with `of`, or has the shape of `of`
    /// already.
    pub fn repeats(&self, sum: NodeId, of: NodeId, axes: &[usize]) -> bool {
        let whole = self.axes(of);
        let lies = |axes: &[usize]| axes.iter().copied().skip_while(|&size| size == 1).collect::<Vec<_>>();
        [lies(&kept(&whole, axes)), lies(&whole)].contains(&lies(&self.axes(sum)))
    }

    pub fn finish(self, output: NodeId) -> Result<Network, NetworkError> {
        self.builder.finish(output)
    }
}
