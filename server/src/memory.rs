//! The allocator, and how soon it gives memory back to the system. Nothing else in Usher is `unsafe`.
//!
//! A run takes and frees megabytes for each part, on several threads. The system's allocator keeps what many threads gave back, so that
//! memory would grow with the number of parts; mimalloc keeps it for a second, which is several parts.

use libmimalloc_sys::mi_option_t;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of `mimalloc.h`, which the crate gives no name: milliseconds until free pages go back to the system.
const PURGE_DELAY: mi_option_t = 15;

/// Keeps the process small: free pages go back to the system at once, unless `MIMALLOC_PURGE_DELAY` says otherwise; and pages are the system's small
/// ones, because of a large one (2 MiB) all is held as long as a byte of it is used.
///
/// Small pages alone save a third of what is resident at the peak of `usher-load --rows 1000000 --folders`, for the same processor time.
#[expect(unsafe_code, reason = "the option has no safe interface")]
pub(crate) fn keep_small() {
    // SAFETY: the function writes one atomic value of a table that is indexed by the option; the test shows that the index is right. It
    // may be called from any thread at any time.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, 0) };
    // A system that has no large pages refuses, and that is as good.
    #[cfg(target_os = "linux")]
    let _refused = rustix::thread::disable_transparent_huge_pages(true);
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
        keep_small();
        assert_eq!(delay(), 0);
    }
}
