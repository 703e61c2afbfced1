//! The words by which upstreams name a refusal, sorted by whose affair it is.
//!
//! Collected from `openai/codex: codex-rs/core/src/api_bridge.rs` and `codex-api/src/sse/responses.rs`, and from what other
//! routers act on (`router-for-me/CLIProxyAPI: internal/clienterror`). The set is open: a word that nobody knows is judged by its
//! status.

use crate::translate::images::NO_IMAGE;
use crate::translate::responses::ANSWER_TOO_LARGE;

pub(super) fn is_usage_limit(word: &str) -> bool {
    matches!(
        word,
        "usage_limit_reached"
            | "insufficient_quota"
            | "quota_exceeded"
            | "payment_required"
            | "workspace_owner_credits_depleted"
            | "workspace_member_credits_depleted"
            | "workspace_owner_usage_limit_reached"
            | "workspace_member_usage_limit_reached"
    )
}

pub(super) fn is_account_fault(word: &str) -> bool {
    matches!(
        word,
        "account_deactivated"
            | "account_banned"
            | "account_suspended"
            | "deactivated_workspace"
            | "identity_verification_required"
            // Its plan has none at all, whatever a poll shows.
            | "usage_not_included"
    )
}

pub(super) fn is_token_fault(word: &str) -> bool {
    matches!(
        word,
        "token_expired" | "token_invalidated" | "token_revoked" | "invalid_api_key"
    )
}

pub(super) fn is_model_fault(word: &str) -> bool {
    matches!(
        word,
        "model_not_found" | "model_not_available" | "model_not_supported" | "DeploymentNotFound"
    )
}

pub(super) fn is_overload(word: &str) -> bool {
    matches!(word, "server_is_overloaded" | "slow_down")
}

/// Words for a request that no account could serve.
pub(super) fn is_request_fault(word: &str) -> bool {
    matches!(
        word,
        "content_policy_violation"
            | "context_length_exceeded"
            | "cyber_policy"
            | "invalid_encrypted_content"
            | "invalid_prompt"
            | "invalid_request_error"
            | "invalid_value"
            | "missing_tool_output"
            | "moderation_blocked"
            | "no_tool_output"
            | "previous_response_not_found"
            | "string_above_max_length"
            | "unsupported_value"
    ) || is_picture_fault(word)
}

/// A picture of the request that nobody can read (openai-python 3.3.1: `types/responses/response_error.py`).
fn is_picture_fault(word: &str) -> bool {
    matches!(
        word,
        "empty_image_file"
            | "failed_to_download_image"
            | "image_content_policy_violation"
            | "image_file_not_found"
            | "image_file_too_large"
            | "image_parse_error"
            | "image_too_large"
            | "image_too_small"
            | "invalid_base64_image"
            | "invalid_image"
            | "invalid_image_format"
            | "invalid_image_mode"
            | "invalid_image_url"
            | "unsupported_image_media_type"
    )
}

/// The code of an event that is more than we read.
pub(super) const EVENT_TOO_LARGE: &str = "upstream_event_too_large";

/// Our own words for an answer that the upstream gave to its end: it has done its part, and would do the same again.
pub(super) fn is_answered(word: &str) -> bool {
    matches!(word, NO_IMAGE | ANSWER_TOO_LARGE)
}

/// Whether the same request would only be paid once more to end in the same way.
pub(super) fn is_lasting(word: &str) -> bool {
    is_answered(word) || word == EVENT_TOO_LARGE
}

/// What servers without codes say with a 404: "The model `x` does not exist." (vLLM), "model \"x\" not found" (Ollama).
pub(super) fn says_model_missing(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("model")
        && (message.contains("not found") || message.contains("does not exist"))
}

/// `{"detail":"The 'x' model is not supported when using Codex with a ChatGPT account."}` has no code.
pub(super) fn says_model_not_supported(message: &str) -> bool {
    message.contains("model is not supported when using Codex")
}
