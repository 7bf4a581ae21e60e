//! What the service macro accepts, and what it says about the rest.
//!
//! `tests/ui/pass` must compile and run; each file of `tests/ui/fail` must be refused with exactly
//! the text beside it. After a wanted change: `TRYBUILD=overwrite cargo test --test ui`.

#[test]
fn accepted_services_compile_and_refused_ones_say_why() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
    cases.compile_fail("tests/ui/fail_schema/*.rs");
}
