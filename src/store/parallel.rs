//! Work on many items by several threads, with results in the order of the items.

use std::num::NonZeroUsize;
use std::panic;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;

/// Most threads that are started, whatever is asked for.
pub const MAX_THREADS: usize = 64;

/// Does `work` on each item by up to `threads` threads (at most [`MAX_THREADS`]); this thread is one of them. Results
/// come in the order of the items. An item is dropped by the thread that worked on it.
///
/// One item, or one thread, starts none.
pub fn in_parallel<T: Send, R: Send>(items: Vec<T>, threads: NonZeroUsize, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    in_parallel_with(items, threads, || (), |(), item| work(item))
}

/// As [`in_parallel`], with something that each thread makes once and uses for all of its items, such as a buffer.
pub fn in_parallel_with<T: Send, R: Send, B>(
    items: Vec<T>,
    threads: NonZeroUsize,
    own: impl Fn() -> B + Sync,
    work: impl Fn(&mut B, T) -> R + Sync,
) -> Vec<R> {
    let threads = threads.get().min(MAX_THREADS).min(items.len());
    if threads <= 1 {
        let mut own = own();
        return items.into_iter().map(|item| work(&mut own, item)).collect();
    }
    let count = items.len();
    let items = Mutex::new(items.into_iter().enumerate());
    // The lock is held for no work, so a thread that panicked left nothing half done.
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    let run = || {
        let mut own = own();
        let mut results = Vec::with_capacity(count / threads);
        while let Some((index, item)) = next() {
            results.push((index, work(&mut own, item)));
        }
        results
    };
    let mut results = thread::scope(|scope| {
        let running: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut results = run();
        for thread in running {
            results.extend(thread.join().unwrap_or_else(|cause| panic::resume_unwind(cause)));
        }
        results
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn results_come_in_order_whoever_was_first() {
        let items: Vec<u64> = (0..2000).collect();
        let slow = |n: u64| (0..(n % 7) * 100).fold(n, |sum, k| sum ^ std::hint::black_box(k & 1 << 40));
        for threads in [1, 2, 7, 500] {
            assert_eq!(in_parallel(items.clone(), NonZeroUsize::new(threads).unwrap(), slow), items, "{threads}");
        }
        assert_eq!(in_parallel(Vec::<u64>::new(), NonZeroUsize::MIN, slow), Vec::<u64>::new());
    }

    #[test]
    fn threads_work_at_once_and_a_single_item_starts_none() {
        let barrier = Barrier::new(3);
        let three = NonZeroUsize::new(3).unwrap();
        let ids = in_parallel(vec![(), (), ()], three, |()| {
            barrier.wait();
            format!("{:?}", thread::current().id())
        });
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>().len(), 3);
        let alone = in_parallel(vec![()], three, |()| thread::current().id());
        assert_eq!(alone, [thread::current().id()]);
    }
}
