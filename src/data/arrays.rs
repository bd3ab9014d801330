//! Arrays of numbers in files: NumPy's `.npy` and `.npz`, `.safetensors`, IDX (as MNIST has it), CIFAR-10's binary batches, and CSV.

use std::fs;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use npyz::WriterBuilder;
use thiserror::Error;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{DateTime, ZipArchive, ZipWriter};

use super::number_type::MOST_NUMBERS;
use super::numpy::{self, Numpy};
use super::safetensors;
use crate::text::shown;

/// The largest file that is read, and the most that a compressed one may hold, in bytes.
const LARGEST: u64 = 1 << 30;
/// A row of CIFAR-10: a label, then the red, the green and the blue of 32 × 32 places.
const CIFAR_ROW: usize = 1 + 3 * CIFAR_PLACES;
const CIFAR_PLACES: usize = 32 * 32;

/// An array of numbers, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

/// Why a file holds no array of numbers.
#[derive(Debug, Error)]
pub enum ArrayError {
    #[error("`{}` cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("`{}` is larger than the {LARGEST} bytes of the largest file of numbers", path.display())]
    TooLong { path: PathBuf },
    #[error(
        "`{}` is no kind of file that is known by its name: .npy, .npz, .safetensors, .csv, .bin (CIFAR-10), -ubyte and .idx (each also as .gz)",
        path.display()
    )]
    UnknownKind { path: PathBuf },
    #[error("`{}` is neither a .npz nor a .safetensors file, by the end of its name", path.display())]
    NoArchive { path: PathBuf },
    #[error("`{}`: {what}", path.display())]
    Malformed { path: PathBuf, what: String },
    #[error("`{}` has no array `{array}`; there are: {available}", path.display())]
    NoSuchArray { path: PathBuf, array: String, available: String },
    #[error("`{}` has several arrays, and `array` says which is meant: {available}", path.display())]
    WhichArray { path: PathBuf, available: String },
    #[error("`{}`: line {line}, column {column}: `{found}` is no number", path.display())]
    NoNumber { path: PathBuf, line: u64, column: usize, found: String },
    #[error("rows {first}..{end} are none of the {rows} rows of `{}`", path.display())]
    Rows { path: PathBuf, first: usize, end: usize, rows: usize },
    #[error("`{}`: {numbers} numbers are more than the {MOST_NUMBERS} of the largest array; `rows` takes a part", path.display())]
    TooManyNumbers { path: PathBuf, numbers: usize },
    #[error("a label is a whole number from 0 to {}, for {classes} classes; entry {entry} is {value}", classes.saturating_sub(1))]
    Label { entry: usize, value: f64, classes: usize },
}

impl Array {
    /// Reads an array from a file. The end of the file's name says what kind it is. `rows` = (first, end) asks for the rows from `first` to `end` − 1 only.
    ///
    /// # Errors
    /// The file cannot be read, is of an unknown kind or is damaged. It has several arrays and none is named, or it lacks the array or the rows that are asked
    /// for.
    pub fn read(path: &Path, array: Option<&str>, rows: Option<(usize, usize)>) -> Result<Self, ArrayError> {
        let (name, bytes) = ArrayFile { path, rows }.bytes()?;
        Self::parse(path, &name, &bytes, array, rows)
    }

    /// The same of a file's bytes, without the compression by gzip. The end of `name` says what kind of file they are; `path` names the file in errors.
    ///
    /// # Errors
    /// See [`Array::read`].
    pub fn parse(
        path: &Path,
        name: &str,
        bytes: &[u8],
        array: Option<&str>,
        rows: Option<(usize, usize)>,
    ) -> Result<Self, ArrayError> {
        let file = ArrayFile { path, rows };
        let ends = |end: &str| name.ends_with(end);
        if ends(".npz") {
            return file.archive(bytes, array);
        }
        if ends(".safetensors") {
            return file.safetensors(bytes, array);
        }
        if ends(".bin") {
            return file.cifar(bytes, array);
        }
        if let Some(array) = array {
            return Err(ArrayError::NoSuchArray { path: path.into(), array: shown(array), available: "one".into() });
        }
        if ends(".npy") {
            file.numpy(bytes)
        } else if ends(".csv") {
            file.csv(bytes)
        } else if ends("-ubyte") || ends(".idx") {
            file.idx(bytes)
        } else {
            Err(ArrayError::UnknownKind { path: path.into() })
        }
    }

    /// All arrays of a `.npz` or `.safetensors` file with their names, in the order of the file or of the names.
    ///
    /// # Errors
    /// The file cannot be read, is neither, or is damaged.
    pub fn read_archive(path: &Path) -> Result<Vec<(String, Self)>, ArrayError> {
        let file = ArrayFile { path, rows: None };
        let (name, bytes) = file.bytes()?;
        if name.ends_with(".safetensors") {
            let arrays = safetensors::read(&bytes, |_| true).map_err(|what| file.malformed(what))?;
            return Ok(arrays.into_iter().map(|(name, shape, values)| (name, Self { shape, values })).collect());
        }
        if !name.ends_with(".npz") {
            return Err(ArrayError::NoArchive { path: path.into() });
        }
        let (mut archive, names) = file.opened(&bytes)?;
        names.into_iter().map(|name| Ok((name.clone(), file.entry(&mut archive, &name)?))).collect()
    }

    /// The bytes of a `.npz` file in which each array has its name.
    ///
    /// # Errors
    /// A name that a `.npz` file cannot have.
    pub fn to_npz<'a>(arrays: impl IntoIterator<Item = (&'a str, &'a Self)>) -> io::Result<Vec<u8>> {
        // Without a time the same arrays are the same bytes.
        let options = SimpleFileOptions::default().last_modified_time(DateTime::default());
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, array) in arrays {
            archive.start_file(format!("{name}.npy"), options)?;
            let shape: Vec<u64> = array.shape.iter().map(|&size| size as u64).collect();
            let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut archive).begin_nd()?;
            writer.extend(&array.values)?;
            writer.finish()?;
        }
        Ok(archive.finish()?.into_inner())
    }

    /// Labels as vectors with a 1 at the label.
    ///
    /// # Errors
    /// An entry that is no whole number from 0 to `classes` − 1.
    pub fn one_hot(mut self, classes: usize) -> Result<Self, ArrayError> {
        let mut values = vec![0.0; self.values.len().saturating_mul(classes).min(MOST_NUMBERS)];
        for (entry, &value) in self.values.iter().enumerate() {
            let is_label = value.fract() == 0.0 && value >= 0.0 && value < classes as f64;
            let place = is_label.then(|| values.get_mut(entry * classes + value as usize)).flatten();
            *place.ok_or(ArrayError::Label { entry, value, classes })? = 1.0;
        }
        // A column of labels becomes a matrix.
        if self.shape.len() > 1 && self.shape.last() == Some(&1) {
            self.shape.pop();
        }
        self.shape.push(classes);
        Ok(Self { shape: self.shape, values })
    }
}

type Archive<'a> = ZipArchive<Cursor<&'a [u8]>>;

/// A file, and which of its rows are wanted.
struct ArrayFile<'a> {
    path: &'a Path,
    rows: Option<(usize, usize)>,
}

impl ArrayFile<'_> {
    /// What a reader says may have several lines, and bytes of the file.
    fn malformed(&self, what: impl AsRef<str>) -> ArrayError {
        ArrayError::Malformed { path: self.path.into(), what: shown(what.as_ref()) }
    }

    fn too_long(&self) -> ArrayError {
        ArrayError::TooLong { path: self.path.into() }
    }

    /// The file's name without `.gz`, and what is in it.
    fn bytes(&self) -> Result<(String, Vec<u8>), ArrayError> {
        let unreadable = |source| ArrayError::Unreadable { path: self.path.into(), source };
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let mut bytes = Vec::new();
        let mut file = fs::File::open(self.path).map_err(unreadable)?.take(LARGEST + 1);
        let name = match name.strip_suffix(".gz") {
            Some(name) => {
                MultiGzDecoder::new(file).take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
                name.to_owned()
            }
            None => {
                file.read_to_end(&mut bytes).map_err(unreadable)?;
                name
            }
        };
        if bytes.len() as u64 > LARGEST { Err(self.too_long()) } else { Ok((name, bytes)) }
    }

    /// The first row that is wanted, and the row after the last one. The array has `rows` rows of `each` numbers.
    fn wanted(&self, rows: usize, each: usize) -> Result<(usize, usize), ArrayError> {
        let (first, end) = self.rows.unwrap_or((0, rows));
        // A file may hold an array without rows, but nobody asks for none.
        if self.rows.is_some() && !(first < end && end <= rows) {
            return Err(ArrayError::Rows { path: self.path.into(), first, end, rows });
        }
        match (end - first).saturating_mul(each) {
            numbers if numbers > MOST_NUMBERS => Err(ArrayError::TooManyNumbers { path: self.path.into(), numbers }),
            _ => Ok((first, end)),
        }
    }

    /// The wanted rows of an array of this shape, entry by entry from a source that can be asked for any.
    fn rows_of(&self, shape: &[usize], at: impl Fn(usize) -> f64) -> Result<Array, ArrayError> {
        let (rows, rest) = shape.split_first().map_or((1, &[][..]), |(rows, rest)| (*rows, rest));
        // An array without rows may have any other sizes.
        let each = rest.iter().fold(1usize, |each, &size| each.saturating_mul(size));
        let (first, end) = self.wanted(rows, each)?;
        let values = if first == end { vec![] } else { (first * each..end * each).map(at).collect() };
        let shape = if shape.is_empty() { vec![] } else { [&[end - first], rest].concat() };
        Ok(Array { shape, values })
    }

    fn numpy(&self, bytes: &[u8]) -> Result<Array, ArrayError> {
        let Numpy { shape, by_columns, values } = numpy::read(bytes).map_err(|what| self.malformed(what))?;
        self.of_numpy(&shape, by_columns, |k| values[k], values.len())
    }

    /// The wanted rows of an array that NumPy wrote row by row, or with the first index moving fastest.
    fn of_numpy(
        &self,
        shape: &[usize],
        by_columns: bool,
        at: impl Fn(usize) -> f64,
        count: usize,
    ) -> Result<Array, ArrayError> {
        if shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size)) != Some(count) {
            return Err(self.malformed(format!("{count} numbers do not fill an array of {shape:?}")));
        }
        if !by_columns {
            return self.rows_of(shape, at);
        }
        self.rows_of(shape, |place| {
            let digits = |(place, offset): (usize, usize), &size: &usize| (place / size, offset * size + place % size);
            at(shape.iter().rev().fold((place, 0), digits).1)
        })
    }

    /// A `.npz` file, and the names of its arrays.
    fn opened<'b>(&self, bytes: &'b [u8]) -> Result<(Archive<'b>, Vec<String>), ArrayError> {
        let malformed = |error: ZipError| self.malformed(error.to_string());
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(malformed)?;
        let entries = archive.file_names().collect::<Result<Vec<_>, _>>().map_err(malformed)?;
        let names = entries.iter().filter_map(|name| name.strip_suffix(".npy")).map(str::to_owned).collect();
        Ok((archive, names))
    }

    fn safetensors(&self, bytes: &[u8], array: Option<&str>) -> Result<Array, ArrayError> {
        let all = safetensors::read(bytes, |_| false).map_err(|what| self.malformed(what))?;
        let names: Vec<&str> = all.iter().map(|(name, ..)| name.as_str()).collect();
        let name = self.one_of(&names, array)?;
        let read = safetensors::read(bytes, |other| other == name).map_err(|what| self.malformed(what))?;
        let found = read.into_iter().find(|(other, ..)| other == name);
        let (_, shape, values) = found.ok_or_else(|| self.malformed("it has no arrays"))?;
        self.of_numpy(&shape, false, |k| values[k], values.len())
    }

    /// The array of several that was asked for, or the only one.
    fn one_of<'b>(&self, names: &[&'b str], array: Option<&'b str>) -> Result<&'b str, ArrayError> {
        let available = shown(&names.join(", "));
        match (array, names) {
            (Some(array), _) if names.contains(&array) => Ok(array),
            (Some(array), _) => Err(ArrayError::NoSuchArray { path: self.path.into(), array: shown(array), available }),
            (None, [only]) => Ok(only),
            (None, _) => Err(ArrayError::WhichArray { path: self.path.into(), available }),
        }
    }

    fn archive(&self, bytes: &[u8], array: Option<&str>) -> Result<Array, ArrayError> {
        let (mut archive, names) = self.opened(bytes)?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let name = self.one_of(&names, array)?;
        self.entry(&mut archive, name)
    }

    /// An array of a `.npz` file.
    fn entry(&self, archive: &mut Archive<'_>, name: &str) -> Result<Array, ArrayError> {
        let entry = archive.by_name(&format!("{name}.npy")).map_err(|error| self.malformed(error.to_string()))?;
        let mut plain = Vec::new();
        entry.take(LARGEST + 1).read_to_end(&mut plain).map_err(|error| self.malformed(error.to_string()))?;
        if plain.len() as u64 > LARGEST { Err(self.too_long()) } else { self.numpy(&plain) }
    }

    /// Two zeros, a type, the number of axes, their sizes, and the entries: all in the order of a big-endian machine.
    fn idx(&self, bytes: &[u8]) -> Result<Array, ArrayError> {
        let short = || self.malformed("it ends before its array does");
        let (&[zero, zero_too, kind, axes], rest) =
            bytes.split_first_chunk().ok_or_else(|| self.malformed("it is too short for an IDX file"))?;
        if (zero, zero_too) != (0, 0) {
            return Err(self.malformed("an IDX file begins with two zeros"));
        }
        let (sizes, entries) = rest.split_at_checked(4 * usize::from(axes)).ok_or_else(short)?;
        let shape: Vec<usize> =
            sizes.as_chunks::<4>().0.iter().map(|&size| u32::from_be_bytes(size) as usize).collect();
        let count = shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size)).ok_or_else(short)?;
        macro_rules! of {
            ($type:ty) => {{
                let (chunks, _) = entries.as_chunks::<{ size_of::<$type>() }>();
                if chunks.len() < count {
                    return Err(short());
                }
                self.rows_of(&shape, |k| <$type>::from_be_bytes(chunks[k]) as f64)
            }};
        }
        match kind {
            0x08 => of!(u8),
            0x09 => of!(i8),
            0x0B => of!(i16),
            0x0C => of!(i32),
            0x0D => of!(f32),
            0x0E => of!(f64),
            _ => Err(self.malformed(format!("an IDX file has no type {kind:#04x}"))),
        }
    }

    fn cifar(&self, bytes: &[u8], array: Option<&str>) -> Result<Array, ArrayError> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(CIFAR_ROW) {
            let what = format!("its {} bytes are no rows of {CIFAR_ROW}, as CIFAR-10 has them", bytes.len());
            return Err(self.malformed(what));
        }
        let rows = bytes.len() / CIFAR_ROW;
        let available = "images, labels".to_owned();
        match array {
            Some("labels") => self.rows_of(&[rows], |row| bytes[row * CIFAR_ROW].into()),
            // Channels are the last axis.
            Some("images") => self.rows_of(&[rows, 32, 32, 3], |k| {
                let (pixel, channel) = (k / 3, k % 3);
                let (row, place) = (pixel / CIFAR_PLACES, pixel % CIFAR_PLACES);
                bytes[row * CIFAR_ROW + 1 + channel * CIFAR_PLACES + place].into()
            }),
            Some(array) => Err(ArrayError::NoSuchArray { path: self.path.into(), array: shown(array), available }),
            None => Err(ArrayError::WhichArray { path: self.path.into(), available }),
        }
    }

    /// Numbers between commas, with or without a line of names.
    fn csv(&self, bytes: &[u8]) -> Result<Array, ArrayError> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(bytes);
        let (mut values, mut columns, mut rows) = (Vec::new(), 0, 0);
        for (k, record) in reader.records().enumerate() {
            let record = record.map_err(|error| self.malformed(error.to_string()))?;
            let numbers: Vec<Result<f64, _>> = record.iter().map(str::parse).collect();
            if k == 0 && numbers.iter().all(Result::is_err) {
                continue;
            }
            for (column, (number, found)) in numbers.into_iter().zip(&record).enumerate() {
                let line = record.position().map_or(0, csv::Position::line);
                let no_number = || {
                    let (path, found) = (self.path.into(), shown(found));
                    ArrayError::NoNumber { path, line, column: column + 1, found }
                };
                values.push(number.ok().filter(|x: &f64| x.is_finite()).ok_or_else(no_number)?);
            }
            (rows, columns) = (rows + 1, record.len());
        }
        if rows == 0 {
            return Err(self.malformed("it has no rows of numbers"));
        }
        self.rows_of(&[rows, columns], |k| values[k])
    }
}
