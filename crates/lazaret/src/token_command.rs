//! `lazaret token`: access tokens of the development personas.

use crate::blueprint::DEVELOPMENT_MARK;
use crate::cli::Token;
use crate::personas::{PERSONAS, Persona};
use crate::{output, process, up};
use anyhow::{Context, bail};
use identity::DevelopmentIssuer;
use lexicon::Time;
use serde_json::json;
use std::process::ExitCode;

pub fn token(args: &Token) -> anyhow::Result<ExitCode> {
    if args.list {
        list(args.json);
        return Ok(ExitCode::SUCCESS);
    }
    let name = args.persona.as_deref().unwrap_or_default();
    let Some(persona) = Persona::named(name) else {
        bail!("no persona is named `{name}`; see `lazaret token --list`");
    };
    if !args.data.join(DEVELOPMENT_MARK).exists() {
        bail!(
            "`{}` is not a data folder of `lazaret up`; start that first, or name it with --data",
            args.data.display()
        );
    }
    let issuer = DevelopmentIssuer::open(&args.data.join("issuer"))?;
    let base =
        up::base_of(&args.data).context("the folder does not say where its gateway listens; run `lazaret up`")?;
    let issued = Time::from_seconds(process::now().seconds().saturating_sub(args.issued_s_ago));
    let token = issuer.mint(&persona.claims(&base, issued.seconds()), issued, args.lifetime_s)?;
    if args.json {
        output::say(
            &json!({"persona": persona.name, "access_token": token, "expires_in": args.lifetime_s}).to_string(),
        );
    } else {
        output::say(&token);
    }
    Ok(ExitCode::SUCCESS)
}

fn list(as_json: bool) {
    if as_json {
        let all: Vec<_> = PERSONAS.iter().map(|one| json!({"persona": one.name, "about": one.about})).collect();
        output::say(&json!(all).to_string());
    } else {
        let rows: Vec<_> = PERSONAS.iter().map(|one| vec![one.name.to_owned(), one.about.to_owned()]).collect();
        output::say(&output::table(&["PERSONA", "WHAT IT MAY DO"], &rows));
    }
}
