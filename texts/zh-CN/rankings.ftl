# 排行

rankings-by = 排行对象
rankings-place = 名次
rankings-share-cost = 费用占比
rankings-share-tokens = Token 占比
rankings-share-requests = 请求占比
rankings-trend = 走势
rankings-rest = 其余
rankings-total = 合计
rankings-none-hint = 请选择其他时间范围。
rankings-users = 用户
