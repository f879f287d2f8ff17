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

const euro = [0xe2, 0x82, 0xac];

test("a character whose bytes are spread over tokens belongs to the one that completes it", () => {
  const assembler = new TextAssembler([]);
  const first = assembler.push([token(euro.slice(0, 1)), token(euro.slice(1, 2))]);
  const second = assembler.push([token(euro.slice(2))]);
  expect(texts([...first.released, ...second.released])).toEqual(["", "", "€"]);
});

test.each([
  ["one byte", [token([0xe2])]],
  ["two bytes", [token([0xe2, 0x82])]],
  ["three bytes", [token([0xf0, 0x9f, 0x98])]],
  ["two tokens", [token([0xf0]), token([0x9f])]],
  ["a character before", [token([...euro, 0xc3])]],
  ["a token without bytes after", [token([0xe2, 0x82]), token([])]],
])(
  "a text that ends inside of a character ends with U+FFFD, on a token of its own: %s",
  (_, all) => {
    const assembler = new TextAssembler([]);
    const numbered = all.map((one, id) => ({ ...one, id }));
    const released = numbered.flatMap((one) => assembler.push([one]).released);
    expect(texts(released).join("")).not.toContain("\ufffd");
    const rest = assembler.flush();
    expect(texts(rest)[0]).toMatch(/\ufffd$/);
    expect([...released, ...rest].map(({ id }) => id)).toEqual(numbered.map(({ id }) => id));
  },
);

test("a token that completes a character is not held back", () => {
  const assembler = new TextAssembler([]);
  for (const bytes of [[0x61], euro, [0xf0, 0x9f, 0x98, 0x80], [0xff], [0xe2, 0x28], [0x80]]) {
    expect(assembler.push([token(bytes)]).released).toHaveLength(1);
  }
});

test("what follows a stop string does not come out, not even half a character", () => {
  const assembler = new TextAssembler(["END"]);
  const { released, stopped } = assembler.push([token([...encoder.encode("aEND"), 0xe2, 0x82])]);
  expect(stopped).toBe(true);
  expect(texts([...released, ...assembler.flush()])).toEqual(["a"]);
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

test.each([
  [[" a", " b"], "a b"],
  [["", " ", "a"], "a"],
  [["  a"], " a"],
  [["a", " b"], "a b"],
])("of %j the first space is left out if that is wanted, and only that", (pieces, expected) => {
  const assembler = new TextAssembler([], true);
  const { released } = assembler.push(pieces.map((piece) => token(piece)));
  expect(texts([...released, ...assembler.flush()]).join("")).toBe(expected);
});
