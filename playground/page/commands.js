// Reads a command line as the playground's grammar does, to colour option names and to explain the option at the cursor.
import { locale } from "./words.js";

const SUBCOMMAND = 1;
const GROUP = 2;
export const ATTACHMENT = 11;

/** The name (or description) in the page's language. */
export const said = (item, field = "name") => item[`${field}_localizations`]?.[locale()] ?? item[field];

/** Whether a line is a command; a keyboard for Chinese has the other two where "/" lies. */
export const isCommand = (line) => /^[/／、]/.test(line);

const namesOf = (item) => [item.name, ...Object.values(item.name_localizations ?? {})].map((name) => name.toLowerCase());

/** {path, options, end} of the command that `line` starts with, or null. `end` is where its name ends. */
export function commandAt(line, commands) {
  const slash = /^[/／、]([^\s/]+)/.exec(line);
  if (!slash) return null;
  const top = commands.filter((each) => (each.type ?? 1) === 1).find((each) => namesOf(each).includes(slash[1].toLowerCase()));
  if (!top) return null;
  const path = [top];
  let end = slash[0].length;
  for (;;) {
    const below = (path.at(-1).options ?? []).filter((each) => each.type === SUBCOMMAND || each.type === GROUP);
    const word = /^\s+(\S+)/.exec(line.slice(end));
    const next = word && below.find((each) => namesOf(each).includes(word[1].toLowerCase()));
    if (!next) return { path, options: below.length ? [] : path.at(-1).options ?? [], whole: !below.length, end };
    path.push(next);
    end += word[0].length;
  }
}

/** A command as the bot names it ("admin status"), in the page's language. */
export function saidPath(path, commands) {
  let level = commands;
  const words = path.split(" ").map((name) => {
    const found = level.find((each) => each.name === name);
    level = found?.options ?? [];
    return found ? said(found) : name;
  });
  return words.join(" ");
}

/** The options present in `line`: [{option, start, value, end}], offsets of the name, the value and its end. */
export function optionSpans(line, command) {
  const found = [];
  const pattern = /(^|\s)([^\s:：]+)[:：]/gu; // an input method for Chinese types the second colon
  pattern.lastIndex = command.end;
  for (let match = pattern.exec(line); match; match = pattern.exec(line)) {
    const option = command.options.find((each) => namesOf(each).includes(match[2].toLowerCase()));
    const start = match.index + match[1].length;
    if (option) found.push({ option, start, value: pattern.lastIndex, end: line.length });
    else pattern.lastIndex = start + 1;
  }
  found.forEach((span, index) => {
    if (found[index + 1]) span.end = found[index + 1].start;
  });
  return found;
}

/** The line with the command's required options put in, and where to type next. */
export function withRequired(line, commands) {
  const command = commandAt(line, commands);
  if (!command?.whole) return { line, cursor: line.length };
  const present = optionSpans(line, command).map(({ option }) => option);
  const missing = command.options.filter((each) => each.required && !present.includes(each));
  if (!missing.length) return { line, cursor: line.length };
  const before = `${line.trimEnd()} ${said(missing[0])}:`;
  return { line: before + missing.slice(1).map((each) => ` ${said(each)}:`).join(""), cursor: before.length };
}

/** Where the next option without a value waits, at or after `from`; -1 when there is none. */
export function nextEmptyValue(line, commands, from) {
  const command = commandAt(line, commands);
  if (!command) return -1;
  const empty = optionSpans(line, command).find((span) => span.value > from && line.slice(span.value, span.end).trim() === "");
  return empty ? empty.value : -1;
}

/** `line` with `@name` in its first free attachment option; unchanged when there is none. */
export function withFile(line, commands, name) {
  const command = commandAt(line, commands);
  if (!command || line.includes(`:@${name}`)) return line;
  const spans = optionSpans(line, command);
  for (const option of command.options.filter((each) => each.type === ATTACHMENT)) {
    const span = spans.find((each) => each.option === option);
    if (!span) return `${line.trimEnd()} ${said(option)}:@${name}`;
    if (line.slice(span.value, span.end).trim() === "") return `${line.slice(0, span.value)}@${name}${line.slice(span.end) ? " " : ""}${line.slice(span.end)}`;
  }
  return line;
}
