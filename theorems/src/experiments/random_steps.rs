use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use sharpflow::arithmetic::{Quad, Real, Rounding, add_scaled, distance, dot, norm, scale};
use sharpflow::data::{Dataset, Stream, generator, seeds};
use sharpflow::descent::{Descent, GradientDescent, ProjectedGradientDescent};
use sharpflow::loss::{Evaluator, GradientConditioning, LinearRegression};
use sharpflow::measure::worst;
use sharpflow::sphere::{direction, project};

use crate::assumption::Assumption;
use crate::evidence::{Hypothesis, Table};
use crate::experiment::{Experiment, NotRun, Readers};
use crate::instance::Rejected;
use crate::population::{Population, Source};
use crate::progress::Progress;

/// Draws for each arithmetic.
const DRAWS: usize = 100;

/// One step of gradient descent with weight decay from random weights, over one of three arithmetics.
///
/// The measured quantities are `f64`; the arithmetic below them is not.
#[derive(Debug)]
pub enum Draw {
    Single(Step<f32>),
    Double(Step<f64>),
    DoubleDouble(Step<Quad>),
}

/// The step w₊ = (1−ηλ)w − η∇L(w) with all that the exact identities speak of.
#[derive(Debug)]
pub struct Step<T> {
    loss: LinearRegression<T>,
    learning_rate: T,
    intrinsic_lr: T,
    weights: Vec<T>,
    theta: Vec<T>,
    next: Vec<T>,
    /// η̃ before the step and after it, as the descent says.
    rates: (T, T),
    /// ∇L(w).
    gradient: Vec<T>,
    /// ∇L(θ).
    spherical_gradient: Vec<T>,
    conditioning: GradientConditioning,
}

/// The recursion η̃₊ = η̃ (1−ηλ)^(−shrinkage) (1 + sign·(η̃‖∇L(θ)‖)^square)⁻¹.
#[derive(Clone, Copy, Debug)]
pub struct Recursion {
    pub shrinkage: i32,
    pub square: i32,
    pub sign: f64,
}

/// The law that ṽ₊ equals βṽ + (1−β)‖∇L(θ)‖² up to a remainder, where β = (1−ηλ)^decay, η_in² = square·ηλ and ṽ = η_in²/η̃². Relative
/// to ṽ, the remainder is at most (1−β)^power (of_s·s + of_square·s²) with s = ‖∇L(θ)‖²/ṽ.
#[derive(Clone, Copy, Debug)]
pub struct Remainder {
    pub decay: i32,
    pub square: f64,
    pub power: i32,
    pub of_s: f64,
    pub of_square: f64,
}

/// Random steps, one set for each arithmetic, with its name. The seed draws shapes, data, weights, norms and rates.
///
/// # Errors
/// There is none in practice: random targets are not constant.
pub fn draws(seed: u64) -> Result<[(&'static str, Vec<Draw>); 3], Rejected> {
    let cases: Vec<Case> = seeds(seed, Stream::Steps).take(DRAWS).map(Case::new).collect::<Result<_, _>>()?;
    let all = |step: fn(&Case) -> Result<Draw, Rejected>| cases.iter().map(step).collect::<Result<Vec<_>, _>>();
    Ok([
        ("f32", all(|case| Step::new(case).map(Draw::Single))?),
        ("f64", all(|case| Step::new(case).map(Draw::Double))?),
        ("double-double", all(|case| Step::new(case).map(Draw::DoubleDouble))?),
    ])
}

struct Case {
    data: Dataset,
    direction: Vec<f64>,
    norm: f64,
    intrinsic_lr: f64,
    /// η̃‖∇L(θ)‖, the tangent of the angle a step turns.
    turn: f64,
}

impl Case {
    fn new(seed: u64) -> Result<Self, Rejected> {
        let mut generator = generator(seed, Stream::Step);
        let n = generator.random_range(3..=12);
        let d = generator.random_range(2..=16);
        let mut power_of_ten = |from: f64, to: f64| 10f64.powf(generator.random_range(from..to));
        let (norm, intrinsic_lr, turn) = (power_of_ten(-3.0, 3.0), power_of_ten(-4.0, -0.05), power_of_ten(-1.5, 1.5));
        let data = Dataset::random(n, d, seed);
        let mut direction: Vec<f64> = (0..d).map(|_| StandardNormal.sample(&mut generator)).collect();
        // About every fourth draw lies near Xw = 0, the points that the cone leaves out, if X has a kernel.
        if generator.random_bool(0.25) {
            approach_kernel(&LinearRegression::<f64>::new(&data)?, &mut direction);
        }
        Ok(Self { data, direction, norm, intrinsic_lr, turn })
    }
}

/// How much of a direction's part outside the kernel is left.
const NEAR_SINGULAR: f64 = 1e-3;

/// Takes from a direction nearly all that X sees of it, row by row of an orthonormal basis.
fn approach_kernel(loss: &LinearRegression<f64>, direction: &mut [f64]) {
    let features = loss.features();
    let mut basis: Vec<Vec<f64>> = Vec::new();
    // Centred rows are dependent: the last is minus the sum of the others.
    for i in 0..features.nrows() - 1 {
        let mut row: Vec<f64> = (0..features.ncols()).map(|j| features[(i, j)]).collect();
        basis.iter().for_each(|unit| {
            let along = dot(&row, unit);
            add_scaled(&mut row, -along, unit);
        });
        if basis.len() < direction.len() {
            project(&mut row);
            basis.push(row);
        }
    }
    for unit in &basis {
        let along = dot(direction, unit);
        add_scaled(direction, (NEAR_SINGULAR - 1.0) * along, unit);
    }
}

impl<T: Real> Step<T> {
    fn new(case: &Case) -> Result<Self, Rejected> {
        let loss = LinearRegression::<T>::new(&case.data)?;
        let mut weights: Vec<T> = case.direction.iter().map(|&x| T::from_f64(x)).collect();
        let mut theta = weights.clone();
        project(&mut theta);
        project(&mut weights);
        scale(&mut weights, T::from_f64(case.norm));
        let mut evaluator = Evaluator::new(&loss);
        let spherical_gradient = evaluator.evaluate(&theta).1.to_vec();
        let gradient = evaluator.evaluate(&weights).1.to_vec();
        let effective = case.turn / norm(&spherical_gradient).to_f64();
        let learning_rate = effective * (1.0 - case.intrinsic_lr) * case.norm * case.norm;
        // Rates are rounded to T first: the identity is then about the very numbers the step uses.
        let (learning_rate, intrinsic_lr) = (T::from_f64(learning_rate), T::from_f64(case.intrinsic_lr));
        let mut descent = GradientDescent::new(&loss, learning_rate.to_f64(), intrinsic_lr.to_f64(), &weights)?;
        let before = descent.effective_learning_rate();
        descent.step();
        let rates = (before, descent.effective_learning_rate());
        let next = descent.weights().to_vec();
        drop(descent);
        Ok(Self {
            conditioning: loss.conditioning(&theta),
            learning_rate,
            intrinsic_lr,
            weights,
            theta,
            next,
            rates,
            gradient,
            spherical_gradient,
            loss,
        })
    }

    fn shrinkage(&self) -> T {
        T::from_f64(1.0) - self.intrinsic_lr
    }

    /// η (1−ηλ)^power / ‖w‖²; the effective learning rate has power −1.
    fn effective(&self, power: i32) -> T {
        self.learning_rate * integer_power(self.shrinkage(), power) / dot(&self.weights, &self.weights)
    }

    /// η̃‖∇L(θ)‖, and the rounding bounds of the step's direction and of the relative change of η̃, in units of u.
    fn bounds(&self) -> (f64, f64, f64) {
        let of = |count: f64| Rounding::of::<T>().of_operations(count);
        let d = self.theta.len() as f64;
        let effective = self.effective(-1).to_f64();
        let turn = effective * norm(&self.spherical_gradient).to_f64();
        let stretch = (1.0 + turn * turn).sqrt();
        let GradientConditioning { rounding, curvature, .. } = self.conditioning;
        let of_theta = of(d / 8.0 + 6.0);
        let of_map = of_theta * (1.0 + effective * curvature) / stretch;
        let of_gradient = 2.0 * effective * rounding / stretch;
        let direction = of_map + of_gradient + of(d / 4.0 + 22.0);
        let relative_rate = 2.0 * (of_gradient + of_map) + of(d / 2.0 + 40.0);
        (turn, direction, relative_rate)
    }

    fn direction_residual(&self, power: i32) -> f64 {
        // The claim's own η̃ is the descent's; a twin's is computed here.
        let effective = if power == -1 { self.rates.0 } else { self.effective(power) };
        let mut projected = ProjectedGradientDescent::new(&self.loss, effective, &self.theta);
        projected.step();
        let mut next = self.next.clone();
        direction(&self.next, &mut next);
        distance(&next, projected.weights()).to_f64()
    }

    fn rate_residual(&self, recursion: Recursion) -> f64 {
        let one = T::from_f64(1.0);
        let (before, after) = self.rates;
        let turn = before * norm(&self.spherical_gradient);
        let stretch = one + T::from_f64(recursion.sign) * integer_power(turn, recursion.square);
        let ratio = after * integer_power(self.shrinkage(), recursion.shrinkage) * stretch / before;
        (ratio - one).to_f64().abs()
    }

    fn norm_residual(&self, shrinkage: i32) -> f64 {
        let decayed = integer_power(self.shrinkage(), shrinkage) * dot(&self.weights, &self.weights);
        let added = self.learning_rate * self.learning_rate * dot(&self.gradient, &self.gradient);
        let ratio = dot(&self.next, &self.next) / (decayed + added);
        (ratio - T::from_f64(1.0)).to_f64().abs()
    }

    /// The difference from RMSprop relative to ṽ, over the remainder's bound and rounding's.
    fn remainder(&self, law: Remainder, rounding: f64) -> f64 {
        let one = T::from_f64(1.0);
        let beta = integer_power(self.shrinkage(), law.decay);
        let square_in = T::from_f64(law.square) * self.intrinsic_lr;
        let (before, after) = self.rates;
        let slope = dot(&self.spherical_gradient, &self.spherical_gradient);
        // s = ‖∇L‖²η̃²/η_in²; ṽ₊/ṽ = (η̃/η̃₊)².
        let s = slope * before * before / square_in;
        let grown = integer_power(before / after, 2);
        let difference = (grown - (beta + (one - beta) * s)).to_f64().abs();
        let (kept, s) = ((one - beta).to_f64(), s.to_f64());
        let bound = kept.powi(law.power) * (law.of_s * s + law.of_square * s * s);
        difference / (bound + rounding * (1.0 + grown.to_f64() + s))
    }

    /// |⟨∇L(θ), θ⟩| and ‖∇L(cθ)c − ∇L(θ)‖ against rounding, the larger ratio.
    fn invariance(&self) -> f64 {
        let length = norm(&self.spherical_gradient).to_f64();
        let bound = 2.0 * self.conditioning.rounding
            + Rounding::of::<T>().of_operations(self.theta.len() as f64 + 8.0) * (length + self.conditioning.curvature);
        let mut rescaled = self.gradient.clone();
        scale(&mut rescaled, norm(&self.weights));
        add_scaled(&mut rescaled, T::from_f64(-1.0), &self.spherical_gradient);
        let radial = dot(&self.spherical_gradient, &self.theta).to_f64().abs();
        let degree = norm(&rescaled).to_f64();
        if radial.is_nan() || degree.is_nan() { f64::NAN } else { radial.max(degree) / bound }
    }
}

fn integer_power<T: Real>(x: T, power: i32) -> T {
    let one = T::from_f64(1.0);
    let product = (0..power.unsigned_abs()).fold(one, |product, _| product * x);
    if power < 0 { one / product } else { product }
}

/// Hands the step inside, whatever its arithmetic, to one expression.
macro_rules! each {
    ($draw:expr, $step:ident => $value:expr) => {
        match $draw {
            Draw::Single($step) => $value,
            Draw::Double($step) => $value,
            Draw::DoubleDouble($step) => $value,
        }
    };
}

impl Draw {
    /// ‖Π(w₊) − Π(θ − η̃∇L(θ))‖ over its rounding bound, with η̃ = η (1−ηλ)^power/‖w‖².
    pub fn direction_ratio(&self, power: i32) -> f64 {
        each!(self, step => step.direction_residual(power) / step.bounds().1)
    }

    /// The relative residual of a recursion of η̃ over its rounding bound.
    pub fn rate_ratio(&self, recursion: Recursion) -> f64 {
        each!(self, step => step.rate_residual(recursion) / step.bounds().2)
    }

    /// The relative residual of ‖w₊‖² = (1−ηλ)^shrinkage‖w‖² + η²‖∇L(w)‖² over its rounding bound.
    pub fn norm_ratio(&self, shrinkage: i32) -> f64 {
        each!(self, step => step.norm_residual(shrinkage) / step.bounds().2)
    }

    /// The step's second moment against scalar RMSprop's, over the remainder's bound.
    pub fn remainder_ratio(&self, law: Remainder) -> f64 {
        each!(self, step => step.remainder(law, 4.0 * step.bounds().2))
    }

    /// How far the gradient is from tangent and of degree −1, over rounding.
    pub fn invariance_ratio(&self) -> f64 {
        each!(self, step => step.invariance())
    }
}

/// Single steps of gradient descent with weight decay, drawn at random.
pub struct RandomSteps;

impl Experiment for RandomSteps {
    type On = Population;
    /// The name of the arithmetic, and the steps taken in it.
    type Seen<'a> = (&'static str, &'a [Draw]);
    const NAME: &'static str = "random steps";
    const AT_THE_EDGE: bool = false;

    fn suits(population: &Population, _: &Population) -> bool {
        !matches!(population.source, Source::Network { .. })
    }

    fn steps(_: &Population) -> u64 {
        0
    }

    fn run(
        population: &Population,
        _: &Population,
        _: &Progress,
        claims: &mut dyn Readers<Self>,
    ) -> Result<Vec<Table>, NotRun> {
        for (arithmetic, draws) in &draws(population.seed)? {
            claims.read((arithmetic, draws));
        }
        Ok(vec![])
    }
}

/// The hypothesis of the exact claims: the gradient is tangent and has degree −1.
pub(crate) fn of_steps(draws: &[Draw]) -> Hypothesis {
    Hypothesis {
        of: Assumption::ScaleInvariance,
        what: "scale invariance: tangent gradient of degree -1, over rounding".into(),
        measured: worst(draws.iter().map(Draw::invariance_ratio)),
        bound: 1.0,
        place: format!("worst of {} draws", draws.len()),
    }
}
