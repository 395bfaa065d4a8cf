# 简体中文。键与 en-US.ftl 一一对应。

## 拒绝

refusal-refused = 这个做不了。
refusal-invalid = 这样没法画。
refusal-empty-prompt = 提示词是空的，请告诉我画什么。
refusal-prompt-too-long = 提示词有 { $length } 个字符，最多 { $limit } 个。
refusal-unknown-shape = 没有“{ $shape }”这种画幅，可选：{ $shapes }。
refusal-size-unfit = 这个模型画不好 { $shape }。它能画边长 { $least } 到 { $most } 像素的方图，或同样大小的其他画幅，最长边不超过 { $longest } 像素。
refusal-out-of-range = “{ $name }”要在 { $least } 到 { $most } 之间，你给的是 { $value }。
refusal-steps-over-ceiling = { $steps } 步超过了这里允许的 { $ceiling } 步。
refusal-negative-without-guidance = 引导为 0 时反向提示词不起作用。请不填引导，或把它设为大于 0。
refusal-strength-without-image = 重绘幅度是指原图改动多少，所以需要先附上一张原图。
refusal-not-offered = 当前加载的模型不支持：{ $feature }。
refusal-beyond-engines = 没有哪个在线的画师能同时做到这些，请去掉一些要求再试。
refusal-too-large = 那样会有 { $width } × { $height } 像素，这个模型每边最多 { $most } 像素。
refusal-bad-picture = 这个文件用不了。
refusal-empty-picture = 这个文件是空的。
refusal-not-a-picture = 这个文件不是我能读取的图片，请发送 PNG、JPEG、WebP 或 GIF。
refusal-picture-too-heavy = 这个文件有 { $size } MiB，最多 { $limit } MiB。
refusal-too-many-tokens = 文字对这个模型来说太长了：{ $tokens } 个词元，最多 { $limit } 个。风格自带的文字也算在内。
refusal-too-many-pixels = 这张图片有 { $width } × { $height } 像素，最多 { $limit } 百万像素。
refusal-foreign-picture = 我只读取上传到 Discord 的图片。
refusal-picture-not-fetched = 没能从 Discord 取到这张图片，请再试一次。
refusal-picture-takes-too-long = 这张图片读取起来太费时间。请另存为普通的 PNG 或 JPEG 再发。
refusal-limit-reached = 你已达到上限 { $limit }，请在 { $retry } 之后再试。
refusal-per-minute-reached = 每分钟最多画 { $limit } 张，请在 { $retry } 之后再试。
refusal-per-day-reached = 每天最多画 { $limit } 张，请在 { $retry } 之后再试。
refusal-in-flight-reached = 你已有 { $limit } 个请求还没完成，这是同时进行的上限。等其中一个画好再试。
refusal-queue-full = 队列已满（{ $limit } 个），请在 { $retry } 之后再试。
refusal-unavailable = 现在画不了，请过一分钟再试。
refusal-painter-loading = 画师还在加载模型，请过一分钟再试。
refusal-painter-broken = 画师无法启动，要等机器人的主人处理好才能作画。
refusal-painter-broken-owner = 画师无法启动。{ $problem }
refusal-paused = 这里暂停作画了，等管理员恢复。
refusal-interrupted = 我在读取你的图片时多次中断，这个请求只好作罢，请再试一次。
refusal-disk-full = 我的磁盘快满了。请等机器人的主人腾出空间后再试。
refusal-not-allowed = 你没有权限这样做。
refusal-ledger-held = 我暂时无法保存请求，请稍后再试。
refusal-not-yours = 这是别人的画，只有作者或版主可以这样做。
refusal-needs-admin = 这需要“管理服务器”权限。
refusal-needs-owner = 只有这个机器人的主人可以这样做。
refusal-not-there = 没有这样的东西。
refusal-unknown-job = 我已经不记得这幅画了。
refusal-unreadable-job = 这幅画是我的另一个版本画的，当时的要求我读不出来。
refusal-unknown-button = 这个按钮来自我的另一个版本，我不知道它是做什么的。
refusal-unknown-form = 这个表单来自我的另一个版本，请重新打开后再提交一次。
refusal-picture-gone = 这张图片已经不在了。
refusal-nothing-to-cancel = 你没有正在等待或正在画的请求。
refusal-not-among-yours = 你正在等待或正在画的请求里没有“{ $typed }”，请从列表中选择。
refusal-several-fit = 你有不止一个请求含有“{ $typed }”，请从列表中选择。
refusal-already-deleted = 这幅画已经删除了。
refusal-too-late = 晚了一步，已经完成了。
refusal-bad-setting = “{ $key }”不能是“{ $value }”，可以是：{ $allowed }。
refusal-over-ceiling = “{ $key }”不能设为 { $value }，机器人主人最多允许 { $ceiling }。

yes = 是
no = 否
bug = 我这边出了点问题，已记录，编号 { $id }。
request-given-up = { $who }：你的请求没能继续下去。{ $reason }
outdated-command = 这个命令有更新，请重新加载 Discord 后再试。

## 失败

failure-unknown = 画师没能完成这幅画。
failure-out-of-memory = 画师内存不够了，请换小一点的画幅或少画几张。
failure-flat-picture = 画出来是一片空白，请换个种子再试。
failure-bad-source = 画师读不了那张原图。
failure-worker-error = 画师画这幅画时出了错，请再试一次。
failure-prompt-too-many-tokens = 提示词对这个模型来说太长了：{ $tokens } 个词元，最多 { $limit } 个。
failure-too-large = 这个尺寸超出了模型的能力。
failure-too-heavy = 图片太大，没法传给画师。请换小一点的图片或画幅。
failure-painter-broken = 画师十分钟内都没能启动，所以没有画成。等它恢复后再按“重画”。
failure-poison = 画师为这幅画崩溃了好几次，只好放弃。

## 任务消息

waiting = 等待中
waiting-next = 下一个就轮到
waiting-handed = 马上就画
waiting-paused = 已暂停作画
waiting-place = 排在第 { $place } 位
waiting-again = 画师重启了，这幅画重新排队
waiting-painter = 画师正在启动
waiting-broken = 画师暂时无法启动
presence-loading = 画师正在加载
presence-broken = 画师无法启动
painting = 正在画
painting-step = { $step } / { $steps }
finishing = 正在收尾
due-at = 预计 { $when } 画好
cancelled = 已取消
failed = 没能画成
not-shown = 已经画好并保存，但 Discord 不接受在这里显示：你下次使用命令时，我会私下发给你。
further-up = { $who }：你的请求已有结果，请在这个子区里往上看。
words-refused = （Discord 拒绝显示这条提示词的文字。）
brought = 这是之前为你画的图片，当时无法在你提出请求的地方显示。
brought-deleted = 这是之前为你画的图片。画好之前，它的消息已被删除，所以只发给你一个人看。
shown-as = 受 Discord 大小限制，以 { $format } 显示；PNG 原图已保留。

small-model = 这个小模型会画的有：{ $about }；完整的 Z-Image-Turbo 什么都能画。可以试试“{ $one }”或“{ $two }”。

parameter-seed = 种子 { $seed }
parameter-seeds = 种子 { $first } 至 { $last }
parameter-steps = { $steps } 步
parameter-guidance = 引导 { $guidance }（时间加倍）
parameter-strength = 重绘幅度 { $strength }
parameter-seconds = { $seconds } 秒
parameter-negative = 不要：{ $negative }
kind-image = 以图作画
kind-variation = 变体
kind-upscale = 放大
some-missing = 有 { $missing } 张没能画成。
guidance-doubles = 引导已开启（{ $guidance }）：每一步要画两遍，时间加倍。
alt-picture = { $prompt }
alt-pictures = 第 { $k } 张，共 { $count } 张：{ $prompt }
alt-preview = 预览：{ $prompt }

button-reroll = 重画
button-vary = 变体 { $k }
button-vary-only = 变体
button-upscale = 放大 { $k }
button-upscale-only = 放大
button-finish = 补完
button-finish-all = 全部补完
button-edit = 编辑
button-delete = 删除
button-remove = 永久删除
button-cancel = 取消
button-prompt = 完整提示词

full-prompt = 完整提示词
delete-question = 要删除这幅画吗？所有人都将看不到这条消息，且无法撤销。
delete-done = 已删除，消息很快就会消失。

## “编辑”表单

form-title = 修改后重新画
form-choose = 请选择
form-prompt = 提示词
form-negative = 反向提示词
form-negative-note = 不想出现的内容，时间会加倍。
form-shape = 画幅
form-seed = 种子
form-seed-note = 留空则换一个新的。
form-steps = 步数
form-steps-note = { $least } 到 { $most }
form-region-title = 重画一部分
form-region = 部分
form-part-note = 那里要画什么，其余部分原样保留

## 命令

command-imagine = 画图
command-imagine-text = 用文字画一幅画
command-queue = 队列
command-queue-text = 看看谁在排队、你的画什么时候好
command-cancel = 取消
command-cancel-text = 取消你正在等待或正在画的请求
command-forget = 忘记
command-forget-text = 删除机器人保存的关于你的内容
command-forget-me = 我
command-forget-me-text = 永久删除你的提示词、图片和请求，无法撤销
command-help = 帮助
command-help-text = 一屏看懂怎么用
command-settings = 我的设置
command-settings-text = 没有特别说明时，你自己的画按什么来画
command-settings-show = 查看
command-settings-show-text = 查看在这里对你生效的设置
command-settings-set = 修改
command-settings-set-text = 修改你的一项设置，在哪里都有效
command-settings-reset = 重置
command-settings-reset-text = 清除你的一项设置，或者全部
command-admin = 管理
command-admin-text = 本服务器的设置
command-admin-defaults = 默认值
command-admin-defaults-text = 没有特别说明时按什么来画
command-admin-show = 查看
command-admin-show-text = 查看在这里生效的设置
command-admin-set = 设置
command-admin-set-text = 修改本服务器或某个频道的一项设置
command-admin-reset = 重置
command-admin-reset-text = 清除本服务器或某个频道的一项设置
command-admin-status = 状态
command-admin-status-text = 画师、队列和暂停情况
command-admin-engines = 引擎
command-admin-engines-text = 每个引擎的模型、设备、速度和功能
command-admin-pause = 暂停
command-admin-pause-text = 不再接受新的请求
command-admin-resume = 恢复
command-admin-resume-text = 重新接受请求

option-prompt = 提示词
option-prompt-text = 用自己的话说说画什么
option-shape = 画幅
option-shape-text = 方图、竖图、横图、宽屏、长图……
option-seed = 种子
option-seed-text = 种子和提示词相同，画也相同
option-count = 张数
option-count-text = 画几张
option-steps = 步数
option-steps-text = 步数越多越慢
option-guidance = 引导
option-guidance-text = 贴合提示词的程度；0 为关闭，开启后时间加倍
option-negative = 反向提示词
option-negative-text = 不想出现的内容；会开启引导，时间加倍
option-image = 原图
option-image-text = 以这张图片为基础来画
option-strength = 重绘幅度
option-strength-text = 原图改动多少，0.05 到 1
option-picture = 请求
option-picture-text = 取消哪一个；不填则取消你的全部
option-setting = 项目
option-setting-text = 哪一项设置
option-setting-all-text = 哪一项设置，不填就是全部
option-value = 值
option-value-text = 新的值
option-channel = 频道
option-channel-text = 只用于这个频道；不填则用于整个服务器
option-everywhere = 全部
option-everywhere-text = 所有服务器（仅限机器人主人）

shape-1x1 = 方图
shape-2x3 = 竖图
shape-3x2 = 横图
shape-3x4 = 竖图
shape-4x3 = 横图
shape-9x16 = 长图
shape-16x9 = 宽屏
shape-9x21 = 超长图
shape-21x9 = 超宽屏

setting-shape = 画幅
setting-steps = 步数
setting-guidance = 引导
setting-count = 张数
setting-per_minute = 每分钟张数
setting-per_day = 每天张数
setting-in_flight = 同时请求数
about-shape = 画幅：没有指定时画什么形状
about-steps = 步数：每张图画几遍，越少越快也越粗糙
about-guidance = 引导：有反向提示词时贴合文字的程度，时间加倍
about-count = 张数：没有指定时一次画几张
about-variety = 多样性：同一请求的几张图差别多大，0 到 1
about-per_minute = 每分钟张数：每人每分钟最多画几张
about-per_day = 每天张数：每人每天最多画几张
about-in_flight = 同时请求数：每人最多有几个请求在等待或正在画
admin-range = { $least } 到 { $most }，现在是 { $now }
feature-image = 以图作画
feature-vary = 变体
feature-upscale = 放大
feature-guidance = 引导和反向提示词
feature-text = 文字作画

## 回答

queue-empty = 没有人在排队。
queue-title = 队列
queue-count = { $waiting } 个请求在等待，{ $running } 个正在画。
queue-paused = 已暂停作画。
queue-mine-painting = 正在画
queue-mine-handed = 马上就画
queue-mine-place = 第 { $place } 位
queue-none-mine = 其中没有你的请求。
forget-nothing = 没有保存任何关于你的内容。
forget-settings = 已清除你的设置。除此之外没有保存过关于你的内容。
forget-question = { $count ->
        [0] 你的请求已经都不再保存了。
       *[other] 我将删除你的 { $count } 个请求及其文字、图片和你的设置，并停止正在画的内容。
    }此操作无法撤销。
forget-question-messages = 我发出的 { $count } 条消息里还有你的画：可以保留（之后你仍能逐条删除），也可以一并删除。
button-forget-keep = 忘记我
button-forget-delete = 忘记我并删除消息
forget-done-keep = { $count ->
        [0] 没有更多关于你的内容了。
       *[other] 已删除你的 { $count } 个请求及其文字和图片。我发出的消息会保留，直到你在它下面按“更多”再按“删除”。
    }
forget-done-delete = { $count ->
        [0] 已删除：我为你发出的消息很快就会消失。
       *[other] 已删除你的 { $count } 个请求及其文字和图片，我为你发出的消息很快就会消失。
    }
cancel-done = 已取消 { $count } 个请求。

admin-defaults = 设置
admin-from-owner = 来自机器人主人
admin-from-guild = 来自服务器
admin-from-channel = 来自频道
admin-from-user = 你自己的
settings-set = 已为你设置，在哪里都有效：{ $key } = { $value }。
settings-reset = 已清除你的设置：{ $key }。
settings-reset-all = 已清除你的全部设置。
settings-reset-none = 你没有设置过。
admin-setting = - { $key }：**{ $value }** · { $source }
admin-automatic = 模型自带
admin-set = 已为{ $scope }设置：{ $key } = { $value }。
admin-reset = 已为{ $scope }清除：{ $key }。
admin-scope-guild = 本服务器
admin-scope-channel = { $channel }
admin-paused-guild = 本服务器已暂停作画，排队中的会保留，恢复后再画。
admin-paused-owner = 所有服务器已暂停作画，排队中的会保留，恢复后再画。
admin-resumed-guild = 本服务器已恢复作画。
admin-resumed-owner = 所有服务器已恢复作画。
admin-status = 状态
admin-no-painter = 没有画师连接。
admin-painter = { $model }，{ $device }（{ $dtype }），{ $state }
admin-painter-policy = 权重：{ $policy }
policy-resident = 全部常驻
policy-encoder-evicted = 作画时移出文本编码器
policy-fp8-storage = 以 8 位存放
policy-group-offload = 分组载入
policy-sequential = 逐层载入
admin-painter-speed = 每张约 { $seconds } 秒
admin-engines = 引擎
admin-engines-more = 另有 { $count } 个
admin-engine-files = { $kind }：{ $names }
admin-engine-memory = { $gigabytes } GiB
admin-engine-orders = 手上有 { $count } 个请求
engine-loading = 加载中
engine-broken = 无法启动
engine-ready = 就绪
engine-lost = 已断开，正在重启

help-title = 用文字作画
help-body =
    - **`/画图`** 加上提示词：用中文或英文说说画什么就行，其余都可以不填。
    - **重画**换个种子再画一次；**变体**保留画面、换掉细节；**放大**把尺寸加倍；**编辑**修改文字后重画。
    - **`/队列`** 看排队情况，**`/取消`** 撤回自己的请求。
help-style = - `风格` 决定画法。
help-enhance = - `扩写` 把你的话写成完整的提示词。
help-quality = - `精修` 再补画一遍细节。
help-variety = - `多样性` 让同一提示词的几张画不再雷同。
help-image = - `原图` 从你自己的图片画起，`重绘幅度` 决定改动多少，`遮罩` 或 `区域` 决定改哪里，透明的地方会补画。
help-rest =
    - 种子和提示词相同，画也相同。
    - 选项也可以写在提示词里：`一只猫 --ar 3:2 --不要 雾`。总想用的选项，用 **`/我的设置`** 记下来。
    - **更多**里还有别的：拉远、往画面外接着画、原图文件、删除等。
help-steps-title = 步数
help-steps-half = 时间减半，比较粗糙
help-steps-default = 模型最擅长的步数
help-steps-double = 时间加倍，效果往往没有更好
help-guidance-title = 引导
help-guidance-off = 关闭：快，反向提示词不起作用
help-guidance-on = 更贴合提示词，时间加倍
help-guidance-high = 色彩生硬，时间同样加倍

## 风格、扩写、精修

refusal-unknown-style = 没有“{ $style }”这种风格；输入时会列出可选的风格。
refusal-bad-style = 这样还不能作为风格。
refusal-style-name-unfit = 风格名称要有 1 到 { $limit } 个字符，并且只占一行。
refusal-style-too-long = 模板有 { $length } 个字符，最多 { $limit } 个。
refusal-style-without-prompt = 模板里要有且只有一处 { "{" }prompt{ "}" }，用来放用户写的内容；现在有 { $found } 处。
refusal-style-taken = 已经有“{ $style }”这种风格了。
refusal-too-many-styles = 本服务器自定义的风格已有 { $limit } 种，这是上限，请先移除一种。
refusal-nothing-to-change = 这样什么都不会变，请给出新的名称或模板。

feature-style = 风格
feature-enhance = 扩写提示词
feature-quality = 精修细节

option-style = 风格
option-style-text = 照片、动漫、水墨、文字海报……
option-enhance = 扩写
option-enhance-text = 让模型把你的话扩写成完整的提示词，原话会一并保留
option-quality = 精修
option-quality-text = 先扩写提示词，再补画一遍细节，需要更久
option-style_name = 名称
option-style_name-text = 大家选择时看到的名称
option-template = 模板
option-template-text = 围绕 { "{" }prompt{ "}" } 的文字，例如：一幅油画，{ "{" }prompt{ "}" }
option-chinese_name = 中文名称
option-chinese_name-text = 中文用户看到的名称
option-chinese_template = 中文模板
option-chinese_template-text = 用于中文提示词的模板

command-admin-styles = 风格
command-admin-styles-text = 本服务器的风格
command-admin-styles-list = 列表
command-admin-styles-list-text = 查看这里可以选的风格
command-admin-styles-add = 添加
command-admin-styles-add-text = 添加一种风格
command-admin-styles-change = 修改
command-admin-styles-change-text = 修改这里的一种风格，没填的保持不变
command-admin-styles-remove = 移除
command-admin-styles-remove-text = 在这里移除一种风格
command-admin-styles-restore = 还原
command-admin-styles-restore-text = 把改过或移除的风格还原成机器人自带的样子

styles-title = 风格
styles-none = 这里没有风格。
styles-more = 另有 { $count } 种
styles-line = - **{ $name }**：{ $template }
styles-added = 已添加风格“{ $name }”。
styles-changed = 已为本服务器修改风格“{ $name }”，之前的请求仍用原来的。
styles-removed = 已从本服务器移除风格“{ $name }”。
styles-restored = 风格“{ $name }”已还原成机器人自带的样子。

size-rounded = { $size }（模型能画的、最接近 { $asked } 的尺寸）
parameter-style = 风格：{ $style }
parameter-enhanced = 扩写：{ $text }
parameter-quality = 精修（时间 +{ $percent }%）
writing = 正在扩写提示词
quality-costs = 精修：多画 { $steps } 步补细节，时间约增加 { $percent }%。
quality-writes = 精修：先扩写提示词，再多画 { $steps } 步补细节，时间约增加 { $percent }%。

## 局部重绘，以及“更多”面板

refusal-mask-without-image = 遮罩或区域是指重画原图的哪一部分，所以需要先附上一张原图。
refusal-mask-or-region = 遮罩和区域只能给一个。
refusal-mask-paints-nothing = 这张遮罩里没有白色，而只有白色的部分才会重画。
refusal-mask-paints-everything = 这张遮罩全是白色，原图就什么都不剩了。想整张重画，请不要附遮罩。
refusal-mask-of-another-shape = 遮罩（{ $width } × { $height }）的长宽比要和原图（{ $image_width } × { $image_height }）一样。
refusal-nothing-to-finish = 没有可补完的：这幅画不是当前加载的模型画的，或者步数已经足够。
refusal-original-too-heavy = 原图有 { $size } MiB，而 Discord 在这里最多接受 { $limit } MiB。

failure-nothing-to-paint = 遮罩的白色部分都落在按画幅裁掉的地方，没有可重画的了。

kind-inpaint = 局部重绘
kind-outpaint = 扩展画面
region-left = 左半边
region-right = 右半边
region-top = 上半边
region-bottom = 下半边
region-centre = 中间

button-more = 更多
button-pick = 第 { $k } 张
button-zoom15 = 拉远 1.5 倍
button-zoom2 = 拉远 2 倍
button-pan-left = 向左延伸
button-pan-right = 向右延伸
button-pan-top = 向上延伸
button-pan-bottom = 向下延伸
button-region = 重画一部分
button-quality = 精修
button-enhance = 扩写
button-original = 原图文件
button-command = 复制命令
button-parameters = 参数
more-question = 要哪一张？
title-more = 这张图的更多操作
title-more-of = 第 { $k } 张的更多操作
more-zoom = 拉远：把周围的景物画出来
more-pan = 延伸：原图不动，往一边接着画
more-anew = 再画这一张：重画一部分、精修，或扩写提示词
more-kept = 留存：原图文件、可粘贴的命令、全部参数
title-parameters = 参数
title-parameters-of = 第 { $k } 张的参数
parameter-model = 模型 { $model }
parameter-asked = { $when } 提出，任务 { $id }
copy-this = 粘贴这行命令就能再画一次，也可以先改一改。
copy-this-with-picture = 粘贴这行命令就能再画一次，也可以先改一改。命令里带不了它所依据的图片，请重新附上。
original = 画好时的 PNG 原图，里面带有全部参数。

option-mask = 遮罩
option-mask-text = 与原图一起用：一张图，白色的地方会重画
option-region = 区域
option-region-text = 与原图一起用：要重画的部分，其余部分原样保留

feature-inpaint = 局部重绘
feature-outpaint = 画到画面之外

## 多样性，以及放大的方式

option-variety = 多样性
option-variety-text = 让同一提示词的几张画差别更大，0 到 1；太高会偏离提示词
setting-variety = 多样性
feature-variety = 多样性
feature-creative = 创意放大
feature-sharp = 清晰放大

parameter-variety = 多样性 { $variety }
parameter-near = 接近种子 { $seed }
kind-upscale-creative = 创意放大
kind-upscale-sharp = 清晰放大

more-vary = 变体：轻微变体贴近这张图，明显变体变化更大
button-vary-subtle = 轻微变体
button-vary-strong = 明显变体
more-upscale = 放大一倍的其他方式
button-upscale-creative = 创意放大
button-upscale-sharp = 清晰放大

## LoRA 与控制图

refusal-unknown-lora = 没有名为“{ $lora }”的 LoRA。请输入名称的一部分，再从列表里选。
refusal-same-lora-twice = “{ $lora }”给了两次。每个 LoRA 只写一次，用权重调强弱。
refusal-lora-weight-without-lora = 权重是指 LoRA 的强弱，所以需要先选一个 LoRA。
refusal-bad-flag = 提示词里的 { $flag } 我看不懂。
refusal-unknown-flag = 我不认识 { $flag }。提示词里可以写：{ $flags }。
refusal-flag-needs-number = { $flag } 后面要写数字，您写的是“{ $value }”。
refusal-flag-needs-words = { $flag } 后面要写点什么。
refusal-flag-twice = 提示词里有两个不同的 { $flag }，请只留一个。
refusal-flag-contradicts = 提示词里的 { $flag } 和选项“{ $name }”说的不一样，请只留一个。
refusal-too-many-loras = 一张图最多用 { $limit } 个 LoRA。
refusal-unknown-control = 这里不能按“{ $control }”来控制，可选：{ $controls }。
refusal-control-without-picture = 要控制画面，请用“控制图”附上一张参考图。
refusal-control-picture-without-kind = 请用“控制”选项说明这张控制图是什么，比如草图或姿势。

failure-lora-gone = LoRA“{ $lora }”已经不在了，请去掉它再试。
failure-lora-unusable = LoRA 文件 { $file } 不适用于当前模型，所以没有画。
failure-bad-control = 画师读不了这张控制图。

lora-unused = { $name }（{ $count } 个张量用不上）
parameter-lora = LoRA { $lora } × { $weight }
parameter-control = 参照{ $kind } × { $strength }
control-canny = 边缘
control-depth = 深度
control-pose = 姿势
control-scribble = 草图
control-tile = 细节

option-lora = lora
option-lora-text = 为这个模型训练的画风或主题，输入名称可搜索
option-lora_weight = lora权重
option-lora_weight-text = LoRA 的强弱，-4 到 4，不填为 1，低一些往往更好
option-lora2 = lora2
option-lora2-text = 第二个 LoRA；两个一起用可能互相削弱
option-lora2_weight = lora2权重
option-lora2_weight-text = 第二个 LoRA 的强弱，-4 到 4
option-control = 控制
option-control-text = 画面要保留控制图的什么：边缘、深度、姿势、草图或细节
option-control_image = 控制图
option-control_image-text = 要参照的图；边缘可从任意图片提取，其余几种需要现成的图
option-control_strength = 控制强度
option-control_strength-text = 参照的紧密程度，0.05 到 2，不填为 0.75

feature-lora = LoRA
feature-control = 参照控制图

## 模型与更换

refusal-model-stays = 模型保持不变。
refusal-no-engine-here = 这个机器人没有自己的引擎。接在消息服务器上的引擎，模型由各自的启动参数（--model）决定。
refusal-unknown-model = 没有“{ $model }”这个模型，可选：{ $models }。
refusal-same-model = 现在用的就是“{ $model }”。
refusal-model-changing = 正在更换模型，等换好再试。
failure-beyond-engines = 在线的画师都画不了这个，等了十分钟也没有能画的画师上线。可以按“重画”再试一次。
failure-model-changed = 模型换了，现在的模型画不了这个。按“重画”就会按它的尺寸来画。
waiting-model = 画师正在更换模型，这幅画先等一等

command-admin-model = 模型
command-admin-model-text = 查看或更换作画的模型（仅限机器人主人）
option-model = 模型
option-model-text = 要换成哪个模型；不填则列出可选的模型

model-title = 模型
model-current = 引擎启动时用的模型是 **{ $model }**。
model-offered = 可选：{ $models }
model-finishing = 正在换成 **{ $model }**：先画完手上的，排队的会保留。
model-loading = 正在换成 **{ $model }**：正在加载。
model-returning = **{ $model }** 无法加载：{ $problem } 正在换回原来的模型。
model-ready = 已换成 **{ $model }**，重启后仍然有效。
model-failed = **{ $model }** 无法加载：{ $problem } 已换回原来的模型。
