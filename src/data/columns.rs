//! The columns of a table: which are features, which is the target, and their numbers.

use csv::StringRecord;

use super::fields::Table;
use super::principal_components::CLEAR;
use super::{DataError, Dataset, decimal};
use crate::arithmetic::{Quad, Real, norm};
use crate::text::shown;

/// The largest size of a target, and of features that are taken as they are; the least of the latter is its inverse. A loss takes a quarter of the exponent's
/// range; this limit leaves room for sums of squares.
pub(super) const LARGEST: f64 = 1e70;
/// Names of columns that an error shows.
const SHOWN: usize = 12;
/// How similar two names must be for an error to suggest one in place of the other.
const ALIKE: f64 = 0.8;

/// Which columns are read, and how they are named.
pub(super) struct Columns<'a> {
    table: &'a Table<'a>,
    header: Option<&'a StringRecord>,
    width: usize,
    pub target: usize,
    /// The features' columns, then the target's.
    pub kept: Vec<usize>,
    pub notes: Vec<String>,
}

impl<'a> Columns<'a> {
    pub fn new(table: &'a Table<'a>, is_header: bool, target: &str, drop: &[String]) -> Result<Self, DataError> {
        let first = &table.records[0];
        let header = is_header.then_some(first);
        let mut columns = Self { table, header, width: first.len(), target: 0, kept: Vec::new(), notes: Vec::new() };
        let (place, by_place) = columns.find(target)?;
        columns.target = place;
        if by_place && header.is_some() {
            let name = columns.name(place);
            columns.notes.push(format!("no column is named {target:?}; the target is column {target}, named {name:?}"));
        } else if target.parse::<usize>().is_ok_and(|number| number != place + 1) {
            let place = place + 1;
            columns.notes.push(format!("the target is the column named {target:?}, which is column {place}"));
        }
        let dropped = drop.iter().map(|name| columns.find(name).map(|(place, _)| place));
        let dropped: Vec<usize> = dropped.collect::<Result<_, _>>()?;
        for (name, place) in drop.iter().zip(&dropped) {
            if header.is_some() && name.parse::<usize>().is_ok_and(|number| number != place + 1) {
                columns
                    .notes
                    .push(format!("what is left out is the column named {name:?}, which is column {}", place + 1));
            }
        }
        if dropped.contains(&place) {
            return Err(DataError::TargetDropped { path: table.path.into(), target: target.into() });
        }
        let features = (0..columns.width).filter(|column| *column != place && !dropped.contains(column));
        columns.kept = features.chain([place]).collect();
        match columns.kept.len() {
            1 => Err(DataError::NoFeatures { path: table.path.into(), delimiter: table.delimiter.into() }),
            _ => Ok(columns),
        }
    }

    /// A column by its name or, where none has it, by its place; and whether it was by its place.
    fn find(&self, wanted: &str) -> Result<(usize, bool), DataError> {
        let path = || self.table.path.into();
        let names = || self.header.into_iter().flatten().enumerate().filter(|(_, name)| *name == wanted);
        if names().count() > 1 {
            return Err(DataError::AmbiguousColumn { path: path(), target: wanted.into() });
        }
        if let Some((place, _)) = names().next() {
            return Ok((place, false));
        }
        match wanted.parse::<usize>() {
            Ok(place) if (1..=self.width).contains(&place) => Ok((place - 1, true)),
            _ => {
                Err(DataError::NoSuchColumn { path: path(), target: wanted.into(), available: self.available(wanted) })
            }
        }
    }

    /// The names that are meant most probably, or the first ones.
    fn available(&self, wanted: &str) -> String {
        if self.width == 1 {
            return format!(
                "every line has one field (columns were separated by {:?}; --delimiter names another)",
                char::from(self.table.delimiter)
            );
        }
        let Some(names) = self.header else {
            return format!("columns have no names, but places from 1 to {}", self.width);
        };
        let likeness = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &wanted.to_lowercase());
        let mut alike: Vec<&str> = names.iter().filter(|name| likeness(name) >= ALIKE).collect();
        alike.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
        alike.truncate(SHOWN);
        let first: Vec<String> = names.iter().take(SHOWN).map(shown).collect();
        let more = if names.len() > SHOWN { format!(", … ({} columns)", names.len()) } else { String::new() };
        match alike.as_slice() {
            [] => format!("there are {}{more}", first.join(", ")),
            _ if more.is_empty() => format!("there are {}", first.join(", ")),
            alike => format!("the nearest names of the {} columns are: {}", names.len(), shown(&alike.join(", "))),
        }
    }

    pub fn name(&self, column: usize) -> String {
        match self.header.map(|names| &names[column]) {
            Some(name) if !name.is_empty() => shown(name),
            _ => format!("column {}", column + 1),
        }
    }

    pub fn read_row(&self, record: &StringRecord, numbers: &mut Vec<Quad>) -> Result<(), DataError> {
        let path = || self.table.path.to_path_buf();
        let line = || {
            let index = self.table.records.iter().position(|other| std::ptr::eq(other, record));
            index.map_or(0, |index| self.table.starts[index].1)
        };
        if record.len() != self.width {
            return Err(DataError::Ragged { path: path(), line: line(), found: record.len(), expected: self.width });
        }
        for &column in &self.kept {
            let field = &record[column];
            let name = || self.header.map(|names| shown(&names[column]));
            let Some(value) = decimal::parse(field) else {
                let (path, line, column, name, text) = (path(), line(), column + 1, name(), shown(field));
                return Err(match field.replacen(',', ".", 1).parse::<f64>() {
                    Ok(_) => DataError::DecimalComma { path, line, column, name, text },
                    Err(_) => DataError::NotANumber { path, line, column, name, text },
                });
            };
            if decimal::underflows(field) {
                let (path, line, column, name, text) = (path(), line(), column + 1, name(), shown(field));
                return Err(DataError::Underflow { path, line, column, name, text });
            }
            let size = value.0;
            if !size.is_finite() {
                let (path, line, column, name, text) = (path(), line(), column + 1, name(), shown(field));
                return Err(DataError::NotFinite { path, line, column, name, text });
            }
            // All features together are brought within the range by the caller.
            if column == self.target && size.abs() > LARGEST {
                return Err(self.overflow(record, column, size));
            }
            numbers.push(value);
        }
        Ok(())
    }

    /// The error of a number that is too large, where line and column are known.
    pub fn overflow(&self, record: &StringRecord, column: usize, value: f64) -> DataError {
        let index = self.table.records.iter().position(|other| std::ptr::eq(other, record));
        DataError::Overflow {
            path: self.table.path.into(),
            line: index.map_or(0, |index| self.table.starts[index].1),
            column: column + 1,
            name: self.header.map(|names| shown(&names[column])),
            value,
        }
    }

    /// A note on the features that are constant, up to the rounding of their numbers. `rounded` says of each column that is kept whether its numbers are rounded.
    ///
    /// # Errors
    /// A feature moves by little more than its numbers are known to, or has digits beyond those of double-double.
    pub fn constant_note(
        &self,
        data: &Dataset,
        rows: &[StringRecord],
        rounded: &[bool],
    ) -> Result<Option<String>, DataError> {
        let (mut constant, mut spoilt) = (Vec::new(), None);
        // A table that cannot be centred is refused by whoever centres it.
        let _ = data.centre_each(|j, centred, noise| {
            let (column, spread) = (self.kept[j], norm(centred).to_f64());
            let is_one_text = rows.iter().all(|row| row[column] == rows[0][column]);
            if is_one_text || (rounded[j] && spread <= noise) {
                constant.push(self.name(column));
            } else if spread < CLEAR * noise && spoilt.is_none() {
                let (path, name) = (self.table.path.into(), self.header.map(|names| shown(&names[column])));
                let digits = if rounded[j] { decimal::DIGITS_OF_DOUBLES } else { decimal::KEPT_DIGITS };
                spoilt = Some(DataError::NearlyConstant { path, column: column + 1, name, spread, noise, digits });
            }
        });
        if let Some(error) = spoilt {
            return Err(error);
        }
        let first = constant.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
        Ok(match constant.len() {
            0 => None,
            1 => Some(format!("{first} is constant, which batch normalization does not see")),
            count if count <= 3 => Some(format!("{first} are constant, which batch normalization does not see")),
            count => Some(format!("{count} columns are constant ({first}, …), which batch normalization does not see")),
        })
    }

    /// A note where the first column of the file is an index that was read as a feature.
    pub fn counting_note(&self, rows: usize, at: impl Fn(usize, usize) -> Quad) -> Option<String> {
        let first = self.kept.iter().take(self.kept.len() - 1).position(|&column| column == 0)?;
        let (value, one) = (|row: usize| at(row, first), Quad::from_f64(1.0));
        let counts = rows > 2
            && (value(0) == one || value(0) == Quad::from_f64(0.0))
            && (1..rows).all(|row| value(row) - value(row - 1) == one);
        let name = self.header.map(|names| &names[0]);
        let unnamed = name.is_some_and(|name| name.is_empty() || name.starts_with("Unnamed"));
        let is = match (unnamed, counts) {
            (true, true) => "has no name and counts the rows",
            (true, false) => "has no name",
            (false, true) => "counts the rows",
            (false, false) => return None,
        };
        // A name comes before a place.
        let by = match name {
            Some(name) if self.header.is_some_and(|names| names.iter().any(|other| other == "1")) => {
                format!("'{name}'")
            }
            _ => "1".into(),
        };
        Some(format!("column 1 {is}; it is read as a feature (--drop {by} leaves it out)"))
    }
}
