//! `lazaret evidence`: reading and verifying a book, also while its writer lives. Nothing here resolves a pseudonym.

use crate::cli::{BookArgs, Evidence};
use crate::output;
use anyhow::{Context, bail};
use evidence::{Record, Verifier};
use ledger::{Against, Entry, Reader, VerifyError};
use lexicon::{Reason, Trace};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

pub fn evidence(command: &Evidence) -> anyhow::Result<ExitCode> {
    match command {
        Evidence::List { book, last, reason, json } => {
            list(&directory_of(book)?, *last, reason.as_deref(), Shape::of(*json))
        }
        Evidence::Show { record, book, json } => show(&directory_of(book)?, record, Shape::of(*json)),
        Evidence::Verify { book, since, key, save, json } => {
            let kept = Kept { since: since.as_deref(), key: key.as_deref() };
            verify(&directory_of(book)?, &kept, save.as_deref(), Shape::of(*json))
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Json,
}

impl Shape {
    fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

/// Where the book lies: in the data folder of `up`, or where a manifest says.
fn directory_of(args: &BookArgs) -> anyhow::Result<PathBuf> {
    let Some(config) = &args.config else { return Ok(args.data.join("book")) };
    let text = std::fs::read_to_string(config).with_context(|| format!("`{}` cannot be read", config.display()))?;
    let manifest: toml::Table = text.parse().with_context(|| format!("`{}` is not TOML", config.display()))?;
    let directory =
        manifest.get("evidence").and_then(|evidence| evidence.get("directory")).and_then(toml::Value::as_str);
    let directory = directory.with_context(|| format!("`{}` names no [evidence] directory", config.display()))?;
    Ok(config.parent().unwrap_or(Path::new(".")).join(directory))
}

fn list(directory: &Path, last: usize, reason: Option<&str>, shape: Shape) -> anyhow::Result<ExitCode> {
    let reason = match reason {
        Some(code) => Some(
            Reason::from_code(code)
                .with_context(|| format!("`{code}` is not a reason code; see docs/reference/reasons.md"))?,
        ),
        None => None,
    };
    let mut kept: VecDeque<(Entry, Record)> = VecDeque::new();
    for entry in Reader::open(directory)? {
        let entry = entry?;
        let record = entry.record()?;
        if reason.is_none_or(|wanted| record.reason == Some(wanted)) {
            if kept.len() == last {
                kept.pop_front();
            }
            kept.push_back((entry, record));
        }
    }
    match shape {
        Shape::Json => kept.iter().for_each(|(entry, record)| output::say(&record.to_json(entry.index))),
        Shape::Text => {
            let rows: Vec<_> = kept.iter().map(|(entry, record)| row(entry, record)).collect();
            output::say(&output::table(
                &[
                    "INDEX",
                    "TIME",
                    "LEAF",
                    "ACTOR",
                    "INTERACTION",
                    "TYPE",
                    "STATUS",
                    "RESOURCES",
                    "PATIENTS",
                    "REASON",
                    "TRACE",
                ],
                &rows,
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(entry: &Entry, record: &Record) -> Vec<String> {
    fn or_dash(value: Option<impl ToString>) -> String {
        value.map_or_else(|| "-".to_owned(), |value| value.to_string())
    }
    let actor =
        record.actor.map(|actor| actor.mac.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>());
    vec![
        entry.index.to_string(),
        record.time.to_string(),
        record.leaf.code().to_owned(),
        actor.unwrap_or_else(|| or_dash(record.actor_kind.map(lexicon::Kind::code))),
        or_dash(record.interaction),
        or_dash(record.resource_type),
        or_dash(record.status),
        or_dash(Disclosure::of(record).map(|disclosure| disclosure.resources)),
        or_dash(Disclosure::of(record).map(|disclosure| disclosure.patients)),
        or_dash(record.reason),
        or_dash(record.trace),
    ]
}

/// How much a leaf says left: the list of its own answer or segment, or the counts over a long answer that ended.
struct Disclosure {
    resources: u64,
    patients: u64,
}

impl Disclosure {
    fn of(record: &Record) -> Option<Self> {
        let (named, patients) = (record.disclosed.different() as u64, record.disclosed.patients().len() as u64);
        match (record.patients, record.returned) {
            (Some(patients), Some(resources)) => Some(Self { resources: resources.max(named), patients }),
            _ if named > 0 => Some(Self { resources: named, patients }),
            _ => None,
        }
    }
}

fn show(directory: &Path, wanted: &str, shape: Shape) -> anyhow::Result<ExitCode> {
    let entry = find(directory, wanted)?;
    let record = entry.record()?;
    let proof = proven(directory, entry.index)?;
    let key = Reader::open(directory)?.key().to_owned();
    proof.verify(&entry.leaf, &Verifier::parse(&key)?)?;
    let json = record.to_json(entry.index);
    match shape {
        Shape::Json => output::say(&json),
        Shape::Text => {
            let value: Value = serde_json::from_str(&json)?;
            output::say(&serde_json::to_string_pretty(&value)?);
            if let Some(reason) = record.reason {
                output::say(&format!("\n{reason}: {}", reason.hint()));
                if !reason.is_shown_as_is() {
                    output::say(&format!("the caller was shown: {}", reason.shown()));
                }
            }
            if let Some(Disclosure { resources, patients }) = Disclosure::of(&record) {
                output::say(&format!("\nit names {resources} resources of {patients} patients"));
            }
            if let Some(narrowing) = record.narrowing {
                output::say(&format!("\n{narrowing}: {}; what it sent was compared again", narrowing.hint()));
            }
            let mut lines = proof.checkpoint.lines();
            let (origin, size) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
            output::say(&format!(
                "\nrecord {} is included in the signed tree of {size} leaves of {origin}",
                entry.index
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// By index, by trace (its last leaf), or the last end of a request.
fn find(directory: &Path, wanted: &str) -> anyhow::Result<Entry> {
    let (index, trace) = (wanted.parse::<u64>().ok(), Trace::from_hex(wanted));
    if index.is_none() && trace.is_none() && wanted != "last" {
        bail!("`{wanted}` is neither an index, nor a trace of 32 hex digits, nor `last`");
    }
    let mut found = None;
    for entry in Reader::open(directory)? {
        let entry = entry?;
        let matches = match (trace, index) {
            (Some(trace), _) => entry.record()?.trace == Some(trace),
            (None, Some(index)) => entry.index == index,
            (None, None) => entry.record()?.trace.is_some(),
        };
        if matches {
            found = Some(entry);
        }
    }
    found.with_context(|| format!("no record for `{wanted}`; `lazaret evidence list` shows what there is"))
}

/// A record is durable at once and signed within a second; a proof waits for the signature.
fn proven(directory: &Path, index: u64) -> anyhow::Result<evidence::Proof> {
    for _ in 0..30 {
        match ledger::prove(directory, index) {
            Err(VerifyError::Unsigned { .. }) => std::thread::sleep(Duration::from_millis(100)),
            proof => return Ok(proof?),
        }
    }
    Ok(ledger::prove(directory, index)?)
}

/// What was kept elsewhere.
struct Kept<'a> {
    since: Option<&'a Path>,
    key: Option<&'a str>,
}

fn verify(directory: &Path, kept: &Kept<'_>, save: Option<&Path>, shape: Shape) -> anyhow::Result<ExitCode> {
    let since =
        kept.since.map(std::fs::read_to_string).transpose().context("the checkpoint kept elsewhere cannot be read")?;
    let outcome = ledger::verify(directory, Against { since: since.as_deref(), key: kept.key });
    match (&outcome, shape) {
        (Ok(report), Shape::Text) => {
            output::say(&format!(
                "good: {} leaves of {}, {} of them signed{}",
                report.tree.size,
                report.origin,
                report.signed,
                report
                    .since
                    .map(|size| format!(", the first {size} as the checkpoint kept elsewhere says"))
                    .unwrap_or_default()
            ));
            if report.since.is_none() {
                output::say(
                    "Only a checkpoint kept elsewhere shows a history that was replaced as a whole: keep one with --save FILE.",
                );
            }
        }
        (Ok(report), Shape::Json) => {
            let root: String = report.tree.root.iter().map(|byte| format!("{byte:02x}")).collect();
            let said = json!({"good": true, "origin": report.origin, "key": report.key, "leaves": report.tree.size, "root": root,
                "signed": report.signed, "since": report.since, "epoch": report.epoch});
            output::say(&said.to_string());
        }
        (Err(error), Shape::Text) => output::note(&format!("NOT good: {}", chain(error))),
        (Err(error), Shape::Json) => output::say(&json!({"good": false, "why": chain(error)}).to_string()),
    }
    if let (Ok(report), Some(path)) = (&outcome, save) {
        std::fs::write(path, &report.checkpoint).with_context(|| format!("`{}` cannot be written", path.display()))?;
    }
    Ok(if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chain(error: &VerifyError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}
