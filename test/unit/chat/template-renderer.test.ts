import { TemplateRenderer } from "../../../lib/chat/template-renderer";
import { rejection } from "../../support/expect-error";

const renderer = new TemplateRenderer();
const { signal } = new AbortController();

afterAll(async () => {
  await renderer.dispose();
});

/** In the manner of the templates in models' files. */
const template = `{{- bos_token }}
{%- if tools %}{{ '[' ~ tools | map(attribute='name') | join(', ') ~ ']' }}{% endif %}
{%- for message in messages %}
    {%- if message.role not in ['system', 'user', 'assistant', 'tool'] %}
        {{- raise_exception('Unknown role: ' ~ message.role) }}
    {%- endif %}
    {{- '<|' ~ message['role'] ~ '|>' ~ message['content'] | trim ~ eos_token }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}`;

const variables = {
  bos_token: "<s>",
  eos_token: "</s>",
  add_generation_prompt: true,
  messages: [
    { role: "system", content: "Be brief." },
    { role: "user", content: "  Hello " },
  ],
};

test("a template gets the messages, the tokens that begin and end, and tools", async () => {
  const tools = [{ name: "add" }, { name: "subtract" }];
  expect(await renderer.render(template, variables, signal)).toBe(
    "<s><|system|>Be brief.</s><|user|>Hello</s><|assistant|>",
  );
  expect(await renderer.render(template, { ...variables, tools }, signal)).toMatch(
    /^<s>\[add, subtract\]<\|system\|>/,
  );
});

test.each([
  [
    "raises an exception",
    "{{ raise_exception('No system message, please.') }}",
    /No system message, please\./,
  ],
  ["is not well formed", "{% for m in messages %}", /template/],
  ["uses what is not there", "{{ nothing() }}", /template/],
])("a template that %s is ERR_CHAT_TEMPLATE with its message", async (_, bad, pattern) => {
  const { message } = await rejection(renderer.render(bad, variables, signal), "ERR_CHAT_TEMPLATE");
  expect(message).toMatch(pattern);
});

const nested = "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}";

test("a template that does not end is ended, and the next one is rendered", async () => {
  const ending = renderer.render(nested, {}, signal);
  const after = renderer.render("{{ 1 + 1 }}", {}, signal);
  const { message } = await rejection(ending, "ERR_CHAT_TEMPLATE");
  expect(message).toContain("within 2 s");
  expect(await after).toBe("2");
});

test("a template that takes all memory does not take the process", async () => {
  await rejection(renderer.render("{{ range(10000000000) }}", {}, signal), "ERR_CHAT_TEMPLATE");
  expect(await renderer.render("{{ 1 + 1 }}", {}, signal)).toBe("2");
});

test("an abort ends a rendering at once", async () => {
  const controller = new AbortController();
  const rendering = renderer.render(nested, {}, controller.signal);
  controller.abort();
  await rejection(rendering, "ERR_ABORTED");
  await rejection(renderer.render("a", {}, AbortSignal.abort()), "ERR_ABORTED");
});
