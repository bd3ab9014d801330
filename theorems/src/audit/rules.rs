//! How ‖w‖² and ⟨w, m⟩ change in a step, by the rule of the step. All of it is exact; derived in `proofs-notes/audit.md`.

use sharpflow::arithmetic::Enclosure;

/// What a log says of one step, as intervals of half a printed digit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// η, λ, μ.
    pub rate: Enclosure,
    pub decay: Enclosure,
    pub momentum: Enclosure,
    /// ‖w‖² before and after the step.
    pub before: Enclosure,
    pub after: Enclosure,
    /// ‖∇L(w)‖².
    pub gradient: Enclosure,
    /// ⟨w, ∇L(w)⟩; 0 where it is not logged.
    pub radial: Enclosure,
    /// What momentum adds, where it is logged.
    pub remembered: Option<Remembered>,
}

/// ⟨w, m⟩ before and after the step, and ‖w₊ − w‖².
#[derive(Clone, Copy, Debug)]
pub(super) struct Remembered {
    pub before: Enclosure,
    pub after: Enclosure,
    pub moved: Enclosure,
}

/// A rule of steps, by what it makes of a step: ‖w₊‖², and ⟨w₊, m₊⟩ where it says something of it.
pub(super) struct Rule {
    pub what: &'static str,
    /// Whether the rule is another one only where there is weight decay.
    pub of_decay: bool,
    pub predict: fn(&Step) -> Option<Prediction>,
}

pub(super) type Prediction = (Enclosure, Option<Enclosure>);

pub(super) fn number(x: f64) -> Enclosure {
    Enclosure { lower: x, upper: x }
}

fn square(x: Enclosure) -> Enclosure {
    x * x
}

/// ‖kept·w − rate·∇L‖².
fn plain(step: &Step, kept: Enclosure, rate: Enclosure) -> Option<Prediction> {
    let grown = square(rate) * step.gradient;
    Some((square(kept) * step.before - number(2.0) * rate * kept * step.radial + grown, None))
}

fn kept(step: &Step) -> Enclosure {
    number(1.0) - step.rate * step.decay
}

/// Gradient descent with weight decay, and what it could be mistaken for.
pub(super) const GRADIENT_DESCENT: [Rule; 8] = [
    Rule {
        what: "w₊ = (1 − ηλ)w − η∇L", of_decay: false, predict: |step| plain(step, kept(step), step.rate)
    },
    Rule {
        what: "the decay after the step, w₊ = (1 − ηλ)(w − η∇L)",
        of_decay: true,
        predict: |step| plain(step, kept(step), kept(step) * step.rate),
    },
    Rule {
        what: "a decay without the learning rate, w₊ = (1 − λ)w − η∇L",
        of_decay: true,
        predict: |step| plain(step, number(1.0) - step.decay, step.rate),
    },
    Rule {
        what: "the penalty λ‖w‖², w₊ = (1 − 2ηλ)w − η∇L",
        of_decay: true,
        predict: |step| plain(step, kept(step) - step.rate * step.decay, step.rate),
    },
    Rule {
        what: "half of the decay, w₊ = (1 − ½ηλ)w − η∇L",
        of_decay: true,
        predict: |step| plain(step, number(1.0) - number(0.5) * step.rate * step.decay, step.rate),
    },
    Rule { what: "no decay, w₊ = w − η∇L", of_decay: true, predict: |step| plain(step, number(1.0), step.rate) },
    Rule {
        what: "twice the learning rate, w₊ = (1 − ηλ)w − 2η∇L",
        of_decay: false,
        predict: |step| plain(step, kept(step), number(2.0) * step.rate),
    },
    Rule {
        what: "half of the learning rate, w₊ = (1 − ηλ)w − ½η∇L",
        of_decay: false,
        predict: |step| plain(step, kept(step), number(0.5) * step.rate),
    },
];

/// The same of a scale-invariant loss, where ⟨w, ∇L⟩ = 0: η̃₊ = η̃(1−ηλ)⁻²(1 + η̃²‖∇L(θ)‖²)⁻¹, η̃ = η/((1−ηλ)‖w‖²), as a law of ‖w‖².
pub(super) const EFFECTIVE_LEARNING_RATE: [Rule; 4] = [
    Rule {
        what: "η̃₊ = η̃(1−ηλ)⁻²(1 + η̃²‖∇L(θ)‖²)⁻¹", of_decay: false, predict: |step| effective(step, [2, 2], 1.0)
    },
    Rule {
        what: "η̃₊ = η̃(1−ηλ)⁻¹(1 + η̃²‖∇L(θ)‖²)⁻¹", of_decay: true, predict: |step| effective(step, [1, 2], 1.0)
    },
    Rule {
        what: "η̃₊ = η̃(1−ηλ)⁻²(1 + 2η̃²‖∇L(θ)‖²)⁻¹", of_decay: false, predict: |step| effective(step, [2, 2], 2.0)
    },
    Rule { what: "η̃₊ = η̃(1−ηλ)⁻²", of_decay: false, predict: |step| effective(step, [2, 2], 0.0) },
];

/// ‖w₊‖² = (1−ηλ)^kept ‖w‖² (1 + part·x), x = η̃²‖∇L(θ)‖² = η²‖∇L(w)‖²/((1−ηλ)^of_rate ‖w‖²).
fn effective(step: &Step, [kept_power, of_rate]: [u32; 2], part: f64) -> Option<Prediction> {
    let power = |exponent: u32| (0..exponent).fold(number(1.0), |power, _| power * kept(step));
    let turn = square(step.rate) * step.gradient / (power(of_rate) * step.before);
    Some((power(kept_power) * step.before * (number(1.0) + number(part) * turn), None))
}

/// Heavy-ball momentum m₊ = μm + ∇L + λw, w₊ = w − ηm₊, and what it could be mistaken for.
pub(super) const HEAVY_BALL: [Rule; 8] = [
    Rule {
        what: "m₊ = μm + ∇L + λw, w₊ = w − ηm₊",
        of_decay: false,
        predict: |step| heavy_ball(step, step.momentum, 1.0),
    },
    Rule {
        what: "a dampened gradient, m₊ = μm + (1 − μ)(∇L + λw)",
        of_decay: false,
        predict: |step| {
            let b = step.momentum * step.remembered?.before
                + (number(1.0) - step.momentum) * (step.radial + step.decay * step.before);
            Some(moved(step, step.remembered?, b))
        },
    },
    Rule {
        what: "Nesterov's momentum, w₊ = w − η(∇L + λw + μm₊)",
        of_decay: false,
        predict: |step| {
            let Remembered { before, moved, .. } = step.remembered?;
            let gradient = step.radial + step.decay * step.before;
            let along = gradient + step.momentum * (step.momentum * before + gradient);
            Some((step.before - number(2.0) * step.rate * along + moved, None))
        },
    },
    Rule {
        what: "decay apart from the momentum, m₊ = μm + ∇L, w₊ = (1 − ηλ)w − ηm₊",
        of_decay: true,
        predict: |step| {
            let Remembered { before, moved, .. } = step.remembered?;
            let along = step.momentum * before + step.radial;
            let (rate, decay) = (step.rate, step.decay);
            // ‖w₊ − w‖² = η²‖λw + m₊‖².
            let square_of_momentum = moved / square(rate) - square(decay) * step.before - number(2.0) * decay * along;
            let next = step.before - number(2.0) * rate * (along + decay * step.before) + moved;
            Some((next, Some(kept(step) * along - rate * square_of_momentum)))
        },
    },
    Rule {
        what: "nine tenths of the momentum",
        of_decay: false,
        predict: |step| heavy_ball(step, number(0.9) * step.momentum, 1.0),
    },
    Rule { what: "no momentum", of_decay: false, predict: |step| heavy_ball(step, number(0.0), 1.0) },
    Rule { what: "twice the decay", of_decay: true, predict: |step| heavy_ball(step, step.momentum, 2.0) },
    Rule { what: "no decay", of_decay: true, predict: |step| heavy_ball(step, step.momentum, 0.0) },
];

fn heavy_ball(step: &Step, momentum: Enclosure, of_decay: f64) -> Option<Prediction> {
    let remembered = step.remembered?;
    let along = momentum * remembered.before + step.radial + number(of_decay) * step.decay * step.before;
    Some(moved(step, remembered, along))
}

/// w₊ = w − ηm₊ where ⟨w, m₊⟩ is `along`: ‖w₊‖² = ‖w‖² − 2η⟨w, m₊⟩ + ‖w₊ − w‖², ⟨w₊, m₊⟩ = ⟨w, m₊⟩ − ‖w₊ − w‖²/η.
fn moved(step: &Step, remembered: Remembered, along: Enclosure) -> Prediction {
    let next = step.before - number(2.0) * step.rate * along + remembered.moved;
    (next, Some(along - remembered.moved / step.rate))
}

impl Step {
    /// The residual of a rule over what the printed digits and the rounding of the run explain: `None` where the log lacks what it takes.
    pub fn residual(&self, rule: &Rule, unit_roundoff: f64) -> Option<f64> {
        let (next, along) = (rule.predict)(self)?;
        let of_norm = over(next, self.after, self.rounding(unit_roundoff));
        let of_momentum = match (along, self.remembered) {
            (Some(along), Some(remembered)) => {
                over(along, remembered.after, self.rounding_along(unit_roundoff, remembered))
            }
            _ => 0.0,
        };
        Some(if of_norm.is_nan() { of_norm } else { of_norm.max(of_momentum) })
    }

    /// How far two rules' predictions are apart, over the same.
    pub fn apart(&self, rule: &Rule, other: &Rule, unit_roundoff: f64) -> Option<f64> {
        let ((next, along), (of_other, along_of_other)) = ((rule.predict)(self)?, (other.predict)(self)?);
        let of_norm = over(next, of_other, self.rounding(unit_roundoff));
        let of_momentum = match (along, along_of_other, self.remembered) {
            (Some(along), Some(of_other), Some(remembered)) => {
                over(along, of_other, self.rounding_along(unit_roundoff, remembered))
            }
            _ => 0.0,
        };
        Some(of_norm.max(of_momentum))
    }

    /// What rounding makes of ‖w₊‖² (`proofs-notes/audit.md`).
    fn rounding(&self, unit_roundoff: f64) -> f64 {
        let pulled = 2.0 * self.rate.upper * size(self.radial);
        let moved = self.remembered.map_or(0.0, |remembered| remembered.moved.upper);
        let grown = self.rate.upper * self.rate.upper * self.gradient.upper;
        ROUNDINGS * unit_roundoff * (self.before.upper + self.after.upper + grown + pulled + moved)
    }

    /// What rounding makes of ⟨w₊, m₊⟩: that of ‖w₊‖‖m₊‖.
    fn rounding_along(&self, unit_roundoff: f64, remembered: Remembered) -> f64 {
        let length = (self.after.upper.max(self.before.upper) * remembered.moved.upper).sqrt() / self.rate.lower;
        ROUNDINGS * unit_roundoff * (length + size(remembered.before) + size(remembered.after))
    }
}

/// How many roundings of a sum of squares its error is: derived in `proofs-notes/audit.md`.
pub(super) const ROUNDINGS: f64 = 64.0;

fn size(x: Enclosure) -> f64 {
    x.lower.abs().max(x.upper.abs())
}

/// The distance of two middles over the intervals' radii and rounding.
fn over(predicted: Enclosure, found: Enclosure, rounding: f64) -> f64 {
    (predicted.middle() - found.middle()).abs() / (predicted.radius() + found.radius() + rounding)
}
