//! The claims of the theory of sharpness reduction as values, and their judgement on instances.
//!
//! Data go one way: an [`instance`] is drawn from a [`population`]; the [`experiments`] make records of its runs; a claim turns records into
//! [`evidence::Measurement`]s; [`verdict`] decides them; [`runner`] does so for all claims; [`evidence`] is kept in a folder.
//!
//! A claim is one file in `claims/`, one line in the [`registry`] and one note in `proofs-notes/`, all of one name.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod assumption;
pub mod audit;
mod checks;
mod claims;
pub mod derivatives;
pub mod evidence;
pub mod experiment;
pub mod experiments;
mod fit;
pub mod inspect;
pub mod instance;
pub mod judging;
pub mod population;
pub mod progress;
pub mod registry;
pub mod runner;
mod sensitivity;
pub mod theorem;
pub mod thinned;
pub mod trace;
pub mod verdict;
