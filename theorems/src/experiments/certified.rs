use faer::Mat;
use rayon::prelude::*;
use sharpflow::arithmetic::{Base, Enclosure, Scalar};
use sharpflow::certificate::{Certificate, CertificateError, FlowLine, OTHER_FLOWS, Tube, certify};
use sharpflow::data::Dataset;
use sharpflow::descent::EdgeStart;
use sharpflow::flow::FlowConstants;
use sharpflow::loss::LinearRegression;
use sharpflow::minimizers::{Geometry, LinearRegressionMinimizers, Minimizers, NumericMinimizers};
use sharpflow::network::homogeneity::Answer;
use sharpflow::network::{Network, NetworkLoss};
use sharpflow::network_file::zoo::find;

use crate::assumption::Assumption;
use crate::evidence::{Check, Constant, Hypothesis, Name, Statement, Table, Values};
use crate::experiment::{Experiment, NotRun, Readers};
use crate::instance::Rejected;
use crate::population::Population;
use crate::progress::Progress;
use crate::sensitivity::tells;

/// The ηλ of orbits: 2⁻¹⁰ to 2⁻¹³. They are powers of 2, so that 1 − ηλ is exact.
const EXPONENTS: std::ops::RangeInclusive<i32> = 10..=13;

const LAW: FlowConstants = FlowConstants::SHARPNESS_REDUCTION;

/// A twin is tried where it is predicted to be this many √(ηλ) from the law: one for the statement's own bound, one for the orbit's swing, and one to spare.
const TELLS: f64 = 3.0;

/// Places of the law's line, evenly spaced in τ, at which twins are predicted.
const PLACES: usize = 9;

/// An orbit of gradient descent with weight decay in real numbers, at one ηλ.
#[derive(Debug)]
pub struct CertifiedOrbit {
    pub name: String,
    /// Whether the loss is proved scale-invariant.
    pub is_scale_invariant: bool,
    pub intrinsic_lr: f64,
    pub steps: u64,
    /// δ of the start.
    pub edge_offset: f64,
    /// The other flows that it was compared with.
    pub others: Vec<(&'static str, FlowConstants)>,
    /// The law's line at evenly spaced times, in doubles.
    pub path: Vec<LinePlace>,
    pub certificate: Result<Certificate, CertificateError>,
}

/// What stands at a place of the law's line.
#[derive(Clone, Copy, Debug)]
pub struct LinePlace {
    /// λ₁, in units of that at the start.
    pub sharpness: f64,
    /// ‖G‖².
    pub log_gradient_square: f64,
}

/// A number of a certificate that is shown, and what it is.
type Shown<'a> = (&'static str, &'a dyn Fn(&Certificate) -> f64);

impl CertifiedOrbit {
    /// Whether a twin is predicted to be so far from the law that the orbit's bounds can tell it.
    pub(crate) fn tells(&self, apart: f64) -> bool {
        tells(apart, TELLS * self.intrinsic_lr.sqrt())
    }

    /// A quantity that is stated to be √(ηλ) at most, over √(ηλ); or why it is not known.
    pub(crate) fn over_root(&self, of: impl Fn(&Certificate) -> Enclosure) -> Result<Enclosure, String> {
        let root = Enclosure::from_f64(self.intrinsic_lr).sqrt();
        self.certificate.as_ref().map(|found| of(found) / root).map_err(CertificateError::to_string)
    }

    /// The statement that a quantity is √(ηλ) at most. It must hold for the upper bound; bounds that hold √(ηλ) decide nothing.
    pub(crate) fn within_root(&self, what: &'static str, of: impl Fn(&Certificate) -> Enclosure) -> Statement {
        let check = match self.over_root(of) {
            Ok(Enclosure { lower, upper }) if lower <= 1.0 && upper > 1.0 => Check::Missing {
                reason: format!("its bounds, {lower:.4} and {upper:.4} times √(ηλ), hold √(ηλ)"),
            },
            Ok(ratio) => Check::bound([ratio.upper]),
            Err(reason) => Check::Missing { reason },
        };
        Statement { what: what.into(), check }
    }

    /// A twin's statement that a quantity is √(ηλ) at most. It is refuted where the lower bound is larger.
    pub(crate) fn twin(&self, what: impl Into<Name>, of: impl Fn(&Certificate) -> Enclosure) -> Statement {
        let check = match self.over_root(of) {
            Ok(ratio) => Check::bound([ratio.lower]),
            Err(reason) => Check::Missing { reason },
        };
        Statement { what: what.into(), check }
    }

    /// The numbers that every claim on the orbit shows.
    pub(crate) fn constants(&self, shown: &[Shown<'_>]) -> Vec<Constant> {
        let own: [Shown<'_>; 2] =
            [("radius of the enclosed orbit over ‖w‖", &|found| found.radius), ("steps", &|_| self.steps as f64)];
        let of = |&(what, read): &Shown<'_>| Constant {
            what: what.into(),
            values: Values::Computed { value: self.certificate.as_ref().map_or(f64::NAN, read) },
        };
        shown.iter().chain(&own).map(of).collect()
    }
}

/// A loss whose flow has a closed form, a point of its Γ, and how far the flow is followed.
struct Source {
    name: &'static str,
    network: Network,
    /// Whether all constants of the network are 0.
    is_even: bool,
    /// Rows and targets of a regression.
    regression: Option<(Vec<Vec<f64>>, Vec<f64>)>,
    point: Vec<f64>,
    horizon: f64,
}

impl Source {
    /// z²(r² + 20x²)/(2r⁴), from cos²φ = 0.93.
    fn circle() -> Result<Self, Rejected> {
        let architecture = find("circle").ok_or(Rejected::NoSuchArchitecture { name: "circle" })?;
        let point = vec![0.93f64.sqrt(), 0.07f64.sqrt(), 0.0];
        let network = architecture.network(&[]).map_err(Box::new)?;
        Ok(Self { name: "3-parameter loss", network, is_even: true, regression: None, point, horizon: 0.8 })
    }

    /// A batch-normalized regression, from tan φ = 1.5 in the direction of the kernel that is nearest to (1, …, 1).
    fn regression(name: &'static str, rows: &[&[f64]], targets: &[f64]) -> Result<Self, Rejected> {
        let rows: Vec<Vec<f64>> = rows.iter().map(|row| row.to_vec()).collect();
        let listed = |numbers: &[f64]| numbers.iter().map(|x| format!("{x:?}")).collect::<Vec<_>>().join(", ");
        let (count, features) = (rows.len(), rows[0].len());
        let text = format!(
            "[weights]\nreadout = [{features}, 1]\n[constants]\n\
             inputs = {{ shape = [{count}, {features}], values = [{}] }}\n\
             targets = {{ shape = [{count}, 1], values = [{}] }}\n[nodes]\n\
             output = {{ op = \"matrix_product\", of = [\"inputs\", \"readout\"] }}\n\
             prediction = {{ op = \"batch_norm\", of = [\"output\"] }}\n\
             loss = {{ op = \"mean_squared_error\", of = [\"prediction\", \"targets\"] }}\n",
            listed(&rows.concat()),
            listed(targets),
        );
        let network = Network::from_toml(&text, &[]).map_err(Box::new)?;
        let features = Mat::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j]);
        let data = LinearRegression::new(&Dataset::new(features, targets.to_vec()))?;
        let point = LinearRegressionMinimizers::new(&data)?.at_angle(1.5f64.atan(), &vec![1.0; rows[0].len()])?;
        let regression = Some((rows, targets.to_vec()));
        Ok(Self { name, network, is_even: false, regression, point, horizon: 2.0 })
    }

    fn all() -> Result<[Self; 3], Rejected> {
        Ok([
            Self::circle()?,
            Self::regression(
                "regression 3×4",
                &[&[9.0, 2.0, -1.0, -5.0], &[-3.0, 2.0, 2.0, -5.0], &[-6.0, -4.0, -1.0, 10.0]],
                &[6.0, -6.0, 0.0],
            )?,
            Self::regression(
                "regression 4×6",
                &[
                    &[1.0, 2.0, 0.0, -1.0, 3.0, 4.0],
                    &[0.0, 1.0, 4.0, 2.0, -2.0, 1.0],
                    &[3.0, -1.0, 1.0, 0.0, 1.0, -5.0],
                    &[-2.0, 0.0, 1.0, 5.0, 1.0, 2.0],
                ],
                &[1.0, 3.0, -2.0, 4.0],
            )?,
        ])
    }

    fn loss<T: Base>(&self) -> Result<NetworkLoss<T>, Rejected> {
        let of = |x: f64| T::from_f64(if self.is_even { 0.0 } else { x });
        Ok(NetworkLoss::with_constants(&self.network, of)?)
    }

    fn line(&self, weights: &[f64]) -> Result<FlowLine, CertificateError> {
        match (&self.regression, weights) {
            (Some((rows, targets)), _) => FlowLine::of_regression(rows, targets, weights),
            (None, &[x, y, z]) => FlowLine::on_circle([x, y, z]),
            (None, _) => Err(CertificateError::OtherSide),
        }
    }

    fn orbit(&self, exponent: i32) -> Result<CertifiedOrbit, Rejected> {
        const LEARNING_RATE: f64 = 1.0;
        let intrinsic_lr = 0.5f64.powi(exponent);
        let loss = self.loss::<f64>()?;
        let mut minimizers = NumericMinimizers::through(&loss, &self.point)?;
        let mut geometry = Geometry::new(self.point.len());
        minimizers.geometry(&self.point, &mut geometry)?;
        let start = EdgeStart { intrinsic_lr, kick: 1.0, edge_offset: 0.0 };
        let weights = start.weights(&self.point, &geometry, LEARNING_RATE);
        let square: f64 = weights.iter().map(|w| w * w).sum();
        let edge_offset = LEARNING_RATE * geometry.sharpness / ((1.0 - intrinsic_lr) * square) - 2.0;
        let steps = (self.horizon / intrinsic_lr) as u64;
        let enclosed = self.loss::<Enclosure>()?;
        let (mut others, mut path) = (OTHER_FLOWS.to_vec(), vec![]);
        let certificate = self.line(&weights).and_then(|line| {
            others = told(&line, self.horizon, intrinsic_lr)?;
            path = places(&line, self.horizon)?;
            let constants: Vec<FlowConstants> = others.iter().map(|&(_, constants)| constants).collect();
            certify(&mut Tube::new(enclosed, LEARNING_RATE, intrinsic_lr, &weights)?, &line, LAW, &constants, steps)
        });
        Ok(CertifiedOrbit {
            name: format!("{}, ηλ = 1/{}", self.name, 1u64 << exponent),
            is_scale_invariant: self.network.homogeneity(&[], 0).answer == Answer::Proved,
            intrinsic_lr,
            steps,
            edge_offset,
            others,
            path,
            certificate,
        })
    }
}

/// The places of the law's line.
fn places(line: &FlowLine, horizon: f64) -> Result<Vec<LinePlace>, CertificateError> {
    let start = line.sharpness(line.start()).middle();
    let place = |k: usize| {
        let tau = horizon * k as f64 / (PLACES - 1) as f64;
        let at = line.place(LAW, tau, line.start().middle())?;
        let (sharpness, square) = (line.sharpness(at).middle(), line.log_gradient_square(at).middle());
        Ok(LinePlace { sharpness: sharpness / start, log_gradient_square: square })
    };
    (0..PLACES).map(place).collect()
}

/// The other flows that the lines alone tell from the law's.
fn told(
    line: &FlowLine,
    horizon: f64,
    intrinsic_lr: f64,
) -> Result<Vec<(&'static str, FlowConstants)>, CertificateError> {
    let end = |constants| Ok(line.at(line.place(constants, horizon, line.start().middle())?));
    let law: Vec<Enclosure> = end(LAW)?;
    let mut told = Vec::new();
    for (what, constants) in OTHER_FLOWS {
        let apart: f64 = end(constants)?.iter().zip(&law).map(|(&x, &y)| (x - y).middle().powi(2)).sum();
        if tells(apart.sqrt(), TELLS * intrinsic_lr.sqrt()) {
            told.push((what, constants));
        }
    }
    Ok(told)
}

/// Orbits that are enclosed in real numbers, with the lines of the flow beside them.
pub struct CertifiedOrbits;

impl Experiment for CertifiedOrbits {
    type On = Population;
    type Seen<'a> = &'a CertifiedOrbit;
    const NAME: &'static str = "enclosed orbits";
    const AT_THE_EDGE: bool = false;

    fn suits(population: &Population, _: &Population) -> bool {
        population.source.is_built_in()
    }

    fn steps(_: &Population) -> u64 {
        0
    }

    fn run(
        _: &Population,
        _: &Population,
        progress: &Progress,
        claims: &mut dyn Readers<Self>,
    ) -> Result<Vec<Table>, NotRun> {
        let sources = Source::all()?;
        // The longest first, so that no thread is left with one at the end.
        let tasks: Vec<(&Source, i32)> =
            EXPONENTS.rev().flat_map(|exponent| sources.iter().map(move |source| (source, exponent))).collect();
        let orbit = |(source, exponent): (&Source, i32)| {
            progress.goes_on()?;
            Ok(source.orbit(exponent)?)
        };
        let orbits: Vec<CertifiedOrbit> =
            tasks.into_par_iter().with_max_len(1).map(orbit).collect::<Result<_, NotRun>>()?;
        for orbit in orbits.iter().rev() {
            claims.read(orbit);
        }
        Ok(vec![])
    }
}

/// The hypotheses of an enclosed orbit.
pub(crate) fn of_orbit(orbit: &CertifiedOrbit) -> Vec<Hypothesis> {
    vec![
        Hypothesis {
            of: Assumption::ScaleInvariance,
            what: "scale invariance, proved by degrees".into(),
            measured: if orbit.is_scale_invariant { 0.0 } else { 1.0 },
            bound: 0.0,
            place: orbit.name.clone(),
        },
        Hypothesis {
            of: Assumption::StartAtTheEdge,
            what: "the start is at the edge: |η̃λ₁ − 2| over 4√(ηλ)".into(),
            measured: orbit.edge_offset.abs() / (4.0 * orbit.intrinsic_lr.sqrt()),
            bound: 1.0,
            place: orbit.name.clone(),
        },
    ]
}
