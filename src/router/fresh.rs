//! Asking for a newer access token. The router never redeems anything itself: the worker owns refresh tokens.

use std::pin::Pin;

use crate::pool::Access;
use crate::profile::{Fingerprint, ProfileName};

/// Who can get a newer token than the one that was refused or has run out.
///
/// Concurrent callers with the same stale token share one redeem; that is the implementor's business. An answer whose token is
/// still the stale one counts as none.
pub trait FreshTokens: Send + Sync {
    fn fresh(
        &self,
        name: &ProfileName,
        stale: &Fingerprint,
    ) -> Pin<Box<dyn Future<Output = Result<Access, NoToken>> + Send>>;
}

/// Why there is no newer token: a sentence for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoToken(pub String);
