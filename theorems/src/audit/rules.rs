//! How ‖w‖² and ⟨w, m⟩ change in a step, by the rule of the step. All of it is exact; derived in `proofs-notes/audit.md`.

use sharpflow::arithmetic::Rounding;
use sharpflow::data::Measured;

/// What a log says of one step, as intervals of half a printed digit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// η, λ, μ.
    pub rate: Measured,
    pub decay: Measured,
    pub momentum: Measured,
    /// ‖w‖² before and after the step.
    pub before: Measured,
    pub after: Measured,
    /// ‖∇L(w)‖².
    pub gradient: Measured,
    /// ⟨w, ∇L(w)⟩; 0 where it is not logged.
    pub radial: Measured,
    /// What momentum adds, where it is logged.
    pub remembered: Option<Remembered>,
}

/// ⟨w, m⟩ before and after the step, and ‖w₊ − w‖².
#[derive(Clone, Copy, Debug)]
pub(super) struct Remembered {
    pub before: Measured,
    pub after: Measured,
    pub moved: Measured,
}

/// A rule of steps, by what it makes of a step: ‖w₊‖², and ⟨w₊, m₊⟩ where it says something of it.
pub(super) struct Rule {
    pub what: &'static str,
    pub predict: fn(&Step) -> Option<Prediction>,
}

pub(super) type Prediction = (Measured, Option<Measured>);

pub(super) const fn number(x: f64) -> Measured {
    Measured::exactly(x)
}

/// ‖kept·w − rate·∇L‖².
fn plain(step: &Step, kept: Measured, rate: Measured) -> Option<Prediction> {
    let grown = rate.square() * step.gradient;
    Some((kept.square() * step.before - number(2.0) * rate * kept * step.radial + grown, None))
}

fn kept(step: &Step) -> Measured {
    number(1.0) - step.rate * step.decay
}

/// Gradient descent with weight decay, and what it could be mistaken for.
pub(super) const GRADIENT_DESCENT: [Rule; 8] = [
    Rule { what: "w₊ = (1 − ηλ)w − η∇L", predict: |step| plain(step, kept(step), step.rate) },
    Rule {
        what: "the decay after the step, w₊ = (1 − ηλ)(w − η∇L)",
        predict: |step| plain(step, kept(step), kept(step) * step.rate),
    },
    Rule {
        what: "a decay without the learning rate, w₊ = (1 − λ)w − η∇L",
        predict: |step| plain(step, number(1.0) - step.decay, step.rate),
    },
    Rule {
        what: "the penalty λ‖w‖², w₊ = (1 − 2ηλ)w − η∇L",
        predict: |step| plain(step, kept(step) - step.rate * step.decay, step.rate),
    },
    Rule {
        what: "half of the decay, w₊ = (1 − ½ηλ)w − η∇L",
        predict: |step| plain(step, number(1.0) - number(0.5) * step.rate * step.decay, step.rate),
    },
    Rule { what: "no decay, w₊ = w − η∇L", predict: |step| plain(step, number(1.0), step.rate) },
    Rule {
        what: "twice the learning rate, w₊ = (1 − ηλ)w − 2η∇L",
        predict: |step| plain(step, kept(step), number(2.0) * step.rate),
    },
    Rule {
        what: "half of the learning rate, w₊ = (1 − ηλ)w − ½η∇L",
        predict: |step| plain(step, kept(step), number(0.5) * step.rate),
    },
];

/// The same of a scale-invariant loss, where ⟨w, ∇L⟩ = 0: η̃₊ = η̃(1−ηλ)⁻²(1 + η̃²‖∇L(θ)‖²)⁻¹, η̃ = η/((1−ηλ)‖w‖²), as a law of ‖w‖².
pub(super) const EFFECTIVE_LEARNING_RATE: [Rule; 4] = [
    Rule {
        what: "η̃₊ = η̃(1−ηλ)⁻²(1 + η̃²‖∇L(θ)‖²)⁻¹", predict: |step| effective(step, [2, 2], 1.0)
    },
    Rule {
        what: "η̃₊ = η̃(1−ηλ)⁻¹(1 + η̃²‖∇L(θ)‖²)⁻¹", predict: |step| effective(step, [1, 2], 1.0)
    },
    Rule {
        what: "η̃₊ = η̃(1−ηλ)⁻²(1 + 2η̃²‖∇L(θ)‖²)⁻¹", predict: |step| effective(step, [2, 2], 2.0)
    },
    Rule { what: "η̃₊ = η̃(1−ηλ)⁻²", predict: |step| effective(step, [2, 2], 0.0) },
];

/// ‖w₊‖² = (1−ηλ)^kept ‖w‖² (1 + part·x), x = η̃²‖∇L(θ)‖² = η²‖∇L(w)‖²/((1−ηλ)^of_rate ‖w‖²).
fn effective(step: &Step, [kept_power, of_rate]: [u32; 2], part: f64) -> Option<Prediction> {
    let power = |exponent: u32| (0..exponent).fold(number(1.0), |power, _| power * kept(step));
    let turn = step.rate.square() * step.gradient / (power(of_rate) * step.before);
    Some((power(kept_power) * step.before * (number(1.0) + number(part) * turn), None))
}

/// The same again as the step size of scalar RMSprop, up to a remainder. A rule predicts an interval, and the remainder is its error.
pub(super) const QUASI_RMSPROP: [Rule; 5] = [
    Rule {
        what: "ṽ₊ = βṽ + (1−β)‖∇L(θ)‖² up to (1−β)²(s + s²/4), β = (1−ηλ)⁴, η_in² = 2ηλ",
        predict: |step| quasi_rmsprop(step, 4, 2.0),
    },
    Rule { what: "β = (1−ηλ)²", predict: |step| quasi_rmsprop(step, 2, 2.0) },
    Rule { what: "β = (1−ηλ)⁶", predict: |step| quasi_rmsprop(step, 6, 2.0) },
    Rule { what: "η_in² = ηλ", predict: |step| quasi_rmsprop(step, 4, 1.0) },
    Rule { what: "η_in² = 4ηλ", predict: |step| quasi_rmsprop(step, 4, 4.0) },
];

/// ‖w₊‖² where (‖w₊‖²/‖w‖²)² = ṽ₊/ṽ is β + (1−β)s, β = (1−ηλ)^`power`, up to the remainder. Here s = ‖∇L(θ)‖²/ṽ with ṽ = η_in²/η̃² and
/// η_in² = `square`·ηλ. Without weight decay there is no such ṽ.
fn quasi_rmsprop(step: &Step, power: u32, square: f64) -> Option<Prediction> {
    if !(step.rate.value * step.decay.value > 0.0) {
        return None;
    }
    let kept = kept(step);
    let beta = (0..power).fold(number(1.0), |beta, _| beta * kept);
    let s = step.rate * step.gradient / (number(square) * step.decay * kept.square() * step.before);
    let centre = beta + (number(1.0) - beta) * s;
    let remainder = (1.0 - beta.value).powi(2) * (s.value + 0.25 * s.value * s.value);
    let [least, most] = [-1.0, 1.0].map(|sign| (centre.value + sign * (centre.error + remainder)).max(0.0).sqrt());
    let growth = Measured { value: 0.5 * (least + most), error: 0.5 * (most - least) };
    Some((step.before * growth, None))
}

/// Heavy-ball momentum m₊ = μm + ∇L + λw, w₊ = w − ηm₊, and what it could be mistaken for.
pub(super) const HEAVY_BALL: [Rule; 8] = [
    Rule { what: "m₊ = μm + ∇L + λw, w₊ = w − ηm₊", predict: |step| heavy_ball(step, step.momentum, 1.0) },
    Rule {
        what: "a dampened gradient, m₊ = μm + (1 − μ)(∇L + λw)",
        predict: |step| {
            let b = step.momentum * step.remembered?.before
                + (number(1.0) - step.momentum) * (step.radial + step.decay * step.before);
            Some(moved(step, step.remembered?, b))
        },
    },
    Rule {
        what: "Nesterov's momentum, w₊ = w − η(∇L + λw + μm₊)",
        predict: |step| {
            let Remembered { before, moved, .. } = step.remembered?;
            let gradient = step.radial + step.decay * step.before;
            let along = gradient + step.momentum * (step.momentum * before + gradient);
            Some((step.before - number(2.0) * step.rate * along + moved, None))
        },
    },
    Rule {
        what: "decay apart from the momentum, m₊ = μm + ∇L, w₊ = (1 − ηλ)w − ηm₊",
        predict: |step| {
            let Remembered { before, moved, .. } = step.remembered?;
            let along = step.momentum * before + step.radial;
            let (rate, decay) = (step.rate, step.decay);
            // ‖w₊ − w‖² = η²‖λw + m₊‖².
            let square_of_momentum = moved / rate.square() - decay.square() * step.before - number(2.0) * decay * along;
            let next = step.before - number(2.0) * rate * (along + decay * step.before) + moved;
            Some((next, Some(kept(step) * along - rate * square_of_momentum)))
        },
    },
    Rule { what: "nine tenths of the momentum", predict: |step| heavy_ball(step, number(0.9) * step.momentum, 1.0) },
    Rule { what: "no momentum", predict: |step| heavy_ball(step, number(0.0), 1.0) },
    Rule { what: "twice the decay", predict: |step| heavy_ball(step, step.momentum, 2.0) },
    Rule { what: "no decay", predict: |step| heavy_ball(step, step.momentum, 0.0) },
];

fn heavy_ball(step: &Step, momentum: Measured, of_decay: f64) -> Option<Prediction> {
    let remembered = step.remembered?;
    let along = momentum * remembered.before + step.radial + number(of_decay) * step.decay * step.before;
    Some(moved(step, remembered, along))
}

/// w₊ = w − ηm₊ where ⟨w, m₊⟩ is `along`: ‖w₊‖² = ‖w‖² − 2η⟨w, m₊⟩ + ‖w₊ − w‖², ⟨w₊, m₊⟩ = ⟨w, m₊⟩ − ‖w₊ − w‖²/η.
fn moved(step: &Step, remembered: Remembered, along: Measured) -> Prediction {
    let next = step.before - number(2.0) * step.rate * along + remembered.moved;
    (next, Some(along - remembered.moved / step.rate))
}

impl Step {
    /// The residual of a rule, and the distance of its prediction from that of another rule. Both are divided by what the printed digits and the rounding of
    /// the run explain. `None` if the log lacks a number that the rule needs.
    pub fn compare(&self, rule: &Rule, other: Option<Prediction>, rounding: Rounding) -> Option<(f64, f64)> {
        let (next, along) = (rule.predict)(self)?;
        let of_norm = self.rounding(rounding);
        let (mut residual, mut apart) = (over(next, self.after, of_norm), 0f64);
        if let Some((of_other, _)) = other {
            apart = over(next, of_other, of_norm);
        }
        if let (Some(along), Some(remembered)) = (along, self.remembered) {
            let rounding = self.rounding_along(rounding, remembered);
            let of_momentum = over(along, remembered.after, rounding);
            // A NaN in either of both is kept.
            residual = if of_momentum <= residual { residual } else { of_momentum };
            if let Some((_, Some(of_other))) = other {
                apart = apart.max(over(along, of_other, rounding));
            }
        }
        Some((residual, apart))
    }

    /// What rounding makes of ‖w₊‖² (`proofs-notes/audit.md`).
    fn rounding(&self, rounding: Rounding) -> f64 {
        let rate = self.rate.size();
        let moved = self.remembered.map_or(0.0, |remembered| remembered.moved.size());
        let grown = rate * rate * self.gradient.size() + 2.0 * rate * self.radial.size();
        rounding.of_operations(ROUNDINGS) * (self.before.size() + self.after.size() + grown + moved)
    }

    /// What rounding makes of ⟨w₊, m₊⟩: that of ‖w₊‖‖m₊‖.
    fn rounding_along(&self, rounding: Rounding, remembered: Remembered) -> f64 {
        let length = (self.after.size().max(self.before.size()) * remembered.moved.size()).sqrt() / self.rate.value;
        rounding.of_operations(ROUNDINGS) * (length + remembered.before.size() + remembered.after.size())
    }
}

/// The error of a prediction, in roundings of the sums of squares in it. `proofs-notes/audit.md` derives this number.
pub(super) const ROUNDINGS: f64 = 64.0;

/// The distance of two numbers over their errors and rounding.
fn over(predicted: Measured, found: Measured, rounding: f64) -> f64 {
    (predicted.value - found.value).abs() / (predicted.error + found.error + rounding)
}
