//! Tells on stderr how far long work has come: a bar on a terminal, plain lines elsewhere, nothing for short work.

use std::env;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use indicatif::HumanBytes;
use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;

use crate::commands::terminal;
use crate::report::Verdict;
use crate::store::hash::HashProgress;
use crate::store::oci::copy;

/// Work that is shorter than this shows no bar.
const BAR_AFTER: Duration = Duration::from_millis(400);

/// Time between two plain lines, and before the first.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How far something has come, as it is shown.
#[derive(Clone, Copy)]
struct Reached {
    /// What is being done.
    verb: &'static str,
    bytes_done: u64,
    bytes_total: u64,
    items_done: usize,
    items_total: usize,
    /// What the items are.
    items: &'static str,
}

impl From<HashProgress> for Reached {
    fn from(progress: HashProgress) -> Self {
        let HashProgress { bytes_done, bytes_total, files_done: items_done, files_total: items_total } = progress;
        Self { verb: "hashing", bytes_done, bytes_total, items_done, items_total, items: "files" }
    }
}

impl From<copy::Progress> for Reached {
    fn from(progress: copy::Progress) -> Self {
        let copy::Progress { bytes_done, bytes_total, blobs_done: items_done, blobs_total: items_total } = progress;
        Self { verb: "copying", bytes_done, bytes_total, items_done, items_total, items: "blobs" }
    }
}

/// Runs `work`, which is handed what it must call while it hashes, and shows how far it has come.
pub(super) fn while_hashing<T>(work: impl FnOnce(&(dyn Fn(HashProgress) + Sync)) -> T) -> T {
    shown(work)
}

/// The same for work that copies.
pub(super) fn while_copying<T>(work: impl FnOnce(&(dyn Fn(copy::Progress) + Sync)) -> T) -> T {
    shown(work)
}

fn shown<T, P: Into<Reached>>(work: impl FnOnce(&(dyn Fn(P) + Sync)) -> T) -> T {
    let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
    let start = Instant::now();
    if std::io::stderr().is_terminal() && !dumb {
        let bar = OnceLock::new();
        let done = work(&|progress: P| {
            if start.elapsed() >= BAR_AFTER {
                let reached = progress.into();
                show(bar.get_or_init(|| new_bar(reached.verb)), reached);
            }
        });
        bar.get().inspect(|bar| bar.finish_and_clear());
        return done;
    }
    let lines = Lines(Mutex::new(Duration::ZERO));
    work(&|progress: P| {
        if let Some(line) = lines.next(start.elapsed(), progress.into()) {
            terminal::note(&line);
        }
    })
}

/// How many images were verified, and what they came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Verified {
    done: usize,
    denied: usize,
    undecided: usize,
}

/// Runs `work` about so many images, which is handed what it must call for the verdict on each, and shows how far it has
/// come: a bar on a terminal, else a line every five seconds, whether or not anything happens.
pub(super) fn while_verifying<T>(images: usize, work: impl FnOnce(&(dyn Fn(Verdict) + Sync)) -> T) -> T {
    let state = Mutex::new(Verified::default());
    let count = |verdict| {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.done += 1;
        state.denied += usize::from(verdict == Verdict::Denied);
        state.undecided += usize::from(verdict == Verdict::Undecided);
        *state
    };
    let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
    if images < 2 {
        return work(&|_| {});
    }
    if std::io::stderr().is_terminal() && !dumb {
        let bar = bar("verified [{bar:30}] {msg}, {eta} left");
        bar.set_length(u64::try_from(images).unwrap_or(u64::MAX));
        let done = work(&|verdict| {
            let state = count(verdict);
            bar.set_position(u64::try_from(state.done).unwrap_or(u64::MAX));
            bar.set_message(state.words(images));
        });
        bar.finish_and_clear();
        return done;
    }
    let (end, ended) = channel::<()>();
    let seen = &state;
    thread::scope(|scope| {
        scope.spawn(move || {
            // The sender is dropped when the work is done.
            while ended.recv_timeout(LINE_EVERY) == Err(RecvTimeoutError::Timeout) {
                let state = *seen.lock().unwrap_or_else(PoisonError::into_inner);
                terminal::note(&format!("verified {}", state.words(images)));
            }
        });
        let done = work(&|verdict| {
            count(verdict);
        });
        drop(end);
        done
    })
}

impl Verified {
    fn words(self, images: usize) -> String {
        let Self { done, denied, undecided } = self;
        format!("{done} of {images} images, {denied} denied, {undecided} undecided")
    }
}

fn new_bar(verb: &str) -> ProgressBar {
    bar(&format!("{verb}  [{{bar:30}}] {{bytes}} of {{total_bytes}}, {{msg}}, {{eta}} left"))
}

fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    // A template that cannot be read leaves the library's own.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

fn show(bar: &ProgressBar, reached: Reached) {
    bar.set_length(reached.bytes_total);
    bar.set_position(reached.bytes_done);
    bar.set_message(format!("{} of {} {}", reached.items_done, reached.items_total, reached.items));
}

/// Says when a plain line is due; holds when the last one was, as time since the beginning.
struct Lines(Mutex<Duration>);

impl Lines {
    fn next(&self, elapsed: Duration, reached: Reached) -> Option<String> {
        // Another thread that is just deciding decides for this one too.
        let mut last = self.0.try_lock().ok()?;
        if elapsed.saturating_sub(*last) < LINE_EVERY {
            return None;
        }
        *last = elapsed;
        let Reached { verb, bytes_done, bytes_total, items_done, items_total, items } = reached;
        let (done, total) = (HumanBytes(bytes_done), HumanBytes(bytes_total));
        Some(format!("{verb}  {done} of {total}, {items_done} of {items_total} {items}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRESS: HashProgress =
        HashProgress { bytes_done: 1 << 20, bytes_total: 3 << 30, files_done: 1, files_total: 3 };

    #[test]
    fn a_line_is_due_every_five_seconds() {
        let lines = Lines(Mutex::new(Duration::ZERO));
        let due = |seconds| lines.next(Duration::from_secs(seconds), PROGRESS.into());
        assert_eq!(due(4), None);
        assert_eq!(due(5).unwrap(), "hashing  1.00 MiB of 3.00 GiB, 1 of 3 files");
        assert_eq!(due(5), None);
        assert_eq!(due(9), None);
        assert!(due(10).is_some());
    }

    #[test]
    fn copying_is_called_so() {
        let lines = Lines(Mutex::new(Duration::ZERO));
        let progress = copy::Progress { bytes_done: 1 << 20, bytes_total: 3 << 30, blobs_done: 1, blobs_total: 3 };
        let line = lines.next(Duration::from_secs(5), progress.into()).unwrap();
        assert_eq!(line, "copying  1.00 MiB of 3.00 GiB, 1 of 3 blobs");
    }

    #[test]
    fn verdicts_are_counted() {
        assert_eq!(while_verifying(1, |_| 7), 7);
        let state = Verified { done: 120, denied: 3, undecided: 1 };
        assert_eq!(state.words(200), "120 of 200 images, 3 denied, 1 undecided");
        // The thread that writes lines ends with the work.
        assert_eq!(
            while_verifying(2, |tell| {
                tell(Verdict::Denied);
                8
            }),
            8
        );
    }

    #[test]
    fn what_the_work_gives_is_given_back() {
        assert_eq!(
            while_hashing(|tell| {
                tell(PROGRESS);
                7
            }),
            7
        );
    }
}
