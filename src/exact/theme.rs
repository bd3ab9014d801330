/// What a group of laws is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Two steps to leading order.
    Map,
    /// G by two routes.
    GradientOfSharpness,
    /// Two steps to second order.
    SecondOrder,
    /// κ.
    EnergyRate,
    /// Two steps and κ of scalar RMSprop, on the sphere and without it.
    ScalarRmsprop,
    /// Two steps and κ under heavy-ball momentum.
    HeavyBall,
    /// Two equal eigenvalues.
    TwoEigenvalues,
}
