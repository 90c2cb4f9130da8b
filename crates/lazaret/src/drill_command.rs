//! `lazaret drill`: the leak corpus against a gateway. Exit code 1 if anything leaked.

mod describe;

use crate::cli::Drill;
use crate::{output, process};
use anyhow::{Context, bail};
use drill::{Corpus, Limits, Permission, Run, Target};
use std::process::ExitCode;
use std::sync::Arc;

pub fn drill(args: &Drill) -> anyhow::Result<ExitCode> {
    if args.describe {
        output::say(&describe::describe(&args.data)?);
        return Ok(ExitCode::SUCCESS);
    }
    let (text, beside) = match &args.target {
        Some(file) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))?;
            (text, file.parent().unwrap_or(file).to_owned())
        }
        None => (describe::describe(&args.data)?, args.data.clone()),
    };
    let target = Target::parse(&text)?;
    let trust = target.trust.as_ref().map(|file| {
        let path = beside.join(file);
        std::fs::read(&path).with_context(|| format!("`{}` cannot be read", path.display()))
    });
    let trust = trust.transpose()?;
    let mut corpus = Corpus::built_in()?;
    if let Some(only) = &args.only {
        corpus = corpus.only(only);
        if corpus.attacks().is_empty() {
            bail!("no attack and no row of the catalogue is called `{only}`");
        }
    }
    let run = Run {
        target: &target,
        trust: trust.as_deref(),
        permission: if args.i_own_this { Permission::Owned } else { Permission::Loopback },
        limits: Limits::default(),
        clock: Arc::new(process::now),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(drill::run(&run, &corpus))?;
    output::say(&if args.json { report.json() } else { report.table() });
    Ok(if report.total.leaked == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
