//! What processes, threads and the machine used.

use std::fs;
use std::io;
use std::time::Duration;

use crate::os;

/// A snapshot of one process.
#[derive(Clone, Copy)]
pub(crate) struct ProcessUsage {
    pub(crate) cpu: Duration,
    pub(crate) rss_kib: u64,
    pub(crate) peak_kib: u64,
}

impl ProcessUsage {
    pub(crate) fn of(pid: u32) -> io::Result<Self> {
        let cpu = os::process_cpu(pid)?;
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let field = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"))
                .and_then(|kib| kib.trim().parse().ok())
                .ok_or_else(|| {
                    io::Error::other(format!("/proc/{pid}/status has no {name} (has it ended?)"))
                })
        };
        Ok(Self {
            cpu,
            rss_kib: field("VmRSS:")?,
            peak_kib: field("VmHWM:")?,
        })
    }
}

/// A snapshot of one thread of this process.
#[derive(Clone, Copy, Default)]
pub(crate) struct ThreadUsage {
    /// Time on a core.
    pub(crate) ran: Duration,
    /// Time that it could have run and had no core.
    pub(crate) waited: Duration,
}

impl ThreadUsage {
    pub(crate) fn of(thread: i32) -> io::Result<Self> {
        let text = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat"))?;
        let mut fields = text
            .split_whitespace()
            .map(|nanos| nanos.parse().map(Duration::from_nanos));
        match (fields.next(), fields.next()) {
            (Some(Ok(ran)), Some(Ok(waited))) => Ok(Self { ran, waited }),
            _ => Err(io::Error::other(
                "this kernel has no schedstat: the benchmark needs CONFIG_SCHED_INFO",
            )),
        }
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            ran: self.ran.saturating_sub(before.ran),
            waited: self.waited.saturating_sub(before.waited),
        }
    }
}

/// Time that all cores together were busy since the machine started, in steps of 10 ms.
pub(crate) fn machine_busy() -> io::Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let first = stat.lines().next().unwrap_or_default();
    // user nice system idle iowait irq softirq steal: the idle two are not busy.
    let ticks: u64 = first
        .split_whitespace()
        .skip(1)
        .take(8)
        .enumerate()
        .filter(|(column, _)| !matches!(column, 3 | 4))
        .filter_map(|(_, ticks)| ticks.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// Cores that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
