//! The laws of the edge of stability, proved as identities between power series over prime fields.

mod count;
mod crossing;
mod laws;
mod matrix;
mod minimum;
mod points;
mod polynomial;
mod rules;
mod trials;
mod universal;

pub use crossing::{Eigenplane, two_eigenvalues};
pub use laws::{Draw, Law, Quantities, Site};
pub use matrix::{characteristic_polynomial, inverse, kernel, rank, solve};
pub use minimum::{Eigenpair, Minimum};
pub use points::MOST_ROOTS;
pub use polynomial::Polynomial;
pub use rules::{Edge, GradientDescent, HeavyBall, Rule, ScalarRmsprop};
pub use trials::{LawTrial, LawTrials, MOST_WEIGHTS, Theme, all_losses, try_all_losses, try_network};
pub use universal::UniversalLoss;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arithmetic::{Field, FirstField as F};
    use crate::data::{Stream, generator};
    use rand::Rng;

    fn report(name: &str, law: &Law<F>) {
        let twins: Vec<_> = law.twins.iter().filter(|t| t.1 == law.found).map(|t| t.0).collect();
        println!(
            "{} {name}: {} twins ok {}",
            if law.holds() { "OK  " } else { "FAIL" },
            law.what,
            if twins.is_empty() { "yes".into() } else { format!("{twins:?}") }
        );
        if !law.holds() {
            println!("   found {:?}\n   stated {:?}", law.found, law.stated);
        }
    }

    #[test]
    fn prototype() {
        for (dimension, rank) in [(4, 2), (5, 3)] {
            let mut random = generator(1, Stream::Test);
            let (loss, value) = UniversalLoss::<F>::draw(dimension, rank, 1, &mut random).unwrap();
            let minimum = Minimum::new(&loss, loss.minimum().to_vec()).unwrap();
            let pair = minimum.eigenpair(value).unwrap();
            assert_eq!(minimum.rank, rank);
            let mut element = || F::from_integer(random.next_u64());
            let draw = Draw {
                swing: element(),
                offset: element(),
                lasts: element(),
                normal: (0..dimension).map(|_| element()).collect(),
            };
            let site = Site { loss: &loss, minimum: &minimum, pair: &pair };
            let q = Quantities::new(&loss, &minimum, &pair, &crate::sphere::Space::Sphere);
            let flat = Quantities::new(&loss, &minimum, &pair, &crate::sphere::Space::Euclidean);
            report("gd", &site.gradient_of_sharpness(&q, &draw.normal));
            for law in site.leading_map(&GradientDescent, &q, &draw) {
                report("gd", &law);
            }
            for law in site.second_order(&q, &draw) {
                report("gd", &law);
            }
            report("gd", &site.energy_rate(&GradientDescent, &q, (&draw, true)));
            report("gd control", &site.energy_rate(&GradientDescent, &q, (&draw, false)));
            let rms = ScalarRmsprop { decay: element(), on_sphere: true };
            for law in site.leading_map(&rms, &q, &draw) {
                report("rms", &law);
            }
            report("rms", &site.energy_rate(&rms, &q, (&draw, true)));
            let rms = ScalarRmsprop { decay: element(), on_sphere: false };
            for law in site.leading_map(&rms, &flat, &draw) {
                report("rms flat", &law);
            }
            report("rms flat", &site.energy_rate(&rms, &flat, (&draw, true)));
            let ball = HeavyBall { momentum: element(), quartic: q.quartic, is_slaved: true };
            for law in site.leading_map(&ball, &q, &draw) {
                report("ball", &law);
            }
            report("ball", &site.energy_rate(&ball, &q, (&draw, true)));
            let ball = HeavyBall { is_slaved: false, ..ball };
            for law in site.leading_map(&ball, &q, &draw) {
                report("ball control", &law);
            }
        }
    }
}
