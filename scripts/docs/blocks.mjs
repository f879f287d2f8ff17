/**
 * @typedef {object} Block a fenced block of a Markdown file
 * @property {string} file
 * @property {number} line of its first line, from 1
 * @property {string} language
 * @property {string} text without the list's or quote's indentation
 */

/**
 * @param {string} file
 * @param {string} markdown
 * @returns {Block[]}
 */
export function findBlocks(file, markdown) {
  const fence = /^([ ]*)```(\w*)\n([\s\S]*?)^\1```$/gm;
  return Array.from(markdown.matchAll(fence), ({ index, 1: indent, 2: language, 3: body }) => ({
    file,
    line: markdown.slice(0, index).split("\n").length + 1,
    language,
    text: body.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  }));
}

/**
 * The commands of a block, those over several lines as one, without comments.
 *
 * @param {Block} block
 */
export function commandsOf({ text }) {
  return text
    .replaceAll("\\\n", " ")
    .split("\n")
    .map((line) => line.replace(/(^|\s+)#.*$/, "").trim())
    .filter((line) => line !== "");
}
