use crate::Time;

/// How surely the issuer knew the person, as an assurance profile read it from the token. Unknown means none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Assurance {
    /// 0 unknown, 1 one factor, 2 two factors, 3 two factors of which one is hardware-bound.
    pub level: u8,
    pub phishing_resistant: bool,
    /// When the person last proved it (`auth_time`); absent means "cannot be told", which is as old as can be.
    pub authenticated_at: Option<Time>,
}

impl Assurance {
    /// Age in seconds at `now`; the largest value when the issuer did not say.
    pub fn age_s(&self, now: Time) -> u64 {
        self.authenticated_at.map_or(u64::from(u32::MAX), |at| now.seconds_since(at))
    }
}
