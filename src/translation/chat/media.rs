//! Images and files: `data:` URLs, addresses and file ids.

use serde_json::{Map, Value, json};

use super::wire;
use crate::translation::hub::{CannotCarry, Document, Image, Source, data_url, usual_name};

/// What raw base64 without a `data:` prefix is taken for: the only kind of file OpenAI's API began with.
const PDF: &str = "application/pdf";

/// Reads an `image_url` part that stands at `path`.
pub(super) fn read_image(path: &str, image: wire::ImageUrl) -> Result<Image, CannotCarry> {
    let source = match image.url.strip_prefix("data:") {
        Some(rest) => read_data_url(&format!("{path}.image_url.url"), rest)?,
        None => Source::Url(image.url),
    };
    Ok(Image { source, detail: image.detail })
}

/// Reads a `file` part that stands at `path`.
pub(super) fn read_file(path: &str, file: wire::File) -> Result<Document, CannotCarry> {
    let source = match (file.file_data, file.file_id) {
        (Some(data), _) => match data.strip_prefix("data:") {
            Some(rest) => read_data_url(&format!("{path}.file.file_data"), rest)?,
            None if data.starts_with("https://") || data.starts_with("http://") => Source::Url(data),
            None => Source::Base64 { media_type: PDF.to_owned(), data },
        },
        (None, Some(id)) => Source::FileId(id),
        (None, None) => return Err(CannotCarry::new(format!("{path}.file"), "Either file_data or file_id is required")),
    };
    Ok(Document { source, name: file.filename })
}

/// Reads what follows `data:`.
fn read_data_url(path: &str, rest: &str) -> Result<Source, CannotCarry> {
    let Some((head, data)) = rest.split_once(',') else {
        return Err(CannotCarry::new(path, "A data: URL without data"));
    };
    let mut head = head.split(';');
    let media_type = head.next().unwrap_or_default();
    if media_type.is_empty() || !head.any(|word| word.trim() == "base64") {
        return Err(CannotCarry::new(path, "A data: URL must name its media type and be base64"));
    }
    Ok(Source::Base64 { media_type: media_type.to_owned(), data: data.to_owned() })
}

/// The `image_url` part; `field` is named where the image has no place in it.
pub(super) fn write_image(field: &str, image: Image) -> Result<Value, CannotCarry> {
    let url = match image.source {
        Source::Base64 { media_type, data } => data_url(&media_type, &data),
        Source::Url(url) => url,
        Source::FileId(_) => {
            return Err(CannotCarry::new(field, "An image by its file id cannot be sent to a Chat Completions upstream"));
        }
    };
    let mut inner = Map::from_iter([("url".to_owned(), Value::String(url))]);
    if let Some(detail) = image.detail {
        inner.insert("detail".to_owned(), Value::String(detail));
    }
    Ok(json!({"type": "image_url", "image_url": inner}))
}

/// The `file` part; `field` is named where the document has no place in it.
pub(super) fn write_file(field: &str, document: Document) -> Result<Value, CannotCarry> {
    match document.source {
        Source::Base64 { media_type, data } => {
            let name = document.name.as_deref().unwrap_or(usual_name(&media_type));
            Ok(json!({"type": "file", "file": {"filename": name, "file_data": data_url(&media_type, &data)}}))
        }
        Source::FileId(id) => Ok(json!({"type": "file", "file": {"file_id": id}})),
        Source::Url(_) => {
            Err(CannotCarry::new(field, "A document by its URL cannot be sent to a Chat Completions upstream; send its data"))
        }
    }
}
