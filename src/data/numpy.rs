//! Arrays of `.npy` files.

use std::io;

use npyz::{DType, NpyFile, Order, TypeChar};

/// An array, its numbers in the order of the file.
pub(super) struct Numpy {
    pub shape: Vec<usize>,
    /// Whether the first index moves fastest.
    pub by_columns: bool,
    pub values: Vec<f64>,
}

/// Reads an array of real numbers.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn read(bytes: &[u8]) -> Result<Numpy, String> {
    let said = |error: io::Error| error.to_string();
    if !has_countable_shape(bytes) {
        return Err("its shape is too large".into());
    }
    let file = NpyFile::new(bytes).map_err(said)?;
    let shape = file.shape().iter().map(|&size| usize::try_from(size)).collect::<Result<Vec<_>, _>>();
    let shape = shape.map_err(|_| "its shape is too large")?;
    let DType::Plain(kind) = file.dtype() else { return Err("its entries are no plain numbers".into()) };
    let by_columns = file.order() == Order::Fortran;
    macro_rules! read {
        ($($sign:pat, $bytes:literal => $type:ty),* $(,)?) => {
            match (kind.type_char(), kind.num_bytes()) {
                $(($sign, Some($bytes)) => file.into_vec::<$type>().map_err(said)?.into_iter().map(|x| x as f64).collect(),)*
                (TypeChar::Bool, _) => file.into_vec::<bool>().map_err(said)?.into_iter().map(f64::from).collect(),
                _ => return Err(format!("its entries are of the type {kind}, which are no real numbers")),
            }
        };
    }
    let values = read! {
        TypeChar::Float, 8 => f64, TypeChar::Float, 4 => f32,
        TypeChar::Int, 8 => i64, TypeChar::Int, 4 => i32, TypeChar::Int, 2 => i16, TypeChar::Int, 1 => i8,
        TypeChar::Uint, 8 => u64, TypeChar::Uint, 4 => u32, TypeChar::Uint, 2 => u16, TypeChar::Uint, 1 => u8,
    };
    Ok(Numpy { shape, by_columns, values })
}

/// Whether the sizes in the header of a `.npy` file have a product that can be counted. The reader multiplies them without asking.
fn has_countable_shape(bytes: &[u8]) -> bool {
    let header = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let text = String::from_utf8_lossy(header);
    let shape = text.split_once("shape").and_then(|(_, rest)| rest.split_once('(')).map_or("", |(_, sizes)| sizes);
    let sizes = shape.split(')').next().unwrap_or_default().split(',');
    let mut sizes = sizes.filter_map(|size| size.trim().trim_end_matches('L').parse::<u64>().ok());
    sizes.try_fold(1u64, |count, size| count.checked_mul(size)).is_some()
}
