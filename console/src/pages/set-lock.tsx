/** Setting a lock, with what it reaches said before. */
import { useState } from "react";
import { api } from "../api/client.ts";
import { useConsole } from "../api/console.ts";
import { Confirm } from "../ui/confirm.tsx";
import { Field } from "../ui/field.tsx";
import { counted } from "../ui/numbers.ts";
import { serverNow } from "../ui/time.tsx";
import { useSay } from "../ui/toasts.tsx";

const KINDS = [
  ["subject", "The application’s own id of whom the sessions are about."],
  ["session", "One session, ses_…"],
  ["device", "The id of a device, dev_…"],
  ["client", "The id of an application."],
  ["network", "Addresses, like 192.0.2.0/24 or 2001:db8::/32."],
  ["tenant", "Everybody of this tenant."],
] as const;

const SPANS = [
  ["3600", "one hour"],
  ["86400", "one day"],
  ["604800", "one week"],
  ["", "until it is lifted"],
] as const;
const SECOND_MS = 1_000;
/** Below these a network is so wide that the service wants it confirmed. */
const WIDE_NETWORK = /^(?:[\d.]+\/[0-7]|[^.]*:[^.]*\/(?:\d|1[0-5]))$/;

export function SetLock({ onClose }: { readonly onClose: () => void }) {
  const { tenant } = useConsole();
  const say = useSay();
  const [kind, setKind] = useState("subject");
  const [value, setValue] = useState("");
  const [message, setMessage] = useState("");
  const [reason, setReason] = useState("");
  const [span, setSpan] = useState("86400");
  const whole = kind === "tenant";
  const wide = whole || WIDE_NETWORK.test(value.trim());
  const work = async (): Promise<void> => {
    const expiresAt = new Date(serverNow() + Number(span) * SECOND_MS).toISOString();
    const body = {
      kind,
      message: message.trim(),
      ...(whole ? {} : { value: value.trim() }),
      ...(reason.trim() === "" ? {} : { reason: reason.trim() }),
      ...(span === "" ? {} : { expiresAt }),
      ...(wide ? { confirm: true } : {}),
    };
    const { ended } = await api<{ ended: number }>("/locks", { method: "POST", body });
    say(`${counted(ended, "session")} ended at once`);
  };
  return (
    <Confirm
      title="New lock"
      verb="Lock out"
      blocked={message.trim() === "" || (!whole && value.trim() === "")}
      {...(wide ? { typed: whole ? tenant : value.trim() } : {})}
      done="The lock holds"
      work={work}
      onClose={onClose}
    >
      <Field label="Whom" hint={KINDS.find(([each]) => each === kind)?.[1]}>
        <select value={kind} onChange={({ target }) => setKind(target.value)}>
          {KINDS.map(([each]) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      </Field>
      {whole ? null : (
        <Field label="Which">
          <input
            value={value}
            spellCheck={false}
            autoComplete="off"
            onChange={({ target }) => setValue(target.value)}
          />
        </Field>
      )}
      <Field label="What they are told">
        <input value={message} onChange={({ target }) => setMessage(target.value)} />
      </Field>
      <Field label="Reason" hint="For the record alone; may be left out.">
        <input value={reason} onChange={({ target }) => setReason(target.value)} />
      </Field>
      <Field label="How long">
        <select value={span} onChange={({ target }) => setSpan(target.value)}>
          {SPANS.map(([seconds, words]) => (
            <option key={words} value={seconds}>
              {words}
            </option>
          ))}
        </select>
      </Field>
    </Confirm>
  );
}
