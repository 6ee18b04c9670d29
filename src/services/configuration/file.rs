//! A configuration file between its preview and its import: the browser keeps it, sealed, since it may hold keys.

use secrecy::{ExposeSecret, SecretString};

use super::ConfigDocument;
use crate::secrets::Place;
use crate::services::error::{BODY_TOO_LARGE, refusals};
use crate::services::values::{check, storable};
use crate::services::{Actor, Served, ServiceError, Services};

/// Where sealed files belong.
const COLUMN: &str = "configuration.file";
/// The largest file that is taken, in bytes.
const MOST: usize = 5 << 20;

refusals! {
    /// The file is no configuration.
    BAD_FILE = Invalid, "invalid_request", "Line {line}, column {column}: {detail}", "第 {line} 行第 {column} 列：{detail}";
}

impl ConfigDocument {
    /// Reads a file.
    ///
    /// # Errors
    /// `body_too_large`; `invalid_request` of the field `configFile`, which says where it stops making sense.
    pub fn read(text: &str) -> Served<Self> {
        if text.len() > MOST {
            return Err(ServiceError::new(&BODY_TOO_LARGE).with("max", MOST));
        }
        storable::json(text.trim_start_matches('\u{feff}').as_bytes())?;
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
            let detail = error.to_string();
            let detail = detail.rsplit_once(" at line ").map_or(detail.as_str(), |(detail, _)| detail);
            let bad = ServiceError::field(&BAD_FILE, "configFile");
            bad.with("line", error.line()).with("column", error.column()).with("detail", detail)
        })
    }
}

/// Seals a file, for this admin alone.
///
/// # Errors
/// When the system has no randomness.
pub fn sealed(services: &Services, actor: &Actor, text: &str) -> Served<String> {
    Ok(services.sealer.seal(Place { column: COLUMN, row: &actor.id.to_string() }, text)?)
}

/// Opens what [`sealed`] gave.
///
/// # Errors
/// `invalid_request` when it is nothing of that kind, or somebody else's.
pub fn opened(services: &Services, actor: &Actor, sealed: &str) -> Served<ConfigDocument> {
    let place = Place { column: COLUMN, row: &actor.id.to_string() };
    let text: SecretString =
        services.sealer.open(place, sealed).map_err(|_| check::bad("configFile", "choose the file again"))?;
    ConfigDocument::read(text.expose_secret())
}
