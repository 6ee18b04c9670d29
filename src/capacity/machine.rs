//! What the machine has, as far as defaults depend on it.

use std::thread::available_parallelism;

/// Bodies get this part of the memory by default…
const PART: usize = 8;
/// …but at least so much, or the largest body allowed by default could not be read…
const LEAST: usize = 64 << 20;
/// …and at most so much: who serves many large bodies at once can say so.
const MOST: usize = 192 << 20;

/// Most threads for large work.
const MOST_THREADS: usize = 8;

/// The default budget for bodies: a part of the container's or the machine's memory.
pub(super) fn body_memory() -> usize {
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let container = limits.iter().find_map(|path| std::fs::read_to_string(path).ok()?.trim().parse::<usize>().ok());
    let machine = std::fs::read_to_string("/proc/meminfo").ok().as_deref().and_then(total);
    budget(container.into_iter().chain(machine).min())
}

fn budget(memory: Option<usize>) -> usize {
    memory.map_or(LEAST, |memory| (memory / PART).clamp(LEAST, MOST))
}

/// `MemTotal` in bytes.
fn total(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1024)
}

/// One core stays free for the HTTP threads, where there is more than one.
pub(super) fn pool_threads() -> usize {
    available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).clamp(1, MOST_THREADS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_a_part_of_the_memory_within_bounds() {
        assert_eq!(budget(Some(1 << 30)), 128 << 20);
        assert_eq!(budget(Some(256 << 20)), LEAST);
        assert_eq!(budget(Some(usize::MAX)), MOST, "a cgroup without a limit");
        assert_eq!(budget(None), LEAST);
        assert_eq!(total("MemTotal:       24684092 kB\nMemFree: 1 kB\n"), Some(24_684_092 * 1024));
    }
}
