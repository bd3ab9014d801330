use crate::arithmetic::{Real, add_scaled, scale};
use crate::minimizers::Geometry;
use crate::sphere::Space;

/// A start near Γ at the edge of stability.
///
/// Near Γ the pair (x, δ), x = log(|h|/|h|_eq), circles around (0, 0) on the levels of the energy
/// e = δ²/(8ηλ) − x + ½(e^{2x} − 1) ≥ 0 (theory: `proofs-notes/sharpness_reduction_flow.md`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EdgeStart {
    /// ηλ ∈ (0, 1), which sets the scale |h|_eq = √(2ηλ/K).
    pub intrinsic_lr: f64,
    /// h/|h|_eq, the displacement along v₁ in units of its equilibrium; its sign is the start's side.
    pub kick: f64,
    /// δ = η̃₀λ₁(p) − 2.
    pub edge_offset: f64,
}

impl EdgeStart {
    /// The start at phase angle `phase` of the slow oscillation of energy `energy` ≥ 0: δ ∝ sin(phase), and |h| above its
    /// equilibrium where cos(phase) > 0.
    pub fn at_energy(intrinsic_lr: f64, energy: f64, phase: f64) -> Self {
        let potential = energy * phase.cos().powi(2);
        Self {
            intrinsic_lr,
            kick: displacement(potential, phase.cos() > 0.0).exp(),
            edge_offset: (8.0 * intrinsic_lr * energy).sqrt() * phase.sin(),
        }
    }

    /// The period in steps of the slow oscillation of energy `energy` ≥ 0, to leading order: π/√(2ηλ) for small ones.
    ///
    /// On the level of e, x′ = δ, x has the potential e cos²φ, and δ = √(8ηλe) sin φ. So dt = 2√e cos φ dφ/((e^{2x} − 1)√(8ηλ)). The
    /// trapezoid rule integrates this; on a smooth period it is exact up to rounding.
    pub fn period(intrinsic_lr: f64, energy: f64) -> f64 {
        const NODES: usize = 512;
        let node = |k: usize| {
            // Between the zeros of the cosine, where the integrand is 0/0.
            let phase = (k as f64 + 0.5) * std::f64::consts::TAU / NODES as f64;
            let x = displacement(energy * phase.cos().powi(2), phase.cos() > 0.0);
            if x == 0.0 { 1.0 } else { 2.0 * energy.sqrt() * phase.cos() / (2.0 * x).exp_m1() }
        };
        let mean = (0..NODES).map(node).sum::<f64>() / NODES as f64;
        mean * std::f64::consts::TAU / (8.0 * intrinsic_lr).sqrt()
    }

    /// r(e) = ⟨δ²⟩/(4ηλe), the mean over one period of the slow oscillation of energy `energy` > 0: 1 as e → 0, ⅔ as e → ∞.
    ///
    /// With dt as in [`EdgeStart::period`], ⟨δ²⟩ = 8ηλe⟨sin²φ⟩.
    pub fn energy_factor(energy: f64) -> f64 {
        const NODES: usize = 512;
        let (mut time, mut square) = (0.0, 0.0);
        for k in 0..NODES {
            let phase = (k as f64 + 0.5) * std::f64::consts::TAU / NODES as f64;
            let x = displacement(energy * phase.cos().powi(2), phase.cos() > 0.0);
            let lasts = if x == 0.0 { 1.0 } else { 2.0 * energy.sqrt() * phase.cos() / (2.0 * x).exp_m1() };
            time += lasts;
            square += lasts * phase.sin().powi(2);
        }
        2.0 * square / time
    }

    /// e₀, the start's energy in units of 4ηλ above the minimum; infinite at h = 0.
    pub fn energy(&self) -> f64 {
        let x = self.kick.abs().ln();
        self.edge_offset.powi(2) / (8.0 * self.intrinsic_lr) - x + 0.5 * (2.0 * x).exp_m1()
    }

    /// h = kick·√(2ηλ/K).
    pub fn displacement<T: Real>(&self, geometry: &Geometry<T>) -> f64 {
        self.kick * (2.0 * self.intrinsic_lr / geometry.edge_stiffness().to_f64()).sqrt()
    }

    /// p + h v₁ on ℝᴰ; on S the unit vector θ₀ = Π(p + h′v₁) with ⟨θ₀, v₁⟩ = h. `point` is p ∈ Γ, and `geometry` is that of p. Since v₁ is
    /// normal to Γ, p is the point of Γ nearest to θ₀. On S, |h| < 1.
    pub fn theta<T: Real>(&self, point: &[T], geometry: &Geometry<T>, space: &Space) -> Vec<T> {
        let h = self.displacement(geometry);
        let mut theta = point.to_vec();
        if *space == Space::Sphere {
            scale(&mut theta, T::from_f64((1.0 - h * h).sqrt()));
        }
        add_scaled(&mut theta, T::from_f64(h), &geometry.direction);
        space.restrict(&mut theta);
        theta
    }

    /// w₀ = ‖w₀‖·Π(p + h′v₁) with ⟨θ₀, v₁⟩ = h, whose norm makes η̃₀λ₁(p) = 2 + δ for the learning rate η.
    ///
    /// `point` ∈ Γ, `geometry` that point's. The nearest point of Γ to w₀/‖w₀‖ is `point`, as v₁ is normal to Γ. |h| < 1.
    pub fn weights<T: Real>(&self, point: &[T], geometry: &Geometry<T>, learning_rate: f64) -> Vec<T> {
        let mut weights = self.theta(point, geometry, &Space::Sphere);
        let effective = (2.0 + self.edge_offset) / geometry.sharpness.to_f64();
        let square = learning_rate / ((1.0 - self.intrinsic_lr) * effective);
        scale(&mut weights, T::from_f64(square.sqrt()));
        weights
    }
}

/// The root x of −x + ½(e^{2x} − 1) = `potential` on the chosen side of 0.
///
/// The left side is convex with its minimum 0 at 0; Newton's method from beyond the root descends to it monotonically.
fn displacement(potential: f64, above: bool) -> f64 {
    let mut x = if above { potential.sqrt() } else { -potential - 0.5 };
    if potential == 0.0 {
        return 0.0;
    }
    loop {
        let excess = -x + 0.5 * (2.0 * x).exp_m1() - potential;
        let next = x - excess / (2.0 * x).exp_m1();
        let descended = next.abs() < x.abs();
        if !descended || next.is_nan() {
            return x;
        }
        x = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;

    #[test]
    fn a_start_has_the_energy_it_was_asked_for_at_every_phase() {
        for energy in [1e-3, 0.5, 3.0] {
            for k in 0..16 {
                let phase = f64::from(k) * std::f64::consts::PI / 8.0;
                let start = EdgeStart::at_energy(1e-4, energy, phase);
                assert_relative_eq!(start.energy(), energy, max_relative = 1e-10);
                assert_eq!(start.kick > 1.0, phase.cos() > 0.0 && phase.cos().abs() > 1e-15);
            }
        }
        assert_relative_eq!(EdgeStart::at_energy(1e-4, 0.0, 1.0).kick, 1.0);
    }

    /// Against the table of the theory, and against the other mean that it equals, ⟨(h²/h²_eq − 1)²⟩/(2e), along the orbit by small steps.
    #[test]
    fn the_factor_of_the_energy_law_is_that_of_the_orbit() {
        for (energy, factor) in [(0.05, 0.996), (0.2, 0.984), (1.0, 0.927), (6.0, 0.785), (10.0, 0.752)] {
            assert!((EdgeStart::energy_factor(energy) - factor).abs() < 6e-4, "{energy}");
            let (lr, dt) = (1e-4, 1e-2);
            let (mut x, mut delta) = (displacement(energy, false), 0.0f64);
            let steps = (EdgeStart::period(lr, energy) / dt) as usize;
            let mut sum = 0.0;
            for _ in 0..steps {
                delta -= 4.0 * lr * dt * (2.0 * x).exp_m1();
                x += dt * delta;
                sum += (2.0 * x).exp_m1().powi(2);
            }
            let mean = sum / steps as f64 / (2.0 * energy);
            assert_relative_eq!(EdgeStart::energy_factor(energy), mean, max_relative = 1e-4);
        }
        assert!((EdgeStart::energy_factor(1e-6) - 1.0).abs() < 1e-6);
    }

    /// Against the orbit itself, x″ = 4ηλ(1 − e^{2x}) by small steps from its lowest point back to it.
    #[test]
    fn a_period_is_that_of_the_orbit() {
        assert_relative_eq!(EdgeStart::period(1e-4, 0.0), std::f64::consts::PI / 2e-4f64.sqrt(), max_relative = 1e-12);
        for energy in [0.1, 1.0, 4.0] {
            let (lr, dt) = (1e-4, 1e-2);
            let (mut x, mut delta, mut steps) = (displacement(energy, false), 0.0, 0);
            let force = |x: f64| -4.0 * lr * (2.0 * x).exp_m1();
            loop {
                // Leapfrog: second order, no drift.
                let before = delta;
                delta += 0.5 * dt * force(x);
                x += dt * delta;
                delta += 0.5 * dt * force(x);
                steps += 1;
                if before < 0.0 && delta >= 0.0 {
                    break;
                }
            }
            let period = (f64::from(steps) - delta / (dt * force(x))) * dt;
            assert_relative_eq!(EdgeStart::period(lr, energy), period, max_relative = 1e-5);
        }
    }
}
