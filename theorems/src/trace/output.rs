use std::fs::{File, create_dir_all};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::plot::{Points, draw};
use super::{Decay, Request, Row, Setup, TraceError, TraceSummary};
use crate::evidence::{PROVENANCE, Provenance};

/// Where a trace goes.
pub struct Output {
    pub folder: PathBuf,
    /// Also the JSON, to standard output.
    pub json: bool,
}

/// What a trace records of itself.
#[derive(Serialize)]
struct Header<'a> {
    schema: &'static str,
    provenance: Provenance,
    instance: &'a str,
    seed: u64,
    learning_rate: f64,
    intrinsic_lr: f64,
    weight_decay: Decay,
    edge_offset: f64,
    angle: f64,
    kick: f64,
    steps: u64,
    stride: u64,
    notes: &'a [String],
}

/// The open files of a trace. Rows are written as they come; memory does not grow with them.
pub struct Sinks {
    folder: PathBuf,
    table: csv::Writer<BufWriter<File>>,
    json: Vec<(PathBuf, JsonRows<Box<dyn Write>>)>,
    points: Points,
}

impl Sinks {
    /// Opens the files before anything is computed, so that a folder that cannot be written is known at once.
    ///
    /// # Errors
    /// A folder or file that cannot be created.
    pub fn open(output: &Output, request: &Request, setup: &Setup) -> Result<Self, TraceError> {
        let folder = output.folder.clone();
        create_dir_all(&folder).map_err(|source| TraceError::Output { path: folder.clone(), source })?;
        let header = Header {
            schema: "sharpflow-trace/1",
            provenance: PROVENANCE,
            instance: &setup.name,
            seed: request.seed,
            learning_rate: request.learning_rate,
            intrinsic_lr: setup.descent_intrinsic_lr(),
            weight_decay: request.decay,
            edge_offset: request.edge_offset,
            angle: request.angle,
            kick: request.kick,
            steps: setup.steps,
            stride: setup.stride,
            notes: &setup.notes,
        };
        let table = csv::Writer::from_writer(create(&folder.join("trace.csv"))?);
        let path = folder.join("trace.json");
        let mut writers: Vec<(PathBuf, Box<dyn Write>)> = vec![(path.clone(), Box::new(create(&path)?))];
        if output.json {
            writers.push(("standard output".into(), Box::new(BufWriter::new(io::stdout()))));
        }
        let mut json = Vec::new();
        for (path, writer) in writers {
            let rows = JsonRows::begin(writer, &header).map_err(write_error(&path))?;
            json.push((path, rows));
        }
        let points = Points::new(setup.descent_intrinsic_lr() > 0.0);
        Ok(Self { folder, table, json, points })
    }

    /// Writes one row everywhere.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn row(&mut self, row: &Row) -> Result<(), TraceError> {
        let table = self.folder.join("trace.csv");
        self.table.serialize(row).map_err(|error| write_error(&table)(error.into()))?;
        for (path, json) in &mut self.json {
            json.row(row).map_err(write_error(path))?;
        }
        self.points.add(row);
        Ok(())
    }

    /// Ends all files and draws the pictures; returns what was written.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(mut self, setup: &Setup, summary: &TraceSummary) -> Result<Vec<PathBuf>, TraceError> {
        let table = self.folder.join("trace.csv");
        self.table.flush().map_err(write_error(&table))?;
        for (path, json) in self.json {
            json.end(summary).map_err(write_error(&path))?;
        }
        let mut written = vec![table, self.folder.join("trace.json")];
        for name in ["trace.svg", "trace.png"] {
            let path = self.folder.join(name);
            draw(&path, &setup.name, &self.points)?;
            written.push(path);
        }
        Ok(written)
    }
}

fn create(path: &Path) -> Result<BufWriter<File>, TraceError> {
    File::create(path).map(BufWriter::new).map_err(write_error(path))
}

fn write_error(path: &Path) -> impl Fn(io::Error) -> TraceError + '_ {
    move |source| TraceError::Output { path: path.into(), source }
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
