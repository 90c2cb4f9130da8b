//! Who asks: a persona as the gateway would know it, and what the gateway knows when it asks.

use crate::blueprint::{Blueprint, DEVELOPMENT_MARK, Material};
use crate::personas::Persona;
use crate::{process, wiring};
use anyhow::{Context, anyhow, bail};
use clinic::{Held, World};
use fhir::filter::{Filter, Limits, Scanned};
use fhir::scope::Scopes;
use fhir::{Grant, Surface};
use identity::{Bearer, DevelopmentIssuer, Peer};
use lexicon::{
    Context as Circumstances, Halt, Interaction, Judge, LocalId, Principal, Question, Reason, Relationship,
    ResourceType,
};
use policy::Plan;
use std::path::Path;

pub struct Asker {
    pub persona: &'static Persona,
    pub blueprint: Blueprint,
    pub rules: wiring::Rules,
    pub principal: Principal,
    pub world: World,
    pub relationship: Relationship,
}

impl Asker {
    pub fn open(name: &str, data: &Path) -> anyhow::Result<Self> {
        if !data.join(DEVELOPMENT_MARK).exists() {
            bail!(
                "`{}` is not a data folder of `lazaret up`; start that first, or name it with --data",
                data.display()
            );
        }
        let blueprint = Blueprint::read(&data.join("lazaret.toml"), Material::Development)?;
        let persona = Persona::named(name)
            .with_context(|| format!("no persona is named `{name}`; see `lazaret token --list`"))?;
        let principal = principal(persona, data, &blueprint)?;
        let saved = std::fs::read_to_string(data.join("clinic.json")).context("the clinic's file is missing")?;
        let world = World::from_saved(&saved)?;
        let relationship = relationship(&world, &principal, &blueprint)?;
        let rules = wiring::rules(&blueprint)?;
        Ok(Self { persona, blueprint, rules, principal, world, relationship })
    }

    pub fn grants(&self, interaction: Interaction, of: ResourceType) -> Result<Vec<Grant>, Reason> {
        Scopes::parse(&self.principal.scopes).covering(self.principal.kind, interaction, of)
    }

    pub fn question(&self, interaction: Interaction, of: ResourceType, grants: &[Grant]) -> Question {
        Question {
            principal: self.principal.clone(),
            action: interaction.action(),
            resource_type: Some(of),
            context: Circumstances {
                now: process::now(),
                purpose: self.blueprint.road.purpose.clone(),
                zone: self.blueprint.road.zone.clone(),
                assurance: self.principal.assurance,
                scopes: grants.iter().map(Grant::text).collect(),
            },
        }
    }

    /// *May ask*: scopes, then policies.
    pub fn plan(&self, interaction: Interaction, of: ResourceType) -> Result<Plan, Halt> {
        let grants = self.grants(interaction, of)?;
        self.rules.engine.decide(&self.question(interaction, of, &grants), &self.relationship)
    }

    /// What these may be searched by: every type that is not among them may not be searched.
    pub fn surface(&self, types: impl IntoIterator<Item = ResourceType>) -> Surface<'_> {
        let mut surface = Surface::new(&self.rules.projections);
        for of in types {
            if let Ok(plan) = self.plan(Interaction::SearchType, of) {
                surface.add(of, &plan.groups());
            }
        }
        surface
    }
}

/// The persona as the gateway would know it: a real token, really verified.
fn principal(persona: &Persona, data: &Path, blueprint: &Blueprint) -> anyhow::Result<Principal> {
    let now = process::now();
    let issuer = DevelopmentIssuer::open(&data.join("issuer"))?;
    let token = issuer.mint(&persona.claims(&blueprint.road.base, now.seconds()), now, 60)?;
    let bearer = Bearer::from_header(format!("Bearer {token}").as_bytes()).map_err(|reason| anyhow!("{reason}"))?;
    let verifier = wiring::verifier(blueprint)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let caller =
        runtime.block_on(verifier.verify(&bearer, &Peer::default(), now)).map_err(|reason| anyhow!("{reason}"))?;
    Ok(caller.principal().clone())
}

pub fn scan(text: &str) -> anyhow::Result<Scanned> {
    let mut filter = Filter::new(Limits { bytes: 1 << 20, depth: wiring::JSON_DEPTH });
    filter
        .push(text.as_bytes())
        .and_then(|()| filter.finish())
        .map_err(|reason| anyhow!("the clinic's resource: {reason}"))
}

/// The care teams that the caller works in, as the clinic would answer the gateway's query, and as the file lists them.
fn relationship(world: &World, principal: &Principal, blueprint: &Blueprint) -> anyhow::Result<Relationship> {
    let Some((kind, id)) = &principal.fhir_user else { return Ok(Relationship::default()) };
    let who = format!("{}/{}", kind.name(), id.reveal());
    let mut care_teams = Vec::new();
    for text in world.keys(Held::CareTeam).filter_map(|key| world.text(key)) {
        let team = scan(&text)?;
        let works_in = team.strings_at(&["participant", "member", "reference"]).iter().any(|member| *member == who);
        let subject = team.strings_at(&["subject", "reference"]);
        let patient = subject.first().and_then(|subject| LocalId::new(subject.strip_prefix("Patient/")?));
        if let (true, Some(team), Some(patient)) = (works_in, team.id(), patient) {
            care_teams.push((team, patient));
        }
    }
    if let Some(roster) = &blueprint.road.roster {
        care_teams.extend(roster.listed.care_teams(&(*kind, id.clone()), process::now()));
    }
    Ok(Relationship { care_teams, source: "query:CareTeam", age_s: 0, valid_until: None })
}
