//! The memory allocator of the process, and how it gives memory back.
//!
//! mimalloc returns freed pages to the system a while later, on the next allocation that needs fresh ones. A gateway that
//! has just relayed a hundred megabytes of bodies and then serves small requests never makes such an allocation: it kept
//! 238 MB where 62 MB were in use. Returning pages at once (`MIMALLOC_PURGE_DELAY=0`) costs a third more CPU for each small
//! request, so whoever did large work asks for it when the work has ended.

/// The allocator, for `#[global_allocator]`.
pub use mimalloc::MiMalloc as Allocator;

/// Returns free pages to the system. Takes up to some milliseconds: not for threads that serve requests.
#[allow(unsafe_code)]
pub fn release_free_memory() {
    // SAFETY: `mi_collect` takes no pointer and may be called at any time from any thread, also before that thread has
    // allocated anything (mimalloc.h).
    unsafe { libmimalloc_sys::mi_collect(true) }
}
