/** One stream per open browser: news of the session and of the shared notes. */
import { board } from "./board.mjs";
import { noteItem } from "./pages.mjs";

const HEARTBEAT_MS = 20_000;
const UNSENT_BYTES_MAX = 64 * 1024;

export function createLive(sessions) {
  const open = new Set();

  /** GET /live, as server-sent events. Ends with the session. */
  function stream(req, res) {
    const { id, subject, endedReason } = req.session;
    if (subject === null) return void res.status(401).json({ reason: endedReason });
    res.writeHead(200, { "content-type": "text/event-stream" });

    const send = (message) => {
      // A client that does not read must not fill our memory: it comes back by itself.
      if (res.writableLength > UNSENT_BYTES_MAX) return void res.destroy();
      res.write(`data: ${JSON.stringify(message)}\n\n`);
    };
    // Whoever comes back after a gap sees what it missed.
    const pins = req.session.data.pins ?? [];
    send({
      type: "notes",
      html: board.list().map((note) => noteItem(note, subject, pins).toString()),
    });

    const added = (note) => send({ type: "note", html: noteItem(note, subject).toString() });
    const removed = (note) => send({ type: "removed", id: note });
    board.on("added", added).on("removed", removed);
    const heartbeat = setInterval(() => res.write(":\n\n"), HEARTBEAT_MS);

    const watch = sessions.watch(id, (news) => {
      if (news.type === "data" && news.keys.includes("pins")) void sendPins();
      else send(news);
      if (news.type === "ended") res.end();
    });
    const sendPins = async () => {
      const session = await sessions.find(id).catch(() => undefined);
      if (session) send({ type: "pins", pins: session.data.pins ?? [] });
    };

    open.add(res);
    res.on("close", () => {
      open.delete(res);
      watch.close();
      clearInterval(heartbeat);
      board.off("added", added).off("removed", removed);
    });
  }

  return {
    stream,
    closeStreams: () => {
      for (const res of open) res.end();
    },
  };
}
