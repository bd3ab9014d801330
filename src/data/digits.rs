use faer::Mat;
use rand::seq::SliceRandom;

use super::{DataError, Dataset, Stream, generator};

const CSV: &str = include_str!("../../data/digits.csv");
const PIXELS: usize = 64;

/// Two classes of the built-in handwritten digits (8×8 pixels, 0 to 16) as a regression on targets ±1.
#[derive(Clone, Debug)]
pub struct Digits {
    images: Vec<([f64; PIXELS], f64)>,
}

/// Images drawn for training, and all the others.
#[derive(Clone, Debug)]
pub struct DigitsSplit {
    pub training: Dataset,
    pub held_out: Dataset,
}

impl Digits {
    /// All images of the two classes, the first with target +1, the second with −1.
    pub fn pair(positive: u8, negative: u8) -> Self {
        let images = CSV.lines().skip(1).filter_map(|line| {
            let mut image = [0.0; PIXELS];
            let mut fields = line.split(',').map(|field| field.trim().parse::<u8>());
            for pixel in &mut image {
                *pixel = fields.next()?.ok()?.into();
            }
            match fields.next()?.ok()? {
                digit if digit == positive => Some((image, 1.0)),
                digit if digit == negative => Some((image, -1.0)),
                _ => None,
            }
        });
        Self { images: images.collect() }
    }

    /// How many images the two classes have.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Whether neither class has an image.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Draws `n` training images by the seed and holds out the rest.
    ///
    /// # Errors
    /// [`DataError::BadSplit`] unless 3 ≤ n < [`Digits::len`].
    pub fn split(&self, n: usize, seed: u64) -> Result<DigitsSplit, DataError> {
        if n < 3 || n >= self.len() {
            return Err(DataError::BadSplit { asked: n, available: self.len() });
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.shuffle(&mut generator(seed, Stream::Data));
        let take = |chosen: &[usize]| {
            Dataset::new(
                Mat::from_fn(chosen.len(), PIXELS, |i, j| self.images[chosen[i]].0[j]),
                chosen.iter().map(|&i| self.images[i].1).collect(),
            )
        };
        Ok(DigitsSplit { training: take(&order[..n]), held_out: take(&order[n..]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts of the source's own documentation: 183 threes and 174 eights among 1797 images.
    #[test]
    fn every_image_of_the_file_is_read() {
        assert_eq!(CSV.lines().count(), 1798);
        let digits = Digits::pair(3, 8);
        let threes = digits.images.iter().filter(|(_, y)| *y == 1.0).count();
        assert_eq!((threes, digits.len() - threes), (183, 174));
    }

    #[test]
    fn a_split_is_a_partition_that_its_seed_repeats() {
        let digits = Digits::pair(3, 8);
        let split = digits.split(30, 7).unwrap();
        assert_eq!(split.training.targets.len(), 30);
        assert_eq!(split.held_out.targets.len(), digits.len() - 30);
        let again = digits.split(30, 7).unwrap();
        assert_eq!(split.training.features, again.training.features);
        assert!(matches!(digits.split(357, 7), Err(DataError::BadSplit { available: 357, .. })));
    }
}
