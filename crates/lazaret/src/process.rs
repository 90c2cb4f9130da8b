//! The process itself: private memory, the wall clock, and the signals it listens to.

use anyhow::Context;
use lexicon::Time;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// No core file, no reading of memory by others of the same user: keys and health data pass through it (decision 25).
pub fn keep_memory_private() -> anyhow::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("the process cannot be made undumpable")?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })
        .context("core files cannot be switched off")
}

/// A panic says where, and nothing of what: its message may hold what was being handled.
pub fn panic_without_words() {
    std::panic::set_hook(Box::new(|panic| crate::output::note(&place(panic))));
}

fn place(panic: &std::panic::PanicHookInfo<'_>) -> String {
    match panic.location() {
        Some(at) => format!("panicked at {}:{}; the passage is recorded as abandoned", at.file(), at.line()),
        None => "panicked; the passage is recorded as abandoned".to_owned(),
    }
}

/// The one place where the wall clock is read. Before 1970 counts as 1970: every token is then not valid yet.
pub fn now() -> Time {
    #[expect(clippy::disallowed_methods, reason = "the clock that is handed to everyone is made here")]
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Time::from_millis(since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)))
}

/// Ends on Ctrl-C or SIGTERM.
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// SIGHUP asks for a reload.
pub fn hangups() -> anyhow::Result<Signal> {
    Ok(signal(SignalKind::hangup())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn a_panic_does_not_repeat_its_message() {
        let said = Arc::new(Mutex::new(String::new()));
        let before = std::panic::take_hook();
        let hook = Arc::clone(&said);
        std::panic::set_hook(Box::new(move |panic| *hook.lock().expect("test") = place(panic)));
        let ended = std::panic::catch_unwind(|| panic!("jane doe"));
        std::panic::set_hook(before);
        let said = said.lock().expect("test").clone();
        assert!(ended.is_err() && said.contains("process.rs:") && !said.contains("jane"), "{said}");
    }
}
