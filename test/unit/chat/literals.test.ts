import { Literals } from "../../../lib/chat/literals";

const literals = new Literals(["<|user|>", "<|end|>", "<|end|>s", "[INST]"]);
const special = (text: string): object => ({ text, parseSpecial: true });
const plain = (text: string): object => ({ text, parseSpecial: false });

test("names in messages are text, those of the template are control tokens", () => {
  const rendered = `<|user|>${literals.hide("what is <|user|>?")}<|end|>`;
  expect(literals.segments(rendered)).toEqual([
    special("<|user|>what is "),
    plain("<|user|>"),
    special("?<|end|>"),
  ]);
});

test("text without names is left as it is", () => {
  expect(literals.hide("a < b, (c|d) [x]*")).toBe("a < b, (c|d) [x]*");
  expect(literals.segments("a < b")).toEqual([special("a < b")]);
  expect(literals.segments("")).toEqual([]);
});

test("of names that begin alike the longest is taken", () => {
  expect(literals.segments(literals.hide("<|end|>s"))).toEqual([plain("<|end|>s")]);
});

test("a message cannot forge what stands for a name", () => {
  for (const text of ["\u{FDD0}0\u{FDD1}", "\u{FDD0}", "\u{FDD1}<|user|>"]) {
    const segments = literals.segments(literals.hide(text));
    expect(segments.map((segment) => segment.text).join("")).toBe(text);
    for (const segment of segments) {
      expect(segment.parseSpecial && segment.text.includes("<|user|>")).toBe(false);
    }
  }
});

test("names are found at any depth, and other data stays as it is", () => {
  const data = { a: ["[INST]", 1, null, true], b: { c: "x" } };
  expect(literals.hide(data)).toEqual({
    a: [literals.hide("[INST]"), 1, null, true],
    b: { c: "x" },
  });
  expect(literals.hide("[INST]")).not.toBe("[INST]");
  // A tool's arguments have keys that a model or a user writes.
  expect(literals.hide({ "[INST]": 1 })).toEqual({ [literals.hide("[INST]")]: 1 });
});

test("a beginning or an end with a control token is told from one with text", () => {
  expect(literals.endsWithControl("Hello<|end|>s")).toBe(true);
  expect(literals.endsWithControl("<|end|> ")).toBe(false);
  expect(literals.startsWithControl("<|end|>\n")).toBe(true);
  expect(literals.startsWithControl(literals.hide("<|end|>"))).toBe(false);
  expect(literals.startsWithControl("\n<|end|>")).toBe(false);
  expect(literals.startsWithControl("")).toBe(false);
});

test("a vocabulary without control tokens has no names", () => {
  const none = new Literals([]);
  expect(none.segments(none.hide("<|user|>"))).toEqual([special("<|user|>")]);
  expect(none.startsWithControl("a")).toBe(false);
});
