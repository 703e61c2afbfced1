//! Limits of our own process.

/// No core dump and no look into our memory by other programs of the same user: tokens live in it.
///
/// A system that refuses is no reason to stop; the files are as readable to such a program anyway.
pub fn keep_memory_private() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        if let Err(err) = setrlimit(
            Resource::Core,
            Rlimit {
                current: Some(0),
                maximum: Some(0),
            },
        ) {
            tracing::debug!(error = %err, "core dumps stay possible");
        }
    }
    #[cfg(target_os = "linux")]
    if let Err(err) =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        tracing::debug!(error = %err, "other programs may read our memory");
    }
}
