//! Asking how much an account has used. Costs no allowance and never redeems a token.

use std::time::{Duration, SystemTime};

use super::{Bearer, Outlet, Purpose, Service, read_all, retry_after};
use crate::usage::Usage;

/// Why there is no new number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    #[error("the access token was refused")]
    Unauthorized,
    /// Nobody answered: it says nothing about the account.
    #[error("{0}")]
    Unreachable(String),
    #[error("the usage service answers {status}")]
    Refused {
        status: u16,
        retry_after: Option<Duration>,
    },
    #[error("the usage service sent something else than usage")]
    Unreadable,
}

const TOTAL_TIMEOUT: Duration = Duration::from_secs(20);
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

impl Outlet<'_> {
    /// # Errors
    /// See [`UsageError`].
    pub async fn usage(&self, bearer: &Bearer, now: SystemTime) -> Result<Usage, UsageError> {
        let url = self.endpoints().usage.clone();
        let mut headers = http::HeaderMap::new();
        let unreachable = |err: super::SendError| UsageError::Unreachable(err.to_string());
        self.sign(Service::ChatGpt, bearer, &mut headers)
            .map_err(unreachable)?;
        let request = self
            .client_for(&url, Purpose::Request)
            .map_err(unreachable)?
            .get(url.clone())
            .headers(headers)
            .timeout(TOTAL_TIMEOUT);
        let response = request
            .send()
            .await
            .map_err(|err| unreachable(self.send_error(&url, &err)))?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), now);
        match status {
            200..=299 => {
                let body = read_all(response, MAX_ANSWER_BYTES)
                    .await
                    .map_err(UsageError::Unreachable)?;
                Usage::from_document(&body, now).map_err(|_not_usage| UsageError::Unreadable)
            }
            401 => Err(UsageError::Unauthorized),
            _ => Err(UsageError::Refused {
                status,
                retry_after,
            }),
        }
    }
}
