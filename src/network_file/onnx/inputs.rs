//! The data of a graph's inputs: the user's, or drawn.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::OnnxOptions;
use super::call::is_whole_type;
use super::error::OnnxError;
use super::importer::Importer;
use super::schema;
use super::tensor::Tensor;
use super::value::{Refusal, Value};
use crate::data::Array;
use crate::network::error::shown;

/// What the array of targets may be named.
pub(super) const TARGETS: [&str; 4] = ["targets", "target", "labels", "y"];

/// The arrays of a user's file, with how much of it was asked for.
pub(super) struct Arrays {
    path: PathBuf,
    arrays: HashMap<String, Array>,
}

impl Arrays {
    pub fn read(options: &OnnxOptions) -> Result<Option<Self>, OnnxError> {
        let Some(path) = &options.data else { return Ok(None) };
        Ok(Some(Self { path: path.clone(), arrays: Array::read_archive(path)?.into_iter().collect() }))
    }

    /// The array of one of these names.
    pub fn take(&mut self, input: &str, names: &[&str]) -> Result<(String, Array), OnnxError> {
        if let Some((array, found)) = names.iter().find_map(|name| self.arrays.remove_entry(*name)) {
            return match found.values.iter().position(|value| !value.is_finite()) {
                None => Ok((array, found)),
                Some(entry) => {
                    let (path, value) = (self.path.clone(), found.values[entry]);
                    Err(OnnxError::NotFinite { path, array: shown(&array), entry, value })
                }
            };
        }
        let mut available: Vec<&str> = self.arrays.keys().map(String::as_str).collect();
        available.sort_unstable();
        Err(OnnxError::NoArray {
            path: self.path.clone(),
            input: shown(input),
            names: names.join(", "),
            available: shown(&available.join(", ")),
        })
    }
}

/// Gives the graph's inputs their data, from the user's file or drawn. Where the graph has the loss, its last input may be the targets.
pub(super) fn inputs(
    importer: &mut Importer,
    graph: &schema::Graph,
    needed: &HashSet<&str>,
    (set, has_loss): (&[(&str, usize)], bool),
    arrays: &mut Option<Arrays>,
) -> Result<(), OnnxError> {
    let is_initializer = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
    let inputs: Vec<_> = graph.input.iter().filter(|input| !is_initializer(&input.name)).collect();
    let mut sizes: HashMap<String, usize> = set.iter().map(|&(name, size)| (name.to_owned(), size)).collect();
    let dims = |input: &schema::ValueInfo| {
        let kind = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
        let dims = kind.and_then(|kind| kind.shape.as_ref()).map_or(&[][..], |shape| &shape.dim);
        let open = |(k, size): (usize, &schema::Dimension)| match size.dim_value {
            Some(value) => Err(usize::try_from(value).unwrap_or(0)),
            None if size.dim_param.is_empty() => Ok(format!("{}.{k}", input.name)),
            None => Ok(size.dim_param.clone()),
        };
        (kind.map_or(1, |kind| kind.elem_type), dims.iter().enumerate().map(open).collect::<Vec<_>>())
    };
    let mut open: Vec<String> = inputs.iter().flat_map(|input| dims(input).1).filter_map(Result::ok).collect();
    open.sort_unstable();
    open.dedup();
    if let Some((size, _)) = set.iter().find(|(size, _)| open.iter().all(|open| open != size)) {
        let available = if open.is_empty() { "none".into() } else { shown(&open.join(", ")) };
        return Err(OnnxError::NoSuchSize { size: shown(size), available });
    }
    let mut drawn = Vec::new();
    let last = inputs.len().saturating_sub(1);
    for (k, input) in inputs.iter().enumerate().filter(|(_, input)| needed.contains(input.name.as_str())) {
        let (kind, axes) = dims(input);
        let name = input.name.as_str();
        let given = match arrays {
            Some(arrays) => {
                let others: &[&str] = match k {
                    0 => &["inputs", "input", "x"],
                    k if has_loss && k == last => &TARGETS,
                    _ => &[],
                };
                let names: Vec<&str> = [name].into_iter().chain(others.iter().copied()).collect();
                Some((arrays.path.clone(), arrays.take(name, &names)?))
            }
            None => None,
        };
        if let Some((path, (array, found))) = given {
            let fits = axes.len() == found.shape.len()
                && axes.iter().zip(&found.shape).all(|(axis, &size)| match axis {
                    Err(fixed) => *fixed == size,
                    Ok(open) => *sizes.entry(open.clone()).or_insert(size) == size,
                });
            if !fits {
                let shape = |axis: &Result<String, usize>| match axis {
                    Err(fixed) => fixed.to_string(),
                    Ok(open) => sizes.get(open).map_or_else(|| open.clone(), |size| format!("{open} = {size}")),
                };
                let expected = axes.iter().map(shape).collect();
                return Err(OnnxError::ArrayShape { path, array, input: shown(name), found: found.shape, expected });
            }
            let is_whole = is_whole_type(kind.into());
            importer.set(name, Tensor { shape: found.shape, values: found.values, is_whole }.into());
            continue;
        }
        let size = |axis: &Result<String, usize>| match axis {
            Err(fixed) => Ok(*fixed),
            Ok(open) => {
                sizes.get(open).copied().ok_or_else(|| OnnxError::OpenSize { size: shown(open), input: shown(name) })
            }
        };
        let shape = axes.iter().map(size).collect::<Result<Vec<_>, _>>()?;
        drawn.push(format!("`{}`", shown(name)));
        let value = match is_whole_type(kind.into()) {
            false => importer.draw(&shape).map_err(|refusal| whole(name, refusal))?.into(),
            true => Value::Undrawn { shape },
        };
        importer.set(name, value);
    }
    if !drawn.is_empty() {
        importer
            .notes
            .push(format!("there are no data for {}: they are drawn. --data FILE.npz gives some", drawn.join(", ")));
    }
    Ok(())
}

pub(super) fn whole(name: &str, Refusal(reason): Refusal) -> OnnxError {
    OnnxError::Tensor { name: shown(name), reason }
}
