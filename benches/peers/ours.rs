//! One work of `benches/peers/`, timed on request: `ours WORK THREADS SIZES…` prints its data as a line of JSON, then answers every
//! `time N` on standard input with the seconds that N repetitions took, and `result` with the numbers to agree on.
//! The works `reading` and `multiply_adds` are the processor's limits.

#[path = "../common/work.rs"]
mod work;

use std::array;
use std::hint::black_box;
use std::io::{self, BufRead};
use std::num::ParseIntError;
use std::thread;
use std::time::Instant;

use faer::Mat;
use pulp::{Arch, Simd, WithSimd};
use sharpflow::arithmetic::{Lanes, add_scaled, apply, distance, norm, scale};
use sharpflow::descent::{Descent, GradientDescent};
use sharpflow::flow::{FlowConstants, integrate};
use sharpflow::krylov::KrylovOptions;
use sharpflow::loss::{Derivatives, LinearRegression, Loss};
use sharpflow::minimizers::{Minimizers, NumericMinimizers};
use sharpflow::network::NetworkLoss;
use sharpflow::sharpness::{HessianKind, largest_sharpnesses, spherical_sharpness};
use sharpflow::sphere::project;
use work::{END, FLOW_ERROR, Outcome, Work, minimum, normal};

/// So small that the runs stay stable and differences of rounding do not grow.
const LEARNING_RATE: f64 = 1e-3;
const INTRINSIC_LR: f64 = 1e-4;
/// After how many steps two runs must agree.
const STEPS: u64 = 1000;
/// Starts that are run side by side: two threads of eight lanes.
const STARTS: usize = 16;
const LANES: usize = 8;
/// The relative residual asked of an eigenpair.
const RESIDUAL: f64 = 1e-8;
/// How far from Γ a nearest point is sought.
const DISTANCE: f64 = 1e-2;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some((work, numbers)) = arguments.split_first() else {
        return Err("which work? see benches/peers/compare.py".into());
    };
    let numbers = numbers.iter().map(|number| number.parse()).collect::<Result<Vec<usize>, ParseIntError>>()?;
    let Some((&threads, sizes)) = numbers.split_first() else {
        return Err("how many threads, and of what sizes?".into());
    };
    match work.as_str() {
        "regression_steps" => steps(&Work::regression(sizes)?),
        "regression_products" => products(&Work::regression(sizes)?),
        "regression_starts" => starts(&Work::regression(sizes)?, threads),
        "network_steps" => steps(&Work::network(sizes)?),
        "network_starts" => starts(&Work::network(sizes)?, threads),
        "hessian_vector" => powers(&Work::network(sizes)?, |d, w, v, out| d.hessian_vector(w, v, out)),
        "third_derivative" => powers(&Work::network(sizes)?, |d, w, v, out| d.third_derivative(w, v, out)),
        "reading" => reading(*sizes.first().ok_or("how many numbers?")?),
        "multiply_adds" => multiply_adds(),
        "eigenpair_dense" => eigenpair_dense(&Work::network(sizes)?),
        "eigenpair_krylov" => eigenpair_krylov(&Work::network(sizes)?),
        "nearest_point" => nearest_point(&Work::network(sizes)?),
        "flow" => flow(&Work::network(sizes)?),
        _ => Err(format!("no such work: {work}").into()),
    }
}

/// Prints the data, then answers requests until there are none.
fn serve<L, R>(
    work: &Work<L>,
    more: &[(&str, &[f64])],
    mut once: impl FnMut() -> Outcome<R>,
    mut result: impl FnMut() -> Outcome<Vec<f64>>,
) -> Outcome<()> {
    let constants =
        [("learning_rate", &LEARNING_RATE), ("intrinsic_lr", &INTRINSIC_LR), ("residual", &RESIDUAL), ("end", &END)];
    let data = work.data.iter().map(|(name, values)| (*name, values.as_slice()));
    let all = data
        .chain([("start", work.start.as_slice())])
        .chain(constants.map(|(name, value)| (name, std::slice::from_ref(value))))
        .chain(more.iter().copied());
    let fields: Vec<String> = all.map(|(name, values)| format!("\"{name}\":{values:?}")).collect();
    println!("{{{}}}", fields.join(","));
    for line in io::stdin().lock().lines() {
        match line?.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["time", repeats] => {
                let repeats: u64 = repeats.parse()?;
                let begun = Instant::now();
                for _ in 0..repeats {
                    black_box(once()?);
                }
                println!("{:e}", begun.elapsed().as_secs_f64());
            }
            ["result"] => println!("{:?}", result()?),
            other => return Err(format!("no such request: {}", other.join(" ")).into()),
        }
    }
    Ok(())
}

fn steps(work: &Work<impl Loss<f64>>) -> Outcome<()> {
    let descent = || GradientDescent::new(&work.loss, LEARNING_RATE, INTRINSIC_LR, &work.start);
    let mut timed = descent()?;
    let once = || Ok(timed.step());
    let result = || {
        let mut descent = descent()?;
        for _ in 0..STEPS {
            descent.step();
        }
        Ok(descent.weights().to_vec())
    };
    serve(work, &[], once, result)
}

/// The two matrix–vector products of a regression's step, which no way of making one can do without.
fn products(work: &Work<LinearRegression<f64>>) -> Outcome<()> {
    let features = work.loss.features();
    let (mut output, mut gradient) = (vec![0.0; features.nrows()], work.start.clone());
    let once = || {
        apply(features, black_box(&work.start), &mut output);
        apply(features.transpose(), black_box(&output), &mut gradient);
        black_box(&gradient);
        Ok(())
    };
    serve(work, &[], once, || Ok(Vec::new()))
}

/// Many starts at once. A repetition is [`STEPS`] steps of each, so that starting threads costs nothing beside it.
fn starts(work: &Work<impl Loss<f64>>, threads: usize) -> Outcome<()> {
    let starts: Vec<Vec<f64>> = (0..STARTS as u64).map(|seed| normal(work.start.len(), seed)).collect();
    let run = |starts: &[Vec<f64>]| -> Vec<f64> {
        let lanes = Lanes::<f64, LANES>::side_by_side(array::from_fn(|k| starts[k].as_slice()));
        let Ok(mut descent) = GradientDescent::new(&work.loss, LEARNING_RATE, INTRINSIC_LR, &lanes) else {
            return vec![f64::NAN];
        };
        for _ in 0..STEPS {
            descent.step();
        }
        let mut weights = starts.concat();
        let each = weights.chunks_mut(work.start.len()).enumerate();
        each.for_each(|(lane, out)| Lanes::lane(descent.weights(), lane, out));
        weights
    };
    let all = || -> Vec<f64> {
        if threads == 1 {
            return starts.chunks(LANES).flat_map(run).collect();
        }
        thread::scope(|scope| {
            let tasks: Vec<_> = starts.chunks(LANES).map(|starts| scope.spawn(|| run(starts))).collect();
            tasks.into_iter().flat_map(|task| task.join().unwrap_or_default()).collect()
        })
    };
    serve(work, &[("starts", &starts.concat())], || Ok(all()), || Ok(all()))
}

/// A derivative again and again, each time along what came out, made a unit vector.
fn powers<'a, L: Loss<f64>>(
    work: &'a Work<L>,
    derivative: impl Fn(&mut Derivatives<&'a L, f64>, &[f64], &[f64], &mut [f64]),
) -> Outcome<()> {
    let along = normal(work.start.len(), 1);
    let (mut direction, mut out) = (along.clone(), along.clone());
    let mut timed = Derivatives::new(&work.loss);
    let once = || {
        derivative(&mut timed, &work.start, &direction, &mut out);
        let length = norm(&out);
        direction.copy_from_slice(&out);
        scale(&mut direction, 1.0 / length);
        Ok(())
    };
    let result = || {
        let mut out = along.clone();
        derivative(&mut Derivatives::new(&work.loss), &work.start, &along, &mut out);
        Ok(out)
    };
    serve(work, &[("along", &along)], once, result)
}

fn eigenpair_dense(work: &Work<NetworkLoss<f64>>) -> Outcome<()> {
    let mut derivatives = Derivatives::new(&work.loss);
    let mut find = || spherical_sharpness(&mut derivatives, &work.start, HessianKind::Euclidean);
    let value = find()?.value;
    serve(work, &[], || Ok(find()?), || Ok(vec![value]))
}

fn eigenpair_krylov(work: &Work<NetworkLoss<f64>>) -> Outcome<()> {
    let mut derivatives = Derivatives::new(&work.loss);
    let options = KrylovOptions { pairs: 1, tolerance: RESIDUAL, ..KrylovOptions::default() };
    let mut find = || largest_sharpnesses(&mut derivatives, &work.start, HessianKind::Euclidean, &options, None);
    let found = find()?;
    let pair = found.pairs.first().filter(|_| found.converged).ok_or("no eigenpair converged")?;
    eprintln!("{} products, relative residual {:e}", found.products, pair.residual / pair.value);
    serve(work, &[], || Ok(find()?), || Ok(vec![pair.value]))
}

fn nearest_point(work: &Work<NetworkLoss<f64>>) -> Outcome<()> {
    let point = minimum(work)?;
    let mut minimizers = NumericMinimizers::through(&work.loss, &point)?;
    let mut from = point.clone();
    add_scaled(&mut from, DISTANCE, &normal(point.len(), 1));
    project(&mut from);
    let mut nearest = from.clone();
    minimizers.nearest(&from, &mut nearest)?;
    let (found, rank) = (nearest.clone(), minimizers.rank() as f64);
    let once = || Ok(minimizers.nearest(&from, &mut nearest)?);
    serve(work, &[("from", &from), ("rank", &[rank])], once, || Ok(found.clone()))
}

/// The flow at the largest power of ten as tolerance that keeps its end within [`FLOW_ERROR`] of a flow at 10⁻¹².
fn flow(work: &Work<NetworkLoss<f64>>) -> Outcome<()> {
    let point = minimum(work)?;
    let mut minimizers = NumericMinimizers::through(&work.loss, &point)?;
    let rank = minimizers.rank() as f64;
    let mut end_of = |tolerance: f64| -> Outcome<Vec<f64>> {
        let flow = integrate(&mut minimizers, FlowConstants::SHARPNESS_REDUCTION, &point, END, tolerance)?;
        let mut end = point.clone();
        flow.at(END, &mut end);
        Ok(end)
    };
    let exact = end_of(1e-12)?;
    let mut tolerance = 1e-2;
    // A looser one may fail altogether, a tighter one than the exact one's proves nothing.
    while !end_of(tolerance).is_ok_and(|end| distance(&end, &exact) <= FLOW_ERROR) {
        tolerance *= 0.1;
        if tolerance < 1e-11 {
            return Err("the flow's error does not fall with its tolerance".into());
        }
    }
    eprintln!("tolerance {tolerance:e}");
    let more = [("point", point.as_slice()), ("rank", &[rank]), ("error", &[FLOW_ERROR])];
    serve(work, &more, || end_of(tolerance), || Ok(exact.clone()))
}

/// Reads an array of so many numbers: what the memory that holds it can give.
fn reading(numbers: usize) -> Outcome<()> {
    // Aligned as a matrix is.
    let array = Mat::<f64>::zeros(numbers, 1);
    let array = array.col_as_slice(0);
    serve(
        &Work { loss: (), start: vec![], data: vec![] },
        &[],
        || Ok(Arch::new().dispatch(Reading(black_box(array)))),
        || Ok(vec![]),
    )
}

/// A million multiply–adds and no memory: what the processor can do.
fn multiply_adds() -> Outcome<()> {
    serve(
        &Work { loss: (), start: vec![], data: vec![] },
        &[],
        || Ok(Arch::new().dispatch(MultiplyAdds)),
        || Ok(vec![]),
    )
}

const CHAINS: usize = 12;
const MULTIPLY_ADDS: usize = 1_000_000;

/// Sums an array in independent chains.
struct Reading<'a>(&'a [f64]);

impl WithSimd for Reading<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let (vectors, _) = S::as_simd_f64s(self.0);
        let mut sums = [simd.splat_f64s(0.0); CHAINS];
        for vectors in vectors.chunks_exact(CHAINS) {
            for (sum, &vector) in sums.iter_mut().zip(vectors) {
                *sum = simd.add_f64s(*sum, vector);
            }
        }
        sums.iter().map(|&sum| simd.reduce_sum_f64s(sum)).sum()
    }
}

/// x ← ax + b in independent chains, as many as keep every unit busy.
struct MultiplyAdds;

impl WithSimd for MultiplyAdds {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let (a, b) = (simd.splat_f64s(black_box(0.5)), simd.splat_f64s(black_box(1.0)));
        let mut chains = [simd.splat_f64s(0.0); CHAINS];
        for _ in 0..MULTIPLY_ADDS / (CHAINS * S::F64_LANES) {
            for x in &mut chains {
                *x = simd.mul_add_f64s(a, *x, b);
            }
        }
        chains.iter().map(|&x| simd.reduce_sum_f64s(x)).sum()
    }
}
