// What the playground refuses, said in Chinese. The server says it in English; what is not known here stays English.
import { locale } from "./words.js";

// Pattern of the English sentence -> Chinese; $1, $2 ... are its parts.
const CHINESE = [
  [/^There is nothing to send\.$/, "没有可以发送的内容。"],
  [/^The application did not respond\.?$/, "应用没有响应。"],
  [/^There is no command "(.+)"; there are (.+)\.$/, "没有“$1”这个命令，可用的有 $2。"],
  [/^There is no command "(.+)"\.$/, "没有“$1”这个命令。"],
  [/^A command starts with "\/"\.$/, "命令以“/”开头。"],
  [/^(\S.*) does not understand "(.+)" before its first option\. Write "(.+)"\.$/, "$1 无法理解第一个选项之前的“$2”，请写成“$3”。"],
  [/^(\S.*) does not understand "(.+)" before its first option\.(.*)$/, "$1 无法理解第一个选项之前的“$2”。$3"],
  [/^(\S.*) needs the option "(.+)"\.$/, "$1 缺少选项“$2”。"],
  [/^(\/.*) needs one of: (.+)\.$/, "$1 后面需要以下之一：$2。"],
  [/^The option "(.+)" is given twice\.$/, "选项“$1”写了两次。"],
  [/^The option "(.+)" is empty\.$/, "选项“$1”是空的。"],
  [/^"(.+)" is not a choice of "(.+)"; there are (.+)\.$/, "“$1”不是“$2”的可选值，可选的有 $3。"],
  [/^The option "(.+)" wants a whole number, not "(.+)"\.$/, "选项“$1”需要整数，而不是“$2”。"],
  [/^The option "(.+)" wants a number, not "(.+)"\.$/, "选项“$1”需要数字，而不是“$2”。"],
  [/^The option "(.+)" wants true or false, not "(.+)"\.$/, "选项“$1”需要“是”或“否”，而不是“$2”。"],
  [/^The option "(.+)" must be (.+) or more\.$/, "选项“$1”不能小于 $2。"],
  [/^The option "(.+)" must be (.+) or less\.$/, "选项“$1”不能大于 $2。"],
  [/^The option "(.+)" takes at least (.+) characters, not (.+)\.$/, "选项“$1”至少需要 $2 个字符，现在是 $3 个。"],
  [/^The option "(.+)" takes (?:at most )?(.+) characters, not (.+)\.$/, "选项“$1”最多 $2 个字符，现在是 $3 个。"],
  [/^(.+) may not attach files here\.$/, "$1 不能在这里添加文件。"],
  [/^(.+) may delete only their own messages\.$/, "$1 只能删除自己的消息。"],
  [/^A message has at most (.+) characters, this one has (.+)\.$/, "一条消息最多 $1 个字符，这条有 $2 个。"],
  [/^No option takes the file "(.+)"; write for example "(.+)"\.$/, "没有选项使用文件“$1”，例如可以写“$2”。"],
  [/^"(.+)" is too large; files may have (.+) MiB\.$/, "“$1”太大，文件最大 $2 MiB。"],
  [/^The file "(.+)" is not attached\.$/, "没有添加文件“$1”。"],
  [/^Nobody and nothing here is called "(.+)"\.$/, "这里没有叫“$1”的人或事物。"],
  [/^This is too large to send\.$/, "内容太大，无法发送。"],
  [/^This message is gone\.$/, "这条消息已经不在了。"],
  [/^This message has no such button any more\.$/, "这条消息已经没有这个按钮了。"],
  [/^No message here has a button "(.+)"; there are (.+)\.$/, "这里没有带“$1”按钮的消息，可用的有 $2。"],
  [/^No message here has a button "(.+)"\.$/, "这里没有带“$1”按钮的消息。"],
  [/^This button is disabled\.$/, "这个按钮已停用。"],
  [/^This button opens no form\.$/, "这个按钮不会打开表单。"],
  [/^This form is no longer open\.$/, "这个表单已经关闭了。"],
  [/^The form has no field "(.+)"\.$/, "表单里没有“$1”这一项。"],
  [/^The form does not understand "(.+)"; its fields are (.+)\.$/, "表单无法理解“$1”，它的各项是 $2。"],
  [/^The field "(.+)" is given twice\.$/, "“$1”这一项写了两次。"],
  [/^(.+): write text\.$/, "$1：请填写文字。"],
  [/^(.+): this field is required\.$/, "$1：此项必填。"],
  [/^(.+): at least (.+) characters, not (.+)\.$/, "$1：至少需要 $2 个字符，现在是 $3 个。"],
  [/^(.+): (?:at most )?(.+) characters, not (.+)\.$/, "$1：最多 $2 个字符，现在是 $3 个。"],
  [/^(.+): choose (.+) to (.+)\.$/, "$1：请选择 $2 到 $3 项。"],
  [/^(.+): choose (.+)\.$/, "$1：请选择 $2 项。"],
  [/^Choose (.+) to (.+)\.$/, "请选择 $1 到 $2 项。"],
  [/^Choose (.+)\.$/, "请选择 $1 项。"],
  [/^(.+): "(.+)" is not on offer\.$/, "$1：没有“$2”这个选项。"],
  [/^"(.+)" is not on offer\.$/, "没有“$1”这个选项。"],
  [/^(.+): attach at least (.+) and at most (.+)\.$/, "$1：请添加 $2 到 $3 个文件。"],
  [/^(.+): the file "(.+)" is not attached\.$/, "$1：没有添加文件“$2”。"],
  [/^Only messages that nobody else sees can be dismissed\.$/, "只有别人看不到的消息才能这样移除。"],
  [/^There is no such channel\.$/, "没有这个频道。"],
  [/^Nobody here has this id\.$/, "这里没有这个人。"],
];

/** The sentence in the page's language. */
export function said(sentence) {
  if (locale() !== "zh-CN") return sentence;
  const known = CHINESE.find(([pattern]) => pattern.test(sentence));
  return known ? sentence.replace(...known) : sentence;
}
