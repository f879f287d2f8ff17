import { fileNameOf, lockNameOf } from "../../../lib/download/model-uri";

test.each([
  ["https://h/a/model.gguf", "h_a_model.gguf"],
  ["https://h/model.gguf?download=true", "h_model.gguf"],
  ["https://h/%E6%A8%A1%E5%9E%8B.gguf", "h_模型.gguf"],
  ["https://h/a%E4.gguf", "h_a_E4.gguf"], // not UTF-8
])("the file of %s is %s", (uri, name) => {
  expect(fileNameOf(uri)).toBe(name);
  expect(lockNameOf(uri)).toBe(name);
});

test("what differs in letters that are not ASCII alone are two files", () => {
  expect(fileNameOf("https://h/模型.gguf")).not.toBe(fileNameOf("https://h/小模型.gguf"));
});

test("a query, which may choose another file, is part of the name", () => {
  expect(fileNameOf("https://h/m.gguf?v=1")).not.toBe(fileNameOf("https://h/m.gguf?v=2"));
});

test("one repository's files share a lock, whichever way they are called", () => {
  expect(fileNameOf("hf:user/repo:Q8_0")).toBeUndefined();
  expect(lockNameOf("hf:user/repo:Q8_0")).toBe("hf_user_repo");
  expect(lockNameOf("hf://user/repo/file.gguf")).toBe("hf_user_repo");
});
