//! The `Authorization` header, and the token in it.
#![no_main]

use identity::Bearer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|header: &[u8]| {
    let Ok(bearer) = Bearer::from_header(header) else { return };
    assert!(header.len() <= 16 * 1024 + "Bearer ".len());
    let _ = bearer;
});
