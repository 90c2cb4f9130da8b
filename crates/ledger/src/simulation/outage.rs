//! The whole ledger, threads and all, on a disk that breaks and comes back.

use super::{Fault, KeyFolder, ORIGIN, Plate, fresh, leaves};
use crate::{Docket, Health, Keys, Ledger, Outage, Scribe, Settings, Strangers, Tuning};
use evidence::{Leaf, Record};
use lexicon::{Reason, Time, Trace};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Scene {
    pub plate: Plate,
    pub ledger: Ledger,
    pub scribe: Scribe,
}

impl Scene {
    pub fn new(tuning: Tuning) -> Self {
        Self::on(&KeyFolder::new(), 1, tuning)
    }

    pub fn on(keys: &KeyFolder, seed: u64, tuning: Tuning) -> Self {
        Self::with(keys, fresh(keys, seed), tuning)
    }

    fn with(keys: &KeyFolder, plate: Plate, tuning: Tuning) -> Self {
        Self::seated(keys, plate, tuning, 8)
    }

    fn seated(keys: &KeyFolder, plate: Plate, tuning: Tuning, seats: usize) -> Self {
        let settings = Settings {
            directory: "simulation".into(),
            origin: ORIGIN.into(),
            seats,
            stranger_seats: 4,
            software: "simulation".into(),
        };
        let keys = Keys { pseudonyms: keys.pseudonyms(), log: keys.key() };
        let opened = Ledger::open_on(plate.clone(), settings, keys, tuning, Time::default());
        let (ledger, scribe) = opened.expect("opens");
        Self { plate, ledger, scribe }
    }

    pub async fn arrive(&self, n: u8) -> Result<Docket, Outage> {
        let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
        self.ledger.arrive(Time::default(), Trace::from_bytes([n; 16]), source, PATIENCE).await
    }

    /// Lets the scribe work until the health is as expected.
    pub async fn becomes(&self, health: Health) {
        let start = Instant::now();
        while self.ledger.health() != health {
            assert!(start.elapsed() < PATIENCE, "the health stays: {}", self.ledger.gauges().detail());
            tokio::task::yield_now().await;
        }
    }

    pub fn end(self) -> Vec<Record> {
        drop(self.ledger);
        self.scribe.join();
        leaves(&self.plate).iter().map(|leaf| Record::decode(leaf).expect("a record")).collect()
    }
}

pub(super) fn quick() -> Tuning {
    Tuning { mend_every: Duration::from_millis(1), ..Tuning::default() }
}

fn traces(book: &[Record]) -> Vec<u8> {
    book.iter().filter_map(|record| record.trace).map(|trace| trace.bytes()[0]).collect()
}

#[tokio::test]
async fn a_failed_sync_is_silence_until_the_disk_is_back() {
    let scene = Scene::new(quick());
    let (first, second) = (scene.arrive(1).await.expect("a seat"), scene.arrive(2).await.expect("a seat"));
    scene.plate.disk().lasting = Some(Fault::SyncFails);
    assert_eq!(first.close(Time::default(), [1; 32]).await.map(|_| ()), Err(Outage));
    assert_eq!(scene.ledger.health(), Health::Red);
    assert_eq!(scene.arrive(3).await.map(|_| ()), Err(Outage), "no case is opened that cannot be closed");
    assert_eq!(second.close(Time::default(), [2; 32]).await.map(|_| ()), Err(Outage));
    assert!(scene.ledger.gauges().outages() >= 1);

    scene.plate.disk().lasting = None;
    scene.becomes(Health::Green).await;
    let receipt = scene.arrive(4).await.expect("a seat").close(Time::default(), [4; 32]).await.expect("durable");
    let index = usize::try_from(receipt.index()).expect("small");
    let book = scene.end();
    assert_eq!(book[index].trace, Some(Trace::from_bytes([4; 16])));
    let closed = traces(&book);
    assert!(closed.ends_with(&[4]) && !closed.contains(&2), "{closed:?}: recorded too much at most, in order");
    assert_eq!(book.last().map(|record| record.leaf), Some(Leaf::Shut));
}

#[tokio::test]
async fn a_full_disk_still_closes_what_is_open() {
    let scene = Scene::new(quick());
    let (first, second) = (scene.arrive(1).await.expect("a seat"), scene.arrive(2).await.expect("a seat"));
    scene.plate.disk().fill();
    let _receipt = first.close(Time::default(), [1; 32]).await.expect("the reserve has room");
    assert_eq!(scene.ledger.health(), Health::Red);
    assert_eq!(scene.plate.disk().reserve, 0);
    scene.plate.disk().full = true;
    assert_eq!(second.close(Time::default(), [2; 32]).await.map(|_| ()), Err(Outage), "and no second reserve");
    assert_eq!(scene.ledger.health(), Health::Red);

    scene.plate.disk().room();
    scene.becomes(Health::Green).await;
    assert_eq!(scene.plate.disk().reserve, 4 << 20, "held again");
    let _receipt = scene.arrive(3).await.expect("a seat").close(Time::default(), [3; 32]).await.expect("durable");
    assert!(traces(&scene.end()).contains(&1));
}

/// The seat of a case that ends in an outage is free again, so an outage starves nobody.
#[tokio::test]
async fn an_outage_gives_its_seats_back() {
    let scene = Scene::new(quick());
    let mut dockets = Vec::new();
    for n in 0..4 {
        dockets.push(scene.arrive(n).await.expect("a seat"));
    }
    scene.plate.disk().lasting = Some(Fault::WriteFails);
    for docket in dockets.drain(..) {
        assert_eq!(docket.close(Time::default(), [0; 32]).await.map(|_| ()), Err(Outage));
    }
    scene.plate.disk().lasting = None;
    scene.becomes(Health::Green).await;
    for n in 0..4 {
        dockets.push(scene.arrive(n).await.expect("a seat"));
    }
    assert_eq!(scene.ledger.gauges().open_seats(), 4);
    drop(dockets);
    let book = scene.end();
    assert_eq!(book.iter().filter(|record| record.leaf == Leaf::Abandoned).count(), 4);
}

/// Decision 39: what nobody waits for is written at once and costs no sync of its own.
#[tokio::test]
async fn records_that_nobody_waits_for_share_a_sync() {
    let scene = Scene::new(Tuning { lazy: Duration::from_secs(3600), ..quick() });
    let before = scene.plate.disk().syncs;
    // A step of the clock is noted and not waited for.
    let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let arrived = scene.ledger.arrive(Time::from_seconds(100), Trace::from_bytes([1; 16]), source, PATIENCE).await;
    let receipt = arrived.expect("a seat").close(Time::from_seconds(100), [1; 32]).await.expect("durable");
    assert_eq!(receipt.index(), 3);
    assert_eq!(scene.plate.disk().syncs - before, 1);
    assert_eq!(scene.end()[2].leaf, Leaf::ClockStep);
}

/// And with nobody coming, the timer syncs it.
#[tokio::test]
async fn a_record_that_nobody_waits_for_is_synced_soon() {
    let scene = Scene::new(Tuning { lazy: Duration::from_millis(1), ..quick() });
    let before = scene.plate.disk().syncs;
    let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let docket = scene.ledger.arrive(Time::from_seconds(100), Trace::from_bytes([1; 16]), source, PATIENCE).await;
    let start = Instant::now();
    while scene.plate.disk().syncs == before {
        assert!(start.elapsed() < PATIENCE);
        tokio::task::yield_now().await;
    }
    drop(docket);
    scene.end();
}

/// A tally that may not be on the disk licenses nothing.
#[tokio::test]
async fn a_licence_does_not_outlive_an_outage() {
    let strangers = Strangers { window_s: 3600, full: 0, full_in_all: 0, licensed: 100 };
    let scene = Scene::new(quick().strangers(strangers));
    let refuse = async |n| {
        let mut docket = scene.arrive(n).await.expect("a seat");
        docket.draft().reason = Some(Reason::CredentialInvalid);
        docket.close(Time::default(), [n; 32]).await.map(|receipt| receipt.index())
    };
    let first = refuse(1).await.expect("durable");
    assert_eq!(refuse(2).await, Ok(first));
    let waiting = scene.arrive(3).await.expect("a seat");
    scene.plate.disk().lasting = Some(Fault::SyncFails);
    assert_eq!(waiting.close(Time::default(), [3; 32]).await.map(|_| ()), Err(Outage));
    scene.plate.disk().lasting = None;
    scene.becomes(Health::Green).await;
    let second = refuse(4).await.expect("durable");
    assert!(second > first, "a new tally for a new licence");
    let book = scene.end();
    for index in [first, second] {
        assert_eq!(book[usize::try_from(index).expect("small")].leaf, Leaf::Tally);
    }
}

/// An operator hears of a volume that fills up before anything fails, and from the start on.
#[tokio::test]
async fn a_volume_that_is_nearly_full_is_said() {
    for (used, expect) in
        [(79, "writing"), (80, "the volume is more than 80 % full"), (99, "the volume is more than 80 % full")]
    {
        let keys = KeyFolder::new();
        let plate = fresh(&keys, 1);
        plate.disk().used = used;
        let scene = Scene::with(&keys, plate, quick());
        assert_eq!(scene.ledger.gauges().detail(), expect, "{used}");
        assert_eq!(scene.ledger.health(), Health::Green);
        scene.end();
    }
}

/// A house with many seats sets more aside.
#[test]
fn the_reserve_has_room_for_every_seat() {
    for (seats, expect) in [(8, 4 << 20), (1024, 8 << 20), (4096, 32 << 20)] {
        let keys = KeyFolder::new();
        let scene = Scene::seated(&keys, fresh(&keys, 1), quick(), seats);
        let plate = Plate(std::sync::Arc::clone(&scene.plate.0));
        scene.end();
        assert_eq!(plate.disk().reserve, expect, "{seats}");
    }
}
