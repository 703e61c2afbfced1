//! One story, struck at every call.

use std::{fs, os::unix::fs::MetadataExt};

use nix::errno::Errno;
use serde_json::Value;

use super::{
    call::Call,
    each, is_whole,
    stage::{Home, Stage, tokens_at},
    tell,
    tracer::{Onlooker, Verdict, Watcher},
};
use crate::support::Ended;

/// Something that the program is asked for, and what must be true of the home before, while and afterwards.
pub trait Story: Sync {
    /// What this run began with.
    type Start;

    /// The arguments of the program.
    fn asked(&self) -> &[&str];

    /// The arguments with which the program is started again after it was struck.
    fn asked_again(&self) -> &[&str] {
        self.asked()
    }

    /// Whether the program is struck before this call. The others are struck in another story.
    fn is_struck(&self, _call: &Call) -> bool {
        true
    }

    /// What is wrong with `list --json` after a kill.
    fn check_listed(&self, listed: &Ended) -> Result<(), String> {
        check_list(listed)
    }

    /// Fills an empty home.
    fn begin(&self, home: &Home) -> Self::Start;

    /// What must lie in some file at every moment.
    fn precious(&self, start: &Self::Start) -> Vec<String>;

    /// The tokens that the live file may have: those before and those afterwards.
    fn live(&self, start: &Self::Start) -> [Option<Value>; 2];

    /// What is wrong when the program says that it is done.
    fn check_done(&self, home: &Home, start: &Self::Start, said: &Ended) -> Result<(), String>;

    /// What is wrong when it says that it is done the second time.
    fn check_done_again(
        &self,
        home: &Home,
        start: &Self::Start,
        said: &Ended,
    ) -> Result<(), String> {
        self.check_done(home, start, said)
    }

    /// Whether it says the second time that it had been done the first time.
    fn was_done_before(&self, _again: &Ended) -> bool {
        false
    }

    /// Whether a kill at this moment has cost a login, as nobody can prevent; the program must say so then.
    fn is_lost(&self, _home: &Home, _start: &Self::Start) -> bool {
        false
    }

    /// Whether the second time it says that a login is lost.
    fn is_loss_told(&self, again: &Ended) -> bool {
        again.code == Some(1) && again.stderr.contains("sign in again")
    }

    /// What is wrong when everything has been done twice, or once and a half.
    fn check_spent(&self, _start: &Self::Start, _is_lost: bool) -> Result<(), String> {
        Ok(())
    }
}

/// Kills the program before each call, and looks, and starts it again.
pub fn kill_at_each_call<S: Story>(stage: &Stage, story: &S) -> Vec<Call> {
    let calls = undisturbed(stage, story);
    // Between two changes the disk is the same, whatever was read.
    let points: Vec<usize> = (0..calls.len())
        .filter(|number| story.is_struck(&calls[*number]))
        .filter(|number| is_whole() || calls[*number].changes)
        .collect();
    let outcomes = each(&points, |number| kill_at(stage, story, *number));
    let mut lost = Vec::new();
    let mut not_reached = 0;
    let mut wrong = Vec::new();
    for outcome in outcomes {
        match outcome {
            Ok(Killed::NotReached) => not_reached += 1,
            Ok(Killed::Kept) => {}
            Ok(Killed::Lost(call)) => lost.push(call),
            Err(why) => wrong.push(why),
        }
    }
    assert_none(&wrong, points.len());
    assert!(
        not_reached * 20 <= points.len(),
        "{not_reached} of {} calls were not made the second time",
        points.len()
    );
    tell(&format!(
        "`{}` killed before {} of its {} calls, then `{}`; logins lost: {}",
        story.asked().join(" "),
        points.len() - not_reached,
        calls.len(),
        story.asked_again().join(" "),
        lost.len()
    ));
    lost
}

/// Lets each call fail in each way, and looks, and starts the program again.
pub fn fail_each_call<S: Story>(stage: &Stage, story: &S) {
    /// Where not all are tried: one in so many of the calls that only look.
    const STRIDE: usize = 31;
    let calls = undisturbed(stage, story);
    let points: Vec<(usize, Errno)> = calls
        .iter()
        .enumerate()
        .filter(|(_, call)| story.is_struck(call))
        .flat_map(|(number, call)| {
            let in_sample = call.changes || number % STRIDE == 0;
            ERRORS
                .into_iter()
                .enumerate()
                .filter_map(move |(which, errno)| {
                    let is_its_turn = in_sample && number % ERRORS.len() == which;
                    (is_whole() || is_its_turn).then_some((number, errno))
                })
        })
        .collect();
    let outcomes = each(&points, |(number, errno)| {
        fail_at(stage, story, *number, *errno)
    });
    let wrong: Vec<String> = outcomes.into_iter().filter_map(Result::err).collect();
    assert_none(&wrong, points.len());
    tell(&format!(
        "`{}`: {} failures, by its {} calls and {} errors",
        story.asked().join(" "),
        points.len(),
        calls.len(),
        ERRORS.len()
    ));
}

/// Tells the first few of what is wrong.
#[track_caller]
fn assert_none(wrong: &[String], of: usize) {
    let few: Vec<_> = wrong.iter().take(8).map(String::as_str).collect();
    assert!(
        wrong.is_empty(),
        "{} of {of} points: \n{}",
        wrong.len(),
        few.join("\n")
    );
}

const ERRORS: [Errno; 6] = [
    Errno::EIO,
    Errno::ENOSPC,
    Errno::EACCES,
    Errno::EROFS,
    Errno::EDQUOT,
    Errno::EINTR,
];

/// The calls of a run that nobody disturbs.
fn undisturbed<S: Story>(stage: &Stage, story: &S) -> Vec<Call> {
    let home = stage.home();
    let start = story.begin(&home);
    let (traced, ended) = stage.trace(&home, story.asked(), &mut Onlooker);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    story.check_done(&home, &start, &ended).unwrap();
    check_modes(&home).unwrap();
    traced.calls
}

enum Killed {
    /// This time the program made fewer calls.
    NotReached,
    Kept,
    /// It had to sign in again, and said so.
    Lost(Call),
}

fn kill_at<S: Story>(stage: &Stage, story: &S, number: usize) -> Result<Killed, String> {
    let home = stage.home();
    let start = story.begin(&home);
    let mut strike = Strike::new(number, Verdict::Kill);
    let (mut traced, ended) = stage.trace(&home, story.asked(), &mut strike);
    if !strike.has_struck {
        return Ok(Killed::NotReached);
    }
    let call = traced.calls.swap_remove(number);
    let here = |why: String| format!("killed before call {number}, {call}: {why}");
    if ended.code.is_some() {
        return Err(here(format!("it lives on: {ended:?}")));
    }
    let is_lost = story.is_lost(&home, &start);
    check_whole(&home, story, &start).map_err(here)?;
    // One for the file that is replaced, and one for a note of ours meanwhile.
    if home.temporaries().len() > 2 {
        return Err(here(format!("left behind: {:?}", home.temporaries())));
    }

    home.age_temporaries();
    if is_whole() || number.is_multiple_of(4) {
        let listed = stage.run(&home, &["list", "--json"]);
        story.check_listed(&listed).map_err(here)?;
    }
    let again = stage.run(&home, story.asked_again());
    story.check_spent(&start, is_lost).map_err(here)?;
    check_told(&again).map_err(here)?;
    if is_lost {
        return match story.is_loss_told(&again) {
            true => Ok(Killed::Lost(call)),
            false => Err(here(format!("a login is lost in silence: {again:?}"))),
        };
    }
    check_again(stage, &home, story, &start, &again).map_err(here)?;
    Ok(Killed::Kept)
}

fn fail_at<S: Story>(stage: &Stage, story: &S, number: usize, errno: Errno) -> Result<(), String> {
    let home = stage.home();
    let start = story.begin(&home);
    let mut strike = Strike::new(number, Verdict::Fail(errno));
    let (traced, ended) = stage.trace(&home, story.asked(), &mut strike);
    let Some(call) = traced.calls.get(number) else {
        return Ok(());
    };
    let here = |why: String| format!("{errno} at call {number}, {call}: {why}");
    check_told(&ended).map_err(here)?;
    check_whole(&home, story, &start).map_err(here)?;
    let live = tokens_at(&home.live_path());
    match ended.code {
        Some(0) => story.check_done(&home, &start, &ended).map_err(here)?,
        Some(1 | 2) if live == story.live(&start)[0] => {}
        _ => {
            return Err(here(format!(
                "it says that it failed, and Codex has the new login: {ended:?}"
            )));
        }
    }
    let temporaries = home.temporaries();
    if !temporaries.is_empty() && call.name != "unlinkat" {
        return Err(here(format!("left behind: {temporaries:?}: {ended:?}")));
    }

    home.age_temporaries();
    let again = stage.run(&home, story.asked_again());
    story.check_spent(&start, false).map_err(here)?;
    check_told(&again).map_err(here)?;
    check_again(stage, &home, story, &start, &again)
        .map_err(|why| here(format!("{why}; {ended:?}")))
}

/// Strikes once.
struct Strike {
    number: usize,
    verdict: Verdict,
    has_struck: bool,
}

impl Strike {
    fn new(number: usize, verdict: Verdict) -> Self {
        Self {
            number,
            verdict,
            has_struck: false,
        }
    }
}

impl Watcher for Strike {
    fn enters(&mut self, number: usize, _call: &Call) -> Verdict {
        if number != self.number {
            return Verdict::Go;
        }
        self.has_struck = true;
        self.verdict
    }

    fn has_seen_enough(&self) -> bool {
        self.has_struck
    }
}

/// The live file is the old one or the new one, and nothing is missing.
fn check_whole<S: Story>(home: &Home, story: &S, start: &S::Start) -> Result<(), String> {
    let live = tokens_at(&home.live_path());
    if !story.live(start).contains(&live) {
        let text = fs::read_to_string(home.live_path());
        return Err(format!("the live file is neither old nor new: {text:?}"));
    }
    if let Some(lost) = story.precious(start).iter().find(|text| !home.says(text)) {
        return Err(format!("{lost} is nowhere"));
    }
    check_modes(home)
}

/// Nothing is for anybody but its owner.
pub fn check_modes(home: &Home) -> Result<(), String> {
    for path in home.entries() {
        let meta = fs::symlink_metadata(home.path().join(&path)).unwrap();
        let right = if meta.is_dir() { 0o700 } else { 0o600 };
        if meta.mode() & 0o777 != right {
            return Err(format!("{path:?} has mode {:o}", meta.mode() & 0o777));
        }
    }
    Ok(())
}

/// It failed in words, if it failed.
fn check_told(ended: &Ended) -> Result<(), String> {
    let is_told = match ended.code {
        Some(0) => true,
        Some(1 | 2) => ended.stderr.contains("codex-router: "),
        _ => false,
    };
    match is_told && !ended.stderr.contains("panicked") {
        true => Ok(()),
        false => Err(format!("not told in words: {ended:?}")),
    }
}

/// Every account is there and can be read.
pub fn check_list(listed: &Ended) -> Result<(), String> {
    let wrong = || format!("the list is not right: {listed:?}");
    let rows: Vec<Value> = serde_json::from_str(&listed.stdout).map_err(|_broken| wrong())?;
    let is_right =
        listed.code == Some(0) && !rows.is_empty() && rows.iter().all(|row| row["health"] == "ok");
    is_right.then_some(()).ok_or_else(wrong)
}

/// The second time it was done, and nothing is left of the first.
fn check_again<S: Story>(
    stage: &Stage,
    home: &Home,
    story: &S,
    start: &S::Start,
    again: &Ended,
) -> Result<(), String> {
    if again.code != Some(0) && !story.was_done_before(again) {
        return Err(format!("the second time it failed: {again:?}"));
    }
    story.check_done_again(home, start, again)?;
    check_whole(home, story, start)?;
    if !home.temporaries().is_empty() {
        // One that was newer than its file at the last start was spared then.
        stage.run(home, &["list"]);
    }
    match home.temporaries().as_slice() {
        [] => Ok(()),
        left => Err(format!("still there after the next start: {left:?}")),
    }
}
