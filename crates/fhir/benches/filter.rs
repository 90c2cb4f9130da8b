//! How fast the filter is beside `serde_json`, in one run on one core: trust the ratios, not the figures. Time is the
//! thread's own on Linux, so that other work on the machine counts for less.
//!
//! `cargo bench -p lazaret-fhir`, or with what ships: `cargo bench -p lazaret-fhir --profile dist`.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a bench prints, and may stop")]

use fhir::{Base, Limits, Projection, Projections, Scanned};
use lexicon::ResourceType;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

const STARTER: &str = include_str!("../../../policies/projections.toml");
const ROUNDS: usize = 11;
/// Bytes a sample: long beside a tick of the scheduler, by which Linux counts.
const SAMPLE: usize = 8_000_000;

fn main() {
    let projections = Projections::load(STARTER).expect("the starter projections load");
    println!(
        "{:<34}{:>12}{:>12}{:>12}{:>9}{:>9}",
        "MB/s of input (median)", "serde_json", "scan", "scan+show", "ratio", "output"
    );
    for (name, document) in [
        ("Patient, 2 KB", patient(8, 4)),
        ("Patient, 2 KB, indented", indented(&patient(8, 4))),
        ("Observation, 100 KB", observation(420)),
        ("Observation, 100 KB, indented", indented(&observation(420))),
        ("Patient, 900 KB, mostly narrative", patient(900, 880_000)),
        ("Observation, 900 KB", observation(3800)),
    ] {
        row(name, document.as_bytes(), &projections);
    }
    println!(
        "scan: every byte checked; scan+show: and projected by the starter's groups; ratio: scan+show to serde_json::Value."
    );
}

fn row(name: &str, document: &[u8], projections: &Projections) {
    let limits = Limits { bytes: 8 << 20, depth: 64 };
    let scanned = Scanned::of(document, limits).expect("acceptable");
    let projection = projections.compile(scanned.resource_type(), &groups(projections, scanned.resource_type()));
    let scan = || Scanned::of(document, limits).expect("acceptable");
    let show = |projection: &Projection| scan().project(projection, &Base::default());
    let parse = || serde_json::from_slice::<serde_json::Value>(document).expect("JSON");

    // Taken in turns, so that a noisy neighbour disturbs all three alike.
    let mut times: [Vec<f64>; 3] = Default::default();
    let [parsing, scanning, showing] = &mut times;
    let repeat = (SAMPLE / document.len()).max(1);
    for _ in 0..ROUNDS {
        parsing.push(timed(repeat, || drop(black_box(parse()))));
        scanning.push(timed(repeat, || drop(black_box(scan()))));
        showing.push(timed(repeat, || drop(black_box(show(&projection)))));
    }
    let bytes = u32::try_from(document.len() * repeat).map_or(f64::MAX, f64::from);
    let [parse_s, scan_s, show_s] = times.map(median);
    let rate = |seconds: f64| bytes / seconds / 1e6;
    let output = show(&projection).bytes().len() * 100 / document.len();
    let (a, b, c) = (rate(parse_s), rate(scan_s), rate(show_s));
    println!("{name:<34}{a:>12.0}{b:>12.0}{c:>12.0}{:>8.1}x{output:>8}%", parse_s / show_s);
}

fn groups(projections: &Projections, of_type: ResourceType) -> Vec<String> {
    projections.groups().into_iter().find(|(listed, _)| *listed == of_type).map(|(_, names)| names).unwrap_or_default()
}

fn timed(repeat: usize, mut work: impl FnMut()) -> f64 {
    let (start, start_s) = (Instant::now(), thread_s());
    (0..repeat).for_each(|_| work());
    match (start_s, thread_s()) {
        (Some(start_s), Some(end_s)) if end_s > start_s => end_s - start_s,
        _ => start.elapsed().as_secs_f64(),
    }
}

/// Seconds this thread has run, if the system tells.
fn thread_s() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(|nanos: f64| nanos / 1e9)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::MAX)
}

fn patient(addresses: usize, narrative: usize) -> String {
    let mut text = String::from(
        r#"{"resourceType":"Patient","id":"p001","meta":{"versionId":"3","lastUpdated":"2024-01-01T00:00:00Z","security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">"#,
    );
    text.push_str(&"Zoë O'Brien, a patient of the ward. ".repeat(narrative / 36));
    text.push_str(
        r#"</div>"},"identifier":[{"system":"urn:oid:1.2.36","value":"123456"}],"active":true,"name":[{"use":"official","family":"O'Brien","given":["Zoë","Ann"]}],"gender":"female","birthDate":"1974-12-25","_birthDate":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/patient-birthTime","valueDateTime":"1974-12-25T14:35:45-05:00"}]},"address":["#,
    );
    for n in 0..addresses {
        let comma = if n > 0 { "," } else { "" };
        let _ = write!(
            text,
            r#"{comma}{{"use":"home","line":["{n} Erewhon Street"],"city":"PleasantVille","postalCode":"3999"}}"#
        );
    }
    text.push_str("]}");
    text
}

fn observation(components: usize) -> String {
    let mut text = String::from(
        r#"{"resourceType":"Observation","id":"obs-1","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"subject":{"reference":"Patient/p001","display":"Zoë O'Brien"},"component":["#,
    );
    for n in 0..components {
        let comma = if n > 0 { "," } else { "" };
        let _ = write!(
            text,
            r#"{comma}{{"code":{{"coding":[{{"system":"http://loinc.org","code":"8480-6","display":"Systolic blood pressure"}}]}},"valueQuantity":{{"value":{n}.50,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}}}"#
        );
    }
    text.push_str("]}");
    text
}

/// The same, as a server that pretty-prints sends it.
fn indented(document: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(document).expect("JSON");
    serde_json::to_string_pretty(&value).expect("JSON")
}
