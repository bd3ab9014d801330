//! All claims, in the order of the theory.

use crate::theorem::Theorem;

macro_rules! registry {
    ($($claim:ident)*) => {
        const NAMES: &[&str] = &[$(stringify!($claim)),*];

        /// The claims in the order of the theory.
        pub static REGISTRY: [&Theorem; NAMES.len()] = [$(&crate::claims::$claim::THEOREM),*];
    };
}

crate::claims!(registry);

/// The claim of this name.
pub fn find(id: &str) -> Option<&'static Theorem> {
    REGISTRY.into_iter().find(|theorem| theorem.id == id)
}
