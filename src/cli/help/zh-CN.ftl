# What --help says in Chinese: one text for every command and argument, by the command's words. The English
# stands with the commands. A test holds the two together.

help-word-usage = 用法：
help-word-commands = 命令：
help-word-arguments = 参数：
help-word-options = 选项：
help-word-some-options = [选项]
help-word-some-command = <命令>
help-word-help-more = 显示帮助（“--help”更详细）
help-word-help-less = 显示帮助（“-h”为摘要）
help-word-default = [默认：{ $values }]
help-word-env = [环境变量：{ $values }]
help-word-values = [可选：{ $values }]
help-word-list = 可选：{ $values }

help = 密封投标：开标时刻之前谁也读不了投标，人人都可以核验
    .after = 退出码：0 完成，1 被拒绝，2 用法错误，70 本程序的故障，75 请稍后重试。
help-help = 显示本帮助，或所给命令的帮助
help--help = 显示帮助
help--version = 显示版本
help--lang = 消息的语言：zh 或 en（否则依次看 SEALBID_LANG、LANG）
help--server = 平台地址，例如 https://bids.example
help--key = 您的密钥文件
help--trust = 您从别处得知而信任的：名册的 SHA-256、监督部门的公钥，或含有其一的文件
help--roster = 名册文件；不给则从平台获取

help-key = 生成和查看签名密钥
help-key-new = 生成新的签名密钥
help-key-new--origin = 记录的来源名，与平台名册中的一致
help-key-new--role = 密钥的用途
    .enterprise = 投标人
    .organisation = 招标人或其代理机构
    .operator = 核实企业身份的人员
    .regulator = 监督部门
    .platform = 平台的声明
    .log = 只用于记录的检查点
    .secret = 不在平台之外签署任何内容的机密：会话令牌、填充叶
help-key-new--id = 持有者：企业的编号（不给则生成）、运营人员的名字、“1”
help-key-new--out = 要写入的文件；必须尚不存在
help-key-show = 打印密钥文件的公开部分
help-key-show--file = 密钥文件

help-roster = 监督部门：起草、签署和锚定保管人名册
help-roster-draft = 把 TOML 文件（origin、t、各公钥、各保管人）变为待签署的草稿
help-roster-draft--file = TOML 文件：origin、t、log_key、platform_key、regulator_key、operator_keys，以及 `sealbid custodian member` 打印的各段 `[[custodians]]`
help-roster-draft--after = 现行名册，新名册接在其后；或以它结尾的名册链
help-roster-draft--out = 要写入的草稿
help-roster-sign = 签署草稿，或在已签署的名册上添加签名
help-roster-sign--file = 草稿或已签署的名册
help-roster-sign--out = 要写入的已签署名册
help-roster-pin = 打印他人用来锚定名册的 SHA-256：名册链中最新的一份
help-roster-pin--file = 已签署的名册
help-roster-chain = 把前后相接的名册从第 1 版起依次连成链：平台据以运行，新保管人据以登记
help-roster-chain--files = 已签署的名册或名册链，按先后顺序
help-roster-chain--out = 要写入的名册链

help-succession = 运营方和监督部门：记录改用另一来源名和密钥继续
help-succession-draft = 根据平台数据库仍持有的最后一个检查点起草承继声明
help-succession-draft--checkpoint = 该检查点
help-succession-draft--log-key = 新的日志密钥的公开部分；其名称就是记录的新来源名
help-succession-draft--reason = 记录为何改用另一来源名继续
    .lost-tail = 末尾的条目已丢失
    .restored-backup = 数据是从落后于见证人的备份恢复的
    .stolen-log-key = 日志密钥可能落入他人之手
help-succession-draft--out = 要写入的草稿
help-succession-sign = 监督部门：签署草稿；保管人用 `sealbid custodian sign-succession` 添加签名
help-succession-sign--file = 草稿
help-succession-sign--out = 要写入的已签署承继声明

help-enterprise = 企业和运营方：登记、核实、更换密钥
help-enterprise-apply = 用 --key 的密钥申请登记
help-enterprise-apply--name = 登记的名称
help-enterprise-apply--uscc = 统一社会信用代码
help-enterprise-apply--contact = 运营方可以询问的联系人；从不公布
help-enterprise-waiting = 运营方：谁在等待核实
help-enterprise-waiting--json = 打印平台的 JSON，供程序使用；不检查各申请
help-enterprise-show = 显示一项登记
help-enterprise-show--enterprise = 谁的（ent_…）
help-enterprise-show--json = 打印平台的 JSON，供程序使用，含构成凭证的各项声明
help-enterprise-verify = 运营方：查明身份之后为一项申请担保
help-enterprise-verify--enterprise = 谁的（ent_…）
help-enterprise-verify--application = 以该名义有多项申请等待时，用其 SHA-256 指明是哪一项
help-enterprise-decline = 运营方：不予通过一项申请
help-enterprise-decline--enterprise = 谁的（ent_…）
help-enterprise-decline--application = 以该名义有多项申请等待时，用其 SHA-256 指明是哪一项
help-enterprise-decline--reason = 需要改正什么
help-enterprise-key = 更换或吊销密钥
help-enterprise-key-rotate = 由 --key 移交给新密钥；应答丢失后再次发送，只办理一次
help-enterprise-key-rotate--new = 新密钥的文件；由此生成，或为先前一次所生成
help-enterprise-key-revoke = 吊销密钥：自己的，或由运营方吊销他人的
help-enterprise-key-revoke--which = 密钥的公开部分；不给则为 --key 自身
help-enterprise-key-revoke--reason = 原因

help-tender = 招标人：起草、发布、变更和取消招标项目
help-tender-draft = 根据 TOML 文件起草招标项目：title、documents_until、带 `[[lots.stages]]` 的 `[[lots]]`
    .long = 同一文件就是同一草稿：程序中断或答复丢失之后再次执行，打印的是同一个招标项目。要另起一个，请改动其标题。
    .after =
        这样的文件：

        title = "县第一小学扩建"
        # 时间为 RFC 3339，或不带时区的平台当地时间。
        documents_until = "2027-02-08T17:00"

        { "" }[[lots]]
        title = "土建"

        # "single"；或同一标段两个："technical"，其后 "commercial"，后者凭签署的开启令开标。
        { "" }[[lots.stages]]
        stage = "single"
        deadline = "2027-03-05T09:00"
        open_at = "2027-03-05T09:00"
        # 异议期：结束之前什么也不开启。以毫秒计。
        challenge_ms = 600000
        # 投标少于此数则不开启。
        min = 3
help-tender-draft--file = TOML 文件
help-tender-document = 为草稿添加招标文件
help-tender-document--tender = 招标项目
help-tender-document--file = 招标文件
help-tender-document--json = 打印平台的 JSON，供程序使用
help-tender-publish = 将公告和开标单元与您所拟的内容核对，签署，并请全体保管人签署
help-tender-publish--tender = 招标项目
help-tender-publish--file = 起草时所用的 TOML 文件
help-tender-publish--rules = 判定其日期的规则包：文件，或其 SHA-256
help-tender-publish--documents = 已添加的招标文件；每份重复一次该选项
help-tender-publish--json = 打印平台的 JSON，供程序使用
help-tender-amend = 推迟一个开标单元的截止和开标
help-tender-amend--unit = 开标单元
help-tender-amend--deadline = RFC 3339 时刻，或当地时间，例如 2026-11-24T09:00
help-tender-amend--open-at = 不给则同截止时间
help-tender-amend--reason = 原因
help-tender-cosign = 查看平台因何中断而推迟一个开标单元的截止时间；给出 --sign 则一同签署
    .long = 其间在线的保管人要求除平台之外还有招标人的签名。
help-tender-cosign--unit = 开标单元
help-tender-cosign--sign = 签署；不给则只显示
help-tender-void = 取消单元：永不开启；尚未全部签署的则撤回
help-tender-void--unit = 开标单元
help-tender-show = 显示招标项目：标段、时间、条件、招标文件
help-tender-show--tender = 招标项目
help-tender-show--json = 打印平台的 JSON，供程序使用

help-bid = 投标人：封标、检查、提交和跟踪投标
help-bid-new = 建立文件夹，内有待填写的 bid.toml
help-bid-new--folder = 文件夹
help-bid-new--unit = 开标单元
help-bid-unit = 保存带签名的单元，供离线封标；带 --key 时一并保存表明您密钥的声明
help-bid-unit--unit = 开标单元
help-bid-unit--out = 要写入的文件
help-bid-seal = 把文件夹中的投标封入一个 .bid 文件
help-bid-seal--folder = 投标的文件夹
help-bid-seal--unit-file = 开标单元的文件（来自 `bid unit`，或其单独的文本）：给出后不询问平台
help-bid-seal--credentials = 用单独的文本时：证明其招标人密钥的各项声明，按顺序
help-bid-seal--passphrase-file = 从该文件读取口令，不再询问
help-bid-seal--name = 新文件在文件夹中的名称，不含后缀；不给则为 bid-1、bid-2……
help-bid-check = 再次检查 .bid 文件；用保留的身份可一直查到内容
help-bid-check--file = .bid 文件
help-bid-check--signer = 投标人的公钥，未给 --key 时使用
help-bid-check--identity = 保留的身份（identity.age）
help-bid-check--unit-file = 开标单元的文件（来自 `bid unit`，或其单独的文本）：给出后不询问平台
help-bid-check--credentials = 用单独的文本时：证明其招标人密钥的各项声明，按顺序
help-bid-check--passphrase-file = 从该文件读取口令，不再询问
help-bid-submit = 提交 .bid 文件
help-bid-submit--file = .bid 文件；回执存在它旁边
help-bid-replace = 用新的版本替换您的有效投标
help-bid-replace--file = .bid 文件；回执存在它旁边
help-bid-resupply = 平台丢失密封文件时，再次送交您的有效投标的密封文件；开标之前均可
help-bid-resupply--file = .bid 文件；回执存在它旁边
help-bid-withdraw = 撤回您的有效投标
help-bid-withdraw--unit = 开标单元
help-bid-withdraw--folder = 投标的文件夹，由它记住撤回
help-bid-withdraw--out = 回执存放之处
help-bid-list = 列出您在所有开标单元中的投标
help-bid-list--json = 打印平台的 JSON，供程序使用
help-bid-status = 向平台查询您的投标状况；截标之后查询它是否在内
help-bid-status--unit = 开标单元
help-bid-status--folder = 投标文件夹，它记得已被接收的内容
help-bid-lodge = 平台没有应答时，把 .bid 文件交给一个保管人
help-bid-lodge--file = .bid 文件
help-bid-lodge--custodian = 该保管人在名册中的简称
help-bid-lodge--credentials = 证明您的密钥的文件；不给则用 .bid 文件旁的 credentials.json
help-bid-lodge--receipts = 您上一版投标或上次撤回的回执，或您的密钥更换的回执；多份则重复该选项
help-bid-challenge = 截标清单遗漏您的投标时，向每一个保管人出示回执
help-bid-challenge--receipt = 您的投标被受理的回执；或保管人对您所交存投标的声明，放在 .bid 文件旁，如 `bid lodge` 所存
help-bid-challenge--later = 您下一项声明的回执：被截标清单忽略的撤回或替换
help-bid-challenge--before = 对交存的投标：前一版也是交存的，则为保管人对前一版的声明；多份则重复该选项
help-bid-challenge--receipts = 对交存的投标：前一版投标或撤回的回执，或您的密钥更换的回执；多份则重复该选项
help-bid-challenge--credentials = 对交存的投标：当时证明您的密钥的文件；不给则用旁边的 credentials.json
help-bid-receipt = 再次获取回执，直到有足够的保管人联署
help-bid-receipt--file = 要补全的回执，或它旁边的 .bid 文件
help-bid-receipt--wait = 等待多少秒

help-opening = 任何人：跟踪开标；招标人、监督部门和运营方：在其中表态
help-opening-show = 显示开标单元的状况：唱标结果，或作废的原因
help-opening-show--unit = 开标单元
help-opening-documents = 列出或保存已开启投标的文件：限其投标人、招标人、监督部门
help-opening-documents--unit = 开标单元
help-opening-documents--line = 投标所在的行，如 “show” 所示
help-opening-documents--out = 保存用的文件夹；必须尚不存在
help-opening-order = 招标人或监督部门：选定要开启的第二信封，并签署
help-opening-order--unit = 开标单元
help-opening-order--lines = 截标清单中要开启的一行；每行重复一次该选项
help-opening-order--out = 开启令的文件，交另一方签署
help-opening-sign-order = 另一方：查看开启令开启什么、删除什么，然后在第一个签名之下签署
help-opening-sign-order--file = 开启令的文件
help-opening-sign-order--out = 有双方签名的文件；不给则不签署
help-opening-send-order = 发送双方均已签署的开启令
help-opening-send-order--file = 开启令的文件
help-opening-suspend = 监督部门：中止一个开标单元的密钥释放
help-opening-suspend--unit = 开标单元
help-opening-suspend--reason = 原因
help-opening-lift = 监督部门：让中止的释放继续进行
help-opening-lift--unit = 开标单元
help-opening-lift--reason = 原因
help-opening-outage = 运营方：登记平台测得的、横跨开标单元截止时间的中断
help-opening-outage--unit = 开标单元
help-opening-outage--reason = 发生了什么

help-custodian = 保管人：运行守护开标的代理
help-custodian-keygen = 建立文件夹，内有新的种子
help-custodian-keygen--dir = 文件夹；必须尚不存在
help-custodian-member = 打印监督部门的名册文件为指明本代理所需的内容
help-custodian-member--dir = 代理的文件夹
help-custodian-member--origin = 记录的来源名
help-custodian-member--id = 代理的简称：a-z、0-9 和连字符
help-custodian-member--name = 机构名称，供人阅读
help-custodian-member--address = 代理的访问地址，例如 `https://keys.notary.example`
help-custodian-enrol = 把文件夹中的种子登记到 --roster 的名册，该名册由 --trust 锚定
help-custodian-enrol--dir = 代理的文件夹
help-custodian-enrol--restored = 种子是恢复的，它签署过什么已不可知：按丢失记忆启动
help-custodian-serve = 运行代理
help-custodian-serve--dir = 代理的文件夹
help-custodian-serve--listen = 监听地址
help-custodian-serve--restored = 记忆仍可读取，也按丢失处理：该文件夹是从备份放回的
help-custodian-serve--recover = 记忆已丢失：只为先前的开标单元释放密钥，不再签署其中任何一个
help-custodian-serve--max-bid = 所接受交存投标的密封内容的最大字节数；至多 2 GiB
help-custodian-serve--challenge-floor = 开标单元须留给投标人的最短异议期，以秒计
help-custodian-adopt = 用过 --recover 之后：从法定数量的其他保管人联署的检查点起恢复见证
help-custodian-adopt--agent = 运行中的代理的地址
help-custodian-adopt--checkpoint = 检查点文件，如平台在 /record/checkpoint 所提供
help-custodian-sign-roster = 用本代理所在版本的密钥签署下一版名册
help-custodian-sign-roster--dir = 代理的文件夹
help-custodian-sign-roster--file = 下一版名册，已由监督部门签署，或另有其他保管人签署
help-custodian-sign-roster--out = 添加了本签名的名册
help-custodian-sign-succession = 签署承继声明：记录改用另一来源名和密钥继续
help-custodian-sign-succession--dir = 代理的文件夹
help-custodian-sign-succession--file = 承继声明，已由监督部门签署，或另有其他保管人签署
help-custodian-sign-succession--checkpoint = 平台仍持有的最后一个检查点，连同其联署
help-custodian-sign-succession--out = 添加了本签名的承继声明
help-custodian-succeed = 随承继声明跟随记录；先停止代理，之后再启动
help-custodian-succeed--dir = 代理的文件夹

help-record = 任何人：读取、导出和监看记录
help-record-entry = 显示一个条目（如其级别允许您查看），并证明记录包含它
    .after =
        退出码，与 "sealbid verify" 相同：
          0  已锚定，且已证明
          1  不成立
          2  无从判断：不存在、不向您公开、已损坏，或命令有误
          3  无一不成立，但没有锚定：请给出 --trust
          4  记录不以 --trust 所指为依据
          5  无一不成立，但证明不完整：报告说明缺什么
          75 平台没有应答：请稍后重试
help-record-entry--index = 条目的序号
help-record-export = 下载整个记录和您可以查看的每个条目，加以检查，存入文件夹
    .long = 监督部门凭其密钥可以看到已结束的开标单元的全部行为以及填充叶。未公开的内容连同其叶和原因逐一列出。中断的导出再次执行即可继续。
    .after =
        退出码，与 "sealbid verify" 相同：
          0  已锚定，且已证明
          1  不成立
          2  无从判断：不存在、不向您公开、已损坏，或命令有误
          3  无一不成立，但没有锚定：请给出 --trust
          4  记录不以 --trust 所指为依据
          5  无一不成立，但证明不完整：报告说明缺什么
          75 平台没有应答：请稍后重试
help-record-export--out = 文件夹：新的，或您先前中断的导出所在
help-record-check = 离线检查导出的记录：根、各条目、未公开的内容
    .after =
        退出码，与 "sealbid verify" 相同：
          0  已锚定，且已证明
          1  不成立
          2  无从判断：不存在、不向您公开、已损坏，或命令有误
          3  无一不成立，但没有锚定：请给出 --trust
          4  记录不以 --trust 所指为依据
          5  无一不成立，但证明不完整：报告说明缺什么
          75 平台没有应答：请稍后重试
help-record-check--folder = 其文件夹
help-record-watch = 跟踪记录，检查它只增不改
help-record-watch--every = 两次查看之间的秒数
help-record-watch--times = 看到足够联署的查看达到多少次后停止；不给则不停
help-record-watch--patience = 若这么多秒内没有一次看到法定数量的联署，则报错结束
help-record-case = 保存招标项目的案卷文件，供离线用 "sealbid verify" 核验
help-record-case--tender = 招标项目
help-record-case--out = 要写入的文件；必须尚不存在
help-record-case--auditor = 监督部门的文件：连同整个记录、已释放的身份和已开启的投标

help-demo = 任何人：观看一个完整的招标，从登记到离线核验
help-demo--dir = 把全部内容保存在该文件夹，须为新的或空的；不给则最后丢弃
help-demo--keep = 结束时让平台继续运行，并打印其账户；按 Ctrl-C 停止
help-demo--port = 服务器的端口；不给则用空闲的端口

help-init = 运营方：为新平台建立数据表
help-init--config = 配置的 TOML 文件
help-migrate = 运营方：把较旧的数据库升级到本程序的版本
help-migrate--config = 配置的 TOML 文件
help-serve = 运营方：运行平台
help-serve--config = 配置的 TOML 文件

help-verify = 审计人员和任何人：不用网络核验案卷文件
    .after =
        退出码：
          0  已锚定，无一主张不成立
          1  有主张不成立
          2  无从判断：文件已损坏，或不是案卷文件，或命令有误
          3  无一主张不成立，但没有锚定：编造的案卷看起来也是如此
          4  案卷不以 --trust 所指为依据
          5  已锚定，无一主张不成立，但本文件不足以判定 --receipt 所问

        0 并不表示每项主张都能判定：末行给出无法判定的项数。

        JSON（--json）：
        {"  {"}"pinned": "pinned|not-pinned|not-compared|mismatch",
        {"   "}"claims": [{"{"}"id", "unit"?, "verdict": "ok|failed|not-decidable", "code", "detail"{"}"}…],
        {"   "}"counts": {"{"}"ok", "failed", "not-decidable"{"}"}, "exit"{"}"}
help-verify--case = 案卷文件
help-verify--receipt = 您的回执，或保管人对您所交存投标的声明：您的那一行在内吗？
help-verify--later = 此后所发送内容的回执：替换或撤回
help-verify--json = 打印 JSON，供程序使用
