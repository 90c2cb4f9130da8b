//! The streaming filter: bytes of one upstream resource in, a strictly checked structure out, a projection of it on.

use crate::projection::Projection;
use lexicon::{LocalId, Reason, ResourceType};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// What one document may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub bytes: usize,
    pub depth: usize,
}

impl Limits {
    /// 1 MiB and 64 levels: one resource of a read.
    pub const READ: Self = Self { bytes: 1 << 20, depth: 64 };
}

/// Takes one document in chunks of any size. The result does not depend on how it was cut.
pub struct Filter {
    limits: Limits,
}

impl Filter {
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }

    pub fn push(&mut self, _chunk: &[u8]) -> Result<(), Reason> {
        let _ = self.limits;
        Err(Reason::UpstreamMalformed)
    }

    pub fn finish(self) -> Result<Scanned, Reason> {
        Err(Reason::UpstreamMalformed)
    }
}

/// One strictly checked resource with its structure.
pub struct Scanned {
    resource_type: ResourceType,
}

impl fmt::Debug for Scanned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scanned")
    }
}

impl Scanned {
    /// Scans one whole document; for answers that are already in memory.
    pub fn of(document: &[u8], limits: Limits) -> Result<Self, Reason> {
        let mut filter = Filter::new(limits);
        filter.push(document)?;
        filter.finish()
    }

    pub fn resource_type(&self) -> ResourceType {
        self.resource_type
    }

    /// `Resource.id`, if it is there and follows FHIR's grammar.
    pub fn id(&self) -> Option<LocalId> {
        None
    }

    /// The whole resource.
    pub fn root(&self) -> Node<'_> {
        Node { scanned: PhantomData }
    }

    /// Every value at an element path, arrays flattened.
    pub fn nodes_at(&self, path: &[&str]) -> Vec<Node<'_>> {
        self.root().nodes_at(path)
    }

    /// The text of every string, number or boolean at an element path, arrays flattened, JSON escapes resolved.
    pub fn strings_at(&self, path: &[&str]) -> Vec<Cow<'_, str>> {
        self.nodes_at(path).into_iter().filter_map(Node::text).collect()
    }

    pub fn project(&self, _projection: &Projection) -> Projected {
        Projected { bytes: Vec::new(), withheld: 0 }
    }
}

/// One value of a [`Scanned`] resource.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    scanned: PhantomData<&'a Scanned>,
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Node")
    }
}

impl<'a> Node<'a> {
    pub fn is_object(self) -> bool {
        false
    }

    pub fn is_array(self) -> bool {
        false
    }

    /// The member of that name, if this is an object that has it.
    pub fn get(self, _name: &str) -> Option<Node<'a>> {
        None
    }

    /// The items of an array; of any other value, itself.
    pub fn items(self) -> Vec<Node<'a>> {
        vec![self]
    }

    /// A string without its escapes; a number or boolean as written; nothing for null, objects and arrays.
    pub fn text(self) -> Option<Cow<'a, str>> {
        None
    }

    /// Every value at an element path below this one, arrays flattened.
    pub fn nodes_at(self, _path: &[&str]) -> Vec<Node<'a>> {
        Vec::new()
    }
}

/// What a caller may see of one resource. Only [`Scanned::project`] makes one.
pub struct Projected {
    bytes: Vec<u8>,
    withheld: u64,
}

impl fmt::Debug for Projected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projected").field("withheld", &self.withheld).finish_non_exhaustive()
    }
}

impl Projected {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many parts of the resource were left out.
    pub fn withheld(&self) -> u64 {
        self.withheld
    }
}
