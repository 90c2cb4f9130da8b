//! Every reason the door can give. One table: code, status, FHIR issue type, what a caller is shown, what to do next.

use std::fmt;

/// Who must act for the same request to succeed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Actor {
    /// The caller: the request or the credential is at fault.
    Caller,
    /// A human who writes policy or assigns care.
    Policy,
    /// The operator of Lazaret or of the upstream.
    Operator,
    /// Us: a bug.
    Us,
}

impl Actor {
    pub const fn code(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Policy => "policy",
            Self::Operator => "operator",
            Self::Us => "us",
        }
    }
}

macro_rules! reasons {
    ($($variant:ident $code:literal $status:literal $issue:literal $actor:ident $shown:ident $hint:literal;)+) => {
        /// A stable reason code, `area.reason`. Written to evidence as it is; shown to the caller as [`Reason::shown`].
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Reason { $(#[doc = $hint] $variant),+ }

        impl Reason {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// HTTP status of the answer.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// `OperationOutcome.issue.code` (<https://hl7.org/fhir/R4/valueset-issue-type.html>).
            pub const fn issue(self) -> &'static str {
                match self { $(Self::$variant => $issue),+ }
            }

            pub const fn actor(self) -> Actor {
                match self { $(Self::$variant => Actor::$actor),+ }
            }

            /// The reason a caller is shown. Another one where the true reason would reveal that something exists,
            /// or would help a stranger to forge a better token.
            pub const fn shown(self) -> Self {
                match self { $(Self::$variant => Self::$shown),+ }
            }

            /// What to do next, in words. Fixed text: nothing of the request is in it.
            pub const fn hint(self) -> &'static str {
                match self { $(Self::$variant => $hint),+ }
            }
        }
    };
}

reasons! {
    CredentialMissing "credential.missing" 401 "login" Caller CredentialMissing "send an access token: Authorization: Bearer ...";
    CredentialInvalid "credential.invalid" 401 "login" Caller CredentialInvalid "the access token is not acceptable here; get a new one from the issuer for this audience";
    CredentialMalformed "credential.malformed" 401 "login" Caller CredentialInvalid "the token is not a JWT of the expected shape";
    CredentialSignature "credential.signature" 401 "login" Caller CredentialInvalid "the signature does not verify under the issuer's key";
    CredentialAlgorithm "credential.algorithm" 401 "login" Caller CredentialInvalid "the algorithm is not on the issuer's allow-list";
    CredentialKey "credential.key-unknown" 401 "login" Caller CredentialInvalid "no key of the issuer has this key id";
    CredentialIssuer "credential.issuer-unknown" 401 "login" Caller CredentialInvalid "the issuer is not configured";
    CredentialAudience "credential.audience" 401 "login" Caller CredentialInvalid "the token was made for another audience";
    CredentialType "credential.type" 401 "login" Caller CredentialInvalid "this is not an access token (an ID token, perhaps)";
    CredentialClaims "credential.claims" 401 "login" Caller CredentialInvalid "a required claim is missing or has the wrong form";
    CredentialNotYetValid "credential.not-yet-valid" 401 "login" Caller CredentialInvalid "the token is not valid yet; check both clocks";
    CredentialExpired "credential.expired" 401 "login" Caller CredentialExpired "the token has expired; get a new one";
    CredentialRevoked "credential.revoked" 401 "login" Caller CredentialInvalid "the token, subject or client is on the deny list";
    CredentialBinding "credential.binding" 401 "login" Caller CredentialInvalid "the token is bound to another client certificate (RFC 8705)";
    CredentialDpop "credential.dpop-not-answered" 401 "login" Caller CredentialInvalid "the token is bound by DPoP, which is not supported yet; it is never accepted as a plain bearer token";
    CredentialUnbound "credential.unbound-workload" 401 "login" Caller CredentialInvalid "a workload's token must be bound to its certificate";
    CredentialKeys "credential.keys-unavailable" 503 "transient" Operator CredentialKeys "the issuer's keys cannot be fetched; try again later";

    AssuranceInsufficient "assurance.insufficient" 401 "login" Caller AssuranceInsufficient "sign in again with the factors named in WWW-Authenticate";

    ScopeMissing "scope.missing" 403 "forbidden" Caller ScopeMissing "the token has no scope for this interaction on this type; ask for one";
    ScopeNotModelled "scope.not-modelled" 403 "forbidden" Caller ScopeNotModelled "a scope for this type has parameters that cannot be enforced; ask for one without modifiers, chains or unknown parameters";
    ScopePatient "scope.patient" 404 "not-found" Caller ResourceAbsent "the resource belongs to another patient than the token's launch context";
    ScopeGranular "scope.granular" 404 "not-found" Caller ResourceAbsent "the resource does not match the parameters of the granted scope";

    PolicyRefused "policy.refused" 403 "forbidden" Policy PolicyRefused "no policy permits this class of request to this caller";
    PolicyForbidden "policy.forbidden" 404 "not-found" Policy ResourceAbsent "a policy forbids this resource to this caller";
    PolicyError "policy.error" 403 "forbidden" Operator PolicyRefused "a policy could not be evaluated, so the answer is no";
    PolicyErrorHidden "policy.error-on-resource" 404 "not-found" Operator ResourceAbsent "a policy could not be evaluated on this resource, so the answer is no";
    PolicyChanged "policy.changed" 503 "transient" Operator PolicyChanged "the rules changed while a long answer was under way; ask again";
    RelationshipNone "relationship.none" 404 "not-found" Policy ResourceAbsent "no permit covers this resource: the caller has no care relationship with the patient";
    LabelNotCleared "label.not-cleared" 404 "not-found" Policy ResourceAbsent "a security label on the resource is not one the caller may see";
    ResourceAbsent "resource.not-found" 404 "not-found" Caller ResourceAbsent "no such resource, or none that you may see";

    RequestMalformed "request.malformed" 400 "invalid" Caller RequestMalformed "the request line is not a FHIR R4 request; see https://hl7.org/fhir/R4/http.html";
    RequestTooLong "request.too-long" 414 "too-long" Caller RequestTooLong "the request line is longer than this server accepts";
    RequestBody "request.body-unexpected" 400 "invalid" Caller RequestBody "this interaction takes no body";
    RequestMethod "request.method" 405 "not-supported" Caller RequestMethod "the method is not used by FHIR here";
    RequestTypeUnknown "request.type-unknown" 404 "not-supported" Caller RequestTypeUnknown "not an R4 resource type; names are case-sensitive";
    RequestIdMalformed "request.id-malformed" 400 "value" Caller RequestIdMalformed "an id has 1 to 64 of A-Z a-z 0-9 - .";
    RequestFormat "request.format" 406 "not-supported" Caller RequestFormat "only application/fhir+json is served";
    RequestBodyTooLong "request.body-too-long" 413 "too-long" Caller RequestBodyTooLong "the body is longer than this server accepts";
    RequestMediaType "request.media-type" 415 "not-supported" Caller RequestMediaType "only application/fhir+json is accepted, and application/x-www-form-urlencoded for _search";
    RequestEncoding "request.encoding" 415 "not-supported" Caller RequestEncoding "content encodings are not accepted";
    RequestHeader "request.header" 400 "invalid" Caller RequestHeader "a header contradicts another, appears twice, or tries to change the method";
    ParameterNotModelled "parameter.not-modelled" 403 "not-supported" Caller ParameterNotModelled "this query parameter is not answered on this interaction; leave it out";
    ParameterValue "parameter.value" 400 "value" Caller ParameterValue "a parameter's value has a form that this kind of parameter cannot have; see https://hl7.org/fhir/R4/search.html";
    ParameterModifier "parameter.modifier" 403 "not-supported" Caller ParameterModifier "this modifier or prefix is not answered on this kind of parameter; leave it out";
    ParameterHidden "parameter.observes-hidden" 403 "forbidden" Policy ParameterHidden "this parameter looks at an element that you are not shown; `lazaret explain surface` lists what you may search by";
    ParameterChain "parameter.chain-not-permitted" 403 "forbidden" Policy ParameterChain "a chain or _has leads through a type that you may not search";
    IncludeRefused "include.not-permitted" 403 "forbidden" Policy IncludeRefused "an include leads to a type that you may not search, or through an element that you are not shown; name one type at a time";
    SearchTooBroad "search.too-broad" 403 "too-costly" Caller SearchTooBroad "no complete answer within the budget of one search; add parameters that narrow it";
    CursorInvalid "cursor.invalid" 400 "value" Caller CursorInvalid "the page link is not valid for this caller, or no longer; start the search again";
    ParameterDuplicate "parameter.duplicate" 400 "invalid" Caller ParameterDuplicate "a query parameter appears twice";

    HistoryTypeNotAnswered "interaction.history-type-not-answered" 403 "not-supported" Operator HistoryTypeNotAnswered "history is not answered yet";
    HistorySystemNotAnswered "interaction.history-system-not-answered" 403 "not-supported" Operator HistorySystemNotAnswered "history is not answered yet";
    SearchSystemNotAnswered "interaction.search-system-not-answered" 403 "not-supported" Operator SearchSystemNotAnswered "search of all types at once is not answered; search one type";
    SearchCompartmentNotAnswered "interaction.search-compartment-not-answered" 403 "not-supported" Operator SearchCompartmentNotAnswered "of compartments, only searches of one type in a patient's are answered, where R4 puts that type there: Patient/id/Type";
    CreateNotAnswered "interaction.create-not-answered" 403 "not-supported" Operator CreateNotAnswered "writes are not answered yet";
    ConditionalCreateNotAnswered "interaction.conditional-create-not-answered" 403 "not-supported" Operator ConditionalCreateNotAnswered "writes are not answered yet";
    UpdateNotAnswered "interaction.update-not-answered" 403 "not-supported" Operator UpdateNotAnswered "writes are not answered yet";
    ConditionalUpdateNotAnswered "interaction.conditional-update-not-answered" 403 "not-supported" Operator ConditionalUpdateNotAnswered "writes are not answered yet";
    PatchNotAnswered "interaction.patch-not-answered" 403 "not-supported" Operator PatchNotAnswered "writes are not answered yet";
    ConditionalPatchNotAnswered "interaction.conditional-patch-not-answered" 403 "not-supported" Operator ConditionalPatchNotAnswered "writes are not answered yet";
    DeleteNotAnswered "interaction.delete-not-answered" 403 "not-supported" Operator DeleteNotAnswered "writes are not answered yet";
    ConditionalDeleteNotAnswered "interaction.conditional-delete-not-answered" 403 "not-supported" Operator ConditionalDeleteNotAnswered "writes are not answered yet";
    BatchNotAnswered "interaction.batch-not-answered" 403 "not-supported" Operator BatchNotAnswered "batches and transactions are not answered yet";
    OperationNotAnswered "interaction.operation-not-answered" 403 "not-supported" Operator OperationNotAnswered "operations are refused unless they are modelled; none is yet";

    UpstreamUnreachable "upstream.unreachable" 502 "transient" Operator UpstreamUnreachable "the FHIR server behind this gateway cannot be reached; try again later";
    UpstreamTimeout "upstream.timeout" 504 "timeout" Operator UpstreamTimeout "the FHIR server behind this gateway did not answer in time; try again later";
    UpstreamFailed "upstream.failed" 502 "transient" Operator UpstreamFailed "the FHIR server behind this gateway failed; try again later";
    UpstreamStatus "upstream.status" 404 "not-found" Operator ResourceAbsent "the upstream answered a read with a status that is neither 200, 404 nor 410";
    UpstreamMediaType "upstream.media-type" 404 "not-found" Operator ResourceAbsent "the upstream answered with something other than application/fhir+json";
    UpstreamEncoding "upstream.encoding" 404 "not-found" Operator ResourceAbsent "the upstream answered with a content encoding that was not asked for";
    UpstreamTooLarge "upstream.too-large" 404 "not-found" Operator ResourceAbsent "the resource is larger than the configured limit";
    UpstreamMalformed "upstream.malformed" 404 "not-found" Operator ResourceAbsent "the upstream's JSON is not acceptable: broken, ambiguous or too deep";
    UpstreamPage "upstream.page" 502 "transient" Operator UpstreamFailed "a page of the upstream's search is not acceptable: broken, too large, or with a link that leads elsewhere";
    UpstreamSearch "upstream.search" 502 "transient" Operator UpstreamFailed "the upstream refused a search that the gateway built; see its log, under the same trace";
    VersionHidden "version.hidden" 404 "not-found" Policy ResourceAbsent "a version, or the resource as it is now, is not one the caller may see";
    UpstreamMismatch "upstream.mismatch" 404 "not-found" Operator ResourceAbsent "the upstream returned another type or id than was asked for";

    LimitAddress "limit.address" 429 "throttled" Caller LimitAddress "too many requests from this address; wait as Retry-After says";
    LimitToken "limit.token" 429 "throttled" Caller LimitToken "too many requests with this token; wait as Retry-After says";
    LimitPatients "limit.patients" 429 "throttled" Caller LimitPatients "more different patients than one caller may see in this window; wait as Retry-After says";

    ClientLeft "client.left" 499 "incomplete" Caller ClientLeft "the client closed the connection before anything was caused";
    Bug "internal.bug" 500 "exception" Us Bug "an invariant did not hold; the operator finds the station in the record";
}

impl Reason {
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }

    /// May the caller see the true reason?
    pub fn is_shown_as_is(self) -> bool {
        self.shown() == self
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_kebab_and_read_back() {
        let mut seen = HashSet::new();
        for reason in Reason::ALL {
            let (area, name) = reason.code().split_once('.').expect("area.reason");
            assert!([area, name].iter().all(|part| part.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
            assert!(seen.insert(reason.code()), "{reason} twice");
            assert_eq!(Reason::from_code(reason.code()), Some(*reason));
        }
    }

    /// What a caller is shown has the same status as the true reason, and hides nothing further.
    #[test]
    fn what_is_shown_is_final_and_has_the_same_status() {
        for reason in Reason::ALL {
            assert_eq!(reason.shown().shown(), reason.shown(), "{reason}");
            assert_eq!(reason.shown().status(), reason.status(), "{reason}");
            assert_eq!(reason.shown().issue(), reason.issue(), "{reason}");
        }
    }

    /// Every refusal that depends on a resource looks like absence (decision 12).
    #[test]
    fn all_refusals_by_resource_look_like_absence() {
        for reason in Reason::ALL.iter().filter(|r| r.status() == 404 && **r != Reason::RequestTypeUnknown) {
            assert_eq!(reason.shown(), Reason::ResourceAbsent, "{reason}");
        }
    }
}
