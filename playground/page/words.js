// Every sentence of the page in English and Simplified Chinese, and the language in use.

const EN = {
  title: "Zimagine playground",
  tagline: "playground",
  skip_composer: "Skip to the message box",
  skip_messages: "Skip to the messages",
  channels: "Channels",
  you_are: "You are",
  language: "Language",
  theme: "Theme",
  theme_light: "Light",
  theme_dark: "Dark",
  theme_system: "System",
  role_member: "member",
  role_moderator: "moderator",
  role_admin: "admin",
  role_guest: "guest",
  bot: "BOT",
  open_menu: "Open the channel list",
  close_menu: "Close the channel list",
  unread: "new messages",
  online: "online",
  status_idle: "loading",
  status_dnd: "cannot paint",
  offline: "offline",
  messages: "Messages",
  message_to: "Message #{channel}, or type / for commands",
  attach: "Attach a picture",
  send: "Send",
  not_heard: "The painter hears commands only.",
  paint_it: "Paint it: {line}",
  remove_file: "Remove {name}",
  drop_here: "Drop pictures to attach them",
  too_big: "{name} is {size}; the limit is {limit}.",
  bot_offline: "The painter is offline. You can look around; commands work again as soon as it is back.",
  reconnecting: "The connection to the playground is lost. Trying again …",
  no_server: "The playground does not answer. Is it still running?",
  welcome_title: "Welcome to #{channel}",
  welcome_text: "Say what you want to see, and the painter paints it here. Pick an example, or type / to see every command.",
  welcome_gallery: "Say what you want to see, and the painter paints it here. Press a picture to have it painted, or type / to see every command.",
  welcome_idle: "The painter is loading its model. Ask right away: your picture waits and is painted as soon as it is ready.",
  welcome_dnd: "The painter cannot start. The terminal where Zimagine runs says why.",
  example_star: "a red star above a blue circle on a white background",
  example_other: "a yellow heart to the left of a green ring, black background",
  example_foreign: "白色背景上的红色星星",
  run_example: "Send {line}",
  edit_example: "Change it first",
  used: "{name} used {command}",
  pressed: "{name} pressed a button",
  sent_form: "{name} filled in a form",
  a_command: "a command",
  thinking: "is thinking",
  sending: "Sending {command}",
  only_you: "Only you can see this",
  dismiss: "Dismiss message",
  edited: "(edited)",
  delete: "Delete message",
  delete_sure: "Press again to delete",
  copy_text: "Copy text",
  copied: "Copied",
  spoiler: "Spoiler",
  picture: "Picture",
  picture_of: "Picture {index} of {count}",
  view_picture: "View picture",
  no_description: "No description",
  open_original: "Open original",
  download: "Download",
  close: "Close",
  previous: "Previous picture",
  next: "Next picture",
  choose: "Choose …",
  choose_some: "Choose {min} to {max}",
  done: "Done",
  cancel: "Cancel",
  submit: "Submit",
  required: "required",
  needs_text: "Please fill this in.",
  too_short: "At least {min} characters, please.",
  pick_at_least: "Pick at least {min}.",
  pick_at_most: "Pick at most {max}.",
  not_here: "This kind of field is not available in the playground.",
  no_answer: "The application did not respond",
  failed: "This interaction failed",
  jump: "Jump to the latest",
  older: "Loading earlier messages …",
  beginning: "This is the beginning of #{channel}.",
  commands: "Commands",
  options: "Options",
  choices: "Choices",
  completion_keys: "Tab to complete · ↑ ↓ to choose · Esc to close",
  sent_unread: "{name} says: {text}",
  with_pictures: "{count} pictures",
  with_picture: "a picture",
  today: "Today",
  yesterday: "Yesterday",
  bytes: "{n} bytes",
};

const ZH = {
  title: "Zimagine 试画间",
  tagline: "试画间",
  skip_composer: "跳到输入框",
  skip_messages: "跳到消息列表",
  channels: "频道",
  you_are: "你的身份",
  language: "语言",
  theme: "主题",
  theme_light: "浅色",
  theme_dark: "深色",
  theme_system: "跟随系统",
  role_member: "成员",
  role_moderator: "版主",
  role_admin: "管理员",
  role_guest: "访客",
  bot: "机器人",
  open_menu: "打开频道列表",
  close_menu: "关闭频道列表",
  topic_paint: "输入 /画图，说说你想看到什么",
  topic_sketchbook: "草稿、变体、再来一次",
  "topic_quiet-corner": "没有人在看",
  unread: "有新消息",
  online: "在线",
  status_idle: "加载中",
  status_dnd: "无法作画",
  offline: "离线",
  messages: "消息",
  message_to: "在 #{channel} 发消息，或输入 / 查看命令",
  attach: "添加图片",
  send: "发送",
  not_heard: "画师只看命令，不看普通消息。",
  paint_it: "画出来：{line}",
  remove_file: "移除 {name}",
  drop_here: "松开即可添加图片",
  too_big: "{name} 的大小是 {size}，上限为 {limit}。",
  bot_offline: "画师不在线。你可以先四处看看，它回来后命令即可使用。",
  reconnecting: "与试画间的连接已断开，正在重试……",
  no_server: "试画间没有回应。它还在运行吗？",
  welcome_title: "欢迎来到 #{channel}",
  welcome_text: "说出你想看到的画面，画师就会在这里把它画出来。选一个例子，或输入 / 查看全部命令。",
  welcome_gallery: "说出你想看到的画面，画师就会在这里把它画出来。点一张图，让画师画给你看；或输入 / 查看全部命令。",
  welcome_idle: "画师正在加载模型。现在就可以提要求，它准备好后会马上画。",
  welcome_dnd: "画师无法启动，原因见运行 Zimagine 的终端。",
  example_star: "白色背景上的红色星星",
  example_other: "黄色爱心在绿色圆环的左边，黑色背景",
  example_foreign: "a red star above a blue circle on a white background",
  run_example: "发送 {line}",
  edit_example: "先修改再发送",
  used: "{name} 使用了 {command}",
  pressed: "{name} 按下了按钮",
  sent_form: "{name} 填写了表单",
  a_command: "命令",
  thinking: "正在思考",
  sending: "正在发送 {command}",
  only_you: "只有你能看到",
  dismiss: "不再显示",
  edited: "（已编辑）",
  delete: "删除消息",
  delete_sure: "再按一次即删除",
  copy_text: "复制文字",
  copied: "已复制",
  spoiler: "剧透",
  picture: "图片",
  picture_of: "第 {index} 张，共 {count} 张",
  view_picture: "查看图片",
  no_description: "没有描述",
  open_original: "打开原图",
  download: "下载",
  close: "关闭",
  previous: "上一张",
  next: "下一张",
  choose: "请选择……",
  choose_some: "选择 {min} 到 {max} 项",
  done: "完成",
  cancel: "取消",
  submit: "提交",
  required: "必填",
  needs_text: "请填写此项。",
  too_short: "至少需要 {min} 个字符。",
  pick_at_least: "至少选择 {min} 项。",
  pick_at_most: "最多选择 {max} 项。",
  not_here: "试画间暂不支持这种输入项。",
  no_answer: "应用没有响应",
  failed: "此交互失败",
  jump: "回到最新消息",
  older: "正在加载更早的消息……",
  beginning: "这里是 #{channel} 的开头。",
  commands: "命令",
  options: "选项",
  choices: "可选值",
  completion_keys: "Tab 补全 · ↑ ↓ 选择 · Esc 关闭",
  sent_unread: "{name}：{text}",
  with_pictures: "{count} 张图片",
  with_picture: "一张图片",
  today: "今天",
  yesterday: "昨天",
  bytes: "{n} 字节",
};

const TABLES = { en: EN, zh: ZH };
let language = "en";

export function setLanguage(next) {
  language = next in TABLES ? next : "en";
}

/** What the browser's owner most likely reads. */
export function preferredLanguage() {
  return (navigator.languages ?? [navigator.language]).map((tag) => tag.slice(0, 2)).find((tag) => tag in TABLES) ?? "en";
}

/** The locale as Discord names it, sent with everything the person does. */
export function locale() {
  return language === "zh" ? "zh-CN" : "en-US";
}

export function t(key, values = {}) {
  return TABLES[language][key].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** A channel's topic; Discord has one for all languages, the page says those of its own channels in both. */
export function topicOf({ name, topic }) {
  return TABLES[language][`topic_${name}`] ?? topic ?? "";
}

/** Fills every element that names its sentence: data-t (text), data-t-label (accessible name and tooltip). */
export function translatePage(root = document) {
  document.documentElement.lang = locale() === "zh-CN" ? "zh-CN" : "en";
  document.title = t("title");
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll("[data-t-label]")) {
    node.setAttribute("aria-label", t(node.dataset.tLabel));
    if (node.nodeName === "BUTTON") node.title = t(node.dataset.tLabel);
  }
}

/** A file size for people. */
export function fileSize(bytes) {
  if (bytes < 1024) return t("bytes", { n: bytes });
  const [unit, size] = bytes < 1024 * 1024 ? ["KB", 1024] : ["MB", 1024 * 1024];
  return `${new Intl.NumberFormat(locale(), { maximumFractionDigits: 1 }).format(bytes / size)} ${unit}`;
}
