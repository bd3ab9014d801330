//! Numbers that are known when a file is read: data, shapes, indices, masks and numbers that were left as they are.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use super::error::OnnxError;
use super::schema;
use crate::data::NumberType;
use crate::network::error::shown;
use crate::network::shape::MOST_NUMBERS;

/// An array of numbers, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
    /// Whether its type is one of whole numbers, which divide without a remainder.
    pub is_whole: bool,
}

impl Tensor {
    pub fn number(value: f64) -> Self {
        Self { shape: vec![], values: vec![value], is_whole: false }
    }

    /// Sizes, axes or indices.
    pub fn whole(values: impl IntoIterator<Item = usize>) -> Self {
        let values: Vec<f64> = values.into_iter().map(|value| value as f64).collect();
        Self { shape: vec![values.len()], values, is_whole: true }
    }

    /// All of its entries, where they are the same.
    pub fn constant(&self) -> Option<f64> {
        let first = *self.values.first()?;
        self.values.iter().all(|&value| value == first).then_some(first)
    }

    /// Its entries as whole numbers.
    pub fn integers(&self) -> Option<Vec<i64>> {
        let whole = |&value: &f64| (value.fract() == 0.0).then_some(value as i64);
        self.values.iter().map(whole).collect()
    }

    pub fn reshaped(&self, shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), values: self.values.clone(), is_whole: self.is_whole }
    }

    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { shape: self.shape.clone(), values: self.values.iter().map(|&x| f(x)).collect(), is_whole: self.is_whole }
    }

    /// An array of another shape, each entry of which is taken from the place that `of` gives for its own. `None` where that has no entry.
    pub fn gather(&self, shape: &[usize], of: impl Fn(&[usize]) -> Option<Vec<usize>>) -> Option<Self> {
        let count = count(shape)?;
        let mut place = vec![0; shape.len()];
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            let from = of(&place)?;
            let inside = from.iter().zip(&self.shape).all(|(k, size)| k < size);
            let flat = from.iter().zip(&self.shape).fold(0, |flat, (k, size)| flat * size + k);
            values.push(*self.values.get(flat).filter(|_| inside && from.len() == self.shape.len())?);
            for axis in (0..shape.len()).rev() {
                place[axis] += 1;
                if place[axis] < shape[axis] {
                    break;
                }
                place[axis] = 0;
            }
        }
        Some(Self { shape: shape.to_vec(), values, is_whole: self.is_whole })
    }

    /// Repeated along axes of size 1 and missing ones.
    pub fn broadcast(&self, shape: &[usize]) -> Option<Self> {
        let missing = shape.len().checked_sub(self.shape.len())?;
        if self.shape == shape {
            return Some(self.clone());
        }
        let own = |place: &[usize]| {
            let own = self.shape.iter().zip(&place[missing..]);
            Some(own.map(|(&size, &k)| if size == 1 { 0 } else { k }).collect())
        };
        self.gather(shape, own)
    }

    /// Entry by entry with another, as NumPy broadcasts them.
    pub fn zip(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Option<Self> {
        let shape = broadcast(&self.shape, &other.shape)?;
        let (a, b) = (self.broadcast(&shape)?, other.broadcast(&shape)?);
        let values = a.values.iter().zip(&b.values).map(|(&a, &b)| f(a, b)).collect();
        Some(Self { shape, values, is_whole: self.is_whole && other.is_whole })
    }

    /// Reads the numbers of a file's tensor. Those that it keeps in another file lie beside it, in `folder`.
    pub fn read(tensor: &schema::Tensor, folder: &Path) -> Result<Self, OnnxError> {
        let name = || shown(&tensor.name);
        let fault = |reason: String| OnnxError::Tensor { name: name(), reason };
        let shape: Option<Vec<usize>> = tensor.dims.iter().map(|&size| usize::try_from(size).ok()).collect();
        let shape = shape.filter(|shape| count(shape).is_some());
        let shape = shape.ok_or_else(|| {
            fault(format!("an array of {:?} has more than the {MOST_NUMBERS} numbers of the largest", tensor.dims))
        })?;
        let kind = kind(tensor.data_type);
        let kind = kind.ok_or_else(|| fault(format!("numbers of ONNX's type {} are not read", tensor.data_type)))?;
        let expected: usize = shape.iter().product();
        let raw = match tensor.data_location {
            1 => external(tensor, folder, expected * kind.bytes())?.into(),
            _ => tensor.raw_data.clone(),
        };
        let values = if raw.is_empty() { listed(kind, tensor) } else { kind.unpack(&raw) };
        if values.len() != expected || raw.len() % kind.bytes() != 0 {
            return Err(fault(format!("{} numbers do not fill an array of {shape:?}", values.len())));
        }
        Ok(Self { shape, values, is_whole: kind.is_whole() })
    }
}

/// How many numbers an array of this shape has, where it is not too large.
fn count(shape: &[usize]) -> Option<usize> {
    let count = shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size));
    count.filter(|&count| count <= MOST_NUMBERS)
}

/// The shape to which two are repeated.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let size = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |own| shape[own]);
    let both = |axis| match (size(a, axis), size(b, axis)) {
        (a, b) if a == b || b == 1 => Some(a),
        (1, b) => Some(b),
        _ => None,
    };
    (0..rank).map(both).collect()
}

/// ONNX's types of numbers.
fn kind(data_type: i32) -> Option<NumberType> {
    Some(match data_type {
        1 => NumberType::Single,
        2 => NumberType::Unsigned(1),
        3 => NumberType::Signed(1),
        4 => NumberType::Unsigned(2),
        5 => NumberType::Signed(2),
        6 => NumberType::Signed(4),
        7 => NumberType::Signed(8),
        9 => NumberType::Bool,
        10 => NumberType::Half,
        11 => NumberType::Double,
        12 => NumberType::Unsigned(4),
        13 => NumberType::Unsigned(8),
        16 => NumberType::Brain,
        _ => return None,
    })
}

/// Numbers that the file lists one by one, of small types as the bits of larger ones.
fn listed(kind: NumberType, tensor: &schema::Tensor) -> Vec<f64> {
    let small = || tensor.int32_data.iter();
    match kind {
        NumberType::Single => tensor.float_data.iter().map(|&x| f64::from(x)).collect(),
        NumberType::Double => tensor.double_data.clone(),
        NumberType::Half | NumberType::Brain => {
            kind.unpack(&small().flat_map(|&x| (x as u16).to_le_bytes()).collect::<Vec<_>>())
        }
        NumberType::Signed(8) => tensor.int64_data.iter().map(|&x| x as f64).collect(),
        NumberType::Unsigned(4 | 8) => tensor.uint64_data.iter().map(|&x| x as f64).collect(),
        NumberType::Bool | NumberType::Signed(_) | NumberType::Unsigned(_) => small().map(|&x| f64::from(x)).collect(),
    }
}

/// The bytes that a tensor keeps in another file.
fn external(tensor: &schema::Tensor, folder: &Path, length: usize) -> Result<Vec<u8>, OnnxError> {
    let fault = |reason: &str| OnnxError::Tensor { name: shown(&tensor.name), reason: reason.into() };
    let entry = |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
    let number = |key: &str| entry(key).map(|text| text.parse::<u64>()).transpose();
    let location = entry("location").ok_or_else(|| fault("its numbers are in another file, which is not named"))?;
    let location = PathBuf::from(location);
    if location.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(fault("its numbers are in a file that does not lie beside the model or below it"));
    }
    let unclear = |_| fault("where its numbers begin in their file, or end, is no whole number");
    let (offset, given) = (number("offset").map_err(unclear)?.unwrap_or(0), number("length").map_err(unclear)?);
    if given.is_some_and(|given| given != length as u64) {
        return Err(fault("its shape needs another number of bytes than its file has for it"));
    }
    let path = folder.join(location);
    let open = || {
        let mut file = File::open(&path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes: Vec<u8> =
        open().map_err(|source| OnnxError::External { name: shown(&tensor.name), path: path.clone(), source })?;
    if bytes.len() == length { Ok(bytes) } else { Err(fault("its file ends before its numbers do")) }
}
