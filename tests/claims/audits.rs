//! Logs of training runs: of PyTorch, and of runs whose rule is known because it stands here.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rand::Rng as _;
use sharpflow::arithmetic::dot;
use sharpflow::data::{LogArithmetic, LogError, LogOptions, Stream, generator};
use sharpflow_theorems::audit::{Audit, Logged, audit};
use sharpflow_theorems::evidence::Verdict;
use sharpflow_theorems::progress::Progress;

fn audited(path: &Path, options: LogOptions) -> Result<Audit, LogError> {
    audit(path, options, None, &Progress::default())
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs").join(name)
}

/// A text as the log of a test of this name.
fn written(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("sharpflow-audit-{}-{name}.csv", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

fn of_text(name: &str, text: &str, options: LogOptions) -> Result<Audit, LogError> {
    let path = written(name, text);
    let found = audited(&path, options);
    std::fs::remove_file(path).unwrap();
    found
}

fn verdict(audit: &Audit, claim: &str) -> Verdict {
    audit.findings.iter().find(|finding| finding.id == claim).unwrap().verdict
}

/// How a step is made of w, m and ∇L.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    Plain,
    DecayAfter,
    HeavyBall,
    Nesterov,
    Dampened,
    Decoupled,
}

/// What a run is, and how it is written.
#[derive(Clone, Copy)]
struct Run {
    rule: Rule,
    rate: f64,
    decay: f64,
    momentum: f64,
    /// Added to ‖w‖² in the loss's denominator.
    epsilon: f64,
    after: bool,
    write: fn(f64) -> String,
    single: bool,
}

const PLAIN: Run = Run {
    rule: Rule::Plain,
    rate: 0.2,
    decay: 0.01,
    momentum: 0.0,
    epsilon: 0.0,
    after: false,
    write: |x| format!("{x:e}"),
    single: false,
};

const STEPS: usize = 200;

/// The log of a run on batches.
fn log(run: Run, steps: usize) -> String {
    log_of(run, steps, |step| if step % 2 == 0 { 0.4 } else { 0.3 })
}

/// The log of a run on L(w) = ⟨w, Aw⟩/(‖w‖² + ε) with A the diagonal 1, 1 + s, 1 + 2s, …, s that of the step.
fn log_of(run: Run, steps: usize, slope: impl Fn(usize) -> f64) -> String {
    let rounded = |x: f64| if run.single { f64::from(x as f32) } else { x };
    let mut text = String::from("step,lr,weight_decay,momentum,loss,w2,g2,wg,wm,dw2\n");
    let mut w: Vec<f64> = (0..6).map(|k| rounded(1.0 + 0.3 * f64::from(k))).collect();
    let mut m = vec![0.0; w.len()];
    for step in 0..steps {
        let diagonal = |k: usize| 1.0 + (k as f64) * slope(step);
        let size = dot(&w, &w) + run.epsilon;
        let loss = w.iter().enumerate().map(|(k, x)| diagonal(k) * x * x).sum::<f64>() / size;
        let gradient: Vec<f64> =
            w.iter().enumerate().map(|(k, x)| rounded(2.0 * (diagonal(k) - loss) * x / size)).collect();
        let Run { rate, decay, momentum, .. } = run;
        let before = w.clone();
        let along = dot(&w, &m);
        for (k, x) in w.iter_mut().enumerate() {
            let (g, old) = (gradient[k], *x);
            let with_decay = g + decay * old;
            let next = match run.rule {
                Rule::Plain => (1.0 - rate * decay) * old - rate * g,
                Rule::DecayAfter => (1.0 - rate * decay) * (old - rate * g),
                Rule::HeavyBall => {
                    m[k] = momentum * m[k] + with_decay;
                    old - rate * m[k]
                }
                Rule::Nesterov => {
                    m[k] = momentum * m[k] + with_decay;
                    old - rate * (with_decay + momentum * m[k])
                }
                Rule::Dampened => {
                    m[k] = momentum * m[k] + (1.0 - momentum) * with_decay;
                    old - rate * m[k]
                }
                Rule::Decoupled => {
                    m[k] = momentum * m[k] + g;
                    (1.0 - rate * decay) * old - rate * m[k]
                }
            };
            *x = rounded(next);
        }
        let moved: f64 = w.iter().zip(&before).map(|(x, old)| (x - old).powi(2)).sum();
        let state = if run.after { &w } else { &before };
        let numbers = [loss, dot(state, state), dot(&gradient, &gradient), dot(state, &gradient), along, moved];
        let numbers = numbers.map(|x| (run.write)(rounded(x)));
        writeln!(text, "{step},{rate},{decay},{momentum},{}", numbers.join(",")).unwrap();
    }
    text
}

#[test]
fn logs_of_pytorch_and_jax_are_judged() {
    let of = |name: &str| audited(&fixture(name), LogOptions::default()).unwrap();
    use Verdict::{Confirmed, HypothesisFailed, NotJudged, Refuted};
    for (name, logged, expected) in [
        ("sgd_full_6digits.csv.gz", Logged::BeforeTheStep, [Confirmed, Confirmed, Confirmed, NotJudged]),
        ("sgd_logged_after_step.csv.gz", Logged::AfterTheStep, [Confirmed, Confirmed, Confirmed, NotJudged]),
        ("sgd_momentum.csv.gz", Logged::BeforeTheStep, [Confirmed, NotJudged, NotJudged, Confirmed]),
        ("adamw.csv.gz", Logged::BeforeTheStep, [Confirmed, NotJudged, NotJudged, NotJudged]),
        ("jax_minibatch_schedule_float32.csv.gz", Logged::BeforeTheStep, [Confirmed, Confirmed, Confirmed, NotJudged]),
        ("jax_minibatch_momentum_float32.csv.gz", Logged::BeforeTheStep, [Confirmed, NotJudged, NotJudged, Confirmed]),
        ("jax_full_batch_restart.csv.gz", Logged::BeforeTheStep, [Confirmed, Confirmed, Confirmed, NotJudged]),
        ("jax_decoupled_momentum.csv.gz", Logged::BeforeTheStep, [Confirmed, NotJudged, NotJudged, Refuted]),
        ("jax_adamw_float32.csv.gz", Logged::BeforeTheStep, [Confirmed, NotJudged, NotJudged, NotJudged]),
        // An ε of 10⁻⁴ in the variances.
        ("jax_epsilon_float32.csv.gz", Logged::BeforeTheStep, [Refuted, Confirmed, HypothesisFailed, NotJudged]),
        // The general recursion holds, so that it is the loss and not the optimizer.
        ("not_scale_invariant.csv.gz", Logged::BeforeTheStep, [Refuted, Confirmed, HypothesisFailed, NotJudged]),
    ] {
        let found = of(name);
        let verdicts = ["scale_invariance", "gradient_descent", "effective_learning_rate", "heavy_ball"]
            .map(|claim| verdict(&found, claim));
        assert_eq!((found.logged, verdicts), (logged, expected), "{name}: {:?}", found.findings);
        // What the recursion of η̃ says exactly, RMSprop says up to its remainder.
        assert_eq!(verdict(&found, "quasi_rmsprop"), expected[2], "{name}: {:?}", found.findings);
    }
}

/// Of another optimizer's steps a log tells neither the length nor the edge.
#[test]
fn nothing_is_read_of_another_optimizers_steps() {
    let found = audited(&fixture("adamw.csv.gz"), LogOptions::default()).unwrap();
    assert!(found.full_batch.is_none() && found.readings.is_empty(), "{:?}", found.readings);
    assert_eq!(verdict(&found, "edge_of_stability"), Verdict::NotJudged);
}

/// Lines are counted as an editor counts them: Python's writer ends them by \r\n, and blank ones count.
#[test]
fn lines_are_those_of_an_editor() {
    let found = audited(&fixture("jax_full_batch_restart.csv.gz"), LogOptions::default()).unwrap();
    assert_eq!(found.notes, ["line 122: step 100 follows step 119, a restart"]);
    let text = log(PLAIN, 30).replace('\n', "\r\n\r\n").replacen("\n7,", "\n\"seven\",", 1);
    let error = of_text("blank", &text, LogOptions::default()).unwrap().ended_by.unwrap();
    assert!(error.contains("line 17, column step: \"seven\""), "{error}");
}

/// What is said of a run and is not so is refuted.
#[test]
fn a_wrong_guess_is_refuted() {
    let claim = |name: &str, options, id: &str| {
        let found = audited(&fixture(name), options).unwrap();
        verdict(&found, id)
    };
    let none = LogOptions::default();
    let guesses = [
        ("adamw.csv.gz", LogOptions { momentum: Some(0.0), ..none }, "gradient_descent"),
        ("sgd_momentum.csv.gz", LogOptions { momentum: Some(0.0), ..none }, "gradient_descent"),
        ("sgd_momentum.csv.gz", LogOptions { momentum: Some(0.89), ..none }, "heavy_ball"),
        ("sgd_momentum.csv.gz", LogOptions { weight_decay: Some(0.0051), ..none }, "heavy_ball"),
        ("sgd_full_6digits.csv.gz", LogOptions { weight_decay: Some(0.0052), ..none }, "gradient_descent"),
        ("jax_decoupled_momentum.csv.gz", none, "heavy_ball"),
        ("jax_minibatch_momentum_float32.csv.gz", LogOptions { weight_decay: Some(0.006), ..none }, "heavy_ball"),
        ("jax_minibatch_schedule_float32.csv.gz", LogOptions { learning_rate: Some(0.05), ..none }, "gradient_descent"),
        ("jax_adamw_float32.csv.gz", LogOptions { momentum: Some(0.0), ..none }, "gradient_descent"),
        ("sgd_full_6digits.csv.gz", LogOptions { learning_rate: Some(0.2001), ..none }, "effective_learning_rate"),
        ("sgd_full_6digits.csv.gz", LogOptions { weight_decay: Some(0.0052), ..none }, "quasi_rmsprop"),
    ];
    for (name, options, id) in guesses {
        assert_eq!(claim(name, options, id), Verdict::Refuted, "{name} {options:?}");
    }
}

/// Every rule is confirmed by its own log, and refuted by those of all others.
#[test]
fn rules_are_told_apart() {
    use Rule::{Dampened, DecayAfter, Decoupled, HeavyBall, Nesterov, Plain};
    for rule in [Plain, DecayAfter, HeavyBall, Nesterov, Dampened, Decoupled] {
        let momentum = if matches!(rule, Plain | DecayAfter) { 0.0 } else { 0.8 };
        let found = of_text(&format!("{rule:?}"), &log(Run { rule, momentum, ..PLAIN }, STEPS), LogOptions::default());
        let found = found.unwrap();
        let (id, own) = if momentum == 0.0 { ("gradient_descent", Plain) } else { ("heavy_ball", HeavyBall) };
        let expected = if rule == own { Verdict::Confirmed } else { Verdict::Refuted };
        assert_eq!(verdict(&found, id), expected, "{rule:?}: {:?}", found.findings);
        let finding = found.findings.iter().find(|finding| finding.id == id).unwrap();
        let named = match rule {
            DecayAfter => "every step is that of the decay after the step",
            Nesterov => "every step is that of Nesterov's momentum",
            Dampened => "every step is that of a dampened gradient",
            Decoupled => "every step is that of decay apart from the momentum",
            Plain | HeavyBall => "",
        };
        assert!(finding.reason.contains(named), "{rule:?}: {}", finding.reason);
        assert_eq!(verdict(&found, "scale_invariance"), Verdict::Confirmed);
        assert!(found.readings.iter().all(|(_, value)| value.is_finite()));
    }
}

/// Digits and single precision widen what is allowed, and no more: a wrong decay is found in each.
#[test]
fn tolerances_follow_the_digits() {
    type Writing = (&'static str, fn(f64) -> String, bool, LogArithmetic);
    let writings: [Writing; 4] = [
        ("full", |x| format!("{x:e}"), false, LogArithmetic::Double),
        ("shortest", |x| format!("{:e}", x as f32), true, LogArithmetic::Single),
        ("nine", |x| format!("{x:.8e}"), true, LogArithmetic::Single),
        ("six", |x| format!("{x:.6}"), false, LogArithmetic::Unknown),
    ];
    for (name, write, single, arithmetic) in writings {
        for after in [false, true] {
            let run = Run { write, single, after, ..PLAIN };
            let text = log(run, STEPS);
            let path = written(&format!("{name}-{after}"), &text);
            let shown = sharpflow::data::TrainingLog::open(&path, LogOptions::default()).unwrap().arithmetic();
            assert_eq!(shown, arithmetic, "{name}");
            let found = audited(&path, LogOptions::default()).unwrap();
            assert_eq!(found.verdict(), Verdict::Confirmed, "{name} {after}: {:?}", found.findings);
            assert_eq!(found.logged == Logged::AfterTheStep, after, "{name}");
            let wrong = audited(&path, LogOptions { weight_decay: Some(0.0103), ..LogOptions::default() }).unwrap();
            assert_eq!(verdict(&wrong, "gradient_descent"), Verdict::Refuted, "{name} {after}");
            std::fs::remove_file(path).unwrap();
        }
    }
}

/// An ε of 10⁻⁵ in a norm shows at 10⁻⁵, in double and in single precision.
#[test]
fn an_epsilon_in_a_norm_is_found() {
    for single in [false, true] {
        let run = Run { epsilon: 1e-4, single, ..PLAIN };
        let found = of_text(&format!("epsilon-{single}"), &log(run, STEPS), LogOptions::default()).unwrap();
        assert_eq!(verdict(&found, "scale_invariance"), Verdict::Refuted, "{single}: {:?}", found.findings);
        assert_eq!(verdict(&found, "gradient_descent"), Verdict::Confirmed, "{single}: {:?}", found.findings);
    }
}

/// A gradient that vanishes keeps the rounding of its terms: a run that has converged is no breach of scale invariance.
#[test]
fn a_vanishing_gradient_refutes_nothing() {
    let run = Run { rule: Rule::HeavyBall, rate: 0.05, momentum: 0.9, ..PLAIN };
    // Always the same diagonal, so that w turns to its first axis and the gradient vanishes.
    let text = log_of(run, 600, |_| 0.4);
    let last = text.lines().last().unwrap().split(',').nth(6).unwrap().parse::<f64>().unwrap();
    assert!(last < 1e-20, "{last:e}");
    let found = of_text("vanishing", &text, LogOptions::default()).unwrap();
    assert_eq!(verdict(&found, "scale_invariance"), Verdict::Confirmed, "{:?}", found.findings);
}

/// Restarts, gaps, schedules and NaN are named by their lines, and their steps are left out.
#[test]
fn what_happens_in_a_log_is_named() {
    let text = log(PLAIN, 100);
    let lines: Vec<&str> = text.lines().collect();
    // Steps 50 to 59 are logged twice, and 80 to 84 are missing.
    let kept: Vec<&str> = lines[..61].iter().chain(&lines[51..81]).chain(&lines[86..]).copied().collect();
    let found = of_text("restart", &kept.join("\n"), LogOptions::default()).unwrap();
    assert_eq!(found.verdict(), Verdict::Confirmed, "{:?}", found.findings);
    let told = |start: &str| found.notes.iter().any(|note| note.starts_with(start));
    assert!(told("line 62: step 50 follows step 59, a restart") && told("line 92: step 85 follows step 79, a gap"));

    let nan: String = text
        .lines()
        .enumerate()
        .map(|(k, line)| {
            let mut fields: Vec<&str> = line.split(',').collect();
            if k == 40 {
                fields[5] = "nan";
            }
            fields.join(",") + "\n"
        })
        .collect();
    let found = of_text("nan", &nan, LogOptions::default()).unwrap();
    assert_eq!(found.not_finite, 1);
    assert!(found.notes.iter().any(|note| note.starts_with("line 41: w2 is not finite")), "{:?}", found.notes);

    // A learning rate that falls in the middle is followed.
    let (first, second) = (log(PLAIN, 100), log(Run { rate: 0.1, ..PLAIN }, 1));
    let joined = first + second.lines().nth(1).unwrap();
    assert!(of_text("schedule", &joined, LogOptions::default()).unwrap().verdict() == Verdict::Confirmed);
}

/// Bad logs are refused by line and column.
#[test]
fn bad_logs_are_refused() {
    let text = log(PLAIN, 30);
    let refused = |name: &str, text: &str| of_text(name, text, LogOptions::default()).unwrap_err().to_string();
    assert!(refused("empty", "").contains("the log is empty"));
    assert!(refused("header", "step,lr,weight_decay,loss,w2,g2\n").contains("the log is empty"));
    assert!(refused("column", &text.replacen(",w2,", ",weights,", 1)).contains("no column is named w2"));
    assert!(
        refused("decay", &text.replacen(",weight_decay,", ",decay,", 1)).contains("no column is named weight_decay")
    );
    assert!(refused("twice", &text.replacen(",wg,", ",w2,", 1)).contains("two columns are named w2"));
    // What is wrong further down ends the audit, and the rows before it are judged.
    let ended = |name: &str, text: &str, rows: u64| {
        let found = of_text(name, text, LogOptions::default()).unwrap();
        assert_eq!((found.rows, verdict(&found, "scale_invariance")), (rows, Verdict::Confirmed), "{name}");
        found.ended_by.unwrap()
    };
    let word = text.replacen("\n7,", "\nseven,", 1);
    assert!(ended("word", &word, 7).contains("line 9, column step: \"seven\" is not the number of a step"));
    let fields: Vec<&str> = text.lines().nth(3).unwrap().split(',').collect();
    let spoilt = text.replacen(fields[5], "4.1.2", 1);
    assert!(ended("number", &spoilt, 2).contains("line 4, column w2: \"4.1.2\" is not a number"));
    let short = text.replacen(&format!(",{}\n", fields[9]), "\n", 1);
    assert!(ended("ragged", &short, 2).contains("line 4 has 9 fields, the header 10"));
    let first = text.replacen("\n0,", "\nzero,", 1);
    assert!(refused("first", &first).contains("line 2, column step"));
    assert!(matches!(audited(Path::new("no such file"), LogOptions::default()), Err(LogError::Unreadable { .. })));
    // Of the numbers of one step nothing can be said.
    let one = of_text("one", &log(PLAIN, 1), LogOptions::default()).unwrap();
    assert_ne!(one.verdict(), Verdict::Confirmed, "{:?}", one.findings);
}

/// Whatever bytes stand in a log, there is an audit or an error of one line.
#[test]
fn spoilt_logs_never_panic() {
    const BYTES: &[u8] = b",.;\n\"-e0919\0\xffnaif";
    let text = log(PLAIN, 12).into_bytes();
    let mut random = generator(5, Stream::Test);
    let path = written("spoilt", "");
    for _ in 0..3000 {
        let mut bytes = text.clone();
        for _ in 0..1 + random.next_u32() % 3 {
            let at = random.next_u32() as usize % bytes.len();
            let byte = BYTES[random.next_u32() as usize % BYTES.len()];
            match random.next_u32() % 4 {
                0 => bytes.truncate(at.max(1)),
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes[at] = byte,
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        match audited(&path, LogOptions::default()) {
            Ok(found) => assert!(found.rows <= 14 && found.ended_by.is_none_or(|error| !error.contains('\n'))),
            Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
        }
    }
    std::fs::remove_file(path).unwrap();
}
