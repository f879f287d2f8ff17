// What came to a terminal as a page, for pictures of it.

const colours: Record<string, string> = { 32: "green", 33: "yellow", 36: "cyan" };

/** A page that shows text with its colours and weights, without what else moved the cursor. */
export function terminalPage(text: string): string {
  let classes: string[] = [];
  const spans = text
    .replaceAll("\r", "")
    .split(/(\x1b\[[\d;]*m)/) // eslint-disable-line no-control-regex -- what a terminal gets
    .map((part) => {
      const code = /^\x1b\[(\d*)m$/.exec(part)?.[1]; // eslint-disable-line no-control-regex -- what a terminal gets
      if (code === undefined) return `<span class="${classes.join(" ")}">${readable(part)}</span>`;
      if (code in colours) classes = [...classes, colours[code]!];
      else if (code === "1") classes = [...classes, "bold"];
      else if (code === "2") classes = [...classes, "dim"];
      else classes = []; // 39, 22: nothing is nested here
      return "";
    });
  return `<style>${style}</style><pre>${spans.join("")}</pre>`;
}

function readable(text: string): string {
  return text
    .replace(/\x1b(\[[?\d;]*[A-Za-z]|[78])/g, "") // eslint-disable-line no-control-regex -- what a terminal gets
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;");
}

const style = `
  :root { color-scheme: light dark; }
  body { margin: 0; background: light-dark(#fff, #16181d); }
  pre {
    margin: 0;
    padding: 20px 24px;
    width: max-content;
    color: light-dark(#1c2024, #d8dbe2);
    font: 14px/1.45 "DejaVu Sans Mono", monospace;
  }
  .green { color: light-dark(#18794e, #57c98d); }
  .yellow { color: light-dark(#ad5700, #e3a63b); }
  .cyan { color: light-dark(#0c7792, #4ec3dd); }
  .bold { font-weight: 700; }
  .dim { opacity: 0.65; }`;
