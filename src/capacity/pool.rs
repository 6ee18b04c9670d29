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
    of: HashMap<UserId, VecDeque<Job>>,
    /// Whose turn it is: everybody who has something waiting, once.
    turns: VecDeque<UserId>,
    waiting: usize,
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
                while let Some(job) = queue.next() {
                    job();
                }
            })?;
        }
        Ok(pool)
    }

    /// Does `work` on one of the threads, when it is `owner`'s turn. Work whose caller has gone is not begun.
    ///
    /// # Errors
    /// When there is no turn in time.
    pub async fn run<T: Send + 'static>(&self, owner: UserId, work: impl FnOnce() -> T + Send + 'static) -> Result<T, NoTurn> {
        let (job, result) = job(work);
        self.0.queue.push(owner, job)?;
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
        self.0.queue.push_first(owner, job);
        result.await.map_err(|_| NoTurn::Crashed)
    }
}

fn job<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> (Job, oneshot::Receiver<T>) {
    let (done, result) = oneshot::channel();
    let job: Job = Box::new(move || {
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

    fn push(&self, owner: UserId, job: Job) -> Result<(), NoTurn> {
        let mut lines = self.lock();
        let of_one = lines.of.get(&owner).map_or(0, VecDeque::len);
        if lines.waiting >= MOST_JOBS || of_one >= MOST_JOBS_OF_ONE {
            return Err(NoTurn::Full);
        }
        lines.line(owner).push_back(job);
        drop(lines);
        self.come.notify_one();
        Ok(())
    }

    fn push_first(&self, owner: UserId, job: Job) {
        self.lock().line(owner).push_front(job);
        self.come.notify_one();
    }

    /// The next job; `None` when the pool is over.
    fn next(&self) -> Option<Job> {
        let mut lines = self.lock();
        loop {
            if let Some(job) = lines.take() {
                return Some(job);
            }
            if lines.over {
                return None;
            }
            lines = self.come.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Lines {
    /// The line of one, to which a job is added.
    fn line(&mut self, owner: UserId) -> &mut VecDeque<Job> {
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
        let job = line.pop_front();
        if line.is_empty() {
            self.of.remove(&owner);
        } else {
            self.turns.push_back(owner);
        }
        self.waiting -= usize::from(job.is_some());
        job
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn accounts_take_turns_and_a_crash_costs_one_job() {
        let pool = WorkPool::start(1).unwrap();
        let (open, gate) = mpsc::channel::<()>();
        let order = Arc::new(Mutex::new(Vec::new()));
        let first = pool.run(UserId(1), move || gate.recv());
        let job = |owner: i64, name: &'static str| {
            let order = Arc::clone(&order);
            pool.run(UserId(owner), move || order.lock().unwrap().push(name))
        };
        let jobs = futures_util::future::join4(job(1, "a1"), job(1, "a2"), job(1, "a3"), job(2, "b1"));
        let crash = pool.run(UserId(3), || assert_eq!(1, 2, "on purpose"));
        let opened = async {
            tokio::task::yield_now().await;
            open.send(()).unwrap();
        };
        let (first, all, crash, ()) = futures_util::future::join4(first, jobs, crash, opened).await;
        assert!(first.is_ok() && all.0.is_ok() && all.1.is_ok() && all.2.is_ok() && all.3.is_ok());
        assert_eq!(crash, Err(NoTurn::Crashed));
        assert_eq!(*order.lock().unwrap(), ["a1", "b1", "a2", "a3"]);
        assert_eq!(pool.run(UserId(1), || 7).await, Ok(7), "the thread goes on");
    }

    #[tokio::test]
    async fn a_line_has_an_end_for_each_and_what_nobody_waits_for_is_not_done() {
        let pool = WorkPool::start(1).unwrap();
        let (open, gate) = mpsc::channel::<()>();
        let mut first = Box::pin(pool.run(UserId(1), move || gate.recv()));
        let poll = |future: &mut std::pin::Pin<Box<dyn Future<Output = Result<(), NoTurn>>>>| {
            futures_util::FutureExt::now_or_never(future.as_mut())
        };
        assert!(futures_util::FutureExt::now_or_never(first.as_mut()).is_none());
        let done = Arc::new(Mutex::new(0));
        let mut waiting: Vec<std::pin::Pin<Box<dyn Future<Output = Result<(), NoTurn>>>>> = Vec::new();
        for _ in 0..MOST_JOBS_OF_ONE + 8 {
            let (pool, done) = (pool.clone(), Arc::clone(&done));
            waiting.push(Box::pin(async move { pool.run(UserId(2), move || *done.lock().unwrap() += 1).await }));
        }
        let refused = waiting.iter_mut().filter_map(poll).filter(|told| *told == Err(NoTurn::Full)).count();
        assert_eq!(refused, 8);
        drop(waiting);
        open.send(()).unwrap();
        let _opened = first.await.unwrap();
        pool.run(UserId(2), || ()).await.unwrap();
        assert_eq!(*done.lock().unwrap(), 0);
    }
}
