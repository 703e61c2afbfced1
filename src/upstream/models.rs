//! Asking which models there are.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{ETAG, HeaderValue};
use url::Url;

use super::{Bearer, Outlet, Purpose, SendError, Service, below, read_all};

/// The service's own list, byte for byte, so that fields we do not know reach the client.
#[derive(Clone, Debug)]
pub struct ModelsDocument {
    pub body: Bytes,
    pub etag: Option<HeaderValue>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelsError {
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("the model list answers {status}")]
    Refused { status: u16 },
    #[error("the model list did not arrive: {0}")]
    Lost(String),
}

const TOTAL_TIMEOUT: Duration = Duration::from_secs(15);
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

impl Outlet<'_> {
    /// Asks the ChatGPT backend (its own shape, for `client_version`) or the OpenAI API (the list shape).
    ///
    /// # Errors
    /// See [`ModelsError`].
    pub async fn models(
        &self,
        service: Service,
        bearer: &Bearer,
        client_version: &str,
    ) -> Result<ModelsDocument, ModelsError> {
        let url: Url = match service {
            Service::ChatGpt => {
                let mut url = self.endpoints().codex_models.clone();
                url.query_pairs_mut()
                    .append_pair("client_version", client_version);
                url
            }
            Service::OpenAi => below(&self.endpoints().openai_base, "models"),
        };
        let mut headers = HeaderMap::new();
        headers.insert(
            http::header::ACCEPT,
            HeaderValue::from_static("application/json"),
        );
        self.sign(service, bearer, &mut headers)?;
        self.fetch_models(url, headers).await
    }

    pub(super) async fn fetch_models(
        &self,
        url: Url,
        headers: HeaderMap,
    ) -> Result<ModelsDocument, ModelsError> {
        let client = self.client_for(&url, Purpose::Request)?;
        let request = client
            .get(url.clone())
            .headers(headers)
            .timeout(TOTAL_TIMEOUT);
        let response = request
            .send()
            .await
            .map_err(|err| self.send_error(&url, &err))?;
        if !response.status().is_success() {
            return Err(ModelsError::Refused {
                status: response.status().as_u16(),
            });
        }
        let etag = response.headers().get(ETAG).cloned();
        let body = read_all(response, MAX_ANSWER_BYTES)
            .await
            .map_err(ModelsError::Lost)?;
        Ok(ModelsDocument {
            body: body.into(),
            etag,
        })
    }
}
