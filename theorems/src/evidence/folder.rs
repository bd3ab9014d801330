//! Evidence in a folder; `docs/evidence.md` documents its files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{ClaimEvidence, Name, SCHEMA, StudyEvidence, Summary, Table};

/// The file that says what a folder of evidence holds.
pub const INDEX: &str = "evidence.json";
const CIRCUMSTANCES: &str = "circumstances.json";
const DIGESTS: &str = "SHA256SUMS";
const CLAIMS: &str = "claims";
const TRACES: &str = "traces";
/// Where an interrupted study's evidence goes.
pub const PARTIAL: &str = "partial";
/// A user's own file, as it was read.
const INPUT: &str = "input";

/// Why there is no evidence to write or to read.
#[derive(Debug, Error)]
pub enum FolderError {
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} is no folder of evidence: {reason}", path.display())]
    Nothing { path: PathBuf, reason: String },
}

/// The facts that stand beside the evidence because they differ from run to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Circumstances {
    pub seconds: f64,
    pub threads: usize,
    pub finished_unix: u64,
    /// The processor's vector instructions: kernels are chosen by them.
    pub processor: String,
}

impl Circumstances {
    /// The circumstances of this process, now.
    pub fn new(seconds: f64, threads: usize) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self { seconds, threads, finished_unix: now.map_or(0, |d| d.as_secs()), processor: processor() }
    }
}

fn processor() -> String {
    let mut found = vec![std::env::consts::ARCH];
    #[cfg(target_arch = "x86_64")]
    for (name, there) in [
        ("fma", is_x86_feature_detected!("fma")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
    ] {
        if there {
            found.push(name);
        }
    }
    found.join(" ")
}

/// A fault of a file in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub file: String,
    pub what: String,
}

/// The contents of a folder: what is whole, and what is damaged.
#[derive(Clone, Debug)]
pub struct Kept {
    pub summary: Option<Summary>,
    pub claims: Vec<ClaimEvidence>,
    pub tables: Vec<Table>,
    pub circumstances: Option<Circumstances>,
    /// The copy of the user's own file.
    pub input: Option<PathBuf>,
    pub damage: Vec<Damage>,
}

/// `evidence.json`: the summary, and which files belong to it.
#[derive(Serialize, Deserialize)]
struct Index {
    #[serde(flatten)]
    summary: Summary,
    tables: Vec<TableFile>,
}

#[derive(Serialize, Deserialize)]
struct TableFile {
    file: String,
    kind: Name,
    instance: String,
}

/// Writes evidence into a folder, and replaces the evidence that was there. The list of digests is removed first and written last, so a
/// folder without the list is not whole.
///
/// # Errors
/// A file that cannot be written.
pub fn write(
    folder: &Path,
    evidence: &StudyEvidence,
    input: Option<&[u8]>,
    circumstances: &Circumstances,
) -> Result<(), FolderError> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for claim in &evidence.claims {
        files.insert(format!("{CLAIMS}/{}.json", claim.id), json(claim)?);
    }
    let mut tables = Vec::new();
    for (k, table) in evidence.tables.iter().enumerate() {
        let file = format!("{TRACES}/{k:02}-{}-{}.csv", slug(&table.instance), table.kind);
        files.insert(file.clone(), comma_separated(table).map_err(|source| unwritten(&file, source))?);
        tables.push(TableFile { file, kind: table.kind.clone(), instance: table.instance.clone() });
    }
    files.insert(INDEX.into(), json(&Index { summary: evidence.summary.clone(), tables })?);
    files.extend(input.map(|bytes| (INPUT.to_string(), bytes.to_vec())));

    let digests = folder.join(DIGESTS);
    match fs::remove_file(&digests) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            return Err(FolderError::Write { path: digests, source });
        }
        _ => {}
    }
    let mut list = String::new();
    for (name, bytes) in &files {
        put(&folder.join(name), bytes)?;
        let _ = writeln!(list, "{}  {name}", digest(bytes));
    }
    for stale in listed(folder).into_iter().filter(|name| !files.contains_key(name)) {
        // A file that cannot be removed is reported when the folder is read.
        let _ = fs::remove_file(folder.join(stale));
    }
    put(&folder.join(CIRCUMSTANCES), &json(circumstances)?)?;
    put(&digests, list.as_bytes())
}

/// Reads a folder: all of it that is whole.
///
/// # Errors
/// The folder holds no evidence, or evidence of another format.
pub fn read(folder: &Path) -> Result<Kept, FolderError> {
    let nothing = |reason: String| FolderError::Nothing { path: folder.into(), reason };
    fs::read_dir(folder).map_err(|error| nothing(error.to_string()))?;
    let mut damage = Vec::new();
    let digests = match fs::read_to_string(folder.join(DIGESTS)) {
        Ok(text) => Some(parse_digests(&text)),
        Err(error) => {
            damage
                .push(Damage { file: DIGESTS.into(), what: format!("{error}: the folder was not written to its end") });
            None
        }
    };
    let present = listed(folder);
    if let Some(digests) = &digests {
        for name in present.iter().filter(|name| !digests.contains_key(*name)) {
            damage.push(Damage { file: name.clone(), what: "not part of this evidence".into() });
        }
        for (name, expected) in digests {
            match fs::read(folder.join(name)) {
                Ok(bytes) if digest(&bytes) == *expected => {}
                Ok(_) => damage.push(Damage { file: name.clone(), what: "changed since it was written".into() }),
                Err(error) => damage.push(Damage { file: name.clone(), what: error.to_string() }),
            }
        }
    }
    let mut whole = |name: &str| -> Option<Vec<u8>> {
        fs::read(folder.join(name)).inspect_err(|error| note(&mut damage, name, &error.to_string())).ok()
    };
    let index = whole(INDEX);
    let claim_files = present.iter().filter(|name| name.starts_with(CLAIMS));
    let claim_files: Vec<(&String, Option<Vec<u8>>)> = claim_files.map(|name| (name, whole(name))).collect();
    let index: Option<Index> = match index {
        None => None,
        Some(bytes) => {
            if let Ok(Schema { schema }) = serde_json::from_slice(&bytes)
                && schema != SCHEMA
            {
                return Err(nothing(format!("its format is {schema}, this version reads {SCHEMA}")));
            }
            parse(INDEX, &bytes, &mut damage)
        }
    };
    let mut claims: Vec<ClaimEvidence> = Vec::new();
    for (name, bytes) in claim_files {
        claims.extend(bytes.and_then(|bytes| parse(name, &bytes, &mut damage)));
    }
    let mut tables = Vec::new();
    for TableFile { file, kind, instance } in index.iter().flat_map(|index| &index.tables) {
        let table = Table { kind: kind.clone(), instance: instance.clone(), columns: vec![], rows: vec![] };
        match read_table(&folder.join(file), table) {
            Ok(table) => tables.push(table),
            Err(what) => note(&mut damage, file, &what),
        }
    }
    let summary = index.map(|index| index.summary);
    if let Some(summary) = &summary {
        let place = |id: &str| summary.parameters.claims.iter().position(|claim| claim == id);
        claims.sort_by_key(|claim| place(&claim.id));
        for id in &summary.parameters.claims {
            let file = format!("{CLAIMS}/{id}.json");
            // A file that is there but cannot be read has already been noted.
            if !present.contains(&file) {
                note(&mut damage, &file, "missing");
            }
        }
    }
    if summary.is_none() && claims.is_empty() {
        if folder.join(PARTIAL).is_dir() {
            return Err(nothing(format!(
                "it holds an interrupted study, in {PARTIAL}/; the same `verify` goes on from it"
            )));
        }
        let found = damage.iter().map(|d| format!("{}: {}", d.file, d.what)).collect::<Vec<_>>().join("; ");
        return Err(nothing(found));
    }
    let circumstances = fs::read(folder.join(CIRCUMSTANCES)).ok();
    let circumstances = circumstances.and_then(|bytes| parse(CIRCUMSTANCES, &bytes, &mut damage));
    let input = Some(folder.join(INPUT)).filter(|path| path.is_file());
    Ok(Kept { summary, claims, tables, circumstances, input, damage })
}

#[derive(Deserialize)]
struct Schema {
    schema: String,
}

fn parse<T: DeserializeOwned>(name: &str, bytes: &[u8], damage: &mut Vec<Damage>) -> Option<T> {
    serde_json::from_slice(bytes).map_err(|error| note(damage, name, &error.to_string())).ok()
}

/// Notes only the first fault of each file, because the first fault is the plainest.
fn note(damage: &mut Vec<Damage>, file: &str, what: &str) {
    match damage.iter_mut().find(|damage| damage.file == file) {
        Some(known) if known.what.contains(what) => {}
        Some(known) => known.what += &format!("; {what}"),
        None => damage.push(Damage { file: file.into(), what: what.into() }),
    }
}

/// The claims' and traces' files that are in the folder, by name.
fn listed(folder: &Path) -> BTreeSet<String> {
    let of = |sub: &'static str, ending: &'static str| {
        let entries = fs::read_dir(folder.join(sub)).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(move |name| name.ends_with(ending)).map(move |name| format!("{sub}/{name}"))
    };
    of(CLAIMS, ".json").chain(of(TRACES, ".csv")).collect()
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, FolderError> {
    let mut bytes = serde_json::to_vec(value).map_err(|error| unwritten("JSON", error.into()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn unwritten(path: &str, source: io::Error) -> FolderError {
    FolderError::Write { path: path.into(), source }
}

/// Written aside and renamed: a file is whole or not there.
fn put(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", process::id()));
    let written = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = written.and_then(|()| fs::write(&part, bytes)).and_then(|()| fs::rename(&part, path));
    written.map_err(|source| FolderError::Write { path: path.into(), source })
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Names and digests as `sha256sum` writes them.
fn parse_digests(text: &str) -> BTreeMap<String, String> {
    text.lines().filter_map(|line| line.split_once("  ")).map(|(digest, name)| (name.into(), digest.into())).collect()
}

/// Letters, digits and hyphens of a name, in lower case.
fn slug(name: &str) -> String {
    let kept: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let parts: Vec<&str> = kept.split('-').filter(|part| !part.is_empty()).collect();
    let mut slug = parts.join("-");
    slug.truncate(48);
    slug
}

fn comma_separated(table: &Table) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(table.columns.iter().map(|column| column.as_bytes()))?;
    for row in &table.rows {
        writer.serialize(row)?;
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

fn read_table(path: &Path, mut table: Table) -> Result<Table, String> {
    let mut reader = csv::Reader::from_path(path).map_err(|error| error.to_string())?;
    let header = reader.headers().map_err(|error| error.to_string())?;
    table.columns = header.iter().map(|column| Name::Owned(column.into())).collect();
    for (k, row) in reader.deserialize().enumerate() {
        // The header is the file's first line.
        table.rows.push(row.map_err(|error: csv::Error| format!("line {}: {error}", k + 2))?);
    }
    Ok(table)
}
