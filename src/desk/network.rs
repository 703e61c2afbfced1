//! The way out that an account has for itself, as a face may see it: no password, no value of a header.

use crate::profile::{Network, Proxy};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkView {
    /// None: the one that is set for all.
    pub proxy: Option<ProxyView>,
    /// The names of its own headers.
    pub headers: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyView {
    System,
    Direct,
    /// `host:port`.
    Through(String),
    /// Nothing goes out; why stands with everything that cannot be used.
    Unusable,
}

impl NetworkView {
    pub fn of(network: &Network) -> Self {
        let headers = network.headers.iter();
        Self {
            proxy: network.proxy.as_ref().map(|proxy| match proxy {
                Proxy::System => ProxyView::System,
                Proxy::Direct => ProxyView::Direct,
                Proxy::Through(proxy) => ProxyView::Through(proxy.place()),
                Proxy::Unusable(_) => ProxyView::Unusable,
            }),
            headers: headers.map(|(name, _)| name.as_str().to_owned()).collect(),
        }
    }

    /// `proxy gate.example:1080, header x-team`; nothing where it is as for all.
    pub fn words(&self) -> Option<String> {
        let proxy = self.proxy.as_ref().and_then(|proxy| match proxy {
            ProxyView::System => Some("proxy of the system".to_owned()),
            ProxyView::Direct => Some("no proxy".to_owned()),
            ProxyView::Through(place) => Some(format!("proxy {place}")),
            ProxyView::Unusable => None,
        });
        let headers = match self.headers.as_slice() {
            [] => None,
            [name] => Some(format!("header {name}")),
            names => Some(format!("headers {}", names.join(" "))),
        };
        let said: Vec<_> = proxy.into_iter().chain(headers).collect();
        (!said.is_empty()).then(|| said.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::SideFile;

    #[test]
    fn it_is_told_without_a_secret() {
        let words =
            |text: &str| NetworkView::of(&SideFile::parse(text.as_bytes()).network()).words();
        let told = |text: &str| Some(text.to_owned());
        assert_eq!(words("{}"), None);
        assert_eq!(words(r#"{"proxy": "none"}"#), told("no proxy"));
        assert_eq!(
            words(
                r#"{"proxy": "socks5h://ana:canary@gate.test", "headers": {"X-Team": "canary", "X-B": "c"}}"#
            ),
            told("proxy gate.test:1080, headers x-team x-b")
        );
        assert_eq!(words(r#"{"proxy": "canary"}"#), None);
    }
}
