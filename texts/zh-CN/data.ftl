# Data

data-hint = 将数据导出为文件，或从文件导入。
export-title = 导出数据表
export-hint = 边读边传，不限大小。
export-range-hint = 起止日期均包含在内，按站点时区（{ $zone }）；不填则导出全部。
export-table = 数据表
export-holds = 内容
export-range = 范围
export-file = 文件
export-ranged = 按所选日期
export-whole = 始终完整导出
export-mine = 导出
table-request_logs = 请求日志
table-request_logs-hint = 每个请求一行：模型、渠道、结果、耗时、Token 与费用。
table-usage = 每小时用量
table-usage-hint = 按小时、用户、密钥、渠道和模型汇总。
table-ledger = 余额明细
table-ledger-hint = 余额的每次变动：用量、礼品卡、调整与退款。
table-audit = 审计日志
table-audit-hint = 谁在何时改动了什么。
table-users = 用户
table-users-hint = 账户及其限额与余额，不含密码。
table-keys = 密钥
table-keys-hint = 名称、限额与使用情况；密钥本身并未保存。
table-gift_cards = 礼品卡
table-gift_cards-hint = 金额、状态与兑换人；卡密并未保存。
config-title = 配置
config-hint = 将设置、渠道、模型、映射和价格导出为一个 JSON 文件，用于备份或迁移。
config-secrets = 文件不含机密：渠道密钥和自定义请求头的值均不导出。导入后，新渠道需补填密钥才会接收请求。
config-download = 下载配置
config-import-hint = 导入前会先显示将要发生的改动。文件中没有的部分保持不变；某部分中缺少的条目会被删除。
config-preview = 预览改动
archive-title = 归档请求日志
archive-hint = 先下载旧请求及其全部内容，再将其删除。统计、余额和余额明细不受影响。
archive-before-hint = 包括该日零点之前到达的所有请求，按站点时区（{ $zone }）。
archive-look = 查看
archive-found = { $count ->
    [one] 共 1 个请求，时间为 { $from }
   *[other] 共 { $count } 个请求，时间从 { $from } 到 { $to }
 }
archive-nothing = { $before } 之前没有请求。
archive-too-young = 只能删除 24 小时以前的请求。
archive-download = 下载
archive-remove = 删除…
archive-remove-ask = 从日志中删除 { $count } 个请求？
archive-remove-hint = { $before }（{ $zone }）之前的请求会被删除且无法恢复，如有需要请先下载。统计、余额与余额明细不受影响，其中的用量记录会按用户和日期合并。
archive-removed = { $remaining ->
    [0] 已删除 { $count } 个请求。
   *[other] 已删除 { $count } 个请求，还有 { $remaining } 个，请再次删除以继续。
 }
import-title = 将要发生的改动
import-nothing-yet = 尚未写入任何内容。
import-done = 导入完成
import-in-force = 所有改动已一次写入并生效。
import-unchanged = 当前配置与文件完全一致。
import-incomplete = 以下渠道在补填密钥和请求头之前不接收请求：{ $names }
import-changes = 改动
import-part = 部分
import-added = 新增
import-changed = 修改
import-removed = 删除
import-kept = 不变
import-settings = { $count ->
    [0] 没有设置发生变化
   *[other] { $count } 项设置发生变化
 }
import-apply = 导入
import-back = 返回数据页
field-configFile = 配置文件
field-from = 开始日期
field-to = 结束日期
field-before = 此日期之前
wrong-configFile = 请选择配置文件。
wrong-from = 请输入日期。
wrong-to = 请输入日期。
wrong-before = 请输入至少 24 小时以前的日期。
