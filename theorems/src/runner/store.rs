//! What a study has found so far, kept in a folder so that a later run can go on from it.

use std::fs::{create_dir_all, read, remove_dir, remove_dir_all, rename, write};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::process;

use sha2::{Digest, Sha256};

use super::Study;
use crate::judging::Done;

/// Bytes of a digest, which stands before the content.
const DIGEST: usize = 32;

/// A folder of findings, one file a part of the work; or nothing, where none are kept.
#[derive(Clone, Debug)]
pub struct Store {
    folder: Option<PathBuf>,
}

impl Store {
    /// Keeps nothing.
    pub fn none() -> Self {
        Self { folder: None }
    }

    /// Keeps the findings of this study by this very binary under `out`. Another study or another binary has another folder, so that
    /// their numbers are never mixed.
    pub fn under(out: &Path, study: &Study) -> Self {
        let folder = fingerprint(study).map(|name| out.join("unfinished").join(name));
        Self { folder: folder.ok() }
    }

    fn file(&self, work: &str) -> Option<PathBuf> {
        let mut hasher = DefaultHasher::new();
        work.hash(&mut hasher);
        self.folder.as_ref().map(|folder| folder.join(format!("{:016x}.cbor", hasher.finish())))
    }

    /// The findings of a part. A file that cannot be read, or whose bits have changed, counts as missing.
    pub(super) fn load(&self, work: &str) -> Option<Done> {
        let bytes = read(self.file(work)?).ok()?;
        let (digest, content) = bytes.split_at_checked(DIGEST)?;
        if Sha256::digest(content).as_slice() != digest {
            return None;
        }
        let (name, done): (String, Done) = ciborium::from_reader(content).ok()?;
        (name == work).then_some(done)
    }

    /// Keeps what was found of a part. The file is written under another name and then renamed, so that it is either whole or not there.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub(super) fn save(&self, work: &str, done: &Done) -> io::Result<()> {
        let (Some(folder), Some(file)) = (&self.folder, self.file(work)) else { return Ok(()) };
        create_dir_all(folder)?;
        let mut content = Vec::new();
        ciborium::into_writer(&(work, done), &mut content).map_err(io::Error::other)?;
        let bytes = [Sha256::digest(&content).as_slice(), &content].concat();
        let part = file.with_extension(format!("{}.part", process::id()));
        write(&part, bytes)?;
        rename(part, file)
    }

    /// Forgets all of it, once the study's evidence is written.
    pub fn clear(&self) {
        if let Some(folder) = &self.folder {
            // A folder that cannot be removed does no harm.
            let _ = remove_dir_all(folder);
            let _ = folder.parent().map(remove_dir);
        }
    }
}

/// A fingerprint of the binary, of the question and of the user's data.
fn fingerprint(study: &Study) -> io::Result<String> {
    let mut hasher = DefaultHasher::new();
    read(std::env::current_exe()?)?.hash(&mut hasher);
    let population = &study.population;
    let claims: Vec<&str> = study.claims.iter().map(|claim| claim.id).collect();
    (claims, population.seed, population.regressions, population.networks).hash(&mut hasher);
    // The data or the network are hashed as they were read, even if the file has changed since.
    format!("{:?}", population.source).hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}
