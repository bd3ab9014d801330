//! A user's own instance, as the command line names it.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, ValueEnum};
use sharpflow::data::{Header, TableOptions};
use sharpflow::network_file::{OnnxOptions, OutputLoss};
use sharpflow_theorems::evidence::Input;

/// What an ONNX file leaves open, besides its data.
#[derive(Debug, Args)]
pub struct OnnxArguments {
    /// The loss of an ONNX file that ends with its outputs [default: the mean squared error]
    #[arg(long, value_enum, requires = "network")]
    pub loss: Option<LossChoice>,
    /// An initializer of an ONNX file that is not trained; may be given again
    #[arg(long, value_name = "INITIALIZER", requires = "network")]
    pub frozen: Vec<String>,
    /// An initializer of an ONNX file that is trained although its name is the exporter's; may be given again
    #[arg(long, value_name = "INITIALIZER", requires = "network")]
    pub trained: Vec<String>,
}

impl OnnxArguments {
    /// The options, with a file of data.
    pub fn options(&self, data: Option<&Path>) -> OnnxOptions {
        let loss = self.loss.map(|loss| match loss {
            LossChoice::Mse => OutputLoss::MeanSquaredError,
            LossChoice::CrossEntropy => OutputLoss::CrossEntropy,
        });
        OnnxOptions { loss, data: data.map(Into::into), frozen: self.frozen.clone(), trained: self.trained.clone() }
    }
}

/// The loss of outputs and targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LossChoice {
    /// The mean of (outputs − targets)²
    Mse,
    /// Cross-entropy of logits, whose classes are along axis 1
    #[value(name = "cross_entropy", alias = "cross-entropy")]
    CrossEntropy,
}

/// A network that is looked at.
#[derive(Debug, Args)]
pub struct NetworkArguments {
    /// A network file (.toml or .onnx), or the name of a built-in architecture
    pub network: PathBuf,
    /// Another value for one of the network's sizes; may be given again
    #[arg(long, value_name = "NAME=NUMBER")]
    pub size: Vec<String>,
    #[command(flatten)]
    pub onnx: OnnxArguments,
    /// A .npz file with an array for each input of an ONNX file, and `targets` [default: both are drawn]
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
}

/// An instance of the user's own.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("about").args(["network", "target"]).multiple(true)))]
pub struct InstanceArguments {
    /// A network file (.toml or .onnx), or the name of a built-in architecture, as the only instance
    #[arg(long, value_name = "NETWORK", conflicts_with = "target")]
    pub network: Option<PathBuf>,
    /// Another value for one of the network's sizes; may be given again
    #[arg(long, value_name = "NAME=NUMBER", requires = "network")]
    pub size: Vec<String>,
    /// Weights of the network that are trained, the others being frozen at random numbers; may be given again [default: all are trained]
    #[arg(long, value_name = "WEIGHTS", requires = "network")]
    pub group: Vec<String>,
    #[command(flatten)]
    pub onnx: OnnxArguments,
    #[command(flatten)]
    pub data: DataArguments,
}

impl InstanceArguments {
    /// What is asked for: the network, the table, or what is built in.
    pub fn input(&self, most_steps: Option<u64>) -> Input {
        match (&self.network, self.data.table()) {
            (Some(network), _) => {
                let (sizes, groups) = (self.size.clone(), self.group.clone());
                let onnx = self.onnx.options(self.data.data.as_deref());
                Input::Network { network: network.clone(), sizes, groups, most_steps, onnx }
            }
            (None, Some((file, target, options))) => Input::Data { file, target, options },
            (None, None) => Input::BuiltIn,
        }
    }
}

#[derive(Debug, Args)]
pub struct DataArguments {
    /// A table of numbers (CSV, separated by commas, semicolons, tabs or spaces; .gz is read) as the linear regression's data; beside an ONNX
    /// file, a .npz file with an array for each of its inputs, and `targets`
    #[arg(long, value_name = "FILE", requires = "about")]
    pub data: Option<PathBuf>,
    /// The table's target column: its name or, where no column has that name, its place counted from 1
    #[arg(long, value_name = "COLUMN", requires = "data")]
    pub target: Option<String>,
    /// Whether the table's first line names the columns; auto decides by what it looks like, and says so
    #[arg(long, value_enum, default_value_t = HeaderChoice::Auto, requires = "data")]
    pub header: HeaderChoice,
    /// What separates the table's columns: comma, semicolon, tab, space, or one character [default: found where it is plain]
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter, requires = "data")]
    pub delimiter: Option<char>,
    /// A column of the table that is no feature, by name or place; may be given again
    #[arg(long, value_name = "COLUMN", requires = "data")]
    pub drop: Vec<String>,
}

/// Whether a table has a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HeaderChoice {
    Yes,
    No,
    Auto,
}

fn delimiter(text: &str) -> Result<char, String> {
    match text {
        "comma" => Ok(','),
        "semicolon" => Ok(';'),
        "space" => Ok(' '),
        "tab" | "\\t" => Ok('\t'),
        _ => match text.chars().collect::<Vec<_>>()[..] {
            [one] if one.is_ascii() && !matches!(one, '"' | '\n' | '\r') => Ok(one),
            _ => Err("it must be comma, semicolon, tab, space, or one ASCII character".into()),
        },
    }
}

impl DataArguments {
    /// The table that is asked for, if one is: its file, its target, and how to read it.
    pub fn table(&self) -> Option<(PathBuf, String, TableOptions)> {
        let header = match self.header {
            HeaderChoice::Yes => Header::Yes,
            HeaderChoice::No => Header::No,
            HeaderChoice::Auto => Header::Auto,
        };
        let options = TableOptions { header, delimiter: self.delimiter, drop: self.drop.clone() };
        Some((self.data.clone()?, self.target.clone()?, options))
    }
}
