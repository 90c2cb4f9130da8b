//! From the paths of the chosen groups to the rules the filter walks by.

use super::{Path, Projection, Rule, Shows, View};
use crate::by_name::ByName;
use crate::elements::{Elements, Holds, TypeId};
use lexicon::ResourceType;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The chosen paths as a tree.
#[derive(Default)]
struct Named<'a> {
    /// A path ends here.
    whole: bool,
    /// A path ends at the `_name` beside this element.
    aside: bool,
    inside: BTreeMap<&'a str, Named<'a>>,
}

pub(super) fn projection<'a>(
    elements: &Arc<Elements>,
    resource_type: ResourceType,
    paths: impl Iterator<Item = &'a Path>,
) -> Projection {
    let mut tree = Named::default();
    for path in paths {
        tree.add(path);
    }
    let mut compiler = Compiler { elements, parts: Vec::new() };
    let root = match elements.named(resource_type.name()) {
        Some(id) => compiler.part(id, &tree, false),
        None => View::Nothing,
    };
    Projection { resource_type, elements: Arc::clone(elements), parts: compiler.parts, root }
}

impl<'a> Named<'a> {
    fn add(&mut self, path: &'a [String]) {
        let Some((name, rest)) = path.split_first() else {
            self.whole = true;
            return;
        };
        match name.strip_prefix('_') {
            Some(beside) => self.inside.entry(beside).or_default().aside = true,
            None => self.inside.entry(name).or_default().add(rest),
        }
    }
}

struct Compiler<'a> {
    elements: &'a Elements,
    parts: Vec<ByName<Rule>>,
}

impl Compiler<'_> {
    fn view(&mut self, id: TypeId, named: &Named<'_>, whole: bool) -> View {
        if whole && named.inside.is_empty() { View::Whole(id) } else { self.part(id, named, whole) }
    }

    fn part(&mut self, id: TypeId, named: &Named<'_>, whole: bool) -> View {
        let of_type = self.elements.of(id);
        let all = of_type.elements.iter().filter(|(_, element)| whole && !element.tacit).map(|(name, _)| name);
        let names: BTreeSet<&str> = all.chain(named.inside.keys().copied()).collect();
        let unnamed = Named::default();

        let mut rules = Vec::with_capacity(names.len());
        for name in names {
            let Some(element) = of_type.element(name) else { continue };
            let below = named.inside.get(name).unwrap_or(&unnamed);
            let whole = below.whole || (whole && !element.tacit);
            let (shows, has_aside) = match element.holds {
                Holds::Complex(inner) if whole || !below.inside.is_empty() => {
                    (Shows::Inside(self.view(inner, below, whole)), false)
                }
                Holds::Text if whole => (Shows::Text, true),
                Holds::Literal if whole => (Shows::Literal, true),
                Holds::Link if whole => (Shows::Link, true),
                Holds::Number if whole => (Shows::Number, true),
                Holds::Boolean if whole => (Shows::Boolean, true),
                Holds::Complex(_)
                | Holds::Text
                | Holds::Literal
                | Holds::Link
                | Holds::Number
                | Holds::Boolean
                | Holds::Resource => continue,
            };
            rules.push((name.to_owned(), Rule { many: element.many, shows, aside: has_aside && below.aside }));
        }
        self.parts.push(rules.into_iter().collect());
        View::Part(self.parts.len() - 1)
    }
}
