//! How much a model is to think, in the words of Responses.

/// The least that every model of the Codex list has. `none` and `minimal` are 400s from some of them, so "do not think" becomes
/// this, too.
pub(crate) const LEAST: &str = "low";
/// The most that every model of the Codex list has.
pub(crate) const MOST: &str = "xhigh";

/// The effort for a budget in tokens, by the steps of `router-for-me/CLIProxyAPI: internal/thinking/convert.go`. Anthropic's own
/// least budget is 1,024.
pub(crate) fn effort_of_budget(tokens: u64) -> &'static str {
    match tokens {
        0..=1_024 => LEAST,
        1_025..=8_192 => "medium",
        8_193..=24_576 => "high",
        _ => MOST,
    }
}
