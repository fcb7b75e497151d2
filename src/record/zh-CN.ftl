record-behind-witnesses = 密钥保管人已联署的记录比平台持有的更多，或与之不同：平台不再受理任何操作。
    .hint = 请向密钥保管人提交投标（sealbid bid lodge），并告知运营方：记录只能经由承继声明继续。
record-waiting-for-witnesses = 平台刚刚启动，正在等待足够的密钥保管人确认其记录，暂不受理任何操作。
    .hint = 请稍后重试；若仍如此，请告知运营方。其间可向密钥保管人提交投标（sealbid bid lodge）。
record-contradicted = 平台的数据库与其已公布的记录相矛盾：平台不再受理任何操作。
    .hint = 请向密钥保管人提交投标（sealbid bid lodge），并告知运营方。
