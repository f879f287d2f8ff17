import { type RawToken, TextAssembler } from "../../lib/text-assembler";

const encoder = new TextEncoder();

function token(bytes: string | number[], origin: RawToken["origin"] = "target"): RawToken {
  return {
    id: 1,
    origin,
    bytes: typeof bytes === "string" ? encoder.encode(bytes) : Uint8Array.from(bytes),
  };
}

const texts = (tokens: { text: string }[]): string[] => tokens.map(({ text }) => text);

test("tokens come out with their text and origin", () => {
  const { released } = new TextAssembler([]).push([token("a", "draft"), token("b")]);
  expect(released.map(({ text, origin }) => [text, origin])).toEqual([
    ["a", "draft"],
    ["b", "target"],
  ]);
});

test("a character whose bytes are spread over tokens belongs to the one that completes it", () => {
  const assembler = new TextAssembler([]);
  const euro = [0xe2, 0x82, 0xac];
  expect(
    texts(assembler.push([token(euro.slice(0, 1)), token(euro.slice(1, 2))]).released),
  ).toEqual(["", ""]);
  expect(texts(assembler.push([token(euro.slice(2))]).released)).toEqual(["€"]);
});

test("a character that is never completed becomes the replacement character at the end", () => {
  const assembler = new TextAssembler([]);
  const { released } = assembler.push([token([0xe2, 0x82])]);
  expect(texts([...released, ...assembler.flush()]).join("")).toBe("\ufffd");
});

test("text is cut before a stop string, and tokens behind it are not taken", () => {
  const result = new TextAssembler(["END"]).push([token("abE"), token("NDxy"), token("z")]);
  expect(result).toMatchObject({ stopped: true, taken: 2 });
  expect(texts(result.released)).toEqual(["ab", ""]);
});

test("what may become a stop string is held back until it is decided", () => {
  const assembler = new TextAssembler(["\n\n"]);
  expect(texts(assembler.push([token("a"), token("b\n")]).released)).toEqual(["a"]);
  expect(texts(assembler.push([token("c")]).released)).toEqual(["b\n", "c"]);
});

test("what is held back comes out at the end", () => {
  const assembler = new TextAssembler(["stop!"]);
  expect(texts(assembler.push([token("please "), token("stop")]).released)).toEqual(["please "]);
  expect(texts(assembler.flush())).toEqual(["stop"]);
});

test("the earliest of several stop strings cuts", () => {
  const result = new TextAssembler(["c", "b"]).push([token("abc")]);
  expect(texts(result.released)).toEqual(["a"]);
});

test("a stop string is found across any number of tokens", () => {
  const assembler = new TextAssembler(["12345"]);
  const released = ["0", "1", "2", "3", "4"].flatMap((text) =>
    texts(assembler.push([token(text)]).released),
  );
  expect(released).toEqual(["0"]);
  expect(assembler.push([token("5")])).toMatchObject({ stopped: true, taken: 1 });
});

test("every way of splitting a text into tokens gives the same text", () => {
  const text = "aé€😀 stop sto";
  const bytes = [...encoder.encode(text)];
  for (let width = 1; width <= 5; ++width) {
    const assembler = new TextAssembler(["stop now"]);
    let out = "";
    for (let i = 0; i < bytes.length; i += width) {
      out += texts(assembler.push([token(bytes.slice(i, i + width))]).released).join("");
    }
    expect(out + texts(assembler.flush()).join("")).toBe(text);
  }
});
