use crate::judging::measured;
use sharpflow::data::Dataset;
use sharpflow::descent::EdgeConstants;
use sharpflow_theorems::evidence::Check;
use sharpflow_theorems::experiments::{ENERGIES, ShortRun, SwingRecord};
use sharpflow_theorems::instance::Instance;
use sharpflow_theorems::progress::Progress;

/// What a period may miss: twice |δ|'s largest value relative to 2, what κ changes of the energy in it, and the interpolation.
#[test]
fn a_period_is_held_to_the_bound_of_the_note() {
    let instance = Instance::new("random".into(), &Dataset::random(8, 12, 3), 1.1, 3).unwrap();
    let record = SwingRecord::new(&instance, &Progress::default()).unwrap();
    let found = measured("slow_period", 0, std::slice::from_ref(&instance)).remove(0);
    let Check::Bound { ratios, .. } = &found.statements[0].check else { panic!("no bound") };
    let small: Vec<&ShortRun> = record.swings.iter().filter(|run| run.energy == ENERGIES[0]).collect();
    assert_eq!(ratios.len(), small.len());
    for (ratio, run) in ratios.iter().zip(small) {
        let lr = run.intrinsic_lr;
        // The period of an oscillation of e = 0.1, as x″ = 4ηλ(1 − e^{2x}) has it by small steps.
        let (mut x, mut speed, mut time, dt) = (-(0.1f64.sqrt()), 0.0, 0.0, 1e-4);
        for _ in 0..60 {
            x -= (-x + 0.5 * (2.0 * x).exp_m1() - 0.1) / (2.0 * x).exp_m1();
        }
        loop {
            let before: f64 = speed;
            speed -= 0.5 * dt * 4.0 * (2.0 * x).exp_m1();
            x += dt * speed;
            speed -= 0.5 * dt * 4.0 * (2.0 * x).exp_m1();
            time += dt;
            if before < 0.0 && speed >= 0.0 {
                time -= dt * speed / (speed - before);
                break;
            }
        }
        let period = time / lr.sqrt();
        let bound = 2.0 * (8.0 * lr * 0.1).sqrt()
            + EdgeConstants::GRADIENT_DESCENT.energy_rate(&instance.path[0].law).abs() * lr * period
            + 1e-6;
        let expected = (run.period() / period - 1.0).abs() / bound;
        // The period by leaps errs by (ωdt)²/24 of itself, ω² = 8: 3·10⁻⁹.
        assert!((ratio - expected).abs() < 1e-8 / bound + 1e-8 * expected, "{ratio} {expected}");
    }
}
