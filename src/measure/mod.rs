//! Measurements of a run: where it stands relative to Γ, its oscillation, and orders with intervals.
//!
//! A run at the edge of stability swings about its nearest point p on Γ: h = ⟨θ − p, v₁⟩ changes sign at every step, and δ = η̃λ₁(p) − 2
//! swings with the period π/√(2ηλ) while h is small. What vanishes with ηλ is told from what does not by the order of its errors on a ladder of ηλ,
//! with deterministic bounds; values of drawn seeds have a Student interval.
//!
//! ```
//! use sharpflow::measure::{LadderPoint, fit_order, slow_period};
//!
//! // Eight starts, a phase of the oscillation each, with errors (3 + sin φ)√x(1 + x).
//! let error = |start: usize, x: f64| (3.0 + (start as f64 * 0.7854).sin()) * x.sqrt() * (1.0 + x);
//! let rung = |x: f64| [0, 1, 2, 3, 4, 5, 6, 7].map(|start| LadderPoint::new(start, x, error(start, x)));
//! let ladder = [1e-3, 1e-4, 1e-5, 1e-6].map(rung);
//! let fit = fit_order(ladder.as_flattened(), 1e-3, 1e-12)?;
//! assert!(fit.order.contains(0.5) && fit.order.half_width < 3e-2);
//! assert!((slow_period(2e-4) - std::f64::consts::PI / 0.02).abs() < 1e-9);
//! # Ok::<(), sharpflow::measure::StatisticsError>(())
//! ```

mod order;
mod oscillation;
mod statistics;
mod tracker;

pub use order::{LadderPoint, OrderFit, fit_order, missed_peak};
pub use oscillation::{Oscillation, OscillationSummary, slow_period};
pub use statistics::{Interval, StatisticsError, limit, mean, null_is_nan, worst};
pub use tracker::{Reading, Tracker};
