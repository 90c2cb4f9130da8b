//! The drill on servers that we know: one that leaks on purpose, one that answers nobody.

#![expect(clippy::expect_used, clippy::panic, reason = "test code outside test functions: a panic is the finding")]

mod leaky;

use drill::{Corpus, Limits, Permission, Refused, Report, Run, Target, Verdict, run};
use hyper_util::rt::TokioIo;
use lexicon::Time;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// What the servers of this test hold, and what must not come out of them.
fn target(base: &str, control: &str) -> Target {
    let mut text = format!("base = \"{base}\"\n{control}\n[token]\n");
    let tokens = [
        "nurse",
        "support",
        "patient",
        "wrong-scope",
        "read-only",
        "search-only",
        "no-mfa",
        "expired",
        "other-audience",
        "granular",
        "scope-empty",
        "scope-letters",
        "scope-modifier",
        "scope-chain",
        "bound",
        "revoked",
    ];
    text.extend(tokens.iter().map(|name| format!("{name} = \"e30.e30.c2lnbmF0dXJl\"\n")));
    text.push_str(include_str!("target.toml"));
    Target::parse(&text).unwrap_or_else(|error| panic!("{error}"))
}

#[derive(Clone, Copy)]
enum Server {
    Leaky,
    /// 404 to everything.
    Sealed,
}

async fn serve(server: Server) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let service =
                hyper::service::service_fn(move |request| leaky::answer(request, matches!(server, Server::Leaky)));
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    format!("http://127.0.0.1:{port}/fhir")
}

async fn drill(target: &Target, permission: Permission, limits: Limits) -> Result<Report, Refused> {
    let corpus = Corpus::built_in().expect("the corpus parses");
    let clock = Arc::new(|| Time::from_seconds(1_800_000_000));
    run(&Run { target, trust: None, permission, limits, clock }, &corpus).await
}

fn quick() -> Limits {
    Limits { quiet: Duration::from_millis(300), ..Limits::default() }
}

fn leaked(report: &Report) -> BTreeSet<&str> {
    let leaks = report.findings.iter().filter(|finding| finding.verdict == Verdict::Leaked);
    leaks.map(|finding| finding.id.as_str()).collect()
}

/// One attack of each kind of leak; a server that leaks on purpose must fall to all of them, and to many more.
const NAMED: &[&str] = &[
    "A1-wrong-scope-read",
    "A2-patient-token-other-patient",
    "A3-support-search",
    "A4-search-needs-its-letter",
    "A5-everything",
    "A5-export",
    "A6-scope-with-modifier",
    "A7-granular-scopes",
    "A8-no-token",
    "A8-forged-signature",
    "A8-algorithm-none",
    "A8-algorithm-confusion",
    "A8-expired",
    "A8-token-in-the-address",
    "A9-bound-token-as-bearer",
    "A10-no-second-factor",
    "A10-challenge-is-no-oracle",
    "A11-revoked",
    "B1-compartment-of-a-stranger",
    "B4-group",
    "B4-list",
    "B4-two-subjects",
    "B6-foreign-reference",
    "B7-contained-subject",
    "B9-version-of-a-stranger",
    "B9-type-history",
    "C1-chain-to-hidden",
    "C2-has",
    "C3-include-all",
    "C3-revinclude-list",
    "C4-filter",
    "C4-security",
    "C4-id-stranger",
    "C5-unknown-parameter",
    "C6-or-list",
    "C8-missing-hidden",
    "C8-not-hidden",
    "C9-form-unchecked",
    "C10-elements-hidden",
    "C10-summary-text",
    "C11-total",
    "C11-count",
    "C12-sort-hidden",
    "C13-value-of-hidden",
    "C13-date-range-on-stranger",
    "C15-upstream-cursor",
    "C15-links-are-ours",
    "C16-full-urls",
    "C17-refusal",
    "C19-system-search",
    "C19-compartment-all",
    "C20-match",
    "C21-graphql",
    "E1-stranger-or-absent",
    "E1-head",
    "E1-search-stranger",
    "E2-if-none-match",
    "E4-narrative",
    "E4-display",
    "E5-label-escaped",
    "E6-everything-of-a-stranger",
    "E7-export-patients",
    "E9-metadata",
    "E10-very-restricted",
    "F1-xml",
    "F5-path-parameter",
    "F5-other-host",
    "F6-forwarded",
    "F7-bad-date",
    "F8-no-store",
    "G1-include-iterate",
    "G4-compartment-type",
    "G5-granular-scope-dropped",
    "G6-audience-not-checked",
    "G8-one-of-several",
    "G10-format-passed-on",
];

#[tokio::test]
async fn a_server_that_leaks_is_caught_by_many_named_attacks() {
    let base = serve(Server::Leaky).await;
    let report = drill(&target(&base, "[control]\nnurse = \"/Patient/{mine}\""), Permission::Loopback, quick())
        .await
        .expect("carried out");
    let leaked = leaked(&report);
    let missed: Vec<_> = NAMED.iter().filter(|name| !leaked.contains(**name)).collect();
    assert!(missed.is_empty(), "not caught: {missed:?}\n{}", report.table());
    assert!(NAMED.len() >= 60 && leaked.len() >= 100, "only {}", leaked.len());
    let chapters: BTreeSet<char> = leaked.iter().filter_map(|id| id.chars().next()).collect();
    assert_eq!(chapters, BTreeSet::from(['A', 'B', 'C', 'E', 'F', 'G']));
    let table = report.table();
    assert!(table.contains("LEAKED") && table.contains("C13-value-of-hidden") && !table.contains("LZMRN"), "{table}");
    let json: serde_json::Value = serde_json::from_str(&report.json()).expect("JSON");
    assert_eq!(json["total"]["leaked"], leaked.len());
    assert_eq!(json["findings"].as_array().map(Vec::len), Some(report.findings.len()));
}

#[tokio::test]
async fn a_sealed_server_leaks_nothing_and_holds_nothing_it_was_not_asked() {
    let base = serve(Server::Sealed).await;
    let report = drill(&target(&base, ""), Permission::Loopback, quick()).await.expect("carried out");
    assert_eq!(leaked(&report), BTreeSet::new(), "{}", report.table());
    assert!(report.total.held > 100);
    // With a control that it does not answer, nothing of that token counts as held.
    let target = target(&base, "[control]\nnurse = \"/Patient/{mine}\"");
    let report = drill(&target, Permission::Loopback, quick()).await.expect("carried out");
    assert_eq!(report.total.leaked, 0);
    let search = report.by_catalogue["C13"];
    assert_eq!((search.held, search.leaked), (0, 0), "a gateway that answers nobody proves nothing");
}

#[tokio::test]
async fn a_drill_ends_at_its_limits() {
    let base = serve(Server::Leaky).await;
    let limits = Limits { requests: 7, ..quick() };
    let report = drill(&target(&base, ""), Permission::Loopback, limits).await.expect("carried out");
    let carried_out = report.findings.iter().filter(|finding| !finding.why.starts_with("not carried out")).count();
    assert!((4..=7).contains(&carried_out), "{carried_out}");
    assert_eq!(report.findings.len(), Corpus::built_in().expect("parses").attacks().len());
    let report =
        drill(&target(&base, ""), Permission::Loopback, Limits { body: 10, ..quick() }).await.expect("carried out");
    assert!(report.total.leaked < 10 && report.total.unclear > 180, "what was not read is not judged");
}

#[tokio::test]
async fn others_are_not_attacked_by_mistake() {
    for base in ["http://192.0.2.1/fhir", "http://[2001:db8::1]:80/fhir", "http://0.0.0.0:1/fhir"] {
        let refused = drill(&target(base, ""), Permission::Loopback, quick()).await;
        assert!(matches!(refused, Err(Refused::Foreign)), "{base}: {refused:?}");
    }
    let refused = drill(&target("https://127.0.0.1:1/fhir", ""), Permission::Loopback, quick()).await;
    assert!(matches!(refused, Err(Refused::Trust)), "{refused:?}");
    let nobody =
        drill(&target("http://127.0.0.1:1/fhir", ""), Permission::Loopback, quick()).await.expect("carried out");
    assert_eq!((nobody.total.held, nobody.total.leaked), (0, 0), "silence proves nothing");
}

#[test]
fn nothing_secret_is_in_debug_or_errors() {
    let target = target("http://127.0.0.1/fhir", "");
    assert!(!format!("{target:?}").contains("e30"));
    let error = Target::parse("base = \"http://x/\"\n[token]\nnurse = \"secret\nx").expect_err("broken").to_string();
    assert!(!error.contains("secret") && error.contains("at line"), "{error}");
    for base in ["ftp://x/fhir", "nonsense", "/fhir", "https:///fhir"] {
        assert!(Target::parse(&format!("base = \"{base}\"")).is_err(), "{base}");
    }
}
