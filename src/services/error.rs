//! Why a service said no: a machine word, and a message in every language we speak.
//!
//! A [`Refusal`] is a constant that carries both languages, so that none can be forgotten; a
//! [`ServiceError`] is one refusal with its parameters. Only the door turns it into an HTTP status.

use std::fmt;

use super::language::Language;
use crate::secrets::{NoRandomness, Unsealable};
use crate::store::StoreError;

/// Whose fault it is, and what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is wrong as it stands (400).
    Invalid,
    /// Nobody is signed in, or the credentials are wrong (401).
    Unauthorised,
    /// Signed in, but not allowed (403).
    Forbidden,
    /// No such thing, or none this caller may see (404).
    NotFound,
    /// The path exists, the method does not (405).
    WrongMethod,
    /// It collides with what is there (409).
    Conflict,
    /// It was there once and is of no use any more (410).
    Gone,
    /// The body is too large (413).
    TooLarge,
    /// The body came too slowly (408).
    TooSlow,
    /// Too often (429).
    TooMany,
    /// Another system we asked did not do its part (502).
    BadGateway,
    /// We are unwell; the caller may try again (503).
    Ill,
}

/// One reason to say no. `{name}` in a message is replaced by the parameter of that name.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whose fault.
    pub kind: Kind,
    /// The machine word.
    pub code: &'static str,
    /// The message in English.
    pub en: &'static str,
    /// The message in Chinese.
    pub zh: &'static str,
}

/// Declares refusals: `NAME = Kind, "code", "English", "中文";`
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $kind:ident, $code:literal, $en:literal, $zh:literal;)+) => {$(
        $(#[$doc])*
        pub(crate) static $name: $crate::services::error::Refusal = $crate::services::error::Refusal {
            kind: $crate::services::error::Kind::$kind,
            code: $code,
            en: $en,
            zh: $zh,
        };
    )+};
}

pub(crate) use refusals;

refusals! {
    /// A field is missing.
    MISSING_FIELD = Invalid, "invalid_request", "{field} is required", "缺少字段 {field}";
    /// A field has the wrong type or format; `detail` says what is wrong.
    BAD_FIELD = Invalid, "invalid_request", "{field} is not valid: {detail}", "字段 {field} 的类型或格式不正确";
    /// A text is too short or too long.
    BAD_LENGTH = Invalid, "invalid_request", "{field} must have {min} to {max} characters", "{field} 的长度必须为 {min} 到 {max} 个字符";
    /// A number is out of range.
    BAD_RANGE = Invalid, "invalid_request", "{field} must be a number from {min} to {max}", "{field} 必须是 {min} 到 {max} 之间的数";
    /// A word is none of a list.
    BAD_CHOICE = Invalid, "invalid_request", "{field} must be one of: {choices}", "{field} 必须是以下之一：{choices}";
    /// The body is not JSON.
    NOT_JSON = Invalid, "invalid_request", "The body is not valid JSON: {detail}", "请求体不是有效的 JSON";
    /// The body is larger than this door takes.
    BODY_TOO_LARGE = TooLarge, "body_too_large", "The body is larger than {max} bytes", "请求体超过 {max} 字节";
    /// The body came too slowly.
    BODY_TOO_SLOW = TooSlow, "timeout", "The body came too slowly", "请求体传输过慢";
    /// Nobody is signed in.
    NOT_SIGNED_IN = Unauthorised, "not_signed_in", "Please sign in", "请先登录";
    /// The role is not enough.
    NOT_ALLOWED = Forbidden, "forbidden", "You are not allowed to do this", "您没有执行此操作的权限";
    /// Another site made the browser send this.
    CROSS_SITE = Forbidden, "cross_site", "This request came from another site", "此请求来自其他网站，已被拒绝";
    /// The page has another address than the one the browser's request arrived at: another site, or a proxy that changes `Host`.
    OTHER_ORIGIN = Forbidden, "cross_site",
        "This request came from a page at {origin} (Origin), but was sent to {host} (Host). If both are this site, let the proxy in front of it pass the browser's Host on (nginx: proxy_set_header Host $http_host;) or set siteUrl to the address that people open",
        "此请求来自 {origin} 的页面（Origin），但发送到了 {host}（Host）。如果两者都是本站，请让前面的反向代理传递浏览器的 Host（nginx：proxy_set_header Host $http_host;），或将 siteUrl 设为用户打开的地址";
    /// Nothing there.
    NOT_FOUND = NotFound, "not_found", "Not found", "未找到";
    /// The path has no such method.
    WRONG_METHOD = WrongMethod, "method_not_allowed", "This method is not allowed here", "此路径不支持该方法";
    /// A name or another unique value is taken.
    TAKEN = Conflict, "conflict", "{field} is already in use", "{field} 已被使用";
    /// Something else still refers to it.
    IN_USE = Conflict, "in_use", "It is still in use", "它仍在使用中";
    /// Too many tries.
    TOO_MANY_TRIES = TooMany, "too_many_requests", "Too many tries; please wait {seconds} seconds", "尝试次数过多，请在 {seconds} 秒后重试";
    /// The database or something as basic does not answer.
    ILL = Ill, "service_unavailable", "The service is unavailable at the moment; please try again", "服务暂时不可用，请稍后重试";
}

/// One refusal with its parameters.
#[derive(Debug)]
pub struct ServiceError {
    /// The reason.
    pub refusal: &'static Refusal,
    /// The field at fault, if one is.
    pub field: Option<String>,
    /// Seconds after which a new try makes sense.
    pub retry_after: Option<u64>,
    /// What happened inside, for the log alone.
    pub cause: Option<String>,
    parameters: Vec<(&'static str, String)>,
}

/// What every service returns.
pub type Served<T> = Result<T, ServiceError>;

impl ServiceError {
    /// The refusal without parameters.
    pub fn new(refusal: &'static Refusal) -> Self {
        Self { refusal, field: None, retry_after: None, cause: None, parameters: Vec::new() }
    }

    /// The refusal of a field: fills `{field}`.
    pub fn field(refusal: &'static Refusal, field: &str) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(refusal) }.with("field", field)
    }

    /// [`TOO_MANY_TRIES`], with its `Retry-After`.
    pub fn too_many(seconds: u64) -> Self {
        Self::new(&TOO_MANY_TRIES).again_after(seconds)
    }

    /// [`ILL`]; `cause` is for the log alone.
    pub fn ill(cause: impl fmt::Display) -> Self {
        Self { cause: Some(cause.to_string()), retry_after: Some(1), ..Self::new(&ILL) }
    }

    /// Says after how many seconds a new try makes sense: fills `{seconds}`.
    #[must_use]
    pub fn again_after(self, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..self }.with("seconds", seconds)
    }

    /// Fills one more parameter of the message.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.parameters.push((name, value.to_string()));
        self
    }

    /// The message for people.
    pub fn message(&self, language: Language) -> String {
        self.filled(language, None)
    }

    /// The message with the field at fault called `label`, as a form calls it.
    pub fn message_about(&self, language: Language, label: &str) -> String {
        self.filled(language, Some(label))
    }

    fn filled(&self, language: Language, label: Option<&str>) -> String {
        let template = match language {
            Language::En => self.refusal.en,
            Language::Zh => self.refusal.zh,
        };
        let template =
            label.filter(|_| language == Language::Zh).map_or_else(|| template.to_owned(), |label| closed_up(template, label));
        self.parameters.iter().fold(template, |text, (name, value)| {
            let value = label.filter(|_| *name == "field").unwrap_or(value);
            text.replace(&format!("{{{name}}}"), value)
        })
    }
}

/// A text without the blanks around its field that only a Latin name wants.
fn closed_up(template: &str, label: &str) -> String {
    let latin = |letter: Option<char>| letter.is_none_or(|letter| letter.is_ascii());
    let (first, last) = (latin(label.chars().next()), latin(label.chars().next_back()));
    let before = if first { template.to_owned() } else { template.replace(" {field}", "{field}") };
    if last { before } else { before.replace("{field} ", "{field}") }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(Language::En))
    }
}

impl std::error::Error for ServiceError {}

/// A store error nobody mapped to something better. Services that expect a duplicate or a missing
/// reference match it before.
impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Duplicate => Self::field(&TAKEN, "name"),
            StoreError::Reference => Self::new(&IN_USE),
            error @ StoreError::LeaseLost => Self::ill(error),
            StoreError::Ill(cause) => Self::ill(cause),
        }
    }
}

impl From<NoRandomness> for ServiceError {
    fn from(error: NoRandomness) -> Self {
        Self::ill(error)
    }
}

impl From<Unsealable> for ServiceError {
    fn from(error: Unsealable) -> Self {
        Self::ill(error)
    }
}
