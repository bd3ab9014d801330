//! Whether data can tell a wrong twin from the law. It is asked of predictions alone, before the data are looked at.

/// Whether data tell two predictions from one another that lie `apart`, where they resolve differences of `resolved`.
///
/// NaN tells nothing.
pub(crate) fn tells(apart: f64, resolved: f64) -> bool {
    apart >= resolved
}
