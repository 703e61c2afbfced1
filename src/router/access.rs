//! What speaks for a profile upstream, and getting a newer one in time.

use std::time::SystemTime;

use tokio::time::timeout;

use super::House;
use super::fresh::NoToken;
use crate::pool::{Access, Member};
use crate::profile::Secret;
use crate::upstream::{Bearer, Service};

/// A newer access token than `stale`, if the worker has or gets one.
pub(super) async fn fresh_access(
    house: &House,
    member: &Member,
    stale: &Access,
) -> Result<Access, NoToken> {
    let secret = secret_of(stale);
    let asked = house.tokens.fresh(&member.name, &secret.fingerprint());
    match timeout(house.limits.answer_head, asked).await {
        Ok(Ok(newer)) if secret_of(&newer) == secret => {
            Err(NoToken("there is no newer access token".to_owned()))
        }
        Ok(answer) => answer,
        Err(_elapsed) => Err(NoToken("a newer access token takes too long".to_owned())),
    }
}

/// Whether it is known not to work any more. An API key never runs out.
pub(super) fn has_run_out(access: &Access, now: SystemTime) -> bool {
    match access {
        Access::ChatGpt { expires_at, .. } => expires_at.is_some_and(|at| at <= now),
        Access::ApiKey { .. } => false,
    }
}

pub(super) fn service_of(access: &Access) -> Service {
    match access {
        Access::ChatGpt { .. } => Service::ChatGpt,
        Access::ApiKey { .. } => Service::OpenAi,
    }
}

fn secret_of(access: &Access) -> &Secret {
    match access {
        Access::ChatGpt { access_token, .. } => access_token,
        Access::ApiKey { key } => key,
    }
}

pub(super) fn bearer_of(access: &Access) -> Bearer {
    match access {
        Access::ChatGpt {
            access_token,
            account_id,
            is_fedramp,
            ..
        } => Bearer {
            token: access_token.clone(),
            account_id: account_id.clone(),
            is_fedramp: *is_fedramp,
        },
        Access::ApiKey { key } => Bearer {
            token: key.clone(),
            account_id: None,
            is_fedramp: false,
        },
    }
}
