//! What partial evaluation left of a policy, compiled into a [`Predicate`]. What is not listed here is `Opaque`.

use crate::lexemes::{Lexemes, Numbers};
use crate::predicate::{Predicate, Several, Single};
use cedar_policy::pst::{BinaryOp, Expr, Literal, UnaryOp, Var};
use std::sync::Arc;

/// Compiles for one resource type, which the plan is for and which is checked again before each verdict.
pub(crate) struct Compiler<'a> {
    pub lexemes: &'a mut Lexemes,
    pub resource_type: &'static str,
}

/// An attribute of the unknown resource.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Attribute {
    Type,
    Single(Single),
    Several(Several),
}

impl Compiler<'_> {
    /// All the conditions of one policy.
    pub fn policy(&mut self, conditions: &[Arc<Expr>]) -> Predicate {
        let parts: Vec<_> = conditions.iter().map(|condition| self.condition(condition)).collect();
        Predicate::all(parts)
    }

    fn condition(&mut self, expr: &Expr) -> Predicate {
        match expr {
            Expr::Literal(Literal::Bool(value)) => constant(*value),
            Expr::UnaryOp { op: UnaryOp::Not, expr } => self.condition(expr).not(),
            Expr::UnaryOp { op: UnaryOp::IsEmpty, expr } => match attribute(expr) {
                Some(Attribute::Several(several)) => Predicate::Empty(several),
                _ => Predicate::Opaque,
            },
            Expr::BinaryOp { op, left, right } => self.relation(*op, left, right),
            Expr::HasAttr { expr, attrs } if is_resource(expr) && attrs.tail.is_empty() => {
                match named(attrs.head.as_str()) {
                    Some(Attribute::Single(single)) => Predicate::Has(single),
                    // Required by the schema, and the resource is always there.
                    Some(Attribute::Type | Attribute::Several(_)) => Predicate::True,
                    None => Predicate::Opaque,
                }
            }
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                let condition = self.condition(cond);
                let (yes, no) = (self.condition(then_expr), self.condition(else_expr));
                if condition.is_opaque() {
                    return Predicate::Opaque;
                }
                Predicate::any([Predicate::all([condition.clone(), yes]), Predicate::all([condition.not(), no])])
            }
            _ => Predicate::Opaque,
        }
    }

    fn relation(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> Predicate {
        match op {
            BinaryOp::And => {
                let parts = [self.condition(left), self.condition(right)];
                Predicate::all(parts)
            }
            BinaryOp::Or => {
                let parts = [self.condition(left), self.condition(right)];
                Predicate::any(parts)
            }
            BinaryOp::Eq => self.equals(left, right),
            BinaryOp::NotEq => self.equals(left, right).not(),
            BinaryOp::Contains => self.contains(left, right),
            BinaryOp::ContainsAny => self.contains_any(left, right),
            BinaryOp::ContainsAll => self.contains_all(left, right),
            _ => Predicate::Opaque,
        }
    }

    fn equals(&mut self, left: &Expr, right: &Expr) -> Predicate {
        let (attribute, value) = match (attribute(left), attribute(right)) {
            (Some(attribute), None) => (attribute, right),
            (None, Some(attribute)) => (attribute, left),
            _ => return Predicate::Opaque,
        };
        match attribute {
            Attribute::Type => string(value).map_or(Predicate::Opaque, |text| constant(text == self.resource_type)),
            Attribute::Single(single) => match string(value) {
                Some(text) => Predicate::Is(single, self.numbers(&[text])),
                None => Predicate::Opaque,
            },
            Attribute::Several(several) => match strings(value) {
                Some(texts) => {
                    let numbers = self.numbers(&texts);
                    Predicate::all([Predicate::Within(several, numbers.clone()), Predicate::Covers(several, numbers)])
                }
                None => Predicate::Opaque,
            },
        }
    }

    /// `resource.labels.contains("R")` or `["a", "b"].contains(resource.type)`.
    fn contains(&mut self, set: &Expr, member: &Expr) -> Predicate {
        if let Some(Attribute::Several(several)) = attribute(set) {
            return match string(member) {
                Some(text) => Predicate::Meets(several, self.numbers(&[text])),
                None => Predicate::Opaque,
            };
        }
        let Some(texts) = strings(set) else { return Predicate::Opaque };
        match attribute(member) {
            Some(Attribute::Type) => constant(texts.contains(&self.resource_type)),
            Some(Attribute::Single(single)) => Predicate::Is(single, self.numbers(&texts)),
            _ => Predicate::Opaque,
        }
    }

    /// An empty set of the caller's is compiled like any other and not decided here: that a caller has no care team
    /// must look like a caller who has another one.
    fn contains_any(&mut self, left: &Expr, right: &Expr) -> Predicate {
        let (several, values) = match (attribute(left), attribute(right)) {
            (Some(Attribute::Several(several)), None) => (several, right),
            (None, Some(Attribute::Several(several))) => (several, left),
            _ => return Predicate::Opaque,
        };
        match strings(values) {
            Some(texts) => Predicate::Meets(several, self.numbers(&texts)),
            None => Predicate::Opaque,
        }
    }

    fn contains_all(&mut self, left: &Expr, right: &Expr) -> Predicate {
        match (attribute(left), attribute(right)) {
            (Some(Attribute::Several(several)), None) => match strings(right) {
                Some(texts) => Predicate::Covers(several, self.numbers(&texts)),
                None => Predicate::Opaque,
            },
            (None, Some(Attribute::Several(several))) => match strings(left) {
                Some(texts) => Predicate::Within(several, self.numbers(&texts)),
                None => Predicate::Opaque,
            },
            _ => Predicate::Opaque,
        }
    }

    fn numbers(&mut self, texts: &[&str]) -> Numbers {
        texts.iter().map(|text| self.lexemes.number(text)).collect()
    }
}

const fn constant(value: bool) -> Predicate {
    if value { Predicate::True } else { Predicate::False }
}

const fn is_resource(expr: &Expr) -> bool {
    matches!(expr, Expr::Var(Var::Resource))
}

fn attribute(expr: &Expr) -> Option<Attribute> {
    match expr {
        Expr::GetAttr { expr, attr } if is_resource(expr) => named(attr.as_str()),
        _ => None,
    }
}

/// The attributes of `Record` in the schema.
fn named(attribute: &str) -> Option<Attribute> {
    Some(match attribute {
        "type" => Attribute::Type,
        "patient" => Attribute::Single(Single::Patient),
        "department" => Attribute::Single(Single::Department),
        "care_teams" => Attribute::Several(Several::CareTeams),
        "labels" => Attribute::Several(Several::Labels),
        _ => return None,
    })
}

fn string(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(Literal::String(text)) => Some(text.as_str()),
        _ => None,
    }
}

fn strings(expr: &Expr) -> Option<Vec<&str>> {
    match expr {
        Expr::Set(members) => members.iter().map(|member| string(member)).collect(),
        _ => None,
    }
}
