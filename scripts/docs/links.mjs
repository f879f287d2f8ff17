import fs from "node:fs";
import path from "node:path";

/** GitHub's anchor of a heading. */
const anchorOf = (heading) =>
  heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(" ", "-");

const withoutCode = (markdown) => markdown.replaceAll(/^ *```[\s\S]*?^ *```$/gm, "");

/** Headings of the same text are numbered from the second on. */
function anchorsOf(markdown) {
  const counts = new Map();
  const headings = Array.from(withoutCode(markdown).matchAll(/^#+ (.*)$/gm), ([, heading]) => {
    const anchor = anchorOf(heading);
    const count = counts.get(anchor) ?? 0;
    counts.set(anchor, count + 1);
    return count === 0 ? anchor : `${anchor}-${count}`;
  });
  return [...headings, ...Array.from(markdown.matchAll(/<a id="([^"]+)">/g), ([, id]) => id)];
}

/**
 * The links and images of a Markdown file that lead nowhere. Addresses on the network are not asked.
 *
 * @param {string} file
 */
export function brokenLinks(file) {
  const markdown = fs.readFileSync(file, "utf8");
  const links = Array.from(
    withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"/g),
    ([, link, attribute]) => link ?? attribute,
  );
  return links.filter((link) => {
    if (/^\w+:/.test(link)) return false;
    const [name, anchor] = link.split("#");
    const target = name === "" ? file : path.join(path.dirname(file), name);
    if (!fs.existsSync(target)) return true;
    return anchor && !anchorsOf(fs.readFileSync(target, "utf8")).includes(anchor);
  });
}
