//! Somebody without scripts: pages and forms over plain HTTP.

use std::collections::BTreeMap;
use std::sync::Mutex;

use reqwest::{Method, Response};
use serde_json::Value;
use url::form_urlencoded;

use crate::page::{Form, Page};
use crate::world::Login;

/// Parts the fields of a form that sends a file.
const BOUNDARY: &str = "a-line-that-no-field-has";
/// Most redirects that are followed.
const MOST_HOPS: usize = 5;

/// A file that a form sends.
pub struct File<'a> {
    pub field: &'a str,
    pub name: &'a str,
    pub content: &'a str,
}

/// Somebody at the door with a browser that keeps cookies and knows nothing else.
pub struct Visitor {
    pub site: String,
    http: reqwest::Client,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Visitor {
    /// Somebody whom nobody knows.
    pub fn stranger(site: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { site: site.to_owned(), http, cookies: Mutex::default() }
    }

    /// Signs in through the form.
    pub async fn signed_in(site: &str, login: &Login) -> Self {
        let visitor = Self::stranger(site);
        let door = visitor.get("/sign-in").await;
        let inside = visitor.submit(&door, "form.panel", &[("account", &login.account), ("password", &login.password)]).await;
        assert_eq!((inside.status, inside.location.as_deref()), (303, Some("/console")), "{}", inside.body);
        visitor
    }

    /// Reads everything in this language (`en`, `zh`) from now on.
    pub fn speaks(&self, language: &str) {
        self.keep("language", language);
    }

    /// Opens a page; a redirect is answered as it came.
    pub async fn get(&self, path: &str) -> Page {
        let request = self.request(Method::GET, path);
        self.page(path, request.send().await.unwrap()).await
    }

    /// Opens a page and goes where it sends.
    pub async fn follow(&self, path: &str) -> Page {
        let mut page = self.get(path).await;
        for _ in 0..MOST_HOPS {
            let Some(next) = page.location.clone() else { return page };
            page = self.get(&next).await;
        }
        panic!("{path} sends in circles, at last to {}", page.path)
    }

    /// Sends fields to an address, whatever its form would have sent.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded");
        self.page(path, request.body(body).send().await.unwrap()).await
    }

    /// Sends fields and a file, as a form with a file does.
    pub async fn post_file(&self, path: &str, fields: &[(&str, &str)], file: &File<'_>) -> Page {
        let mut body = String::new();
        for (name, value) in fields {
            body += &format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        let File { field, name, content } = file;
        body += &format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n");
        body += &format!("content-type: application/octet-stream\r\n\r\n{content}\r\n--{BOUNDARY}--\r\n");
        let request =
            self.request(Method::POST, path).header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"));
        self.page(path, request.body(body).send().await.unwrap()).await
    }

    /// Sends the form that `selector` finds on a page, as it is filled there but for what is typed now.
    pub async fn submit(&self, page: &Page, selector: &str, typed: &[(&str, &str)]) -> Page {
        let Form { action, method, fields } = page.form(selector, typed);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if method == "post" {
            return self.post(&action, &fields).await;
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        self.get(&format!("{}?{query}", action.split('?').next().unwrap())).await
    }

    /// Calls the JSON API, which must agree.
    pub async fn api(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.asks_api(method, path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    /// Calls the JSON API: the status, and the answer if there is one.
    pub async fn asks_api(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let mut request = self.request(method, path);
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    /// A request with the cookies, to be sent as it is.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let cookies = self.cookies.lock().unwrap();
        let cookies: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.http.request(method, format!("{}{path}", self.site)).header("cookie", cookies.join("; "))
    }

    async fn page(&self, path: &str, answer: Response) -> Page {
        for cookie in answer.headers().get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.keep(name, value);
        }
        let header = |name: &str| Some(answer.headers().get(name)?.to_str().unwrap().to_owned());
        let (status, location, policy) = (answer.status().as_u16(), header("location"), header("content-security-policy"));
        Page::new(path, status, location, policy, answer.text().await.unwrap())
    }

    /// Keeps a cookie.
    pub fn keep(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }
}
