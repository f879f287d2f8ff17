import { type OutputToken, type Piece, pieceOf, TextAssembler } from "../../lib/text-assembler";

const encoder = new TextEncoder();

type Raw = Omit<OutputToken, "text"> & { piece: Piece };

function token(bytes: string | number[], origin: OutputToken["origin"] = "target"): Raw {
  const piece = pieceOf(typeof bytes === "string" ? encoder.encode(bytes) : Uint8Array.from(bytes));
  return { id: 1, origin, piece };
}

/** What comes out of tokens up to the one that completes a stop string; `taken`: how many those are. */
function push(
  assembler: TextAssembler,
  tokens: readonly Raw[],
): { released: OutputToken[]; taken: number; stopped: boolean } {
  const end = tokens.findIndex(({ piece, ...rest }) => assembler.add({ ...rest, text: "" }, piece));
  return end < 0
    ? { released: assembler.release(), taken: tokens.length, stopped: false }
    : { released: assembler.flush(), taken: end + 1, stopped: true };
}

const texts = (tokens: { text: string }[]): string[] => tokens.map(({ text }) => text);

test("tokens come out with their text and origin", () => {
  const { released } = push(new TextAssembler([]), [token("a", "draft"), token("b")]);
  expect(released.map(({ text, origin }) => [text, origin])).toEqual([
    ["a", "draft"],
    ["b", "target"],
  ]);
});

const euro = [0xe2, 0x82, 0xac];

test("a character whose bytes are spread over tokens belongs to the one that completes it", () => {
  const assembler = new TextAssembler([]);
  const first = push(assembler, [token(euro.slice(0, 1)), token(euro.slice(1, 2))]);
  const second = push(assembler, [token(euro.slice(2))]);
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
    const released = numbered.flatMap((one) => push(assembler, [one]).released);
    expect(texts(released).join("")).not.toContain("\ufffd");
    const rest = assembler.flush();
    expect(texts(rest)[0]).toMatch(/\ufffd$/);
    expect([...released, ...rest].map(({ id }) => id)).toEqual(numbered.map(({ id }) => id));
  },
);

test("a token that completes a character is not held back", () => {
  const assembler = new TextAssembler([]);
  for (const bytes of [[0x61], euro, [0xf0, 0x9f, 0x98, 0x80], [0xff], [0xe2, 0x28], [0x80]]) {
    expect(push(assembler, [token(bytes)]).released).toHaveLength(1);
  }
});

test("what follows a stop string does not come out, not even half a character", () => {
  const assembler = new TextAssembler(["END"]);
  const { released, stopped } = push(assembler, [token([...encoder.encode("aEND"), 0xe2, 0x82])]);
  expect(stopped).toBe(true);
  expect(texts([...released, ...assembler.flush()])).toEqual(["a"]);
});

test("text is cut before a stop string, and tokens behind it are not taken", () => {
  const result = push(new TextAssembler(["END"]), [token("abE"), token("NDxy"), token("z")]);
  expect(result).toMatchObject({ stopped: true, taken: 2 });
  expect(texts(result.released)).toEqual(["ab", ""]);
});

test("what may become a stop string is held back until it is decided", () => {
  const assembler = new TextAssembler(["\n\n"]);
  expect(texts(push(assembler, [token("a"), token("b\n")]).released)).toEqual(["a"]);
  expect(texts(push(assembler, [token("c")]).released)).toEqual(["b\n", "c"]);
});

test("what is held back comes out at the end", () => {
  const assembler = new TextAssembler(["stop!"]);
  expect(texts(push(assembler, [token("please "), token("stop")]).released)).toEqual(["please "]);
  expect(texts(assembler.flush())).toEqual(["stop"]);
});

test("the earliest of several stop strings cuts", () => {
  const result = push(new TextAssembler(["c", "b"]), [token("abc")]);
  expect(texts(result.released)).toEqual(["a"]);
});

test("a stop string is found across any number of tokens", () => {
  const assembler = new TextAssembler(["12345"]);
  const released = ["0", "1", "2", "3", "4"].flatMap((text) =>
    texts(push(assembler, [token(text)]).released),
  );
  expect(released).toEqual(["0"]);
  expect(push(assembler, [token("5")])).toMatchObject({ stopped: true, taken: 1 });
});

test("every way of splitting a text into tokens gives the same text", () => {
  const text = "aé€😀 stop sto";
  const bytes = [...encoder.encode(text)];
  for (let width = 1; width <= 5; ++width) {
    const assembler = new TextAssembler(["stop now"]);
    let out = "";
    for (let i = 0; i < bytes.length; i += width) {
      out += texts(push(assembler, [token(bytes.slice(i, i + width))]).released).join("");
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
  const { released } = push(
    assembler,
    pieces.map((piece) => token(piece)),
  );
  expect(texts([...released, ...assembler.flush()]).join("")).toBe(expected);
});
