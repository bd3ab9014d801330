//! The laws of the edge of stability as coefficients of power series, each with its wrong twins.

use faer::Mat;

use super::matrix::characteristic_polynomial;
use super::minimum::{
    Eigenpair, Minimum, ORDERS, Place, Series, Slopes, Surroundings, columns, constant, lowered, power, times,
};
use super::quantities::{Draw, Law, Quantities};
use super::rules::{Begin, Edge, GradientDescent, Rule};
use crate::arithmetic::{Fan, Field, Jet, Scalar, add_scaled, dot};
use crate::loss::{Derivatives, Loss};

/// A point with one of its eigenpairs, on a loss.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a, F, L> {
    pub loss: &'a L,
    pub minimum: &'a Minimum<F>,
    pub pair: &'a Eigenpair<F>,
}

/// Two steps of an optimizer, and what stands before and after them.
struct TwoSteps<T: Scalar> {
    places: [Place<T>; 2],
    /// δ before and after.
    offsets: [Series<T>; 2],
    points: [Vec<Series<T>>; 2],
}

impl<'a, F: Field, L: Loss<F>> Site<'a, F, L> {
    fn around<T: Scalar<Base = F>>(&self, on_sphere: bool) -> Surroundings<'a, F, T, &'a L> {
        Surroundings::new(self.loss, self.minimum, self.pair, on_sphere)
    }

    /// ‖w‖² on the sphere, 1 elsewhere.
    fn norm(&self, on_sphere: bool) -> F {
        if on_sphere { dot(&self.minimum.weights, &self.minimum.weights) } else { F::constant(1.0) }
    }

    /// h²/ε² at the start: a²ν/‖w‖².
    fn displacement_square(&self, on_sphere: bool, swing: F) -> F {
        swing * swing * self.pair.square / self.norm(on_sphere)
    }

    /// w + c v + n, where `c` begins with ε and `n` with ε².
    fn start<T: Scalar<Base = F>>(&self, c: Series<T>, normal: &[F], size: Series<T>) -> Vec<Series<T>> {
        let mut start: Vec<Series<T>> = constant(&self.minimum.weights);
        add_scaled(&mut start, c, &constant(&self.pair.vector));
        add_scaled(&mut start, size, &constant(normal));
        start
    }

    /// The part of a vector in range H that is orthogonal to v.
    fn normal(&self, vector: &[F]) -> Vec<F> {
        let mut normal = times(&self.minimum.hessian, vector);
        let along = dot(&normal, &self.pair.vector) / self.pair.square;
        add_scaled(&mut normal, -along, &self.pair.vector);
        normal
    }

    /// The place of the other normal coordinates when they follow h, for h = 1: −½H⁺T without its part along v.
    fn following(&self, quantities: &Quantities<F>) -> Vec<F> {
        let mut normal = times(&self.minimum.pseudo_inverse, &quantities.third);
        let along = dot(&normal, &self.pair.vector) / self.pair.square;
        add_scaled(&mut normal, -along, &self.pair.vector);
        let half = F::constant(-0.5);
        normal.iter().map(|&n| half * n).collect()
    }

    fn two_steps<T: Scalar<Base = F>, R: Rule<F>>(
        &self,
        around: &mut Surroundings<'a, F, T, &'a L>,
        rule: &R,
        (start, offset, lasts): (&[Series<T>], Series<T>, F),
    ) -> TwoSteps<T> {
        let two = Series::<T>::constant(2.0);
        let lasts = power(T::from_base(lasts), 2);
        let before = around.place_over_minimum(start);
        let effective_rate = (two + offset) / before.sharpness;
        let mut iterate = rule.begin(around, Begin { weights: start, effective_rate, offset, lasts });
        for _ in 0..2 {
            iterate = rule.step(around, lasts, iterate);
        }
        let after = around.place(&iterate.weights);
        let offsets = [offset, rule.effective_rate(lasts, &iterate) * after.sharpness - two];
        TwoSteps { points: [around.point(&before), around.point(&after)], offsets, places: [before, after] }
    }

    /// The laws of two steps to leading order: how p, δ, h, λ₁ and the energy change.
    pub fn leading_map<R: Rule<F>>(&self, rule: &R, quantities: &Quantities<F>, draw: &Draw<F>) -> Vec<Law<F>> {
        let on_sphere = rule.on_sphere();
        let mut around = self.around::<F>(on_sphere);
        let (a, d, sigma) = (draw.swing, draw.offset, draw.lasts);
        let start = self.start(power(a, 1), &self.normal(&draw.normal), power(F::constant(1.0), 2));
        let steps = self.two_steps(&mut around, rule, (&start, power(d, 1), sigma));
        let of = F::constant;
        let Edge { decay, .. } = rule.edge();
        let (gain, g) = (rule.edge().gain(), quantities.log_gradient_square);
        let stiffness = of(2.0) * decay + g;
        let h = self.displacement_square(on_sphere, a);
        let [before, after] = &steps.places;

        let moved: Vec<F> = difference(&steps.points, 2);
        let norm = self.norm(on_sphere);
        let drift: Vec<F> = quantities.log_gradient.iter().map(|&g| of(-2.0) * gain * h * norm * g).collect();
        let drift = Law::new("p₂ − p₀ = −2h²G", moved, drift)
            .times("p₂ − p₀ = −h²G", 0.5)
            .times("p₂ − p₀ = −3h²G", 1.5)
            .times("p₂ − p₀ = 2h²G", -1.0);

        let gains =
            |lasts: f64, offset: F, slope: f64| of(lasts) * sigma - of(4.0) * gain * h * (offset + of(slope) * g);
        let offset = of(2.0) * decay;
        let one = of(1.0);
        let change = steps.offsets[1].0[2] - steps.offsets[0].0[2];
        let offsets = Law::new("δ₂ − δ₀ = 8ηλ − 4Kh²", vec![change], vec![gains(8.0, offset, 1.0)])
            .twin("K = 2C_b − 1 + ‖G‖²", vec![gains(8.0, offset - one, 1.0)])
            .twin("K = 2C_b + 1 + ‖G‖²", vec![gains(8.0, offset + one, 1.0)])
            .twin("K = ‖G‖²", vec![gains(8.0, of(0.0), 1.0)])
            .twin("K = C_b + ‖G‖²", vec![gains(8.0, decay, 1.0)])
            .twin("K = 4C_b + ‖G‖²", vec![gains(8.0, of(4.0) * decay, 1.0)])
            .twin("K = 2C_b", vec![gains(8.0, offset, 0.0)])
            .twin("K = 2C_b + 2‖G‖²", vec![gains(8.0, offset, 2.0)])
            .twin("4ηλ for 8ηλ", vec![gains(4.0, offset, 1.0)])
            .twin("16ηλ for 8ηλ", vec![gains(16.0, offset, 1.0)]);

        let swung = half_logarithm(ratio(after, before));
        let swing = Law::new("h₂ − h₀ = 2hδ", vec![swung.0[1]], vec![of(2.0) * gain * d])
            .times("h₂ − h₀ = hδ", 0.5)
            .times("h₂ − h₀ = 4hδ", 2.0)
            .times("h₂ − h₀ = −2hδ", -1.0);

        let sharpness = (after.sharpness / before.sharpness).0[2];
        let fall = Law::new("log λ₁ changes by −2‖G‖²h²", vec![sharpness], vec![of(-2.0) * gain * g * h])
            .times("log λ₁ changes by −‖G‖²h²", 0.5)
            .times("log λ₁ changes by −4‖G‖²h²", 2.0);

        // E = ½aδ² − 4ηλ log|h| + aKh², a = (1+μ)/(1−μ), of which two steps change no coefficient up to ε³.
        let energy = |kinetic: f64, logarithm: f64, potential: f64| {
            let squares = steps.offsets.map(|offset| offset * offset);
            let change = (squares[1] - squares[0]).0[3];
            let grown = after.displacement_square - before.displacement_square;
            gain * of(kinetic) * change - of(logarithm) * sigma * swung.0[1]
                + of(potential) * gain * stiffness * grown.0[3]
        };
        let conserved = Law::new("½δ² − 4ηλ log|h| + Kh² does not change", vec![of(0.0)], vec![energy(0.5, 4.0, 1.0)])
            .twin("δ² for ½δ²", vec![energy(1.0, 4.0, 1.0)])
            .twin("2ηλ for 4ηλ", vec![energy(0.5, 2.0, 1.0)])
            .twin("½Kh² for Kh²", vec![energy(0.5, 4.0, 0.5)]);
        vec![drift, offsets, swing, fall, conserved]
    }

    /// G by ∇³L[v, v], and by differentiating the root Λ of the characteristic polynomial along `direction`, a vector of length D whose part in TΓ is taken.
    pub fn gradient_of_sharpness(&self, quantities: &Quantities<F>, direction: &[F]) -> Law<F> {
        let w = &self.minimum.weights;
        let mut tangent = times(&self.minimum.onto_kernel, direction);
        let radial = dot(&tangent, w) / dot(w, w);
        add_scaled(&mut tangent, -radial, w);
        let slope = |direction: &[F]| -> F {
            let mut derivatives = Derivatives::new(self.loss);
            let moved = columns(w.len(), |unit, column| {
                derivatives.mixed_third_derivative(w, direction, unit, column);
            });
            let hessian = &self.minimum.hessian;
            let line = Mat::from_fn(w.len(), w.len(), |i, j| Jet([hessian[(i, j)], moved[(i, j)]]));
            let coefficients: Vec<Jet<F, 2>> = characteristic_polynomial(line.as_ref());
            // χ(Λ(t); t) = 0 differentiated: the jet of Λ that keeps the value of χ at 0.
            let at =
                |x: Jet<F, 2>| coefficients.iter().rev().fold(Jet::constant(0.0), |sum: Jet<F, 2>, &c| sum * x + c);
            let still = at(Jet::from_base(self.pair.value)).0[1];
            let moving = at(Jet::line(self.pair.value, F::constant(1.0))).0[1] - still;
            -(still / moving)
        };
        let found = slope(&tangent);
        let along = dot(&quantities.log_gradient, &tangent) * self.pair.value;
        Law::new("∇_Γ λ₁ = P_Γ ∇³L[v₁, v₁]", vec![found], vec![along])
            .times("∇_Γ λ₁ = ½P_Γ ∇³L[v₁, v₁]", 0.5)
            .times("∇_Γ λ₁ = 2P_Γ ∇³L[v₁, v₁]", 2.0)
            .times("∇_Γ λ₁ = −P_Γ ∇³L[v₁, v₁]", -1.0)
    }

    /// The laws of two steps of gradient descent with weight decay to second order, in the amplitude φ = h + ½αh², where the other normal
    /// coordinates follow it.
    pub fn second_order(&self, quantities: &Quantities<F>, draw: &Draw<F>) -> Vec<Law<F>> {
        let mut around = self.around::<F>(true);
        let (a, d, sigma, of) = (draw.swing, draw.offset, draw.lasts, F::constant);
        // φ = εa: h = φ − ½αφ².
        let c = power(a, 1) - power(of(0.5) * quantities.skewness * a * a, 2);
        let start = self.start(c, &self.following(quantities), power(a * a, 2));
        let steps = self.two_steps(&mut around, &GradientDescent, (&start, power(d, 1), sigma));
        let (g, q) = (quantities.log_gradient_square, quantities.quartic);
        let h = self.displacement_square(true, a);
        let stiffness = of(4.0) + g;
        let [before, after] = &steps.places;
        let amplitude = |place: &Place<F>| {
            let skewed = Series::from_base(of(0.5) * quantities.skewness) * place.along / place.vector_square;
            let factor = Series::constant(1.0) + skewed;
            factor * factor
        };
        let states = |lasts: f64, quartic: F, square: f64| {
            let second = of(lasts) * sigma - of(2.0) * stiffness * h - of(square) * d * d + quartic * h;
            vec![of(2.0) * d, second]
        };
        let found = half_logarithm(ratio(after, before) * (amplitude(after) / amplitude(before)));
        let two_q = of(2.0) * q;
        let swing =
            Law::new("log(φ₂/φ₀) = 2δ + 4ηλ − 2Kh² − δ² + 2qh²", vec![found.0[1], found.0[2]], states(4.0, two_q, 1.0))
                .twin("q left out", states(4.0, of(0.0), 1.0))
                .twin("qh² for 2qh²", states(4.0, q, 1.0))
                .twin("4qh² for 2qh²", states(4.0, of(4.0) * q, 1.0))
                .twin("δ² left out", states(4.0, two_q, 0.0))
                .twin("2ηλ for 4ηλ", states(2.0, two_q, 1.0));

        let moved = |order: usize| steps.offsets[1].0[order] - steps.offsets[0].0[order];
        let gains = |lasts: f64, constant: f64, slope: f64| {
            let first = of(8.0) * sigma - of(4.0) * stiffness * h;
            vec![first, d * (of(lasts) * sigma - (of(constant) + of(slope) * g) * h)]
        };
        let offsets =
            Law::new("δ₂ − δ₀ = 8ηλ − 4Kh² + δ(4ηλ − (40 + 8‖G‖²)h²)", vec![moved(2), moved(3)], gains(4.0, 40.0, 8.0))
                .twin("8ηλδ for 4ηλδ", gains(8.0, 40.0, 8.0))
                .twin("36 for 40", gains(4.0, 36.0, 8.0))
                .twin("44 for 40", gains(4.0, 44.0, 8.0))
                .twin("7 for 8", gains(4.0, 40.0, 7.0))
                .twin("9 for 8", gains(4.0, 40.0, 9.0));

        let norm = self.norm(true);
        let drift = |second: f64| {
            let factors = [of(-2.0) * h * norm, of(-second) * d * h * norm];
            factors
                .iter()
                .flat_map(|&factor| quantities.log_gradient.iter().map(move |&g| factor * g))
                .collect::<Vec<_>>()
        };
        let found = [difference(&steps.points, 2), difference(&steps.points, 3)].concat();
        let drift = Law::new("p₂ − p₀ = −2h²G − 3δh²G", found, drift(3.0))
            .twin("2δh² for 3δh²", drift(2.0))
            .twin("4δh² for 3δh²", drift(4.0))
            .twin("3δh² left out", drift(0.0));
        vec![swing, offsets, drift]
    }

    /// κ: the determinant of two steps in (log|h| + ½log K, δ) at the equilibrium is 1 + 2κ ηλ. Where the other normal coordinates do not `follow` h
    /// the law does not hold.
    pub fn energy_rate<R: Rule<F>>(
        &self,
        rule: &R,
        quantities: &Quantities<F>,
        (draw, follow): (&Draw<F>, bool),
    ) -> Law<F> {
        let of = F::constant;
        let Edge { decay, momentum } = rule.edge();
        let (gain, g, a) = (rule.edge().gain(), quantities.log_gradient_square, draw.swing);
        let (offset, s, q) = (of(2.0) * decay, quantities.slope_along_gradient, quantities.quartic);
        let stiffness = offset + g;
        let on_sphere = rule.on_sphere();
        // h²_eq = 2ηλ/(K(1+μ)/(1−μ)), solved for what a step lasts.
        let lasts = gain * stiffness * self.displacement_square(on_sphere, a) / of(2.0);
        let mut around = self.around::<Slopes<F>>(on_sphere);
        let sloped = |value: F, along_swing: F, along_offset: F| Fan([value, along_swing, along_offset]);
        let none = of(0.0);
        let c = power(sloped(a, a, none), 1);
        let square = a * a;
        let size = sloped(square, if follow { square + square } else { none }, none);
        let start = self.start(c, &self.following(quantities), power(size, 2));
        let offset_start = power(sloped(none, none, of(1.0)), 1);
        let steps = self.two_steps(&mut around, rule, (&start, offset_start, lasts));
        // (h/ε)²K, of which half the logarithm is log(h/ε) + ½log K.
        let [before, after] = &steps.places;
        let stiffness_after = Series::from_base(offset) + around.log_gradient(after).1;
        let stiff = [before.swing_square * Series::from_base(stiffness), after.swing_square * stiffness_after];
        let half = Jet::<F, ORDERS>::constant(0.5);
        let logarithms = stiff.map(|f| [1, 2].map(|k| half * slope(f, k) / slope(f, 0)));
        let after = [1, 2].map(|k| slope(steps.offsets[1], k));
        let [before_swing, _] = logarithms[0];
        let [after_swing, after_offset] = logarithms[1];
        let determinant = after_swing * lowered(after[1]) - lowered(after_offset) * after[0];
        let determinant = determinant / before_swing;

        let kappa = |sixteen: f64, six: f64, four: f64, of_slope: f64, stiffness: F, of_momentum: F| {
            let sum = of(sixteen) * decay / of(2.0) + of(six) * g + of(four) * q;
            sum / stiffness - of(of_slope) * s / (stiffness * stiffness) + of_momentum
        };
        let one = of(1.0);
        let memory = |factor: f64, k: usize| (0..k).fold(of(factor) * momentum, |sum, _| sum / (one - momentum));
        let own = memory(32.0, 2);
        let states = |kappa: F| vec![one, of(0.0), of(2.0) * lasts * kappa];
        let right = |c: [f64; 4]| states(kappa(c[0], c[1], c[2], c[3], stiffness, own));
        let with = |stiffness: F| states(kappa(16.0, 6.0, 4.0, 2.0, stiffness, own));
        let mut law =
            Law::new("det ∂(x₂, δ₂)/∂(x₀, δ₀) = 1 + 2κ ηλ", determinant.0[..3].to_vec(), right([16.0, 6.0, 4.0, 2.0]))
                .twin("4C_b for 8C_b", right([8.0, 6.0, 4.0, 2.0]))
                .twin("12C_b for 8C_b", right([24.0, 6.0, 4.0, 2.0]))
                .twin("3‖G‖² for 6‖G‖²", right([16.0, 3.0, 4.0, 2.0]))
                .twin("q left out", right([16.0, 6.0, 0.0, 2.0]))
                .twin("3q for 4q", right([16.0, 6.0, 3.0, 2.0]))
                .twin("⟨G, ∇‖G‖²⟩ left out", right([16.0, 6.0, 4.0, 0.0]))
                .twin("+2⟨G, ∇‖G‖²⟩/K²", right([16.0, 6.0, 4.0, -2.0]))
                .twin("K = C_b + ‖G‖²", with(decay + g))
                .twin("K = 4C_b + ‖G‖²", with(offset + offset + g))
                .twin("-κ", states(-kappa(16.0, 6.0, 4.0, 2.0, stiffness, own)))
                .twin("2κ", states(of(2.0) * kappa(16.0, 6.0, 4.0, 2.0, stiffness, own)));
        if momentum != none {
            let with = |memory: F| states(kappa(16.0, 6.0, 4.0, 2.0, stiffness, memory));
            law = law
                .twin("32μ/(1−μ)² left out", with(none))
                .twin("24 for 32", with(memory(24.0, 2)))
                .twin("32μ/(1−μ) for 32μ/(1−μ)²", with(memory(32.0, 1)))
                .twin("32μ/(1−μ)³ for 32μ/(1−μ)²", with(memory(32.0, 3)));
        }
        law
    }
}

/// The coefficients of εᵏ in the difference of two vectors.
fn difference<F: Field>(points: &[Vec<Series<F>>; 2], order: usize) -> Vec<F> {
    points[1].iter().zip(&points[0]).map(|(after, before)| after.0[order] - before.0[order]).collect()
}

/// h₂²/h₀², to ε².
fn ratio<T: Scalar>(after: &Place<T>, before: &Place<T>) -> Series<T> {
    after.swing_square / before.swing_square
}

/// ½log of a series that begins with 1, by (log f)′ = f′/f.
fn half_logarithm<F: Field>(f: Series<F>) -> Series<F> {
    let derivative = Jet(std::array::from_fn(|k| {
        if k + 1 < ORDERS { F::constant((k + 1) as f64) * f.0[k + 1] } else { F::constant(0.0) }
    }));
    let quotient = derivative / f;
    Jet(std::array::from_fn(
        |k| {
            if k == 0 { F::constant(0.0) } else { quotient.0[k - 1] / F::constant(2.0 * k as f64) }
        },
    ))
}

/// The series of one slope.
fn slope<F: Field>(x: Series<Slopes<F>>, k: usize) -> Jet<F, ORDERS> {
    Jet(x.0.map(|fan| fan.0[k]))
}
