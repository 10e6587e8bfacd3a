//! Keyed hashes of people and of what is sent of them. Without the key nobody can find out whether a given person is meant.

use model::mapping::Row;

/// Makes the hashes of one ledger, or of one run.
#[derive(Clone)]
pub(in crate::exchange) struct IdentityKey {
    identity: [u8; 32],
    fingerprint: [u8; 32],
}

/// What is known of a member whose last sending has an uncertain outcome: no row has this fingerprint, so that it is sent again.
pub(super) const UNKNOWN: u64 = 0;

impl IdentityKey {
    /// From the secret that everything else of the ledger is sealed with.
    pub(in crate::exchange) fn derive(secret: &[u8]) -> Self {
        Self {
            identity: blake3::derive_key("usher 2026 ledger: identity of a member", secret),
            fingerprint: blake3::derive_key("usher 2026 ledger: fingerprint of a row", secret),
        }
    }

    /// Whom a row is about, by the values at these places.
    pub(super) fn identity(&self, row: Row<'_>, places: &[usize]) -> u128 {
        let mut hasher = blake3::Hasher::new_keyed(&self.identity);
        for place in places {
            add(&mut hasher, row.value(*place).unwrap_or_default());
        }
        let mut hash = [0; 16];
        hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        // Compared as bytes and as a number it sorts in the same way.
        u128::from_be_bytes(hash)
    }

    /// All that is sent of somebody.
    pub(super) fn fingerprint(&self, row: Row<'_>) -> u64 {
        let mut hasher = blake3::Hasher::new_keyed(&self.fingerprint);
        for value in row.values() {
            add(&mut hasher, value);
        }
        let mut hash = [0; 8];
        hash.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        u64::from_be_bytes(hash).max(UNKNOWN + 1)
    }
}

/// The length first, so that values can't be moved across their borders.
fn add(hasher: &mut blake3::Hasher, value: &[u8]) {
    hasher.update(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
    hasher.update(value);
}

#[cfg(test)]
mod tests {
    use model::mapping::RowBuffer;

    use super::*;

    #[test]
    fn people_are_told_apart_by_value_and_place_and_by_nobody_without_the_key() {
        let key = IdentityKey::derive(b"a secret");
        let row = |values: &[&str]| values.iter().collect::<RowBuffer>();
        let of = |key: &IdentityKey, values: &[&str]| key.identity(row(values).row(), &[0, 1]);
        let ann = of(&key, &["ann@example.org", "7", "Ann"]);
        assert_eq!(ann, of(&key, &["ann@example.org", "7", "Anna"]));
        assert_ne!(ann, of(&key, &["ann@example.org7", "", "Ann"]));
        assert_ne!(ann, of(&IdentityKey::derive(b"another"), &["ann@example.org", "7", "Ann"]));
        let fingerprint = |values: &[&str]| key.fingerprint(row(values).row());
        assert_ne!(fingerprint(&["ann", "7"]), fingerprint(&["ann", "8"]));
        assert_ne!(fingerprint(&["ann", "7"]), fingerprint(&["ann7", ""]));
    }
}
