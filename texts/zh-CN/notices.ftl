# Notices

notice-maintenance = 维护中
notice-maintenance-hint = API 目前不接收请求。
notice-maintenance-end = 在设置中关闭
notice-announcement = 公告
notice-put-away = 收起公告
notice-read = 知道了
announcement-hint = 向所有人发布的通知。
announcement-where = 显示在访客和用户的页面上，直到对方收起；内容更新后会再次显示。
announcement-write = 内容
announcement-html-hint = 支持 HTML：段落、列表、链接与强调。脚本、样式和表单会被移除。
announcement-preview = 预览
announcement-not-saved = 尚未保存
announcement-shown = 正在向访客和用户显示
announcement-not-shown = 未开启
announcement-none = 暂无可显示的内容。
announcement-done = 公告已保存。
