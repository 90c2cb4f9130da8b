//! What an answer means: did it hold, did it leak, or can it not be said?

use crate::ask::Answer;
use crate::attack::{Attack, Entries};
use crate::normal::Normal;
use crate::question::Question;
use crate::report::Verdict;
use crate::target::{Dialect, Target};
use serde_json::Value;

/// An attack that was carried out.
pub(crate) struct Outcome<'a> {
    pub(crate) attack: &'a Attack,
    pub(crate) target: &'a Target,
    pub(crate) question: &'a Question,
    pub(crate) answer: &'a Answer,
    pub(crate) twin: Option<(&'a Question, &'a Answer)>,
}

/// The verdict, and why: in words that repeat nothing of the answer.
pub(crate) type Judged = (Verdict, String);

impl Outcome<'_> {
    pub(crate) fn judge(&self) -> Judged {
        let status = self.answer.status;
        let tests = [self.words(), self.count(), self.twins(), self.headers()];
        if let Some(leak) = tests.iter().flatten().find(|(verdict, _)| *verdict == Verdict::Leaked) {
            return leak.clone();
        }
        if !self.attack.status.admit(status) {
            let was_answered = (200..300).contains(&status) || status == 304;
            return if was_answered {
                (Verdict::Leaked, format!("answered with {status}"))
            } else {
                (Verdict::Unclear, format!("status {status}"))
            };
        }
        if let Some(unclear) = tests.into_iter().flatten().next() {
            return unclear;
        }
        self.reason().unwrap_or((Verdict::Held, format!("status {status}")))
    }

    /// Words that give something away, unless the caller wrote them.
    fn words(&self) -> Option<Judged> {
        let own = self.question.text();
        for name in &self.attack.must_not_contain {
            let Some(words) = self.target.words(name) else {
                return Some((Verdict::Unclear, format!("the target has no words `{name}`")));
            };
            let in_headers = |word: &str| self.answer.headers.iter().any(|(_, value)| value.contains(word));
            let gives_away = |word: &&String| {
                !own.contains(word.as_str()) && (self.answer.body.contains(word.as_str()) || in_headers(word))
            };
            let found = words.iter().filter(gives_away).count();
            if found > 0 {
                return Some((Verdict::Leaked, format!("{found} of the words `{name}`")));
            }
        }
        None
    }

    fn count(&self) -> Option<Judged> {
        if let Some(most) = self.attack.answers_at_most.filter(|most| self.answer.answers > *most) {
            return Some((Verdict::Leaked, format!("{} answers, {most} expected", self.answer.answers)));
        }
        let expected = self.attack.entries?;
        let body: Value = serde_json::from_str(&self.answer.body).unwrap_or_default();
        if body.get("resourceType").is_none_or(|of| of != "Bundle") {
            return None;
        }
        let is_match = |entry: &&Value| {
            let mode = entry.pointer("/search/mode").and_then(Value::as_str);
            !matches!(mode, Some("outcome" | "include"))
        };
        let entries = body.get("entry").and_then(Value::as_array);
        let found = entries.map_or(0, |entries| entries.iter().filter(is_match).count());
        match expected {
            Entries::AtMost(most) | Entries::Exactly(most) if found > most => {
                Some((Verdict::Leaked, format!("{found} entries, {most} expected")))
            }
            Entries::Exactly(least) if found < least => {
                Some((Verdict::Unclear, format!("{found} entries, {least} expected")))
            }
            _ => None,
        }
    }

    fn twins(&self) -> Option<Judged> {
        let (question, answer) = self.twin?;
        let ours = Normal::of(self.answer, &self.question.own);
        let theirs = Normal::of(answer, &question.own);
        if [ours.status, theirs.status].iter().any(|status| *status == 429 || *status >= 500)
            && ours.status != theirs.status
        {
            return Some((Verdict::Unclear, format!("status {} and {}", ours.status, theirs.status)));
        }
        let differs = if ours.status != theirs.status {
            format!("status {} and {}", ours.status, theirs.status)
        } else if ours.headers != theirs.headers {
            "other headers".to_owned()
        } else if ours.body != theirs.body {
            "another body".to_owned()
        } else {
            return None;
        };
        Some((Verdict::Leaked, format!("can be told from its twin: {differs}")))
    }

    fn headers(&self) -> Option<Judged> {
        if !(200..300).contains(&self.answer.status) {
            return None;
        }
        let lacks = |(name, word): &&(String, String)| !self.answer.header(name).contains(word.as_str());
        self.attack
            .must_have
            .iter()
            .find(lacks)
            .map(|(name, word)| (Verdict::Leaked, format!("`{name}` does not say `{word}`")))
    }

    /// A refusal for another reason than the attack's may be luck.
    fn reason(&self) -> Option<Judged> {
        if self.attack.reason.is_empty() || self.target.dialect != Dialect::Lazaret || self.answer.status < 400 {
            return None;
        }
        let body: Value = serde_json::from_str(&self.answer.body).ok()?;
        let code = body.pointer("/issue/0/details/coding/0/code")?.as_str()?;
        let is_expected = self.attack.reason.iter().any(|reason| reason == code);
        (!is_expected)
            .then(|| (Verdict::Unclear, format!("refused with `{code}`, not `{}`", self.attack.reason.join("` or `"))))
    }
}

#[cfg(test)]
mod tests;
