//! The answer of a search, piece by piece: matches until the page is full, then what they include, then links and
//! total. It follows from what the caller may see and from nothing else; the upstream only saves us from reading all.

mod walk;

use super::{
    Fhir,
    cursor::{Bound, Cursor, Manner, Position},
    include::Including,
    scan::{Errand, Found, Spent},
};
use ::fhir::{
    Part, Search, Surface,
    bundle::{BundleKind, Mode, Writer},
    request::{Asked, Parameters},
    search::{Summary, Total},
};
use bytes::Bytes;
use lexicon::{Principal, Reason};
use passage::Disclosed;
use walk::Walk;

/// A piece is handed on when it has so many bytes.
const PIECE: usize = 32 << 10;

/// One page under way.
pub(super) struct Run {
    search: Search,
    part: Part,
    /// Below our base.
    place: String,
    /// The query as we understood it.
    query: String,
    most: u64,
    /// Matches on the pages before.
    before: u64,
    total: Option<u64>,
    resume: Option<(Manner, u64, Option<Position>)>,
    stage: Stage,
    writer: Writer,
    including: Including,
    /// Matches on this page.
    written: u64,
    next: Option<Next>,
    disclosed: Vec<Disclosed>,
    returned: u64,
    withheld: u64,
}

enum Stage {
    Begins,
    /// As the upstream sends them; so many are passed over first.
    Walks(Walk),
    /// In our order, the first one last.
    Pours(Vec<Found>),
    Includes,
    Ends,
    Done,
}

/// How the next page is found.
struct Next {
    manner: Manner,
    legs: u64,
    position: Option<Position>,
}

/// A piece of the answer.
pub(super) struct Piece {
    pub body: Bytes,
    pub returned: u64,
    pub withheld: u64,
    pub disclosed: Vec<Disclosed>,
}

/// What is asked for: by the request itself, or by the cursor in it.
pub(super) struct Wanted {
    pub search: Search,
    pub query: String,
    pub cursor: Option<Cursor>,
}

impl Fhir {
    fn bound<'a>(&'a self, principal: &'a Principal, place: &'a str) -> Bound<'a> {
        Bound { principal, places: [&self.settings.about.base, self.upstream.base(), place] }
    }

    /// A cursor that a page is asked for by, if it is one of ours, for this caller and this place.
    pub(super) fn cursor(&self, page: &str, principal: &Principal, asked: &Asked) -> Result<Cursor, Reason> {
        let place = place(asked);
        Cursor::open(page, &self.settings.cursors, &self.bound(principal, &place)).ok_or(Reason::CursorInvalid)
    }

    /// A link to a place below our base.
    pub(super) fn link(&self, place: &str, query: &str) -> String {
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{place}{mark}{query}", self.settings.about.base)
    }

    /// The link to the page that a cursor is of.
    pub(super) fn page_link(&self, place: &str, cursor: &Cursor, principal: &Principal) -> Result<String, Reason> {
        let sealed = cursor.seal(&self.settings.cursors, &self.bound(principal, place));
        Ok(self.link(place, &format!("_page={}", sealed.ok_or(Reason::SearchTooBroad)?)))
    }

    /// Whether a cursor has expired is for later, when it is known what time it is.
    pub(super) fn wanted(&self, principal: &Principal, asked: &Asked) -> Result<Wanted, Reason> {
        let search = asked.search.as_ref().ok_or(Reason::Bug)?;
        let Some(page) = &search.page else {
            return Ok(Wanted { search: search.clone(), query: canonical(&asked.parameters), cursor: None });
        };
        let cursor = self.cursor(page, principal, asked)?;
        let parameters = Parameters::parse(&cursor.query).map_err(|_| Reason::CursorInvalid)?;
        // What came with the path stays: membership of a compartment.
        let of_path = search.criteria.clone();
        let mut search = Search::parse(search.of, &parameters).map_err(|_| Reason::CursorInvalid)?;
        search.criteria.extend(of_path);
        Ok(Wanted { search, query: cursor.query.clone(), cursor: Some(cursor) })
    }
}

/// The path of a search, below the base.
pub(super) fn place(asked: &Asked) -> String {
    let of = asked.resource_type.map(|of| format!("/{of}")).unwrap_or_default();
    match (&asked.compartment, &asked.id) {
        (Some((focus, id)), _) => format!("/{focus}/{}{of}", id.reveal()),
        (None, Some(id)) => format!("{of}/{}/_history", id.reveal()),
        (None, None) => of,
    }
}

/// The parameters of a query that mean something, in the one spelling we give them.
pub(super) fn canonical(parameters: &Parameters) -> String {
    let means = |name: &str| !matches!(name, "_page" | "_format" | "_pretty");
    let pairs = parameters.pairs().filter(|(name, _)| means(name));
    let kept: Parameters = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    kept.to_string()
}

fn part(search: &Search) -> Part {
    match search.summary {
        Summary::True => Part::Summary,
        Summary::Text => Part::Text,
        Summary::Data => Part::Data,
        Summary::False | Summary::Count if search.elements.is_empty() => Part::All,
        Summary::False | Summary::Count => Part::Elements(search.elements.clone()),
    }
}

impl Run {
    /// May it be asked, all in all? Nothing has gone upstream yet.
    pub fn begin(wanted: Wanted, errand: &Errand<'_>) -> Result<Self, Reason> {
        let Wanted { search, query, cursor } = wanted;
        if cursor.as_ref().is_some_and(|cursor| cursor.until < errand.moment.now) {
            return Err(Reason::CursorInvalid);
        }
        // Whether there is a next page is known later, and must not decide what is refused.
        if search.summary != Summary::Count && search.count != Some(0) && !Cursor::fits(&query) {
            return Err(Reason::SearchTooBroad);
        }
        let settings = &errand.road.settings;
        let mut surface = Surface::new(&settings.projections);
        for of in search.types().into_iter().chain([search.of]) {
            // A type without a plan is not searched; the surface says whether the search needs it.
            if let Some(plan) = errand.sight.plan_for(of) {
                surface.add(of, &plan.groups());
            }
        }
        surface.admits(&search)?;
        let part = part(&search);
        let most = search.count.unwrap_or(settings.caps.page).min(settings.caps.most);
        let (before, total) = cursor.as_ref().map_or((0, None), |cursor| (cursor.shown, cursor.total));
        Ok(Self {
            part: part.clone(),
            place: place(errand.sight.ask),
            query,
            most: u64::from(most),
            before,
            total,
            resume: cursor.map(|Cursor { manner, legs, position, .. }| (manner, legs, position)),
            stage: Stage::Begins,
            writer: Writer::new(BundleKind::Searchset, &settings.about.base),
            including: Including::new(search.includes.clone(), part),
            written: 0,
            next: None,
            disclosed: Vec::new(),
            returned: 0,
            withheld: 0,
            search,
        })
    }

    /// The next piece, until there is none.
    pub async fn next(&mut self, errand: &Errand<'_>, spent: &mut Spent) -> Result<Option<Piece>, Reason> {
        while self.writer.pending() < PIECE {
            match std::mem::replace(&mut self.stage, Stage::Done) {
                Stage::Begins => self.stage = self.open(errand, spent).await?,
                Stage::Walks(walk) => self.stage = self.walk(walk, errand, spent).await?,
                Stage::Pours(mut found) => {
                    if let Some(one) = found.pop() {
                        self.stage = Stage::Pours(found);
                        self.show(one, errand);
                    } else {
                        self.stage = Stage::Includes;
                    }
                }
                Stage::Includes => match self.including.next(errand, spent).await? {
                    Some(found) => {
                        self.stage = Stage::Includes;
                        self.write(found, Mode::Include);
                    }
                    None => self.stage = Stage::Ends,
                },
                Stage::Ends => {
                    self.end(errand)?;
                    return Ok(Some(self.piece(spent)));
                }
                Stage::Done => return Ok(None),
            }
        }
        Ok(Some(self.piece(spent)))
    }

    fn wants_total(&self) -> bool {
        self.search.total == Total::Accurate || self.search.summary == Summary::Count
    }

    fn show(&mut self, found: Found, errand: &Errand<'_>) {
        self.written += 1;
        self.including.start_from(&found, errand);
        self.write(found, Mode::Match);
    }

    fn write(&mut self, found: Found, mode: Mode) {
        self.returned += 1;
        self.withheld += found.withheld;
        self.disclosed.push(found.disclosed);
        self.writer.entry(found.projected, mode);
    }

    fn end(&mut self, errand: &Errand<'_>) -> Result<(), Reason> {
        let road = errand.road;
        let mut links = vec![("self", road.link(&self.place, &self.query))];
        if let Some(Next { manner, legs, position }) = self.next.take() {
            let cursor = Cursor {
                until: Cursor::expiry(errand.moment.now),
                query: self.query.clone(),
                manner,
                shown: self.before + self.most,
                total: self.total.filter(|_| self.wants_total()),
                legs,
                position,
            };
            links.push(("next", road.page_link(&self.place, &cursor, errand.sight.principal)?));
        }
        self.writer.finish(&links, self.total);
        Ok(())
    }

    /// What it tells of without showing it is named and charged like what it shows.
    fn piece(&mut self, spent: &mut Spent) -> Piece {
        self.disclosed.append(&mut spent.told);
        Piece {
            body: self.writer.take().into(),
            returned: std::mem::take(&mut self.returned),
            withheld: std::mem::take(&mut self.withheld),
            disclosed: std::mem::take(&mut self.disclosed),
        }
    }
}
