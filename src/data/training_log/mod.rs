//! Logs of training runs: a table with a row a step, read as a stream.
//!
//! The columns are found by their names. `step`, `loss`, `w2` and `g2` must be there; `lr`, `weight_decay` and `momentum` may be given instead.
//!
//! | column | what it holds |
//! | --- | --- |
//! | `step` | the number of the step |
//! | `lr`, `weight_decay`, `momentum` | η, λ, μ of the step; an empty `momentum` says that the optimizer is another one |
//! | `loss` | L(w) |
//! | `w2`, `g2`, `wg` | ‖w‖², ‖∇L(w)‖², ⟨w, ∇L(w)⟩ |
//! | `w2_NAME`, `g2_NAME` | the same of one group of weights |
//! | `wm`, `dw2` | ⟨w, m⟩ of the momentum before the step, ‖w₊ − w‖² |
//! | `lambda1` | λ₁ of ∇²L(w), where it was measured |

mod lines;
mod measured;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use thiserror::Error;

use super::delimiter::plain_delimiter;
use crate::arithmetic::{Real, Rounding};
use crate::text::shown;
use lines::{Lines, Record};
pub use measured::Measured;

/// Rows that are read ahead to see how numbers are written.
const AHEAD: usize = 1024;
/// The bytes in which the delimiter is looked for.
const HEAD: u64 = 1 << 16;
/// The digits that single precision keeps at least: with more of them it can be told whether a number is one of single precision.
const DIGITS_OF_SINGLE: usize = 9;
/// The digits from which on a number is written in full.
const DIGITS_OF_DOUBLE: usize = 17;

/// Why a log cannot be read.
#[derive(Debug, Error)]
pub enum LogError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}: the log is empty", path.display())]
    Empty { path: PathBuf },
    #[error("{}: no column is named {missing}, as the log of a run needs (its columns are {found})", path.display())]
    Missing { path: PathBuf, missing: &'static str, found: String },
    #[error("{}: two columns are named {name}", path.display())]
    Twice { path: PathBuf, name: String },
    #[error("{}: line {line} has {found} fields, the header {expected}", path.display())]
    Ragged { path: PathBuf, line: u64, expected: usize, found: usize },
    #[error("{}: line {line}, column {column}: {text:?} is not {what}", path.display())]
    NotANumber { path: PathBuf, line: u64, column: String, text: String, what: &'static str },
    #[error("{}: line {line} is not text", path.display())]
    NotText { path: PathBuf, line: u64 },
}

/// Values that stand for columns which a log lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LogOptions {
    pub learning_rate: Option<f64>,
    pub weight_decay: Option<f64>,
    pub momentum: Option<f64>,
}

/// The arithmetic that a log's numbers were computed in, as their digits show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogArithmetic {
    Double,
    /// Every number is one of single precision.
    Single,
    /// Too few digits are printed to tell; single precision is assumed.
    Unknown,
}

impl LogArithmetic {
    /// u of the arithmetic.
    pub fn rounding(self) -> Rounding {
        if self == Self::Double { Rounding::of::<f64>() } else { Rounding::of::<f32>() }
    }
}

/// One row. Each number is known up to half of its last printed digit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogRow {
    /// The line of the file, counted from 1.
    pub line: u64,
    pub step: u64,
    /// η.
    pub learning_rate: Option<Measured>,
    /// λ.
    pub weight_decay: Option<Measured>,
    /// μ; `None` where the optimizer is another one.
    pub momentum: Option<Measured>,
    pub loss: Option<Measured>,
    /// ‖w‖².
    pub norm_square: Option<Measured>,
    /// ‖∇L(w)‖².
    pub gradient_square: Option<Measured>,
    /// ⟨w, ∇L(w)⟩.
    pub radial: Option<Measured>,
    /// ⟨w, m⟩.
    pub momentum_along: Option<Measured>,
    /// ‖w₊ − w‖².
    pub displacement_square: Option<Measured>,
    /// λ₁ of ∇²L(w).
    pub sharpness: Option<Measured>,
    /// ‖w‖² and ‖∇L(w)‖² of each group, in the order of [`TrainingLog::groups`].
    pub groups: Vec<[Option<Measured>; 2]>,
    /// The column with a number that is not finite.
    pub not_finite: Option<usize>,
}

/// A log that is being read.
pub struct TrainingLog {
    path: PathBuf,
    lines: Lines,
    ahead: VecDeque<Record>,
    names: Vec<String>,
    columns: Columns,
    groups: Vec<String>,
    options: LogOptions,
    written: Written,
    arithmetic: LogArithmetic,
    record: Record,
    /// What is wrong with the line after those that were read ahead.
    broken: Option<LogError>,
}

/// Where each quantity stands.
#[derive(Debug)]
struct Columns {
    step: usize,
    loss: usize,
    norm_square: usize,
    gradient_square: usize,
    learning_rate: Option<usize>,
    weight_decay: Option<usize>,
    momentum: Option<usize>,
    radial: Option<usize>,
    momentum_along: Option<usize>,
    displacement_square: Option<usize>,
    sharpness: Option<usize>,
    groups: Vec<[usize; 2]>,
}

/// How a log writes numbers.
#[derive(Clone, Copy, Debug)]
enum Written {
    /// All with as many decimals.
    Decimals(i32),
    /// With this many significant digits at most; zeros at the end may be left out.
    Digits(usize),
}

impl Written {
    /// Half of the last digit, and the rounding of reading it.
    fn error(self, value: f64) -> f64 {
        let read = f64::UNIT_ROUNDOFF * value.abs();
        match self {
            Self::Decimals(decimals) => 0.5 * 10f64.powi(-decimals) + read,
            Self::Digits(digits) if digits >= DIGITS_OF_DOUBLE => read,
            Self::Digits(digits) => 0.5 * 10f64.powi(1 - digits as i32) * value.abs() + read,
        }
    }
}

impl TrainingLog {
    /// Opens a log, plain or compressed by gzip, its columns separated by commas, semicolons, tabs or bars.
    ///
    /// # Errors
    /// The file cannot be read, it is empty, or a column is missing or there twice.
    pub fn open(path: &Path, options: LogOptions) -> Result<Self, LogError> {
        let unreadable = |source| LogError::Unreadable { path: path.into(), source };
        let open = || -> io::Result<Box<dyn BufRead>> {
            let mut magic = [0; 2];
            let is_compressed = File::open(path)?.read(&mut magic)? == 2 && magic == [0x1f, 0x8b];
            let file = BufReader::new(File::open(path)?);
            Ok(if is_compressed { Box::new(BufReader::new(MultiGzDecoder::new(file))) } else { Box::new(file) })
        };
        let mut head = Vec::new();
        open().and_then(|source| source.take(HEAD).read_to_end(&mut head)).map_err(unreadable)?;
        // A line that is cut off has fewer fields than the others.
        let whole = head.iter().rposition(|&byte| byte == b'\n').map_or(head.len(), |end| end + 1);
        let delimiter = plain_delimiter(&head[..whole]);
        let mut lines = Lines::new(path, open().map_err(unreadable)?, delimiter);
        let mut record = Record::default();
        if !lines.next(&mut record)? {
            return Err(LogError::Empty { path: path.into() });
        }
        let names: Vec<String> = (0..record.len())
            .map(|column| record[column].trim_start_matches('\u{feff}').trim_matches('"').trim().to_owned())
            .collect();
        let (columns, groups) = Columns::of(path, &names, &options)?;
        let (mut ahead, mut broken) = (VecDeque::new(), None);
        while ahead.len() < AHEAD {
            match lines.next_of(names.len(), &mut record) {
                Ok(true) => ahead.push_back(std::mem::take(&mut record)),
                Ok(false) => break,
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        if ahead.is_empty() {
            return Err(broken.unwrap_or(LogError::Empty { path: path.into() }));
        }
        let written = columns.written(&ahead);
        let arithmetic = columns.arithmetic(&ahead, written);
        let path = path.into();
        Ok(Self { path, lines, ahead, names, columns, groups, options, written, arithmetic, record, broken })
    }

    /// The names of the groups of weights.
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// The name of a column.
    pub fn column(&self, index: usize) -> &str {
        &self.names[index]
    }

    /// The arithmetic that its numbers show.
    pub fn arithmetic(&self) -> LogArithmetic {
        self.arithmetic
    }

    /// Reads the next row; `false` at the end.
    ///
    /// # Errors
    /// A line with too few or too many fields, or a field that is no number, by line and column.
    pub fn next(&mut self, row: &mut LogRow) -> Result<bool, LogError> {
        if let Some(ahead) = self.ahead.pop_front() {
            self.record = ahead;
        } else if let Some(error) = self.broken.take() {
            return Err(error);
        } else if !self.lines.next_of(self.names.len(), &mut self.record)? {
            return Ok(false);
        }
        self.read(&self.record, row)?;
        Ok(true)
    }

    fn read(&self, record: &Record, row: &mut LogRow) -> Result<(), LogError> {
        let line = record.line;
        let wrong = |column: usize, what| LogError::NotANumber {
            path: self.path.clone(),
            line,
            column: self.names[column].clone(),
            text: shown(&record[column]),
            what,
        };
        let mut not_finite = None;
        let mut number = |column: usize| -> Result<Option<Measured>, LogError> {
            let field = &record[column];
            if field.is_empty() {
                return Ok(None);
            }
            let value: f64 = field.parse().map_err(|_| wrong(column, "a number"))?;
            if !value.is_finite() {
                not_finite = not_finite.or(Some(column));
            }
            Ok(Some(Measured { value, error: self.written.error(value) }))
        };
        let columns = &self.columns;
        let mut given = |column: Option<usize>, given: Option<f64>| match (given, column) {
            (Some(given), _) => Ok(Some(Measured::exactly(given))),
            (None, Some(column)) => number(column),
            (None, None) => Ok(None),
        };
        row.learning_rate = given(columns.learning_rate, self.options.learning_rate)?;
        row.weight_decay = given(columns.weight_decay, self.options.weight_decay)?;
        row.momentum = given(columns.momentum, self.options.momentum)?;
        row.radial = given(columns.radial, None)?;
        row.momentum_along = given(columns.momentum_along, None)?;
        row.displacement_square = given(columns.displacement_square, None)?;
        row.sharpness = given(columns.sharpness, None)?;
        row.loss = number(columns.loss)?;
        row.norm_square = number(columns.norm_square)?;
        row.gradient_square = number(columns.gradient_square)?;
        row.groups.clear();
        for group in &columns.groups {
            row.groups.push([number(group[0])?, number(group[1])?]);
        }
        row.not_finite = not_finite;
        row.line = line;
        row.step = whole(&record[columns.step]).ok_or_else(|| wrong(columns.step, "the number of a step"))?;
        Ok(())
    }
}

/// A whole number, which some loggers write as 12.0.
fn whole(field: &str) -> Option<u64> {
    field.parse().ok().or_else(|| {
        let value: f64 = field.parse().ok()?;
        (value >= 0.0 && value < 2f64.powi(53) && value.fract() == 0.0).then_some(value as u64)
    })
}

impl Columns {
    fn of(path: &Path, names: &[String], options: &LogOptions) -> Result<(Self, Vec<String>), LogError> {
        if let Some((_, twice)) = names.iter().enumerate().find(|(k, name)| names[..*k].contains(name)) {
            return Err(LogError::Twice { path: path.into(), name: shown(twice) });
        }
        let find = |wanted: &[&str]| names.iter().position(|name| wanted.contains(&name.as_str()));
        let missing = |missing| LogError::Missing { path: path.into(), missing, found: shown(&names.join(", ")) };
        let need = |wanted: &'static [&'static str]| find(wanted).ok_or_else(|| missing(wanted[0]));
        let learning_rate = find(&["lr", "learning_rate"]);
        let weight_decay = find(&["weight_decay", "wd"]);
        if learning_rate.is_none() && options.learning_rate.is_none() {
            return Err(missing("lr"));
        }
        if weight_decay.is_none() && options.weight_decay.is_none() {
            return Err(missing("weight_decay"));
        }
        let of_group = |name: &String| -> Option<(String, [usize; 2])> {
            let group = name.strip_prefix("w2_")?;
            Some((group.to_owned(), [find(&[name])?, find(&[&format!("g2_{group}")])?]))
        };
        let (groups, of_groups) = names.iter().filter_map(of_group).unzip();
        let columns = Self {
            step: need(&["step"])?,
            loss: need(&["loss"])?,
            norm_square: need(&["w2"])?,
            gradient_square: need(&["g2"])?,
            learning_rate,
            weight_decay,
            momentum: find(&["momentum"]),
            radial: find(&["wg"]),
            momentum_along: find(&["wm"]),
            displacement_square: find(&["dw2"]),
            sharpness: find(&["lambda1"]),
            groups: of_groups,
        };
        Ok((columns, groups))
    }

    /// The columns that hold what was computed, and so show how numbers are written.
    fn computed(&self) -> [usize; 3] {
        [self.loss, self.norm_square, self.gradient_square]
    }

    fn written(&self, rows: &VecDeque<Record>) -> Written {
        let fields = || rows.iter().flat_map(|row| self.computed().map(|column| &row[column]));
        let decimals = |field: &str| -> Option<usize> {
            let (_, after) = field.split_once('.')?;
            after.bytes().all(|byte| byte.is_ascii_digit()).then_some(after.len())
        };
        let digits = |field: &str| {
            let mantissa = field.split(['e', 'E']).next().unwrap_or_default();
            mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|&digit| digit == b'0').count()
        };
        let first = rows.front().and_then(|row| decimals(&row[self.norm_square]));
        match first {
            // One number alone may have as many digits by chance.
            Some(count) if rows.len() > 1 && fields().all(|field| decimals(field) == Some(count)) => {
                Written::Decimals(count as i32)
            }
            _ => Written::Digits(fields().map(digits).max().unwrap_or(0)),
        }
    }

    fn arithmetic(&self, rows: &VecDeque<Record>, written: Written) -> LogArithmetic {
        let values =
            || rows.iter().flat_map(|row| [self.norm_square, self.gradient_square].map(|k| row[k].parse::<f64>()));
        // As printed to so many digits, or as the shortest text that reads back as the number of single precision.
        let is_single = |value: f64| {
            let single = value as f32;
            (value - f64::from(single)).abs() <= written.error(value)
                || single.to_string().parse::<f64>().is_ok_and(|shortest| shortest == value)
        };
        let resolves = |value: f64| written.error(value) < 0.05 * f64::from(f32::EPSILON) * value.abs();
        let finite: Vec<f64> = values().flatten().filter(|value| value.is_finite() && *value != 0.0).collect();
        let enough = matches!(written, Written::Digits(digits) if digits >= DIGITS_OF_SINGLE)
            || (!finite.is_empty() && finite.iter().all(|&value| resolves(value)));
        match (enough, finite.iter().all(|&value| is_single(value))) {
            (true, false) => LogArithmetic::Double,
            (true, true) if !finite.is_empty() => LogArithmetic::Single,
            _ => LogArithmetic::Unknown,
        }
    }
}
