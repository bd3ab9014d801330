//! The points of a network's instance as named arrays, so that what is measured there can be measured elsewhere.

use sharpflow::arithmetic::norm;
use sharpflow::data::Array;
use sharpflow::network::ops::Op;

use super::{Instance, InstanceLoss, LEARNING_RATE};

impl Instance {
    /// Arrays of a network's instance, each with its name; none of a regression.
    ///
    /// * `gamma.GROUP`: p(θ₀), the point of Γ where the flow starts, a group of weights at a time; all groups together have length 1.
    /// * `direction.GROUP`: v₁ there. `sharpness` and `next_sharpness`: λ₁ and λ₂ there.
    /// * `weights.GROUP`: w₀ of the first run of the ladder, where there are runs; `theta.GROUP`: w₀/‖w₀‖. Its `learning_rate` η and
    ///   `intrinsic_lr` ηλ.
    /// * `constants.NAME`: the data.
    pub fn arrays(&self) -> Vec<(String, Array)> {
        let InstanceLoss::Network(trained) = &self.loss else { return vec![] };
        let network = &trained.network;
        let mut arrays = vec![];
        let mut point = |name: &str, values: &[f64]| {
            for group in network.groups() {
                let (shape, values) = (group.shape.axes().to_vec(), values[group.range].to_vec());
                arrays.push((format!("{name}.{}", group.name), Array { shape, values }));
            }
        };
        point("gamma", &self.start);
        point("direction", &self.geometry.direction);
        let mut numbers =
            vec![("sharpness", self.geometry.sharpness), ("next_sharpness", self.geometry.next_sharpness)];
        if let Some(&intrinsic_lr) = self.plan.intrinsic_lrs.first() {
            let weights = self.weights(intrinsic_lr, 0);
            let length = norm(&weights);
            point("weights", &weights);
            point("theta", &weights.iter().map(|w| w / length).collect::<Vec<_>>());
            numbers.extend([("learning_rate", LEARNING_RATE), ("intrinsic_lr", intrinsic_lr)]);
        }
        let number = |(name, value): (&str, f64)| (name.to_owned(), Array { shape: vec![], values: vec![value] });
        arrays.extend(numbers.into_iter().map(number));
        for node in network.nodes() {
            if let Op::Constant(constant) = &node.op {
                let (shape, values) = (constant.shape.axes().to_vec(), constant.values.to_vec());
                arrays.push((format!("constants.{}", node.name), Array { shape, values }));
            }
        }
        arrays
    }
}
