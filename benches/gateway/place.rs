//! Where processes run and what they may open: every party is this very program, started again; it takes its place and
//! then plays its role, or becomes the proxy.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, kill_process, set_parent_process_death_signal, setrlimit,
};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Outcome;
use crate::account::family;

/// The roles, as the first argument names them.
pub const ORIGIN: &str = "as-origin";
pub const CLIENT: &str = "as-client";
pub const PROXY: &str = "as-proxy";

/// On which processors the parties run.
#[derive(Clone, Debug)]
pub struct Layout {
    pub proxy: Vec<usize>,
    pub others: Vec<usize>,
}

impl Layout {
    /// The proxy on one core, client and origin on another.
    pub fn apart(cores: &[usize]) -> Layout {
        Layout { proxy: cores[..1].to_vec(), others: cores[1..2].to_vec() }
    }

    /// Everything on one core.
    pub fn together(cores: &[usize]) -> Layout {
        Layout { proxy: cores[..1].to_vec(), others: cores[..1].to_vec() }
    }

    /// The proxy on so many cores, client and origin on two of their own; where there are no four, all on so many.
    pub fn scaled(cores: &[usize], proxy: usize) -> Layout {
        let others = cores.get(2..4).unwrap_or(&cores[..proxy]);
        Layout { proxy: cores[..proxy].to_vec(), others: others.to_vec() }
    }
}

/// The processors that this process may use.
pub fn cores() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
}

/// Takes its place: its processors, and an end when the bench ends.
pub fn take(cores: &str) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let mut set = CpuSet::new();
    for core in cores.split(',').filter_map(|core| core.parse().ok()) {
        set.set(core);
    }
    Ok(sched_setaffinity(None, &set)?)
}

/// Raises what this process, and those that it starts, may open, as far as it goes; how far that is.
pub fn open_many() -> io::Result<u64> {
    let most = fs::read_to_string("/proc/sys/fs/nr_open").ok().and_then(|most| most.trim().parse().ok());
    let hard = getrlimit(Resource::Nofile).maximum;
    // Whoever may not raise the hard limit (CAP_SYS_RESOURCE) stays below it.
    if setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).is_err() {
        setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard })?;
    }
    Ok(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX))
}

/// Becomes a program.
pub fn become_program(arguments: &[String]) -> io::Error {
    match arguments {
        [program, rest @ ..] => Command::new(program).args(rest).exec(),
        [] => io::ErrorKind::InvalidInput.into(),
    }
}

/// Starts a role.
fn role(role: &str, cores: &[usize], arguments: &[String]) -> io::Result<Command> {
    let cores: Vec<String> = cores.iter().map(usize::to_string).collect();
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(role).arg(cores.join(",")).args(arguments).stdin(Stdio::null());
    Ok(command)
}

/// A process of the bench; killed with all that it started when dropped.
pub struct Running {
    process: Child,
    stdout: Option<BufReader<ChildStdout>>,
}

impl Running {
    /// A role of the bench's own, which says something on standard output.
    pub fn role(name: &str, cores: &[usize], arguments: &[String]) -> io::Result<Running> {
        let mut process = role(name, cores, arguments)?.stdout(Stdio::piped()).spawn()?;
        let stdout = process.stdout.take().map(BufReader::new);
        Ok(Running { process, stdout })
    }

    /// A proxy, which says what it likes to a file.
    pub fn proxy(cores: &[usize], arguments: &[String], said: fs::File) -> io::Result<Running> {
        let process = role(PROXY, cores, arguments)?.stdout(said.try_clone()?).stderr(said).spawn()?;
        Ok(Running { process, stdout: None })
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.process.try_wait(), Ok(None))
    }

    /// A line that it says.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if let Some(stdout) = &mut self.stdout {
            stdout.read_line(&mut line)?;
        }
        Ok(line.trim().to_owned())
    }

    /// Everything that it says until it ends, and ends well.
    pub fn all(&mut self) -> Outcome<String> {
        let mut text = String::new();
        if let Some(stdout) = &mut self.stdout {
            stdout.read_to_string(&mut text)?;
        }
        if self.process.wait()?.success() { Ok(text) } else { Err("it ended badly; see above".into()) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.has_ended() {
            let others = family(self.process.id()).into_iter().skip(1);
            let others: Vec<Pid> = others.filter_map(|id| Pid::from_raw(id.cast_signed())).collect();
            let _ = self.process.kill();
            for other in others {
                let _ = kill_process(other, Signal::KILL);
            }
        }
        let _ = self.process.wait();
    }
}
