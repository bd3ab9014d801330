//! A node of the graph with its inputs and attributes.

use std::path::Path;
use std::rc::Rc;

use super::schema;
use super::tensor::Tensor;
use super::value::{Input, Outcome, Value};
use crate::network::error::shown;

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

/// Whether an attribute's type of numbers is one of whole ones.
pub(super) fn is_whole_type(data_type: i64) -> bool {
    !matches!(data_type, 1 | 10 | 11 | 16)
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
