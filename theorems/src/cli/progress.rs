use std::io::{IsTerminal, stderr};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::records::Progress;

/// Does `work` while a bar on standard error follows its steps; the bar is invisible when `hidden` or no terminal is there.
pub(super) fn with_bar<T>(hidden: bool, progress: &Progress, work: impl FnOnce(&ProgressBar) -> T) -> T {
    let hidden = hidden || !stderr().is_terminal();
    let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {percent:>3}%  {eta} left  {msg}") {
        bar.set_style(style);
    }
    thread::scope(|scope| {
        let finish = FinishOnDrop(&bar);
        scope.spawn(|| {
            while !bar.is_finished() {
                bar.set_position(progress.steps());
                thread::sleep(Duration::from_millis(100));
            }
        });
        let done = work(&bar);
        drop(finish);
        done
    })
}

/// Ends the bar, and with it the thread that follows it, however the work ends.
struct FinishOnDrop<'a>(&'a ProgressBar);

impl Drop for FinishOnDrop<'_> {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
