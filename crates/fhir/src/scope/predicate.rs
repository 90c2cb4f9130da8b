//! What a granular scope demands of a resource: one `name=value`.

use crate::condition::{Condition, Modifier};
use crate::filter::Scanned;
use crate::parameter::{self, Path};
use crate::projection::Projection;
use crate::reference::Base;
use lexicon::ResourceType;

/// Does one of the values match one of the elements? SMART leaves modifiers and chains experimental, so a scope that
/// has one is not enforced at all: no parameter has a colon or a point in its code.
#[derive(Clone)]
pub(super) struct Predicate(Condition);

impl Predicate {
    /// Nothing if the parameter is unknown on the type, or the value has a form that cannot be compared exactly. Nor for
    /// when a resource was updated: whether that is shown depends on what else of the resource is.
    pub(super) fn compile(resource_type: ResourceType, name: &str, value: &str) -> Option<Self> {
        let parameter = parameter::find(resource_type, name)?;
        let is_of_versions = |path: &Path| path.as_slice() == ["meta", "lastUpdated"];
        if parameter.reads().iter().any(is_of_versions) {
            return None;
        }
        Condition::compile(resource_type, parameter, Modifier::None, value).ok().map(Self)
    }

    /// Is all that this looks at shown, in every place and with both halves of a code? It does not depend on the
    /// values wanted, nor on those of a resource.
    pub(super) fn reads_only(&self, shown: &Projection) -> bool {
        self.0.reads().iter().all(|path| shown.shows(path))
    }

    /// Without a base: an absolute reference is equal to nothing.
    pub(super) fn matches(&self, resource: &Scanned) -> bool {
        self.0.matches(resource, &Base::default())
    }
}

#[cfg(test)]
mod tests;
