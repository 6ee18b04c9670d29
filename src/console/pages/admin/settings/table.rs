//! Which settings there are for people: in groups, each with the input that is right for it.

/// How a setting is typed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// On or off.
    Switch,
    /// A whole number.
    Count,
    /// A whole number of bytes.
    Bytes,
    /// A whole number from 0 to 100.
    Percent,
    /// A whole number of days.
    Days,
    /// Seconds with decimals.
    Seconds,
    /// Dollars.
    Dollars,
    /// A factor.
    Factor,
    /// A line of text.
    Line,
    /// An address.
    Address,
    /// Several lines.
    Lines,
    /// Several lines of HTML.
    Html,
    /// A time zone.
    Zone,
    /// A channel.
    Channel,
    /// A model's name.
    Model,
    /// Origins of browsers.
    Origins,
    /// One of a few words.
    Words(&'static [&'static str]),
}

/// Settings that are saved together.
#[derive(Debug)]
pub(super) struct Group {
    /// Stands in addresses.
    pub(super) name: &'static str,
    /// The name of the text for it.
    pub(super) title: &'static str,
    /// Its settings.
    pub(super) settings: &'static [(&'static str, Input)],
}

/// All of them, in the order of the page.
pub(super) const GROUPS: &[Group] = &[
    Group {
        name: "site",
        title: "group-site",
        settings: &[
            ("siteName", Input::Line),
            ("siteUrl", Input::Address),
            ("siteLogoUrl", Input::Address),
            ("timezone", Input::Zone),
            ("maintenanceMode", Input::Switch),
            ("maintenanceMessage", Input::Lines),
        ],
    },
    Group {
        name: "users",
        title: "group-users",
        settings: &[
            ("registrationEnabled", Input::Switch),
            ("defaultQuotaUsd", Input::Dollars),
            ("defaultRateLimitRpm", Input::Count),
            ("defaultRateLimitTpm", Input::Count),
            ("defaultMaxConcurrency", Input::Count),
            ("maxKeysPerUser", Input::Count),
        ],
    },
    Group {
        name: "relaying",
        title: "group-relaying",
        settings: &[
            ("proxyMaxRetries", Input::Count),
            ("proxyRetry429", Input::Switch),
            ("proxyRetry5xx", Input::Switch),
            ("proxyRetryNetwork", Input::Switch),
            ("proxyTreatEmptyOutputAsFailure", Input::Switch),
            ("allowPrivateUpstreams", Input::Switch),
        ],
    },
    Group {
        name: "fallback",
        title: "group-fallback",
        settings: &[
            ("claudeFallbackEnabled", Input::Switch),
            ("claudeFallbackChannelId", Input::Channel),
            ("claudeFallbackModel", Input::Model),
            ("openaiFallbackEnabled", Input::Switch),
            ("openaiFallbackChannelId", Input::Channel),
            ("openaiFallbackModel", Input::Model),
        ],
    },
    Group {
        name: "billing",
        title: "group-billing",
        settings: &[
            ("globalBillingMultiplier", Input::Factor),
            ("claudeBillingMultiplier", Input::Factor),
            ("openaiBillingMultiplier", Input::Factor),
            ("allowUnpricedModels", Input::Switch),
            ("balancePolicy", Input::Words(&["spend_remainder", "strict"])),
            ("holdOutputTokens", Input::Count),
            ("cutWhenExhausted", Input::Switch),
        ],
    },
    Group {
        name: "deadlines",
        title: "group-deadlines",
        settings: &[
            ("connectTimeoutSec", Input::Seconds),
            ("firstByteTimeoutSec", Input::Seconds),
            ("wholeAnswerTimeoutSec", Input::Seconds),
            ("streamIdleTimeoutSec", Input::Seconds),
            ("requestDeadlineSec", Input::Seconds),
            ("concurrencyWaitSec", Input::Seconds),
            ("maxRequestBytes", Input::Bytes),
            ("bodyMemoryBytes", Input::Bytes),
        ],
    },
    Group {
        name: "circuit",
        title: "group-circuit",
        settings: &[
            ("circuitEnabled", Input::Switch),
            ("circuitErrorRatePercent", Input::Percent),
            ("circuitMinRequests", Input::Count),
            ("circuitCooldownSec", Input::Seconds),
            ("circuitCooldownMaxSec", Input::Seconds),
        ],
    },
    Group {
        name: "privacy",
        title: "group-privacy",
        settings: &[("recordAllRequestDetails", Input::Switch), ("logRetentionDays", Input::Days)],
    },
    Group { name: "cors", title: "group-cors", settings: &[("corsOrigins", Input::Origins)] },
    Group {
        name: "announcement",
        title: "group-announcement",
        settings: &[
            ("announcementEnabled", Input::Switch),
            ("announcementMode", Input::Words(&["marquee", "modal"])),
            ("announcementTitle", Input::Line),
            ("announcementHtml", Input::Html),
        ],
    },
];

/// The group of this name.
pub(super) fn group(name: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.name == name)
}

/// How the setting of this key is typed in.
pub(super) fn input(key: &str) -> Option<Input> {
    GROUPS.iter().flat_map(|group| group.settings).find(|(known, _)| *known == key).map(|(_, input)| *input)
}

impl Input {
    /// The kind of control, as the template knows it.
    pub(super) fn control(self) -> &'static str {
        match self {
            Self::Switch => "switch",
            Self::Count | Self::Bytes | Self::Percent | Self::Days => "count",
            Self::Seconds | Self::Dollars | Self::Factor => "decimal",
            Self::Line => "line",
            Self::Address => "address",
            Self::Lines | Self::Html | Self::Origins => "lines",
            Self::Zone => "zone",
            Self::Channel => "channel",
            Self::Model => "model",
            Self::Words(_) => "words",
        }
    }

    /// The name of the text for its unit.
    pub(super) fn unit(self) -> Option<&'static str> {
        match self {
            Self::Bytes => Some("unit-bytes"),
            Self::Percent => Some("unit-percent"),
            Self::Days => Some("unit-days"),
            Self::Seconds => Some("unit-seconds"),
            Self::Dollars => Some("unit-dollars"),
            Self::Factor => Some("unit-factor"),
            _ => None,
        }
    }

    /// The words to choose from.
    pub(super) fn words(self) -> &'static [&'static str] {
        if let Self::Words(words) = self { words } else { &[] }
    }

    /// The name of the text that says what would be right.
    pub(super) fn right(self) -> &'static str {
        match self {
            Self::Switch | Self::Words(_) => "right-choice",
            Self::Count | Self::Bytes => "right-count",
            Self::Percent => "right-percent",
            Self::Days => "right-days",
            Self::Seconds => "right-seconds",
            Self::Dollars => "right-dollars",
            Self::Factor => "right-factor",
            Self::Line | Self::Lines | Self::Html | Self::Model => "right-text",
            Self::Address => "right-address",
            Self::Zone => "right-zone",
            Self::Channel => "right-channel",
            Self::Origins => "right-origins",
        }
    }

    /// What was typed as the service reads it: numbers without the marks people write them with.
    pub(super) fn read(self, typed: &str) -> String {
        match self.control() {
            "count" | "decimal" => typed.trim().trim_start_matches('$').replace([',', ' '], ""),
            "lines" => typed.replace("\r\n", "\n"),
            _ => typed.trim().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use actors::vocabulary::Settings;

    use super::*;

    #[test]
    fn every_setting_stands_in_one_group() {
        let listed: Vec<&str> = GROUPS.iter().flat_map(|group| group.settings).map(|(key, _)| *key).collect();
        let known: BTreeSet<&str> = Settings::ALL.iter().map(|info| info.key).collect();
        assert_eq!(listed.len(), known.len());
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), known);
    }
}
