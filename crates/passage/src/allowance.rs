//! What a caller has left, and how it is said: `RateLimit-Policy` and `RateLimit`
//! (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/>). Counted is what this caller asked and was
//! shown; nothing that is hidden moves any of it.

use crate::{
    Disclosed,
    answer::Case,
    gcra::{Allowance, Rate},
};
use access::{Owner, Refused, Reservation, Standing, Strength};
use http::{HeaderName, HeaderValue};
use identity::Caller;
use lexicon::{Assurance, Challenge, Halt, Kind, Reason};
use std::time::{Duration, Instant};

/// Why an answer may not be released to a caller that has had so many patients.
pub(crate) struct Overdrawn {
    pub why: Halt,
    pub retry_after: Option<Duration>,
}

impl Case {
    /// Sets aside what the patients of an answer cost its caller.
    pub fn reserve(&self, caller: &Caller, disclosed: &[Disclosed]) -> Result<Reservation, Overdrawn> {
        let (desk, now) = (self.desk(), self.now());
        let principal = caller.principal();
        let fresh_s = desk.settings.limits.fresh_s;
        let strength = match principal.kind {
            Kind::Person => strength(&principal.assurance, principal.assurance.age_s(now), fresh_s),
            // Nobody is there to step up.
            Kind::Workload | Kind::Stranger => Strength::Strong,
        };
        let patients = disclosed.iter().flat_map(|disclosed| &disclosed.patients);
        desk.budgets.reserve(&owner(caller), strength, patients, now).map_err(|refused| match refused {
            Refused::StepUp => {
                let challenge = Some(Challenge { acr_values: Vec::new(), max_age_s: Some(fresh_s) });
                Overdrawn { why: Halt { challenge, ..Reason::AssuranceInsufficient.into() }, retry_after: None }
            }
            Refused::Wait(seconds) => {
                let retry_after = Some(Duration::from_secs(seconds));
                Overdrawn { why: Reason::LimitPatients.into(), retry_after }
            }
        })
    }

    /// The headers for a verified caller.
    pub fn rate_limits(&self, owner: &Owner) -> [Option<(HeaderName, HeaderValue)>; 2] {
        let desk = self.desk();
        let requests = desk.guards.tokens.allowance(&owner.token, Instant::now());
        let patients = desk.budgets.standing(owner, self.now());
        let [policy, left] = said(desk.settings.limits.tokens, requests, desk.budgets.limits(), patients);
        [("ratelimit-policy", policy), ("ratelimit", left)].map(|(name, value)| {
            let value = HeaderValue::try_from(value).ok()?;
            Some((HeaderName::from_static(name), value))
        })
    }
}

pub(crate) fn owner(caller: &Caller) -> Owner {
    Owner { principal: crate::answer::person(caller), token: *caller.token() }
}

fn strength(assurance: &Assurance, age_s: u64, fresh_s: u64) -> Strength {
    if assurance.phishing_resistant || age_s <= fresh_s { Strength::Strong } else { Strength::Plain }
}

fn said(rate: Rate, requests: Allowance, limits: &access::Limits, patients: Standing) -> [String; 2] {
    let access::Limits { window_s, most, most_of_a_token, .. } = *limits;
    // A bucket: so many at once, and full again after so long.
    let burst = rate.burst.max(1);
    let refill_s = (u64::from(burst) * u64::from(rate.period_s.max(1))).div_ceil(rate.count.max(1).into());
    let patients_most = most.min(most_of_a_token);
    [
        format!("\"requests\";q={burst};w={refill_s}, \"patients\";q={patients_most};w={window_s}"),
        format!(
            "\"requests\";r={};t={}, \"patients\";r={};t={}",
            requests.remaining, requests.reset_s, patients.remaining, patients.reset_s
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use lexicon::Time;

    #[test]
    fn limits_are_said_as_structured_fields() {
        let rate = Rate { count: 6000, period_s: 60, burst: 400 };
        let requests = Allowance { remaining: 399, reset_s: 1 };
        let patients = Standing { remaining: 17, reset_s: 1234 };
        assert_eq!(
            said(rate, requests, &access::Limits::default(), patients),
            ["\"requests\";q=400;w=4, \"patients\";q=500;w=3600", "\"requests\";r=399;t=1, \"patients\";r=17;t=1234"]
        );
    }

    #[test]
    fn strong_is_phishing_resistant_or_fresh() {
        let now = Time::from_seconds(10_000);
        let check = |phishing_resistant, authenticated_at: Option<u64>, expect| {
            let authenticated_at = authenticated_at.map(Time::from_seconds);
            let assurance = Assurance { level: 2, phishing_resistant, authenticated_at };
            assert_eq!(strength(&assurance, assurance.age_s(now), 900), expect);
        };
        check(true, None, Strength::Strong);
        check(false, Some(9_100), Strength::Strong);
        check(false, Some(9_099), Strength::Plain);
        check(false, None, Strength::Plain);
    }
}
