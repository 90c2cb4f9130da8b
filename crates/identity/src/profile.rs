//! What each provider's access tokens look like. One table of differences; the rules are in `token/`.
//!
//! Shapes are taken from the providers' public documentation; see `fixtures/README.md`.

use crate::algorithm::Algorithm;
use serde_json::{Map, Value};

/// A provider's habits. `Generic` is RFC 9068 to the letter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    Development,
    Keycloak,
    Okta,
    Entra,
    /// panva's `oidc-provider`, with JWT access tokens.
    OidcProvider,
    Generic,
}

/// What shows that no person stands behind a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WorkloadSign {
    /// `sub` is the client (RFC 9068 section 2.2), also in Auth0's spelling `<client>@clients`.
    SubjectIsClient,
    /// `gty` is `client-credentials` (Auth0).
    GrantType,
    /// `idtyp` is `app` (Entra).
    AppToken,
    /// There is no such claim, and a person's token always has it.
    Without(&'static str),
    /// `preferred_username` begins with `service-account-` (Keycloak).
    ServiceAccount,
}

impl Profile {
    pub const ALL: [Self; 6] =
        [Self::Development, Self::Keycloak, Self::Okta, Self::Entra, Self::OidcProvider, Self::Generic];

    /// The name in the manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Keycloak => "keycloak",
            Self::Okta => "okta",
            Self::Entra => "entra",
            Self::OidcProvider => "oidc-provider",
            Self::Generic => "generic",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    pub(crate) const fn algorithms(self) -> &'static [Algorithm] {
        match self {
            Self::Development => &[Algorithm::Es256],
            Self::Keycloak | Self::Okta | Self::Entra | Self::OidcProvider => &[Algorithm::Rs256],
            Self::Generic => &[Algorithm::Es256, Algorithm::Ps256, Algorithm::Rs256, Algorithm::EdDsa],
        }
    }

    /// Entra's tokens live 60 to 90 minutes, at random.
    pub(crate) const fn max_lifetime_s(self) -> u64 {
        match self {
            Self::Entra => 7200,
            Self::Development | Self::Keycloak | Self::Okta | Self::OidcProvider | Self::Generic => 3600,
        }
    }

    pub(crate) fn roles_path(self) -> Vec<String> {
        let path: &[&str] = match self {
            Self::Keycloak => &["realm_access", "roles"],
            Self::Okta | Self::OidcProvider => &["groups"],
            Self::Development | Self::Entra | Self::Generic => &["roles"],
        };
        path.iter().map(|step| (*step).to_owned()).collect()
    }

    pub(crate) const fn workload_signs(self) -> &'static [WorkloadSign] {
        use WorkloadSign::{AppToken, GrantType, ServiceAccount, SubjectIsClient, Without};
        match self {
            Self::Development | Self::OidcProvider => &[SubjectIsClient],
            // A service account's token has no user session.
            Self::Keycloak => &[ServiceAccount, Without("sid"), SubjectIsClient],
            Self::Okta => &[SubjectIsClient, Without("uid")],
            // Entra: an app-only token has roles and no `scp`.
            Self::Entra => &[AppToken, Without("scp"), SubjectIsClient],
            Self::Generic => &[SubjectIsClient, GrantType],
        }
    }

    /// The claims that name the client, all that are present must agree.
    pub(crate) const fn client_claims(self) -> &'static [&'static str] {
        match self {
            Self::Development | Self::Keycloak | Self::OidcProvider | Self::Generic => &["client_id", "azp"],
            Self::Okta => &["cid"],
            Self::Entra => &["azp", "appid"],
        }
    }

    /// The claim that holds the scopes: a space-separated text, or Okta's array.
    pub(crate) const fn scope_claim(self) -> &'static str {
        match self {
            Self::Okta | Self::Entra => "scp",
            Self::Development | Self::Keycloak | Self::OidcProvider | Self::Generic => "scope",
        }
    }

    /// The token's own id. Entra writes `uti`.
    pub(crate) const fn id_claim(self) -> &'static str {
        match self {
            Self::Entra => "uti",
            Self::Development | Self::Keycloak | Self::Okta | Self::OidcProvider | Self::Generic => "jti",
        }
    }

    /// Is this an access token, by header `typ` (lower case, without `application/`) and claims? An ID token never is.
    pub(crate) fn is_access_token(self, typ: Option<&str>, claims: &Map<String, Value>) -> bool {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let typ_fits = match self {
            Self::Development | Self::OidcProvider | Self::Generic => typ == Some("at+jwt"),
            Self::Keycloak => matches!(typ, Some("jwt" | "at+jwt")),
            Self::Okta => matches!(typ, None | Some("at+jwt")),
            Self::Entra => matches!(typ, Some("jwt" | "at+jwt")),
        };
        let claims_fit = match self {
            // Keycloak says what a token is in its claims: `Bearer`, `ID`, `Refresh`, `Logout`, ...
            Self::Keycloak => text("typ") == Some("Bearer"),
            Self::Okta => text("jti").is_some_and(|jti| jti.starts_with("AT.")) && !claims.contains_key("typ"),
            // Entra's ID tokens name no client beside `aud`; an access token has `scp`, or `roles` of an app.
            Self::Entra => claims.contains_key("scp") || claims.contains_key("roles"),
            Self::Development | Self::OidcProvider | Self::Generic => !claims.contains_key("typ"),
        };
        // OpenID Connect Core sections 2, 3.1.3.6 and 3.3.2.11: these are claims of ID tokens. Keycloak before 25
        // copied `nonce` into access tokens too, which its own `typ` claim tells apart.
        let marks = ["at_hash", "c_hash", "s_hash", "nonce"];
        let marked = |mark: &str| claims.contains_key(mark) && !(self == Self::Keycloak && mark == "nonce");
        typ_fits && claims_fit && !marks.into_iter().any(marked)
    }
}

impl WorkloadSign {
    pub(crate) fn is_on(self, claims: &Map<String, Value>, client: &str) -> bool {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        match self {
            Self::SubjectIsClient => {
                text("sub").is_some_and(|sub| sub == client || sub.strip_suffix("@clients") == Some(client))
            }
            Self::GrantType => text("gty") == Some("client-credentials"),
            Self::AppToken => text("idtyp") == Some("app"),
            Self::Without(claim) => !claims.contains_key(claim),
            Self::ServiceAccount => text("preferred_username").is_some_and(|name| name.starts_with("service-account-")),
        }
    }
}
