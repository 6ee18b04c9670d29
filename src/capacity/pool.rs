//! A few threads for large work, so that the HTTP threads stay free for everybody.
//!
//! Accounts take turns: whoever queues a hundred large bodies waits behind nobody's one.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actors::vocabulary::UserId;
use tokio::sync::oneshot;

/// Most jobs that wait.
const MOST_JOBS: usize = 1_024;
/// And of one account.
const MOST_JOBS_OF_ONE: usize = 128;
/// Longest from the question to the answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// A thread that found no work for so long gives back the memory that its last jobs took.
const REST: Duration = Duration::from_secs(2);
/// How far the threads step back behind those that serve requests when all cores are busy: nice values, 0 to 19.
const NICER: i32 = 10;

/// Why work was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTurn {
    /// Too much waits already.
    #[error("too many large requests are waiting")]
    Full,
    /// It waited too long.
    #[error("large requests are waiting too long")]
    Late,
    /// It panicked.
    #[error("the request could not be worked on")]
    Crashed,
}

type Job = Box<dyn FnOnce() + Send>;

/// The threads' handle; they end with the last of its clones.
#[derive(Clone)]
pub struct WorkPool(Arc<Owner>);

impl fmt::Debug for WorkPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkPool({} waiting)", self.0.queue.lock().waiting)
    }
}

struct Owner {
    queue: Arc<Queue>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.queue.lock().over = true;
        self.queue.come.notify_all();
    }
}

#[derive(Default)]
struct Queue {
    lines: Mutex<Lines>,
    come: Condvar,
}

#[derive(Default)]
struct Lines {
    of: HashMap<UserId, VecDeque<(u64, Job)>>,
    /// Whose turn it is: everybody who has something waiting, once.
    turns: VecDeque<UserId>,
    waiting: usize,
    next_ticket: u64,
    over: bool,
}

impl WorkPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start(threads: usize) -> io::Result<Self> {
        let pool = Self(Arc::new(Owner { queue: Arc::default() }));
        for number in 0..threads.max(1) {
            let queue = Arc::clone(&pool.0.queue);
            let thread = std::thread::Builder::new().name(format!("large-work-{number}"));
            thread.spawn(move || {
                // A system that refuses it costs others some milliseconds, no more.
                let _unchanged = rustix::process::nice(NICER);
                let mut has_worked = false;
                while let Some(job) = queue.next(&mut has_worked) {
                    job();
                }
            })?;
        }
        Ok(pool)
    }

    /// Does `work` on one of the threads, when it is `owner`'s turn. When the caller goes, the work goes from the queue at
    /// once, with the bytes it holds.
    ///
    /// # Errors
    /// When there is no turn in time.
    pub async fn run<T: Send + 'static>(&self, owner: UserId, work: impl FnOnce() -> T + Send + 'static) -> Result<T, NoTurn> {
        let (job, result) = job(work);
        let _place = self.0.queue.push(owner, job)?;
        match tokio::time::timeout(PATIENCE, result).await {
            Ok(done) => done.map_err(|_| NoTurn::Crashed),
            Err(_) => Err(NoTurn::Late),
        }
    }

    /// Does work on what has been paid for already: before the owner's other work, and however much of it waits. There is
    /// at most one such job for each request under way; its deadline is the request's own.
    ///
    /// # Errors
    /// When it panicked.
    pub async fn finish<T: Send + 'static>(&self, owner: UserId, work: impl FnOnce() -> T + Send + 'static) -> Result<T, NoTurn> {
        let (job, result) = job(work);
        let _place = self.0.queue.push_first(owner, job);
        result.await.map_err(|_| NoTurn::Crashed)
    }
}

fn job<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> (Job, oneshot::Receiver<T>) {
    let (done, result) = oneshot::channel();
    // What it logs belongs to the request, on that thread, too.
    let span = tracing::Span::current();
    let job: Job = Box::new(move || {
        let _entered = span.enter();
        if !done.is_closed() {
            // A panic drops `done`, which tells the caller.
            let worked = catch_unwind(AssertUnwindSafe(work));
            let _caller_left = worked.map(|value| done.send(value));
        }
    });
    (job, result)
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(self: &Arc<Self>, owner: UserId, job: Job) -> Result<Place, NoTurn> {
        let mut lines = self.lock();
        let of_one = lines.of.get(&owner).map_or(0, VecDeque::len);
        if lines.waiting >= MOST_JOBS || of_one >= MOST_JOBS_OF_ONE {
            return Err(NoTurn::Full);
        }
        let ticket = lines.ticket();
        lines.line(owner).push_back((ticket, job));
        drop(lines);
        self.come.notify_one();
        Ok(Place { queue: Arc::clone(self), owner, ticket })
    }

    fn push_first(self: &Arc<Self>, owner: UserId, job: Job) -> Place {
        let mut lines = self.lock();
        let ticket = lines.ticket();
        lines.line(owner).push_front((ticket, job));
        drop(lines);
        self.come.notify_one();
        Place { queue: Arc::clone(self), owner, ticket }
    }

    /// The next job; `None` when the pool is over. Gives free memory back once after each time of work.
    fn next(&self, has_worked: &mut bool) -> Option<Job> {
        let mut lines = self.lock();
        loop {
            if let Some(job) = lines.take() {
                *has_worked = true;
                return Some(job);
            }
            if lines.over {
                return None;
            }
            if !*has_worked {
                lines = self.come.wait(lines).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (after, rest) = self.come.wait_timeout(lines, REST).unwrap_or_else(PoisonError::into_inner);
            lines = after;
            if rest.timed_out() && lines.waiting == 0 {
                drop(lines);
                *has_worked = false;
                allocator::release_free_memory();
                lines = self.lock();
            }
        }
    }
}

/// A place in the queue, given up when its caller goes.
struct Place {
    queue: Arc<Queue>,
    owner: UserId,
    ticket: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let withdrawn = self.queue.lock().withdraw(self.owner, self.ticket);
        // Outside the lock: it may hold much.
        drop(withdrawn);
    }
}

impl Lines {
    fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    /// Takes a job out that has not begun.
    fn withdraw(&mut self, owner: UserId, ticket: u64) -> Option<Job> {
        let line = self.of.get_mut(&owner)?;
        let at = line.iter().position(|(number, _)| *number == ticket)?;
        let (_, job) = line.remove(at)?;
        self.waiting -= 1;
        if line.is_empty() {
            self.of.remove(&owner);
            self.turns.retain(|other| *other != owner);
        }
        Some(job)
    }

    /// The line of one, to which a job is added.
    fn line(&mut self, owner: UserId) -> &mut VecDeque<(u64, Job)> {
        self.waiting += 1;
        let line = self.of.entry(owner).or_default();
        if line.is_empty() {
            self.turns.push_back(owner);
        }
        line
    }

    fn take(&mut self) -> Option<Job> {
        let owner = self.turns.pop_front()?;
        let line = self.of.get_mut(&owner)?;
        let (_, job) = line.pop_front()?;
        if line.is_empty() {
            self.of.remove(&owner);
        } else {
            self.turns.push_back(owner);
        }
        self.waiting -= 1;
        Some(job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use futures_util::future::{LocalBoxFuture, join3, join4};
    use std::sync::mpsc;

    type Working<'a, T> = LocalBoxFuture<'a, Result<T, NoTurn>>;

    /// Work that has begun and goes on until it is let go.
    fn busy(pool: &WorkPool) -> (mpsc::Sender<()>, Working<'_, ()>) {
        let (began, begun) = mpsc::channel();
        let (open, gate) = mpsc::channel();
        let work = move || {
            began.send(()).unwrap();
            gate.recv().unwrap();
        };
        let mut working: Working<'_, ()> = pool.run(UserId(1), work).boxed_local();
        assert!(working.as_mut().now_or_never().is_none());
        begun.recv().unwrap();
        (open, working)
    }

    #[tokio::test]
    async fn accounts_take_turns_and_a_crash_costs_one_job() {
        let pool = WorkPool::start(1).unwrap();
        let (open, first) = busy(&pool);
        let order = Arc::new(Mutex::new(Vec::new()));
        let job = |owner: i64, name: &'static str| {
            let order = Arc::clone(&order);
            pool.run(UserId(owner), move || order.lock().unwrap().push(name))
        };
        let jobs = join4(job(1, "a1"), job(1, "a2"), job(1, "a3"), job(2, "b1"));
        let answer = {
            let order = Arc::clone(&order);
            pool.finish(UserId(1), move || order.lock().unwrap().push("answer"))
        };
        let crash = pool.run(UserId(3), || assert_eq!(1, 2, "on purpose"));
        let opened = async {
            tokio::task::yield_now().await;
            open.send(()).unwrap();
        };
        let (all, (answer, crash, first), ()) = join3(jobs, join3(answer, crash, first), opened).await;
        assert!(first.is_ok() && answer.is_ok() && all.0.is_ok() && all.1.is_ok() && all.2.is_ok() && all.3.is_ok());
        assert_eq!(crash, Err(NoTurn::Crashed));
        assert_eq!(*order.lock().unwrap(), ["answer", "b1", "a1", "a2", "a3"]);
        assert_eq!(pool.run(UserId(1), || 7).await, Ok(7), "the thread goes on");
    }

    #[tokio::test]
    async fn a_line_has_an_end_and_who_leaves_it_takes_their_work_along() {
        let pool = WorkPool::start(1).unwrap();
        let (open, first) = busy(&pool);
        let held = Arc::new(());
        let mut waiting: Vec<Working<'_, ()>> = Vec::new();
        for _ in 0..MOST_JOBS_OF_ONE + 8 {
            let held = Arc::clone(&held);
            waiting.push(pool.run(UserId(2), move || drop(held)).boxed_local());
        }
        let told: Vec<_> = waiting.iter_mut().filter_map(|one| one.as_mut().now_or_never()).collect();
        assert_eq!(told, [Err(NoTurn::Full); 8]);
        assert_eq!(Arc::strong_count(&held), 1 + MOST_JOBS_OF_ONE);
        drop(waiting);
        assert_eq!(Arc::strong_count(&held), 1);
        {
            let lines = pool.0.queue.lock();
            assert_eq!((lines.waiting, lines.of.len(), lines.turns.len()), (0, 0, 0));
        }
        open.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(pool.run(UserId(2), || 7).await, Ok(7));
    }
}
