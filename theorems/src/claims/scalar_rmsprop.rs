//! Scalar RMSprop, on the sphere and without it, and its flow.

use std::any::Any;

use sharpflow::descent::{Optimizer, Rmsprop};
use sharpflow::flow::FlowConstants;

use crate::assumption::AT_THE_EDGE;
use crate::checks::follows;
use crate::evidence::{Measurement, Strength};
use crate::experiment::{Judged, NotJudged, On};
use crate::experiments::{DynamicsRecord, OtherDynamics, OtherRun, name_on, of_dynamics};
use crate::fit::fitted_dynamics;
use crate::instance::Instance;
use crate::theorem::{Concerns, PAPER, Theorem};

pub(crate) static THEOREM: Theorem = Theorem {
    id: "scalar_rmsprop",
    title: "Scalar RMSprop",
    strength: Strength::Limit,
    statement: "With θ' = Π(θ - η∇L/√v), v' = βv + (1-β)‖∇L‖², β = 1 - C_b η², the iterates near Γ and at the edge follow \
                dζ/dτ = -C_b G/(2(2C_b + ‖G‖²)), G = ∇_Γ log λ₁, one step lasting η²; so they do without Π where the loss is not \
                scale-invariant",
    latex: r"\frac{d\zeta}{d\tau}=-\frac{C_b\nabla_\Gamma\log\lambda_1}{2\,(2C_b+\|\nabla_\Gamma\log\lambda_1\|^2)},\quad\tau=t\eta^2",
    hypotheses: AT_THE_EDGE,
    source: PAPER,
    coefficients: Some("exact_scalar_rmsprop"),
    concerns: Concerns::Every,
    judged_on: &[&On::<OtherDynamics>(judge)],
};

fn judge((instance, record): (&Instance, &DynamicsRecord)) -> Judged {
    if !(record.optimizer as &dyn Any).is::<Rmsprop>() {
        return Err(NotJudged::Unconcerned);
    }
    record.has_runs(instance)?;
    let on = (instance, record);
    let law = record.optimizer.flow();
    let point: fn(&OtherRun, usize) -> &[f64] = |run, k| &run.points[k];
    let twins = [
        ("-C_b G/(2C_b + ‖G‖²)", FlowConstants { numerator: 2.0 * law.numerator, ..law }),
        ("-C_b G/(4(2C_b + ‖G‖²))", FlowConstants { numerator: 0.5 * law.numerator, ..law }),
        ("-C_b G/(2(C_b + ‖G‖²))", FlowConstants { offset: 0.5 * law.offset, ..law }),
        ("-C_b G/(2(4C_b + ‖G‖²))", FlowConstants { offset: 2.0 * law.offset, ..law }),
        ("-C_b G/(2(2C_b + 2‖G‖²))", FlowConstants { slope: 2.0, ..law }),
        ("the flow of C_b = 2", Rmsprop { decay: 2.0 }.flow()),
        ("sign flipped", FlowConstants { numerator: -law.numerator, ..law }),
    ];
    let told = twins.into_iter().filter(|&(_, twin)| record.tells(instance, twin));
    Ok(Measurement {
        instance: name_on(record.optimizer, instance),
        hypotheses: of_dynamics(instance, record),
        statements: vec![follows("raw iterate", on, law, |run, k| &run.thetas[k])],
        twins: told.map(|(what, twin)| follows(what, on, twin, point)).collect(),
        // The nearest twin has half of a constant.
        constants: fitted_dynamics(instance, record, 0.5),
        sensitivity: vec![],
    })
}
