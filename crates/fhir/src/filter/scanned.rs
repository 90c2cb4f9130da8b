//! A checked resource and how to look into it.

use super::grammar::{Cell, Kind};
use super::lexical;
use lexicon::{LocalId, ResourceType};
use std::borrow::Cow;
use std::fmt;

/// One strictly checked resource with its structure. [`super::Filter`] makes one, and [`crate::bundle::Entries`] one an
/// entry; its bytes may hold more than the resource, which is where its own object begins and ends.
pub struct Scanned {
    pub(super) resource_type: ResourceType,
    pub(super) bytes: Vec<u8>,
    /// The resource's own object first.
    pub(super) cells: Vec<Cell>,
}

impl fmt::Debug for Scanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scanned")
    }
}

impl Scanned {
    /// Of a type that is not read yet: any will do until [`Self::typed`].
    pub(super) fn untyped(bytes: Vec<u8>, cells: Vec<Cell>) -> Self {
        Self { resource_type: ResourceType::PATIENT, bytes, cells }
    }

    /// `None` unless `resourceType` is there, is a string, and names a type of R4.
    pub(super) fn typed(mut self) -> Option<Self> {
        let named = self.root().get("resourceType").filter(|node| node.cell.kind == Kind::Text);
        self.resource_type = ResourceType::from_name(&named?.text()?)?;
        Some(self)
    }

    pub fn resource_type(&self) -> ResourceType {
        self.resource_type
    }

    /// `Resource.id`, if it is there and follows FHIR's grammar.
    pub fn id(&self) -> Option<LocalId> {
        let id = self.root().get("id").filter(|node| node.cell.kind == Kind::Text)?;
        LocalId::new(&id.text()?)
    }

    /// The whole resource.
    pub fn root(&self) -> Node<'_> {
        Node { scanned: self, at: 0, cell: self.cell(0) }
    }

    /// Every value at an element path, arrays flattened.
    pub fn nodes_at(&self, path: &[&str]) -> Vec<Node<'_>> {
        self.root().nodes_at(path)
    }

    /// The text of every string, number or boolean at an element path, arrays flattened, JSON escapes resolved.
    pub fn strings_at(&self, path: &[&str]) -> Vec<Cow<'_, str>> {
        self.nodes_at(path).into_iter().filter_map(Node::text).collect()
    }

    /// A cell; of an index that does not exist, a `null`.
    pub(super) fn cell(&self, at: usize) -> Cell {
        let none = Cell { start: 0, end: 0, next: u32::MAX, kind: Kind::Null, escaped: false };
        self.cells.get(at).copied().unwrap_or(none)
    }

    /// How many bytes the resource has.
    pub(super) fn size(&self) -> usize {
        let whole = self.cell(0);
        (whole.end - whole.start) as usize
    }

    pub(super) fn source(&self, start: u32, end: u32) -> &[u8] {
        self.bytes.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The name of a member or the content of a string, without quotes.
    pub(super) fn content(&self, cell: Cell) -> &[u8] {
        self.source(cell.start + 1, cell.end.saturating_sub(1))
    }

    /// The members of an object: index of the name, index of the value.
    pub(super) fn members(&self, object: usize) -> impl Iterator<Item = (usize, usize)> {
        let cell = self.cell(object);
        let end = if cell.kind == Kind::Object { cell.next as usize } else { 0 };
        let mut name = object + 1;
        std::iter::from_fn(move || {
            let found = (name < end).then_some((name, name + 1));
            name = self.cell(name + 1).next as usize;
            found
        })
    }

    /// The items of an array: index of each.
    pub(super) fn items(&self, array: usize) -> impl Iterator<Item = usize> {
        let cell = self.cell(array);
        let end = if cell.kind == Kind::Array { cell.next as usize } else { 0 };
        let mut item = array + 1;
        std::iter::from_fn(move || {
            let found = (item < end).then_some(item);
            item = self.cell(item).next as usize;
            found
        })
    }

    pub(super) fn member(&self, object: usize, name: &[u8]) -> Option<(usize, usize)> {
        self.members(object).find(|(at, _)| self.content(self.cell(*at)) == name)
    }
}

/// One value of a [`Scanned`] resource.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    scanned: &'a Scanned,
    at: usize,
    cell: Cell,
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Node")
    }
}

impl<'a> Node<'a> {
    pub(super) fn of(scanned: &'a Scanned, at: usize) -> Self {
        Self { scanned, at, cell: scanned.cell(at) }
    }

    pub(super) fn at(self) -> usize {
        self.at
    }

    pub fn is_object(self) -> bool {
        self.cell.kind == Kind::Object
    }

    pub fn is_array(self) -> bool {
        self.cell.kind == Kind::Array
    }

    pub fn is_string(self) -> bool {
        self.cell.kind == Kind::Text
    }

    /// The member of that name, if this is an object that has it.
    pub fn get(self, name: &str) -> Option<Node<'a>> {
        self.scanned.member(self.at, name.as_bytes()).map(|(_, value)| Self::of(self.scanned, value))
    }

    /// The items of an array; of any other value, itself.
    pub fn items(self) -> Vec<Node<'a>> {
        if self.is_array() {
            self.scanned.items(self.at).map(|at| Self::of(self.scanned, at)).collect()
        } else {
            vec![self]
        }
    }

    /// A string without its escapes; a number or boolean as written; nothing for null, objects and arrays.
    pub fn text(self) -> Option<Cow<'a, str>> {
        let plain = |bytes| std::str::from_utf8(bytes).ok().map(Cow::Borrowed);
        match self.cell.kind {
            Kind::Text | Kind::Name if self.cell.escaped => {
                lexical::unescape(self.scanned.content(self.cell)).map(Cow::Owned)
            }
            Kind::Text | Kind::Name => plain(self.scanned.content(self.cell)),
            Kind::Number | Kind::Boolean => plain(self.scanned.source(self.cell.start, self.cell.end)),
            Kind::Null | Kind::Object | Kind::Array => None,
        }
    }

    /// Every value at an element path below this one, arrays flattened, arrays in arrays too.
    pub fn nodes_at(self, path: &[&str]) -> Vec<Node<'a>> {
        let mut found = Vec::new();
        self.gather(path, &mut found);
        found
    }

    /// Recursion is bounded by the depth cap of the document.
    fn gather(self, path: &[&str], found: &mut Vec<Node<'a>>) {
        match path.split_first() {
            _ if self.is_array() => self.items().into_iter().for_each(|item| item.gather(path, found)),
            None => found.push(self),
            Some((name, rest)) => {
                if let Some(below) = self.get(name) {
                    below.gather(rest, found);
                }
            }
        }
    }
}
