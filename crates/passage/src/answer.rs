//! The open case of a passage, and how it is closed: one way for answers and refusals alike.

use crate::{
    Arrival, Disclosed, Generation, Notes, Recorded, Refusal, Road, Silence, Validator, Whole, allowance,
    challenge::challenge,
    desk::Desk,
    limits::{Neighbourhood, Place, Turn},
    outgoing::{Spout, stream},
    road,
    sealed::{Head, Running, Sealed},
    tally::End,
    validator::{Known, Tag},
};
use access::Owner;
use aws_lc_rs::{digest, rand};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, Version, header};
use identity::{Caller, Named};
use ledger::{Docket, Receipt};
use lexicon::{Context, Halt, Kind, Relationship, Station, Time, Trace};
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::time::timeout;

/// The docket with what is needed to close it. Travels through every state.
pub(crate) struct Case {
    docket: Docket,
    desk: Arc<Desk>,
    began: Instant,
    neighbourhood: Neighbourhood,
    /// A `HEAD` request: the answer is sealed without the body it will not have.
    bodiless: bool,
    /// The client's HTTP can tell a cut answer from a complete one. Before HTTP/1.1 both end with the connection.
    can_cut: bool,
    place: Option<Place<[u8; 32]>>,
    /// The verified caller, as limits know it.
    owner: Option<Owner>,
    /// What the client has already, by its own word.
    pub known_tags: Option<Known>,
    /// Its address's turn for a stranger's seat, until the caller is known.
    turn: Option<Turn<Neighbourhood>>,
}

impl Case {
    pub async fn open(arrival: &Arrival, desk: &Arc<Desk>) -> Result<Self, Silence> {
        let began = Instant::now();
        let patience = desk.settings.timeouts.seat;
        let neighbourhood = Neighbourhood::of(arrival.source);
        let turn = timeout(patience, desk.guards.seats.turn(neighbourhood)).await;
        let turn = turn.map(Some).map_err(|_all_held_by_its_neighbours| {
            desk.ended(End::Surplus);
            Silence::Surplus
        })?;
        let arrived = desk.ledger.arrive(desk.clock.now(), trace()?, arrival.source, patience).await;
        let mut docket = arrived.map_err(|_outage| Silence::Outage)?;
        if let Some(foreign) = arrival.parts.headers.get("traceparent") {
            docket.foreign_trace(foreign.as_bytes());
        }
        let draft = docket.draft();
        draft.zone = Some(desk.settings.zone.clone());
        draft.client_tls = Some(arrival.peer.tls.clone());
        let bodiless = arrival.parts.method == Method::HEAD;
        let can_cut = arrival.parts.version >= Version::HTTP_11;
        let (desk, place, owner, known_tags) = (desk.clone(), None, None, None);
        Ok(Self { docket, desk, began, neighbourhood, bodiless, can_cut, place, owner, known_tags, turn })
    }

    pub fn under<R: Road>(mut self, at: &Generation<R>) -> Self {
        let draft = self.docket.draft();
        draft.road = Some(at.road.name().to_owned());
        draft.generation = Some(at.hash);
        self
    }

    pub fn on(mut self, road: &str) -> Self {
        self.docket.draft().road = Some(road.to_owned());
        self
    }

    /// A caller that no token names, but a certificate.
    pub fn seen_as(&mut self, kind: Kind, certificate: &str) {
        let draft = self.docket.draft();
        draft.actor_kind = Some(kind);
        draft.client = Some(certificate.to_owned());
    }

    pub fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    pub fn is_bodiless(&self) -> bool {
        self.bodiless
    }

    pub fn can_cut(&self) -> bool {
        self.can_cut
    }

    /// Never before the last record (decision 18).
    pub fn now(&self) -> Time {
        self.desk.ledger.decision_time(self.desk.clock.now())
    }

    pub fn trace(&self) -> Trace {
        self.docket.trace()
    }

    pub fn zone(&self) -> &str {
        &self.desk.settings.zone
    }

    pub fn reach(&mut self, station: Station) {
        self.docket.reach(station);
    }

    /// Writes the verified caller into the case and moves it to the seats of the known.
    pub async fn known(&mut self, caller: &Caller) -> Result<(), Silence> {
        let (now, patience) = (self.now(), self.desk.settings.timeouts.seat);
        let moved = self.docket.caller(caller.principal(), caller.token(), now, patience).await;
        moved.map_err(|_outage| Silence::Outage)?;
        self.turn = None;
        self.owner = Some(allowance::owner(caller));
        Ok(())
    }

    /// Writes who it was that is refused. They stay a stranger in all else.
    pub fn named(&mut self, named: &Named) {
        let (issuer, subject, token) = (named.issuer(), named.subject(), named.token());
        self.docket.named(ledger::Named { issuer, subject, token });
    }

    pub fn charge_token(&mut self, caller: &Caller) -> Result<(), Duration> {
        self.desk.guards.tokens.charge(*caller.token(), Instant::now())?;
        let place = self.desk.guards.callers.enter(person(caller));
        self.place = Some(place.ok_or(Duration::from_secs(1))?);
        Ok(())
    }

    pub fn charge_stranger(&mut self) -> Result<(), Duration> {
        self.docket.draft().actor_kind = Some(Kind::Stranger);
        let guards = &self.desk.guards;
        guards.strangers.charge(self.neighbourhood, Instant::now()).inspect_err(|_| {
            // Spending the last of these is what makes the listener hang up on strangers of this address.
            let _spent = guards.refusals.charge(self.neighbourhood, Instant::now());
        })
    }

    pub fn note(&mut self, notes: Notes) {
        let Notes { interaction, resource_type, resource, patient, .. } = &notes;
        if let (Some(kind), Some(id)) = (resource_type, resource) {
            self.docket.resource(*kind, id);
        }
        if let Some(patient) = patient {
            self.docket.patient(patient);
        }
        let draft = self.docket.draft();
        draft.interaction = interaction.or(draft.interaction);
        draft.resource_type = resource_type.or(draft.resource_type);
        draft.upstream_peer = notes.upstream_peer.or(draft.upstream_peer.take());
        draft.upstream_tls = notes.upstream_tls.or(draft.upstream_tls.take());
        draft.upstream_status = notes.upstream_status.or(draft.upstream_status);
        draft.narrowing = draft.narrowing.max(notes.narrowing);
        draft.groups.extend(notes.groups);
        for policy in notes.policies {
            if !draft.policies.contains(&policy) {
                draft.policies.push(policy);
            }
        }
    }

    pub fn related(&mut self, relationship: &Relationship) {
        if !relationship.source.is_empty() {
            let draft = self.docket.draft();
            draft.relationship_source = Some(relationship.source.to_owned());
            draft.relationship_age_s = Some(relationship.age_s);
        }
    }

    pub fn asked(&mut self, context: &Context) {
        let draft = self.docket.draft();
        draft.purpose = Some(context.purpose.clone());
        for scope in &context.scopes {
            if !draft.scopes.contains(scope) {
                draft.scopes.push(scope.clone());
            }
        }
    }

    pub fn refusal(&mut self, why: &Halt) -> Refusal {
        let draft = self.docket.draft();
        let (caller, interaction, resource_type) = (draft.actor_kind, draft.interaction, draft.resource_type);
        Refusal { shown: why.reason.shown(), trace: self.trace(), caller, interaction, resource_type }
    }

    /// Notes what the next leaf discloses.
    pub fn disclose(&mut self, disclosed: &[Disclosed]) {
        for Disclosed { resource_type, id, patients } in disclosed {
            self.docket.disclose(*resource_type, id, patients);
        }
    }

    pub async fn answered(mut self, whole: Whole) -> Result<Recorded, Silence> {
        self.disclose(&whole.disclosed);
        let draft = self.docket.draft();
        draft.allowed = Some(true);
        draft.withheld_elements = Some(whole.withheld);
        let mut headers = self.headers(Some(whole.media_type));
        if whole.validator == Validator::Strong {
            let tag = Tag::new(self.docket.etag(&whole.body));
            if self.known_tags.as_ref().is_some_and(|known| tag.is_known(known)) {
                self.docket.draft().returned = Some(0);
                let mut headers = self.headers(None);
                headers.extend(tag.header().map(|tag| (header::ETAG, tag)));
                return self.close(Head { status: StatusCode::NOT_MODIFIED, headers }, Bytes::new()).await;
            }
            headers.extend(tag.header().map(|tag| (header::ETAG, tag)));
        }
        self.docket.draft().returned = Some(whole.returned);
        self.close(Head { status: StatusCode::OK, headers }, whole.body).await
    }

    /// A long answer is about to begin. Its head leaves once that is on disk; its case stays open.
    pub async fn begin(&mut self, media_type: &'static str) -> Result<(Recorded, Spout, Running), Silence> {
        let head = Head { status: StatusCode::OK, headers: self.headers(Some(media_type)) };
        let opening = Running::new(&head, &self.docket.salt());
        let now = self.now();
        let draft = self.docket.draft();
        (draft.allowed, draft.status) = (Some(true), Some(head.status.as_u16()));
        let receipt = self.docket.began(now, opening.digest()).await.map_err(|_outage| Silence::Outage)?;
        let (spout, body) = stream();
        Ok((Recorded::begun(&receipt, head, &opening, body)?, spout, opening))
    }

    /// The next segment names what was disclosed since the last; `so_far` runs to its end.
    pub async fn segment(&mut self, so_far: &Running) -> Result<(), Silence> {
        let (now, digest) = (self.now(), so_far.digest());
        let receipt = self.docket.disclosing(now, digest).await.map_err(|_outage| Silence::Outage)?;
        if *receipt.binds() == digest { Ok(()) } else { Err(Silence::Bug) }
    }

    /// Closes a long answer of which at most `released` has left; `cut` says why that is not all.
    pub async fn ended(mut self, released: &Running, withheld: u64, cut: Option<Halt>) -> Result<(), Silence> {
        if let Some(why) = cut {
            self.note(Notes { policies: why.policies, ..Notes::default() });
            self.docket.draft().reason = Some(why.reason);
        }
        self.docket.draft().withheld_elements = Some(withheld);
        let digest = released.digest();
        let receipt = self.end(StatusCode::OK.as_u16(), released.length(), digest).await?;
        if *receipt.binds() == digest { Ok(()) } else { Err(Silence::Bug) }
    }

    pub async fn refused(
        mut self,
        why: Halt,
        retry_after: Option<Duration>,
        answer: road::Answer,
    ) -> Result<Recorded, Silence> {
        let shown = why.reason.shown();
        let mut headers = self.headers(Some(answer.media_type));
        let realm = &self.desk.settings.realm;
        if let Some(value) = challenge(realm, shown, why.challenge.as_ref(), answer.scope.as_deref()) {
            headers.push((header::WWW_AUTHENTICATE, value));
        }
        if let Some(wait) = retry_after {
            headers.push((header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1))));
        }
        self.note(Notes { policies: why.policies, ..Notes::default() });
        let draft = self.docket.draft();
        draft.allowed = Some(false);
        draft.reason = Some(why.reason);
        let status = StatusCode::from_u16(shown.status()).map_err(|_| Silence::Bug)?;
        self.close(Head { status, headers }, answer.body).await
    }

    /// Seals the answer, writes the closing leaf that binds it, and waits until that is on disk.
    async fn close(self, head: Head, body: Bytes) -> Result<Recorded, Silence> {
        let body = if self.bodiless { Bytes::new() } else { body };
        let sealed = Sealed::new(head, body, &self.docket.salt());
        let receipt = self.end(sealed.status(), sealed.length(), sealed.digest()).await?;
        Recorded::whole(&receipt, sealed)
    }

    /// There is no second try: after a failed sync the leaf may or may not be there (decision 32).
    async fn end(mut self, status: u16, bytes: u64, digest: [u8; 32]) -> Result<Receipt, Silence> {
        let (now, trace, station) = (self.now(), self.trace(), self.docket.station());
        let draft = self.docket.draft();
        draft.time = now;
        draft.trace = Some(trace);
        (draft.status, draft.bytes, draft.answer) = (Some(status), Some(bytes), Some(digest));
        draft.latency_us = u64::try_from(self.began.elapsed().as_micros()).ok();
        let entry = draft.clone();
        let receipt = self.docket.close(now, digest).await.map_err(|_outage| Silence::Outage)?;
        self.desk.telemetry.observe(&entry, station, receipt.index());
        Ok(receipt)
    }

    /// What every answer says. The date is ours, so that the digest covers it. An answer without a body has no type.
    fn headers(&self, media_type: Option<&'static str>) -> Vec<(HeaderName, HeaderValue)> {
        let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_millis(self.now().millis()));
        let content_type = media_type.map(|of| (header::CONTENT_TYPE, HeaderValue::from_static(of)));
        let mut headers: Vec<_> = content_type.into_iter().collect();
        headers.extend([
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000")),
        ]);
        headers.extend(HeaderValue::try_from(date).ok().map(|date| (header::DATE, date)));
        let trace = HeaderValue::try_from(self.docket.trace().to_string());
        headers.extend(trace.ok().map(|trace| (HeaderName::from_static("lazaret-trace"), trace)));
        headers.extend(self.owner.iter().flat_map(|owner| self.rate_limits(owner)).flatten());
        headers
    }
}

/// The edge starts its own trace, whatever a stranger says.
fn trace() -> Result<Trace, Silence> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| Silence::Bug)?;
    Ok(Trace::from_bytes(bytes))
}

/// One person at one client, whichever token they hold now.
pub(crate) fn person(caller: &Caller) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    let principal = caller.principal();
    for part in [&principal.issuer, &principal.subject, &principal.client] {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut key = [0; 32];
    key.copy_from_slice(hash.finish().as_ref());
    key
}
