//! A graph on its way to a network: its values by their names, and what is built of them.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::rc::Rc;

use rand::RngExt;

use super::error::OnnxError;
use super::facts::{Fact, Size, Stage};
use super::operators;
use super::schema;
use super::tensor::Tensor;
use crate::data::{Stream, generator};
use crate::network::builder::{Builder, normal};
use crate::network::error::{NetworkError, shown};
use crate::network::file::MASKED;
use crate::network::ops::{Multiply, Op, Reshape, Transpose};
use crate::network::shape::Shape;
use crate::network::{Network, NodeId};

/// What a name of the graph stands for.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Known(Rc<Tensor>),
    Node(NodeId),
    /// Whole numbers without data, which are drawn when it is known how many there are of what they count.
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

pub(super) struct Importer {
    pub builder: Builder,
    values: HashMap<String, Value>,
    facts: HashMap<NodeId, Fact>,
    /// Nodes of values that are known, by their names in the graph.
    constants: HashMap<String, NodeId>,
    /// Lines for the user.
    pub notes: Vec<String>,
    pub opset: i64,
    /// How many normalizations were built.
    pub normalizations: usize,
    /// The name of the node that is being built.
    at: String,
    drawn: u64,
}

impl Importer {
    pub fn new(title: &str, opset: i64) -> Self {
        Self {
            builder: Builder::new(title),
            values: HashMap::new(),
            facts: HashMap::new(),
            constants: HashMap::new(),
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

    /// The initializer `name` as a group of weights.
    pub fn weight(&mut self, name: &str, group: &str, tensor: Tensor) -> Result<(), NetworkError> {
        let fresh = self.fresh(group);
        let id = self.builder.weight_at(&fresh, &tensor.shape, tensor.values)?;
        self.set(name, Value::Node(id));
        Ok(())
    }

    /// Builds nodes in their order; of those that the output does not need, none.
    pub fn run(&mut self, nodes: &[schema::Node], needed: &HashSet<&str>, folder: &Path) -> Result<(), OnnxError> {
        let wanted = |node: &&schema::Node| node.output.iter().any(|name| needed.contains(name.as_str()));
        for node in nodes.iter().filter(wanted) {
            let at = node.output.iter().find(|name| !name.is_empty()).cloned().unwrap_or_default();
            let opset = self.opset;
            let refused = |Refusal(reason): Refusal| OnnxError::Node {
                node: shown(if node.name.is_empty() { &at } else { &node.name }),
                op: shown(&node.op_type),
                opset,
                reason,
            };
            let input = |name: &String| match (name.is_empty(), self.get(name)) {
                (true, _) => Ok(None),
                (false, Some(value)) => Ok(Some(Input { name: name.clone(), value })),
                _ => Err(refused(format!("its input `{}` is computed nowhere before it", shown(name)).into())),
            };
            let inputs = node.input.iter().map(input).collect::<Result<Vec<_>, _>>()?;
            self.at = at.clone();
            let call = Call { node, inputs, opset, folder };
            let built = operators::build(self, &call).map_err(refused)?;
            for (name, value) in node.output.iter().zip(built) {
                self.set(name, value);
            }
            // What is asked for and was not built shows where it is used.
        }
        Ok(())
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
            Value::Node(_) => Err(format!("the indices `{}` depend on weights", shown(&input.name)).into()),
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
            Value::Known(tensor) => tensor.shape.clone(),
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
        // What was summed over axes is the same without them.
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
        if let Some(fact @ Fact::Size { .. }) = self.fact(x).cloned() {
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
        // The sizes repeat along the axes that they were summed over; a gain may have more entries.
        let whole = self.axes(size.of);
        let lies = |axes: &[usize]| axes.iter().copied().skip_while(|&size| size == 1).collect::<Vec<_>>();
        let repeats = [lies(&kept(&whole, &size.normalization.axes)), lies(&whole)].contains(&lies(&self.axes(b)));
        Ok(match stage {
            Stage::Inverse { gain: Some(gain) } if is_of => {
                let normal = self.normalize("normalized", &size)?;
                Some(self.add("", Multiply, &[normal, gain])?)
            }
            Stage::Root | Stage::Inverse { gain: None } if is_of && repeats => Some(self.normalize("", &size)?),
            _ => None,
        })
    }

    pub fn finish(self, output: NodeId) -> Result<Network, NetworkError> {
        self.builder.finish(output)
    }
}

/// A shape with size 1 along some axes.
pub(super) fn kept(shape: &[usize], axes: &[usize]) -> Vec<usize> {
    shape.iter().enumerate().map(|(axis, &size)| if axes.contains(&axis) { 1 } else { size }).collect()
}

/// A node of the graph with its inputs.
pub(super) struct Call<'a> {
    pub node: &'a schema::Node,
    pub inputs: Vec<Option<Input>>,
    pub opset: i64,
    pub folder: &'a Path,
}

impl Call<'_> {
    pub fn optional(&self, k: usize) -> Option<&Input> {
        self.inputs.get(k).and_then(Option::as_ref)
    }

    pub fn input(&self, k: usize) -> Outcome<&Input> {
        self.optional(k).ok_or_else(|| format!("input {k} is missing").into())
    }

    /// The numbers of an input that must be known.
    pub fn known(&self, k: usize) -> Outcome<Option<Rc<Tensor>>> {
        match self.optional(k) {
            None => Ok(None),
            Some(Input { value: Value::Known(tensor), .. }) => Ok(Some(tensor.clone())),
            Some(Input { name, .. }) => {
                Err(format!("its input `{}` is not known before the network runs", shown(name)).into())
            }
        }
    }

    /// Whole numbers of an input, or of the attribute that older opsets have in its place.
    pub fn integers(&self, k: usize, attribute: &str) -> Outcome<Option<Vec<i64>>> {
        if let Some(found) = self.attribute(attribute) {
            return Ok(Some(found.ints.clone()));
        }
        let Some(tensor) = self.known(k)? else { return Ok(None) };
        tensor.integers().map(Some).ok_or_else(|| format!("input {k} has whole numbers, not others").into())
    }

    pub fn attribute(&self, name: &str) -> Option<&schema::Attribute> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub fn int(&self, name: &str, otherwise: i64) -> i64 {
        self.attribute(name).map_or(otherwise, |attribute| attribute.i)
    }

    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    /// A number, which files write in single precision: the shortest decimal number that is written so is what was meant.
    pub fn float(&self, name: &str, otherwise: f64) -> f64 {
        self.attribute(name).map_or(otherwise, |attribute| decimal(attribute.f))
    }

    pub fn text(&self, name: &str, otherwise: &str) -> String {
        let text = self.attribute(name).map(|attribute| String::from_utf8_lossy(&attribute.s).into_owned());
        text.unwrap_or_else(|| otherwise.into())
    }

    /// An axis, which may be counted from the end.
    pub fn axis(&self, name: &str, otherwise: i64, rank: usize) -> Outcome<usize> {
        axis(self.int(name, otherwise), rank)
    }
}

/// The shortest decimal number that single precision rounds to this one.
fn decimal(x: f32) -> f64 {
    x.to_string().parse().unwrap_or(f64::from(x))
}

/// The number that was meant by one which may have been written in single precision: a short decimal, or n, √n or ⁴√n, or one over them, for
/// a whole number n; else the number as it stands.
pub(super) fn meant(x: f64) -> f64 {
    const SHORT: usize = 7;
    let single = x.abs() as f32;
    if f64::from(single) != x.abs() || !single.is_normal() {
        return x;
    }
    let text = format!("{single:e}");
    let digits = text.split('e').next().unwrap_or_default().len();
    if digits <= SHORT {
        return decimal(single).copysign(x);
    }
    let is_less = single < 1.0;
    let above = if is_less { 1.0 / f64::from(single) } else { f64::from(single) };
    let exact = [1, 2, 4].into_iter().find_map(|root| {
        let n = above.powi(root).round();
        let root = n.powf(1.0 / f64::from(root));
        let exact = if is_less { 1.0 / root } else { root };
        (n <= 65536.0 && exact as f32 == single).then_some(exact)
    });
    exact.unwrap_or(f64::from(single)).copysign(x)
}

/// An axis, which may be counted from the end.
pub(super) fn axis(axis: i64, rank: usize) -> Outcome<usize> {
    let counted = if axis < 0 { axis + rank as i64 } else { axis };
    let inside = usize::try_from(counted).ok().filter(|&axis| axis < rank);
    inside.ok_or_else(|| format!("there is no axis {axis} in an array of {rank} axes").into())
}

/// Axes, each of which may be counted from the end, in their order.
pub(super) fn axes(list: &[i64], rank: usize) -> Outcome<Vec<usize>> {
    let mut axes = list.iter().map(|&one| axis(one, rank)).collect::<Outcome<Vec<_>>>()?;
    axes.sort_unstable();
    axes.dedup();
    Ok(axes)
}
