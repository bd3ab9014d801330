//! The lines of a log, cut into fields.

use std::io::BufRead;
use std::ops::{Index, Range};
use std::path::{Path, PathBuf};

use csv::ReaderBuilder;

use super::LogError;

/// A line, cut into fields.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub line: u64,
    text: String,
    fields: Vec<Range<usize>>,
}

impl Record {
    /// How many fields it has.
    pub fn len(&self) -> usize {
        self.fields.len()
    }
}

impl Index<usize> for Record {
    type Output = str;
    fn index(&self, field: usize) -> &str {
        self.text[self.fields[field].clone()].trim()
    }
}

/// The lines of a log, counted as an editor counts them. Blank ones are left out.
pub(super) struct Lines {
    path: PathBuf,
    source: Box<dyn BufRead>,
    delimiter: u8,
    line: u64,
    bytes: Vec<u8>,
}

impl Lines {
    pub fn new(path: &Path, source: Box<dyn BufRead>, delimiter: u8) -> Self {
        Self { path: path.into(), source, delimiter, line: 0, bytes: Vec::new() }
    }

    /// Reads the next line; `false` at the end.
    pub fn next(&mut self, record: &mut Record) -> Result<bool, LogError> {
        loop {
            self.bytes.clear();
            self.line += 1;
            let read = self.source.read_until(b'\n', &mut self.bytes);
            if read.map_err(|source| LogError::Unreadable { path: self.path.clone(), source })? == 0 {
                return Ok(false);
            }
            if !self.bytes.trim_ascii().is_empty() {
                break;
            }
        }
        let not_text = || LogError::NotText { path: self.path.clone(), line: self.line };
        record.line = self.line;
        record.text.clear();
        record.fields.clear();
        if self.bytes.contains(&b'"') {
            let mut reader =
                ReaderBuilder::new().has_headers(false).delimiter(self.delimiter).from_reader(&*self.bytes);
            let fields = reader.records().next().and_then(Result::ok).ok_or_else(not_text)?;
            for field in &fields {
                let start = record.text.len();
                record.text.push_str(field);
                record.fields.push(start..record.text.len());
            }
            return Ok(true);
        }
        let end = self.bytes.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
        record.text.push_str(std::str::from_utf8(&self.bytes[..end]).map_err(|_| not_text())?);
        let mut start = 0;
        for (at, _) in record.text.bytes().enumerate().filter(|&(_, byte)| byte == self.delimiter) {
            record.fields.push(start..at);
            start = at + 1;
        }
        record.fields.push(start..record.text.len());
        Ok(true)
    }

    /// The same of a line that must have so many fields.
    pub fn next_of(&mut self, expected: usize, record: &mut Record) -> Result<bool, LogError> {
        if !self.next(record)? {
            return Ok(false);
        }
        match record.fields.len() {
            found if found == expected => Ok(true),
            found => Err(LogError::Ragged { path: self.path.clone(), line: self.line, expected, found }),
        }
    }
}
