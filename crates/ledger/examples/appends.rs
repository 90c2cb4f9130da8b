//! How many records a second become durable, with 1, 8 and 64 clients that each wait for their receipt.
//!
//! `cargo run --profile dist -p lazaret-ledger --example appends -- [FOLDER] [SECONDS]`. The folder should be on the
//! disk that matters; `/tmp` may be memory.

use ledger::{Keys, Ledger, Settings};
use lexicon::{Time, Trace};
use std::error::Error;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().map_or_else(|| PathBuf::from("."), PathBuf::from);
    let seconds = arguments.next().map_or(Ok(3), |seconds| seconds.parse())?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "clients  records/s  syncs/s  records/sync  p50 us  p99 us")?;
    for clients in [1, 8, 64] {
        let folder = parent.join(format!("appends-{}-{clients}", std::process::id()));
        let measured = measure(&folder, clients, Duration::from_secs(seconds));
        std::fs::remove_dir_all(&folder)?;
        let Measured { mut waits, syncs, took } = measured?;
        waits.sort_unstable();
        let at = |share: usize| waits.get(waits.len() * share / 100).map_or(0, Duration::as_micros);
        let rate = |count: f64| count / took.as_secs_f64();
        writeln!(
            out,
            "{clients:>7}  {:>9.0}  {:>7.0}  {:>12.1}  {:>6}  {:>6}",
            rate(waits.len() as f64),
            rate(syncs as f64),
            waits.len() as f64 / syncs as f64,
            at(50),
            at(99),
        )?;
    }
    Ok(())
}

struct Measured {
    waits: Vec<Duration>,
    syncs: u64,
    took: Duration,
}

fn measure(folder: &Path, clients: u8, time: Duration) -> Result<Measured, Box<dyn Error>> {
    let settings = Settings {
        directory: folder.into(),
        origin: "lazaret.localhost/dev/appends".into(),
        seats: 128,
        stranger_seats: 100,
        software: "appends".into(),
    };
    std::fs::create_dir(folder)?;
    let log = seal::LogKey::create(&folder.join("log.key"))?;
    let keys = Keys { pseudonyms: seal::PseudonymKeys::create(folder)?, log };
    Ledger::create(&settings, &keys, Time::default())?;
    let (ledger, scribe) = Ledger::open(settings, keys, Time::default())?;
    let ledger = Arc::new(ledger);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (start, before) = (Instant::now(), ledger.gauges().syncs());
    let waits = runtime.block_on(async {
        let tasks: Vec<_> =
            (0..clients).map(|client| tokio::spawn(append(Arc::clone(&ledger), client, start + time))).collect();
        let mut waits = Vec::new();
        for task in tasks {
            waits.extend(task.await.unwrap_or_default());
        }
        waits
    });
    let (took, syncs) = (start.elapsed(), ledger.gauges().syncs() - before);
    drop((runtime, ledger));
    scribe.join();
    Ok(Measured { waits, syncs, took })
}

/// Closes case after case; the times from closing to receipt.
async fn append(ledger: Arc<Ledger>, client: u8, until: Instant) -> Vec<Duration> {
    let mut waits = Vec::new();
    while Instant::now() < until {
        let trace = Trace::from_bytes([client; 16]);
        let Ok(mut docket) = ledger.arrive(Time::default(), trace, SOURCE, Duration::from_secs(1)).await else { break };
        docket.draft().allowed = Some(true);
        docket.draft().policies = vec!["nurse-reads-own-care-team".into()];
        docket.draft().client_tls = Some("1.3 X25519MLKEM768".into());
        let posted = Instant::now();
        if docket.close(Time::default(), [client; 32]).await.is_err() {
            break;
        }
        waits.push(posted.elapsed());
    }
    waits
}
