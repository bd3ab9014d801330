//! How far long work is, told on standard error.

use std::io::{IsTerminal, stderr};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use sharpflow_theorems::progress::Progress;

use crate::terminal::say;

/// How often a line is written where there is no terminal to draw a bar on.
const LINES: Duration = Duration::from_secs(5);

/// Does `work` and shows its progress on standard error: by a bar on a terminal, else by a line every few seconds. Nothing is shown
/// when `hidden`.
pub fn with_bar<T>(hidden: bool, progress: &Progress, work: impl FnOnce(&ProgressBar) -> T) -> T {
    let drawn = !hidden && stderr().is_terminal();
    let target = if drawn { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {percent:>3}%  {eta} left  {msg}") {
        bar.set_style(style);
    }
    thread::scope(|scope| {
        let finish = FinishOnDrop(&bar);
        scope.spawn(|| {
            let started = Instant::now();
            let mut told = started;
            while !bar.is_finished() {
                bar.set_position(progress.steps());
                if !drawn && !hidden && told.elapsed() >= LINES {
                    told = Instant::now();
                    say(&line(&bar, started.elapsed()));
                }
                thread::sleep(Duration::from_millis(100));
            }
        });
        let done = work(&bar);
        drop(finish);
        done
    })
}

/// How far the work is, and how long the rest will take at this pace.
fn line(bar: &ProgressBar, elapsed: Duration) -> String {
    let (done, all) = (bar.position(), bar.length().unwrap_or(0));
    let now = bar.message();
    let now = if now.is_empty() { String::new() } else { format!(", now {now}") };
    if done == 0 || all == 0 {
        return format!("{} s{now}", elapsed.as_secs());
    }
    let part = (done as f64 / all as f64).min(1.0);
    let left = Duration::from_secs_f64(elapsed.as_secs_f64() * (1.0 - part) / part);
    format!("{:.0} % of the steps done, about {} left{now}", 100.0 * part, HumanDuration(left))
}

/// Ends the bar, and with it the thread that follows it, however the work ends.
struct FinishOnDrop<'a>(&'a ProgressBar);

impl Drop for FinishOnDrop<'_> {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
