# 简体中文。键与 en-US.ftl 一一对应。

## 拒绝

refusal-refused = 这个做不了。
refusal-invalid = 这样没法画。
refusal-empty-prompt = 提示词是空的，请告诉我画什么。
refusal-prompt-too-long = 提示词有 { $length } 个字符，最多 { $limit } 个。
refusal-unknown-shape = 没有“{ $shape }”这种画幅，可选：{ $shapes }。
refusal-out-of-range = “{ $name }”要在 { $least } 到 { $most } 之间，你给的是 { $value }。
refusal-steps-over-ceiling = { $steps } 步超过了这里允许的 { $ceiling } 步。
refusal-negative-without-guidance = 引导为 0 时反向提示词不起作用。请不填引导，或把它设为大于 0。
refusal-strength-without-image = 重绘幅度是指原图改动多少，所以需要先附上一张原图。
refusal-not-offered = 当前加载的模型不支持：{ $feature }。
refusal-too-large = 那样会有 { $width } × { $height } 像素，这个模型每边最多 { $most } 像素。
refusal-bad-picture = 这个文件用不了。
refusal-empty-picture = 这个文件是空的。
refusal-not-a-picture = 这个文件不是我能读取的图片，请发送 PNG、JPEG、WebP 或 GIF。
refusal-picture-too-heavy = 这个文件有 { $size } MiB，最多 { $limit } MiB。
refusal-too-many-pixels = 这张图片有 { $width } × { $height } 像素，最多 { $limit } 百万像素。
refusal-foreign-picture = 我只读取上传到 Discord 的图片。
refusal-limit-reached = 你已达到上限 { $limit }，请在 { $retry } 再试。
refusal-per-minute-reached = 每分钟最多画 { $limit } 张，请在 { $retry } 再试。
refusal-per-day-reached = 每天最多画 { $limit } 张，请在 { $retry } 再试。
refusal-in-flight-reached = 你已有 { $limit } 个请求还没完成，这是同时进行的上限。等其中一个画好再试。
refusal-queue-full = 队列已满（{ $limit } 个），请在 { $retry } 再试。
refusal-unavailable = 现在画不了，请过一分钟再试。
refusal-painter-loading = 画师还在加载模型，请过一分钟再试。
refusal-paused = 这里暂停作画了，等管理员恢复。
refusal-disk-full = 我的磁盘快满了。请等机器人的主人腾出空间后再试。
refusal-not-allowed = 你没有权限这样做。
refusal-not-yours = 这是别人的画，只有作者或版主可以这样做。
refusal-needs-moderator = 这需要“管理消息”权限。
refusal-needs-admin = 这需要“管理服务器”权限。
refusal-needs-owner = 只有这个机器人的主人可以这样做。
refusal-channel-forbidden = 我不能在这个频道发言，请管理员开放权限。
refusal-not-there = 没有这样的东西。
refusal-unknown-job = 我已经不记得这幅画了。
refusal-picture-gone = 这张图片已经不在了。
refusal-nothing-to-cancel = 你没有正在等待或正在画的请求。
refusal-too-late = 晚了一步，已经完成了。
refusal-bad-setting = “{ $key }”不能是“{ $value }”，可以是：{ $allowed }。
refusal-over-ceiling = “{ $key }”不能设为 { $value }，机器人主人最多允许 { $ceiling }。

bug = 我这边出了点问题，已记录，编号 { $id }。
outdated-command = 这个命令有更新，请重新加载 Discord 后再试。

## 失败

failure-unknown = 画师没能完成这幅画。
failure-not-shown = 已经画好，但 Discord 没有接受这张图片。
failure-out-of-memory = 画师内存不够了，请换小一点的画幅或少画几张。
failure-flat-picture = 画出来是一片空白，请换个种子再试。
failure-bad-source = 画师读不了那张原图。
failure-worker-error = 画师画这幅画时出了错，请再试一次。
failure-prompt-too-many-tokens = 提示词对这个模型来说太长了：{ $tokens } 个词元，最多 { $limit } 个。
failure-too-large = 这个尺寸超出了模型的能力。
failure-poison = 画师为这幅画崩溃了好几次，只好放弃。

## 任务消息

waiting = 等待中
waiting-next = 下一个就是
waiting-paused = 已暂停作画
waiting-place = 排在第 { $place } 位
waiting-again = 画师重启了，这幅画重新排队
waiting-painter = 画师正在启动
painting = 正在画
painting-step = { $step } / { $steps }
finishing = 正在收尾
cancelling = 正在取消
due-at = 预计 { $when }
cancelled = 已取消
failed = 没能画成
shown-as = 受 Discord 大小限制，以 { $format } 显示；PNG 原图已保留。

parameter-seed = 种子 { $seed }
parameter-seeds = 种子 { $first } 至 { $last }
parameter-steps = { $steps } 步
parameter-guidance = 引导 { $guidance }（时间加倍）
parameter-strength = 重绘幅度 { $strength }
parameter-seconds = { $seconds } 秒
parameter-negative = 不要：{ $negative }
kind-image = 以图作画
kind-upscale = 放大
some-missing = 有 { $missing } 张没能画成。
guidance-doubles = 引导已开启（{ $guidance }）：每一步要画两遍，时间加倍。
alt-picture = { $prompt }
alt-pictures = 第 { $k } 张，共 { $count } 张：{ $prompt }
alt-preview = 预览：{ $prompt }

button-reroll = 重画
button-vary = 变化 { $k }
button-upscale = 放大 { $k }
button-edit = 编辑
button-delete = 删除
button-cancel = 取消
button-prompt = 完整提示词

full-prompt = 完整提示词

## “编辑”表单

form-title = 修改后重新画
form-prompt = 提示词
form-negative = 反向提示词
form-negative-note = 不想出现的内容，时间会加倍。
form-shape = 画幅
form-shape-note = 可选：{ $shapes }
form-seed = 种子
form-seed-note = 留空则换一个新的。
form-steps = 步数
form-steps-note = { $least } 到 { $most }

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
setting-queue = 队列长度
setting-paused = 暂停
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
queue-mine-place = 第 { $place } 位
queue-none-mine = 其中没有你的请求。
forget-done = { $count ->
        [0] 没有保存任何关于你的内容。
       *[other] 已删除你的 { $count } 个请求及其文字和图片。我发出的消息会保留，直到你自己删除。
    }
cancel-done = 已取消 { $count } 个请求。

admin-defaults = 设置
admin-from-owner = 来自机器人主人
admin-from-guild = 来自服务器
admin-from-channel = 来自频道
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
admin-painter-speed = 每张约 { $seconds } 秒
admin-engines = 引擎
admin-engines-more = 另有 { $count } 个
admin-engine-memory = { $gigabytes } GiB
admin-engine-orders = 持有 { $count } 个请求
engine-loading = 加载中
engine-ready = 就绪
engine-lost = 已断开，正在重启

help-title = 用文字作画
help-body =
    - **`/画图`** 加上提示词：用中文或英文说说画什么就行，其余都可以不填。
    - **重画**换个种子再画一次；**变化 1** 保留画面、换掉细节；**放大 1** 把尺寸加倍；**编辑**修改文字后重画。
    - **`/队列`** 看排队情况，**`/取消`** 撤回自己的请求。
    - `原图` 从你自己的图片画起，`重绘幅度` 决定改动多少。种子和提示词相同，画也相同。
help-steps-title = 步数
help-steps-half = 时间减半，比较粗糙
help-steps-default = 模型最擅长的步数
help-steps-double = 时间加倍，很少更好
help-guidance-title = 引导
help-guidance-off = 关闭：快，反向提示词不起作用
help-guidance-on = 更贴合提示词，时间加倍
help-guidance-high = 色彩生硬，时间同样加倍
