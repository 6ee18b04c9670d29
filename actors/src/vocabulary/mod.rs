//! The nouns spoken in messages: ids, money, usage, models, channels, limits, settings, receipts.
//!
//! Everything here is a plain value: no actor, no I/O, no clock.

pub mod address;
pub mod caller;
pub mod cause;
pub mod channel;
pub mod ids;
pub mod limits;
pub mod model;
pub mod money;
pub mod narrowing;
pub mod receipt;
pub mod settings;
pub mod trace;
pub mod usage;

pub use caller::{ChannelScope, KeyRecord, KeyStatus, Owner, Role, UserStatus};
pub use cause::Cause;
pub use channel::{Channel, Deadlines, OpenAiProtocol};
pub use ids::{ChannelId, IdMaker, InstanceId, KeyDigest, KeyId, ReceiptId, UserId};
pub use limits::Limits;
pub use model::{Family, Protocol};
pub use money::{Multiplier, Nanos, Price, PriceList, Tariff};
pub use narrowing::Narrowing;
pub use receipt::{Attempt, Counted, Ending, Receipt, Timings};
pub use settings::Settings;
pub use trace::{SpanId, Trace, TraceId, TraceParent};
pub use usage::Usage;
