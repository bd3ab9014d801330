//! Arrays of `.safetensors` files.

use safetensors::{Dtype, SafeTensors};

use super::number_type::{MOST_NUMBERS, NumberType};

/// The name, the shape and the numbers of an array.
type Named = (String, Vec<usize>, Vec<f64>);

/// The names and shapes of all arrays of a file, with numbers of those that are wanted.
///
/// # Errors
/// What is wrong with the file, or with an array.
pub(super) fn read(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Vec<Named>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let mut arrays = Vec::new();
    for (name, view) in file.tensors() {
        let values = if wanted(&name) {
            let kind = of(view.dtype());
            let kind =
                kind.ok_or_else(|| format!("`{name}` has entries of the type {:?}, which are not read", view.dtype()))?;
            let numbers = view.data().len() / kind.bytes();
            if numbers > MOST_NUMBERS {
                return Err(format!(
                    "`{name}`: {numbers} numbers are more than the {MOST_NUMBERS} of the largest array"
                ));
            }
            kind.unpack(view.data())
        } else {
            vec![]
        };
        arrays.push((name, view.shape().to_vec(), values));
    }
    // The order of the names, as the file has none of its own.
    arrays.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(arrays)
}

fn of(kind: Dtype) -> Option<NumberType> {
    Some(match kind {
        Dtype::F64 => NumberType::Double,
        Dtype::F32 => NumberType::Single,
        Dtype::F16 => NumberType::Half,
        Dtype::BF16 => NumberType::Brain,
        Dtype::BOOL => NumberType::Bool,
        Dtype::I64 => NumberType::Signed(8),
        Dtype::I32 => NumberType::Signed(4),
        Dtype::I16 => NumberType::Signed(2),
        Dtype::I8 => NumberType::Signed(1),
        Dtype::U64 => NumberType::Unsigned(8),
        Dtype::U32 => NumberType::Unsigned(4),
        Dtype::U16 => NumberType::Unsigned(2),
        Dtype::U8 => NumberType::Unsigned(1),
        _ => return None,
    })
}
