# Account

account-profile = 资料
account-done-saved = 资料已保存。
account-done-password = 密码已修改，您的其他会话均已结束。
account-done-sessions = 您的其他会话均已结束。
account-done-session = 会话已结束。
field-currentPassword = 当前密码
field-newPassword = 新密码
hint-newPassword = 至少 8 个字符。您的其他会话将全部结束。
hint-endTokens = 同时作废我的管理令牌，使用它们的脚本将立即被拒绝
change-password = 修改密码
sessions = 会话
sessions-hint = 已登录的浏览器
sessions-end-others = 结束其他会话
session-end = 结束
this-session = 当前会话
browser = 浏览器
address = 地址
signed-in-at = 登录时间
last-seen = 最近活动
