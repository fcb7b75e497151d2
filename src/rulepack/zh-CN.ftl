rulepack-shape = 规则包不正确：{ $reason }
    .hint = 请对照 rulepacks/demo.toml，其中说明了每个字段。
rulepack-format = 规则包格式为“{ $found }”。
    .hint = 本程序读取 sealbid/rulepack/v1。
rulepack-zone = 规则包使用了未知时区“{ $found }”。
    .hint = 请使用时区数据库中的名称，例如 Asia/Shanghai。
rulepack-range = 日期超出日历范围。
    .hint = 请核对年份；日历范围约为十年。

rulepack-say-calendar-days = 日
rulepack-say-working-days = 个工作日
rulepack-say-hours = 小时
rulepack-say-minutes = 分钟
rulepack-say-seconds = 秒

rulepack-say-exact = 自 { $start } 起 { $value }{ $unit }，为 { $end }（{ $article }）。
rulepack-say-days = 自 { $start } 起算，当日不计入，{ $value }{ $unit }的最后一日为 { $day }，故最早为 { $end }（{ $article }）。
rulepack-say-moved = 自 { $start } 起算，当日不计入，{ $value }{ $unit }的最后一日为 { $day }，该日休息，顺延至 { $moved }，故最早为 { $end }（{ $article }）。
rulepack-say-objections = 对招标文件的异议应在投标截止时间 { $deadline } 前 { $value }{ $unit }提出，即不迟于 { $last }（{ $article }）。
rulepack-say-open-at-deadline = 开标时间即投标截止时间 { $deadline }（{ $article }）。
rulepack-say-open-from-deadline = 开标时间为投标截止时间 { $deadline } 或其后（{ $article }）。
rulepack-say-challenge = 质疑期至少为 { $value }{ $unit }（{ $article }）。
rulepack-say-min-bidders = 投标人少于 { $value } 家时不开标（{ $article }）。
rulepack-say-outage-inside = 投标截止时间 { $before } 处于系统故障期间（{ $from } 至 { $recovered }）：新的截止时间为 { $deadline }，开标时间为 { $open }（{ $article }）。
rulepack-say-outage-near = 投标截止时间 { $before } 紧随系统故障（{ $from } 至 { $recovered }）之后：新的截止时间为 { $deadline }，开标时间为 { $open }（{ $article }）。
rulepack-say-outage-long = 系统长时间故障（{ $from } 至 { $recovered }），影响投标截止时间 { $before }：新的截止时间为 { $deadline }，开标时间为 { $open }（{ $article }）。
rulepack-say-outage-next-day = 系统故障（{ $from } 至 { $recovered }）使投标截止时间 { $before } 移出办公时间：顺延至工作日同一时刻 { $deadline }，开标时间为 { $open }（{ $article }）。

rulepack-say-start = { $name } 的起算点不是 { $start }
rulepack-say-in-days = 其中有一个时长以天计算
rulepack-say-both = { $day } 既是休息日又是工作日
rulepack-say-committee = 评标委员会的某个数字为零，或者部分大于整体
