import { SpecdecError } from "../errors";
import type { AcceptanceHead } from "../head/acceptance-head";
import type { TraceHeader } from "../trace/format";
import { readTrace, readTraceHeader } from "../trace/reader";
import { scoresOf } from "./head-scores";
import { type Reply, toReply } from "./reply";

/** The first prompts of a trace of walks; with what a head says of their drafts, if there is one. */
export async function loadReplies(
  folder: string,
  limit: number,
  head?: AcceptanceHead,
): Promise<{ header: TraceHeader; replies: Reply[] }> {
  const header = await readTraceHeader(folder);
  checkMode(header);
  const temperature = Number(header.sampling.temperature);
  const replies: Reply[] = [];
  for await (const record of readTrace(folder, { states: head !== undefined })) {
    const scores = head && (await scoresOf(head, record, temperature));
    replies.push(toReply(record, header, scores));
    if (replies.length >= limit) break;
  }
  return { header, replies };
}

/** Throws ERR_INVALID_ARGUMENT for a trace that rounds cannot be chained on. */
export function checkMode({ mode }: Pick<TraceHeader, "mode">): void {
  if (mode === "walk") return;
  throw new SpecdecError(
    "ERR_INVALID_ARGUMENT",
    `Replay needs a trace of walks, which has a draft from every token of a reply, but this one's mode is "${mode}". Write one with mode "walk".`,
  );
}
