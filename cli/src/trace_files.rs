//! The files of a trace: rows as CSV and JSON while they come, and at the end a picture.

use std::fs::{self, File, create_dir_all, rename};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process;

use serde::Serialize;
use sharpflow_report::{Format, Picture, PlotError, export, to_svg};
use sharpflow_theorems::evidence::{Input, PROVENANCE, Provenance};
use sharpflow_theorems::trace::{Decay, Request, Row, Setup, TraceError, TraceStatus, TraceSummary};
use thiserror::Error;

/// Why a trace has no row, or its files could not be written.
#[derive(Debug, Error)]
pub enum TraceFilesError {
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error("cannot write {}: {source}", path.display())]
    Output { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Plot(#[from] PlotError),
}

/// Where a trace goes.
pub struct Output {
    /// The folder of its files.
    pub folder: PathBuf,
    /// Whether the JSON also goes to standard output.
    pub json: bool,
}

/// The facts that a trace records about itself.
#[derive(Serialize)]
struct Header<'a> {
    schema: &'static str,
    provenance: Provenance,
    instance: &'a str,
    /// What was asked for: a table, a network, or what is built in.
    input: Input,
    seed: u64,
    learning_rate: f64,
    /// ηλ; without weight decay it only sized the kick.
    intrinsic_lr: f64,
    weight_decay: Decay,
    edge_offset: f64,
    /// φ(0) of a regression.
    angle: Option<f64>,
    kick: f64,
    steps: u64,
    stride: u64,
    notes: &'a [String],
}

/// The open files of a trace. Rows are written as they come, so that memory does not grow with them. The files get their names only
/// when they are whole, and an earlier trace in the folder stays until then.
pub struct TraceFiles {
    table: Part<csv::Writer<BufWriter<File>>>,
    json: Part<JsonRows<BufWriter<File>>>,
    /// Standard output, until its reader goes away.
    stream: Option<JsonRows<BufWriter<io::Stdout>>>,
    folder: PathBuf,
    picture: Picture,
}

/// A file under a name of this process's own, and the name it is to have.
struct Part<W> {
    writer: W,
    at: PathBuf,
    name: PathBuf,
}

impl TraceFiles {
    /// Opens the files before anything is computed, so that a folder that cannot be written is known at once.
    ///
    /// # Errors
    /// A folder or file that cannot be created.
    pub fn open(output: &Output, request: &Request, setup: &Setup) -> Result<Self, TraceFilesError> {
        let folder = output.folder.clone();
        create_dir_all(&folder).map_err(|source| TraceFilesError::Output { path: folder.clone(), source })?;
        let header = Header {
            schema: "sharpflow-trace/2",
            provenance: PROVENANCE,
            instance: &setup.name,
            input: request.source.input(),
            seed: request.seed,
            learning_rate: request.learning_rate,
            intrinsic_lr: setup.nominal_intrinsic_lr(),
            weight_decay: request.decay,
            edge_offset: request.edge_offset,
            angle: setup.loss.regression().map(|regression| regression.angle),
            kick: request.kick,
            steps: setup.steps,
            stride: setup.stride,
            notes: &setup.notes,
        };
        let table = Part::create(&folder, "trace.csv", |file| Ok(csv::Writer::from_writer(file)))?;
        let json = Part::create(&folder, "trace.json", |file| JsonRows::begin(file, &header))?;
        let stream = match output.json {
            true => until_gone(JsonRows::begin(BufWriter::new(io::stdout()), &header))?,
            false => None,
        };
        Ok(Self { table, json, stream, folder, picture: Picture::new(setup) })
    }

    /// Writes one row everywhere.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn row(&mut self, row: &Row) -> Result<(), TraceFilesError> {
        self.table.writer.serialize(row).map_err(|error| write_error(&self.table.at)(error.into()))?;
        self.json.writer.row(row).map_err(write_error(&self.json.at))?;
        if let Some(mut stream) = self.stream.take() {
            self.stream = until_gone(stream.row(row).map(|()| stream))?;
        }
        self.picture.add(row);
        Ok(())
    }

    /// Ends all files, names them and, if there is a row, draws the pictures; returns what was written.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(self, summary: &TraceSummary) -> Result<Vec<PathBuf>, TraceFilesError> {
        let parts = [self.table.at.clone(), self.json.at.clone()];
        let written = self.finish_parts(summary);
        if written.is_err() {
            // A file that could not be ended is removed.
            parts.iter().for_each(|part| drop(fs::remove_file(part)));
        }
        written
    }

    fn finish_parts(self, summary: &TraceSummary) -> Result<Vec<PathBuf>, TraceFilesError> {
        let Self { mut table, json, stream, folder, picture } = self;
        table.writer.flush().map_err(write_error(&table.at))?;
        let mut written = vec![table.name()?];
        let Part { writer, at, name } = json;
        writer.end(summary).map_err(write_error(&at))?;
        written.push(Part { writer: (), at, name }.name()?);
        if let Some(stream) = stream {
            until_gone(stream.end(summary))?;
        }
        let mark = match summary.status {
            TraceStatus::Complete => "",
            TraceStatus::Interrupted => ", interrupted",
            TraceStatus::Failed => ", failed",
        };
        if summary.rows > 0 {
            let svg = to_svg(&picture.chart(mark))?;
            for (name, bytes) in [("trace.png", export(&svg, Format::Png)?), ("trace.svg", svg.into_bytes())] {
                let (path, at) = (folder.join(name), part_of(&folder, name));
                let written_aside = fs::write(&at, bytes).and_then(|()| rename(&at, &path));
                if written_aside.is_err() {
                    // A half-written picture is removed.
                    let _ = fs::remove_file(&at);
                }
                written_aside.map_err(write_error(&path))?;
                written.push(path);
            }
        }
        Ok(written)
    }
}

impl<W> Part<W> {
    fn create(
        folder: &Path,
        name: &str,
        begin: impl FnOnce(BufWriter<File>) -> io::Result<W>,
    ) -> Result<Self, TraceFilesError> {
        let at = part_of(folder, name);
        let writer = File::create(&at).and_then(|file| begin(BufWriter::new(file))).map_err(write_error(&at))?;
        Ok(Self { writer, at, name: folder.join(name) })
    }

    fn name(self) -> Result<PathBuf, TraceFilesError> {
        rename(&self.at, &self.name).map_err(write_error(&self.name))?;
        Ok(self.name)
    }
}

/// The name of a file while it is written, this process's own.
fn part_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.{}.part", process::id()))
}

fn write_error(path: &Path) -> impl Fn(io::Error) -> TraceFilesError + '_ {
    move |source| TraceFilesError::Output { path: path.into(), source }
}

/// A write to standard output; `None` once its reader has gone away, which is no error.
fn until_gone<T>(written: io::Result<T>) -> Result<Option<T>, TraceFilesError> {
    match written {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(None),
        Err(source) => Err(TraceFilesError::Output { path: "standard output".into(), source }),
    }
}

/// A JSON object written piece by piece: the header's fields, then `rows`, then `summary`.
struct JsonRows<W: Write> {
    writer: W,
    rows: u64,
}

impl<W: Write> JsonRows<W> {
    fn begin(mut writer: W, header: &Header<'_>) -> io::Result<Self> {
        let text = serde_json::to_string(header)?;
        // The header's closing brace makes room for the rows.
        writer.write_all(&text.as_bytes()[..text.len() - 1])?;
        writer.write_all(b",\"rows\":[")?;
        Ok(Self { writer, rows: 0 })
    }

    fn row(&mut self, row: &Row) -> io::Result<()> {
        self.writer.write_all(if self.rows == 0 { b"\n" } else { b",\n" })?;
        self.rows += 1;
        serde_json::to_writer(&mut self.writer, row)?;
        Ok(())
    }

    fn end(mut self, summary: &TraceSummary) -> io::Result<()> {
        self.writer.write_all(b"\n],\"summary\":")?;
        serde_json::to_writer(&mut self.writer, summary)?;
        self.writer.write_all(b"}\n")?;
        self.writer.flush()
    }
}
