//! Carries the attacks out, one after the other, within limits.

use crate::ask::{Answer, HUNG_UP, Silent, Way};
use crate::attack::{Attack, Corpus, Request};
use crate::judge::{Judged, Outcome};
use crate::question::Question;
use crate::report::{Finding, Report, Verdict};
use crate::target::{Place, Target};
use identity::{Bundle, Clock, Dialler, DiallerSettings, Expect};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::Instant;

/// What a drill may cost the target and us.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests in all.
    pub requests: usize,
    /// One request.
    pub each: Duration,
    /// All of them.
    pub all: Duration,
    /// Bytes of an answer.
    pub body: usize,
    /// Silence after which an answer to raw bytes counts as complete.
    pub quiet: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 2_000,
            each: Duration::from_secs(20),
            all: Duration::from_secs(900),
            body: 8 << 20,
            quiet: Duration::from_secs(2),
        }
    }
}

/// Whom we may attack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Permission {
    Loopback,
    /// The person at the keyboard says that the target is theirs.
    Owned,
}

/// What a drill needs beside the corpus.
pub struct Run<'a> {
    pub target: &'a Target,
    /// The authorities of the target in PEM; needed for `https`.
    pub trust: Option<&'a [u8]>,
    pub permission: Permission,
    pub limits: Limits,
    pub clock: Clock,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("the target's host is not known here")]
    Host,
    #[error("the target is not on this machine; attack only what is yours")]
    Foreign,
    #[error("a target with https needs `trust`, a file with its authorities")]
    Trust,
    #[error("the target's authorities cannot be read")]
    Material(#[from] identity::MaterialError),
    #[error("the target's base is not a URL")]
    Base,
}

/// All attacks of the corpus against the target.
pub async fn run(run: &Run<'_>, corpus: &Corpus) -> Result<Report, Refused> {
    let place = run.target.place().ok_or(Refused::Base)?;
    let address = address(&place, run.permission).await?;
    let dialler = if place.is_tls { Some(dialler(run, &place)?) } else { None };
    let way = Way { address, dialler, limits: run.limits };
    let mut drill = Drill {
        target: run.target,
        place,
        way,
        left: run.limits.requests,
        end: Instant::now() + run.limits.all,
        works: BTreeMap::new(),
    };
    let mut findings = Vec::with_capacity(corpus.attacks().len());
    for attack in corpus.attacks() {
        let ((verdict, why), trace) = match drill.carry_out(attack).await {
            Ok(done) => done,
            Err(why) => ((Verdict::Unclear, why), None),
        };
        let Attack { id, catalogue, title, .. } = attack.clone();
        findings.push(Finding { id, catalogue, title, verdict, why, trace });
    }
    Ok(Report::new(run.target.base.clone(), findings))
}

/// The one address that is asked, checked before anything is sent.
async fn address(place: &Place, permission: Permission) -> Result<SocketAddr, Refused> {
    let host = place.host.trim_start_matches('[').trim_end_matches(']');
    let mut found = tokio::net::lookup_host((host, place.port)).await.map_err(|_| Refused::Host)?;
    let fits = |address: &SocketAddr| permission == Permission::Owned || address.ip().is_loopback();
    let first = found.next().ok_or(Refused::Host)?;
    // A name that leads here and elsewhere leads elsewhere.
    let all: Vec<SocketAddr> = std::iter::once(first).chain(found).collect();
    if !all.iter().all(fits) {
        return Err(Refused::Foreign);
    }
    Ok(all.into_iter().find(SocketAddr::is_ipv4).unwrap_or(first))
}

fn dialler(run: &Run<'_>, place: &Place) -> Result<Dialler, Refused> {
    Ok(Dialler::new(&DiallerSettings {
        trust: Bundle::from_pem(run.trust.ok_or(Refused::Trust)?)?,
        material: None,
        expect: Expect::Dns(place.host.clone()),
        protocols: vec!["http/1.1"],
        connect_timeout: run.limits.each,
        handshake_timeout: run.limits.each,
        clock: run.clock.clone(),
    })?)
}

struct Drill<'a> {
    target: &'a Target,
    place: Place,
    way: Way,
    left: usize,
    end: Instant,
    /// Does a token do what it should? Asked once.
    works: BTreeMap<String, bool>,
}

impl Drill<'_> {
    async fn carry_out(&mut self, attack: &Attack) -> Result<(Judged, Option<String>), String> {
        let question = self.question(&attack.request, &attack.token)?;
        let twin = match &attack.same_as {
            None => None,
            Some(twin) => {
                let token = twin.token.as_deref().unwrap_or(&attack.token);
                Some(self.question(&twin.request(attack), token)?)
            }
        };
        if !self.works(&attack.token).await? {
            return Err(format!("the token `{}` does not work", attack.token));
        }
        let answer = match self.ask(&question).await {
            // Bytes that are no HTTP need no answer.
            Err(why) if attack.request.raw.is_some() && why == HUNG_UP.0 => {
                return Ok(((Verdict::Held, "the connection was closed".to_owned()), None));
            }
            answer => answer?,
        };
        let other = match &twin {
            None => None,
            Some(twin) => Some(self.ask(twin).await?),
        };
        let twin = twin.as_ref().zip(other.as_ref());
        let outcome = Outcome { attack, target: self.target, question: &question, answer: &answer, twin };
        let trace = Some(answer.header("lazaret-trace").to_owned()).filter(|trace| !trace.is_empty());
        Ok((outcome.judge(), trace))
    }

    fn question(&self, request: &Request, token: &str) -> Result<Question, String> {
        Question::new(request, token, self.target, &self.place).map_err(|unsaid| format!("the target has {}", unsaid.0))
    }

    /// A gateway that answers nobody holds nothing: what should be answered is asked first.
    async fn works(&mut self, token: &str) -> Result<bool, String> {
        let Some(path) = self.target.control.get(token).cloned() else { return Ok(true) };
        if let Some(works) = self.works.get(token) {
            return Ok(*works);
        }
        let request = Request { path: Some(path), ..Request::default() };
        let question = self.question(&request, token)?;
        let works = self.ask(&question).await?.status == 200;
        self.works.insert(token.to_owned(), works);
        Ok(works)
    }

    async fn ask(&mut self, question: &Question) -> Result<Answer, String> {
        if self.left == 0 || Instant::now() >= self.end {
            return Err("not carried out: the limits of the drill are reached".to_owned());
        }
        self.left -= 1;
        self.way.ask(&question.sent, &self.place).await.map_err(|Silent(why)| why.to_owned())
    }
}
