//! Checkpoints that are kept elsewhere as they are signed (decision 7).

use crate::house::{House, PATIENCE, at, source, trace};
use ledger::{Against, Damage, Health, Ledger, OpenError, Scribe, SinkError, Tuning, verify};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A house whose book's checkpoints are kept in another folder.
struct Kept {
    house: House,
    elsewhere: tempfile::TempDir,
}

impl Kept {
    fn new() -> Self {
        let kept = Self { house: House::new(), elsewhere: tempfile::tempdir().expect("folder") };
        let report = verify(kept.house.folder(), Against::default()).expect("good");
        fs::write(kept.sink(), report.checkpoint).expect("as `evidence verify --save` does");
        kept
    }

    fn sink(&self) -> PathBuf {
        self.elsewhere.path().join("book.checkpoint")
    }

    fn try_open(&self, sink: PathBuf) -> Result<(Ledger, Scribe), OpenError> {
        let mut tuning = Tuning::default();
        (tuning.sinks, tuning.sign_every) = (vec![sink], Duration::from_millis(1));
        Ledger::open_tuned(self.house.settings(), self.house.keys(), tuning, at(0))
    }

    /// Opens the book, writes so many leaves, and ends.
    async fn go_on(&self, leaves: u8) {
        let (ledger, scribe) = self.try_open(self.sink()).expect("opens");
        write(&ledger, leaves).await;
        drop(ledger);
        scribe.join();
    }

    fn beside(&self) -> String {
        fs::read_to_string(self.house.path("checkpoint")).expect("a checkpoint")
    }

    fn refused(&self, sink: PathBuf) -> OpenError {
        self.try_open(sink).map(|_| ()).expect_err("must not open")
    }
}

async fn write(ledger: &Ledger, leaves: u8) {
    for n in 0..leaves {
        let docket = ledger.arrive(at(1), trace(n), source(1), PATIENCE).await.expect("a seat");
        let _receipt = docket.close(at(2), [n; 32]).await.expect("durable");
    }
}

fn copy(from: &Path, to: &Path) {
    for file in ["book", "checkpoint"] {
        fs::copy(from.join(file), to.join(file)).expect("copied");
    }
}

/// What a thing says, with all that it says of why.
fn said(error: &OpenError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

#[tokio::test]
async fn each_checkpoint_gets_where_it_is_kept() {
    let kept = Kept::new();
    for leaves in [0, 3] {
        kept.go_on(leaves).await;
        assert_eq!(fs::read_to_string(kept.sink()).expect("a checkpoint"), kept.beside());
    }
    let since = fs::read_to_string(kept.sink()).expect("a checkpoint");
    verify(kept.house.folder(), Against { since: Some(&since), key: None }).expect("and an auditor can use it");
    assert_eq!(fs::read_dir(kept.elsewhere.path()).expect("list").count(), 1);
}

#[tokio::test]
async fn a_book_that_was_put_back_is_not_opened() {
    let kept = Kept::new();
    kept.go_on(2).await;
    let old = tempfile::tempdir().expect("folder");
    copy(kept.house.folder(), old.path());
    kept.go_on(2).await;
    copy(old.path(), kept.house.folder());
    let before = fs::read(kept.house.path("book")).expect("book");
    let refused = kept.refused(kept.sink());
    assert!(matches!(refused, OpenError::Damaged { source: Damage::Behind { held: 5, size: 9 }, .. }), "{refused:?}");
    assert!(said(&refused).contains("put back to an older state"), "{}", said(&refused));
    assert_eq!(fs::read(kept.house.path("book")).expect("book"), before, "and is left as it is");
    // Without what was kept nothing tells: that is what sinks are for.
    let (ledger, scribe) = kept.house.open();
    write(&ledger, 9).await;
    drop(ledger);
    scribe.join();
    // Another history, longer than what was kept.
    let refused = kept.refused(kept.sink());
    assert!(matches!(refused, OpenError::Damaged { source: Damage::Changed { size: 9 }, .. }), "{refused:?}");
}

#[tokio::test]
async fn a_sink_that_tells_nothing_is_refused_with_what_to_do() {
    let kept = Kept::new();
    let check = |sink: PathBuf, expect: &str| {
        let refused = kept.refused(sink);
        assert!(matches!(refused, OpenError::Sink { .. }) && said(&refused).contains(expect), "{}", said(&refused));
    };
    check(kept.elsewhere.path().join("typo"), "verify --save");
    check(kept.elsewhere.path().join("not-mounted/checkpoint"), "is its volume there?");
    check(kept.house.path("kept"), "own folder");
    let link = kept.elsewhere.path().join("link");
    std::os::unix::fs::symlink(kept.house.folder(), &link).expect("link");
    check(link.join("kept"), "own folder");
    let other = House::new();
    let foreign = kept.elsewhere.path().join("foreign");
    fs::copy(other.path("checkpoint"), &foreign).expect("copied");
    check(foreign.clone(), "not a checkpoint of this book");
    fs::write(&foreign, "").expect("written");
    check(foreign, "not a checkpoint of this book");
    let refused = kept.refused(kept.elsewhere.path().join("typo"));
    assert!(matches!(refused, OpenError::Sink { source: SinkError::Missing, .. }));
    kept.go_on(1).await;
}

/// Lets the ledger work until its health names the sink.
async fn until_behind(ledger: &Ledger) {
    let start = Instant::now();
    while !ledger.gauges().detail().contains("kept elsewhere") {
        assert!(start.elapsed() < PATIENCE, "it says: {}", ledger.gauges().detail());
        write(ledger, 1).await;
    }
}

#[tokio::test]
async fn a_sink_that_is_gone_stops_nobody_and_is_said() {
    let kept = Kept::new();
    let (ledger, scribe) = kept.try_open(kept.sink()).expect("opens");
    let away = tempfile::tempdir().expect("folder");
    fs::rename(kept.elsewhere.path(), away.path().join("away")).expect("moved");
    until_behind(&ledger).await;
    assert_eq!(ledger.health(), Health::Green);
    let signed = || verify(kept.house.folder(), Against::default()).expect("good").signed;
    while signed() < ledger.gauges().entries() {
        tokio::task::yield_now().await;
    }
    fs::rename(away.path().join("away"), kept.elsewhere.path()).expect("moved back");
    // Nothing new is written: what is behind is tried again by itself.
    let start = Instant::now();
    while ledger.gauges().detail().contains("kept elsewhere") {
        assert!(start.elapsed() < PATIENCE, "it says: {}", ledger.gauges().detail());
        tokio::task::yield_now().await;
    }
    assert_eq!(fs::read_to_string(kept.sink()).expect("a checkpoint"), kept.beside());
    drop(ledger);
    scribe.join();
    assert_eq!(fs::read_to_string(kept.sink()).expect("a checkpoint"), kept.beside());
}

/// A place that hangs, as a network file system may: a pipe that nobody reads.
#[tokio::test]
async fn a_sink_that_hangs_holds_nobody_up() {
    let kept = Kept::new();
    let pipe = kept.elsewhere.path().join("book.checkpoint.new");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
    let (ledger, scribe) = kept.try_open(kept.sink()).expect("opens");
    write(&ledger, 20).await;
    // Somebody reads at last; what follows finds a file's place.
    let mut read = fs::File::open(&pipe).expect("a pipe");
    fs::remove_file(&pipe).expect("removed");
    let mut note = String::new();
    std::io::Read::read_to_string(&mut read, &mut note).expect("a checkpoint");
    assert!(note.starts_with("lazaret.localhost/dev/book\n"), "{note}");
    drop(ledger);
    scribe.join();
    assert_eq!(fs::read_to_string(kept.sink()).expect("a checkpoint"), kept.beside());
}
