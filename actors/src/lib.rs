//! The cellar of api-proxy: vocabulary, state machines, actors, supervision and ports.
//!
//! Nothing in here can see HTTP, SQL, Redis or JSON, because cargo won't let it.
//!
//! | mailbox | capacity | asked (reply) | told (no reply; bounded by requests under way) |
//! |---|---|---|---|
//! | `UserGate` | 1,024 each | `Admit`, `Extend`, `Withdraw`, `Refresh` | `Wake`, also when another instance gave something back |
//! | `ChannelHealth` | 8,192 | `Choose`, `Begin`, `Close`, `Observe` | `Freed`, `ApplyNews`; reports lie in its letterbox |
//! | `SettingsCache` | 4,096 | `Reload`, `LoadKey` | `Look`, when another instance tells of a change |
//! | `LogBroadcaster` | 4,096 | `Subscribe`, `Dismiss` | `Publish`, only while somebody reads |
//! | `UsageLedger` | 16,384 | `Drain` | `Post` (its acknowledgement is the answer), `PostLater` |

pub mod channel_health;
pub mod log_broadcaster;
pub mod ports;
pub mod settings_cache;
pub mod supervision;
pub mod system;
pub mod usage_ledger;
pub mod user_gate;
pub mod vocabulary;
