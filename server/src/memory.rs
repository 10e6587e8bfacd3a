//! The allocator, and how soon it gives memory back to the system. Nothing else in Usher is `unsafe`.
//!
//! A run takes and frees megabytes for each part, on several threads. The system's allocator keeps what many threads gave back, so that
//! memory would grow with the number of parts; mimalloc keeps it for a second, which is several parts.

use libmimalloc_sys::mi_option_t;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of `mimalloc.h`, which the crate gives no name: milliseconds until free pages go back to the system.
const PURGE_DELAY: mi_option_t = 15;

/// Free pages go back to the system at once, unless `MIMALLOC_PURGE_DELAY` says otherwise.
///
/// Measured with `usher-load --rows 2000000`: 120 MB instead of 183 MB at the peak, 12.6 s either way.
#[expect(unsafe_code, reason = "the option has no safe interface")]
pub(crate) fn give_back_at_once() {
    // SAFETY: the function writes one atomic value of a table that is indexed by the option; the test shows that the index is right. It
    // may be called from any thread at any time.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, 0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "the option has no safe interface")]
    fn the_option_is_the_purge_delay() {
        // SAFETY: as above; this one reads.
        let delay = || unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert_eq!(delay(), 1000, "mimalloc's default; no other option has it");
        give_back_at_once();
        assert_eq!(delay(), 0);
    }
}
