# 余额与礼品卡

balance-now = 可用余额
balance-exact = 精确值 { $amount }
balance-held = 进行中冻结
balance-held-by = { $count ->
    [0] 没有进行中的请求
   *[other] { $count } 个请求进行中
}
balance-spent = 累计消费
balance-since-start = 自账户创建以来
redeemed-so-far = 累计兑换
cards-count = 共 { $count } 张礼品卡
redeem = 兑换
redeem-card = 兑换礼品卡
redeem-hint = 金额直接计入账户余额
hint-code = 不区分大小写，短横线和空格可有可无。
redeemed = 尾号 { $last4 } 的礼品卡已兑换 { $amount }，当前余额 { $balance }。
redeemed-see = 查看余额明细
redeem-rules = 使用说明
redeem-rule-once = 每张卡只能兑换一次，金额立即可用，不会过期。
redeem-rule-tries = 多次输入不存在的卡号后需要等待一段时间，已输入的内容会保留。
redeem-rule-402 = 余额不足时接口返回 402；充值后无需更换密钥。
ledger-newest = 最近变动
ledger-all = 全部明细
ledger-none = 余额尚无变动
ledger-none-hint = 礼品卡、余额调整以及每次请求的费用都会列在这里。
ledger-kind = 类型
ledger-any-kind = 全部类型
ledger-note = 说明
ledger-amount = 金额
ledger-after = 变动后余额
ledger-usage = 请求扣费
ledger-card = 礼品卡兑换
ledger-adjustment = 余额调整
ledger-refund = 退款
ledger-request = 请求
ledger-folded = 当日请求合计
ledger-search = 搜索调整或退款的说明
ledger-added = 增加
ledger-taken = 扣除
ledger-of-shown = 当前筛选结果合计
export-csv = 导出 CSV
