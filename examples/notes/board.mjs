/** The shared notes, in memory: they start anew with the process, while sessions stay. */
import { EventEmitter } from "node:events";

const NOTES_MAX = 100;
export const TEXT_MAX = 280;

/**
 * @typedef {{ id: string, author: string, text: string, at: number }} Note
 *
 * Emits `added` (note) and `removed` (id).
 */
class Board extends EventEmitter {
  /** @type {Note[]} Newest first. */
  #notes = [];
  #count = 0;

  list() {
    return [...this.#notes];
  }

  has(id) {
    return this.#notes.some((note) => note.id === id);
  }

  add(author, text, at = Date.now()) {
    this.#count += 1;
    const note = { id: `n${this.#count}`, author, text: text.slice(0, TEXT_MAX), at };
    this.#notes.unshift(note);
    this.emit("added", note);
    const oldest = this.#notes.length > NOTES_MAX ? this.#notes.pop() : undefined;
    if (oldest) this.emit("removed", oldest.id);
  }

  /** People remove their own notes only. */
  remove(author, id) {
    const index = this.#notes.findIndex((note) => note.id === id && note.author === author);
    if (index === -1) return;
    this.#notes.splice(index, 1);
    this.emit("removed", id);
  }
}

export const board = new Board();
board.setMaxListeners(0); // one per open stream

const MINUTE_MS = 60_000;
for (const [minutesAgo, author, text] of [
  [190, "bob", "The projector in room 4 needs the blue adapter. It lives in the second drawer."],
  [95, "alice", "Lunch on Thursday is at the new place by the canal, 12:30."],
  [42, "bob", "Whoever borrowed the label printer: the tape is running out."],
  [17, "alice", "Draft of the release notes is ready, have a look before noon."],
  [4, "bob", "Pin what matters to you. Pins are yours, notes are everybody's."],
]) {
  board.add(author, text, Date.now() - minutesAgo * MINUTE_MS);
}
