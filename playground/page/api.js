// The page's side of the playground's API: JSON requests, and a WebSocket that comes back by itself.
import { said } from "./refusals.js";
import { t } from "./words.js";

/** A refusal in one sentence, fit to be shown. */
export class Refusal extends Error {}

export function get(path, parameters) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined));
  return answer(fetch(`/page/${path}?${query}`));
}

/** `files`: [{name, file}]; with files the JSON travels as the part "payload". */
export function post(path, body, files = []) {
  if (!files.length) {
    return answer(fetch(`/page/${path}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }));
  }
  const form = new FormData();
  form.append("payload", JSON.stringify(body));
  files.forEach(({ name, file }, index) => form.append(`file${index}`, file, name));
  return answer(fetch(`/page/${path}`, { method: "POST", body: form }));
}

async function answer(request) {
  let response;
  try {
    response = await request;
  } catch {
    throw new Refusal(t("no_server"));
  }
  const text = await response.text();
  let body = {};
  try {
    body = text ? JSON.parse(text) : {};
  } catch {
    if (response.ok) throw new Refusal(t("no_server"));
  }
  if (!response.ok) throw new Refusal(said(body.error ?? `${response.status} ${response.statusText}`));
  return body;
}

const FIRST_WAIT = 400; // ms; doubled after each failure
const LONGEST_WAIT = 5000; // ms

export class Events {
  /** `hear(event)` for each event, `state("open" | "lost", again)` as the line comes and goes. */
  constructor(hear, state) {
    this.hear = hear;
    this.state = state;
    this.wait = FIRST_WAIT;
    this.again = false;
  }

  /** From now on this person's events; resolves when the line is open, or at the first failure. */
  listenAs(person) {
    this.person = person;
    this.again = false;
    return new Promise((tried) => {
      this.tried = tried;
      this.#connect();
    });
  }

  #connect() {
    clearTimeout(this.timer);
    const old = this.socket;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/page/events?person=${encodeURIComponent(this.person)}`);
    this.socket = socket;
    old?.close();
    socket.onopen = () => {
      if (socket !== this.socket) return;
      this.wait = FIRST_WAIT;
      this.state("open", this.again);
      this.again = true;
      this.tried();
    };
    socket.onmessage = (event) => {
      if (socket === this.socket) this.hear(JSON.parse(event.data));
    };
    socket.onclose = () => {
      if (socket !== this.socket) return;
      this.again = true;
      this.tried();
      this.state("lost", true);
      this.timer = setTimeout(() => this.#connect(), this.wait * (0.75 + Math.random() / 2));
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    };
  }
}
