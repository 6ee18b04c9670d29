//! The snapshot of settings, channels, models, mappings and prices; beside it keys and their owners.

mod offers;
mod snapshot;

pub use offers::{NoOffer, Offer};
pub use snapshot::{Catalogue, CatalogueModel, Mapping, PriceRow, PriceScope, Snapshot};
