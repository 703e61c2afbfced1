//! Which model stands in for a name that no upstream of ours knows, such as `claude-sonnet-5`.

use std::fmt;

use crate::pattern::fits;

/// The user's pairs, and under them the ones that are built in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelMap {
    pairs: Vec<Pair>,
}

/// A name, with `*` for any letters, and the model for it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    name: String,
    model: String,
}

/// What clients of Anthropic ask for when nobody has told them otherwise. The small family goes to the small model.
const BUILT_IN: [(&str, &str); 2] = [("claude-*haiku*", "gpt-5.4-mini"), ("claude-*", "gpt-5.5")];

impl ModelMap {
    /// Reads `{ "claude-*" = "gpt-5.5" }` as TOML writes a table, or `claude-*=gpt-5.5, other=gpt-5.4`.
    ///
    /// # Errors
    /// A sentence that shows the form.
    pub fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "write it as { \"claude-*\" = \"gpt-5.5\" } or claude-*=gpt-5.5";
        let pairs: Vec<(String, String)> = if text.starts_with('{') {
            let table: toml::Table = format!("map = {text}").parse().map_err(|_not_toml| FORM)?;
            let map = table
                .get("map")
                .and_then(toml::Value::as_table)
                .ok_or(FORM)?;
            let pairs = map.iter().map(|(name, model)| {
                let model = model.as_str().ok_or(FORM)?;
                Ok((name.clone(), model.to_owned()))
            });
            pairs.collect::<Result<_, &str>>()?
        } else {
            let pairs = text
                .split(',')
                .map(str::trim)
                .filter(|pair| !pair.is_empty());
            let pairs = pairs.map(|pair| {
                let (name, model) = pair.split_once('=').ok_or(FORM)?;
                Ok((name.trim().to_owned(), model.trim().to_owned()))
            });
            pairs.collect::<Result<_, &str>>()?
        };
        if pairs
            .iter()
            .any(|(name, model)| name.is_empty() || model.is_empty())
        {
            return Err(FORM.to_owned());
        }
        let pairs = pairs.into_iter().map(|(name, model)| Pair { name, model });
        Ok(Self {
            pairs: pairs.collect(),
        })
    }

    /// The model to ask for. A name that nothing fits stays as it is.
    ///
    /// A whole name beats a pattern, and of two patterns the one that says more wins, wherever they stand. What is built in
    /// counts only where nothing of the user's fits.
    pub fn model_for<'a>(&'a self, name: &'a str) -> &'a str {
        best(self.own(), name)
            .or_else(|| best(BUILT_IN.into_iter(), name))
            .unwrap_or(name)
    }

    /// The same by the user's pairs alone, for clients that ask for models of upstreams by their own names: there `claude-opus` may
    /// well be a model that an upstream has.
    pub fn own_model_for<'a>(&'a self, name: &'a str) -> &'a str {
        best(self.own(), name).unwrap_or(name)
    }

    /// The whole names of the user, which a list of models can show, each with its model.
    pub fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.own().filter(|(name, _)| !name.contains('*'))
    }

    fn own(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.pairs.iter();
        pairs.map(|pair| (pair.name.as_str(), pair.model.as_str()))
    }
}

impl fmt::Display for ModelMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Pair { name, model }) in self.pairs.iter().enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            write!(f, "{comma}{name}={model}")?;
        }
        Ok(())
    }
}

fn best<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>, name: &str) -> Option<&'a str> {
    let fitting = pairs.filter(|(pattern, _)| fits(pattern, name));
    let says = |pattern: &str| (!pattern.contains('*'), pattern.len());
    fitting
        .max_by_key(|(pattern, _)| says(pattern))
        .map(|(_, model)| model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claude_names_have_a_model_without_being_told() {
        let map = ModelMap::default();
        for (name, model) in [
            ("claude-sonnet-4-5-20250929", "gpt-5.5"),
            ("claude-opus-5", "gpt-5.5"),
            ("claude-haiku-4-5", "gpt-5.4-mini"),
            ("claude-3-5-haiku-latest", "gpt-5.4-mini"),
            ("gpt-5.4", "gpt-5.4"),
            ("my-claude-x", "my-claude-x"),
        ] {
            assert_eq!(map.model_for(name), model, "{name}");
        }
    }

    #[test]
    fn whole_names_beat_patterns_and_the_users_word_beats_what_is_built_in() {
        let text = "claude-*=gpt-a, claude-opus-*=gpt-b, claude-opus-5 = gpt-c";
        let map = ModelMap::parse(text).unwrap();
        for (name, model) in [
            ("claude-opus-5", "gpt-c"),
            ("claude-opus-4", "gpt-b"),
            ("claude-haiku-4-5", "gpt-a"),
            ("gpt-5.5", "gpt-5.5"),
        ] {
            assert_eq!(map.model_for(name), model, "{name}");
        }
        assert_eq!(
            map.names().collect::<Vec<_>>(),
            [("claude-opus-5", "gpt-c")]
        );
        assert_eq!(map.own_model_for("claude-opus-4"), "gpt-b");
        assert_eq!(
            ModelMap::default().own_model_for("claude-opus-4"),
            "claude-opus-4"
        );
        assert_eq!(ModelMap::parse(&map.to_string()), Ok(map));
    }

    #[test]
    fn what_is_no_map_says_how_one_is_written() {
        for text in ["claude", "a=", "=b", "{ a = 1 }", "{ a"] {
            assert!(
                ModelMap::parse(text).unwrap_err().contains("claude-*"),
                "{text}"
            );
        }
        assert_eq!(ModelMap::parse(""), Ok(ModelMap::default()));
    }
}
