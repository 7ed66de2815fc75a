//! Programs that tests start: run to their end with a bound, what they wrote kept.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::until;

/// What a program left behind.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote as data.
    pub stdout: Vec<u8>,
    /// What it wrote for people.
    pub stderr: String,
}

impl Ran {
    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Itself, if it went well.
    #[track_caller]
    pub fn ok(self) -> Ran {
        assert_eq!(self.code, Some(0), "stdout: {}\nstderr: {}", self.text(), self.stderr);
        self
    }
}

/// Runs a program to its end; one that takes longer than the limit is killed with all its children.
#[track_caller]
pub fn run(command: &mut Command, limit: Duration) -> Ran {
    run_with(command, limit, Vec::new())
}

/// The same, with something to read on its standard input.
#[track_caller]
pub fn run_with(command: &mut Command, limit: Duration, input: impl Into<Input>) -> Ran {
    use std::os::unix::process::CommandExt;
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child =
        command.spawn().unwrap_or_else(|error| panic!("{program} does not start: {error}; run deploy/test-deps"));
    let group = Pid::from_child(&child);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.into();
    thread::spawn(move || input.write_to(&mut stdin));
    let out = collect(child.stdout.take().unwrap());
    let err = collect(child.stderr.take().unwrap());
    let (done, waiting) = mpsc::channel();
    let waiter = thread::spawn(move || {
        let status = child.wait();
        let _ = done.send(());
        status
    });
    let late = waiting.recv_timeout(limit).is_err();
    // A browser leaves children behind that keep the pipes open; nothing of a finished program is wanted any more.
    let _ = kill_process_group(group, Signal::KILL);
    let status = waiter.join().unwrap().unwrap();
    let (stdout, stderr) = (out.join().unwrap(), String::from_utf8_lossy(&err.join().unwrap()).into_owned());
    assert!(
        !late,
        "{program} took longer than {limit:?}\nstdout: {}\nstderr: {stderr}",
        String::from_utf8_lossy(&stdout)
    );
    Ran { code: status.code(), stdout, stderr }
}

fn collect(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        let _ = pipe.read_to_end(&mut all);
        all
    })
}

/// What a program reads.
pub enum Input {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A pattern of this many bytes, never held whole.
    Pattern(super::Pattern, u64),
}

impl From<Vec<u8>> for Input {
    fn from(bytes: Vec<u8>) -> Self {
        Input::Bytes(bytes)
    }
}

impl Input {
    fn write_to(self, to: &mut impl Write) {
        // A program that stops reading says so by its exit code.
        let _ = match self {
            Input::Bytes(bytes) => to.write_all(&bytes),
            Input::Pattern(mut pattern, bytes) => pattern.write_to(to, bytes),
        };
    }
}

/// Starts a program whose output is data, gives each piece of it to `each`, and returns its exit code.
#[track_caller]
pub fn stream(command: &mut Command, limit: Duration, mut each: impl FnMut(&[u8])) -> Ran {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        command.spawn().unwrap_or_else(|error| panic!("{program} does not start: {error}; run deploy/test-deps"));
    let mut out = child.stdout.take().unwrap();
    let err = collect(child.stderr.take().unwrap());
    let mut piece = vec![0; 256 << 10];
    loop {
        match out.read(&mut piece).unwrap() {
            0 => break,
            n => each(&piece[..n]),
        }
    }
    let status = until(limit, &format!("the end of {program}"), || child.try_wait().unwrap());
    Ran { code: status.code(), stdout: Vec::new(), stderr: String::from_utf8_lossy(&err.join().unwrap()).into_owned() }
}
