//! What people do with their own account: register, sign in, look after it.

mod command_line;
mod me;
mod register;
mod rules;
mod sign_in;
mod view;

pub use command_line::{create_super_admin, reset_password};
pub use me::{
    NewPassword, ProfileChange, SessionView, change_password, end_other_sessions, end_session, me, sessions, update_me,
};
pub(super) use me::{all_but_own, own_session, sessions_of, settle};
pub use register::{Opening, Registration, opening, register};
pub use rules::Limits;
pub(super) use rules::{add_failure, checked_email, checked_limit, checked_password, checked_username, opening_row, read_role};
pub use sign_in::{Credentials, SignIn, Visitor, sign_in, sign_out};
pub use view::UserView;

use super::error::refusals;

refusals! {
    /// Wrong name or password, or an account that may not sign in.
    WRONG_CREDENTIALS = Unauthorised, "wrong_credentials", "The account or the password is wrong", "账号或密码错误";
    /// The password is right, but an admin must admit the account first.
    ACCOUNT_PENDING = Forbidden, "account_pending", "This account is waiting to be admitted", "此账号正在等待审核";
    /// The password is right, but the account is shut out.
    ACCOUNT_DISABLED = Forbidden, "account_disabled", "This account is disabled", "此账号已被停用";
    /// Strangers may not register.
    REGISTRATION_CLOSED = Forbidden, "registration_closed", "Registration is closed", "注册已关闭";
    /// The first account needs the code printed at start.
    SETUP_CODE_WRONG = Forbidden, "setup_code_wrong", "The setup code is missing or wrong; it was printed when the server started", "安装码缺失或错误，请查看服务启动时打印的安装码";
    /// Another account has this name.
    USERNAME_TAKEN = Conflict, "username_taken", "This username is taken", "用户名已被使用";
    /// Another account's name looks like it.
    USERNAME_LOOKS_TAKEN = Conflict, "username_looks_taken", "This username looks like another user’s; choose one that nobody mistakes for it", "该用户名与其他用户的用户名过于相似，请换一个不易混淆的名称";
    /// The username's letters are of scripts that nobody writes together.
    USERNAME_MIXED = Invalid, "invalid_request", "{field} may not mix letters of different scripts that look alike, such as Latin and Cyrillic", "{field} 不能混用外形相似的不同文字，例如拉丁字母与西里尔字母";
    /// Another account has this address.
    EMAIL_TAKEN = Conflict, "email_taken", "This email address is taken", "邮箱已被使用";
    /// The current password is needed and was wrong.
    WRONG_PASSWORD = Forbidden, "wrong_password", "The current password is wrong", "当前密码错误";
    /// Somebody must keep the keys of the house.
    LAST_SUPER_ADMIN = Conflict, "last_super_admin", "The last active super admin cannot be removed, demoted or disabled", "不能删除、降级或停用最后一个超级管理员";
}
