use std::fs::File;
use std::path::Path;

use csv::{ErrorKind, ReaderBuilder, StringRecord, Trim};
use faer::Mat;

use super::{DataError, Dataset};

/// Below the quarter of the exponent's range that a loss takes, with room for summing squares.
const LARGEST: f64 = 1e70;

impl Dataset {
    /// Reads a comma-separated file of numbers, with or without a header line.
    ///
    /// The first line is a header when it names the target, or when half of its fields or more are no numbers. `target` is a column's
    /// name, or its place counted from 1; all other columns are features.
    ///
    /// # Errors
    /// Each [`DataError`] names the file, the line and the column at fault.
    pub fn from_csv(path: &Path, target: &str) -> Result<Self, DataError> {
        let file = File::open(path).map_err(|source| DataError::Unreadable { path: path.into(), source })?;
        let mut records = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(Trim::All)
            .from_reader(file)
            .into_records()
            .map(|record| record.map_err(|error| read_error(path, error)));
        let empty = || DataError::Empty { path: path.into() };
        let first = records.next().ok_or_else(empty)??;
        let is_header = first.iter().any(|field| field == target && number(field).is_none())
            || 2 * first.iter().filter(|field| number(field).is_none()).count() >= first.len();
        let header = is_header.then_some(&first);
        let columns = Columns::new(path, &first, header, target)?;
        let mut numbers = Vec::new();
        let data_of_first = (!is_header).then(|| Ok(first.clone()));
        for record in data_of_first.into_iter().chain(records) {
            columns.read_row(&record?, &mut numbers)?;
        }
        let width = first.len();
        let rows = numbers.len() / width;
        if rows == 0 {
            return Err(empty());
        }
        let skip = columns.target;
        Ok(Self {
            features: Mat::from_fn(rows, width - 1, |i, j| numbers[i * width + j + usize::from(j >= skip)]),
            targets: (0..rows).map(|i| numbers[i * width + skip]).collect(),
        })
    }
}

fn number(field: &str) -> Option<f64> {
    field.parse().ok()
}

fn read_error(path: &Path, error: csv::Error) -> DataError {
    let line = error.position().map_or(0, |position| position.line());
    match error.into_kind() {
        ErrorKind::Io(source) => DataError::Unreadable { path: path.into(), source },
        _ => DataError::NotText { path: path.into(), line },
    }
}

/// The shape every row must have.
struct Columns<'a> {
    path: &'a Path,
    header: Option<&'a StringRecord>,
    width: usize,
    target: usize,
}

impl<'a> Columns<'a> {
    fn new(
        path: &'a Path,
        first: &StringRecord,
        header: Option<&'a StringRecord>,
        target: &str,
    ) -> Result<Self, DataError> {
        let width = first.len();
        let alike = header.map_or(0, |names| names.iter().filter(|name| *name == target).count());
        if alike > 1 {
            return Err(DataError::AmbiguousColumn { path: path.into(), target: target.into() });
        }
        let by_name = header.and_then(|names| names.iter().position(|name| name == target));
        let by_place = || match target.parse::<usize>() {
            Ok(place) if (1..=width).contains(&place) => Some(place - 1),
            _ => None,
        };
        let target = by_name.or_else(by_place).ok_or_else(|| DataError::NoSuchColumn {
            path: path.into(),
            target: target.into(),
            available: match header {
                Some(names) => names.iter().collect::<Vec<_>>().join(", "),
                None => format!("columns 1 to {width} and no header"),
            },
        })?;
        if width == 1 {
            return Err(DataError::NoFeatures { path: path.into() });
        }
        Ok(Self { path, header, width, target })
    }

    fn read_row(&self, record: &StringRecord, numbers: &mut Vec<f64>) -> Result<(), DataError> {
        let path = || self.path.to_path_buf();
        let line = record.position().map_or(0, |position| position.line());
        if record.len() != self.width {
            return Err(DataError::Ragged { path: path(), line, found: record.len(), expected: self.width });
        }
        for (column, field) in record.iter().enumerate() {
            let name = || self.header.map(|names| names[column].to_string());
            let value = number(field).ok_or_else(|| DataError::NotANumber {
                path: path(),
                line,
                column: column + 1,
                name: name(),
                text: field.into(),
            })?;
            if !value.is_finite() {
                return Err(DataError::NotFinite { path: path(), line, column: column + 1, name: name(), value });
            }
            // Named here, where line and column are known.
            if value.abs() > LARGEST {
                return Err(DataError::Overflow { path: path(), line, column: column + 1, name: name(), value });
            }
            numbers.push(value);
        }
        Ok(())
    }
}
