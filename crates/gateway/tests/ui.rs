//! The ways to answer without evidence that the compiler rejects. The golden messages say why.

#[test]
fn no_answer_without_evidence_compiles() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
