//! The settings anybody may see.

use actors::vocabulary::Settings;
use actors::vocabulary::settings::AnnouncementMode;
use schemars::JsonSchema;
use serde::Serialize;

use super::checks::harmless;
use crate::services::Services;

/// What pages need before anybody has signed in.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Site {
    /// The site's name.
    pub site_name: String,
    /// The address users reach it by.
    pub site_url: Option<String>,
    /// Its logo.
    pub site_logo_url: Option<String>,
    /// The time zone its days start in.
    pub timezone: String,
    /// Whether strangers may register.
    pub registration_enabled: bool,
    /// Whether relaying is switched off for now.
    pub maintenance_mode: bool,
    /// What is said about it.
    pub maintenance_message: Option<String>,
    /// What everybody should know; null when switched off.
    pub announcement: Option<Announcement>,
}

/// A word to everybody.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Announcement {
    /// `marquee` or `modal`.
    pub mode: &'static str,
    /// Its title.
    pub title: Option<String>,
    /// Its text, sanitised.
    pub html: Option<String>,
}

/// What anybody may know about this site.
pub fn site(services: &Services) -> Site {
    let settings = services.settings.settings();
    Site {
        announcement: announcement(&settings),
        site_name: settings.site_name,
        site_url: settings.site_url,
        site_logo_url: settings.site_logo_url,
        timezone: settings.timezone,
        registration_enabled: settings.registration_enabled,
        maintenance_message: settings.maintenance_message.filter(|_| settings.maintenance_mode),
        maintenance_mode: settings.maintenance_mode,
    }
}

/// What these settings announce; nothing where that is switched off, or where there is nothing to say.
pub fn announcement(settings: &Settings) -> Option<Announcement> {
    settings.announcement_enabled.then(|| Announcement {
        mode: match settings.announcement_mode {
            AnnouncementMode::Marquee => "marquee",
            AnnouncementMode::Modal => "modal",
        },
        title: settings.announcement_title.clone(),
        html: settings.announcement_html.as_deref().map(harmless),
    })
}
