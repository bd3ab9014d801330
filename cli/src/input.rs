//! What a study or an inspection is about: tables and networks, read as the command line names them.

use std::fs;
use std::path::Path;

use sharpflow::data::{DataError, Dataset};
use sharpflow::network::Network;
use sharpflow::network_file::zoo::{ZOO, find};
use sharpflow::network_file::{FileError, LARGEST_FILE, OnnxOptions, Opened};
use sharpflow_theorems::evidence::Input;
use sharpflow_theorems::population::Source;
use sharpflow_theorems::runner::StudyError;

use crate::arguments::NetworkArguments;
use crate::error::CliError;
use crate::terminal::{reading_lines, say};

/// A network that was named on the command line.
pub struct NamedNetwork {
    pub network: Network,
    /// The network that exact arithmetic tries in its place, where that is another: a built-in one at its small sizes, a user's with
    /// rational activations.
    pub small: Option<Network>,
    /// Lines that tell the user how it was read.
    pub notes: Vec<String>,
    file: NetworkFile,
}

/// What a network was read from.
enum NetworkFile {
    BuiltIn,
    Text(String),
    /// A file that needs files of numbers, with sizes as they were set.
    WithArrays(Vec<(String, usize)>),
}

impl NamedNetwork {
    /// The bytes of the file that the network was read from. If that file needs files of numbers, these are the bytes of a file with all numbers in it.
    /// Evidence keeps them.
    ///
    /// # Errors
    /// All numbers together are more than a network file can hold.
    fn copy(&self) -> Result<Option<Vec<u8>>, FileError> {
        Ok(match &self.file {
            NetworkFile::BuiltIn => None,
            NetworkFile::Text(text) => Some(text.clone().into_bytes()),
            NetworkFile::WithArrays(sizes) => Some(written_out(&self.network, sizes)?.into_bytes()),
        })
    }
}

/// Where a study's instances come from, read.
pub struct Read {
    pub source: Source,
    /// The bytes of the user's own file, from which the source was made.
    pub file: Option<Vec<u8>>,
    /// Lines that tell the user how it was read.
    pub said: Vec<String>,
}

/// The network of a command that looks at one; how it was read is told at once.
pub fn told(arguments: &NetworkArguments) -> Result<NamedNetwork, CliError> {
    let onnx = arguments.onnx.options(arguments.data.as_deref());
    let named = network(&arguments.network, &arguments.size, &onnx)?;
    named.notes.iter().for_each(|note| say(note));
    Ok(named)
}

/// Reads a network: a file, or a built-in architecture by its name.
pub fn network(path: &Path, with: &[String], onnx: &OnnxOptions) -> Result<NamedNetwork, CliError> {
    let mut sizes = Vec::new();
    for text in with {
        let (name, size) = text.split_once('=').ok_or_else(|| CliError::Size { text: text.clone() })?;
        sizes.push((name, size.parse().map_err(|_| CliError::Size { text: text.clone() })?));
    }
    let name = path.display().to_string();
    let named = |source| CliError::Network { name: name.clone(), source: Box::new(source) };
    let is_onnx = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("onnx"));
    if !is_onnx && *onnx != OnnxOptions::default() {
        return Err(CliError::NotOnnx { name });
    }
    let (network, small, file, notes) = match path.to_str().and_then(find) {
        // A file of an architecture's name hides it, a folder does not.
        Some(architecture) if !path.is_file() => {
            let small = architecture.exact().map_err(named)?;
            (architecture.network(&sizes).map_err(named)?, small, NetworkFile::BuiltIn, vec![])
        }
        None if !path.exists() => {
            let built_in = ZOO.map(|architecture| architecture.name).join(", ");
            return Err(CliError::NoSuchNetwork { name, built_in });
        }
        _ => {
            let set = || sizes.iter().map(|&(name, size)| (name.to_owned(), size)).collect();
            let (Opened { network, notes, .. }, file) = if is_onnx {
                (Network::from_onnx(path, &sizes, onnx).map_err(named)?, NetworkFile::WithArrays(set()))
            } else {
                let text = Network::read_text(path).map_err(named)?;
                let folder = path.parent().unwrap_or(Path::new(""));
                let opened = Network::open(&text, folder, &sizes).map_err(named)?;
                let is_whole = opened.arrays.is_empty();
                (opened, if is_whole { NetworkFile::Text(text) } else { NetworkFile::WithArrays(set()) })
            };
            (network.clone(), network.with_rational_activations(), file, notes)
        }
    };
    let is_other = small != network;
    let notes = notes.into_iter().map(|note| format!("{name}: {note}")).collect();
    Ok(NamedNetwork { network, small: is_other.then_some(small), notes, file })
}

/// A network file with every number in it, which can be read with the same settings of sizes.
fn written_out(network: &Network, sizes: &[(String, usize)]) -> Result<String, FileError> {
    let settings: String = sizes.iter().map(|(name, size)| format!("{name:?} = {size}\n")).collect();
    let text = format!("{}\n[sizes]\n{settings}", network.to_toml());
    if text.len() as u64 > LARGEST_FILE { Err(FileError::TooLong) } else { Ok(text) }
}

/// The seed of weights that are not trained.
const FROZEN: u64 = 1;

/// Reads what instances are made of, once. Where evidence keeps a copy of the user's file, the copy is read in its place.
pub fn source(input: &Input, copy: Option<&Path>) -> Result<Read, CliError> {
    Ok(match input {
        Input::BuiltIn => Read { source: Source::BuiltIn, file: None, said: vec![] },
        Input::Data { file, target, options } => {
            let path = copy.unwrap_or(file);
            let unread = |source| StudyError::from(DataError::Unreadable { path: path.into(), source });
            let bytes = fs::read(path).map_err(unread)?;
            let (data, reading) = Dataset::parse_table(path, &bytes, target, options).map_err(StudyError::from)?;
            // A table that is no regression is refused before it is said how it was read.
            let of_table = |source: DataError| DataError::Table { path: path.into(), source: Box::new(source) };
            data.centred().map_err(of_table).map_err(StudyError::from)?;
            let said = reading_lines(&file.display().to_string(), &reading);
            let (file, target, options) = (file.clone(), target.clone(), options.clone());
            Read { source: Source::Data { file, target, options, data: Box::new(data) }, file: Some(bytes), said }
        }
        Input::Network { network: file, sizes, groups, most_steps, onnx } => {
            // The copy has every number.
            let read = match copy {
                Some(copy) => network(copy, sizes, &OnnxOptions::default())?,
                None => network(file, sizes, onnx)?,
            };
            let unkept = |source| CliError::Network { name: file.display().to_string(), source: Box::new(source) };
            let bytes = read.copy().map_err(unkept)?;
            let trained = match groups.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                [] => read.network,
                groups => read.network.with_only(groups, FROZEN)?,
            };
            let (file, sizes, network) = (file.clone(), sizes.clone(), Box::new(trained));
            let (groups, most_steps, onnx) = (groups.clone(), *most_steps, onnx.clone());
            let said = read.notes;
            Read { source: Source::Network { file, sizes, groups, most_steps, onnx, network }, file: bytes, said }
        }
    })
}
