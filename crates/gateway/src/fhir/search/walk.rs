//! Which matches are on a page, and in which order. An upstream that keeps the order asked for is followed page by page.
//! Of one that does not, everything is read, put in order here and cut by number.
//!
//! Whether it keeps the order shows on what it sends: all of the upstream's page in which our page ends is compared. An
//! upstream that breaks the order only after that is noticed on a later page of ours.

use super::{Next, Run, Stage};
use crate::fhir::{
    chain::resolve,
    cursor::{Manner, Position},
    legs::Ordered,
    scan::{Errand, Found, Scan, Spent},
};
use ::fhir::{order::Key, search::Summary};
use lexicon::Reason;

/// Matches that are held to be put in order, in bytes.
const HELD: usize = 16 << 20;

pub(super) struct Walk {
    scan: Box<Scan>,
    /// From a position in the middle, and nothing has come yet.
    resumed: bool,
    pass: u64,
    held: Held,
    /// Where the last one stands in the order.
    last: Vec<Key>,
    /// What is beyond the page is counted.
    counts: bool,
}

impl Walk {
    fn new(scan: Box<Scan>, pass: u64) -> Self {
        Self { scan, resumed: false, pass, held: Held::default(), last: Vec::new(), counts: false }
    }
}

/// Matches with what they are put in order by.
#[derive(Default)]
struct Held {
    found: Vec<(Vec<Key>, Found)>,
    bytes: usize,
}

impl Held {
    fn push(&mut self, keys: Vec<Key>, found: Found) -> Result<(), Reason> {
        self.bytes += found.size();
        self.found.push((keys, found));
        if self.bytes > HELD { Err(Reason::SearchTooBroad) } else { Ok(()) }
    }

    fn len(&self) -> u64 {
        self.found.len() as u64
    }

    /// The first one last, to be taken from the end.
    fn pours(self) -> Stage {
        Stage::Pours(self.found.into_iter().rev().map(|(_, found)| found).collect())
    }
}

impl Run {
    pub(super) async fn open(&mut self, errand: &Errand<'_>, spent: &mut Spent) -> Result<Stage, Reason> {
        let mut asking = resolve(self.search.of, &self.search.criteria, *errand, spent).await?;
        if self.search.summary != Summary::Count {
            asking.sort.clone_from(&self.search.sort);
        }
        let is_sorted = !asking.sort.is_empty();
        let mut scan = Box::new(Scan::new(asking, self.part.clone(), errand)?);
        let mut resumed = false;
        match self.resume.take() {
            Some((Manner::Collect, ..)) => return self.collect(scan, errand, spent).await,
            // Otherwise these are other legs than those that the position is in: relationships have changed, or rules.
            Some((Manner::Walk, legs, Some(position))) if legs == scan.mark() => {
                scan.resume(position);
                resumed = true;
            }
            Some((Manner::Walk, ..)) | None => {}
        }
        if is_sorted && scan.ordered == Ordered::Here {
            return self.collect(scan, errand, spent).await;
        }
        let pass = if resumed { 0 } else { self.before };
        Ok(Stage::Walks(Walk { resumed, ..Walk::new(scan, pass) }))
    }

    /// One match further, in the order of the upstream.
    pub(super) async fn walk(
        &mut self,
        mut walk: Walk,
        errand: &Errand<'_>,
        spent: &mut Spent,
    ) -> Result<Stage, Reason> {
        let found = match walk.scan.next(errand, spent).await {
            // The upstream has forgotten the page: the same matches are passed over instead.
            Err(Reason::UpstreamSearch) if walk.resumed => {
                walk.scan.rewind();
                return Ok(Stage::Walks(Walk::new(walk.scan, self.before)));
            }
            found => found?,
        };
        walk.resumed = false;
        let is_sorted = !walk.scan.asking().sort.is_empty();
        if is_sorted && walk.scan.ordered == Ordered::Here {
            // The upstream does not take our order.
            return self.collect(walk.scan, errand, spent).await;
        }
        let Some(found) = found else {
            if self.next.is_none() && (self.before == 0 || self.wants_total()) {
                self.total.get_or_insert(self.before + self.written + walk.held.len());
            }
            return Ok(walk.held.pours());
        };
        let keys = self.keys(&found, errand);
        if is_sorted && walk.last > keys {
            return self.collect(walk.scan, errand, spent).await;
        }
        walk.last.clone_from(&keys);
        if walk.pass > 0 {
            walk.pass -= 1;
        } else if self.search.summary == Summary::Count {
            self.written += 1;
        } else if self.next.is_some() || self.written + walk.held.len() == self.most {
            return Ok(self.beyond(walk, found.position));
        } else if is_sorted {
            walk.held.push(keys, found)?;
        } else {
            self.show(found, errand);
        }
        Ok(Stage::Walks(walk))
    }

    /// A match that is not on the page: the next page begins with the first of them.
    fn beyond(&mut self, mut walk: Walk, position: Position) -> Stage {
        match &self.next {
            None => {
                walk.counts = self.wants_total() && self.total.is_none();
                if walk.counts {
                    self.total = Some(self.before + self.most + 1);
                }
                let (manner, legs) = (Manner::Walk, walk.scan.mark());
                self.next = Some(Next { manner, legs, position: Some(position.clone()) });
            }
            Some(_) if walk.counts => self.total = self.total.map(|total| total + 1),
            Some(_) => {}
        }
        let is_sorted = !walk.scan.asking().sort.is_empty();
        let begins = self.next.as_ref().and_then(|next| next.position.as_ref());
        let compares = is_sorted && begins.is_some_and(|begins| begins.path == position.path);
        if walk.counts || compares { Stage::Walks(walk) } else { walk.held.pours() }
    }

    /// Reads everything there is, from the beginning, and puts it in order here.
    async fn collect(&mut self, mut scan: Box<Scan>, errand: &Errand<'_>, spent: &mut Spent) -> Result<Stage, Reason> {
        scan.rewind();
        scan.ordered = Ordered::Here;
        let mut held = Held::default();
        while let Some(found) = scan.next(errand, spent).await? {
            held.push(self.keys(&found, errand), found)?;
        }
        // What is equal is put in order by id, which is shown, and not by what made the upstream send it first.
        held.found.sort_by(|(one, a), (other, b)| one.cmp(other).then_with(|| a.id.cmp(&b.id)));
        let all = held.len();
        self.next = None;
        if all > self.before.saturating_add(self.most) {
            self.next = Some(Next { manner: Manner::Collect, legs: 0, position: None });
        }
        let is_whole = self.before == 0 && self.next.is_none();
        self.total = (self.wants_total() || is_whole).then_some(all);
        let (skip, take) = (usize::try_from(self.before), usize::try_from(self.most));
        let (skip, take) = (skip.map_err(|_| Reason::Bug)?, take.map_err(|_| Reason::Bug)?);
        held.found = held.found.into_iter().skip(skip).take(take).collect();
        Ok(held.pours())
    }

    fn keys(&self, found: &Found, errand: &Errand<'_>) -> Vec<Key> {
        self.search.sort.iter().map(|order| order.key(&found.view, &errand.road.base)).collect()
    }
}
