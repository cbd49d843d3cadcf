/** A sentence in which names of settings and states stand between backquotes. */
export function Words({ text }: { readonly text: string }) {
  return text.split("`").map((part, at) => (at % 2 === 1 ? <code key={at}>{part}</code> : part));
}
