//! What only Linux tells. Elsewhere the crate builds, and says at run time that it cannot measure.

#[cfg(target_os = "linux")]
mod here {
    use std::io;
    use std::time::Duration;

    use nix::time::ClockId;
    use nix::unistd::Pid;

    /// User and system time of a process, all threads that it ever had, in nanoseconds: utime + stime of
    /// `/proc/PID/stat` would come in steps of 10 ms, and the tasks under `/proc/PID/task` forget ended threads.
    pub(crate) fn process_cpu(pid: u32) -> io::Result<Duration> {
        let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(pid as i32))?;
        Ok(clock.now()?.into())
    }

    /// This thread's id under `/proc/self/task`.
    pub(crate) fn thread_id() -> i32 {
        nix::unistd::gettid().as_raw()
    }

    /// Lifts the soft limit of open files to the hard one, for this process and those that it starts; gives the limit.
    pub(crate) fn raise_open_files() -> io::Result<u64> {
        use nix::sys::resource::{Resource, getrlimit, setrlimit};
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        Ok(hard)
    }

    /// Asks a process to end. Only for children of this one that were not waited for yet: their ids are not reused.
    pub(crate) fn terminate(pid: u32) -> io::Result<()> {
        nix::sys::signal::kill(Pid::from_raw(pid as i32), nix::sys::signal::Signal::SIGTERM)?;
        Ok(())
    }

    /// Asks the kernel to end this process when the one that started it ends, however that happens.
    pub fn end_with_parent() {
        // Best effort: without it, an orchestrator killed with SIGKILL leaves this process behind.
        let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
    }
}

#[cfg(not(target_os = "linux"))]
mod here {
    use std::io;
    use std::time::Duration;

    pub(crate) fn process_cpu(_pid: u32) -> io::Result<Duration> {
        Err(io::Error::other(
            "the benchmark measures through /proc: run it on Linux",
        ))
    }

    pub(crate) fn thread_id() -> i32 {
        0
    }

    pub(crate) fn raise_open_files() -> io::Result<u64> {
        Ok(u64::MAX)
    }

    pub(crate) fn terminate(_pid: u32) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Nothing outside Linux.
    pub fn end_with_parent() {}
}

pub use here::end_with_parent;
pub(crate) use here::{process_cpu, raise_open_files, terminate, thread_id};
