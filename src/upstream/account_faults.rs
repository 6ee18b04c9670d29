//! Faults of the operator's own account at a provider: no credit, arrears, a disabled organization, a key that is not valid any
//! more. Providers tell them under any 4xx, often as `invalid_request_error`; no request can bring them about, and none can
//! be answered by the channel until somebody pays or writes to the provider.
//!
//! A new row needs the words as the provider writes them and where they are documented or were seen. Codes are compared as a
//! whole; sentences are looked for in the message, and count for nothing when the caller's own request has them, too: many
//! providers repeat what they refuse.

use bytes::Bytes;
use serde_json::Value;

/// What is wrong with the account, as admins are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountFault {
    /// Nothing left to spend, or a spending limit reached.
    NoCredit,
    /// Disabled, suspended, restricted.
    Disabled,
    /// The key is not valid, or may not be used from here.
    Key,
}

impl AccountFault {
    /// One word, for the channel's health.
    pub fn word(self) -> &'static str {
        match self {
            Self::NoCredit => "no_credit",
            Self::Disabled => "disabled",
            Self::Key => "key",
        }
    }

    /// One sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NoCredit => "the provider says that the account has no credit left",
            Self::Disabled => "the provider says that the account is disabled",
            Self::Key => "the provider says that the key cannot be used",
        }
    }
}

use AccountFault::{Disabled, Key, NoCredit};

/// `error.type`, `error.code`, `error.status` and their like, in small letters.
const CODES: [(&str, AccountFault); 38] = [
    // Anthropic, "Errors"
    ("billing_error", NoCredit),
    // OpenAI, "Error codes"; Azure; OpenRouter; relays that speak like it
    ("insufficient_quota", NoCredit),
    ("billing_not_active", NoCredit),
    ("billing_hard_limit_reached", NoCredit),
    ("account_deactivated", Disabled),
    ("account_suspended", Disabled),
    ("access_terminated", Disabled),
    ("organization_disabled", Disabled),
    // Groq, "API Error Codes and Responses"
    ("organization_restricted", Disabled),
    ("blocked_api_access", NoCredit),
    // Moonshot, "Error codes"
    ("exceeded_current_quota_error", NoCredit),
    ("access_terminated_error", Disabled),
    // Zhipu, "Error codes": inactive, gone, locked, in arrears, locked for its behaviour, plan ran out
    ("1110", Disabled),
    ("1111", Disabled),
    ("1112", Disabled),
    ("1113", NoCredit),
    ("1121", Disabled),
    ("1309", NoCredit),
    // Alibaba Cloud Model Studio, "Error codes"
    ("arrearage", NoCredit),
    ("prepaidbilloverdue", NoCredit),
    ("postpaidbilloverdue", NoCredit),
    ("commoditynotpurchased", NoCredit),
    ("allocationquota.freetieronly", NoCredit),
    // SiliconFlow, "Error codes"
    ("30001", NoCredit),
    ("30011", NoCredit),
    // Volcengine Ark, "Error codes"
    ("accountoverdueerror", NoCredit),
    ("accountoverdue", NoCredit),
    ("operationdenied.serviceoverdue", NoCredit),
    // Tencent Hunyuan, "Error codes"
    ("failedoperation.resourcepackexhausted", NoCredit),
    ("failedoperation.servicestoparrears", NoCredit),
    ("resourceinsufficient.chargeresourceexhaust", NoCredit),
    // Together, "Error codes"
    ("credit_limit", NoCredit),
    ("credit_limit_exceeded", NoCredit),
    // MiniMax, "Error codes"
    ("1008", NoCredit),
    // Google, `google.rpc.ErrorInfo`
    ("api_key_invalid", Key),
    // one-api, new-api and their forks
    ("insufficient_user_quota", NoCredit),
    ("pre_consume_token_quota_failed", NoCredit),
    ("token_quota_exhausted", NoCredit),
];

/// Parts of messages, in small letters.
const SENTENCES: [(&str, AccountFault); 34] = [
    // Anthropic
    ("credit balance is too low", NoCredit),
    ("organization has been disabled", Disabled),
    ("account has been disabled", Disabled),
    ("you have reached your specified api usage limits", NoCredit),
    ("you have reached your specified workspace api usage limits", NoCredit),
    // OpenAI, Azure
    ("you exceeded your current quota, please check your plan and billing", NoCredit),
    ("your account is not active, please check your billing", NoCredit),
    ("billing hard limit has been reached", NoCredit),
    ("associated with a deactivated account", Disabled),
    ("organization has been deactivated", Disabled),
    // DeepSeek, OpenRouter, relays
    ("insufficient balance", NoCredit),
    ("insufficient account balance", NoCredit),
    ("insufficient credits", NoCredit),
    ("insufficient quota", NoCredit),
    ("credit limit exceeded", NoCredit),
    // Moonshot
    ("is suspended, please check your plan and billing", NoCredit),
    ("is suspended due to insufficient balance", NoCredit),
    // Zhipu, SiliconFlow, relays in Chinese
    ("余额不足", NoCredit),
    ("账户余额", NoCredit),
    ("账户已欠费", NoCredit),
    ("已欠费", NoCredit),
    ("额度不足", NoCredit),
    ("账户已被锁定", Disabled),
    ("账号已被禁用", Disabled),
    ("account balance is insufficient", NoCredit),
    // Alibaba Cloud
    ("please make sure your account is in good standing", NoCredit),
    // Volcengine
    ("your account has an overdue balance", NoCredit),
    // xAI
    ("has either used all available credits or reached its monthly spending limit", NoCredit),
    ("doesn't have any credits or licenses yet", NoCredit),
    // Mistral
    ("inactive subscription or usage limit reached", NoCredit),
    // Fireworks
    ("is suspended, possibly due to reaching the monthly spending limit", NoCredit),
    // Google
    ("api key not valid", Key),
    ("api key expired", Key),
    ("user location is not supported for the api use", Key),
];

/// What an error's body says of the account; `request` is the caller's own body.
pub(super) fn account_fault(body: &[u8], request: &Bytes) -> Option<AccountFault> {
    let error: Value = serde_json::from_slice(body).ok()?;
    let words = texts(&error, &["type", "code", "status", "status_code", "reason"]);
    let by_code = words.iter().find_map(|word| CODES.iter().find(|(code, _)| code == word));
    if let Some((_, fault)) = by_code {
        return Some(*fault);
    }
    let messages = texts(&error, &["message", "msg", "detail", "error", "error_msg", "status_msg"]);
    let said = |sentence: &str| messages.iter().any(|message| message.contains(sentence));
    let (sentence, fault) = SENTENCES.iter().find(|(sentence, _)| said(sentence))?;
    let request: Value = serde_json::from_slice(request).unwrap_or_default();
    (!holds(&request, sentence)).then_some(*fault)
}

/// The texts of these fields, in the places where makers put an error, in small letters.
fn texts(error: &Value, names: &[&str]) -> Vec<String> {
    let places = ["", "/error", "/errors/0", "/error/details/0", "/base_resp", "/response/error"];
    let objects = places.iter().filter_map(|place| error.pointer(place));
    let fields = objects.flat_map(|object| names.iter().filter_map(|name| object.get(*name)));
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.trim().to_lowercase()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    fields.filter_map(text).collect()
}

/// Whether a text of the request has the sentence: then the provider may only have repeated it.
fn holds(request: &Value, sentence: &str) -> bool {
    match request {
        Value::String(text) => text.to_lowercase().contains(sentence),
        Value::Array(items) => items.iter().any(|item| holds(item, sentence)),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| name.to_lowercase().contains(sentence) || holds(value, sentence))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(body: &str) -> Option<AccountFault> {
        account_fault(body.as_bytes(), &Bytes::from_static(br#"{"messages":[{"content":"hi"}]}"#))
    }

    #[test]
    fn the_makers_words_are_known() {
        let told = [
            (
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."}}"#,
                NoCredit,
            ),
            (
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"This organization has been disabled."}}"#,
                Disabled,
            ),
            (
                r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","code":"insufficient_quota"}}"#,
                NoCredit,
            ),
            (
                r#"{"error":{"message":"Access denied, please make sure your account is in good standing.","type":"Arrearage","code":"Arrearage"}}"#,
                NoCredit,
            ),
            (r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","code":"invalid_request_error"}}"#, NoCredit),
            (r#"{"error":{"code":"1113","message":"余额不足或无可用资源包,请充值。"}}"#, NoCredit),
            (r#"{"code":30001,"message":"Sorry, your account balance is insufficient","data":null}"#, NoCredit),
            (
                r#"{"error":{"message":"Your account org-1 is suspended, please check your plan and billing details","type":"exceeded_current_quota_error"}}"#,
                NoCredit,
            ),
            (
                r#"{"code":"The caller does not have permission","error":"Your newly created team doesn't have any credits or licenses yet."}"#,
                NoCredit,
            ),
            (
                r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#,
                Key,
            ),
            (
                r#"{"error":{"message":"Organization has been restricted.","type":"invalid_request_error","code":"organization_restricted"}}"#,
                Disabled,
            ),
        ];
        for (body, fault) in told {
            assert_eq!(judged(body), Some(fault), "{body}");
        }
        for body in [r#"{"error":{"message":"max_tokens is too large","code":"invalid_request_error"}}"#, "no", "{}", "[]"] {
            assert_eq!(judged(body), None, "{body}");
        }
    }

    #[test]
    fn what_the_caller_wrote_proves_nothing() {
        let body = br#"{"error":{"message":"Invalid value: 'your credit balance is too low'","type":"invalid_request_error"}}"#;
        let request = Bytes::from_static(br#"{"messages":[{"role":"Your cr\u0065dit balance is too low"}]}"#);
        assert_eq!(account_fault(body, &request), None);
    }
}
