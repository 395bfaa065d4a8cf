// The page's composition root: state, the words between the parts, and what the server tells.
import { Events, Refusal, get, post } from "./api.js";
import { startTicking } from "./clock.js";
import { isCommand, saidPath } from "./commands.js";
import { Composer } from "./composer.js";
import { acceptDrops } from "./drop.js";
import { Feed } from "./feed.js";
import { Form } from "./form.js";
import { Lightbox } from "./lightbox.js";
import { Sidebar } from "./sidebar.js";
import { opening } from "./welcome.js";
import { locale, preferredLanguage, setLanguage, t, topicOf, translatePage } from "./words.js";

const PAGE = 50; // messages asked for at once
const FIRST_PERSON = "1100000000000000011"; // Mia, of playground/people.py
const PATIENCE = 20000; // ms after which a silent server counts as a failed interaction

const $ = (id) => document.getElementById(id);
const remembered = (key, otherwise) => localStorage.getItem(`zimagine.${key}`) ?? otherwise;
const remember = (key, value) => localStorage.setItem(`zimagine.${key}`, value);

const scene = {
  state: { bot: { online: true }, channels: [], people: [], commands: [], limits: {}, gallery: {} },
  person: remembered("person", FIRST_PERSON),
  channel: remembered("channel", null),
  language: preferredLanguage(),
  theme: remembered("theme", "system"),
  unread: new Set(),
  drafts: new Map(),
};
const pending = new Map(); // nonce -> {settle(failure)}
const pressed = new Set(); // ids of messages whose button or select waits for the bot

const me = () => scene.state.people.find(({ id }) => id === scene.person) ?? { id: scene.person, name: "", role: "guest" };
const channel = () => scene.state.channels.find(({ id }) => id === scene.channel) ?? { id: scene.channel, name: "" };
/** What a mention means; null when nobody knows. */
const names = (kind, id) => {
  const { people, channels, commands, bot } = scene.state;
  if (kind === "command") return saidPath(id, commands ?? []);
  if (kind === "channel") return channels.find((each) => each.id === id)?.name ?? null;
  return people.find((each) => each.id === id)?.name ?? (id === bot?.id ? bot.name : null);
};

const lightbox = new Lightbox($("lightbox"));
const form = new Form($("form"));
const feed = new Feed($("chat"), () => ({ me: me(), people: scene.state.people, channels: scene.state.channels, names }), {
  press,
  open: (pictures, index) => lightbox.open(pictures, index),
  dismiss: (message) => quietly(post("dismiss", { person: scene.person, message: message.id }).then(() => feed.remove(message.id))),
  remove: (message) => quietly(post("delete", { person: scene.person, channel: scene.channel, message: message.id })),
  older: (before) => messagesBefore(before),
});
const composer = new Composer($("composer"), {
  send,
  complete: (text, cursor) => post("complete", { ...whoAndWhere(), text, cursor }),
  commands: () => scene.state.commands ?? [],
  limit: () => scene.state.limits?.attachment_size ?? 10 * 1024 * 1024,
});
const sidebar = new Sidebar($("side"), $("open-side"), $("curtain"), { channel: goTo, person: become, language: speak, theme: paint });
const events = new Events(hear, connection);

function whoAndWhere() {
  return { person: scene.person, channel: scene.channel, locale: locale() };
}

/** Registers a nonce; `settle(failure)` is called once, with null when the bot answered. */
function expect(settle) {
  const nonce = crypto.randomUUID();
  const once = (failure) => {
    if (!pending.delete(nonce)) return;
    clearTimeout(timer);
    settle(failure);
  };
  const timer = setTimeout(() => once(t("no_answer")), PATIENCE);
  pending.set(nonce, { settle: once });
  return nonce;
}

/** Resolves with the command line that a plain message may have been meant for. */
async function send(text, files) {
  const command = isCommand(text) ? text.split(/\s/)[0] : null;
  const nonce = expect((failure) => feed.arrive(nonce, failure));
  if (command) feed.wait(nonce, command);
  else feed.toEnd();
  try {
    const { interaction_id: interaction, meant } = await post("say", { ...whoAndWhere(), text, nonce }, files);
    if (!interaction) pending.get(nonce)?.settle(null);
    return meant;
  } catch (refusal) {
    pending.get(nonce)?.settle(null);
    throw refusal;
  }
}

async function press(message, customId, values) {
  if (pressed.has(message.id)) return;
  pressed.add(message.id);
  const nonce = expect((failure) => {
    pressed.delete(message.id);
    feed.settle(message.id, null, failure);
  });
  feed.settle(message.id, customId);
  try {
    await post("click", { ...whoAndWhere(), message: message.id, custom_id: customId, values, nonce });
  } catch (refusal) {
    pending.get(nonce)?.settle(refusal.message || t("failed"));
  }
}

function openForm(modal) {
  const submit = (fields, files) =>
    new Promise((done, fail) => {
      const nonce = expect((failure) => (failure ? fail(new Refusal(failure)) : done()));
      const body = { ...whoAndWhere(), interaction_id: modal.interaction_id, fields, nonce };
      post("submit", body, files).catch((refusal) => pending.get(nonce)?.settle(refusal.message));
    });
  form.open(modal, submit);
}

function hear(event) {
  if (meanwhile && ["message", "delete"].includes(event.type)) meanwhile.push(event);
  const hearers = {
    bot: () => {
      scene.state.bot = { ...scene.state.bot, ...event, type: undefined };
      drawAround();
      feed.refresh(start);
    },
    commands: () => {
      scene.state.commands = event.commands;
      composer.refresh();
      feed.refresh(start);
    },
    message: () => {
      if (event.message.channel_id === scene.channel) feed.upsert(event.message);
      else if (!scene.unread.has(event.message.channel_id) && !event.message.edited_timestamp) {
        scene.unread.add(event.message.channel_id);
        drawAround();
      }
    },
    delete: () => event.channel_id === scene.channel && feed.remove(event.id),
    interaction: () => {
      if (event.state === "sent") return;
      const failure = event.state !== "failed" ? null : !event.error || /did not respond/.test(event.error) ? t("no_answer") : event.error;
      pending.get(event.nonce)?.settle(failure);
    },
    modal: () => {
      pending.get(event.nonce)?.settle(null);
      openForm(event.modal);
    },
  };
  hearers[event.type]?.();
}

let lost = false;

async function connection(state, again) {
  lost = state === "lost";
  drawBanner();
  if (state === "open" && again) await quietly(reload(true));
}

/** Asks for everything once more; `keep` leaves the reader where they are. */
async function reload(keep) {
  scene.state = await get("state", { person: scene.person });
  drawAround();
  await showChannel(keep);
}

async function messagesBefore(before) {
  const { messages } = await get("messages", { channel: scene.channel, person: scene.person, before, limit: PAGE });
  return { messages, more: messages.length === PAGE };
}

let meanwhile = null; // what was told while a channel's messages were on their way: they may be older than it

async function showChannel(keep = false) {
  const wanted = `${scene.channel} ${scene.person}`;
  const told = (meanwhile = []);
  const { messages, more } = await messagesBefore();
  if (told !== meanwhile || wanted !== `${scene.channel} ${scene.person}`) return;
  meanwhile = null;
  feed.show(messages, { more, start, keep });
  told.forEach(hear);
}

async function goTo(id) {
  sidebar.toggle(false);
  if (id === scene.channel) return;
  scene.drafts.set(scene.channel, composer.text);
  scene.channel = id;
  scene.unread.delete(id);
  remember("channel", id);
  drawAround();
  composer.write(scene.drafts.get(id) ?? "");
  await quietly(showChannel());
  composer.focus();
}

async function become(id) {
  scene.person = id;
  remember("person", id);
  chooseLanguage();
  drawAround();
  composer.refresh();
  await events.listenAs(id);
  await quietly(reload(false));
}

/** The language once chosen; until then each person's own, English people following the browser. */
function chooseLanguage() {
  const own = me().locale?.startsWith("zh") ? "zh" : preferredLanguage();
  scene.language = remembered("language", own);
  setLanguage(scene.language);
}

function speak(language) {
  remember("language", language);
  chooseLanguage();
  drawAround();
  composer.refresh();
  feed.refresh(start);
}

function paint(theme) {
  scene.theme = theme;
  remember("theme", theme);
  document.documentElement.dataset.theme = theme;
  drawAround();
}

/** Everything but messages and what is being typed. */
function drawAround() {
  translatePage();
  sidebar.draw(scene);
  const { name } = channel();
  $("channel-name").textContent = name;
  $("channel-topic").textContent = topicOf(channel());
  $("input").placeholder = t("message_to", { channel: name });
  drawBanner();
}

function drawBanner() {
  const words = lost ? t("reconnecting") : scene.state.bot?.online === false ? t("bot_offline") : "";
  if ($("banner").textContent !== words) $("banner").textContent = words;
  $("banner").hidden = !words;
}

/** What stands above the first message. */
function start(empty, more) {
  const edit = (line) => {
    composer.write(line);
    composer.focus();
  };
  const act = { send: (line) => composer.send(line), edit };
  return opening({ empty, more, channel: channel().name, status: scene.state.bot?.status, commands: scene.state.commands ?? [], gallery: scene.state.gallery?.[locale()] ?? [], act });
}

/** Shows a refusal in the banner's place for as long as the next one does not come; never a lost promise. */
async function quietly(promise) {
  try {
    await promise;
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    $("banner").textContent = refusal.message;
    $("banner").hidden = false;
  }
}

/** Typing anywhere goes into the message box, as people expect of a chat. */
function typeAnywhere(event) {
  const typing = event.target.closest?.("input, textarea, select, dialog, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1 || event.key === " ") return;
  composer.focus();
}

async function begin() {
  document.documentElement.dataset.theme = scene.theme;
  chooseLanguage();
  translatePage();
  scene.state = await get("state", { person: scene.person }).catch(() => get("state", { person: (scene.person = FIRST_PERSON) }));
  chooseLanguage();
  if (!scene.state.channels.some(({ id }) => id === scene.channel)) scene.channel = scene.state.channels[0].id;
  drawAround();
  await events.listenAs(scene.person);
  await showChannel();
  acceptDrops($("chat"), (files) => composer.attach(files));
  startTicking();
  document.addEventListener("keydown", typeAnywhere);
  if (matchMedia("(hover: hover)").matches) composer.focus();
  document.documentElement.dataset.ready = "";
}

quietly(begin());
