use super::hypotheses::{invariance_hypothesis, rank_hypothesis};
use crate::assumption::Assumption;
use crate::evidence::{Hypothesis, Table};
use crate::experiment::{Experiment, NotRun};
use crate::instance::Instance;
use crate::population::Population;
use crate::progress::Progress;

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
        show: &mut dyn FnMut(Self::Seen<'_>),
    ) -> Result<Vec<Table>, NotRun> {
        show(instance);
        Ok(vec![])
    }
}

/// The hypotheses of a claim about points of Γ.
pub(crate) fn of_points(instance: &Instance) -> Vec<Hypothesis> {
    let (mut ratio, mut place) = (0.0, String::new());
    for point in &instance.path {
        let here = 1.0 - point.geometry.relative_gap();
        if here > ratio {
            (ratio, place) = (here, format!("at τ = {:.3}", point.tau));
        }
    }
    vec![
        Hypothesis {
            of: Assumption::SimpleSharpness,
            what: "λ₁ is simple: λ₂ over λ₁".into(),
            measured: ratio,
            bound: 0.999,
            place,
        },
        invariance_hypothesis(instance),
        rank_hypothesis(instance),
    ]
}
