//! The mutation score of the claims: each constant of each claim is changed in a copy of the sources, and the claim's own test must notice.
//!
//! Takes half an hour to two hours: `cargo test --test mutations -- --ignored --nocapture`.

use std::collections::BTreeSet;
use std::fs::{create_dir_all, read_to_string, remove_dir_all, write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sharpflow_theorems::registry::REGISTRY;

/// A claim whose test must notice, a file, what stands there once, and what is put in its place.
type Mutant = (&'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const MUTANTS: &[Mutant] = &[
    ("scale_invariance", "src/identities/mod.rs", "variant(\"∇L(cw) = c⁻¹∇L(w)\", &[-1])", "variant(\"∇L(cw) = c⁻¹∇L(w)\", &[-2])"),
    ("scale_invariance", "src/identities/mod.rs", "variant(\"∇²L(w)w = −∇L(w)\", &[-1])", "variant(\"∇²L(w)w = −∇L(w)\", &[-3])"),
    ("scale_invariance", "src/identities/mod.rs", "variant(\"∇³L(w)[w, v] = −2∇²L(w)v\", &[-2])", "variant(\"∇³L(w)[w, v] = −2∇²L(w)v\", &[-4])"),
    ("sharpness_scaling", "theorems/src/claims/sharpness_scaling.rs", "ordinary(\"ordinary λ₁ ∝ c⁻²\", -2)", "ordinary(\"ordinary λ₁ ∝ c⁻²\", -1)"),
    ("sharpness_scaling", "theorems/src/claims/sharpness_scaling.rs", "spherical(\"spherical λ₁ ∝ c⁰\", 0)", "spherical(\"spherical λ₁ ∝ c⁰\", -1)"),
    ("projected_gradient_descent", "theorems/src/claims/projected_gradient_descent.rs", "with_power(\"direction after a step\", -1)", "with_power(\"direction after a step\", -3)"),
    ("effective_learning_rate", "theorems/src/claims/effective_learning_rate.rs", "Recursion { shrinkage: 2, square: 2, sign: 1.0 }", "Recursion { shrinkage: 3, square: 2, sign: 1.0 }"),
    ("effective_learning_rate", "theorems/src/claims/effective_learning_rate.rs", "Recursion { shrinkage: 2, square: 2, sign: 1.0 }", "Recursion { shrinkage: 2, square: 3, sign: 1.0 }"),
    ("effective_learning_rate", "theorems/src/claims/effective_learning_rate.rs", "Recursion { shrinkage: 2, square: 2, sign: 1.0 }", "Recursion { shrinkage: 2, square: 2, sign: 1.01 }"),
    ("effective_learning_rate", "theorems/src/claims/effective_learning_rate.rs", "draw.norm_ratio(2)", "draw.norm_ratio(3)"),
    ("quasi_rmsprop", "theorems/src/claims/quasi_rmsprop.rs", "Remainder { decay: 4,", "Remainder { decay: 5,"),
    ("quasi_rmsprop", "theorems/src/claims/quasi_rmsprop.rs", "square: 2.0, power: 2,", "square: 2.1, power: 2,"),
    ("quasi_rmsprop", "theorems/src/claims/quasi_rmsprop.rs", "of_s: 1.0, of_square: 0.25 }", "of_s: 0.9, of_square: 0.25 }"),
    ("quasi_rmsprop", "theorems/src/claims/quasi_rmsprop.rs", "of_s: 1.0, of_square: 0.25 }", "of_s: 1.0, of_square: 0.23 }"),
    ("loss_range", "theorems/src/claims/loss_range.rs", "proved(\"ρ of the Hessian on the sphere\", 0.5 * PI * PI)", "proved(\"ρ of the Hessian on the sphere\", 0.43 * PI * PI)"),
    ("descent_lemma", "theorems/src/claims/descent_lemma.rs", "within(\"1 - η̃ρ/2\", &|step, rho| 0.5 *", "within(\"1 - η̃ρ/2\", &|step, rho| 0.49 *"),
    ("stable_regime_exit", "theorems/src/claims/stable_regime_exit.rs", "2.0 * (2.0 - margin) * exit.fall", "1.95 * (2.0 - margin) * exit.fall"),
    ("stable_regime_exit", "theorems/src/claims/stable_regime_exit.rs", "of_logarithm: 1.0, of_sum: 1.0, steps: 2.0", "of_logarithm: 0.9, of_sum: 1.0, steps: 2.0"),
    ("stable_regime_exit", "theorems/src/claims/stable_regime_exit.rs", "of_logarithm: 1.0, of_sum: 1.0, steps: 2.0", "of_logarithm: 1.0, of_sum: 1.0, steps: 2.1"),
    ("stable_regime_exit", "theorems/src/claims/stable_regime_exit.rs", "of_logarithm: 1.0, of_sum: 1.0, steps: 2.0", "of_logarithm: 1.0, of_sum: 0.0, steps: 2.0"),
    ("small_gradient", "theorems/src/claims/small_gradient.rs", "within(\"ΔL the fall of the loss\", 2.0, 2, fall)", "within(\"ΔL the fall of the loss\", 1.9, 2, fall)"),
    ("small_gradient", "theorems/src/claims/small_gradient.rs", "within(\"ΔL the fall of the loss\", 2.0, 2, fall)", "within(\"ΔL the fall of the loss\", 2.0, 1, fall)"),
    ("stability_threshold", "theorems/src/claims/stability_threshold.rs", "multiplier(\"multiplier along v₁: 1 - η̃λ₁\", &|product| 1.0 - product)", "multiplier(\"multiplier along v₁: 1 - η̃λ₁\", &|product| 1.0001 - product)"),
    ("stability_threshold", "theorems/src/claims/stability_threshold.rs", "in every normal direction\", 1.0)", "in every normal direction\", 1.001)"),
    ("period_two", "theorems/src/claims/period_two.rs", "|step| step % 2 == 1", "|step| step % 3 == 1"),
    ("alignment", "theorems/src/claims/alignment.rs", "between θ - p and v₁\", ORDER, ", "between θ - p and v₁\", 1.0, "),
    ("pinning", "theorems/src/claims/pinning.rs", "deviation(\"|η̃λ₁/2 - 1|\", 2.0)", "deviation(\"|η̃λ₁/2 - 1|\", 2.01)"),
    ("mean_square", "theorems/src/claims/mean_square.rs", "Law { a: 2.0, b: 4.0, c: 1.0 }", "Law { a: 2.01, b: 4.0, c: 1.0 }"),
    ("mean_square", "theorems/src/claims/mean_square.rs", "Law { a: 2.0, b: 4.0, c: 1.0 }", "Law { a: 2.0, b: 4.1, c: 1.0 }"),
    ("mean_square", "theorems/src/claims/mean_square.rs", "Law { a: 2.0, b: 4.0, c: 1.0 }", "Law { a: 2.0, b: 4.0, c: 1.05 }"),
    ("slow_period", "src/descent/start.rs", "mean * std::f64::consts::TAU / (8.0 * intrinsic_lr).sqrt()", "mean * std::f64::consts::TAU / (8.1 * intrinsic_lr).sqrt()"),
    ("energy", "theorems/src/claims/energy.rs", "Form { of_offset: 0.5, of_log: 1.0, of_square: (4.0, 1.0) }", "Form { of_offset: 0.55, of_log: 1.0, of_square: (4.0, 1.0) }"),
    ("energy", "theorems/src/claims/energy.rs", "Form { of_offset: 0.5, of_log: 1.0, of_square: (4.0, 1.0) }", "Form { of_offset: 0.5, of_log: 1.1, of_square: (4.0, 1.0) }"),
    ("energy", "theorems/src/claims/energy.rs", "Form { of_offset: 0.5, of_log: 1.0, of_square: (4.0, 1.0) }", "Form { of_offset: 0.5, of_log: 1.0, of_square: (6.0, 1.0) }"),
    ("energy", "theorems/src/claims/energy.rs", "Form { of_offset: 0.5, of_log: 1.0, of_square: (4.0, 1.0) }", "Form { of_offset: 0.5, of_log: 1.0, of_square: (4.0, 1.3) }"),
    ("equilibrium_norm", "theorems/src/claims/equilibrium_norm.rs", "compared(\"‖w‖² against ηλ₁(ζ)/2\", 0.5, &along_law)", "compared(\"‖w‖² against ηλ₁(ζ)/2\", 0.51, &along_law)"),
    ("sharpness_reduction_flow", "src/flow/mod.rs", "Self { numerator: 2.0, offset: 4.0, slope: 1.0 }", "Self { numerator: 2.02, offset: 4.0, slope: 1.0 }"),
    ("sharpness_reduction_flow", "src/flow/mod.rs", "Self { numerator: 2.0, offset: 4.0, slope: 1.0 }", "Self { numerator: 2.0, offset: 4.1, slope: 1.0 }"),
    ("sharpness_reduction_flow", "src/flow/mod.rs", "Self { numerator: 2.0, offset: 4.0, slope: 1.0 }", "Self { numerator: 2.0, offset: 4.0, slope: 1.03 }"),
    ("sharpness_decay", "theorems/src/claims/sharpness_decay.rs", "const LAW: Rate = |g| 2.0 * g / (4.0 + g);", "const LAW: Rate = |g| 2.1 * g / (4.0 + g);"),
    ("sharpness_decay", "theorems/src/claims/sharpness_decay.rs", "const LAW: Rate = |g| 2.0 * g / (4.0 + g);", "const LAW: Rate = |g| 2.0 * g / (4.4 + g);"),
    ("sharpness_decay", "theorems/src/claims/sharpness_decay.rs", "const LAW: Rate = |g| 2.0 * g / (4.0 + g);", "const LAW: Rate = |g| 2.0 * g / (4.0 + 1.1 * g);"),
    ("sharpness_decay", "theorems/src/claims/sharpness_decay.rs", "parts(\"the run's rate over any quarter of the window\", LAW)", "parts(\"the run's rate over any quarter of the window\", |g| 2.2 * LAW(g) / 2.0)"),
    ("scalar_rmsprop", "src/descent/optimizer.rs", "numerator: 2.0, offset: 2.0 * self.decay", "numerator: 2.2, offset: 2.0 * self.decay"),
    ("scalar_rmsprop", "src/descent/optimizer.rs", "offset: 2.0 * self.decay, slope", "offset: 2.3 * self.decay, slope"),
    ("scalar_rmsprop", "src/descent/optimizer.rs", "self.decay, slope: 1.0", "self.decay, slope: 1.1"),
    ("linear_regression_flow", "theorems/src/claims/linear_regression_flow.rs", "order(\"λ₁ along GD+WD\", &by_sharpness(1.0))", "order(\"λ₁ along GD+WD\", &by_sharpness(1.05))"),
    ("linear_regression_flow", "theorems/src/claims/linear_regression_flow.rs", "order(\"tan φ along GD+WD\", &by_angle(angle_at))", "order(\"tan φ along GD+WD\", &by_angle(|angle, tau| angle_at(angle, 1.05 * tau)))"),
    ("minimum_norm_convergence", "theorems/src/claims/minimum_norm_convergence.rs", "|least, other| least / other),\n        ],", "|least, other| 1.5 * least / other),\n        ],"),
    ("heavy_ball", "theorems/src/claims/heavy_ball.rs", "edge(\"ηλ₁/‖w‖² = 2(1+μ)\", 2.0 * (1.0 + momentum))", "edge(\"ηλ₁/‖w‖² = 2(1+μ)\", 2.1 * (1.0 + momentum))"),
    ("heavy_ball", "theorems/src/claims/heavy_ball.rs", "mean_square(\"⟨K h²⟩ against 2ηλ/(1+μ)\", 2.0 / (1.0 + momentum))", "mean_square(\"⟨K h²⟩ against 2ηλ/(1+μ)\", 2.2 / (1.0 + momentum))"),
    ("heavy_ball", "theorems/src/claims/heavy_ball.rs", "follows(\"raw iterate\", on, LAW,", "follows(\"raw iterate\", on, faster(1.1),"),
    ("energy_law", "theorems/src/claims/energy_law.rs", "    constant: 8.0,", "    constant: 7.5,"),
    ("energy_law", "theorems/src/claims/energy_law.rs", "    square: 6.0,", "    square: 5.5,"),
    ("energy_law", "theorems/src/claims/energy_law.rs", "    quartic: 4.0,", "    quartic: 3.8,"),
    ("energy_law", "theorems/src/claims/energy_law.rs", "    slope: 2.0,", "    slope: 1.5,"),
    ("energy_law", "theorems/src/claims/energy_law.rs", "    offset: 2.0,", "    offset: 2.2,"),
    ("energy_law", "theorems/src/claims/energy_law.rs", "    momentum: 32.0,", "    momentum: 30.0,"),
    ("energy_law", "theorems/src/claims/energy_law.rs", "    lag: 2,", "    lag: 3,"),
    ("certified_tracking", "theorems/src/experiments/certified.rs", "const LAW: FlowConstants = FlowConstants::SHARPNESS_REDUCTION;", "const LAW: FlowConstants = FlowConstants { numerator: 2.5, ..FlowConstants::SHARPNESS_REDUCTION };"),
    ("certified_tracking", "src/certificate/line.rs", "c / a * up - b / (number(4.0) * a) * aside", "c / a * up - b / (number(5.0) * a) * aside"),
    ("certified_tracking", "src/certificate/line.rs", "(aside - up) / number(80.0) + aside / number(4.0)", "(aside - up) / number(80.0) + aside / number(5.0)"),
    ("certified_pinning", "theorems/src/claims/certified_pinning.rs", "const EDGE: f64 = 2.0;", "const EDGE: f64 = 2.05;"),
    ("certified_pinning", "src/certificate/line.rs", "number(2.0) * value / (count.sqrt() * length)", "number(2.1) * value / (count.sqrt() * length)"),
    ("certified_mean_square", "theorems/src/claims/certified_mean_square.rs", "Law { of_rate: 2.0, offset: 4.0, slope: 1.0 }", "Law { of_rate: 2.1, offset: 4.0, slope: 1.0 }"),
    ("certified_mean_square", "theorems/src/claims/certified_mean_square.rs", "Law { of_rate: 2.0, offset: 4.0, slope: 1.0 }", "Law { of_rate: 2.0, offset: 4.0, slope: 1.1 }"),
    ("certified_mean_square", "src/certificate/line.rs", "number(1600.0) * cosine_square", "number(1800.0) * cosine_square"),
    ("exact_map", "src/exact/laws.rs", "let drift: Vec<F> = quantities.log_gradient.iter().map(|&g| of(-2.0)", "let drift: Vec<F> = quantities.log_gradient.iter().map(|&g| of(-2.5)"),
    ("exact_map", "src/exact/laws.rs", "vec![gains(8.0, offset, 1.0)])", "vec![gains(8.0, offset, 1.5)])"),
    ("exact_map", "src/exact/laws.rs", "vec![energy(0.5, 4.0, 1.0)])", "vec![energy(0.5, 4.0, 1.5)])"),
    ("exact_gradient_of_sharpness", "src/exact/laws.rs", "dot(&quantities.log_gradient, &tangent) * self.pair.value;", "dot(&quantities.log_gradient, &tangent);"),
    ("exact_second_order", "src/exact/laws.rs", "vec![found.0[1], found.0[2]], states(4.0, two_q, 1.0))", "vec![found.0[1], found.0[2]], states(4.0, two_q, 1.5))"),
    ("exact_second_order", "src/exact/laws.rs", "vec![moved(2), moved(3)], gains(4.0, 40.0, 8.0))", "vec![moved(2), moved(3)], gains(4.0, 40.0, 8.5))"),
    ("exact_energy_rate", "src/exact/laws.rs", "to_vec(), right([16.0, 6.0, 4.0, 2.0]))", "to_vec(), right([16.0, 6.0, 4.0, 2.5]))"),
    ("exact_energy_rate", "src/exact/laws.rs", "to_vec(), right([16.0, 6.0, 4.0, 2.0]))", "to_vec(), right([16.0, 6.0, 4.5, 2.0]))"),
    ("exact_scalar_rmsprop", "src/exact/rules.rs", "Series::constant(1.0) - Series::constant(4.0) * lasts", "Series::constant(1.0) - Series::constant(3.0) * lasts"),
    ("exact_heavy_ball", "src/exact/laws.rs", "let own = memory(32.0, 2);", "let own = memory(31.0, 2);"),
    ("exact_two_eigenvalues", "src/exact/crossing.rs", "found, matrix(8.0, 16.0, [4.0; 4]))", "found, matrix(8.0, 15.0, [4.0; 4]))"),
    ("held_out_error", "theorems/src/claims/held_out_error.rs", "difference(&decay, &control)),", "difference(&control, &decay)),"),
    ("held_out_error", "theorems/src/claims/held_out_error.rs", "less_twice(&log_decay, &log_control)", "less_twice(&log_control, &log_decay)"),
    ("held_out_error", "theorems/src/experiments/held_out.rs", "RATES: [f64; 3] = [1.0,", "RATES: [f64; 3] = [1.2,"),
];

/// Every claim has a constant in the table, and what it says to change stands in the sources once.
#[test]
fn the_table_is_of_these_sources() {
    let root = root();
    let mut claims = BTreeSet::new();
    for &(claim, file, from, to) in MUTANTS {
        let text = read_to_string(root.join(file)).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{file}: {from}");
        assert_ne!(from, to);
        claims.insert(claim);
    }
    for claim in REGISTRY {
        assert!(claims.contains(claim.id), "{}: no constant of it is changed", claim.id);
    }
}

#[test]
#[ignore = "takes half an hour to two hours"]
fn every_change_of_a_constant_is_noticed() {
    let root = root();
    let copy = root.join("target/mutations/tree");
    let _ = remove_dir_all(&copy);
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(&root).output().unwrap();
    for file in String::from_utf8(listed.stdout).unwrap().split_terminator('\0') {
        let to = copy.join(file);
        create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(root.join(file), to).unwrap();
    }
    let mut missed = Vec::new();
    for &(claim, file, from, to) in MUTANTS {
        let text = read_to_string(copy.join(file)).unwrap();
        write(copy.join(file), text.replace(from, to)).unwrap();
        // A mutant that does not build says nothing.
        assert!(cargo(&copy, &["--no-run", "--test", "claims"]), "{claim}: {to} does not build");
        let noticed = !cargo(&copy, &["--test", "claims", "--", &format!("{claim}::")]);
        println!("{} {claim}: {to}", if noticed { "noticed" } else { "MISSED " });
        if !noticed {
            missed.push((claim, to));
        }
        write(copy.join(file), text).unwrap();
    }
    println!("{} of {} noticed", MUTANTS.len() - missed.len(), MUTANTS.len());
    assert!(missed.is_empty(), "{missed:#?}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn cargo(folder: &Path, arguments: &[&str]) -> bool {
    let mut command = Command::new(env!("CARGO"));
    command.arg("test").args(arguments).current_dir(folder);
    command.env("CARGO_TARGET_DIR", folder.join("../build")).env("PROPTEST_RNG_SEED", "2206");
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}
