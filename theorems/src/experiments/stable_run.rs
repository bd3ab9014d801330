use sharpflow::measure::worst;

use super::single_steps::StableStep;

/// Gradient descent with weight decay from the stable regime to its end.
#[derive(Debug)]
pub struct StableRun {
    pub intrinsic_lr: f64,
    pub steps: Vec<StableStep>,
    /// Whether the run reached `MOST_STEPS` before η̃ passed the threshold at which the run should end.
    pub stayed: bool,
    /// Whether the run left the smooth piece of a loss with kinks, or met a cusp, before its end. It has the steps before that.
    pub cut: bool,
}

/// How a run left the stable regime of some ε and ρ.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// ρ.
    pub sharpness: f64,
    /// The first step whose η̃ is above (2−ε)/ρ.
    pub step: usize,
    /// η̃ of the start.
    pub first_effective_lr: f64,
    /// L(θ₀) − L there.
    pub fall: f64,
    /// Σ η̃²‖∇L‖² before it.
    pub squares: f64,
    /// min ‖∇L‖² before it.
    pub least_gradient_square: f64,
}

impl StableRun {
    /// How the run left the regime of ε = `margin`, where ρ is `bound` or else the largest sharpness on the run's own segments.
    /// `None` if the run started beyond this regime, or ended at its own ε without leaving this regime.
    pub fn exit(&self, margin: f64, bound: Option<f64>) -> Option<Exit> {
        let mut highest = 0.0f64;
        // The largest sharpness up to where η̃ passes the threshold for it.
        let sharpness = bound.unwrap_or_else(|| {
            for step in &self.steps {
                highest = worst([highest, step.sharpness]);
                if step.effective_lr > (2.0 - margin) / highest {
                    break;
                }
            }
            highest
        });
        let exit = self.steps.iter().position(|step| step.effective_lr > (2.0 - margin) / sharpness);
        // A run that stayed is held to the bounds at its last step. A run that left the regime of its own ε may not have left this one.
        let step = if self.stayed { exit.or(self.steps.len().checked_sub(1)) } else { exit }?;
        let before = self.steps[..step].iter();
        (step > 0).then(|| Exit {
            sharpness,
            step,
            first_effective_lr: self.steps[0].effective_lr,
            fall: self.steps[0].loss - self.steps[step].loss,
            squares: before.clone().map(|s| s.effective_lr.powi(2) * s.gradient_square).sum(),
            least_gradient_square: before.map(|s| s.gradient_square).fold(f64::INFINITY, f64::min),
        })
    }
}
