//! `init` makes a folder to start from; `check` says what is still wrong with it.

use crate::blueprint::{Blueprint, Faults, Material};
use crate::cli::{Config, Init};
use crate::{output, process, starter, wiring};
use anyhow::bail;
use serde_json::json;
use std::process::ExitCode;

/// Makes a folder with a starter manifest, policies, fresh keys and an empty book. Touches nothing that is there.
pub fn init(args: &Init) -> anyhow::Result<ExitCode> {
    let directory = &args.directory;
    let is_domain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
    if args.domain.is_empty() || !args.domain.bytes().all(is_domain) {
        bail!("`{}` is not a domain name; write it in lower case, such as harbor.example", args.domain);
    }
    if directory.join("lazaret.toml").exists() {
        bail!("`{}` holds a manifest already; name another folder", directory.display());
    }
    for folder in ["policies", "keys", "tls"] {
        let path = directory.join(folder);
        wiring::private_folder(&path)?;
    }
    starter::write_policies(&directory.join("policies"))?;
    starter::write_if_missing(&directory.join("deny.list"), starter::DENY)?;
    let book = crate::blueprint::Book {
        directory: directory.join("book"),
        origin: format!("{}/lazaret/gateway-1", args.domain),
        pseudonym_keys: directory.join("keys/pseudonyms"),
        log_key: directory.join("keys/log.key"),
        seats: 1_024,
        stranger_seats: 256,
        sinks: Vec::new(),
    };
    wiring::create_book(&book, process::now())?;
    // Last, so that a folder with a manifest is a whole one.
    starter::write_if_missing(
        &directory.join("lazaret.toml"),
        &starter::MANIFEST.replace("harbor.example", &args.domain),
    )?;
    output::say(&format!(
        "made {0}\n\nnext:\n  edit {0}/lazaret.toml (names, addresses, issuer; the book's origin is fixed now)\n  put certificates and keys into {0}/tls\n  lazaret check --config {0}/lazaret.toml",
        directory.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Judges a manifest as `run` would, without serving.
pub fn check(args: &Config) -> anyhow::Result<ExitCode> {
    let faults = match Blueprint::read(&args.config, Material::Production) {
        Ok(blueprint) => match wiring::judge(&blueprint) {
            Ok(()) => Faults { file: args.config.clone(), faults: Vec::new() },
            Err(error) => Faults { file: args.config.clone(), faults: vec![fault_of(&error)] },
        },
        Err(faults) => faults,
    };
    let good = faults.faults.is_empty();
    if args.json {
        let list: Vec<_> = faults
            .faults
            .iter()
            .map(|fault| json!({"line": fault.line, "what": fault.what, "hint": fault.hint}))
            .collect();
        output::say(&json!({"file": args.config, "good": good, "faults": list}).to_string());
    } else if good {
        output::say(&format!("{}: good", args.config.display()));
    } else {
        output::note(&faults.to_string());
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn fault_of(error: &anyhow::Error) -> crate::blueprint::Fault {
    crate::blueprint::Fault { line: None, what: format!("{error:#}"), hint: "mend the file it names".to_owned() }
}
