//! Why a request got no answer, as the word that its row and the counts are kept by (docs/decisions.md lists them).

use actors::settings_cache::NoOffer;
use actors::user_gate::Refusal;
use actors::vocabulary::Cause;

use super::body::BadBody;
use crate::admission::Refused;
use crate::relay::Why;
use crate::routing::NoRoute;
use crate::translation::BadAsk;
use crate::upstream::Failed;

/// The word for a failure.
pub(super) fn of(why: &Why) -> Cause {
    match why {
        Why::Refused(refused) => of_refusal(refused),
        Why::NoRoute(NoRoute::NoneLive { .. }) => Cause::of("no_channel_available"),
        Why::NoRoute(NoRoute::UnknownResponse) => Cause::of("unknown_response"),
        Why::NoRoute(NoRoute::UnknownThread) => Cause::of("unknown_thread"),
        Why::NoRoute(NoRoute::Unanswered) => Cause::of("gateway_busy"),
        Why::Failed(failed) => of_failure(failed),
        Why::Unrecorded => Cause::of("unrecorded"),
        Why::Stopping => Cause::of("gateway_stopping"),
    }
}

fn of_refusal(refused: &Refused) -> Cause {
    match refused {
        Refused::NoKey | Refused::UnknownKey { .. } => Cause::of("unknown_key"),
        Refused::Guessing { .. } => Cause::of("guessing"),
        Refused::Forbidden(why) => forbidden(why),
        Refused::Maintenance(_) => Cause::of("maintenance"),
        Refused::Bad(BadAsk::NotJson(_)) => Cause::of("not_json"),
        Refused::Bad(BadAsk::NotAnObject) => Cause::of("not_an_object"),
        Refused::Bad(BadAsk::TooMuch { field, .. }) => Cause::about("too_much", field),
        Refused::Bad(BadAsk::Field { field, .. }) => Cause::about("bad_field", field),
        Refused::NoOffer { model, why } => Cause::about(no_offer(*why), model),
        Refused::Gate(refusal) => of_gate(refusal),
        Refused::Unrecordable => Cause::of("unrecordable"),
        Refused::Overloaded(_) => Cause::of("overloaded"),
        Refused::StorageIll => Cause::of("storage"),
    }
}

/// `why` is admission's own sentence; one that has no word yet is shown as it stands.
fn forbidden(why: &str) -> Cause {
    match why {
        "this API key is disabled" => Cause::of("key_disabled"),
        "this API key has expired" => Cause::of("key_expired"),
        "the account behind this API key is not active" => Cause::of("owner_not_active"),
        "this API key may not be used from this address" => Cause::of("address_not_allowed"),
        other => Cause::about("key_forbidden", other),
    }
}

fn no_offer(why: NoOffer) -> &'static str {
    match why {
        NoOffer::UnknownModel => Cause::UNKNOWN_MODEL,
        NoOffer::KeyForbidsModel => "model_not_allowed",
        NoOffer::ModelDisabled => "model_disabled",
        NoOffer::OutOfScope => "out_of_scope",
        NoOffer::Unpriced => "unpriced_model",
        NoOffer::NoChannel => Cause::NO_CHANNEL,
    }
}

fn of_gate(refusal: &Refusal) -> Cause {
    match refusal {
        Refusal::NoBalance => Cause::of("no_balance"),
        Refusal::BalanceTooSmall => Cause::of("balance_too_small"),
        Refusal::BudgetUsedUp => Cause::of("budget_used_up"),
        Refusal::DailyQuota { limit } => Cause::about("daily_quota", limit),
        Refusal::DailyHeld { limit } => Cause::about("daily_held", limit),
        Refusal::Rpm { limit, .. } => Cause::about("requests_per_minute", limit),
        Refusal::Tpm { limit, .. } => Cause::about("tokens_per_minute", limit),
        Refusal::NoSlot { limit } => Cause::about("no_slot", limit),
        Refusal::BalanceHeld => Cause::of("balance_held"),
        Refusal::StorageIll => Cause::of("storage"),
    }
}

fn of_failure(failed: &Failed) -> Cause {
    match failed {
        Failed::NoneLive { .. } => Cause::of("no_channel_available"),
        Failed::Saturated => Cause::of("channels_busy"),
        Failed::All { tried, .. } => Cause::about("attempts_failed", tried),
        Failed::NoSuchModel(_) => Cause::of("upstream_lacks_model"),
        Failed::CannotCarry(what) => Cause::about("cannot_carry", &what.field),
        Failed::Deadline => Cause::of("deadline"),
        Failed::Unanswered => Cause::of("gateway_busy"),
        Failed::Overloaded(_) => Cause::of("overloaded"),
    }
}

/// The word for a body that could not be read.
pub(super) fn of_body(bad: &BadBody) -> Cause {
    match bad {
        BadBody::TooLarge { limit } => Cause::about("body_too_large", limit),
        BadBody::UnknownEncoding => Cause::of("unknown_encoding"),
        BadBody::TooSlow => Cause::of("body_too_slow"),
        BadBody::Broken => Cause::of("body_broken"),
        BadBody::Overloaded(_) => Cause::of("overloaded"),
    }
}
