// What the thread that downloads and the one that asked tell each other.

export interface DownloadRequest {
  uri: string;
  directory: string;
  fileName: string | undefined;
}

/** Why a download failed: what the server said, what the network or the disk did, what the file is. */
export type DownloadFailure =
  | { kind: "status"; status: number; url: string }
  | { kind: "network" | "disk" | "damaged" | "other"; reason: string }
  /** Another process writes its file. */
  | { kind: "lost" };

export type DownloadMessage =
  /** The file is not there; it waits for `writeMessage`. */
  | { type: "missing" }
  | { type: "progress"; downloadedBytes: number; totalBytes: number }
  /** It goes on trying. */
  | { type: "trouble"; failure: DownloadFailure }
  /** All bytes are there. */
  | { type: "checking" }
  | { type: "done"; path: string }
  | { type: "failed"; failure: DownloadFailure }
  | { type: "cancelled" };

/** To the thread: it may write, as no other process does. */
export const writeMessage = "write";
/** To the thread: end, and keep what has come. */
export const cancelMessage = "cancel";
