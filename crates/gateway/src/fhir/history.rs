//! The versions of one resource. Membership, labels and content were others once: a version is shown only to a caller
//! who may see the resource as it is now and may see the version by itself (B9).
//!
//! That a hidden part changed is hidden too. Two versions that show the same are one; and where something is withheld
//! from a version, its number and date are.

use super::{
    Fhir,
    cursor::{Cursor, Manner},
    scan::{Errand, Spent, below},
    search::{Piece, canonical, place},
    upstream::{Page, Paged, Turn},
};
use ::fhir::{
    Projected,
    bundle::{BundleKind, Method, Writer},
    request::Asked,
};
use lexicon::{LocalId, Principal, Reason};
use passage::Disclosed;
use std::collections::HashSet;

/// Versions in memory, in bytes.
const HELD: usize = 16 << 20;

/// The history of a resource that may be seen.
pub(super) struct History {
    id: LocalId,
    /// Below our base.
    place: String,
    before: usize,
    most: usize,
    is_done: bool,
}

impl Fhir {
    /// The cursor of a history's page, if it is one of ours.
    pub(super) fn history_cursor(&self, principal: &Principal, asked: &Asked) -> Result<Option<Cursor>, Reason> {
        let page = asked.history.as_ref().and_then(|history| history.page.as_deref());
        page.map(|page| self.cursor(page, principal, asked)).transpose()
    }
}

impl History {
    pub fn begin(errand: &Errand<'_>) -> Result<Self, Reason> {
        let (asked, caps) = (errand.sight.ask, errand.road.settings.caps);
        let cursor = errand.road.history_cursor(errand.sight.principal, asked)?;
        if cursor.as_ref().is_some_and(|cursor| cursor.until < errand.moment.now) {
            return Err(Reason::CursorInvalid);
        }
        let count = match &cursor {
            // What was asked for at first is in the cursor.
            Some(cursor) => cursor.query.strip_prefix("_count=").and_then(|count| count.parse().ok()),
            None => asked.history.as_ref().and_then(|history| history.count),
        };
        let most = count.unwrap_or(caps.page).min(caps.most) as usize;
        let before = usize::try_from(cursor.map_or(0, |cursor| cursor.shown)).map_err(|_| Reason::Bug)?;
        let id = asked.id.clone().ok_or(Reason::Bug)?;
        Ok(Self { id, place: place(asked), before, most, is_done: false })
    }

    pub async fn next(&mut self, errand: &Errand<'_>, spent: &mut Spent) -> Result<Option<Piece>, Reason> {
        if std::mem::replace(&mut self.is_done, true) {
            return Ok(None);
        }
        let (versions, disclosed) = self.versions(errand, spent).await?;
        let all = versions.len();
        let road = errand.road;
        let mut writer = Writer::new(BundleKind::History, &road.settings.about.base);
        let (mut returned, mut withheld) = (0, 0);
        for version in versions.into_iter().skip(self.before).take(self.most) {
            returned += 1;
            withheld += version.withheld();
            // How a version came about would tell whether there was one before it that is not shown.
            writer.version(version, Method::Put);
        }
        let query = canonical(&errand.sight.ask.parameters);
        let mut links = vec![("self", road.link(&self.place, &query))];
        let shown = self.before.saturating_add(self.most);
        if all > shown {
            let cursor = Cursor {
                until: Cursor::expiry(errand.moment.now),
                query: format!("_count={}", self.most),
                manner: Manner::Collect,
                shown: shown as u64,
                total: None,
                legs: 0,
                position: None,
            };
            links.push(("next", road.page_link(&self.place, &cursor, errand.sight.principal)?));
        }
        writer.finish(&links, Some(all as u64));
        let disclosed = disclosed.into_iter().filter(|_| returned > 0).collect();
        Ok(Some(Piece { body: writer.take().into(), returned, withheld, disclosed }))
    }

    /// All versions that are shown, the newest first, and whose they were.
    async fn versions(
        &self,
        errand: &Errand<'_>,
        spent: &mut Spent,
    ) -> Result<(Vec<Projected>, Vec<Disclosed>), Reason> {
        let of = errand.sight.ask.resource_type.ok_or(Reason::Bug)?;
        let grants = errand.grants(of)?;
        let sieve = errand.sieve(of, &grants)?;
        let (mut versions, mut disclosed): (Vec<Projected>, Vec<Disclosed>) = (Vec::new(), Vec::new());
        let (mut path, mut held, mut turned) =
            (format!("/{of}/{}/_history?_count=100", self.id.reveal()), 0, HashSet::new());
        loop {
            if !turned.insert(path.clone()) {
                return Err(Reason::UpstreamPage);
            }
            let mut page = turn(&path, errand, spent).await?;
            while let Some(entry) = page.next().await? {
                spent.entry(errand.road)?;
                // A deletion holds nothing that could be judged. What is another resource was not asked for.
                let Some(resource) = entry.resource else { continue };
                if (resource.resource_type(), resource.id().as_ref()) != (of, Some(&self.id)) {
                    continue;
                }
                let Ok(seen) = sieve.see(&resource) else { continue };
                let version = seen.project();
                if versions.last().is_some_and(|last| last.bytes() == version.bytes()) {
                    continue;
                }
                held += version.bytes().len();
                if held > HELD {
                    return Err(Reason::SearchTooBroad);
                }
                spent.saw(&seen);
                let one = seen.disclosed(self.id.clone());
                if !disclosed.contains(&one) {
                    disclosed.push(one);
                }
                versions.push(version);
            }
            match page.finish()?.next {
                Some(link) => path = below(errand.road.upstream.base(), &link).ok_or(Reason::UpstreamPage)?,
                None => return Ok((versions, disclosed)),
            }
        }
    }
}

async fn turn(path: &str, errand: &Errand<'_>, spent: &mut Spent) -> Result<Box<Page>, Reason> {
    spent.page(errand.road)?;
    let limits = errand.road.settings.page_limits();
    let turn = Turn { path, kind: BundleKind::History, limits, trace: errand.moment.trace };
    match errand.road.upstream.page(&turn, &mut spent.notes).await? {
        Paged::Page(page) => Ok(page),
        Paged::Refused(status) if matches!(status.as_u16(), 404 | 410) => Err(Reason::ResourceAbsent),
        Paged::Refused(_) => Err(Reason::UpstreamSearch),
    }
}
