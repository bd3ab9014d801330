//! Architectures to start from: each a small network file beside this one, scale-invariant and interpolating.

use super::FileError;
use crate::network::Network;

/// A built-in architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// Its name, that of its file.
    pub name: &'static str,
    /// The file.
    pub toml: &'static str,
    /// Sizes at which few roots are taken, for exact arithmetic.
    small: &'static [(&'static str, usize)],
}

impl Architecture {
    /// The network, with other values for some of its named sizes.
    ///
    /// # Errors
    /// A size that the file does not name or that does not fit.
    pub fn network(&self, sizes: &[(&str, usize)]) -> Result<Network, FileError> {
        Network::from_toml(self.toml, sizes)
    }

    /// The network at sizes where exact arithmetic meets at most ten roots, all its functions rational.
    ///
    /// # Errors
    /// None, if the sizes kept here fit the file.
    pub fn exact(&self) -> Result<Network, FileError> {
        self.network(self.small).map(|network| network.with_rational_activations())
    }

    /// The same with four samples, where that takes few roots: with three, ∇²L has rank 1 at a minimum of most architectures.
    ///
    /// # Errors
    /// None, if the sizes kept here fit the file.
    pub fn exact_of_rank_two(&self) -> Result<Network, FileError> {
        const FEW_ROOTS: usize = 5;
        let sizes: Vec<_> = self.small.iter().map(|&(n, size)| (n, if n == "samples" { 4 } else { size })).collect();
        let network = self.network(&sizes)?.with_rational_activations();
        if network.complexity().roots <= FEW_ROOTS { Ok(network) } else { self.exact() }
    }
}

/// The architecture of a name.
pub fn find(name: &str) -> Option<Architecture> {
    ZOO.into_iter().find(|architecture| architecture.name == name)
}

macro_rules! architecture {
    ($name:literal, [$($size:literal = $value:literal),*]) => {
        Architecture {
            name: $name,
            toml: include_str!(concat!($name, ".toml")),
            small: &[$(($size, $value)),*],
        }
    };
}

/// Every architecture.
pub const ZOO: [Architecture; 15] = [
    architecture!("linear_regression", []),
    architecture!("circle", []),
    architecture!("matrix_completion", ["side" = 3, "entries" = 9, "rank" = 1, "every" = 2]),
    architecture!("batch_norm", ["samples" = 4, "features" = 2, "width" = 3]),
    architecture!("deep_batch_norm", ["samples" = 4, "features" = 2, "width" = 2]),
    architecture!("layer_norm", ["samples" = 3, "features" = 2, "width" = 3]),
    architecture!("deep_layer_norm", ["samples" = 3, "features" = 2, "width" = 3]),
    architecture!("group_norm", ["samples" = 3, "features" = 2]),
    architecture!("rms_norm", ["samples" = 3, "features" = 2, "width" = 2]),
    architecture!("deep_rms_norm", ["samples" = 3, "features" = 2, "width" = 2]),
    architecture!("weight_norm", ["samples" = 4, "features" = 2, "width" = 3]),
    architecture!("deep_weight_norm", ["samples" = 4, "features" = 2, "width" = 2]),
    architecture!("weight_standardization", ["samples" = 4, "features" = 3, "width" = 3]),
    architecture!(
        "convolution",
        ["samples" = 3, "height" = 3, "length" = 3, "channels" = 1, "filters" = 2, "patch" = 4, "pooled" = 2]
    ),
    architecture!("attention", ["samples" = 3, "tokens" = 2, "queried" = 1, "features" = 2, "width" = 2, "flat" = 2]),
];
