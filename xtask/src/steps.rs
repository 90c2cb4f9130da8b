//! Steps with progress, their times, and one summary at the end.

use anyhow::Result;
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

/// How a step that did not fail ended.
pub enum Ended {
    Done,
    /// Not run, and why.
    Skipped(String),
}

enum State {
    Done,
    Skipped(String),
    Failed(String),
}

struct Step {
    name: String,
    state: State,
    took: Duration,
}

/// What was done so far. A failed step does not stop the next: one run shows all that is wrong.
pub struct Steps {
    total: usize,
    done: Vec<Step>,
    /// Parts of steps that were left out, `name: why`.
    left_out: Vec<String>,
}

impl Steps {
    pub fn new(total: usize) -> Self {
        Self { total, done: Vec::new(), left_out: Vec::new() }
    }

    /// True unless it failed.
    pub fn run(&mut self, name: &str, work: impl FnOnce() -> Result<Ended>) -> bool {
        println!("\n== {}/{} {name}", self.done.len() + 1, self.total);
        let start = Instant::now();
        let state = match work() {
            Ok(Ended::Done) => State::Done,
            Ok(Ended::Skipped(why)) => State::Skipped(why),
            Err(error) => State::Failed(format!("{error:#}")),
        };
        let took = start.elapsed();
        println!("-- {name}: {}, {:.1} s", told(&state), took.as_secs_f64());
        let good = !matches!(state, State::Failed(_));
        self.done.push(Step { name: name.to_owned(), state, took });
        good
    }

    pub fn leave_out(&mut self, line: &str) {
        self.left_out.push(line.to_owned());
    }

    /// Prints the summary; fails when any step did.
    pub fn finish(self) -> ExitCode {
        println!("\n== summary");
        for step in &self.done {
            println!("{:>8.1} s  {}: {}", step.took.as_secs_f64(), step.name, told(&step.state));
        }
        let total: Duration = self.done.iter().map(|step| step.took).sum();
        println!("{:>8.1} s  in all", total.as_secs_f64());
        let skipped = self.done.iter().filter_map(|step| match &step.state {
            State::Skipped(why) => Some(format!("{}: {why}", step.name)),
            State::Done | State::Failed(_) => None,
        });
        for line in skipped.chain(self.left_out) {
            println!("skipped  {line}");
        }
        let failed = self.done.iter().any(|step| matches!(step.state, State::Failed(_)));
        if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

fn told(state: &State) -> String {
    match state {
        State::Done => "ok".to_owned(),
        State::Skipped(why) => format!("skipped, {why}"),
        State::Failed(why) => format!("FAILED, {why}"),
    }
}
