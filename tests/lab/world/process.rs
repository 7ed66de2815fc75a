//! Processes of the world: started where they belong, killed when dropped.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::Space;
use crate::clock;

/// How often a process is asked whether it has ended.
const EVERY: Duration = Duration::from_millis(5);
/// Clock ticks a second in /proc (proc(5); 100 on every Linux that matters).
const TICKS: f64 = 100.0;

/// A process. Its standard input is a pipe that says it is over when it is closed.
pub struct Process {
    name: String,
    child: Child,
    said: Option<BufReader<ChildStdout>>,
    errors: PathBuf,
}

/// The same command inside a namespace.
pub fn within(space: Space, priority: i32, program: &Path) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", space.name(), "nice", "-n", &priority.to_string()]).arg(program);
    command
}

impl Process {
    /// Starts one; what it says on standard error goes to a file of its name in this folder.
    pub fn start(name: &str, mut command: Command, dir: &Path) -> Process {
        let errors = dir.join(format!("{name}.err"));
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(&errors).unwrap());
        let mut child = pipes.spawn().unwrap_or_else(|error| panic!("could not start {name}: {error}"));
        let said = child.stdout.take().map(BufReader::new);
        Process { name: name.to_owned(), child, said, errors }
    }

    /// Waits until it says that it is ready.
    pub fn ready(mut self) -> Process {
        let mut line = String::new();
        if let Some(said) = &mut self.said {
            let _ = said.read_line(&mut line);
        }
        assert_eq!(line, "ready\n", "{} did not start: {}", self.name, self.complaint());
        self
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it said on standard error.
    pub fn complaint(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap_or_default()
    }

    /// Whether it runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Tells it that it is over.
    pub fn close(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits until it has ended well.
    pub fn ended(&mut self, limit: Duration) {
        let began = clock::now();
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) if status.success() => return,
                Some(status) => panic!("{} ended with {status}: {}", self.name, self.complaint()),
                None if clock::now() - began > limit.as_nanos() as u64 => panic!("{} did not end", self.name),
                None => std::thread::sleep(EVERY),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a process has been on a processor, in its own name and in the kernel's, in seconds.
pub fn cpu_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The second field, the name, may hold anything; it ends at the last parenthesis.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / TICKS
}
