use super::hypotheses::{invariance_hypothesis, largest, rank_hypothesis};
use crate::assumption::Assumption;
use crate::evidence::{Hypothesis, Table};
use crate::experiment::{Experiment, NotRun, Readers};
use crate::instance::{Instance, Place};
use crate::population::Population;
use crate::progress::Progress;

/// The largest λ₂/λ₁ at which λ₁ counts as simple.
const LARGEST: f64 = 0.999;

/// Points of an instance's Γ.
pub struct Points;

impl Experiment for Points {
    type On = Instance;
    type Seen<'a> = &'a Instance;
    const NAME: &'static str = "points";
    const AT_THE_EDGE: bool = false;

    fn suits(_: &Population, instance: &Instance) -> bool {
        instance.is_on_sphere()
    }

    fn steps(_: &Instance) -> u64 {
        0
    }

    fn run(
        _: &Population,
        instance: &Instance,
        _: &Progress,
        claims: &mut dyn Readers<Self>,
    ) -> Result<Vec<Table>, NotRun> {
        claims.read(instance);
        Ok(vec![])
    }
}

/// The hypotheses of a claim about points of Γ.
pub(crate) fn of_points(instance: &Instance) -> Vec<Hypothesis> {
    let at = |place: &Place| format!("at τ = {:.3}", place.tau);
    let second = |place: &Place| (1.0 - place.geometry.relative_gap()) / LARGEST;
    vec![
        largest(
            Assumption::SimpleSharpness,
            "λ₁ is simple: λ₂ over 0.999λ₁, on the predicted path",
            &instance.path,
            second,
            at,
        ),
        invariance_hypothesis(instance),
        rank_hypothesis(instance),
    ]
}
