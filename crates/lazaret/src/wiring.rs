//! Wiring: the blueprint is moved apart into each room's settings, the rooms are joined, and what was started is ended
//! in the right order: listeners, passages, runtime, and the book last.

mod generation;
mod hops;

use crate::blueprint::{self, Blueprint, Book, Faults, Material};
use crate::{output, process};
use anyhow::Context;
use gateway::fhir::{Fhir, Upstream, UpstreamSettings};
use generation::Lasting;
pub use generation::{JSON_DEPTH, Rules};
use identity::{Acceptor, AcceptorSettings, Bundle, Clients, Pem};
use ledger::Ledger;
use lexicon::Time;
use passage::{Admin, Clock, Deadline, Desk, House, Telemetry, listen, listen_admin};
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use tokio::sync::watch;

/// Sockets that are taken already, so that a busy port is an error before anything else happens.
pub struct Doors {
    pub gateway: TcpListener,
    pub admin: TcpListener,
}

type Future = Pin<Box<dyn std::future::Future<Output = ()> + Send>>;
type Task = Pin<Box<dyn std::future::Future<Output = anyhow::Result<()>> + Send>>;

/// All that one process serves.
pub struct Serving {
    pub blueprint: Blueprint,
    /// Where the blueprint came from, for a reload.
    pub manifest: PathBuf,
    pub material: Material,
    pub doors: Doors,
    /// What runs beside the gateway until it stops (the clinic of `up`).
    pub beside: Option<Box<dyn FnOnce(Future) -> Task + Send>>,
    /// SPIFFE ids of operators who may read the metrics.
    pub operators: Vec<String>,
    pub ready: Box<dyn FnOnce() + Send>,
}

/// `lazaret run`.
pub fn run(manifest: &Path) -> anyhow::Result<ExitCode> {
    let blueprint = Blueprint::read(manifest, Material::Production)?;
    let bind = |address| TcpListener::bind(address).with_context(|| format!("`{address}` cannot be listened on"));
    let doors = Doors { gateway: bind(blueprint.road.listen)?, admin: bind(blueprint.admin.listen)? };
    let listening = format!("listening on {} as {}", blueprint.road.listen, blueprint.road.base);
    serve(Serving {
        operators: blueprint.admin.operators.clone(),
        blueprint,
        manifest: manifest.to_owned(),
        material: Material::Production,
        doors,
        beside: None,
        ready: Box::new(move || output::note(&listening)),
    })
}

/// Makes the keys and the empty book that a manifest names.
pub fn create_book(book: &Book, now: Time) -> anyhow::Result<()> {
    private_folder(&book.pseudonym_keys)?;
    let pseudonyms = seal::PseudonymKeys::create(&book.pseudonym_keys)?;
    seal::CursorKeys::create(&book.pseudonym_keys)?;
    let log = seal::LogKey::create(&book.log_key)?;
    Ok(Ledger::create(&settings_of(book), &ledger::Keys { pseudonyms, log }, now)?)
}

/// A folder that only its owner may enter.
pub fn private_folder(path: &Path) -> anyhow::Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("`{}` cannot be made", path.display()))
}

/// Everything of a blueprint that can be judged without serving: policies, projections, certificates, keys.
pub fn judge(blueprint: &Blueprint) -> anyhow::Result<()> {
    let _acceptors = acceptors(blueprint)?;
    let lasting = lasting(blueprint)?;
    generation::generation(blueprint, &lasting, process::now())?;
    keys_of(&blueprint.book)?;
    Ok(())
}

/// Serves until a signal says stop. The book outlives the runtime, so that what the runtime drops is still written.
pub fn serve(serving: Serving) -> anyhow::Result<ExitCode> {
    let book = &serving.blueprint.book;
    let mut tuning = ledger::Tuning::default();
    tuning.sinks.clone_from(&book.sinks);
    let (ledger, scribe) = Ledger::open_tuned(settings_of(book), keys_of(book)?, tuning, process::now())?;
    let (lines, log) = sync_channel(4_096);
    let writer = std::thread::Builder::new().name("access-log".into()).spawn(move || {
        log.iter().for_each(|line: String| output::note(&line));
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(together(serving, Arc::new(ledger), Telemetry::new(Some(lines))));
    runtime.shutdown_timeout(Duration::from_secs(2));
    scribe.join();
    // Its channel ended with the desk; what is queued is written first.
    let _ended = writer.join();
    match served? {
        Deadline::Kept => output::note("stopped; every request came to its end"),
        Deadline::Missed => output::note("stopped; requests that were still open are recorded as abandoned"),
    }
    Ok(ExitCode::SUCCESS)
}

async fn together(serving: Serving, ledger: Arc<Ledger>, telemetry: Telemetry) -> anyhow::Result<Deadline> {
    let Serving { blueprint, manifest, material, doors, beside, operators, ready } = serving;
    let mut stop = process::Stop::new()?;
    let lasting = lasting(&blueprint)?;
    let front = acceptors(&blueprint)?;
    let desk = Arc::new(Desk::new(desk_settings(&blueprint.road), ledger, Clock::new(process::now), telemetry));
    let first = generation::generation(&blueprint, &lasting, process::now())?;
    // Nobody waits for keys later; whose issuer cannot be reached now is tried again by the upkeep.
    first.verifier.warm(process::now()).await;
    let house = House::open(Arc::clone(&desk), first).await;
    let house = Arc::new(house.map_err(|_| anyhow::anyhow!("the book cannot be written; look at its disk"))?);

    let (stopping, stopped) = watch::channel(false);
    let until_stop = || -> Future {
        let mut stopped = stopped.clone();
        // A sender that is gone has stopped, too.
        Box::pin(async move { drop(stopped.wait_for(|stop| *stop).await) })
    };
    let upkeep = tokio::spawn(
        Upkeep { house: Arc::clone(&house), lasting, front: front.clone(), manifest, material }
            .run(Denied::of(&blueprint)),
    );
    let beside = beside.map(|start| tokio::spawn(start(until_stop())));
    let admin = Arc::new(Admin::new(Arc::clone(&desk), operators));
    let operator = tokio::spawn(listen_admin(listener(doors.admin)?, front.admin, admin, until_stop()));
    let gateway = tokio::spawn(listen(listener(doors.gateway)?, front.gateway, Arc::clone(&house), until_stop()));
    ready();
    stop.wait().await;
    output::note("stopping");
    let _nobody_waits = stopping.send(true);
    let ended = gateway.await.context("the listener ended in a panic")?;
    operator.await.context("the operator's listener ended in a panic")?;
    if let Some(beside) = beside {
        beside.await.context("what ran beside the gateway ended in a panic")??;
    }
    upkeep.abort();
    Ok(ended)
}

/// What happens beside requests: reloads on SIGHUP, the deny list within a second, keys before they are old.
struct Upkeep {
    house: Arc<House<Fhir>>,
    lasting: Lasting,
    front: Acceptors,
    manifest: PathBuf,
    material: Material,
}

impl Upkeep {
    async fn run(self, mut denied: Denied) -> anyhow::Result<()> {
        let mut hangups = process::hangups()?;
        let mut second = tokio::time::interval(Duration::from_millis(500));
        let mut minute = tokio::time::interval(Duration::from_secs(60));
        loop {
            tokio::select! {
                _ = hangups.recv() => {
                    match self.reload().await {
                        Ok(now) => {
                            denied = now;
                            output::note("reloaded");
                        }
                        Err(error) => output::note(&format!("not reloaded, the old rules stay: {error:#}")),
                    }
                }
                _ = second.tick() => denied.look(&self.house),
                _ = minute.tick() => self.house.generation().verifier.refresh(process::now()).await,
            }
        }
    }

    async fn reload(&self) -> anyhow::Result<Denied> {
        let blueprint =
            Blueprint::read(&self.manifest, self.material).map_err(|faults: Faults| anyhow::anyhow!("{faults}"))?;
        let now = process::now();
        let next = generation::generation(&blueprint, &self.lasting, now)?;
        // Everything that can fail comes before the first thing that changes.
        let front = acceptors(&blueprint)?;
        next.verifier.warm(now).await;
        self.house.reload(next).await.map_err(|_| anyhow::anyhow!("the book cannot be written"))?;
        self.front.gateway.adopt(&front.gateway);
        self.front.admin.adopt(&front.admin);
        Ok(Denied::of(&blueprint))
    }
}

/// The deny list, looked at again and again.
struct Denied {
    path: Option<PathBuf>,
    issuers: Vec<String>,
    /// What was there at the last look, understood or not; within, nothing when there was no file.
    seen: Option<Option<Vec<u8>>>,
}

impl Denied {
    fn of(blueprint: &Blueprint) -> Self {
        let path = blueprint.road.deny.as_ref().map(|deny| deny.path.clone());
        Self { path, issuers: blueprint.issuers.iter().map(|issuer| issuer.name.clone()).collect(), seen: None }
    }

    /// Rereads the list when its file has changed. A file that is gone or cannot be understood changes nothing, and is
    /// named once: who is denied stays denied.
    fn look(&mut self, house: &House<Fhir>) {
        let Some(path) = &self.path else { return };
        let bytes = std::fs::read(path).ok();
        if self.seen.as_ref() == Some(&bytes) {
            return;
        }
        let issuers: Vec<&str> = self.issuers.iter().map(String::as_str).collect();
        let text = bytes.as_ref().and_then(|bytes| std::str::from_utf8(bytes).ok());
        match text.map(|text| blueprint::deny_list(text, &issuers)) {
            Some(Ok(list)) => house.generation().verifier.deny(list),
            Some(Err(error)) => output::note(&format!("{}: {error}; the list before it still counts", path.display())),
            None => output::note(&format!("{} cannot be read; the list before it still counts", path.display())),
        }
        self.seen = Some(bytes);
    }
}

#[derive(Clone)]
struct Acceptors {
    gateway: Acceptor,
    admin: Acceptor,
}

fn acceptors(blueprint: &Blueprint) -> anyhow::Result<Acceptors> {
    Ok(Acceptors {
        gateway: Acceptor::new(&gateway_front(&blueprint.road)?)?,
        admin: Acceptor::new(&admin_front(&blueprint.admin)?)?,
    })
}

fn gateway_front(road: &blueprint::Road) -> anyhow::Result<AcceptorSettings> {
    let mut settings = AcceptorSettings::new(material(&road.server)?, Arc::new(process::now));
    settings.handshake_timeout = Duration::from_secs(road.limits.handshake_timeout_s);
    if let Some(trust) = &road.client_trust {
        settings.clients = Clients::Optional(Bundle::from_pem(trust)?);
    }
    Ok(settings)
}

fn admin_front(admin: &blueprint::Admin) -> anyhow::Result<AcceptorSettings> {
    let mut settings = AcceptorSettings::new(material(&admin.server)?, Arc::new(process::now));
    settings.clients = Clients::Optional(Bundle::from_pem(&admin.client_trust)?);
    Ok(settings)
}

fn material(pair: &blueprint::Pair) -> anyhow::Result<identity::Material> {
    Ok(identity::Material::from_pem(&Pem { chain: &pair.certificate, key: &pair.key })?)
}

/// What reloads do not touch: the upstream's pool. Its certificates change with a restart.
fn lasting(blueprint: &Blueprint) -> anyhow::Result<Lasting> {
    let road = &blueprint.road;
    let mut settings = UpstreamSettings::new(&road.upstream.base);
    settings.answer_timeout = Duration::from_secs(road.limits.upstream_timeout_s);
    let upstream = Arc::new(Upstream::new(settings, hops::to_upstream(road)?)?);
    let from = &road.upstream;
    let mut made_from = format!("{}\n{}\n{}\n", from.base, from.address, from.identity).into_bytes();
    made_from.extend_from_slice(&from.trust);
    made_from.extend_from_slice(&from.client.certificate);
    let cursors = Arc::new(seal::CursorKeys::open_or_create(&blueprint.book.pseudonym_keys)?);
    Ok(Lasting { upstream, cursors, made_from })
}

pub fn desk_settings(road: &blueprint::Road) -> passage::Settings {
    let limits = &road.limits;
    let a_minute = |count: u32| passage::Rate { count, period_s: 60, burst: (count / 4).max(1) };
    let mut settings = passage::Settings {
        zone: road.zone.clone(),
        realm: road.base.clone(),
        limits: passage::Limits::default(),
        timeouts: passage::Timeouts::default(),
    };
    settings.limits.strangers = a_minute(limits.stranger_requests_per_minute);
    settings.limits.tokens = a_minute(limits.token_requests_per_minute);
    settings.limits.open_connections = limits.connections;
    settings.limits.open_connections_per_address = limits.connections_per_address;
    settings.timeouts.handshake = Duration::from_secs(limits.handshake_timeout_s);
    settings.timeouts.header = Duration::from_secs(limits.header_timeout_s);
    settings.timeouts.request = Duration::from_secs(limits.request_timeout_s);
    settings.timeouts.idle = Duration::from_secs(limits.idle_timeout_s);
    settings.timeouts.drain = Duration::from_secs(limits.drain_s);
    settings.timeouts.stall = Duration::from_secs(limits.stall_timeout_s);
    let patients = &limits.patients;
    settings.limits.fresh_s = patients.fresh_s;
    settings.limits.patients.window_s = patients.window_s.get();
    settings.limits.patients.step_up = patients.step_up;
    settings.limits.patients.most = patients.most.get();
    settings.limits.patients.most_of_a_token = patients.most_of_a_token.get();
    settings
}

fn settings_of(book: &Book) -> ledger::Settings {
    ledger::Settings {
        directory: book.directory.clone(),
        origin: book.origin.clone(),
        seats: book.seats,
        stranger_seats: book.stranger_seats,
        software: concat!("lazaret ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

fn keys_of(book: &Book) -> anyhow::Result<ledger::Keys> {
    let pseudonyms = seal::PseudonymKeys::open(&book.pseudonym_keys)?;
    let log = seal::LogKey::open(&book.log_key)?;
    Ok(ledger::Keys { pseudonyms, log })
}

fn listener(socket: TcpListener) -> anyhow::Result<tokio::net::TcpListener> {
    socket.set_nonblocking(true)?;
    Ok(tokio::net::TcpListener::from_std(socket)?)
}

/// The rules of a blueprint, for what decides without serving (`explain`).
pub fn rules(blueprint: &Blueprint) -> anyhow::Result<Rules> {
    generation::rules(blueprint)
}

/// The verifier of a blueprint, likewise.
pub fn verifier(blueprint: &Blueprint) -> anyhow::Result<identity::Verifier> {
    generation::verifier(blueprint, [0; 32])
}
