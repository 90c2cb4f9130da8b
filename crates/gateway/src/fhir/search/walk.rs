//! Which matches are on a page, and in which order. An upstream that keeps the order asked for is followed page by page.
//! Of one that does not, everything is read, put in order here and cut by number.
//!
//! Whether it keeps the order shows on what it sends: a fixed number of matches beyond the page is compared, at least a
//! page, wherever the upstream's own pages end. So all that was ever shown stands in order, across pages too. An order that
//! breaks within reach of the first page is kept here; one that breaks later ends the pages, since another manner would
//! lose matches or repeat them.

use super::{Next, Run, Stage};
use crate::fhir::{
    chain::resolve,
    cursor::Manner,
    legs::Ordered,
    scan::{Errand, Found, Held, Scan, Spent},
};
use ::fhir::{order::Key, search::Summary};
use lexicon::Reason;

/// Matches beyond a page whose order is compared, if a page is shorter.
const AHEAD: u64 = 50;

pub(super) struct Walk {
    scan: Box<Scan>,
    /// From a position in the middle, and nothing has come yet.
    resumed: bool,
    pass: u64,
    held: Held<Vec<Key>>,
    /// Where the last one stands in the order.
    last: Vec<Key>,
    /// Matches beyond the page that are still to be compared.
    ahead: u64,
    /// What is beyond the page is counted.
    counts: bool,
}

impl Walk {
    fn new(scan: Box<Scan>, pass: u64) -> Self {
        Self { scan, resumed: false, pass, held: Held::default(), last: Vec::new(), ahead: 0, counts: false }
    }
}

/// The first one last, to be taken from the end.
fn pours(held: Held<Vec<Key>>) -> Stage {
    Stage::Pours(held.found.into_iter().rev().map(|(_, found)| found).collect())
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
            return self.reorder(scan, errand, spent).await;
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
            return self.reorder(walk.scan, errand, spent).await;
        }
        let Some(mut found) = found else {
            if self.next.is_none() && (self.before == 0 || self.wants_total()) {
                self.total.get_or_insert(self.before + self.written + walk.held.found.len() as u64);
            }
            return Ok(pours(walk.held));
        };
        let keys = self.keys(&mut found, errand);
        if is_sorted && walk.last > keys {
            return self.reorder(walk.scan, errand, spent).await;
        }
        walk.last.clone_from(&keys);
        if walk.pass > 0 {
            walk.pass -= 1;
        } else if self.search.summary == Summary::Count {
            self.written += 1;
            spent.told.push(found.disclosed);
        } else if self.next.is_some() || self.written + walk.held.found.len() as u64 == self.most {
            return Ok(self.beyond(walk, found, spent));
        } else if is_sorted {
            walk.held.push(keys, found)?;
        } else {
            self.show(found, errand);
        }
        Ok(Stage::Walks(walk))
    }

    /// A match that is not on the page: the next page begins with the first of them.
    fn beyond(&mut self, mut walk: Walk, found: Found, spent: &mut Spent) -> Stage {
        let is_first = self.next.is_none();
        if is_first {
            walk.counts = self.wants_total() && self.total.is_none();
            let (manner, legs) = (Manner::Walk, walk.scan.mark());
            self.next = Some(Next { manner, legs, position: Some(found.position) });
            let is_sorted = !walk.scan.asking().sort.is_empty();
            walk.ahead = if is_sorted { self.most.max(AHEAD) } else { 0 };
        }
        if walk.counts {
            self.total = Some(self.total.unwrap_or(self.before + self.most) + 1);
        }
        // A total tells of each that is counted, and a next page of the first that is on it.
        if is_first || walk.counts {
            spent.told.push(found.disclosed);
        }
        walk.ahead = walk.ahead.saturating_sub(1);
        if walk.counts || walk.ahead > 0 { Stage::Walks(walk) } else { pours(walk.held) }
    }

    /// The upstream's order is of no use.
    async fn reorder(&mut self, scan: Box<Scan>, errand: &Errand<'_>, spent: &mut Spent) -> Result<Stage, Reason> {
        if self.before > 0 {
            // Pages were made in it, and cannot go on in another.
            return Err(Reason::CursorInvalid);
        }
        self.collect(scan, errand, spent).await
    }

    /// Reads everything there is, from the beginning, and puts it in order here.
    async fn collect(&mut self, mut scan: Box<Scan>, errand: &Errand<'_>, spent: &mut Spent) -> Result<Stage, Reason> {
        scan.rewind();
        scan.ordered = Ordered::Here;
        let mut held = Held::default();
        while let Some(mut found) = scan.next(errand, spent).await? {
            let keys = self.keys(&mut found, errand);
            held.push(keys, found)?;
        }
        // What is equal is put in order by id, which is shown, and not by what made the upstream send it first.
        held.found.sort_by(|(one, a), (other, b)| one.cmp(other).then_with(|| a.id.cmp(&b.id)));
        let all = held.found.len() as u64;
        self.next = None;
        if all > self.before.saturating_add(self.most) {
            self.next = Some(Next { manner: Manner::Collect, legs: 0, position: None });
        }
        let is_whole = self.before == 0 && self.next.is_none();
        if self.before == 0 {
            self.total = (self.wants_total() || is_whole).then_some(all);
        }
        let (skip, take) = (usize::try_from(self.before), usize::try_from(self.most));
        let (skip, take) = (skip.map_err(|_| Reason::Bug)?, take.map_err(|_| Reason::Bug)?);
        // A total tells of each that is counted, and a next page of the first that is on it.
        let told = if self.before == 0 && self.wants_total() { held.found.len() } else { 1 };
        let beyond = held.found.iter().skip(skip.saturating_add(take)).take(told);
        spent.told.extend(beyond.map(|(_, found)| found.disclosed.clone()));
        held.found = held.found.into_iter().skip(skip).take(take).collect();
        Ok(pours(held))
    }

    /// What it is put in order by. After that only includes look at what is shown of it.
    fn keys(&self, found: &mut Found, errand: &Errand<'_>) -> Vec<Key> {
        let key = |view| self.search.sort.iter().map(|order| order.key(view, &errand.road.base)).collect();
        let keys = found.view.as_ref().map(key).unwrap_or_default();
        if self.search.includes.is_empty() {
            found.view = None;
        }
        keys
    }
}
