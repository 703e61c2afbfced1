//! Runs a program and stops it at each system call that touches one directory, whichever of its threads makes it.
//!
//! `strace` could kill it or make a call fail as well (`--inject`), but counts the calls of each thread by themselves: what the
//! second thread does before it is as far as the first one was is never hit. Here a call has one number among all.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use nix::{
    errno::Errno,
    libc,
    sys::{
        ptrace::{self, Options},
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use super::call::{self, Call};

/// What becomes of a call that is about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Go,
    /// It is not made, and neither is any other: the whole program dies as by `kill -9`.
    Kill,
    /// It is not made and returns this. A file is closed all the same.
    Fail(Errno),
}

/// Who looks at the calls.
pub trait Watcher {
    /// The call of this number, counted from 0, is about to be made.
    fn enters(&mut self, _number: usize, _call: &Call) -> Verdict {
        Verdict::Go
    }

    /// It has been made; `call.result` says how it went.
    fn returned(&mut self, _call: &Call) {}

    /// Whether nothing that comes is of interest: the program runs on by itself.
    fn has_seen_enough(&self) -> bool {
        false
    }
}

/// Looks on.
pub struct Onlooker;

impl Watcher for Onlooker {}

/// How a traced program ended, and what it did.
#[derive(Debug)]
pub struct Traced {
    /// In the order in which they began. One that was not finished has no result.
    pub calls: Vec<Call>,
    /// `None`: killed.
    pub code: Option<i32>,
}

/// The shell stops itself before it becomes the program, so that nothing of that is missed.
pub const STOP_THEN_RUN: &str = "kill -STOP $$; exec \"$@\"";

/// Starts a shell with [`STOP_THEN_RUN`] and follows what it becomes until that ends.
///
/// # Errors
/// When this system lets nobody be traced.
#[expect(
    clippy::zombie_processes,
    reason = "whoever traces a program also waits for it, thread by thread"
)]
pub fn trace(
    command: &mut Command,
    directory: &Path,
    watcher: &mut dyn Watcher,
) -> nix::Result<Traced> {
    let child = command.spawn().unwrap();
    let leader = Pid::from_raw(i32::try_from(child.id()).unwrap());
    waitpid(leader, Some(WaitPidFlag::WUNTRACED))?;
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    let seized = ptrace::seize(leader, options);
    if let Err(err) = seized {
        kill(leader, Signal::SIGKILL)?;
        waitpid(leader, None)?;
        return Err(err);
    }
    kill(leader, Signal::SIGCONT)?;
    let mut tracing = Tracing {
        leader,
        directory: directory.to_owned(),
        is_the_program: false,
        is_killed: false,
        calls: Vec::new(),
        under_way: HashMap::new(),
    };
    let code = tracing.follow(watcher)?;
    Ok(Traced {
        calls: tracing.calls,
        code,
    })
}

struct Tracing {
    leader: Pid,
    directory: PathBuf,
    /// Not the shell any more.
    is_the_program: bool,
    is_killed: bool,
    calls: Vec<Call>,
    /// By thread.
    under_way: HashMap<Pid, UnderWay>,
}

#[derive(Default)]
struct UnderWay {
    /// Where it is among the calls, if it is one on the directory.
    call: Option<usize>,
    /// What is returned instead of what the system says.
    result: Option<i64>,
}

impl Tracing {
    /// Until the leader is gone, and with it every thread.
    fn follow(&mut self, watcher: &mut dyn Watcher) -> nix::Result<Option<i32>> {
        loop {
            let any = Pid::from_raw(-1);
            let ours = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
            let (thread, signal) = match waitpid(any, Some(ours))? {
                WaitStatus::Exited(pid, code) if pid == self.leader => return Ok(Some(code)),
                WaitStatus::Signaled(pid, _, _) if pid == self.leader => return Ok(None),
                WaitStatus::PtraceSyscall(thread) => {
                    self.note_stop(thread, watcher);
                    (thread, None)
                }
                WaitStatus::PtraceEvent(thread, _, libc::PTRACE_EVENT_EXEC) => {
                    self.is_the_program = true;
                    (thread, None)
                }
                WaitStatus::PtraceEvent(thread, _, _) => (thread, None),
                WaitStatus::Stopped(thread, signal) => (thread, Some(signal)),
                _ => continue,
            };
            let goes_on = match watcher.has_seen_enough() && !self.owes_a_result() {
                true => ptrace::cont(thread, signal),
                false => ptrace::syscall(thread, signal),
            };
            match goes_on {
                // Killed meanwhile: its end is reported next.
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(err) => return Err(err),
            }
        }
    }

    /// Whether a call that is under way is to return something else than the system says.
    fn owes_a_result(&self) -> bool {
        let mut calls = self.under_way.values();
        calls.any(|under_way| under_way.result.is_some())
    }

    /// A thread that is gone by now cannot be asked; its end is reported next.
    fn note_stop(&mut self, thread: Pid, watcher: &mut dyn Watcher) {
        if self.is_killed || !self.is_the_program {
            return;
        }
        let Ok(info) = ptrace::syscall_info(thread) else {
            return;
        };
        match info.op {
            libc::PTRACE_SYSCALL_INFO_ENTRY => self.note_entry(thread, watcher),
            libc::PTRACE_SYSCALL_INFO_EXIT => self.note_exit(thread, watcher),
            _ => {}
        }
    }

    fn note_entry(&mut self, thread: Pid, watcher: &mut dyn Watcher) {
        let Ok(mut registers) = ptrace::getregs(thread) else {
            return;
        };
        let mut under_way = UnderWay::default();
        // A process that may not be dumped hides its files from a tracer that is not root.
        if registers.orig_rax.cast_signed() == libc::SYS_prctl
            && registers.rdi == libc::PR_SET_DUMPABLE as u64
        {
            under_way.result = Some(0);
        }
        if let Some(call) = call::on(&self.directory, thread, &registers) {
            let number = self.calls.len();
            under_way.call = Some(number);
            let verdict = watcher.enters(number, &call);
            self.calls.push(call);
            match verdict {
                Verdict::Go => {}
                Verdict::Fail(errno) => under_way.result = Some(-i64::from(errno as i32)),
                Verdict::Kill => {
                    self.is_killed = true;
                    kill(self.leader, Signal::SIGKILL).unwrap();
                    return;
                }
            }
        }
        // One that reports an error has closed the file all the same (close(2)).
        let is_close = registers.orig_rax.cast_signed() == libc::SYS_close;
        if under_way.result.is_some() && !is_close {
            // No call has this number.
            registers.orig_rax = u64::MAX;
            ptrace::setregs(thread, registers).unwrap();
        }
        self.under_way.insert(thread, under_way);
    }

    fn note_exit(&mut self, thread: Pid, watcher: &mut dyn Watcher) {
        let Some(under_way) = self.under_way.remove(&thread) else {
            return;
        };
        let Ok(mut registers) = ptrace::getregs(thread) else {
            return;
        };
        if let Some(result) = under_way.result {
            registers.rax = result.cast_unsigned();
            ptrace::setregs(thread, registers).unwrap();
        }
        let call = under_way.call.and_then(|number| self.calls.get_mut(number));
        if let Some(call) = call {
            call.result = Some(registers.rax.cast_signed());
            watcher.returned(call);
        }
    }
}

/// A text in the memory of the program.
pub fn text_at(thread: Pid, address: u64) -> Option<String> {
    let mut bytes = Vec::new();
    for at in (address..).step_by(8) {
        let word = ptrace::read(thread, at as ptrace::AddressType).ok()?;
        let word = word.to_ne_bytes();
        if let Some(end) = word.iter().position(|byte| *byte == 0) {
            bytes.extend(word.iter().take(end));
            break;
        }
        bytes.extend(word);
    }
    String::from_utf8(bytes).ok()
}

/// The path of an open file of the program.
pub fn path_of(thread: Pid, descriptor: u64) -> Option<PathBuf> {
    let descriptor = descriptor as i32; // it came from one
    fs::read_link(format!("/proc/{thread}/fd/{descriptor}")).ok()
}
