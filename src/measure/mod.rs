//! What a run shows: where it is relative to Γ and the flow, how it oscillates, orders and means with intervals.

mod oscillation;
mod statistics;
mod tracker;

pub use oscillation::{Oscillation, OscillationSummary, slow_period};
pub use statistics::{
    ErrorModel, Interval, LadderPoint, OrderFit, StatisticsError, fit_order, mean, null_is_nan, worst,
};
pub use tracker::{Reading, Tracker};
