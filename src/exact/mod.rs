//! The laws of the edge of stability, exactly: as identities between coefficients of power series over a prime field.
//!
//! Near the edge everything small is a power series in ε: the oscillation h and the offset δ begin with ε, ηλ is σε². Two steps are calculated in
//! these series from a random point of Γ, and the laws say what their coefficients are. Both sides are algebraic, so that a law that holds at random points of a prime
//! field holds everywhere, up to an accident whose probability is bounded ([`LawTrials::log2_accident`]). No run, no fit, no tolerance is there.
//! What this proves, and what it does not, is said in `proofs-notes/exact_map.md`.
//!
//! By hand, in numbers that one can follow, modulo 10007 on L = z²(r² + 20x²)/(2r⁴), r² = x² + y² + z²:
//!
//! ```
//! use sharpflow::arithmetic::{Field, PrimeField};
//! use sharpflow::exact::{Draw, GradientDescent, Minimum, Quantities, Site};
//! use sharpflow::{network::NetworkLoss, network_file::zoo::find};
//!
//! type F = PrimeField<10007>;
//! let n = F::from_integer;
//! // The built-in loss has a cubic and a quartic term besides, which are 0 here.
//! let network = find("circle").ok_or("no such loss")?.exact()?;
//! let loss = NetworkLoss::<F>::with_constants(&network, |_| n(0))?;
//!
//! // At w = (3, 4, 0), r = 5, the loss is at its least. ∇²L(w) has one entry, along z: (r² + 20·3²)/r⁴ = 205/625 = 41/125.
//! let minimum = Minimum::new(&loss, vec![n(3), n(4), n(0)]).ok_or("no minimum")?;
//! let value = n(41) / n(125);
//! assert_eq!(minimum.hessian[(2, 2)], value);
//! let pair = minimum.eigenpair(value).ok_or("no eigenvalue")?;
//! assert_eq!(pair.vector, [n(0), n(0), n(1)]);
//!
//! // λ₁ = 1 + 20cos²φ with cos φ = 3/5 is 41/5, and d log λ₁/dφ = −40·(3/5)(4/5)/λ₁ = −96/41: so ‖G‖² = 9216/1681.
//! let quantities = Quantities::new(&loss, &minimum, &pair, true);
//! assert_eq!(quantities.log_gradient_square, n(9216) / n(1681));
//!
//! // Two steps from w + 2εv with δ = 3ε and ηλ = ε²: h² is 4ε²/25.
//! let draw = Draw { swing: n(2), offset: n(3), lasts: n(1), normal: vec![n(0); 3] };
//! let laws = Site { loss: &loss, minimum: &minimum, pair: &pair }.leading_map(&GradientDescent, &quantities, &draw);
//! assert!(laws.iter().all(|law| law.holds()));
//! // δ changes by 8 − 4(4 + 9216/1681)·4/25 = 16232/8405 times ε², which is 3388 modulo 10007.
//! assert_eq!(laws[1].found, [n(16232) / n(8405)]);
//! assert_eq!(laws[1].found[0].to_integer(), 3388);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod accident;
mod count;
mod crossing;
mod laws;
mod matrix;
mod minimum;
mod points;
mod polynomial;
mod quantities;
mod rules;
mod sources;
mod theme;
mod trials;
mod universal;

pub use crossing::Eigenplane;
pub use laws::Site;
pub use matrix::{characteristic_polynomial, inverse, kernel, rank, solve};
pub use minimum::{Eigenpair, Minimum};
pub use points::MOST_ROOTS;
pub use polynomial::Polynomial;
pub use quantities::{Draw, Law, Quantities};
pub use rules::{Edge, GradientDescent, HeavyBall, Rule, ScalarRmsprop};
pub use theme::Theme;
pub use trials::{
    LawTrial, LawTrials, MOST_WEIGHTS, all_losses, try_all_losses_in_both_fields, try_network_in_both_fields,
};
pub use universal::UniversalLoss;
