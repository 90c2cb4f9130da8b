//! One element path of a parameter and the way to its values.

use crate::filter::Node;
use crate::parameter::Path;
use lexicon::ResourceType;

/// What an element holds, as far as searches differ by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Datatype {
    Coding,
    CodeableConcept,
    Identifier,
    ContactPoint,
    Boolean,
    /// Of several types, a boolean: the parameter is true if it is true.
    StandingFlag,
    /// The same where it is text: the parameter is true if it is there.
    StandingText,
    /// code, id, string, markdown
    Word,
    HumanName,
    Address,
    /// decimal, integer
    Number,
    /// Quantity, Age, Duration
    Quantity,
    Money,
    Range,
    /// date, dateTime, instant
    Moment,
    Period,
    Timing,
    Reference,
    /// A canonical URL, that may end with a version.
    Canonical,
    /// uri, url
    Uri,
}

impl Datatype {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "Coding" => Self::Coding,
            "CodeableConcept" => Self::CodeableConcept,
            "Identifier" => Self::Identifier,
            "ContactPoint" => Self::ContactPoint,
            "boolean" => Self::Boolean,
            "standing-flag" => Self::StandingFlag,
            "standing-text" => Self::StandingText,
            "code" | "id" | "string" | "markdown" => Self::Word,
            "HumanName" => Self::HumanName,
            "Address" => Self::Address,
            "decimal" | "integer" => Self::Number,
            "Quantity" | "Age" | "Duration" => Self::Quantity,
            "Money" => Self::Money,
            "Range" => Self::Range,
            "date" | "dateTime" | "instant" => Self::Moment,
            "Period" => Self::Period,
            "Timing" => Self::Timing,
            "Reference" => Self::Reference,
            "canonical" => Self::Canonical,
            "uri" | "url" => Self::Uri,
            _ => return None,
        })
    }

    /// Does one value of the parameter come from all of its places together?
    pub(crate) fn is_standing(self) -> bool {
        matches!(self, Self::StandingFlag | Self::StandingText)
    }

    /// Is it a single JSON value?
    pub(crate) fn is_simple(self) -> bool {
        matches!(
            self,
            Self::Boolean
                | Self::StandingFlag
                | Self::StandingText
                | Self::Word
                | Self::Number
                | Self::Moment
                | Self::Canonical
                | Self::Uri
        )
    }

    /// The simple elements below one of this type.
    fn below(self, look: Look) -> &'static [&'static [&'static str]] {
        match (self, look) {
            (Self::Coding, Look::Text) => &[&["display"]],
            (Self::Coding, _) => &[&["system"], &["code"]],
            (Self::CodeableConcept, Look::Text) => &[&["text"], &["coding", "display"]],
            (Self::CodeableConcept, _) => &[&["coding", "system"], &["coding", "code"]],
            (Self::Identifier, Look::Text) => &[&["type", "text"]],
            (Self::Identifier, Look::Typed) => {
                &[&["type", "coding", "system"], &["type", "coding", "code"], &["value"]]
            }
            (Self::Identifier, _) => &[&["system"], &["value"]],
            (Self::ContactPoint, _) => &[&["value"]],
            (Self::HumanName, _) => &[&["family"], &["given"], &["prefix"], &["suffix"], &["text"]],
            (Self::Address, _) => {
                &[&["line"], &["city"], &["district"], &["state"], &["postalCode"], &["country"], &["text"]]
            }
            (Self::Quantity, _) => &[&["value"], &["comparator"], &["unit"], &["system"], &["code"]],
            (Self::Money, _) => &[&["value"], &["currency"]],
            (Self::Range, _) => &[
                &["low", "value"],
                &["low", "unit"],
                &["low", "system"],
                &["low", "code"],
                &["high", "value"],
                &["high", "unit"],
                &["high", "system"],
                &["high", "code"],
            ],
            (Self::Period, _) => &[&["start"], &["end"]],
            (Self::Timing, _) => {
                &[&["event"], &["repeat", "boundsPeriod", "start"], &["repeat", "boundsPeriod", "end"]]
            }
            (Self::Reference, Look::Logical) => {
                &[&["reference"], &["type"], &["identifier", "system"], &["identifier", "value"]]
            }
            // Which resource a reference names follows from its literal and its type; nothing else makes one match.
            (Self::Reference, _) => &[&["reference"], &["type"]],
            (
                Self::Boolean
                | Self::StandingFlag
                | Self::StandingText
                | Self::Word
                | Self::Number
                | Self::Moment
                | Self::Canonical
                | Self::Uri,
                _,
            ) => &[&[]],
        }
    }
}

/// Which side of an element a condition looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Look {
    Value,
    /// `:text`: the words beside a code.
    Text,
    /// `:of-type`: an identifier with its type.
    Typed,
    /// `:identifier`: the identifier within a reference.
    Logical,
}

/// One name of a path.
#[derive(PartialEq, Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// An array in JSON.
    pub(crate) many: bool,
    /// Only items of which this member has that value.
    only: Option<(&'static str, &'static str)>,
}

impl Step {
    /// `name`, `name*`, or either with `[member=value]`.
    fn parse(text: &'static str) -> Option<Self> {
        let (text, only) = match text.split_once('[') {
            Some((text, only)) => (text, Some(only.strip_suffix(']')?.split_once('=')?)),
            None => (text, None),
        };
        let (name, many) = text.strip_suffix('*').map_or((text, false), |name| (name, true));
        (!name.is_empty()).then_some(Self { name, many, only })
    }

    fn admits(&self, node: Node<'_>) -> bool {
        self.only.is_none_or(|(member, value)| {
            node.get(member).filter(|found| found.is_string()).and_then(Node::text).as_deref() == Some(value)
        })
    }
}

pub(super) fn steps(path: &'static str) -> Option<Vec<Step>> {
    if path.is_empty() { Some(Vec::new()) } else { path.split('.').map(Step::parse).collect() }
}

/// Is it so of one of the elements at that path? Only of those that have the shape R4 gives them: what has another, no
/// projection shows.
pub(crate) fn any<'a>(steps: &[Step], node: Node<'a>, is: &mut dyn FnMut(Node<'a>) -> bool) -> bool {
    let Some((step, rest)) = steps.split_first() else { return is(node) };
    let Some(found) = node.get(step.name) else { return false };
    if step.many != found.is_array() {
        return false;
    }
    found.items().into_iter().any(|item| !item.is_array() && step.admits(item) && any(rest, item, is))
}

fn names(steps: &[Step]) -> impl Iterator<Item = &'static str> {
    steps.iter().map(|step| step.name)
}

/// One of the element paths of a parameter.
#[derive(PartialEq, Debug)]
pub(crate) struct Place {
    pub(crate) steps: Vec<Step>,
    pub(crate) datatype: Datatype,
    /// The type that a reference must name.
    pub(crate) target: Option<ResourceType>,
    /// In a composite: counted from the resource rather than from the item that its parts share.
    pub(crate) from_root: bool,
}

impl Place {
    /// The paths of the simple elements that a comparison looks at, below `context`. They do not depend on values.
    pub(crate) fn reads(&self, context: &[Step], look: Look) -> Vec<Path> {
        let context = if self.from_root { &[] } else { context };
        let whole: Path = names(context).chain(names(&self.steps)).collect();
        let below = self.datatype.below(look).iter().map(|below| [whole.as_slice(), below].concat());
        let all: Vec<&Step> = context.iter().chain(&self.steps).collect();
        let tested = all.iter().enumerate().filter_map(|(at, step)| {
            let (member, _) = step.only?;
            Some(names_to(&all, at).chain([member]).collect())
        });
        below.chain(tested).collect()
    }
}

fn names_to<'a>(steps: &'a [&Step], at: usize) -> impl Iterator<Item = &'static str> + 'a {
    steps.iter().take(at + 1).map(|step| step.name)
}
