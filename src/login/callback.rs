//! What the browser brings back: a code, or the reason why there is none.

use url::form_urlencoded;

use crate::profile::Secret;

/// The query of the address that the browser ended on.
#[derive(Debug, Default)]
pub(super) struct Callback {
    pub(super) state: Option<Secret>,
    code: Option<Secret>,
    error: Option<String>,
    error_description: Option<String>,
}

/// What it comes to, once its state was found to be ours.
#[derive(Debug)]
pub(super) enum Brought {
    Code(Secret),
    /// The issuer's code for it, and its own words, which nobody has checked.
    Refusal {
        error: String,
        description: String,
    },
    /// Neither a code nor an error.
    Nothing,
}

impl Callback {
    /// Reads `code=…&state=…` or `error=…&error_description=…&state=…` (RFC 6749 section 4.1.2). Of a name that stands there twice
    /// the first counts.
    pub(super) fn parse(query: &str) -> Self {
        let mut callback = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = || value.clone().into_owned();
            match &*key {
                "state" => _ = callback.state.get_or_insert_with(|| Secret::new(value())),
                "code" => _ = callback.code.get_or_insert_with(|| Secret::new(value())),
                "error" => _ = callback.error.get_or_insert_with(value),
                "error_description" => {
                    _ = callback.error_description.get_or_insert_with(value);
                }
                _ => {}
            }
        }
        callback
    }

    pub(super) fn of_code(code: &str, state: &str) -> Self {
        Self {
            state: Some(Secret::new(state)),
            code: Some(Secret::new(code)),
            ..Self::default()
        }
    }

    /// Whether it is anything that an issuer sends.
    pub(super) fn is_whole(&self) -> bool {
        self.state.is_some() && (self.code.is_some() || self.error.is_some())
    }

    pub(super) fn brought(self) -> Brought {
        match (self.error, self.code) {
            (Some(error), _) => Brought::Refusal {
                error,
                description: self.error_description.unwrap_or_default(),
            },
            (None, Some(code)) if !code.expose().is_empty() => Brought::Code(code),
            (None, _) => Brought::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_brings_a_code_or_a_refusal() {
        let callback = Callback::parse("code=a%2Bb&state=s&code=second");
        assert!(callback.is_whole());
        assert!(matches!(callback.brought(), Brought::Code(code) if code.expose() == "a+b"));

        let refused = Callback::parse("error=access_denied&error_description=no+seat&state=s");
        assert!(refused.is_whole());
        assert!(matches!(
            refused.brought(),
            Brought::Refusal { error, description } if error == "access_denied" && description == "no seat"
        ));
        for nothing in ["", "state=s", "code=&state=s"] {
            assert!(matches!(
                Callback::parse(nothing).brought(),
                Brought::Nothing
            ));
        }
        assert!(!Callback::parse("code=a").is_whole());
    }

    #[test]
    fn neither_code_nor_state_is_printed() {
        let shown = format!("{:?}", Callback::parse("code=canary&state=canary"));
        assert!(!shown.contains("canary"), "{shown}");
    }
}
