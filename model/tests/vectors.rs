//! What the platforms publish, natively.

#[path = "vectors/published.rs"]
mod published;

#[test]
fn values_are_written_and_hashed_as_the_platforms_publish_it() {
    assert!(published::PUBLISHED.len() > 40);
    let wrong = published::wrong();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
