//! A text cut into the fields of a table.

use std::path::Path;

use csv::{ErrorKind, StringRecord};

use super::DataError;
use super::delimiter::{quoted, records};
use super::header::{self, Lines};

/// A table cut into fields.
pub(super) struct Table<'a> {
    pub path: &'a Path,
    text: &'a [u8],
    pub delimiter: u8,
    pub records: Vec<StringRecord>,
    /// Where each record begins, in bytes, and the number of its line.
    pub starts: Vec<(usize, u64)>,
}

impl<'a> Table<'a> {
    pub fn new(path: &'a Path, text: &'a [u8], delimiter: u8) -> Result<Self, DataError> {
        let mut reader = records(text, delimiter);
        let mut table = Self { path, text, delimiter, records: Vec::new(), starts: Vec::new() };
        let (mut at, mut line) = (0, 1);
        let mut record = StringRecord::new();
        loop {
            let start = reader.position().byte() as usize;
            let more = reader.read_record(&mut record);
            // The reader's own count of lines leaves out blank lines, and the first half of a line end.
            let begins = start + text[start..].iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            line += line_ends(&text[at..begins]);
            at = begins;
            match more {
                // Nothing but blanks.
                Ok(true) if record.len() == 1 && record[0].is_empty() => {}
                Ok(true) => {
                    table.starts.push((begins, line));
                    table.records.push(record.clone());
                }
                Ok(false) => break,
                Err(error) => {
                    return Err(match error.into_kind() {
                        ErrorKind::Io(source) => DataError::Unreadable { path: path.into(), source },
                        _ => DataError::NotText { path: path.into(), line },
                    });
                }
            }
        }
        match table.records.is_empty() {
            true => Err(DataError::Empty { path: path.into() }),
            false => Ok(table),
        }
    }

    /// Gives the first column an empty name where the first line has words or quoted numbers and every other line has one field more, and says whether
    /// it did. R writes such tables, because it gives no name to the names of the rows. A first line that is `surely` a header need not have words.
    pub fn name_row_names(&mut self, surely: bool) -> bool {
        let (first_quoted, Some((first, rest))) = (self.quoted(0), self.records.split_first_mut()) else {
            return false;
        };
        let names = first.iter().zip(&first_quoted).filter(|&(field, &quoted)| quoted || !header::is_number(field));
        // A delimiter at the end of each row is a fault of another kind.
        let ends = || rest.iter().any(|row| row.iter().next_back().is_some_and(|field| !field.is_empty()));
        let is_shorter = (surely || 2 * names.count() >= first.len())
            && ends()
            && rest.iter().all(|row| row.len() == first.len() + 1);
        if is_shorter {
            *first = std::iter::once("").chain(first.iter()).collect();
        }
        is_shorter
    }

    /// Which fields of a record are quoted.
    fn quoted(&self, record: usize) -> Vec<bool> {
        let Some(&(begin, _)) = self.starts.get(record) else { return vec![] };
        let end = self.starts.get(record + 1).map_or(self.text.len(), |&(next, _)| next);
        quoted(&self.text[begin..end], self.delimiter)
    }

    pub fn decide(&self, target: &str) -> header::Decision {
        let (first, rest) = self.records.split_at(1);
        header::decide(
            &Lines { first: &first[0], first_quoted: &self.quoted(0), rest, rest_quoted: &self.quoted(1) },
            target,
        )
    }
}

/// How many lines end in some bytes, by \n, \r\n or \r.
fn line_ends(bytes: &[u8]) -> u64 {
    let ends = bytes
        .iter()
        .enumerate()
        .filter(|&(i, &byte)| byte == b'\n' || (byte == b'\r' && bytes.get(i + 1) != Some(&b'\n')));
    ends.count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_of_all_kinds_are_counted() {
        assert_eq!(line_ends(b"a\r\nb\nc\rd"), 3);
    }
}
