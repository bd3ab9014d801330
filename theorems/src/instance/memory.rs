//! How much memory dense curvature takes, before it is asked for.

use std::fs::read_to_string;

use super::Rejected;

/// Matrices of D×D doubles that a reading holds at once, on every thread that reads: ∇²L, its symmetric part, eigenvectors twice, the
/// decomposition's own, and directions.
const MATRICES: f64 = 8.0;
/// The bytes taken as free if the system does not say.
const USUAL: f64 = 4.0 * GIB;
const GIB: f64 = (1u64 << 30) as f64;

/// Refuses a number of weights whose dense matrices do not fit into memory.
///
/// # Errors
/// [`Rejected::Memory`], with the most that fit.
pub(super) fn check(weights: usize) -> Result<(), Rejected> {
    let threads = rayon::current_num_threads() as f64;
    let of = |weights: f64| MATRICES * threads * 8.0 * weights * weights;
    let (needed, available) = (of(weights as f64), available());
    if needed <= available {
        return Ok(());
    }
    let most = (available / of(1.0)).sqrt() as usize;
    Err(Rejected::Memory { weights, needed: needed / GIB, available: available / GIB, most })
}

/// The bytes that Linux says are free, or the bytes that a control group allows, if these are fewer.
fn available() -> f64 {
    let number = |text: &str| text.split_whitespace().find_map(|word| word.parse::<f64>().ok());
    let free = read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemAvailable"))?;
        Some(1024.0 * number(line)?)
    });
    let allowed = read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| number(&text));
    free.unwrap_or(USUAL).min(allowed.unwrap_or(f64::INFINITY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_with_what_does() {
        assert!(check(10).is_ok());
        let Err(Rejected::Memory { most, .. }) = check(10_000_000) else { panic!("800 terabytes") };
        assert!(check(most).is_ok() || check(most - most / 100).is_ok());
    }
}
