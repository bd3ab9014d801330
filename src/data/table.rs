//! Tables of numbers in text: CSV and its relatives.

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::io::Read;
use std::path::Path;

use faer::Mat;
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use super::columns::{Columns, LARGEST};
use super::delimiter::{plain_delimiter, single_spaces};
use super::fields::Table;
use super::header;
use super::{DataError, Dataset, decimal};
use crate::arithmetic::Quad;

/// Whether a table's first line names its columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Header {
    /// The look of the first line decides.
    #[default]
    Auto,
    Yes,
    No,
}

/// How a table is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TableOptions {
    pub header: Header,
    /// What stands between two fields: an ASCII character. Found from the first lines where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// Columns that are neither features nor the target, by name or by place counted from 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,
}

/// How a table was read: what a user should be told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableReading {
    pub samples: usize,
    pub features: usize,
    /// The target's name, or its place where there is no header.
    pub target: String,
    /// Whether the header or the first line of data stands first, and by which sign that was decided.
    pub header: bool,
    pub header_sign: &'static str,
    pub delimiter: char,
    /// What else a user should know: a column that counts the rows, a target that was taken by its place.
    pub notes: Vec<String>,
}

impl fmt::Display for TableReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { samples, features, target, header_sign, .. } = self;
        let header = if self.header { "yes" } else { "no" };
        write!(f, "{samples} samples × {features} features, target {target}, header {header} ({header_sign})")?;
        match self.delimiter {
            ',' => Ok(()),
            '\t' => write!(f, ", separated by tabs"),
            ' ' => write!(f, ", separated by spaces"),
            other => write!(f, ", separated by `{other}`"),
        }
    }
}

impl Dataset {
    /// Reads a table of numbers with the default [`TableOptions`]; see [`Dataset::from_table`].
    ///
    /// # Errors
    /// See [`Dataset::from_table`].
    pub fn from_csv(path: &Path, target: &str) -> Result<Self, DataError> {
        Self::from_table(path, target, &TableOptions::default()).map(|(data, _)| data)
    }

    /// Reads a table of numbers, plain or compressed by gzip, with or without a header line.
    ///
    /// `target` is a column's name or, where no column has that name, its place counted from 1; all other columns that are not
    /// dropped are features. Numbers are read to double-double.
    ///
    /// # Errors
    /// Each [`DataError`] names the file, and the line and the column at fault. Lines are counted as an editor counts them.
    pub fn from_table(path: &Path, target: &str, options: &TableOptions) -> Result<(Self, TableReading), DataError> {
        let bytes = fs::read(path).map_err(|source| DataError::Unreadable { path: path.into(), source })?;
        Self::parse_table(path, &bytes, target, options)
    }

    /// The same of a file's bytes; `path` names the file in errors.
    ///
    /// # Errors
    /// See [`Dataset::from_table`].
    pub fn parse_table(
        path: &Path,
        bytes: &[u8],
        target: &str,
        options: &TableOptions,
    ) -> Result<(Self, TableReading), DataError> {
        let bytes = plain_bytes(path, bytes)?;
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let delimiter = match options.delimiter {
            Some(given) => u8::try_from(given).map_err(|_| DataError::Delimiter { delimiter: given })?,
            None => plain_delimiter(text),
        };
        // A mark of a comment before the names of columns, as NumPy writes it.
        let text = match text {
            [b'#', next, ..] if *next != delimiter => &text[1..],
            _ => text,
        };
        let text = if delimiter == b' ' { single_spaces(text).into() } else { Cow::from(text) };
        let mut table = Table::new(path, &text, delimiter)?;
        let unnamed = options.header != Header::No && table.name_row_names(options.header == Header::Yes);
        let header = match options.header {
            _ if unnamed => {
                header::Decision { is_header: true, why: "its first line is one field shorter than the others" }
            }
            Header::Yes => header::Decision { is_header: true, why: "as asked" },
            Header::No => header::Decision { is_header: false, why: "as asked" },
            Header::Auto => table.decide(target),
        };
        let mut columns = Columns::new(&table, header.is_header, target, &options.drop)?;
        let rows = &table.records[usize::from(header.is_header)..];
        if rows.is_empty() {
            return Err(DataError::Empty { path: path.into() });
        }
        let mut numbers = Vec::with_capacity(rows.len() * columns.kept.len());
        for record in rows {
            columns.read_row(record, &mut numbers)?;
        }
        let width = columns.kept.len();
        match common_scale(&numbers, width) {
            Scale::None => {}
            Scale::Common(exponent) => {
                let factor = Quad::from_f64(2f64.powi(exponent));
                numbers.chunks_mut(width).flat_map(|row| &mut row[..width - 1]).for_each(|x| *x *= factor);
                columns.notes.push(format!(
                    "all features are multiplied by 2^{exponent}, which batch normalization does not see and which brings them near 1"
                ));
            }
            Scale::TooDifferent { row, place } => {
                return Err(columns.overflow(&rows[row], columns.kept[place], numbers[row * width + place].0));
            }
        }
        let at = |row: usize, column: usize| numbers[row * width + column];
        // The target stands last among the columns kept.
        let features = Mat::from_fn(rows.len(), width - 1, at);
        let targets = (0..rows.len()).map(|row| at(row, width - 1)).collect();
        let is_rounded = |&column: &usize| decimal::is_rounded(rows.iter().map(|row| &row[column]));
        let rounded: Vec<bool> = columns.kept.iter().map(is_rounded).collect();
        let data = Self::of_decimals(features, targets, rounded.clone());
        let mut notes = columns.notes.clone();
        notes.extend(columns.constant_note(&data, rows, &rounded)?);
        notes.extend(columns.counting_note(rows.len(), at));
        let reading = TableReading {
            samples: rows.len(),
            features: width - 1,
            target: columns.name(columns.target),
            header: header.is_header,
            header_sign: header.why,
            delimiter: delimiter.into(),
            notes,
        };
        Ok((data, reading))
    }
}

/// What brings the features of a table within the arithmetic's range.
enum Scale {
    /// They are within it.
    None,
    /// 2 to this power.
    Common(i32),
    /// No common factor does, because this number is so much larger than those of another column.
    TooDifferent { row: usize, place: usize },
}

/// The power of two that brings the largest feature near 1. Rows have this width, and the target stands last in each.
fn common_scale(numbers: &[Quad], width: usize) -> Scale {
    const MOST: i32 = 1000;
    let mut sizes = vec![0.0f64; width - 1];
    let mut largest = (0.0, 0, 0);
    for (row, features) in numbers.chunks(width).enumerate() {
        for (place, (size, x)) in sizes.iter_mut().zip(features).enumerate() {
            *size = size.max(x.0.abs());
            if x.0.abs() > largest.0 {
                largest = (x.0.abs(), row, place);
            }
        }
    }
    let (top, row, place) = largest;
    let least = sizes.into_iter().filter(|&size| size > 0.0).fold(top, f64::min);
    if top == 0.0 || (1.0 / LARGEST..=LARGEST).contains(&top) {
        Scale::None
    } else if top / LARGEST > least {
        Scale::TooDifferent { row, place }
    } else {
        Scale::Common((-top.log2().floor() as i32).clamp(-MOST, MOST))
    }
}

/// The bytes of a table, without its compression.
fn plain_bytes<'a>(path: &Path, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, DataError> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes.into());
    }
    let mut plain = Vec::new();
    let read = MultiGzDecoder::new(bytes).read_to_end(&mut plain);
    read.map_err(|source| DataError::Unreadable { path: path.into(), source })?;
    Ok(plain.into())
}
