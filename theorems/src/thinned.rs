//! Long series in bounded memory.

/// The first, and then every so-many-th of a series: when there are more than fit, every second one is dropped, again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Thinned<T> {
    kept: Vec<T>,
    most: usize,
    every: u64,
    seen: u64,
}

impl<T> Thinned<T> {
    /// An empty series of which at most so many are kept.
    pub fn new(most: usize) -> Self {
        Self { kept: vec![], most, every: 1, seen: 0 }
    }

    /// Takes one in.
    pub fn add(&mut self, one: T) {
        if self.seen.is_multiple_of(self.every) {
            if self.kept.len() == self.most {
                let mut keep = false;
                self.kept.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.every *= 2;
            }
            if self.seen.is_multiple_of(self.every) {
                self.kept.push(one);
            }
        }
        self.seen += 1;
    }

    /// Those that were kept, in their order.
    pub fn kept(&self) -> &[T] {
        &self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_series_keeps_its_shape() {
        let mut series = Thinned::new(2048);
        (0..1_000_000u64).for_each(|step| series.add(step));
        assert!((1024..=2048).contains(&series.kept().len()));
        assert!(series.kept().windows(2).all(|pair| pair[1] - pair[0] == series.every));
        assert!(series.kept().last().is_some_and(|last| last + series.every >= 1_000_000));
    }
}
