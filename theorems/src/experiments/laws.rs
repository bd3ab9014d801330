use std::sync::Arc;

use rayon::prelude::*;
use sharpflow::exact::{LawTrials, Theme, all_losses, try_all_losses_in_both_fields, try_network_in_both_fields};
use sharpflow::identities::ExactError;
use sharpflow::network::Network;
use sharpflow::network::homogeneity::Answer;
use sharpflow::network_file::zoo::{ZOO, find};

use super::identities::has_something_to_test;
use crate::assumption::Assumption;
use crate::evidence::{Check, Constant, Hypothesis, InField, Measurement, Statement, Table, Values};
use crate::experiment::{Experiment, Judged, NotJudged, NotRun, Readers};
use crate::instance::Rejected;
use crate::population::{Population, Source};
use crate::progress::Progress;

/// The laws of the edge of stability on one loss, tried in two prime fields.
#[derive(Debug)]
pub struct LawsRecord {
    /// What the loss is called.
    pub name: String,
    /// Whether the loss is proved scale-invariant.
    pub proved: bool,
    /// For each field the trials of all laws; or why they could not be tried.
    pub fields: Result<[Vec<LawTrials>; 2], ExactError>,
}

/// A loss on which laws are tried.
#[derive(Clone, Debug)]
enum Subject {
    Network {
        name: String,
        network: Arc<Network>,
    },
    /// All losses of D weights and of a rank.
    AllLosses {
        dimension: usize,
        rank: usize,
    },
}

impl LawsRecord {
    /// The laws on a network of rational functions.
    pub fn of_network(name: &str, network: &Network, seed: u64) -> Self {
        let proved = network.homogeneity(&[], seed).answer == Answer::Proved;
        Self { name: name.into(), proved, fields: try_network_in_both_fields(network, seed) }
    }

    /// The laws on all losses of D weights and of a rank.
    pub fn of_all_losses(dimension: usize, rank: usize, seed: u64) -> Self {
        Self {
            name: format!("all losses of {dimension} weights and rank {rank}"),
            proved: true,
            fields: try_all_losses_in_both_fields(dimension, rank, seed),
        }
    }
}

impl Subject {
    fn record(&self, seed: u64) -> LawsRecord {
        match self {
            Self::Network { name, network } => LawsRecord::of_network(name, network, seed),
            Self::AllLosses { dimension, rank } => LawsRecord::of_all_losses(*dimension, *rank, seed),
        }
    }
}

/// The laws of the edge of stability, exactly: on every built-in architecture and on the loss that stands for all losses, or on a user's network.
pub struct Laws;

impl Laws {
    fn subjects(population: &Population) -> Result<Vec<Subject>, Rejected> {
        let built_in =
            |name: &str, network: Network| Subject::Network { name: name.into(), network: Arc::new(network) };
        let all = || all_losses().map(|(dimension, rank)| Subject::AllLosses { dimension, rank });
        match &population.source {
            Source::Network { network, .. } => {
                Ok(vec![built_in(&population.source.name(), network.with_rational_activations())])
            }
            Source::Data { .. } => {
                let regression = find("linear_regression").into_iter();
                regression.map(|a| Ok(built_in(a.name, a.exact_of_rank_two().map_err(Box::new)?))).collect()
            }
            Source::BuiltIn => {
                let networks = ZOO.into_iter().map(|a| Ok(built_in(a.name, a.exact_of_rank_two().map_err(Box::new)?)));
                networks.chain(all().map(Ok)).collect()
            }
        }
    }
}

impl Experiment for Laws {
    type On = Population;
    type Seen<'a> = &'a LawsRecord;
    const NAME: &'static str = "exact laws";
    const AT_THE_EDGE: bool = false;

    fn suits(_: &Population, _: &Population) -> bool {
        true
    }

    fn steps(_: &Population) -> u64 {
        0
    }

    fn run(
        population: &Population,
        _: &Population,
        progress: &Progress,
        claims: &mut dyn Readers<Self>,
    ) -> Result<Vec<Table>, NotRun> {
        if let Source::Network { network, .. } = &population.source {
            has_something_to_test(population, network)?;
            if !keeps_its_proof(network, &network.with_rational_activations(), population.seed) {
                return Err(NotRun::Skipped(format!("{}: {LOST_PROOF}", population.source.name())));
            }
        }
        let subjects = Self::subjects(population)?;
        let record = |subject: &Subject| progress.goes_on().map(|()| subject.record(population.seed));
        let records: Vec<LawsRecord> = subjects.par_iter().with_max_len(1).map(record).collect::<Result<_, _>>()?;
        for record in &records {
            claims.read(record);
        }
        Ok(vec![])
    }
}

/// Why a network that is scale-invariant is not tried.
pub(crate) const LOST_PROOF: &str =
    "the proof does not hold for the rational functions that would stand in for its own";

/// Whether a network is proved scale-invariant with other functions in it if it is with its own.
pub(crate) fn keeps_its_proof(network: &Network, rational: &Network, seed: u64) -> bool {
    let proved = |network: &Network| network.homogeneity(&[], seed).answer == Answer::Proved;
    !proved(network) || proved(rational)
}

/// What a record says of the laws of a theme: each must hold at every point, and each twin must fail.
pub(crate) fn of_laws(record: &LawsRecord, theme: Theme) -> Judged {
    let fields = record.fields.as_ref().map_err(|error| NotJudged::Because(format!("{}: {error}", record.name)))?;
    let [first, second] = fields.each_ref().map(|trials| trials.iter().find(|trial| trial.theme == theme));
    let (Some(first), Some(second)) = (first, second) else {
        let why = "no two equal eigenvalues could be made there, as ∇²L has rank 1 or the loss is no mean squared error of three residuals or more";
        return Err(NotJudged::Because(format!("{}: {why}", record.name)));
    };
    let both = [first, second];
    let exact = |counted: [(usize, Option<u64>); 2]| {
        let fields = both.iter().zip(counted);
        let in_field = |(trials, (held, first)): (&&LawTrials, _)| InField {
            prime: trials.prime,
            points: trials.points,
            held,
            first,
        };
        Check::Exact { fields: fields.map(in_field).collect() }
    };
    let (mut statements, mut twins) = (Vec::new(), Vec::new());
    // Pieces of a loss with kinks may have other ranks in the other field, and a law or a twin may need a rank of two.
    for law in &first.laws {
        let Some(other) = second.laws.iter().find(|other| other.what == law.what) else { continue };
        let check = exact([law, other].map(|law| (law.held, Some(law.first))));
        statements.push(Statement { what: law.what.clone().into(), check });
        for (twin, failed) in &law.twins {
            let Some((_, other_failed)) = other.twins.iter().find(|(other, _)| other == twin) else { continue };
            let check = exact([first.points - failed, second.points - other_failed].map(|held| (held, None)));
            twins.push(Statement { what: format!("{}: {twin}", law.what).into(), check });
        }
    }
    if statements.is_empty() {
        let why = "its pieces have no law in common, as their ranks differ";
        return Err(NotJudged::Because(format!("{}: {why}", record.name)));
    }
    let plain = |what: &'static str, value: f64| Constant { what: what.into(), values: Values::Computed { value } };
    let sum = |of: fn(&LawTrials) -> usize| both.iter().map(|trials| of(trials)).sum::<usize>() as f64;
    Ok(Measurement {
        instance: record.name.clone(),
        hypotheses: vec![
            Hypothesis {
                of: Assumption::ScaleInvariance,
                what: "scale invariance, proved by degrees".into(),
                measured: if record.proved { 0.0 } else { 1.0 },
                bound: 0.0,
                place: record.name.clone(),
            },
            Hypothesis {
                of: Assumption::EqualRanks,
                what: "points at which ∇²L has another rank than at the first".into(),
                measured: sum(|trials| trials.other_ranks),
                bound: 0.0,
                place: record.name.clone(),
            },
        ],
        statements,
        twins,
        constants: vec![
            plain("log₂ of the chance that a false law holds", first.log2_accident + second.log2_accident),
            plain("points drawn until enough had all roots", sum(|trials| trials.drawn)),
            plain("square roots that a point must have", first.roots as f64),
            plain("rank of ∇²L", first.rank as f64),
        ],
        sensitivity: vec![],
    })
}
