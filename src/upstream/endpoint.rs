//! Endpoints of the user's own: their addresses, the header of their key, their lists of models.
//!
//! Azure has two surfaces: an older one with a deployment in the path and a dated `api-version`, and `/openai/v1`, which is plain
//! (<https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle>). The key of an endpoint is put into headers here
//! and nowhere else, together with the endpoint's own address.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT, AUTHORIZATION, HeaderValue, USER_AGENT};
use url::Url;

use super::models::ModelsError;
use super::{ModelsDocument, Outlet, Reply, SendError, below};
use crate::profile::{Endpoint, EndpointKind};

impl Outlet<'_> {
    /// Sends a body to a path of the API, `responses` or `chat/completions` for instance, and returns as soon as the head of the
    /// reply is here. `name` is what the endpoint calls the model.
    ///
    /// `headers` tell what the body is; key and name are set here.
    ///
    /// # Errors
    /// Only when no reply came. A reply of any status is a reply.
    pub async fn ask_endpoint(
        &self,
        endpoint: &Endpoint,
        path: &str,
        name: &str,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Reply, SendError> {
        self.sign_for(endpoint, &mut headers)?;
        self.post(address(endpoint, path, name), headers, body)
            .await
    }

    /// Asks the endpoint which models it has.
    ///
    /// # Errors
    /// See [`ModelsError`]. Many endpoints have no such list.
    pub async fn endpoint_models(
        &self,
        endpoint: &Endpoint,
    ) -> Result<ModelsDocument, ModelsError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        self.sign_for(endpoint, &mut headers)?;
        let url = address(endpoint, "models", "");
        self.fetch_models(url, headers).await
    }

    fn sign_for(&self, endpoint: &Endpoint, headers: &mut HeaderMap) -> Result<(), SendError> {
        let value = |text: &str| {
            HeaderValue::from_str(text).map_err(|_odd_letter| SendError::NotSent {
                host: endpoint.host().to_owned(),
                reason: "its settings have characters that no header can carry".into(),
            })
        };
        let secret = |text: &str| {
            value(text).map(|mut value| {
                value.set_sensitive(true);
                value
            })
        };
        self.add_own_headers(headers, || endpoint.host().to_owned())?;
        for (name, text) in &endpoint.headers {
            headers.insert(name.clone(), secret(text.expose())?);
        }
        if let Some(key) = &endpoint.key {
            let key = if endpoint.auth_header == AUTHORIZATION {
                secret(&format!("Bearer {}", key.expose()))?
            } else {
                secret(key.expose())?
            };
            headers.insert(endpoint.auth_header.clone(), key);
        }
        headers
            .entry(USER_AGENT)
            .or_insert(value(&self.endpoints().user_agent)?);
        Ok(())
    }
}

/// Where a path of the API is. Below a deployment of Azure's older surface stands everything but `responses` and `models`.
fn address(endpoint: &Endpoint, path: &str, name: &str) -> Url {
    let base = &endpoint.base;
    match (endpoint.kind, &endpoint.api_version) {
        (EndpointKind::Compatible, _) => below(base, path),
        (EndpointKind::Azure, None) => below(base, &format!("openai/v1/{path}")),
        (EndpointKind::Azure, Some(version)) => {
            let mut url = below(base, "openai");
            if let Ok(mut segments) = url.path_segments_mut() {
                if !matches!(path, "responses" | "responses/compact" | "models") {
                    // As one segment, whatever letters it has.
                    segments.push("deployments").push(name);
                }
                segments.extend(path.split('/'));
            }
            url.query_pairs_mut().append_pair("api-version", version);
            url
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;
    use crate::profile::Secret;

    fn azure(version: Option<&str>) -> Endpoint {
        let mut endpoint =
            Endpoint::new(EndpointKind::Azure, "https://x.openai.azure.test", None).unwrap();
        endpoint.api_version = version.map(str::to_owned);
        endpoint
    }

    #[test]
    fn every_surface_has_its_own_addresses() {
        let compatible =
            Endpoint::new(EndpointKind::Compatible, "https://x.test/api/v1/", None).unwrap();
        let dated = azure(Some("2025-04-01-preview"));
        for (endpoint, path, expected) in [
            (&compatible, "responses", "https://x.test/api/v1/responses"),
            (
                &compatible,
                "chat/completions",
                "https://x.test/api/v1/chat/completions",
            ),
            (
                &azure(None),
                "responses",
                "https://x.openai.azure.test/openai/v1/responses",
            ),
            (
                &azure(None),
                "embeddings",
                "https://x.openai.azure.test/openai/v1/embeddings",
            ),
            (
                &dated,
                "responses",
                "https://x.openai.azure.test/openai/responses?api-version=2025-04-01-preview",
            ),
            (
                &dated,
                "chat/completions",
                "https://x.openai.azure.test/openai/deployments/my%2Fd/chat/completions?api-version=2025-04-01-preview",
            ),
            (
                &dated,
                "models",
                "https://x.openai.azure.test/openai/models?api-version=2025-04-01-preview",
            ),
        ] {
            assert_eq!(address(endpoint, path, "my/d").as_str(), expected);
        }
    }

    #[test]
    fn a_key_stands_in_its_header_and_is_marked_as_secret() {
        let upstream = super::super::Upstream::new(super::super::tests::nowhere());
        let network = crate::profile::Network {
            headers: vec![
                (HeaderName::from_static("x-team"), Secret::new("beaten")),
                (HeaderName::from_static("x-own"), Secret::new("canary-own")),
            ],
            ..Default::default()
        };
        let upstream = upstream.through(&network);
        let mut endpoint = azure(None);
        endpoint.key = Some(Secret::new("canary"));
        endpoint.headers = vec![(HeaderName::from_static("x-team"), Secret::new("canary-too"))];
        let mut headers = HeaderMap::new();
        upstream.sign_for(&endpoint, &mut headers).unwrap();
        assert_eq!(headers.get("api-key").unwrap(), "canary");
        assert_eq!(headers.get("x-team").unwrap(), "canary-too");
        assert_eq!(headers.get("x-own").unwrap(), "canary-own");
        assert!(headers.get(AUTHORIZATION).is_none());
        assert!(!format!("{headers:?}").contains("canary"));

        endpoint.auth_header = AUTHORIZATION;
        let mut headers = HeaderMap::new();
        upstream.sign_for(&endpoint, &mut headers).unwrap();
        assert_eq!(headers.get(AUTHORIZATION).unwrap(), "Bearer canary");
        assert!(headers.get("api-key").is_none());
    }
}
