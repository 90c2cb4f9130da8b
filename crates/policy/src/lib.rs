//! This room decides what may be done: Cedar in, plans out. (What the field calls a PDP; the PEP is `passage`.)
//!
//! It knows: Cedar, the vocabulary's schema, facts, verdicts, plans, explanations.
//! It refuses to know: tokens, HTTP, JSON of resources, the book.
//! It mints: [`Plan`].
//! If it fails: it refuses; a policy set that is not strictly valid does not load.
//! Start reading at: [`Engine::decide`].

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod decisions;
mod engine;
mod entities;
mod explain;
#[cfg(test)]
mod explanations;
#[cfg(test)]
mod faults;
mod foresight;
mod lexemes;
mod load;
#[cfg(test)]
mod matrix;
mod partial;
mod plan;
mod predicate;
mod recent;
mod residual;
#[cfg(test)]
mod scene;
mod vocabulary;
#[cfg(test)]
mod words;

pub use engine::Engine;
pub use explain::{Class, Considered, Explanation, Group, Standing};
pub use load::{Fault, LoadError, Problem, Sources};
pub use plan::Plan;
pub use vocabulary::VocabularyError;
