//! The access log and the metrics: projections of the entry that went into the book. Nothing else on the path logs,
//! so log and evidence cannot disagree. No URL, no query, no id, no name is in either.

use crate::{Silence, tally::End};
use evidence::Record;
use lexicon::Station;
use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::SyncSender,
    },
};

/// Upper bounds of the latency histogram, in microseconds.
const BOUNDS: [u64; 10] = [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000];

/// Takes one line an entry to a bounded channel: a log that nobody reads loses lines, and never holds up a passage.
pub struct Telemetry {
    lines: Option<SyncSender<String>>,
    counts: Mutex<Counts>,
    waiting: AtomicU64,
}

#[derive(Default)]
struct Counts {
    answers: BTreeMap<(u16, &'static str), u64>,
    silences: BTreeMap<&'static str, u64>,
    ends: BTreeMap<End, u64>,
    latency: [u64; BOUNDS.len()],
    latency_sum_us: u64,
    latency_count: u64,
    lost_lines: u64,
}

impl Telemetry {
    pub fn new(lines: Option<SyncSender<String>>) -> Self {
        Self { lines, counts: Mutex::default(), waiting: AtomicU64::new(0) }
    }

    /// A client waits for an answer as long as the guard lives.
    pub(crate) fn waits(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Relaxed);
        Waiting(&self.waiting)
    }

    pub(crate) fn observe(&self, entry: &Record, station: Station, index: u64) {
        let reason = entry.reason.map_or("none", |reason| reason.code());
        let latency = entry.latency_us.unwrap_or(0);
        let sent = self.lines.as_ref().is_none_or(|lines| lines.try_send(line(entry, station, index)).is_ok());
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.answers.entry((entry.status.unwrap_or(0), reason)).or_insert(0) += 1;
        for (count, _) in counts.latency.iter_mut().zip(BOUNDS).filter(|(_, bound)| latency <= *bound) {
            *count += 1;
        }
        counts.latency_sum_us += latency;
        counts.latency_count += 1;
        counts.lost_lines += u64::from(!sent);
    }

    pub(crate) fn silent(&self, silence: Silence) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.silences.entry(silence.code()).or_insert(0) += 1;
    }

    pub(crate) fn ended(&self, end: End) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.ends.entry(end).or_insert(0) += 1;
    }

    /// Prometheus text format 0.0.4.
    pub(crate) fn metrics(&self) -> String {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        let mut put = |line: std::fmt::Arguments<'_>| {
            let _never_fails = text.write_fmt(line);
        };
        put(format_args!("# TYPE lazaret_answers_total counter\n"));
        for ((status, reason), n) in &counts.answers {
            put(format_args!("lazaret_answers_total{{status=\"{status}\",reason=\"{reason}\"}} {n}\n"));
        }
        put(format_args!("# TYPE lazaret_silences_total counter\n"));
        for (code, n) in &counts.silences {
            put(format_args!("lazaret_silences_total{{kind=\"{code}\"}} {n}\n"));
        }
        put(format_args!("# TYPE lazaret_connections_without_record_total counter\n"));
        for (end, n) in &counts.ends {
            put(format_args!("lazaret_connections_without_record_total{{end=\"{}\"}} {n}\n", end.code()));
        }
        put(format_args!(
            "# TYPE lazaret_log_lines_lost_total counter\nlazaret_log_lines_lost_total {}\n",
            counts.lost_lines
        ));
        let waiting = self.waiting.load(Relaxed);
        put(format_args!("# TYPE lazaret_clients_waiting gauge\nlazaret_clients_waiting {waiting}\n"));
        put(format_args!("# TYPE lazaret_latency_seconds histogram\n"));
        for (n, bound) in counts.latency.iter().zip(BOUNDS) {
            put(format_args!("lazaret_latency_seconds_bucket{{le=\"{}\"}} {n}\n", seconds(bound)));
        }
        put(format_args!("lazaret_latency_seconds_bucket{{le=\"+Inf\"}} {}\n", counts.latency_count));
        put(format_args!("lazaret_latency_seconds_sum {}\n", seconds(counts.latency_sum_us)));
        put(format_args!("lazaret_latency_seconds_count {}\n", counts.latency_count));
        text
    }
}

pub(crate) struct Waiting<'a>(&'a AtomicU64);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

/// One JSON object. Its strings are words of the lexicon and names from the configuration.
fn line(entry: &Record, station: Station, index: u64) -> String {
    let mut line = format!("{{\"time\":\"{}\",\"index\":{index},\"station\":\"{station}\"", entry.time);
    let mut word = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            let safe = value.chars().filter(|c| !c.is_control() && *c != '"' && *c != '\\');
            let _never_fails = write!(line, ",\"{key}\":\"{}\"", safe.collect::<String>());
        }
    };
    word("trace", entry.trace.map(|trace| trace.to_string()).as_deref());
    word("road", entry.road.as_deref());
    word("zone", entry.zone.as_deref());
    word("caller", entry.actor_kind.map(|kind| kind.code()));
    word("interaction", entry.interaction.map(|interaction| interaction.code()));
    word("type", entry.resource_type.map(|kind| kind.name()));
    word("reason", entry.reason.map(|reason| reason.code()));
    word("tls", entry.client_tls.as_deref());
    for (key, value) in [
        ("status", entry.status.map(u64::from)),
        ("upstream_status", entry.upstream_status.map(u64::from)),
        ("bytes", entry.bytes),
        ("latency_us", entry.latency_us),
    ] {
        if let Some(value) = value {
            let _never_fails = write!(line, ",\"{key}\":{value}");
        }
    }
    line.push('}');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use evidence::Leaf;
    use lexicon::{Reason, Time};
    use std::sync::mpsc::sync_channel;

    fn entry() -> Record {
        let mut entry = Record::new(Leaf::Closed, Time::from_seconds(0));
        entry.status = Some(403);
        entry.reason = Some(Reason::ScopeMissing);
        entry.latency_us = Some(700);
        entry.zone = Some("ed\"ge\n".into());
        entry
    }

    #[test]
    fn one_entry_one_line_one_count() {
        let (lines, read) = sync_channel(1);
        let telemetry = Telemetry::new(Some(lines));
        telemetry.observe(&entry(), Station::Authorize, 7);
        assert_eq!(
            read.recv().expect("a line"),
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"index\":7,\"station\":\"authorize\",\"zone\":\"edge\",\
             \"reason\":\"scope.missing\",\"status\":403,\"latency_us\":700}"
        );
        let metrics = telemetry.metrics();
        for expect in [
            "lazaret_answers_total{status=\"403\",reason=\"scope.missing\"} 1\n",
            "lazaret_latency_seconds_bucket{le=\"0.000500\"} 0\n",
            "lazaret_latency_seconds_bucket{le=\"0.001000\"} 1\n",
            "lazaret_latency_seconds_count 1\n",
        ] {
            assert!(metrics.contains(expect), "{expect} in {metrics}");
        }
    }

    #[test]
    fn a_log_that_nobody_reads_loses_lines_and_says_so() {
        let (lines, _read) = sync_channel(1);
        let telemetry = Telemetry::new(Some(lines));
        telemetry.observe(&entry(), Station::Authorize, 7);
        telemetry.observe(&entry(), Station::Authorize, 8);
        assert!(telemetry.metrics().contains("lazaret_log_lines_lost_total 1\n"));
    }
}
