//! Settings, the announcement, and data as files.

use super::By::Admin;
use super::{Submit, Thing, submit, trial, without, wrong};

pub const SUBMITS: &[Submit] = &[
    submit(Admin, "/admin/settings/{group}")
        .on("/admin/settings", "form[action='/admin/settings/site']")
        .right(&[("siteName", "Site of {name}"), ("maintenanceMessage", "Back at three")])
        .wrong(&[
            wrong("siteName", "{long}", "1 to 100"),
            wrong("siteUrl", "javascript:alert(1)", "https://"),
            wrong("timezone", "Mars/Base", "time zone"),
        ])
        .makes("SELECT count(*) FROM settings WHERE value LIKE '%Site of {name}%'")
        .leads("/admin/settings?done=saved"),
    submit(Admin, "/admin/announcement")
        .on("/admin/announcement", "form[action='/admin/announcement']")
        .right(&[
            ("announcementMode", "modal"),
            ("announcementTitle", "Title of {name}"),
            ("announcementHtml", "<p>Back at three</p>"),
        ])
        .wrong(&[wrong("announcementMode", "song", "one of the list"), wrong("announcementTitle", "{long}", "0 to 200")])
        .makes("SELECT count(*) FROM settings WHERE value LIKE '%Title of {name}%'")
        .leads("/admin/announcement?done=saved"),
    submit(Admin, "/admin/data/config")
        .on("/admin/data", "form[action='/admin/data/config']")
        .file("configFile", CONFIGURATION)
        .wrong(&[
            without("configFile", "Choose"),
            wrong("configFile", "", "Choose"),
            wrong("configFile", "{\n  \"version\": 1,\n  \"models\": oops\n}", "Line 3"),
        ])
        .leads("form[action='/admin/data/config/import']"),
    submit(Admin, "/admin/data/config/import")
        .on("/admin/data", "form[action='/admin/data/config/import']")
        .after("form[action='/admin/data/config']", "configFile", CONFIGURATION)
        .wrong(&[
            wrong("kept", "", "file").at(super::At::Field("configFile")),
            wrong("kept", "v1.x.y", "file").at(super::At::Field("configFile")),
        ])
        .makes("SELECT count(*) FROM settings WHERE value LIKE '%Import of {name}%'")
        .leads("[data-part]"),
    submit(Admin, "/admin/data/archive/remove")
        .about(Thing::OldRequest)
        .on("/admin/data/archive/remove?before={yesterday}", "form.question")
        .right(&[("before", "{yesterday}")])
        .wrong(&[wrong("before", "{today}", "24 hours"), wrong("before", "someday", ""), without("before", "")])
        .makes("SELECT count(*) = 0 FROM request_log WHERE id = {id}")
        .leads(".alert.ok"),
];

const CONFIGURATION: &str = r#"{"version":1,"settings":{"siteName":"Import of {name}"}}"#;

#[actix_web::test]
async fn forms_of_the_site_do_what_they_say_and_nothing_else() {
    trial::all_of(SUBMITS).await;
}
