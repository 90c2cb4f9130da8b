//! `cargo xtask soak`: hours instead of minutes, by hand. The figures go into the closing note, with their seeds.

use crate::{
    commands,
    counting::{self, Count},
    doctor,
    steps::{Ended, Steps},
};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
};

/// A fuzz target and the folder its first inputs come from.
const TARGETS: [(&str, &str); 6] = [
    ("request_line", "crates/fhir/corpus/request"),
    ("scopes", "crates/fhir/corpus/scope"),
    ("filter", "crates/fhir/corpus/filter"),
    ("searchset", "crates/fhir/corpus/searchset"),
    ("token", "crates/identity/corpus/token"),
    ("record", "fuzz/seeds/record"),
];

struct Plan {
    minutes: u64,
    documents: u64,
    kills: u64,
    sequences: u64,
    only: Option<String>,
}

impl Plan {
    fn parse(options: &[&str]) -> Result<Self> {
        let mut plan = Self { minutes: 10, documents: 1_000_000, kills: 1_000, sequences: 100_000, only: None };
        let mut rest = options;
        while let [option, value, tail @ ..] = rest {
            let number = || value.parse::<u64>().with_context(|| format!("`{option}` wants a number, not `{value}`"));
            match *option {
                "--minutes" => plan.minutes = number()?,
                "--documents" => plan.documents = number()?,
                "--kills" => plan.kills = number()?,
                "--sequences" => plan.sequences = number()?,
                "--only" => plan.only = Some((*value).to_owned()),
                other => bail!("`{other}` is no option of soak; see `cargo xtask --help`"),
            }
            rest = tail;
        }
        match rest {
            [] => Ok(plan),
            [option, ..] => bail!("`{option}` wants a value"),
        }
    }

    fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

pub fn run(root: &Path, options: &[&str]) -> Result<ExitCode> {
    let plan = Plan::parse(options)?;
    let counts = [
        Part {
            name: "documents",
            variable: "LAZARET_DOCUMENTS",
            number: plan.documents,
            package: "lazaret-fhir",
            tests: "",
        },
        Part {
            name: "sequences",
            variable: "LAZARET_SEQUENCES",
            number: plan.sequences,
            package: "lazaret-ledger",
            tests: "simulation",
        },
        Part {
            name: "sequences",
            variable: "LAZARET_SEQUENCES",
            number: plan.sequences,
            package: "lazaret-gateway",
            tests: "shows_nothing_hidden",
        },
        Part { name: "kills", variable: "LAZARET_KILLS", number: plan.kills, package: "lazaret", tests: "kills" },
    ];
    let fuzzers = if plan.wants("fuzz") { TARGETS.len() } else { 0 };
    let mut steps = Steps::new(fuzzers + counts.iter().filter(|part| plan.wants(part.name)).count());
    for (target, seeds) in TARGETS.iter().filter(|_| fuzzers > 0) {
        steps.run(&format!("fuzz {target}, {} min", plan.minutes), || fuzz(root, target, seeds, plan.minutes));
    }
    let mut sum = Count::default();
    for part in counts.iter().filter(|part| plan.wants(part.name)) {
        steps.run(&format!("{}, {}", part.name, part.number), || repeat(root, part, &mut sum));
    }
    let code = steps.finish();
    println!("\nlazaret: {} passed, {} failed", sum.passed, sum.failed);
    Ok(code)
}

/// A test that does more when the environment asks for more.
struct Part {
    name: &'static str,
    variable: &'static str,
    number: u64,
    package: &'static str,
    /// Only tests with this in their names; all when empty.
    tests: &'static str,
}

fn repeat(root: &Path, part: &Part, sum: &mut Count) -> Result<Ended> {
    let before = sum.passed;
    let mut command = commands::cargo(root);
    command.args(["test", "--release", "--package", part.package, "--", part.tests]);
    counting::test(command.env(part.variable, part.number.to_string()), sum)?;
    if sum.passed == before {
        bail!("no test of `{}` has `{}` in its name", part.package, part.tests);
    }
    Ok(Ended::Done)
}

fn fuzz(root: &Path, target: &str, seeds: &str, minutes: u64) -> Result<Ended> {
    if commands::version("cargo-fuzz", "--version").is_none() {
        return Ok(Ended::Skipped("cargo-fuzz not installed: cargo install cargo-fuzz".to_owned()));
    }
    if !doctor::nightly(root) {
        return Ok(Ended::Skipped("no nightly toolchain: rustup toolchain install nightly".to_owned()));
    }
    // libFuzzer writes what it finds into the first folder and only reads the others.
    let found = format!("fuzz/corpus/{target}");
    fs::create_dir_all(root.join(&found))?;
    // `cargo` of an outer toolchain would ignore `+nightly`, so it is asked for by name through rustup's own.
    let mut command = Command::new("cargo");
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").current_dir(root);
    command.args(["+nightly", "fuzz", "run", target, &found]);
    if root.join(seeds).is_dir() {
        command.arg(seeds);
    }
    let seconds = format!("-max_total_time={}", minutes * 60);
    command.args(["--", &seconds, "-rss_limit_mb=2048", "-timeout=10", "-print_final_stats=1"]);
    commands::run(&mut command)?;
    Ok(Ended::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_others_refused() {
        let plan = Plan::parse(&["--minutes", "2", "--only", "fuzz"]).expect("parses");
        assert_eq!((plan.minutes, plan.kills), (2, 1_000));
        assert!(plan.wants("fuzz") && !plan.wants("kills"));
        for bad in [&["--minutes"][..], &["--minutes", "many"], &["--hours", "2"]] {
            assert!(Plan::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_target_is_a_program_of_the_fuzz_package() {
        let manifest = include_str!("../../fuzz/Cargo.toml");
        for (target, _) in TARGETS {
            assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
        }
        assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
    }
}
