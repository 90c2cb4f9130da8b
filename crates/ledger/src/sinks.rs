//! Checkpoints kept elsewhere (decision 7): files on other volumes or machines, that a book which was put back to an
//! older state does not fit. Written by a thread of their own, for the place they lie in may hang.

use crate::gauges::Gauges;
use crate::volume::replace_file;
use evidence::{Checkpoint, Head, NoteError, Verifier};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io};

/// Why what a sink holds cannot be compared with.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error(
        "it is not there; put this book's checkpoint there with `lazaret evidence verify --save`, once, if the sink is new"
    )]
    Missing,
    #[error("it is in the book's own folder, and would be put back together with it; use another volume or machine")]
    Inside,
    #[error("it is not a checkpoint of this book")]
    Foreign(#[from] NoteError),
    #[error("it cannot be read; is its volume there?")]
    Io(#[from] io::Error),
}

/// Most bytes of a checkpoint file, with room for witnesses' signatures.
const NOTE: u64 = 256 << 10;

/// How long a clean end waits for the last checkpoint to get where it is kept.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a sink holds. One that holds nothing tells nothing, so that is no answer.
pub(crate) fn held(sink: &Path, book: &Path, verifier: &Verifier) -> Result<Head, SinkError> {
    let folder = sink.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.canonicalize()? == book.canonicalize()? {
        return Err(SinkError::Inside);
    }
    let mut text = String::new();
    match fs::File::open(sink) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(SinkError::Missing),
        opened => io::Read::read_to_string(&mut io::Read::take(opened?, NOTE), &mut text)?,
    };
    Ok(Checkpoint::open(&text, verifier)?.tree)
}

/// Hands checkpoints on to the thread that writes them. Never waits; of several only the newest is written.
pub(crate) struct Sinks {
    newest: Arc<Mutex<Option<String>>>,
    wake: Option<SyncSender<()>>,
    done: Receiver<()>,
}

impl Sinks {
    /// `None` when there are none.
    pub fn start(paths: Vec<PathBuf>, again: Duration, gauges: Arc<Gauges>) -> io::Result<Option<Self>> {
        if paths.is_empty() {
            return Ok(None);
        }
        let newest = Arc::new(Mutex::new(None));
        let (wake, woken) = sync_channel(1);
        let (ended, done) = channel();
        let mut courier = Courier { paths, newest: Arc::clone(&newest), again, gauges };
        std::thread::Builder::new().name("sinks".into()).spawn(move || {
            courier.run(&woken);
            let _ = ended.send(());
        })?;
        Ok(Some(Self { newest, wake: Some(wake), done }))
    }

    pub fn hand(&self, note: String) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(note);
        if let Some(wake) = &self.wake {
            // A courier that was woken and has not come yet will find the newer one.
            let _ = wake.try_send(());
        }
    }
}

impl Drop for Sinks {
    fn drop(&mut self) {
        drop(self.wake.take());
        let _ = self.done.recv_timeout(PATIENCE);
    }
}

struct Courier {
    paths: Vec<PathBuf>,
    newest: Arc<Mutex<Option<String>>>,
    again: Duration,
    gauges: Arc<Gauges>,
}

impl Courier {
    fn run(&mut self, woken: &Receiver<()>) {
        let mut behind: Option<String> = None;
        loop {
            let came = if behind.is_some() {
                woken.recv_timeout(self.again)
            } else {
                woken.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            let newer = self.newest.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(note) = newer.or(behind.take()) {
                let failed = self.paths.iter().filter(|path| replace_file(path, note.as_bytes()).is_err()).count();
                self.gauges.sink_behind(failed > 0);
                behind = (failed > 0).then_some(note);
            }
            if came == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    }
}
