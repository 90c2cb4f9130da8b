//! Why a handshake failed, in words of our own table. Nothing a peer sent is ever part of them.

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

/// An alert's name (`received ` before it when the peer sent it), or `timeout`, `closed`, `refused`, `unreachable`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("handshake failed: {alert}")]
pub struct HandshakeFailed {
    pub alert: &'static str,
}

impl HandshakeFailed {
    pub(super) const TIMEOUT: Self = Self { alert: "timeout" };

    pub(super) fn from_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, UnexpectedEof};
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            return Self { alert: of_tls(tls) };
        }
        let alert = match error.kind() {
            ConnectionRefused => "refused",
            UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe => "closed",
            _ => "unreachable",
        };
        Self { alert }
    }
}

/// The alert that rustls sends for an error, by name (RFC 8446 section 6).
fn of_tls(error: &Error) -> &'static str {
    match error {
        Error::AlertReceived(description) => received(*description),
        Error::InvalidCertificate(why) => of_certificate(why),
        Error::NoCertificatesPresented => "certificate_required",
        Error::NoApplicationProtocol => "no_application_protocol",
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls13RequiredForQuic,
        ) => "protocol_version",
        Error::PeerIncompatible(_) => "handshake_failure",
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } | Error::PeerMisbehaved(_) => {
            "illegal_message"
        }
        Error::InvalidMessage(_) => "decode_error",
        Error::DecryptError => "decrypt_error",
        Error::PeerSentOversizedRecord => "record_overflow",
        _ => "internal_error",
    }
}

fn of_certificate(why: &CertificateError) -> &'static str {
    match why {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => "certificate_expired",
        CertificateError::Revoked => "certificate_revoked",
        CertificateError::UnknownIssuer => "unknown_ca",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => "unsupported_certificate",
        CertificateError::BadSignature => "decrypt_error",
        CertificateError::NotValidForName
        | CertificateError::NotValidForNameContext { .. }
        | CertificateError::ApplicationVerificationFailure => "name_mismatch",
        _ => "bad_certificate",
    }
}

fn received(description: AlertDescription) -> &'static str {
    match description {
        AlertDescription::CloseNotify => "received close_notify",
        AlertDescription::UnexpectedMessage => "received unexpected_message",
        AlertDescription::BadRecordMac => "received bad_record_mac",
        AlertDescription::RecordOverflow => "received record_overflow",
        AlertDescription::HandshakeFailure => "received handshake_failure",
        AlertDescription::BadCertificate => "received bad_certificate",
        AlertDescription::UnsupportedCertificate => "received unsupported_certificate",
        AlertDescription::CertificateRevoked => "received certificate_revoked",
        AlertDescription::CertificateExpired => "received certificate_expired",
        AlertDescription::CertificateUnknown => "received certificate_unknown",
        AlertDescription::IllegalParameter => "received illegal_parameter",
        AlertDescription::UnknownCA => "received unknown_ca",
        AlertDescription::AccessDenied => "received access_denied",
        AlertDescription::DecodeError => "received decode_error",
        AlertDescription::DecryptError => "received decrypt_error",
        AlertDescription::ProtocolVersion => "received protocol_version",
        AlertDescription::InsufficientSecurity => "received insufficient_security",
        AlertDescription::InternalError => "received internal_error",
        AlertDescription::UserCanceled => "received user_canceled",
        AlertDescription::MissingExtension => "received missing_extension",
        AlertDescription::UnsupportedExtension => "received unsupported_extension",
        AlertDescription::UnrecognisedName => "received unrecognized_name",
        AlertDescription::CertificateRequired => "received certificate_required",
        AlertDescription::NoApplicationProtocol => "received no_application_protocol",
        _ => "received another alert",
    }
}
