//! The check of an orbit's certificate: a proof about gradient descent with weight decay in real numbers, that is written in a file.
//!
//! This module decides whether the file is right. It shares no code with what found it ([`crate::certificate`]) but the interval type, whose operations round
//! outwards. Derivatives are written out here, no eigensolver is used, and every number of the file is either data or a proposal that is proved or
//! refused. `docs/certificates.md` describes the format, and `proofs-notes/certified_tracking.md` derives the bounds.

mod algebra;
mod format;
mod line;
mod losses;

pub use format::{Ball, Checked, Loss, OrbitCertificate, OtherFlow, Proposed, Refused, SCHEMA, Stated};

use algebra::{Matrix, around, bounds_product, dot, exactly, length, points, sum};
use format::shape;
use losses::Written;

use crate::arithmetic::{Enclosure, Scalar};

/// The largest radius of a ball, relative to its weights. Beyond it θ would hardly be known.
const WIDEST: f64 = 1e-2;
/// The largest exponent: beyond it 1 − ηλ is no double.
const LARGEST_EXPONENT: u32 = 53;

/// Proves what a certificate states.
///
/// # Errors
/// The first thing that is not proved, with its place.
pub fn check(certificate: &OrbitCertificate) -> Result<Checked, Refused> {
    let proved = prove(certificate)?;
    let Stated { distance, edge, mean_square } = &certificate.stated;
    let pairs = [
        ("distance from the flow", distance, &proved.distance),
        ("distance of η̃λ₁ from 2", edge, &proved.edge),
        ("mean of Kh²/(2ηλ)", mean_square, &proved.mean_square),
    ];
    for (what, stated, found) in pairs {
        if !(stated[0] <= found[0] && found[1] <= stated[1]) {
            return Err(Refused::Stated { what, stated: *stated, proved: *found });
        }
    }
    Ok(proved)
}

/// Proves the boxes of a certificate, whatever it states of them.
///
/// # Errors
/// See [`check`].
pub fn prove(certificate: &OrbitCertificate) -> Result<Checked, Refused> {
    let OrbitCertificate { schema, loss, learning_rate, exponent, boxes, others, .. } = certificate;
    if schema != SCHEMA {
        return Err(Refused::Schema { found: schema.clone() });
    }
    positive("the learning rate", *learning_rate)?;
    if !(1..=LARGEST_EXPONENT).contains(exponent) {
        let (what, value) = ("the exponent".into(), f64::from(*exponent));
        return Err(Refused::Domain { what, value, domain: "a whole number from 1 to 53" });
    }
    let (Some(first), steps) = (boxes.first(), boxes.len() - usize::from(!boxes.is_empty())) else {
        return Err(Refused::Shape { what: "the boxes".into(), found: 0, expected: 1 });
    };
    let loss = Written::new(loss)?;
    for (step, ball) in boxes.iter().enumerate() {
        shape(|| format!("the centre of step {step}"), ball.centre.len(), loss.dimension())?;
    }
    let intrinsic_lr = 0.5f64.powi(*exponent as i32);
    let line = loss.line(&first.centre)?;
    let mut walk = Walk { loss: &loss, rate: exactly(*learning_rate), kept: exactly(1.0 - intrinsic_lr), before: None };
    let time = |step: usize| exactly(step as f64 * intrinsic_lr);
    let (mut distance, mut edge, mut squares) = ([0.0f64; 2], [0.0f64; 2], exactly(0.0));
    let (mut radius, mut from_others) = (0.0f64, vec![0.0f64; others.len()]);
    for (step, ball) in boxes.iter().enumerate() {
        walk.prove(step, step.checked_sub(1).map(|before| &boxes[before]), ball)?;
        let length = length(&points(&ball.centre));
        let relative = (exactly(ball.radius) / length).upper;
        if !(relative <= WIDEST) {
            return Err(Refused::Wide { step, relative });
        }
        radius = radius.max(relative);
        let theta = direction(ball, length);
        line.prove_place(&LAW, time(step), ball.place).ok_or_else(|| Refused::Place {
            flow: "flow".into(),
            step,
            given: ball.place,
        })?;
        raise(&mut distance, line.distance(&theta, ball.place));
        for (flow, (other, least)) in
            others.iter().zip(&mut from_others).enumerate().filter(|(_, (o, _))| o.step == step)
        {
            line.prove_place(other, time(step), other.place).ok_or_else(|| {
                let flow = format!("other flow {flow}");
                Refused::Place { flow, step, given: other.place }
            })?;
            *least = line.distance(&theta, other.place).lower;
        }
        let nearest = line.nearest(&theta).ok_or(Refused::OtherSide { step })?;
        let size = length + around(ball.radius);
        let effective = walk.rate / (walk.kept * size * size);
        raise(&mut edge, (effective * line.sharpness(nearest) - exactly(2.0)).absolute());
        if step < steps {
            let displacement = dot(&theta, &line.top).absolute();
            squares = squares + line.stiffness(nearest) * displacement * displacement;
        }
    }
    let root = exactly(intrinsic_lr).sqrt().upper;
    if let Some((flow, &least)) = from_others.iter().enumerate().find(|(_, least)| !(**least > root)) {
        return Err(Refused::Close { flow, least, root });
    }
    // Without a step there is no mean.
    let mean = squares / (exactly(2.0 * intrinsic_lr) * exactly(steps as f64));
    let mean_square = [mean.lower, mean.upper];
    Ok(Checked { steps, intrinsic_lr, distance, edge, mean_square, from_others, radius })
}

/// The flow of the theory.
const LAW: OtherFlow = OtherFlow { numerator: 2.0, offset: 4.0, slope: 1.0, step: 0, place: [0.0, 0.0] };

/// The steps of an orbit, one after the other.
struct Walk<'a> {
    loss: &'a Written,
    rate: Enclosure,
    kept: Enclosure,
    /// Of the last step: its Jacobian, the radius that it began with, and how far its image was from the next centre.
    before: Option<(Matrix, f64, Enclosure)>,
}

impl Walk<'_> {
    /// Proves that a ball holds the orbit, if the ball before it does and the one before that.
    fn prove(&mut self, step: usize, last: Option<&Ball>, ball: &Ball) -> Result<(), Refused> {
        let what = || format!("the radius of step {step}");
        let Some(last) = last else {
            return match ball.radius {
                0.0 => Ok(()),
                value => Err(Refused::Domain { what: what(), value, domain: "0, as w₀ is exact" }),
            };
        };
        if !(ball.radius >= 0.0 && ball.radius.is_finite()) {
            return Err(Refused::Domain { what: what(), value: ball.radius, domain: "a number that is 0 or larger" });
        }
        let center = points(&last.centre);
        let gradient = self.loss.gradient(&center);
        let missed: Vec<Enclosure> = (0..center.len())
            .map(|i| self.kept * center[i] - self.rate * gradient[i] - exactly(ball.centre[i]))
            .collect();
        let error = length(&missed);
        let region: Vec<Enclosure> = center.iter().map(|&x| x + around(last.radius)).collect();
        let mut jacobian = self.loss.hessian(&region);
        for (i, row) in jacobian.iter_mut().enumerate() {
            row.iter_mut().for_each(|x| *x = -(self.rate * *x));
            row[i] = row[i] + self.kept;
        }
        // ‖J‖ of a symmetric matrix is at most its largest sum of sizes in a row.
        let sums = jacobian.iter().map(|row| sum(row.iter().map(|x| x.absolute())).upper);
        let norm = exactly(sums.fold(0.0, f64::max));
        let mut needed = (norm * exactly(last.radius) + error).upper;
        if let (Some(stretch), Some((earlier, radius, missed))) = (ball.stretch, &self.before) {
            if !(stretch > 0.0 && bounds_product(&jacobian, earlier, stretch)) {
                return Err(Refused::Stretch { step, given: stretch });
            }
            needed = needed.min((exactly(stretch) * exactly(*radius) + norm * *missed + error).upper);
        }
        if !(ball.radius >= needed) {
            return Err(Refused::Radius { step, given: ball.radius, needed });
        }
        self.before = Some((jacobian, last.radius, error));
        Ok(())
    }
}

/// θ = w/‖w‖ of all w in a ball: it is within 2e/‖c‖ of c/‖c‖.
fn direction(ball: &Ball, length: Enclosure) -> Vec<Enclosure> {
    let away = around((exactly(2.0 * ball.radius) / length).magnitude());
    ball.centre.iter().map(|&x| exactly(x) / length + away).collect()
}

/// Raises the bounds of a supremum by those of one number.
fn raise(bounds: &mut [f64; 2], by: Enclosure) {
    *bounds = [bounds[0].max(by.lower), bounds[1].max(by.upper)];
}

fn positive(what: &str, value: f64) -> Result<(), Refused> {
    let is_positive = value > 0.0 && value.is_finite();
    if is_positive { Ok(()) } else { Err(Refused::Domain { what: what.into(), value, domain: "a positive number" }) }
}
