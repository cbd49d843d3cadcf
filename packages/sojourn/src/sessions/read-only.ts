/** Assignments that would be stored nowhere: refused, with the call that does store. */

/** What changes a member that can only be read. */
const INSTEAD: Readonly<Record<string, string | undefined>> = {
  data: "change it with await session.set(key, value)",
  subject: "change it with await session.login(subject)",
  roles: "change it with await session.setRoles(roles)",
};
/** Methods of express-session, which its plug-ins call on whatever is at `req.session`. */
const INSTEAD_OF_THEIRS: Readonly<Record<string, string>> = {
  regenerate: "await session.login(subject) gives a new id",
  destroy: "await session.logout() ends the session",
  save: "every change is stored by the call that makes it",
  reload: "session.data is what is stored",
  touch: "a request counts as activity by itself",
};

/**
 * Refuse assignments to instances of a class. In strict code the engine would do for members that
 * have no setter; in sloppy code it is silent, and what is new would be kept by the object alone.
 * Behind the prototype only what it does not have is looked for: no call becomes slower.
 */
export function refuseAssignment(face: object): void {
  for (const [name, member] of Object.entries(Object.getOwnPropertyDescriptors(face))) {
    if (member.get === undefined) continue;
    const instead = INSTEAD[name] === undefined ? "" : `; ${INSTEAD[name]}`;
    const set = (): never => {
      throw new TypeError(`session.${name}: is read-only${instead}`);
    };
    Object.defineProperty(face, name, { ...member, set });
  }
  Object.setPrototypeOf(face, new Proxy(theirMethods(), { set: refuseNew }));
}

function refuseNew(target: object, name: PropertyKey, value: unknown, session: unknown): boolean {
  // A mark that a framework leaves is not meant to be stored.
  if (typeof name === "symbol") return Reflect.set(target, name, value, session);
  throw new TypeError(
    `session.${String(name)}: a property is not stored; await session.set("${String(name)}", ` +
      `value) is, and session.data.${String(name)} reads it`,
  );
}

function theirMethods(): object {
  const methods = {};
  for (const [name, instead] of Object.entries(INSTEAD_OF_THEIRS)) {
    const value = (): never => {
      throw new TypeError(`session.${name}: is express-session's; here ${instead}`);
    };
    Object.defineProperty(methods, name, { value });
  }
  return methods;
}

/**
 * A frozen snapshot that names the call to make where the engine says "not extensible", or in
 * sloppy code nothing. For development: structured cloning takes no such object.
 */
export function explaining<Snapshot extends object>(frozen: Snapshot): Snapshot {
  const refuse = (_target: object, name: PropertyKey): never => {
    throw new TypeError(
      `session.data.${String(name)}: the snapshot is read-only; ` +
        `await session.set("${String(name)}", value) or session.update(…) stores`,
    );
  };
  return new Proxy<Snapshot>(frozen, {
    set: refuse,
    defineProperty: refuse,
    deleteProperty: refuse,
  });
}
