//! What a model costs, and what a request is estimated to have cost. Text in, values out.
//!
//! Every figure made here is an estimate by list prices: what is really billed depends on tiers and contracts that nobody tells
//! us. What a ChatGPT plan covers is not billed at all. A model without a price costs `None`, never nothing.

use std::fmt;

use serde::Deserialize;

use crate::pattern::fits;

/// What a request used, as far as it is priced. `cached` is a part of `input`, `reasoning` a part of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    pub input: u64,
    pub cached: u64,
    pub output: u64,
    pub reasoning: u64,
}

/// A millionth of a US dollar: small enough for one token, and whole, so that sums do not drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MicroDollars(pub u64);

/// US dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    pub input: f64,
    /// Input that was read from the cache; without it as much as other input.
    pub cached: Option<f64>,
    pub output: f64,
    /// Longer inputs cost more, from the first token on.
    pub long: Option<Long>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Long {
    /// Input tokens.
    pub above: u64,
    /// How many times the price of input, cached or not.
    pub input_times: f64,
    pub output_times: f64,
}

/// Prices by model name or pattern (`gpt-5.4*`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prices {
    /// The day on which the built-in ones were looked up: `2026-11-26`.
    pub date: String,
    entries: Vec<(String, Price)>,
}

/// Why a table of prices cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    #[error("it is no table of prices: {0}")]
    Unreadable(String),
    #[error("the price of {0:?} is not a number of dollars")]
    NoPrice(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    date: String,
    /// Where the figures come from; for people.
    #[serde(default)]
    #[expect(
        dead_code,
        reason = "for people; read so that a misspelt key beside it is told"
    )]
    source: String,
    #[serde(default)]
    models: toml::Table,
}

/// A million dollars for a million tokens is nobody's price.
const MAX_DOLLARS: f64 = 1_000_000.0;

impl Prices {
    /// The table that comes with the program.
    pub fn built_in() -> Self {
        let text = include_str!("../assets/prices.toml");
        // A test reads it, so there is nothing to tell anybody.
        Self::parse(text).unwrap_or_default()
    }

    /// Reads `date = "…"`, `source = "…"` and `[models]` with lines such as
    /// `"gpt-5.5" = { input = 5.0, cached = 0.5, output = 30.0 }`.
    ///
    /// # Errors
    /// When it is not such a table, or a price is no finite number of dollars from nothing up.
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        let unreadable = |err: toml::de::Error| PriceError::Unreadable(err.message().to_owned());
        let file: File = toml::from_str(text).map_err(unreadable)?;
        let mut entries = Vec::new();
        for (model, value) in file.models {
            let price: Price = value.try_into().map_err(unreadable)?;
            let long = price.long.map(|long| [long.input_times, long.output_times]);
            let figures = [price.input, price.output]
                .into_iter()
                .chain(price.cached)
                .chain(long.into_iter().flatten());
            let is_price = |figure: f64| (0.0..=MAX_DOLLARS).contains(&figure);
            if model.is_empty() || !figures.into_iter().all(is_price) {
                return Err(PriceError::NoPrice(model));
            }
            entries.push((model, price));
        }
        Ok(Self {
            date: file.date,
            entries,
        })
    }

    /// These prices, and the user's own in front of them.
    pub fn overridden_by(mut self, own: Self) -> Self {
        for (model, price) in own.entries {
            self.entries.retain(|(known, _)| *known != model);
            self.entries.push((model, price));
        }
        self
    }

    /// A whole name beats a pattern, a longer pattern a shorter one. A dated snapshot (`gpt-5.5-2026-04-23`) costs what its
    /// model costs.
    pub fn of(&self, model: &str) -> Option<&Price> {
        let exact = |name: &str| {
            let same = |(pattern, _): &&(String, Price)| pattern == name;
            self.entries.iter().find(same).map(|(_, price)| price)
        };
        let by_pattern = || {
            self.entries
                .iter()
                .filter(|(pattern, _)| pattern.contains('*') && fits(pattern, model))
                .max_by_key(|(pattern, _)| pattern.len())
                .map(|(_, price)| price)
        };
        exact(model)
            .or_else(|| exact(undated(model)?))
            .or_else(by_pattern)
    }

    /// What a request to this model is estimated to cost by list prices; nothing when the model has no price here.
    pub fn cost(&self, model: &str, tokens: Tokens) -> Option<MicroDollars> {
        let price = self.of(model)?;
        let long = price.long.filter(|long| tokens.input > long.above);
        let (input_times, output_times) =
            long.map_or((1.0, 1.0), |long| (long.input_times, long.output_times));
        let cached = tokens.cached.min(tokens.input);
        let fresh = tokens.input - cached;
        // Dollars per million tokens are microdollars per token.
        let input =
            fresh as f64 * price.input + cached as f64 * price.cached.unwrap_or(price.input);
        let micros = input * input_times + tokens.output as f64 * price.output * output_times;
        // Finite and not negative: prices are checked when they are read. Too large a figure is capped by the conversion.
        Some(MicroDollars(micros.round() as u64))
    }
}

impl MicroDollars {
    /// The largest number of dollars that is exact to the millionth.
    pub const MOST_DOLLARS: f64 = 9_000_000_000.0;

    /// Nothing for less than nothing, and beyond [`Self::MOST_DOLLARS`].
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        let is_exact = (0.0..=Self::MOST_DOLLARS).contains(&dollars);
        is_exact.then(|| Self((dollars * 1_000_000.0).round() as u64))
    }

    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1_000_000.0
    }
}

/// `$12.30` from a dollar on, `$0.0123` below, `<$0.0001` for next to nothing.
impl fmt::Display for MicroDollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("$0"),
            1..100 => f.write_str("<$0.0001"),
            100..1_000_000 => write!(f, "${:.4}", self.dollars()),
            _ => write!(f, "${:.2}", self.dollars()),
        }
    }
}

/// The name without a date at its end: `-2026-04-23`.
fn undated(model: &str) -> Option<&str> {
    let (name, date) = model.split_at_checked(model.len().checked_sub(11)?)?;
    let is_date = date.bytes().enumerate().all(|(place, byte)| match place {
        0 | 5 | 8 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    (is_date && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(text: &str) -> Prices {
        Prices::parse(text).unwrap()
    }

    fn tokens(input: u64, cached: u64, output: u64) -> Tokens {
        Tokens {
            input,
            cached,
            output,
            reasoning: 0,
        }
    }

    #[test]
    fn the_built_in_table_is_whole_and_knows_the_models_that_codex_offers() {
        let text = include_str!("../assets/prices.toml");
        let built_in = prices(text);
        assert_eq!(built_in, Prices::built_in());
        assert_eq!(built_in.date.len(), "2026-11-26".len());
        for model in [
            "gpt-5.6-sol",
            "gpt-5.5",
            "gpt-5.4-mini",
            "gpt-5.4",
            "gpt-5.3-codex",
        ] {
            assert!(built_in.of(model).is_some(), "{model}");
        }
        assert_eq!(built_in.of("llama3:8b"), None);
        assert_eq!(built_in.of("gpt-99"), None);
    }

    #[test]
    fn cached_input_costs_its_own_price_and_reasoning_is_output() {
        let prices = prices("[models]\nm = { input = 2.0, cached = 0.2, output = 10.0 }");
        let used = Tokens {
            reasoning: 4,
            ..tokens(1_000, 600, 5)
        };
        assert_eq!(prices.cost("m", used), Some(MicroDollars(800 + 120 + 50)));
        // What an upstream counts wrongly does not become a negative price.
        assert_eq!(prices.cost("m", tokens(10, 99, 0)), Some(MicroDollars(2)));
    }

    #[test]
    fn a_model_without_a_price_has_no_cost_rather_than_none_to_pay() {
        assert_eq!(prices("").cost("m", tokens(1_000_000, 0, 1)), None);
    }

    #[test]
    fn a_long_input_costs_more_from_its_first_token_on() {
        let prices = prices(
            "[models]\nm = { input = 2.0, output = 10.0, long = { above = 100, input_times = 2.0, output_times = 1.5 } }",
        );
        assert_eq!(
            prices.cost("m", tokens(100, 0, 10)),
            Some(MicroDollars(300))
        );
        assert_eq!(
            prices.cost("m", tokens(101, 0, 10)),
            Some(MicroDollars(554))
        );
    }

    #[test]
    fn a_name_beats_a_pattern_and_a_longer_pattern_a_shorter_one() {
        let line = |name: &str, input: u32| {
            format!("\"{name}\" = {{ input = {input}.0, output = 1.0 }}\n")
        };
        let text = format!(
            "[models]\n{}{}{}",
            line("gpt-*", 1),
            line("gpt-5*", 2),
            line("gpt-5.5", 3)
        );
        let prices = prices(&text);
        let input = |model| prices.of(model).map(|price| price.input);
        assert_eq!(input("gpt-4o"), Some(1.0));
        assert_eq!(input("gpt-5.4"), Some(2.0));
        assert_eq!(input("gpt-5.5"), Some(3.0));
        assert_eq!(input("gpt-5.5-2026-04-23"), Some(3.0));
        assert_eq!(input("gpt-5.5-2026"), Some(2.0));
        assert_eq!(input("my-gpt-5"), None);
    }

    #[test]
    fn the_users_own_prices_stand_in_front() {
        let own = prices(
            "[models]\n\"gpt-5.5\" = { input = 7.0, output = 8.0 }\nmine = { input = 0.0, output = 0.0 }",
        );
        let both = Prices::built_in().overridden_by(own);
        assert_eq!(both.of("gpt-5.5").unwrap().input, 7.0);
        // Free is a price, too.
        assert_eq!(both.cost("mine", tokens(5, 0, 5)), Some(MicroDollars(0)));
        assert!(both.of("gpt-5.4").is_some());
    }

    #[test]
    fn what_is_no_price_is_refused_with_its_name() {
        let refused = |text| Prices::parse(text).unwrap_err().to_string();
        assert!(refused("[models]\nm = { input = -1.0, output = 1.0 }").contains("\"m\""));
        assert!(refused("[models]\nm = { input = nan, output = 1.0 }").contains("\"m\""));
        assert!(refused("[models]\nm = { inptu = 1.0 }").contains("inptu"));
        assert!(refused("not toml =").contains("no table of prices"));
    }

    #[test]
    fn money_is_told_as_exactly_as_it_matters() {
        let told = |micros| MicroDollars(micros).to_string();
        assert_eq!(
            [told(0), told(99), told(12_340), told(2_345_678)],
            ["$0", "<$0.0001", "$0.0123", "$2.35"]
        );
    }
}
