//! What is enclosed of a loss over the whole sphere.

use crate::common::{cases, normal_vector};
use proptest::prelude::*;
use sharpflow::arithmetic::Enclosure;
use sharpflow::enclosure::{EnclosureError, SphereBounds, largest_sharpness};
use sharpflow::loss::Derivatives;
use sharpflow::network::{Fault, Network, NetworkError, NetworkLoss};
use sharpflow::network_file::zoo::find;
use sharpflow::sharpness::{HessianKind, spherical_sharpness};
use sharpflow::sphere::project;

proptest! {
    #![proptest_config(cases(2))]

    /// Against values at random points, which a maximum may not exceed; at its own place it comes close.
    #[test]
    fn no_sampled_value_is_above_what_is_enclosed(seed in any::<u64>()) {
        let network = find("circle").unwrap().network(&[]).unwrap().with_data_of(seed).unwrap();
        let bounds = SphereBounds::new(&NetworkLoss::<Enclosure>::new(&network).unwrap()).unwrap();
        let loss = NetworkLoss::<f64>::new(&network).unwrap();
        let mut derivatives = Derivatives::new(&loss);
        for k in 0..200u64 {
            let mut theta = normal_vector(3, seed.wrapping_add(k));
            project(&mut theta);
            for (kind, maximum) in
                [(HessianKind::Euclidean, &bounds.sharpness), (HessianKind::Tangential, &bounds.tangential_sharpness)]
            {
                let here = spherical_sharpness(&mut derivatives, &theta, kind).unwrap().value;
                prop_assert!(here <= maximum.upper, "{kind:?}: {here} above {}", maximum.upper);
                let mut place = maximum.place.clone();
                project(&mut place);
                let there = spherical_sharpness(&mut derivatives, &place, kind).unwrap().value;
                prop_assert!(there >= maximum.lower - 1e-9 * maximum.upper && there <= maximum.upper);
            }
            let value = derivatives.gradient(&theta).0;
            prop_assert!(value <= bounds.largest_loss.upper && -value <= bounds.least_loss.upper);
        }
    }
}

/// A kink at an interval around 0 has no one slope: such a network is refused, not bounded wrongly.
#[test]
fn what_asks_for_a_sign_is_refused() {
    let text = find("batch_norm").unwrap().toml.replace("algebraic_sigmoid", "relu");
    let network = Network::from_toml(&text, &[]).unwrap();
    let refused = NetworkLoss::<Enclosure>::new(&network).map(|_| ());
    assert!(matches!(refused, Err(NetworkError::Node { fault: Fault::Sign { op: "relu" }, .. })), "{refused:?}");
}

/// Where a normalization divides by 0 no ρ bounds the sharpness, and none is given.
#[test]
fn a_singular_loss_has_no_bound() {
    let sizes = [("side", 2), ("entries", 4), ("rank", 1), ("every", 1)];
    let network = find("matrix_completion").unwrap().network(&sizes).unwrap();
    let loss = NetworkLoss::<Enclosure>::new(&network).unwrap();
    assert_eq!(largest_sharpness(&loss, HessianKind::Euclidean), Err(EnclosureError::Unbounded));
}
