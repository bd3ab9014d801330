//! What the command line understands.

mod instance;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

pub use instance::NetworkArguments;
use instance::{DataArguments, InstanceArguments};

/// Verifies the theory of sharpness reduction by gradient descent with weight decay on normalized losses.
#[derive(Debug, Parser)]
#[command(
    name = "sharpflow",
    version,
    after_help = "Exit codes: 0 confirmed or done, 1 refuted, 2 usage or bad input, 3 undecided, 130 interrupted."
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judge claims on random and real instances; print a table, write the evidence
    Verify(VerifyArguments),
    /// Run one instance beside the flow; write it as CSV, JSON and pictures
    Trace(TraceArguments),
    /// Judge the log of a training run, of any framework and size, by the claims that a log decides
    Audit(AuditArguments),
    /// Read a network: scale invariance node by node, exact identities, sharpness
    Inspect(InspectArguments),
    /// Compare derivatives that a framework computed with exact ones, pattern by pattern
    CheckDerivatives(DerivativesArguments),
    /// Prove in interval arithmetic that gradient descent stays beside the flow, and write the proof as a file
    Certify(CertifyArguments),
    /// Check a file that `certify` wrote, box by box, whatever found it
    CheckCertificate {
        /// The certificate
        #[arg(default_value = "sharpflow-certificate.json")]
        certificate: PathBuf,
    },
    /// Run the study of an evidence folder again, and compare every number
    CheckEvidence(CheckArguments),
    /// Make a page, tables and figures of an evidence folder
    Report(ReportArguments),
    /// Print how to cite the theory, this suite, and the numbers of an evidence folder
    Cite {
        /// A folder that `verify` wrote
        evidence: Option<PathBuf>,
    },
    /// Name the claims
    List,
    /// State a claim in full, or say what kept runs from being made and what would help
    Explain {
        /// A claim's name, as `list` prints it, or a reason for which `verify` left out draws, as `gap` or `quartic`
        #[arg(value_name = "CLAIM|REASON")]
        claim: String,
    },
}

/// How much a study runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    Quick,
    Full,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sharpflow verify\n  sharpflow verify sharpness_reduction_flow --seed 7\n  sharpflow verify --data mine.csv --target price\n  sharpflow verify --network mine.toml"
)]
pub struct VerifyArguments {
    /// Claims to judge, by name [default: all]
    pub claims: Vec<String>,
    /// The same as an option, with commas between names
    #[arg(long = "claims", value_name = "CLAIMS", value_delimiter = ',')]
    pub more_claims: Vec<String>,
    /// Seed of all random draws (but those of held_out_error, which are fixed)
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// How much is run: three regressions and one network of each kind, or six regressions and four networks of each kind
    #[arg(long, value_enum, default_value_t = Profile::Quick)]
    pub profile: Profile,
    /// Random instances of each kind, besides the digits [default: the profile's]
    #[arg(long, value_parser = clap::value_parser!(u16).range(0..=1000))]
    pub instances: Option<u16>,
    #[command(flatten)]
    pub instance: InstanceArguments,
    /// The most steps that a run of the network may take [default: what a step costs decides, between 200 thousand and 5 million]
    #[arg(long, value_name = "STEPS", requires = "network", value_parser = clap::value_parser!(u64).range(1000..=1_000_000_000))]
    pub max_steps: Option<u64>,
    /// Also write the network's point of Γ, start weights and data to this .npz file, a group of weights at a time
    #[arg(long, value_name = "FILE", requires = "network")]
    pub export: Option<PathBuf>,
    /// Folder of the evidence
    #[arg(long, value_name = "DIR", default_value = "sharpflow-evidence")]
    pub out: PathBuf,
    /// Threads to use; the results do not depend on it [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Replace another study's evidence in that folder
    #[arg(long)]
    pub force: bool,
    /// Print the evidence as JSON instead of the table
    #[arg(long)]
    pub json: bool,
    /// Print everything measured for each claim, instead of one line
    #[arg(long, short)]
    pub verbose: bool,
    /// Print neither progress nor table
    #[arg(long, short)]
    pub quiet: bool,
}

/// The arithmetic of a logged run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    Float32,
    Float64,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The log is a table with a row a step and these columns: step, lr, weight_decay, momentum, loss, w2 = ‖w‖², g2 = ‖∇L(w)‖²,\nwg = ⟨w, ∇L(w)⟩; where there is momentum wm = ⟨w, m⟩ and dw2 = ‖w₊ − w‖²; where it was measured lambda1; and w2_NAME, g2_NAME of groups.\nAn empty momentum says that the optimizer is another one.\n\nExamples:\n  sharpflow audit run.csv\n  sharpflow audit run.csv.gz --weight-decay 5e-4 --momentum 0.9 --verbose\n\nExit codes: 0 all that could be judged is confirmed, 1 something is refuted, 3 something is undecided, 2 bad input."
)]
pub struct AuditArguments {
    /// The log, a table of numbers: CSV, separated by commas, semicolons or tabs; .gz is read
    #[arg(value_name = "LOG")]
    pub log: PathBuf,
    /// The learning rate of all steps, whatever the log says
    #[arg(long, allow_negative_numbers = true)]
    pub lr: Option<f64>,
    /// The weight decay of all steps, whatever the log says
    #[arg(long, allow_negative_numbers = true)]
    pub weight_decay: Option<f64>,
    /// The momentum of all steps, whatever the log says
    #[arg(long, allow_negative_numbers = true)]
    pub momentum: Option<f64>,
    /// The arithmetic of the run [default: found from the digits of the log]
    #[arg(long)]
    pub precision: Option<Precision>,
    /// Also write a page (HTML) with the verdicts and the curves of the log
    #[arg(long, value_name = "FILE")]
    pub page: Option<PathBuf>,
    /// Print the audit as JSON
    #[arg(long)]
    pub json: bool,
    /// Print every statement and every wrong twin
    #[arg(long, short)]
    pub verbose: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "docs/frameworks has the scripts that write both files for PyTorch and JAX: `export` writes the network, and `probe` the values.\n\nExamples:\n  sharpflow check-derivatives network.toml values.npz\n\nExit codes: 0 all derivatives are right, 1 some are wrong, 3 rounding leaves some undecided, 2 bad input."
)]
pub struct DerivativesArguments {
    #[command(flatten)]
    pub of: NetworkArguments,
    /// The derivatives that the framework computed, as `probe` writes them
    #[arg(value_name = "VALUES.npz")]
    pub values: PathBuf,
    /// Print everything as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sharpflow inspect batch_norm\n  sharpflow inspect mine.toml --size width=64 --group hidden\n  sharpflow inspect attention --toml > mine.toml\n\nExit codes: 0 scale invariance proved, 1 refuted, 3 not proved, 2 bad input."
)]
pub struct InspectArguments {
    #[command(flatten)]
    pub of: NetworkArguments,
    /// The weights whose scale is meant; may be given again [default: all]
    #[arg(long, value_name = "WEIGHTS")]
    pub group: Vec<String>,
    /// Seed of the point and of exact arithmetic
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Measure sharpness and a minimum of a large network too, however long it takes
    #[arg(long)]
    pub thorough: bool,
    /// Say what would mend each node at which scale invariance is not proved
    #[arg(long)]
    pub suggest: bool,
    /// Print everything as JSON
    #[arg(long, conflicts_with_all = ["toml", "latex"])]
    pub json: bool,
    /// Print the network as a file, written out in primitive operations
    #[arg(long, conflicts_with = "latex")]
    pub toml: bool,
    /// With --toml: write every number of the data, in place of the seeds that some are drawn by
    #[arg(long, requires = "toml")]
    pub values: bool,
    /// With --toml: make the network scale-invariant first, with ε = 0 and with those weights frozen that stand in the way
    #[arg(long, requires = "toml", conflicts_with = "group")]
    pub mended: bool,
    /// Print the network as LaTeX
    #[arg(long)]
    pub latex: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sharpflow check-evidence sharpflow-evidence\n\nExit codes: 0 every number is the same, 1 some differ or a file was changed, 2 bad input."
)]
pub struct CheckArguments {
    /// A folder that `verify` wrote
    #[arg(default_value = "sharpflow-evidence")]
    pub evidence: PathBuf,
    /// How far numbers may differ, in their own units [default: 0 on this binary and kind of processor, 0.1 elsewhere]
    #[arg(long)]
    pub tolerance: Option<f64>,
    /// Threads to use; the results do not depend on it [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
    /// Show no progress
    #[arg(long, short)]
    pub quiet: bool,
}

/// A start of an orbit with closed forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CertifiedInstance {
    /// The 3-parameter loss z²(r² + 20x²)/(2r⁴), from cos²φ = 0.93
    Circle,
    /// The regression of three samples and four features in the notes, from tan φ = 1.5
    Regression,
    /// A random regression, drawn by the seed
    Random,
}

#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("about").args(["target"])),
    after_help = "The proof is about gradient descent with η = 1 in real numbers, on the doubles of the data. docs/certificates.md describes the file.\n\nExamples:\n  sharpflow certify\n  sharpflow certify circle --exponent 13\n  sharpflow certify --data mine.csv --target price --tau 1\n\nExit codes: 0 proved and written, 2 bad input, 3 not proved."
)]
pub struct CertifyArguments {
    /// What is certified
    #[arg(value_enum, default_value_t = CertifiedInstance::Regression, conflicts_with = "data")]
    pub instance: CertifiedInstance,
    #[command(flatten)]
    pub data: DataArguments,
    /// ηλ = 2^-EXPONENT
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(4..=20))]
    pub exponent: u32,
    /// Length of the orbit, in τ = t·ηλ [default: 2; 0.8 on the circle]
    #[arg(long, allow_hyphen_values = true)]
    pub tau: Option<f64>,
    /// Angle of the start of --data to the minimum-norm interpolant, in radians
    #[arg(long, default_value_t = sharpflow_theorems::instance::digits::ANGLE, allow_hyphen_values = true, requires = "data")]
    pub angle: f64,
    /// Seed of the random regression, and of the direction of a start
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "sharpflow-certificate.json")]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sharpflow report\n  sharpflow report sharpflow-evidence --out paper\n\nExit codes: 0 all of it, 1 a part of the evidence is damaged and left out, 2 bad input."
)]
pub struct ReportArguments {
    /// A folder that `verify` wrote
    #[arg(default_value = "sharpflow-evidence")]
    pub evidence: PathBuf,
    /// Folder of the report [default: the evidence's own]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print nothing
    #[arg(long, short)]
    pub quiet: bool,
}

/// Examples of `trace`, and what its files hold.
const TRACE_HELP: &str = "Examples:
  sharpflow trace --instance digits --intrinsic-lr 1e-5
  sharpflow trace --data mine.csv --target 3 --tau 4 --out mine
  sharpflow trace --network attention --seed 7
  sharpflow trace --weight-decay 0 --steps 100000

The columns of trace.csv, where θ = w/‖w‖, p is the point of Γ nearest to θ, and ζ(τ) is the flow:
  step, tau                    t and τ = t·ηλ
  loss, weight_norm            L(w) and ‖w‖
  effective_learning_rate      η̃ = η/((1−ηλ)‖w‖²)
  edge                         η̃λ₁(p); the theory's edge is 2
  sharpness                    λ₁ at θ
  sharpness_on_gamma           λ₁ at p
  sharpness_predicted          λ₁ at ζ(τ)
  displacement                 h, the signed distance from p to θ along v₁
  angle                        φ, of a regression: from p to the minimum-norm solution; empty for a network
  distance_to_flow             ‖θ − ζ(τ)‖
  projected_distance_to_flow   ‖p − ζ(τ)‖";

#[derive(Debug, Args)]
#[command(after_help = TRACE_HELP)]
pub struct TraceArguments {
    #[command(flatten)]
    pub instance: InstanceArguments,
    /// A built-in instance: digits or random
    #[arg(long = "instance", value_name = "NAME", default_value = "digits", conflicts_with_all = ["data", "network"])]
    pub built_in: String,
    /// ηλ, the intrinsic learning rate [default: 1e-5; on a network, half a decade within the theory's range]
    #[arg(long, value_name = "ETA_LAMBDA", allow_hyphen_values = true)]
    pub intrinsic_lr: Option<f64>,
    /// η, the learning rate
    #[arg(long, value_name = "ETA", default_value_t = 0.1, allow_hyphen_values = true)]
    pub lr: f64,
    /// λ, in place of --intrinsic-lr; 0 runs without decay (and needs --steps)
    #[arg(long, value_name = "LAMBDA", allow_hyphen_values = true)]
    pub weight_decay: Option<f64>,
    /// η̃₀λ₁ − 2, which sets the norm of the start
    #[arg(long, default_value_t = 0.0, allow_hyphen_values = true)]
    pub edge_offset: f64,
    /// Angle of a regression's start to the minimum-norm interpolant, in radians
    #[arg(long, default_value_t = sharpflow_theorems::instance::digits::ANGLE, allow_hyphen_values = true, conflicts_with = "network")]
    pub angle: f64,
    /// Displacement of the start along v₁, in units of its equilibrium
    #[arg(long, default_value_t = 1.0, allow_hyphen_values = true)]
    pub kick: f64,
    /// Seed of the instance and of the start's direction
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Length of the run, in τ = t·ηλ [default: 2; on a network, what `verify` would run]
    #[arg(long, allow_hyphen_values = true, conflicts_with = "steps")]
    pub tau: Option<f64>,
    /// Length of the run, in steps
    #[arg(long)]
    pub steps: Option<u64>,
    /// Steps from one row to the next; odd ones meet both phases of period two [default: about 1000 rows]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub stride: Option<u64>,
    /// Folder of the trace
    #[arg(long, value_name = "DIR", default_value = "sharpflow-trace")]
    pub out: PathBuf,
    /// Also print the trace as JSON
    #[arg(long)]
    pub json: bool,
    /// Print neither progress nor summary
    #[arg(long, short)]
    pub quiet: bool,
}
