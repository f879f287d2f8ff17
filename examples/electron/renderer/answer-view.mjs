import { make } from "./elements.mjs";

/** A question with its answer, token by token. */
export class AnswerView {
  #conversation;
  #text = make("p", { className: "answer" });
  #meta = make("p", { className: "meta" });
  /** Tokens that came since the last frame. */
  #waiting = [];

  constructor(conversation, question, note) {
    this.#conversation = conversation;
    const heading = make("p", { className: "question" }, question);
    if (note) heading.append(make("small", {}, note));
    conversation.append(make("article", {}, heading, this.#text, this.#meta));
    this.#scroll();
  }

  /** The text without what was rejected. */
  get text() {
    this.#draw();
    const kept = this.#text.querySelectorAll("span");
    return Array.from(kept, ({ textContent }) => textContent).join("");
  }

  /** @param {import("../protocol.mjs").ShownToken[]} tokens */
  add(tokens) {
    if (this.#waiting.length === 0) requestAnimationFrame(() => this.#draw());
    this.#waiting.push(...tokens);
  }

  /** @param {...(Node | string)} content */
  end(...content) {
    this.#draw();
    this.#meta.replaceChildren(...content);
    this.#scroll();
  }

  #draw() {
    const atEnd = this.#isAtEnd;
    this.#text.append(...this.#waiting.splice(0).flatMap(elementsOf));
    if (atEnd) this.#scroll();
  }

  /** Who has scrolled back to read is left alone. */
  get #isAtEnd() {
    const { scrollTop, scrollHeight, clientHeight } = this.#conversation;
    return scrollHeight - scrollTop - clientHeight < 40;
  }

  #scroll() {
    this.#conversation.scrollTop = this.#conversation.scrollHeight;
  }
}

function elementsOf({ text, fate, rejected = [] }) {
  const token = (tag, content, fate) => {
    const element = make(tag, { className: "token" }, content);
    element.dataset.fate = fate;
    return element;
  };
  return [
    ...rejected.filter(Boolean).map((draft) => token("del", draft, "rejected")),
    ...(text ? [token("span", text, fate)] : []),
  ];
}
