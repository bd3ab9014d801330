//! What can be said of a network before anything runs: its scale invariance node by node, the exact identities, its sharpness.

mod measured;

use serde::{Serialize, Serializer};
use sharpflow::identities::{Trials, try_in_both_fields};
use sharpflow::network::homogeneity::{Answer, Breach, Homogeneity, Reason};
use sharpflow::network::{Network, NetworkError, NetworkLoss};

use crate::evidence::{Check, Measurement, Outcome, PROVENANCE, Provenance, Statement, Values};
use crate::experiment::NotJudged;
use crate::experiments::{LOST_PROOF, Laws, LawsRecord, keeps_its_proof};
use crate::instance::point_of;
use crate::registry::REGISTRY;
use crate::verdict::outcome;
pub use measured::{MinimumReading, OffsetReading, PointReading, Scaling, Sharpness, SizeReading};
use measured::{at_point, minimum};

/// Points of each prime field at which identities are tried.
const POINTS: usize = 4;
/// The most multiplications and additions of what is measured at a point, and of the descent to a minimum.
const MOST_WORK: f64 = 2e10;
/// Products ∇²L v of the sharpnesses at a point, and evaluations of a descent, about.
const PRODUCTS: f64 = 500.0;
const DESCENT: f64 = 20_000.0;

/// A result, or an object that says why there is none.
fn known<T: Serialize, S: Serializer>(found: &Result<T, String>, serializer: S) -> Result<S::Ok, S::Error> {
    match found {
        Ok(value) => value.serialize(serializer),
        Err(reason) => serializer.collect_map([("not_known", reason)]),
    }
}

/// The question that is asked about a network.
#[derive(Clone, Debug, Serialize)]
pub struct Question {
    /// The weights whose scale is meant; all of them where empty.
    pub group: Vec<String>,
    pub seed: u64,
    /// Whether what takes long is measured too.
    pub thorough: bool,
}

/// Everything said of a network.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    pub provenance: Provenance,
    pub title: String,
    pub question: Question,
    pub weights: usize,
    /// Whether the network was given its weights, so that they are looked at and not a random point.
    pub is_given: bool,
    pub nodes: Vec<NodeReading>,
    pub invariance: Invariance,
    /// Each group by itself.
    pub groups: Vec<(String, Invariance)>,
    /// Every node at which the rules prove nothing, and what would mend it.
    pub breaches: Vec<BreachReading>,
    pub non_smooth: Vec<String>,
    /// What exact arithmetic tries in place of the network itself: other sizes, other functions.
    pub replaced: Vec<&'static str>,
    /// One for each prime field; or why there are none.
    #[serde(serialize_with = "known")]
    pub exact: Result<Vec<Exact>, String>,
    /// The laws of the edge of stability in both prime fields, theme by theme; or why they could not be tried.
    #[serde(serialize_with = "known")]
    pub laws: Result<Vec<ExactLaws>, String>,
    /// What was measured at a point; or why there is no point at which anything can be measured.
    #[serde(serialize_with = "known")]
    pub point: Result<PointReading, String>,
    #[serde(serialize_with = "known")]
    pub minimum: Result<MinimumReading, String>,
}

/// A node and its degree.
#[derive(Clone, Debug, Serialize)]
pub struct NodeReading {
    pub name: String,
    pub formula: String,
    pub shape: Vec<usize>,
    pub degree: String,
}

/// A node at which the rules prove nothing.
#[derive(Clone, Debug, Serialize)]
pub struct BreachReading {
    pub node: String,
    pub reason: String,
    pub mend: &'static str,
    /// Whether an ε is all that is wrong.
    pub is_epsilon: bool,
}

/// The answer for a group.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "answer")]
pub enum Invariance {
    Proved,
    NotProved { node: String, reason: String },
    Refuted { node: String, reason: String, factor: f64, before: f64, after: f64 },
}

/// The exact identities in one prime field.
#[derive(Clone, Debug, Serialize)]
pub struct Exact {
    pub prime: u64,
    pub points: usize,
    pub roots: usize,
    pub identities: usize,
    pub held: usize,
    pub twins: usize,
    pub twins_refuted: usize,
    pub log2_accident: f64,
    /// The identities that do not hold.
    pub failed: Vec<String>,
}

/// The exact laws of one theme in both prime fields together.
#[derive(Clone, Debug, Serialize)]
pub struct ExactLaws {
    /// The claim that is about them.
    pub claim: String,
    pub points: usize,
    pub laws: usize,
    pub held: usize,
    pub twins: usize,
    pub twins_refuted: usize,
    pub log2_accident: f64,
}

/// Looks at a network. `small` is the same architecture as exact arithmetic can try it, with rational functions and few roots;
/// `None` where that is the network itself.
///
/// # Errors
/// A group that is not there.
pub fn inspect(network: &Network, small: Option<&Network>, question: Question) -> Result<Inspection, NetworkError> {
    let Question { group, seed, thorough } = &question;
    group.iter().try_for_each(|name| network.has_group(name))?;
    let names: Vec<&str> = group.iter().map(String::as_str).collect();
    let homogeneity = network.homogeneity(&names, *seed);
    let read = |(node, degree): (&sharpflow::network::Node, &dyn ToString)| NodeReading {
        name: node.name.clone(),
        formula: network.formula(node),
        shape: node.shape.axes().to_vec(),
        degree: degree.to_string(),
    };
    let degrees = homogeneity.degrees.iter().map(|degree| degree as &dyn ToString);
    let nodes = network.nodes().iter().zip(degrees).map(read).collect();
    let by_group = network.homogeneity_by_group(*seed);
    let loss = NetworkLoss::<f64>::new(network)?;
    let theta = point_of(network, *seed)?.map_err(|unfit| unfit.to_string());
    let (small, replaced) = small.map_or((network, Vec::new()), |small| (small, replaced(network, small)));
    // A network that is too large for something says so.
    let fits = |evaluations: f64| match evaluations * loss.work() as f64 {
        work if *thorough || work <= MOST_WORK => Ok(()),
        work => Err(format!("not measured: it takes about {work:.0e} multiplications; --thorough measures it")),
    };
    Ok(Inspection {
        provenance: PROVENANCE,
        title: network.title().into(),
        weights: network.dimension(),
        is_given: network.given_weights().is_some(),
        nodes,
        invariance: invariance(network, &homogeneity),
        groups: by_group.iter().map(|(name, h)| ((*name).into(), invariance(network, h))).collect(),
        breaches: network.breaches(&names).iter().map(|breach| breach_reading(network, breach)).collect(),
        non_smooth: network.non_smooth().map(|node| node.name.clone()).collect(),
        exact: match (group.is_empty(), &homogeneity.answer) {
            (false, _) => Err("they are of all weights together, not of a group".into()),
            (true, Answer::Refuted { .. }) => Err("the loss is not scale-invariant".into()),
            (true, _) => exact(network, small, *seed),
        },
        laws: match (group.is_empty(), &homogeneity.answer) {
            (false, _) => Err("they are of all weights together, not of a group".into()),
            (true, Answer::Proved) if !keeps_its_proof(network, small, *seed) => Err(LOST_PROOF.into()),
            (true, Answer::Proved) => laws(small, *seed),
            (true, _) => Err("the loss is not proved scale-invariant".into()),
        },
        replaced,
        minimum: match (&homogeneity.answer, &theta) {
            (Answer::Refuted { .. }, _) => Err("not looked for: the loss is not scale-invariant".into()),
            (_, theta) => theta
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|theta| fits(DESCENT).and_then(|()| minimum(network, &loss, theta))),
        },
        point: theta.map(|theta| at_point(network, &loss, &theta, *seed, fits(PRODUCTS))),
        question,
    })
}

fn breach_reading(network: &Network, breach: &Breach) -> BreachReading {
    BreachReading {
        node: network.node(breach.node).name.clone(),
        reason: breach.reason.to_string(),
        mend: breach.reason.mend(),
        is_epsilon: matches!(breach.reason, Reason::Epsilon { .. }),
    }
}

fn invariance(network: &Network, homogeneity: &Homogeneity) -> Invariance {
    let at = |breach: &Breach| (network.node(breach.node).name.clone(), breach.reason.to_string());
    match &homogeneity.answer {
        Answer::Proved => Invariance::Proved,
        Answer::NotProved(breach) => {
            let (node, reason) = at(breach);
            Invariance::NotProved { node, reason }
        }
        Answer::Refuted { breach, witness } => {
            let (node, reason) = at(breach);
            let (factor, before, after) = (witness.factor, witness.before, witness.after);
            Invariance::Refuted { node, reason, factor, before, after }
        }
    }
}

/// How a network differs from the one in its place.
fn replaced(network: &Network, small: &Network) -> Vec<&'static str> {
    let rational = network.with_rational_activations();
    let sizes = (rational != *small).then_some("smaller sizes");
    let functions = (rational != *network).then_some("rational functions");
    sizes.into_iter().chain(functions).collect()
}

fn exact(network: &Network, small: &Network, seed: u64) -> Result<Vec<Exact>, String> {
    if !keeps_its_proof(network, small, seed) {
        return Err(LOST_PROOF.into());
    }
    let fields = try_in_both_fields(small, POINTS, seed).map_err(|error| error.to_string())?;
    Ok(fields.iter().map(summary).collect())
}

fn laws(small: &Network, seed: u64) -> Result<Vec<ExactLaws>, String> {
    let record = LawsRecord::of_network("", small, seed);
    let claims = REGISTRY.into_iter().filter_map(|claim| Some((claim, claim.on::<Laws>()?)));
    let judged = claims.filter_map(|(claim, judge)| match judge(&record) {
        Ok(found) => Some(Ok(summary_of_laws(claim.id, &found))),
        Err(NotJudged::Because(why)) if record.fields.is_err() => Some(Err(why.trim_start_matches(": ").to_string())),
        Err(_) => None,
    });
    judged.collect()
}

fn summary_of_laws(claim: &str, found: &Measurement) -> ExactLaws {
    let passes = |statement: &&Statement| outcome(&statement.check, 0.0) == Outcome::Passes;
    let points = |statement: &Statement| match &statement.check {
        Check::Exact { fields } => fields.iter().map(|field| field.points).sum(),
        _ => 0,
    };
    let accident = found.constants.first().map_or(0.0, |constant| match constant.values {
        Values::Computed { value } => value,
        _ => 0.0,
    });
    ExactLaws {
        claim: claim.into(),
        points: found.statements.first().map_or(0, points),
        laws: found.statements.len(),
        held: found.statements.iter().filter(passes).count(),
        twins: found.twins.len(),
        twins_refuted: found.twins.len() - found.twins.iter().filter(passes).count(),
        log2_accident: accident,
    }
}

fn summary(trials: &Trials) -> Exact {
    let held = |trial: &&sharpflow::identities::Trial| trial.agreed == trials.points;
    let twins = || trials.trials.iter().flat_map(|trial| &trial.twins_differed);
    Exact {
        prime: trials.prime,
        points: trials.points,
        roots: trials.roots,
        identities: trials.trials.len(),
        held: trials.trials.iter().filter(held).count(),
        twins: twins().count(),
        twins_refuted: twins().filter(|&&differed| differed > 0).count(),
        log2_accident: trials.log2_accident,
        failed: trials
            .trials
            .iter()
            .filter(|trial| !held(trial))
            .map(|trial| trial.identity.variants()[0].formula.into())
            .collect(),
    }
}
