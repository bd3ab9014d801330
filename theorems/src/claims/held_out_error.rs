//! On real data the held-out error falls while λ₁ falls, and without weight decay both hardly move.

use sharpflow::measure::worst;

use crate::assumption::{Assumption, OF_HELD_OUT};
use crate::evidence::{Check, Constant, Hypothesis, Measurement, Statement, Strength, Values};
use crate::experiment::{Judged, On};
use crate::experiments::{Ending, HeldOut, HeldOutRecord, Path, SeedRecord};
use crate::theorem::{Concerns, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "held_out_error",
    title: "Held-out error falls with the sharpness",
    strength: Strength::Beyond,
    statement: "On the digits 3 against 8 (30 training images, started at 1.2 radians from the minimum-norm solution, training \
                loss fitted at both ends) the squared error on the images held out falls as λ₁ falls, along the flow's closed form; without \
                weight decay, from the same start, log λ₁ falls less than half as much",
    latex: r"\mathbb E[\mathrm{err}_{\mathrm{start}}-\mathrm{err}_{\mathrm{end}}]>0",
    hypotheses: OF_HELD_OUT,
    source: "our experiment; the paper reports the like for deep networks",
    coefficients: None,
    concerns: Concerns::Every,
    judged_on: &[&On::<HeldOut>(judge)],
};

/// The largest training error that counts as fitted. The oscillation alone causes a training error of the order h².
const FITTED: f64 = 1e-2;

fn judge(record: &HeldOutRecord) -> Judged {
    let fall = |path: fn(&SeedRecord) -> &Path, of: fn(&Ending) -> f64| -> Vec<f64> {
        let paths = record.seeds.iter().map(path);
        paths.map(|p| of(&p.start) - of(&p.end)).collect()
    };
    let error = |e: &Ending| e.held_out_error;
    let decay = fall(|s| &s.decay, error);
    let control = fall(|s| &s.control, error);
    let difference = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a - b).collect() };
    // The fall of the error up to τ = ½, as measured and along a flow of some rate.
    let early: Vec<f64> = record
        .seeds
        .iter()
        .map(|seed| error(&seed.decay.start) - seed.decay.early().map_or(f64::NAN, |(_, ending)| error(ending)))
        .collect();
    let at_rate = |k: usize| -> Vec<f64> {
        record.seeds.iter().map(|seed| error(&seed.decay.start) - error(&seed.predicted[k])).collect()
    };
    let times = |factor: f64, values: &[f64]| -> Vec<f64> { values.iter().map(|value| factor * value).collect() };
    let less_twice = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a - 2.0 * b).collect() };
    let beyond = |factor: f64, rate: usize| difference(&early, &times(factor, &at_rate(rate)));
    let within = |factor: f64, rate: usize| difference(&times(factor, &at_rate(rate)), &early);
    let positive =
        |what: &'static str, values: Vec<f64>| Statement { what: what.into(), check: Check::Positive { values } };
    let reported = |what: &'static str, values| Constant { what: what.into(), values: Values::Drawn { values } };
    let fall_of_log = |path: fn(&SeedRecord) -> &Path| fall(path, |e| e.sharpness.ln());
    let (log_decay, log_control) = (fall_of_log(|s| &s.decay), fall_of_log(|s| &s.control));
    let mean_of = |path: fn(&SeedRecord) -> &Ending, of: fn(&Ending) -> f64| -> Vec<f64> {
        record.seeds.iter().map(|s| of(path(s))).collect()
    };
    Ok(Measurement {
        instance: "digits, 3 against 8".into(),
        hypotheses: vec![fitted(record)],
        statements: vec![
            positive("start - end of the held-out error, ηλ > 0", decay.clone()),
            positive("that, less the control's", difference(&decay, &control)),
            positive("start - end of log λ₁, ηλ > 0, less twice the control's", less_twice(&log_decay, &log_control)),
            positive("up to τ = ½ the error falls by at least 0.9 of what the flow says", beyond(0.9, 0)),
            positive("up to τ = ½ the error falls by at most 1.1 of what the flow says", within(1.1, 0)),
        ],
        // Along the flow the error is a function of φ alone. Laws that go along it at half or at twice the rate have another error at τ = ½.
        twins: vec![
            positive("up to τ = ½ it falls by at most 1.1 of what half the flow's rate says", within(1.1, 1)),
            positive("up to τ = ½ it falls by at least 0.9 of what twice the flow's rate says", beyond(0.9, 2)),
        ],
        constants: vec![
            reported("held-out error, start", mean_of(|s| &s.decay.start, error)),
            reported("held-out error, end", mean_of(|s| &s.decay.end, error)),
            reported("its fall", decay),
            reported("its fall, λ = 0", control),
            reported("accuracy, start", mean_of(|s| &s.decay.start, |e| e.accuracy)),
            reported("accuracy, end", mean_of(|s| &s.decay.end, |e| e.accuracy)),
            reported("accuracy's rise", fall(|s| &s.decay, |e| -e.accuracy)),
            reported("accuracy's rise, λ = 0", fall(|s| &s.control, |e| -e.accuracy)),
            reported("fall of log λ₁", log_decay),
            reported("fall of log λ₁, λ = 0", log_control),
        ],
        sensitivity: vec![],
    })
}

fn fitted(record: &HeldOutRecord) -> Hypothesis {
    let ends = record.seeds.iter().flat_map(|s| [&s.decay, &s.control]);
    let errors = ends.flat_map(|p| [p.start.training_error, p.end.training_error]);
    Hypothesis {
        of: Assumption::Fitted,
        what: "the training error is fitted, relative to the targets' variance".into(),
        measured: worst(errors),
        bound: FITTED,
        place: format!("worst end of {} runs", 2 * record.seeds.len()),
    }
}
