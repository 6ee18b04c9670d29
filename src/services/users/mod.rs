//! What admins do with accounts. An admin cannot touch a super admin or make one.

mod manage;
mod quota;
mod sessions;

use actors::vocabulary::Role;

pub use manage::{NewUser, UserChange, UserListFilter, create, get, list, named, remove, update};
pub use quota::{QuotaChange, QuotaView, change_quota, quota};
pub use sessions::{end_session, end_sessions, sessions};

use super::accounts::read_role;
use super::error::{NOT_FOUND, refusals};
use super::{Actor, Served, ServiceError, Services};
use crate::store::users::{self, UserRow};

refusals! {
    /// An admin reached for a super admin.
    SUPER_ADMIN_ONLY = Forbidden, "super_admin_only", "Only a super admin may do this to a super admin", "只有超级管理员才能对超级管理员执行此操作";
    /// The quota was changed by somebody else in between.
    QUOTA_CHANGED = Conflict, "quota_changed", "The quota is {quota} by now; please look again", "额度已变为 {quota}，请刷新后重试";
    /// A change of quota without a reason.
    REASON_REQUIRED = Invalid, "invalid_request", "{field} is required when the quota changes", "修改额度时必须填写 {field}";
}

/// Refuses an admin who reaches for a super admin, be it to change one or to make one.
pub(super) fn may_touch(actor: &Actor, role: Role) -> Served<()> {
    if role == Role::SuperAdmin && actor.role != Role::SuperAdmin {
        return Err(ServiceError::new(&SUPER_ADMIN_ONLY));
    }
    Ok(())
}

/// The account `id`, which `actor` may touch.
pub(super) async fn touchable(services: &Services, actor: &Actor, id: i64) -> Served<UserRow> {
    let user = users::by_id(&services.db, id).await?.ok_or_else(|| ServiceError::new(&NOT_FOUND))?;
    may_touch(actor, read_role(&user)?)?;
    Ok(user)
}
