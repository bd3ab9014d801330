//! Sharpness-reduction flow of normalized networks: the objects of the theory, over any float.
//!
//! K. Lyu, Z. Li and S. Arora (*Understanding the Generalization Benefit of Normalization Layers: Sharpness Reduction*,
//! NeurIPS 2022, arXiv:2206.07085) prove that gradient descent with weight decay on a scale-invariant loss, once at the
//! edge of stability, follows the flow dζ/dτ = −2∇_Γ log λ₁ / (4 + ‖∇_Γ log λ₁‖²) along its manifold of minimizers Γ.
//!
//! The modules stand in the order in which they may use one another:
//!
//! * [`arithmetic`] — scalars: floats, double-double, Taylor jets;
//! * [`sphere`] — projection on the sphere and its tangent space;
//! * [`dense`] — eigenvalues and singular values (faer);
//! * [`krylov`] — the largest eigenvalues of an operator known by its products (faer);
//! * [`data`] — the data sets: digits, CSV, seeded random draws;
//! * [`loss`] — scale-invariant losses and every derivative of them;
//! * [`network`] — losses as data: a graph that is read, evaluated and differentiated;
//! * [`sharpness`] — spherical sharpness, in both senses it has off Γ;
//! * [`enclosure`] — rigorous bounds of loss and sharpness over the whole sphere;
//! * [`minimizers`] — Γ: its nearest point, its sharpness, ∇_Γ log λ₁;
//! * [`flow`] — the sharpness-reduction flow (ode_solvers) and its closed form;
//! * [`descent`] — gradient descent with weight decay, projected gradient descent, starts at the edge of stability;
//! * [`network_file`] — networks from files (TOML, ONNX), and the built-in ones;
//! * [`identities`] — the exact identities of the theory, tried in prime fields;
//! * [`exact`] — the laws at the edge of stability, proved modulo primes;
//! * [`measure`] — what a run shows: tracking of the flow, oscillation, orders with intervals;
//! * [`checker`] — the check of an orbit's certificate, which uses nothing but intervals;
//! * [`certificate`] — orbits and flows enclosed in intervals, and certificates that are found in doubles.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod arithmetic;
pub mod certificate;
pub mod checker;
#[cfg(test)]
mod damage;
pub mod data;
pub mod dense;
pub mod descent;
pub mod enclosure;
mod error;
pub mod exact;
pub mod flow;
pub mod identities;
pub mod krylov;
pub mod loss;
pub mod measure;
pub mod minimizers;
pub mod network;
pub mod network_file;
pub mod sharpness;
pub mod sphere;
mod text;

pub use error::Error;

/// The README's example, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The guide's example, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../docs/architectures.md")]
struct Guide;
